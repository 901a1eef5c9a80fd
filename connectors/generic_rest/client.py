"""A client driven by a configuration alone."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from connectors.base.classify import ErrorRule, Reaction
from connectors.base.client import digest, failed_check, rows_in
from connectors.base.errors import (
    ContractBroken,
    Retryable,
    StaleWrite,
    SyncError,
)
from connectors.base.paths import MISSING, read_path, write_path
from connectors.base.session import Answer
from connectors.base.types import (
    Check,
    CheckReport,
    Container,
    ExternalRecord,
    WebhookRegistration,
)

from .declare import Config
from .reading import GenericReader
from .steps import as_written, filled, filled_headers, guard_value, precondition
from .templates import fill_json, fill_path


class GenericClient(GenericReader):
    """The writing half, the account and its webhooks."""

    # --- writing --------------------------------------------------------------------------------------------------

    def create(
        self, resource: str, fields: Mapping[str, Any], *, key: str, parent_id: str | None = None
    ) -> ExternalRecord:
        declared = self._declared(resource)
        call = declared["create"]
        body = self._body(declared, call, fields, base=None)
        if "external_key_path" in declared:
            write_path(body, self._write_path(declared, declared["external_key_path"]), key)
        headers = {call["idempotency_header"]: key} if "idempotency_header" in call else {}
        answer = self._write(
            "POST",
            call,
            body,
            self._values(resource, parent_id, key=key),
            headers,
            is_repeatable=bool(headers) or None,
        )
        made = self._written(resource, declared, call, answer, "", parent_id)
        if made is not None:
            return made
        found = self.find_by_key(resource, key, since=self.session.environment.now(), parent_id=parent_id)
        if found is None:
            raise Retryable("The record was made, but the answer does not name it.", ambiguous=True)
        return found

    def update(
        self,
        resource: str,
        external_id: str,
        fields: Mapping[str, Any],
        *,
        current: ExternalRecord,
        parent_id: str | None = None,
    ) -> ExternalRecord:
        declared = self._declared(resource)
        call = declared["update"]
        fresh = self._confirmed(resource, declared, call, external_id, current, parent_id)
        is_whole = call.get("mode", "partial") == "full_replace"
        body = self._body(declared, call, fields, base=fresh.data if is_whole else None)
        values = self._values(resource, parent_id, id=external_id, record=fresh.data)
        answer = self._write("PATCH", call, body, values, precondition(call, fresh))
        changed = self._written(resource, declared, call, answer, external_id, parent_id)
        return changed if changed is not None else self.get(resource, external_id, parent_id=parent_id)

    def delete(
        self,
        resource: str,
        external_id: str,
        *,
        parent_id: str | None = None,
        current: ExternalRecord | None = None,
    ) -> None:
        declared = self._declared(resource)
        if "delete" not in declared:
            raise self.cannot("delete", resource)
        call = declared["delete"]
        values = self._values(resource, parent_id, id=external_id, record=current.data if current else {})
        headers = precondition(call, current) if current else {}
        body = fill_json(call.get("static"), values) if call.get("static") else None
        gone = ErrorRule(Reaction.OK, status=tuple(call.get("already_gone_status", (404, 410))))
        self._write("DELETE", call, body, values, headers, rules=(gone,), expect_json=False)

    def _confirmed(
        self,
        resource: str,
        declared: Config,
        call: Config,
        external_id: str,
        current: ExternalRecord,
        parent_id: str | None,
    ) -> ExternalRecord:
        """What the write is based on. Without a version of its own the record is read again and compared."""
        is_whole = call.get("mode", "partial") == "full_replace"
        is_guarded = "precondition" in call and guard_value(call["precondition"], current) is not None
        if "get" not in declared or (is_guarded and not is_whole):
            return current
        fresh = self.get(resource, external_id, parent_id=parent_id)
        for field in declared.get("fields", ()):
            before = read_path(current.data, field.get("read") or "id", MISSING)
            if (
                field.get("read")
                and before is not MISSING
                and before != read_path(fresh.data, field["read"], MISSING)
            ):
                raise StaleWrite("The record changed since it was read.")
        return fresh

    def _write(
        self, default_method: str, call: Config, body: Any, values: Mapping[str, Any], headers: Mapping[str, str], *,
        rules: Sequence[ErrorRule] = (), is_repeatable: bool | None = None, expect_json: bool = True,
    ) -> Answer:  # fmt: skip
        form = call.get("body_format", "json")
        conflicts = call.get("precondition", {}).get("conflict_status", ())
        all_rules = (
            (*rules, ErrorRule(Reaction.CONFLICT, status=tuple(conflicts))) if conflicts else tuple(rules)
        )
        answer = self.session.request(
            call.get("method", default_method),
            fill_path(call["path"], values),
            params=filled(call.get("query", {}), values),
            headers={**filled_headers(call, values), **headers},
            json=body if form == "json" else None,
            form=body if form == "form" else None,
            rules=all_rules,
            is_repeatable=is_repeatable,
            expect_json=expect_json and call.get("response", "record") in ("record", "id_only"),
        )
        allowed = call.get("success_status")
        if allowed and answer.status not in allowed and answer.status < 300:
            raise ContractBroken(
                f"The API answered {answer.status} where {allowed} was expected.", exchange=answer.exchange
            )
        return answer

    def _written(
        self,
        resource: str,
        declared: Config,
        call: Config,
        answer: Answer,
        external_id: str,
        parent_id: str | None,
    ) -> ExternalRecord | None:
        """The record after a write: from the answer, or read again; None if the answer does not name it."""
        response = call.get("response", "record")
        found = read_path(answer.body, call.get("record_path", ""), None)
        if response == "record" and isinstance(found, dict):
            record = self._record(resource, found, answer, parent_id)
            if not declared.get("reread_after_write", True) or "get" not in declared:
                return record
            external_id = record.id
        elif response == "id_only":
            external_id = str(
                read_path(answer.body, call.get("id_path") or declared["id_path"], None) or external_id
            )
        elif response == "location" and (location := answer.headers.get("location", "")):
            external_id = urlsplit(location).path.rstrip("/").rsplit("/", 1)[-1]
        return self.get(resource, external_id, parent_id=parent_id) if external_id else None

    def _body(
        self, declared: Config, call: Config, fields: Mapping[str, Any], *, base: Mapping[str, Any] | None
    ) -> dict[str, Any]:
        inner: dict[str, Any] = {}
        if base is not None:
            inner = copy.deepcopy(dict(base))
            for field in declared.get("fields", ()):
                value = read_path(base, field["read"], MISSING) if field.get("read") else MISSING
                if value is not MISSING and field.get("write"):
                    write_path(inner, field["write"], as_written(field, value))
        null_as = call.get("null_as", "null")
        for path, value in fields.items():
            if value is None and null_as == "omit":
                continue
            write_path(
                inner,
                self._write_path(declared, path),
                "" if value is None and null_as == "empty_string" else value,
            )
        body: dict[str, Any] = {}
        if call.get("envelope_path"):
            write_path(body, call["envelope_path"], inner)
        else:
            body = inner
        return {**copy.deepcopy(call.get("static", {})), **body}

    def _write_path(self, declared: Config, path: str) -> str:
        for field in declared.get("fields", ()):
            if field.get("read") == path and field.get("write"):
                return str(field["write"])
        return path

    # --- account ---------------------------------------------------------------------------------------------------

    def check(self) -> CheckReport:
        checks: list[Check] = []
        elapsed = 0
        try:
            if "test" in self.config:
                answer = self._test()
                elapsed = answer.duration_ms
                checks += [Check("reachable", True), Check("authenticated", True)]
            for name, declared in self.config["resources"].items():
                if "parent" not in declared:
                    self.list_page(name)
                    checks.append(Check("may_read", True, f"{declared.get('label') or name} can be read"))
        except SyncError as error:
            checks.append(failed_check(error))
        can_write = any(
            call in declared
            for declared in self.config["resources"].values()
            for call in ("create", "update")
        )
        if can_write and all(check.ok for check in checks):
            checks.append(Check("may_write", True, "Not tried; the first write will tell"))
        return CheckReport(all(check.ok for check in checks), checks, elapsed)

    def containers(self, kind: str = "", parent_id: str = "") -> list[Container]:
        """Records of a resource that is a parent of others: those a person may pick ``selected_ids`` from."""
        parents = {
            declared["parent"]["resource"]
            for declared in self.config["resources"].values()
            if "parent" in declared
        }
        found: list[Container] = []
        for name in sorted(parents & {kind} if kind else parents):
            declared = self._declared(name)
            titles = [
                field["read"]
                for field in declared.get("fields", ())
                if field["canonical"] in ("title", "name") and field.get("read")
            ]
            for page in self._pages(name, declared, declared["list"], parent_id or None):
                for record in page.records:
                    label = read_path(record.data, titles[0], None) if titles else None
                    found.append(Container(record.id, str(label or record.id), name, url=record.url))
        return found

    def container_token(self) -> str:
        parts = [self.session.base_url, self.config.get("variables", {})]
        return digest(
            [*parts, {name: declared["list"]["path"] for name, declared in self.config["resources"].items()}]
        )

    def ensure_webhook(self, url: str, secret: str) -> WebhookRegistration | None:
        declared = self.config.get("webhook", {}).get("registration")
        if not declared:
            return None
        for row in self._hooks(declared):
            if row.get(declared["url_member"]) == url:
                return WebhookRegistration(str(read_path(row, declared.get("id_path", "id"), "")), url)
        body = {**declared.get("static", {}), declared["url_member"]: url}
        if "secret_member" in declared:
            body[declared["secret_member"]] = secret
        answer = self.session.request("POST", fill_path(declared["path"], self._values("", None)), json=body)
        made = read_path(answer.body, declared.get("record_path", ""), {})
        return WebhookRegistration(str(read_path(made, declared.get("id_path", "id"), "")), url)

    def remove_webhooks(self, url: str) -> int:
        declared = self.config.get("webhook", {}).get("registration")
        if not declared:
            return 0
        mine = [row for row in self._hooks(declared) if row.get(declared["url_member"]) == url]
        for row in mine:
            path = fill_path(
                declared["path"] + "/{id}",
                self._values("", None, id=read_path(row, declared.get("id_path", "id"), "")),
            )
            self.session.request("DELETE", path, ok=(404, 410), expect_json=False)
        return len(mine)

    def _hooks(self, declared: Config) -> list[Any]:
        answer = self.session.get(fill_path(declared["path"], self._values("", None)))
        return [
            row
            for row in rows_in(answer.body, declared.get("records_path", ""), "webhooks")
            if isinstance(row, dict)
        ]
