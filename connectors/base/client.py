"""The repetitive part of a connector: the ``Client`` protocol over a table of endpoints.

A connector declares one ``Endpoint`` per resource and overrides only the named hooks it needs:
``to_record``, ``is_wanted``, ``write_body``, and whichever of the protocol's calls its API does differently.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

from .answers import digest, failed_check, fill_path, fingerprint, rows_in
from .connector import Connector, Environment
from .errors import ContractBroken, PermissionProblem, RecordGone, StaleWrite, SyncError
from .paging import OnePage, Pager, PageSeen, Walk
from .paths import MISSING, read_path, write_path
from .session import Answer, ApiSession
from .times import format_instant, parse_instant
from .types import (
    Absence,
    AbsenceKind,
    Check,
    CheckReport,
    Container,
    ExternalRecord,
    Page,
    Resource,
    WebhookRegistration,
)


@dataclass(frozen=True, slots=True)
class Since:
    """How the vendor is asked for what changed. ``style`` and ``granularity`` as in ``times.format_instant``."""

    param: str
    style: str = "iso8601"
    place: Literal["query", "body", "header"] = "query"
    prefix: str = ""
    granularity: str = "s"
    zone: str = "UTC"

    def value(self, moment: datetime) -> Any:
        text = format_instant(moment, self.style, zone=self.zone, granularity=self.granularity)
        return f"{self.prefix}{text}" if self.prefix else text


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where one resource lives. Paths are templates over the client's ``variables``, ``{id}`` and ``{parent}``;
    each value is percent-encoded as one segment. ``…_at`` are paths in the answer.

    ``version_at`` may be ``header:ETag``. ``precondition`` is the header that carries the version on writes.
    """

    name: str
    list_path: str = ""
    get_path: str = ""
    create_path: str = ""
    update_path: str = ""
    delete_path: str = ""
    update_method: str = "PATCH"
    list_params: Mapping[str, Any] = field(default_factory=dict)
    get_params: Mapping[str, Any] = field(default_factory=dict)
    write_params: Mapping[str, Any] = field(default_factory=dict)
    pager: Pager = field(default_factory=OnePage)
    since: Since | None = None
    rows_at: str = ""
    record_at: str = ""
    envelope: str = ""  # where a written record is put, "" = the body itself
    id_at: str = "id"
    version_at: str = ""
    updated_at: str = ""
    updated_by_at: str = ""
    url_at: str = ""
    parent_at: str = ""
    archived_at: str = ""
    precondition: str = ""
    idempotency_header: str = ""


