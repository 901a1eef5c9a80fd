"""Encrypted JSON: credentials and webhook secrets at rest (B6, M5)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # the package ships no types
    from django.db.models import Field

    EncryptedTextField = Field[Any, Any]
else:
    from fernet_fields import EncryptedTextField


class EncryptedJSONField(EncryptedTextField):
    """A JSON value under the newest of ``FERNET_KEYS``; readable with any of them. Cannot be searched."""

    def get_db_prep_save(self, value: Any, connection: Any) -> Any:
        return super().get_db_prep_save(None if value is None else json.dumps(value), connection)

    def from_db_value(self, value: Any, expression: Any, connection: Any, *args: Any) -> Any:
        text = super().from_db_value(value, expression, connection, *args)  # type: ignore[misc]
        return None if text is None else json.loads(text)

    def to_python(self, value: Any) -> Any:
        return value
