"""The reading half of a client driven by a configuration alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from connectors.base.client import RestClient, fingerprint, rows_in
from connectors.base.connector import Connector
from connectors.base.errors import (
    ContractBroken,
    RecordGone,
    SyncError,
)
from connectors.base.paging import PageAsk, PageSeen, Walk
from connectors.base.paths import read_path, write_path
from connectors.base.session import Answer, ApiSession
from connectors.base.times import format_instant
from connectors.base.types import (
    Absence,
    AbsenceKind,
    ExternalRecord,
    Page,
)

from .declare import Config, holds, pager_of
from .rows import Rows
from .steps import Steps, filled, filled_headers
from .templates import fill_json, fill_path, fill_text

MAX_WALK_PAGES = 200


class GenericReader(RestClient):
    """``fields`` of writes are keyed by read path, as the links are; the configuration names the write paths."""

    def __init__(self, connector: Connector, session: ApiSession, settings: Mapping[str, Any]) -> None:
        super().__init__(connector, session, settings)
        self.config: Config = settings["config"]
        self._rows: dict[str, Rows] = {}

    # --- reading --------------------------------------------------------------------------------------------------

    def list_page(
        self, resource: str, *, since: datetime | None = None, token: Any = None, parent_id: str | None = None
    ) -> Page:
        declared = self._declared(resource)
        steps = Steps(declared, since, parent_id, self.session.environment.now())
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
            fill_path(call["path"], values), params=filled(call.get("query", {}), values)
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
        records = [self._record(resource, row, None, parent_id) for row in kept if row not in gone]
        deleted = [str(read_path(row, declared["id_path"], "")) for row in gone]
        return Page(records, None, answer.server_time, deleted), walk.step(following, fingerprint(rows))

    def _list_request(
        self, call: Config, ask: PageAsk, values: Mapping[str, Any], step: Mapping[str, Any]
    ) -> Answer:
        if ask.url:
            return self.session.get(ask.url, headers=filled_headers(call, values))
        params: dict[str, Any] = {}
        headers, body = filled_headers(call, values), fill_json(call.get("body"), values)
        if ask.keeps_other_params:
            params = {**filled(call.get("query", {}), values), **call.get("sort", {})}
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

    def _test(self) -> Answer:
        call, values = self.config["test"], self._values("", None)
        body = fill_json(call.get("body"), values)
        answer = self.session.request(
            call.get("method", "GET"), fill_path(call["path"], values), params=filled(call.get("query", {}), values),
            headers=filled_headers(call, values), json=body,
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
        record = self._record(resource, row, answer, parent_id)
        if "deleted_if" in listing and holds(listing["deleted_if"], row):
            raise RecordGone("The API marks it as deleted.", proven=True, status=answer.status)
        return record

    def _record(
        self, resource: str, row: Any, answer: Answer | None, parent_id: str | None
    ) -> ExternalRecord:
        rows = self._rows.get(resource)
        if rows is None:
            rows = self._rows[resource] = Rows(resource, self.config, self.session.base_url)
        return rows.record(row, answer, parent_id)
