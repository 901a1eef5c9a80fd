"""A configuration's rows as records: what it says of a resource is worked out once, not once per row."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from connectors.base.errors import ContractBroken
from connectors.base.paths import MISSING, read_path
from connectors.base.session import Answer
from connectors.base.times import parse_instant
from connectors.base.types import ExternalRecord
from reconcile.paths import compile_path

from .declare import Config
from .templates import fill_url


class Rows:
    """Reads rows of one resource."""

    def __init__(self, resource: str, config: Config, base_url: str) -> None:
        declared = config["resources"][resource]
        incremental = declared["list"].get("incremental", {})
        base = urlsplit(base_url)
        self.resource = resource
        self.id_path: str = declared["id_path"]
        self.updated_at: str = declared.get("updated_at_path") or incremental.get("field", "")
        self.zone: str = incremental.get("timezone", "UTC")
        self.version: str = declared.get("update", {}).get("precondition", {}).get("value_path", "")
        self.url_template: str = declared.get("web_url_template", "")
        self.variables = {
            **config.get("variables", {}),
            "origin": f"{base.scheme}://{base.netloc}",
            "base_url": base_url,
        }
        mapped = [compile_path(field["read"]) for field in declared.get("fields", ()) if field.get("read")]
        self.is_always_whole = "get" not in declared
        self.members = [path.text for path in mapped if path.steps == (path.text,)]
        self.deeper = [path for path in mapped if path.steps != (path.text,)]

    def record(self, row: Any, answer: Answer | None, parent_id: str | None) -> ExternalRecord:
        """A row of a list, or with ``answer`` the record that was asked for by id."""
        external_id = read_path(row, self.id_path, None)
        if external_id is None or external_id == "" or isinstance(external_id, dict | list | bool):
            raise ContractBroken(f"A record of {self.resource} came without its id ({self.id_path}).")
        moment = read_path(row, self.updated_at, None) if self.updated_at else None
        return ExternalRecord(
            resource=self.resource,
            id=str(external_id),
            data=row,
            version=self._version_in(row, answer) if self.version else None,
            updated_at=parse_instant(moment, zone=self.zone),
            url=self._url(row, external_id, parent_id) if self.url_template else "",
            parent_id=parent_id,
            complete=answer is not None or self.is_always_whole or self._is_whole(row),
        )

    def _is_whole(self, row: Mapping[str, Any]) -> bool:
        for name in self.members:
            if name not in row:
                return False
        return not self.deeper or all(path.read(row) is not MISSING for path in self.deeper)

    def _url(self, row: Mapping[str, Any], external_id: Any, parent_id: str | None) -> str:
        known = {name: value for name, value in row.items() if isinstance(value, str | int)}
        own = {"id": external_id, "parent_id": parent_id}
        plain = {name: self.variables[name] for name in ("origin", "base_url")}
        return fill_url(self.url_template, {**self.variables, **known, **own, **plain})

    def _version_in(self, row: Mapping[str, Any], answer: Answer | None) -> str | None:
        if self.version.startswith("header:"):
            return answer.headers.get(self.version[7:].lower()) if answer else None
        value = read_path(row, self.version, None)
        return None if value is None else str(value)
