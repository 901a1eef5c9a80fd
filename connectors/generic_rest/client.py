"""A client driven by a configuration alone."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from connectors.base.classify import ErrorRule, Reaction
from connectors.base.client import RestClient, digest, failed_check, fingerprint, rows_in
from connectors.base.connector import Connector
from connectors.base.errors import (
    ContractBroken,
    PermissionProblem,
    RecordGone,
    Retryable,
    StaleWrite,
    SyncError,
)
from connectors.base.paging import PageAsk, PageSeen, Walk
from connectors.base.paths import MISSING, read_path, write_path
from connectors.base.session import Answer, ApiSession
from connectors.base.times import format_instant, parse_instant
from connectors.base.types import (
    Absence,
    AbsenceKind,
    Check,
    CheckReport,
    Container,
    ExternalRecord,
    Page,
    WebhookRegistration,
)

from .declare import Config, holds, pager_of
from .templates import fill_header, fill_json, fill_path, fill_text, fill_url

MAX_WALK_PAGES = 200


class GenericClient(RestClient):
    """``fields`` of writes are keyed by read path, as the links are; the configuration names the write paths."""

    def __init__(self, connector: Connector, session: ApiSession, settings: Mapping[str, Any]) -> None:
        super().__init__(connector, session, settings)
        self.config: Config = settings["config"]

    # --- reading --------------------------------------------------------------------------------------------------

    def list_page(
        self, resource: str, *, since: datetime | None = None, token: Any = None, parent_id: str | None = None
    ) -> Page:
        declared = self._declared(resource)
        steps = _Steps(declared, since, parent_id, self.session.environment.now())
        step = steps.at(token)
        if step is None:
            return Page([])
        page, following = self._page(resource, declared, declared["list"], step)
        return Page(page.records, steps.after(step, following), page.server_time, page.deleted_ids)

    def get(self, resource: str, external_id: str, *, parent_id: str | None = None) -> ExternalRecord:
        """One record. Where the API has no single read, it is looked for in the list."""
        declared = self._declared(resource)
        if "get" not in declared:
            return self._in_list(resource, [external_id], parent_id)[external_id]
        call, values = declared["get"], self._values(resource, parent_id, id=external_id)
        answer = self.session.get(
            fill_path(call["path"], values), params=_filled(call.get("query", {}), values)
        )
        return self._one(resource, declared, answer, call.get("record_path", ""), parent_id)

    def find_by_key(
        self, resource: str, key: str, *, since: datetime, parent_id: str | None = None
    ) -> ExternalRecord | None:
        declared = self._declared(resource)
        if "find_by_key" not in declared:
            return None
        for page in self._pages(resource, declared, declared["find_by_key"], parent_id, key=key):
            for record in page.records:
                if read_path(record.data, declared["external_key_path"], None) == key:
                    return record
        return None

    def explain_absence(
        self, resource: str, external_ids: Sequence[str], *, parent_id: str | None = None
    ) -> dict[str, Absence]:
        declared = self._declared(resource)
        if "get" in declared:
            answers = super().explain_absence(resource, external_ids, parent_id=parent_id)
        else:
            found = self._in_list(resource, external_ids, parent_id, must_find=False)
            gone = Absence(AbsenceKind.UNKNOWN, "It is not in the list, and the API has no single read.")
            answers = {
                id: Absence(AbsenceKind.PRESENT, record=found[id]) if id in found else gone
                for id in external_ids
            }
        if declared.get("delete_detection", "full_sweep") == "none":
            return answers
        return self._judged(declared, answers)

    def _judged(self, declared: Config, answers: dict[str, Absence]) -> dict[str, Absence]:
        """A 404 counts as deleted where the configuration looks for deletions so, and we still have access."""
        if any(absence.kind is AbsenceKind.UNKNOWN for absence in answers.values()) and self._has_access(
            declared
        ):
            deleted = AbsenceKind.DELETED
            return {
                id: Absence(deleted, one.detail) if one.kind is AbsenceKind.UNKNOWN else one
                for id, one in answers.items()
            }
        return answers

    def _has_access(self, declared: Config) -> bool:
        try:
            if "test" in self.config:
                self._test()
            elif "parent" not in declared:
                next(self._pages("", declared, declared["list"], None), None)
        except SyncError:
            return False
        return True

    def _in_list(
        self, resource: str, wanted: Sequence[str], parent_id: str | None, *, must_find: bool = True
    ) -> dict[str, ExternalRecord]:
        declared = self._declared(resource)
        found: dict[str, ExternalRecord] = {}
        for page in self._pages(resource, declared, declared["list"], parent_id):
            found |= {record.id: record for record in page.records if record.id in wanted}
            if len(found) == len(set(wanted)):
                return found
        if must_find:
            raise RecordGone("It is not in the list.", status=404)
        return found

    def _pages(
        self, resource: str, declared: Config, call: Config, parent_id: str | None, **known: Any
    ) -> Iterator[Page]:
        step: dict[str, Any] = {"parent": parent_id, "walk": None}
        for _ in range(MAX_WALK_PAGES):
            page, following = self._page(resource, declared, call, step, **known)
            yield page
            if following is None:
                return
            step = {**step, "walk": following}
        raise ContractBroken(f"The listing did not end after {MAX_WALK_PAGES} pages.")

    def _page(
        self, resource: str, declared: Config, call: Config, step: Mapping[str, Any], **known: Any
    ) -> tuple[Page, Any]:
        pager, walk, parent_id = pager_of(call["pagination"]), Walk.from_token(step["walk"]), step["parent"]
        values = self._values(resource, parent_id, **known)
        answer = self._list_request(call, pager.ask(walk.token), values, step)
        rows = rows_in(answer.body, call["records_path"], declared.get("label") or resource)
        following = pager.next_token(walk.token, PageSeen(answer.body, answer.headers, rows, answer.url))
        kept = [row for row in rows if not ("skip_if" in call and holds(call["skip_if"], row))]
        gone = [row for row in kept if "deleted_if" in call and holds(call["deleted_if"], row)]
        records = [self._record(resource, declared, row, None, parent_id) for row in kept if row not in gone]
        deleted = [str(read_path(row, declared["id_path"], "")) for row in gone]
        return Page(records, None, answer.server_time, deleted), walk.step(following, fingerprint(rows))

    def _list_request(
        self, call: Config, ask: PageAsk, values: Mapping[str, Any], step: Mapping[str, Any]
    ) -> Answer:
        if ask.url:
            return self.session.get(ask.url, headers=_headers(call, values))
        params: dict[str, Any] = {}
        headers, body = _headers(call, values), fill_json(call.get("body"), values)
        if ask.keeps_other_params:
            params = {**_filled(call.get("query", {}), values), **call.get("sort", {})}
            if step.get("since") and "incremental" in call:
                self._add_since(
                    call["incremental"], step, params, headers, body := {} if body is None else body
                )
        params |= ask.params
        if ask.body:
            body = body if isinstance(body, dict) else {}
            for path, value in ask.body.items():
                write_path(body, path, value)
        method, path = call.get("method", "GET"), fill_path(call["path"], values)
        is_form = call.get("body_format") == "form"
        sent = body if body else None if method == "GET" else {}
        return self.session.request(
            method,
            path,
            params=params,
            headers=headers,
            is_repeatable=True,
            json=None if is_form else sent,
            form=sent if is_form and isinstance(sent, dict) else None,
        )

    def _add_since(
        self,
        declared: Config,
        step: Mapping[str, Any],
        params: dict[str, Any],
        headers: dict[str, str],
        body: Any,
    ) -> None:
        def put(name: str, text: Any) -> None:
            place = declared.get("in", "query")
            if place == "header":
                headers[name] = str(text)
            elif place == "body" and isinstance(body, dict):
                write_path(body, name, text)
            else:
                params[name] = text

        def written(moment: str) -> Any:
            value = format_instant(
                datetime.fromisoformat(moment),
                declared["format"],
                zone=declared.get("timezone", "UTC"),
                granularity=declared.get("granularity", "s"),
            )
            if "value_template" in declared:
                return fill_text(
                    declared["value_template"], {**self.config.get("variables", {}), "cursor": value}
                )
            prefix = declared.get("operator_prefix", "")
            return f"{prefix}{value}" if prefix else value

        put(declared["param"], written(step["since"]))
        if step.get("until") and "end_param" in declared:
            put(declared["end_param"], written(step["until"]))

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
        answer = self._write("PATCH", call, body, values, _precondition(call, fresh))
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
        headers = _precondition(call, current) if current else {}
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
        is_guarded = "precondition" in call and _guard_value(call["precondition"], current) is not None
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
            params=_filled(call.get("query", {}), values),
            headers={**_headers(call, values), **headers},
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
            record = self._record(resource, declared, found, answer, parent_id)
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
                    write_path(inner, field["write"], _as_written(field, value))
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

    def _test(self) -> Answer:
        call, values = self.config["test"], self._values("", None)
        body = fill_json(call.get("body"), values)
        answer = self.session.request(
            call.get("method", "GET"), fill_path(call["path"], values), params=_filled(call.get("query", {}), values),
            headers=_headers(call, values), json=body,
        )  # fmt: skip
        if call.get("expect_status") and answer.status not in call["expect_status"]:
            raise ContractBroken(
                f"The test request was answered with {answer.status}.", exchange=answer.exchange
            )
        return answer

    # --- inside ----------------------------------------------------------------------------------------------------

    def _declared(self, resource: str) -> Config:
        try:
            found: Config = self.config["resources"][resource]
        except KeyError:
            raise self.cannot("sync", resource) from None
        return found

    def _values(
        self, resource: str, parent_id: str | None, *, record: Mapping[str, Any] | None = None, **known: Any
    ) -> dict[str, Any]:
        """All that templates may name. A bound member of the parent other than its id needs the parent read."""
        base = urlsplit(self.session.base_url)
        values: dict[str, Any] = {
            name: value for name, value in (record or {}).items() if isinstance(value, str | int | float)
        }
        values |= {
            "origin": f"{base.scheme}://{base.netloc}",
            "base_url": self.session.base_url,
            "now": format_instant(self.session.environment.now()),
        }
        values |= self.config.get("variables", {})
        parent = self.config["resources"].get(resource, {}).get("parent")
        if parent and parent_id is not None:
            declared = self._declared(parent["resource"])
            others = {name: path for name, path in parent["bind"].items() if path != declared["id_path"]}
            above = self.get(parent["resource"], parent_id).data if others else {}
            values |= {
                name: read_path(above, path, None) if name in others else parent_id
                for name, path in parent["bind"].items()
            }
        return {**values, **known}

    def _one(
        self, resource: str, declared: Config, answer: Answer, record_path: str, parent_id: str | None
    ) -> ExternalRecord:
        row = read_path(answer.body, record_path, None)
        if not isinstance(row, dict):
            raise ContractBroken(
                "The answer holds no record.", status=answer.status, exchange=answer.exchange
            )
        listing = declared["list"]
        record = self._record(resource, declared, row, answer, parent_id)
        if "deleted_if" in listing and holds(listing["deleted_if"], row):
            raise RecordGone("The API marks it as deleted.", proven=True, status=answer.status)
        return record

    def _record(
        self, resource: str, declared: Config, row: Any, answer: Answer | None, parent_id: str | None
    ) -> ExternalRecord:
        external_id = read_path(row, declared["id_path"], None)
        if external_id is None or external_id == "" or isinstance(external_id, dict | list | bool):
            raise ContractBroken(f"A record of {resource} came without its id ({declared['id_path']}).")
        updated_at = declared.get("updated_at_path") or declared["list"].get("incremental", {}).get(
            "field", ""
        )
        zone = declared["list"].get("incremental", {}).get("timezone", "UTC")
        base = urlsplit(self.session.base_url)
        url = ""
        if "web_url_template" in declared:
            known = {name: value for name, value in row.items() if isinstance(value, str | int)}
            url = fill_url(
                declared["web_url_template"],
                {
                    **self.config.get("variables", {}),
                    **known,
                    "id": external_id,
                    "parent_id": parent_id,
                    "origin": f"{base.scheme}://{base.netloc}",
                    "base_url": self.session.base_url,
                },
            )
        mapped = [field["read"] for field in declared.get("fields", ()) if field.get("read")]
        return ExternalRecord(
            resource=resource,
            id=str(external_id),
            data=row,
            version=self._version_in(declared, row, answer),
            updated_at=parse_instant(read_path(row, updated_at, None), zone=zone) if updated_at else None,
            url=url,
            parent_id=parent_id,
            complete=answer is not None
            or "get" not in declared
            or all(read_path(row, path) is not MISSING for path in mapped),
        )

    def _version_in(self, declared: Config, row: Mapping[str, Any], answer: Answer | None) -> str | None:
        path = declared.get("update", {}).get("precondition", {}).get("value_path", "")
        if path.startswith("header:"):
            return answer.headers.get(path[7:].lower()) if answer else None
        value = read_path(row, path, None) if path else None
        return None if value is None else str(value)


class _Steps:
    """The order of a listing: parents that were picked, then windows of time, then pages. Tokens are JSON."""

    def __init__(
        self, declared: Config, since: datetime | None, parent_id: str | None, now: datetime
    ) -> None:
        picked = declared.get("parent", {}).get("selected_ids") or []
        self.parents: list[str | None] = [parent_id] if parent_id is not None or not picked else list(picked)
        incremental = declared["list"].get("incremental", {})
        if incremental.get("client_side"):
            since = None
        if since is not None and "max_lookback_days" in incremental:
            since = max(since, now - timedelta(days=incremental["max_lookback_days"]))
        self.since, self.now = since, now
        self.window = (
            timedelta(days=incremental["window_days"])
            if since and incremental.get("window_days") and incremental.get("end_param")
            else None
        )

    def at(self, token: Any) -> dict[str, Any] | None:
        if token is not None:
            picked = token["number"] < len(self.parents)
            return {**token, "parent": self.parents[token["number"]]} if picked else None
        return self._start(0, self.now.isoformat())

    def _start(self, number: int, end: str) -> dict[str, Any]:
        """``end`` is when the run began: a later now on each page would never let the windows end."""
        since = self.since.isoformat() if self.since else None
        until = self._until(since, end)
        return {
            "number": number,
            "parent": self.parents[number],
            "since": since,
            "until": until,
            "end": end,
            "walk": None,
        }

    def _until(self, since: str | None, end: str) -> str | None:
        if self.window is None or since is None:
            return None
        return min(datetime.fromisoformat(since) + self.window, datetime.fromisoformat(end)).isoformat()

    def after(self, step: Mapping[str, Any], walk: Any) -> dict[str, Any] | None:
        kept = {name: value for name, value in step.items() if name != "parent"}
        if walk is not None:
            return {**kept, "walk": walk}
        end, until = str(step["end"]), step.get("until")
        if until and datetime.fromisoformat(until) < datetime.fromisoformat(end):
            return {**kept, "walk": None, "since": until, "until": self._until(until, end)}
        if step["number"] + 1 < len(self.parents):
            following = self._start(step["number"] + 1, end)
            return {name: value for name, value in following.items() if name != "parent"}
        return None


def _filled(templates: Mapping[str, str], values: Mapping[str, Any]) -> dict[str, str]:
    return {name: fill_text(text, values) for name, text in templates.items()}


def _headers(call: Config, values: Mapping[str, Any]) -> dict[str, str]:
    return {name: fill_header(text, values) for name, text in call.get("headers", {}).items()}


def _guard_value(precondition: Config, current: ExternalRecord) -> str | None:
    path = precondition["value_path"]
    if current.version is not None:
        return current.version
    value = None if path.startswith("header:") else read_path(current.data, path, None)
    return None if value is None else str(value)


def _as_written(field: Config, value: Any) -> Any:
    """A value as read, in the form the write path takes: members of objects become their ids or names."""
    key = field.get("key") or ("id" if field.get("ref_resource") else "")
    if key and isinstance(value, list):
        return [one.get(key) if isinstance(one, dict) else one for one in value]
    return value.get(key) if key and isinstance(value, dict) else value


def _precondition(call: Config, current: ExternalRecord) -> dict[str, str]:
    if "precondition" not in call:
        return {}
    declared = call["precondition"]
    value = _guard_value(declared, current)
    if value is None:
        return {}
    if declared["header"] == "If-Unmodified-Since" and (moment := parse_instant(value)):
        value = str(format_instant(moment, "rfc1123"))
    return {declared["header"]: f'"{value}"' if declared.get("quote") else value}


__all__ = ["GenericClient", "PermissionProblem"]
