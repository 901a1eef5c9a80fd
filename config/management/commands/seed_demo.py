"""``manage.py seed_demo``: fill the database with the demo; a second call changes nothing."""

from __future__ import annotations

from typing import Any

import requests
from django.core.management.base import BaseCommand, CommandError

from config.demo.seed import demo_ensure


class Command(BaseCommand):
    help = "Fill the database with the demo: tenants, people, integrations with the sandbox, records on both sides."

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            made = demo_ensure(self.stdout.write)
        except requests.RequestException as error:
            raise CommandError(
                "The sandbox does not answer; start it first (python -m sandbox) or use bin/up."
            ) from error
        if not made:
            self.stdout.write("The demo is here already.")