class RestClient:
    """A client over ``endpoints``. Subclass it, pass the session, override what differs."""

    endpoints: Mapping[str, Endpoint] = {}

    def __init__(self, connector: Connector, session: ApiSession, settings: Mapping[str, Any]) -> None:
        self.connector = connector
        self.session = session
        self.settings = settings
        self._resources = {resource.name: resource for resource in connector.resources_of(settings)}

    # --- hooks ---------------------------------------------------------------------------------------------------

    def variables(self) -> Mapping[str, Any]:
        """Names that path templates may use, beside ``id`` and ``parent``."""
        return {}

    def to_record(
        self,
        endpoint: Endpoint,
        row: Mapping[str, Any],
        *,
        answer: Answer | None,
        parent_id: str | None,
    ) -> ExternalRecord:
        """The record in a row or a single answer. Normalise here; keep it pure."""
        external_id = read_path(row, endpoint.id_at, None)
        if external_id in (None, ""):
            raise ContractBroken(f"A {endpoint.name} came without its id ({endpoint.id_at}).")
        parent = read_path(row, endpoint.parent_at, None) if endpoint.parent_at else parent_id
        return ExternalRecord(
            resource=endpoint.name,
            id=str(external_id),
            data=row,
            version=self._version(endpoint, row, answer),
            updated_at=parse_instant(read_path(row, endpoint.updated_at, None))
            if endpoint.updated_at
            else None,
            updated_by=str(read_path(row, endpoint.updated_by_at, "") or "")
            if endpoint.updated_by_at
            else "",
            url=str(read_path(row, endpoint.url_at, "") or "") if endpoint.url_at else "",
            parent_id=None if parent in (None, "") else str(parent),
            is_archived=bool(read_path(row, endpoint.archived_at, False)) if endpoint.archived_at else False,
            complete=answer is not None or self._rows_are_complete(endpoint),
        )

    def is_wanted(self, endpoint: Endpoint, row: Mapping[str, Any]) -> bool:
        """False for rows that are no record of this resource (pull requests among issues)."""
        return True

    def list_params(self, endpoint: Endpoint) -> Mapping[str, Any]:
        """Query parameters of a listing beside those of its pages; override where they hang on settings or the day."""
        return endpoint.list_params

    def write_body(
        self,
        endpoint: Endpoint,
        fields: Mapping[str, Any],
        *,
        current: ExternalRecord | None,
        key: str = "",
    ) -> Any:
        """The JSON of a create (``current`` None) or update. Default: the fields put at their paths."""
        body: dict[str, Any] = {}
        for path, value in fields.items():
            write_path(body, path, value)
        return {endpoint.envelope: body} if endpoint.envelope else body

    # --- the Client protocol ----------------------------------------------------------------------------------------

    def check(self) -> CheckReport:
        """Default: who am I (``whoami``), then one page of the first resource, once the place is picked that it is in.
        Connectors add what they know."""
        started = time.perf_counter()
        checks: list[Check] = []
        account, account_id = "", ""
        try:
            account, account_id = self.whoami()
            checks += [Check("reachable", True), Check("authenticated", True, account)]
            first = next(iter(self._resources.values()), None)
            if first is not None and not first.parent and not self.connector.unpicked(self.settings):
                self.list_page(first.name)
                checks.append(Check("may_read", True, f"{first.label} can be read"))
        except SyncError as error:
            checks.append(failed_check(error))
        elapsed = int((time.perf_counter() - started) * 1000)
        return CheckReport(all(check.ok for check in checks), checks, elapsed, account, account_id)

    def whoami(self) -> tuple[str, str]:
        """Name and id of the account whose credential this is. One request."""
        return "", ""

    def containers(self, kind: str = "", parent_id: str = "") -> list[Container]:
        return []

    def list_page(
        self,
        resource: str,
        *,
        since: datetime | None = None,
        token: Any = None,
        parent_id: str | None = None,
    ) -> Page:
        endpoint = self.endpoint(resource)
        walk = Walk.from_token(token)
        ask = endpoint.pager.ask(walk.token)
        if ask.url:
            answer = self.session.get(ask.url)
        else:
            params = dict(self.list_params(endpoint)) if ask.keeps_other_params else {}
            if since is not None and endpoint.since is not None and ask.keeps_other_params:
                params[endpoint.since.param] = endpoint.since.value(since)
            answer = self.session.get(
                self._path(endpoint.list_path, parent=parent_id),
                params={**params, **ask.params},
            )
        rows = self.rows(endpoint, answer)
        following = endpoint.pager.next_token(
            walk.token, PageSeen(answer.body, answer.headers, rows, answer.url)
        )
        wanted = [row for row in rows if self.is_wanted(endpoint, row)]
        records = [self.to_record(endpoint, row, answer=None, parent_id=parent_id) for row in wanted]
        return Page(records, walk.step(following, fingerprint(rows)), answer.server_time)

    def get(self, resource: str, external_id: str, *, parent_id: str | None = None) -> ExternalRecord:
        endpoint = self.endpoint(resource)
        path = self._path(endpoint.get_path, id=external_id, parent=parent_id)
        answer = self.session.get(path, params=endpoint.get_params)
        return self.to_record(
            endpoint,
            self.record_in(endpoint, answer),
            answer=answer,
            parent_id=parent_id,
        )

    def get_many(self, resource: str, external_ids: Sequence[str]) -> dict[str, ExternalRecord]:
        found: dict[str, ExternalRecord] = {}
        for external_id in external_ids:
            try:
                found[external_id] = self.get(resource, external_id)
            except (RecordGone, PermissionProblem):
                continue
        return found

    def create(
        self,
        resource: str,
        fields: Mapping[str, Any],
        *,
        key: str,
        parent_id: str | None = None,
    ) -> ExternalRecord:
        endpoint = self.endpoint(resource)
        headers = {endpoint.idempotency_header: key} if endpoint.idempotency_header else {}
        answer = self.session.request(
            "POST",
            self._path(endpoint.create_path, parent=parent_id),
            params=endpoint.write_params,
            json=self.write_body(endpoint, fields, current=None, key=key),
            headers=headers,
            is_repeatable=bool(endpoint.idempotency_header),
        )
        return self.to_record(
            endpoint,
            self.record_in(endpoint, answer),
            answer=answer,
            parent_id=parent_id,
        )

    def update(
        self,
        resource: str,
        external_id: str,
        fields: Mapping[str, Any],
        *,
        current: ExternalRecord,
        parent_id: str | None = None,
    ) -> ExternalRecord:
        endpoint = self.endpoint(resource)
        answer = self.session.request(
            endpoint.update_method,
            self._path(endpoint.update_path, id=external_id, parent=parent_id),
            params=endpoint.write_params,
            json=self.write_body(endpoint, fields, current=current),
            headers=self._guard_headers(endpoint, current),
        )
        if not isinstance(answer.body, dict):
            return self.get(resource, external_id, parent_id=parent_id)
        return self.to_record(
            endpoint,
            self.record_in(endpoint, answer),
            answer=answer,
            parent_id=parent_id,
        )

    def archive(self, resource: str, external_id: str, *, current: ExternalRecord | None = None) -> None:
        raise self.cannot("archive", resource)

    def delete(
        self,
        resource: str,
        external_id: str,
        *,
        parent_id: str | None = None,
        current: ExternalRecord | None = None,
    ) -> None:
        """Deleting what is already gone is success."""
        endpoint = self.endpoint(resource)
        if not endpoint.delete_path:
            raise self.cannot("delete", resource)
        try:
            self.session.request(
                "DELETE",
                self._path(endpoint.delete_path, id=external_id, parent=parent_id),
                headers=self._guard_headers(endpoint, current),
                expect_json=False,
            )
        except RecordGone:
            return

    def find_by_key(
        self, resource: str, key: str, *, since: datetime, parent_id: str | None = None
    ) -> ExternalRecord | None:
        return None

    def explain_absence(
        self,
        resource: str,
        external_ids: Sequence[str],
        *,
        parent_id: str | None = None,
    ) -> dict[str, Absence]:
        """One get each. A 404 that proves nothing stays "unknown", unless nothing can be hidden from the account."""
        answers: dict[str, Absence] = {}
        for external_id in external_ids:
            try:
                record = self.get(resource, external_id, parent_id=parent_id)
            except RecordGone as error:
                answers[external_id] = self.absence_of(error)
            except PermissionProblem as error:
                answers[external_id] = Absence(AbsenceKind.NO_ACCESS, error.message)
            else:
                kind = (
                    AbsenceKind.DELETED
                    if record.is_deleted
                    else AbsenceKind.ARCHIVED
                    if record.is_archived
                    else AbsenceKind.PRESENT
                )
                answers[external_id] = Absence(kind, record=record)
        unknown = [id for id, absence in answers.items() if absence.kind is AbsenceKind.UNKNOWN]
        if unknown and self.would_see(resource):
            gone = Absence(AbsenceKind.DELETED, "Not there any more, and nothing is hidden from the account.")
            answers |= dict.fromkeys(unknown, gone)
        return answers

    def would_see(self, resource: str) -> bool:
        """True if the account sees every record of the resource, so that one it does not see is gone. May ask the API."""
        return False

    def absence_of(self, error: RecordGone) -> Absence:
        """What a 404 or 410 of a get by id proves. Override where a 404 cannot mean lost access, or the reverse."""
        resource_deleted = AbsenceKind.DELETED if error.proven else AbsenceKind.UNKNOWN
        return Absence(resource_deleted, error.message)

    def container_token(self) -> str:
        return digest(
            [
                self.session.base_url,
                *sorted((str(k), str(v)) for k, v in self.settings.items() if isinstance(v, str | int)),
            ]
        )

    def ensure_webhook(self, url: str, secret: str) -> WebhookRegistration | None:
        return None

    def remove_webhooks(self, url: str) -> int:
        return 0

    def close(self) -> None:
        self.session.close()

    # --- for connectors -------------------------------------------------------------------------------------------

    def endpoint(self, resource: str) -> Endpoint:
        try:
            return self.endpoints[resource]
        except KeyError:
            raise self.cannot("sync", resource) from None

    def rows(self, endpoint: Endpoint, answer: Answer) -> list[Any]:
        """The raw rows of a list answer. Raises ``ContractBroken`` if there is no list where one belongs."""
        return rows_in(answer.body, endpoint.rows_at, endpoint.name)

    def record_in(self, endpoint: Endpoint, answer: Answer) -> Mapping[str, Any]:
        found = read_path(answer.body, endpoint.record_at, None)
        if not isinstance(found, dict):
            raise ContractBroken(
                f"The answer holds no {endpoint.name}.",
                status=answer.status,
                exchange=answer.exchange,
            )
        return found

    def walk(
        self, resource: str, *, since: datetime | None = None, parent_id: str | None = None
    ) -> Iterator[ExternalRecord]:
        """Every record of a listing, page after page."""
        token: Any = None
        while True:
            page = self.list_page(resource, since=since, token=token, parent_id=parent_id)
            yield from page.records
            token = page.next_token
            if token is None:
                return

    def find_among_changes(
        self, resource: str, key: str, *, since: datetime, at: str = "hub.key", parent_id: str | None = None
    ) -> ExternalRecord | None:
        """For ``find_by_key`` where lists are consistent: the record that holds the key at that path, among all that
        changed since (a second earlier, since intents are dated more finely than some vendors' times)."""
        changed = self.walk(resource, since=since - timedelta(seconds=1), parent_id=parent_id)
        return next((one for one in changed if read_path(one.data, at, None) == key), None)

    def refuse_stale(
        self, seen: ExternalRecord, now: ExternalRecord, fields: Mapping[str, Any] | None = None
    ) -> None:
        """For APIs without a check of their own: raises ``StaleWrite`` if a write based on ``seen`` would overwrite
        what somebody did since.

        By version, or with ``fields`` (path → value to write) by what stands there: a value that was not known is not
        compared, and one that is there as wanted already is in nobody's way.
        """
        name, what = self.connector.name, seen.resource
        if fields is None:
            if seen.version is not None and now.version != seen.version:
                raise StaleWrite(f"The {what} changed in {name} since it was read.")
            return
        for path, wanted in fields.items():
            before, is_now = read_path(seen.data, path), read_path(now.data, path)
            if before is not MISSING and is_now not in (before, wanted):
                raise StaleWrite(f"{path} of the {what} changed in {name} since it was read.", field=path)

    def cannot(self, action: str, resource: str) -> SyncError:
        return ContractBroken(f"{self.connector.name} cannot {action} {resource}.", code="internal")

    def resource(self, name: str) -> Resource:
        return self._resources[name]

    def _rows_are_complete(self, endpoint: Endpoint) -> bool:
        resource = self._resources.get(endpoint.name)
        return resource is None or resource.rows_are_complete

    def _path(self, template: str, **values: Any) -> str:
        if not template:
            raise ContractBroken(f"{self.connector.name} has no such call.", code="internal")
        return fill_path(
            template,
            {**self.variables(), **{k: v for k, v in values.items() if v is not None}},
        )

    def _version(self, endpoint: Endpoint, row: Mapping[str, Any], answer: Answer | None) -> str | None:
        if not endpoint.version_at:
            return None
        if endpoint.version_at.startswith("header:"):
            return answer.headers.get(endpoint.version_at[7:].lower()) if answer else None
        value = read_path(row, endpoint.version_at, None)
        return None if value is None else str(value)

    def _guard_headers(self, endpoint: Endpoint, current: ExternalRecord | None) -> dict[str, str]:
        if not endpoint.precondition or current is None or current.version is None:
            return {}
        return {endpoint.precondition: current.version}


__all__ = [
    "Endpoint",
    "Environment",
    "RestClient",
    "Since",
    "digest",
    "failed_check",
    "fill_path",
    "fingerprint",
    "rows_in",
]
