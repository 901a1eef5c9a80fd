"""``manage.py rotate_keys``: writes every encrypted column again, with the newest of FERNET_KEYS (M5)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.apps import apps
from django.core.management.base import BaseCommand, CommandError
from django.db import models, transaction
from fernet_fields import EncryptedField


class Command(BaseCommand):
    help = (
        "Encrypt all stored secrets again with the newest key. Afterwards the older keys may be taken away."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        for model, names in encrypted_models():
            count = 0
            for pk in model._base_manager.order_by("pk").values_list("pk", flat=True).iterator():
                count += _write_again(model, pk, names)
            self.stdout.write(f"{model._meta.label}: {count} rows ({', '.join(names)})")
        self.stdout.write("Everything is encrypted with the newest key.")


def encrypted_models() -> Iterator[tuple[type[models.Model], list[str]]]:
    for model in apps.get_models():
        names = [field.name for field in model._meta.local_fields if isinstance(field, EncryptedField)]
        if names:
            yield model, names


def _write_again(model: type[models.Model], pk: Any, names: list[str]) -> int:
    """One row under its lock, so that a change made meanwhile is not undone. ``update`` calls no signals."""
    try:
        with transaction.atomic():
            row = model._base_manager.select_for_update().only(*names).filter(pk=pk).first()
            if row is None:
                return 0
            return model._base_manager.filter(pk=pk).update(**{name: getattr(row, name) for name in names})
    except Exception as error:  # the reason may hold what was decrypted, so only its kind is told
        raise CommandError(
            f"{model._meta.label} {pk} cannot be read with any of FERNET_KEYS ({type(error).__name__});"
            " nothing of it was changed. Put the key that wrote it back into FERNET_KEYS and run this again."
        ) from None
