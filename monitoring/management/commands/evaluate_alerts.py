"""``manage.py evaluate_alerts``: the alerts' look and their messages, without a worker.

For a timer outside (cron, systemd) that notices when no worker or no clock runs: what watches itself cannot tell.
"""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from monitoring.services.evaluation import evaluate_all
from monitoring.services.notifications import BATCH, notifications_deliver


class Command(BaseCommand):
    help = "Evaluate every alert rule once and send what is due, in this process."

    def handle(self, *args: Any, **options: Any) -> None:
        now = timezone.now()
        rules = evaluate_all(now)
        sent = taken = notifications_deliver(now)
        while taken == BATCH:
            taken = notifications_deliver(now)
            sent += taken
        self.stdout.write(f"{rules} rules looked at, {sent} messages taken up.")
