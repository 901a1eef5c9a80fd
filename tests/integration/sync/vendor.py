"""A vendor in memory that does what a test tells it: several resources, chosen faults, chosen answers."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from connectors.base.connector import Connector
from connectors.base.errors import RecordGone, StaleWrite
from connectors.base.types import (
    Absence,
    AbsenceKind,
    BadPayload,
    Can,
    ChangeHint,
    CheckReport,
    CreateClass,
    ExternalRecord,
    LinkSpec,
    Page,
    Resource,
    UnknownEvent,
    WebhookRegistration,
    WebhookRequest,
)

EVERYTHING = frozenset({Can.LIST, Can.GET, Can.CREATE, Can.UPDATE, Can.DELETE, Can.ARCHIVE})
STAGES = {"Inbox": "backlog", "Ready": "todo", "Doing": "in_progress", "Check": "review", "Done": "done"}

RESOURCES = (
    Resource(
        name="member",
        record_type="member",
        label="member",
        can=EVERYTHING,
        links=(LinkSpec("name", "name", required=True), LinkSpec("email", "email")),
        create_class=CreateClass.MARKER,
        version_check=True,
    ),
    Resource(
        name="card",
        record_type="task",
        label="card",
        can=EVERYTHING,
        links=(
            LinkSpec("title", "name", required=True),
            LinkSpec("description", "notes"),
            LinkSpec("stage", "lane", transform={"name": "enum", "map": STAGES}),
            LinkSpec("priority", "prio", transform={"name": "enum", "map": {"L": "low", "H": "high", "0": "none"}}),
            LinkSpec("labels", "tags", transform={"name": "set"}),
            LinkSpec("start_on", "from", transform={"name": "date"}, group="dates"),
            LinkSpec("due_on", "till", transform={"name": "date"}, group="dates"),
            LinkSpec("assignees", "people", transform={"name": "lookup_set", "resource": "member"}),
            LinkSpec("parent", "above", transform={"name": "lookup", "resource": "card"}),
        ),
        create_class=CreateClass.MARKER,
        refers_to=("member",),
        version_check=True,
        status_links=("stage",),
    ),
    Resource(
        name="remark",
        record_type="comment",
        label="comment",
        can=EVERYTHING - {Can.ARCHIVE},
        links=(
            LinkSpec("body", "text", required=True),
            LinkSpec("author_name", "by", direction="in"),
        ),
        create_class=CreateClass.MARKER,
        parent="card",
        version_check=True,
    ),
)  # fmt: skip

BLANKS: dict[str, dict[str, Any]] = {
    "member": {"name": "", "email": ""},
    "card": {
        "name": "", "notes": "", "lane": "Inbox", "prio": "0", "tags": [], "from": None, "till": None, "people": [],
        "above": None, "colour": "blue",
    },
    "remark": {"text": "", "by": "Their user"},
}  # fmt: skip


@dataclass
class Row:
    """One record there."""

    resource: str
    id: str
    data: dict[str, Any]
    updated_at: datetime
    updated_by: str = "Their user"
    version: int = 1
    key: str = ""
    parent_id: str | None = None
    is_archived: bool = False
    is_deleted: bool = False
    complete: bool = True


@dataclass
class Fault:
    """Raised by the next call of a verb; with ``after`` only once the call has had its effect."""

    error: Exception
    after: bool = False


@dataclass
class Vendor:
    """People edit through ``add``, ``change``, ``remove``; the hub through a ``VendorClient``."""

    now: Callable[[], datetime]
    rows: dict[tuple[str, str], Row] = field(default_factory=dict)
    resources: tuple[Resource, ...] = RESOURCES
    page_size: int = 100
    retry_delays: tuple[float, ...] = ()
    token: str = "account-1/board-1"
    gone_is_proven: bool = True  # 410, else 404
    repeats_keys: bool = False  # a create with a key it knows makes no second record
    unlisted: set[str] = field(default_factory=set)
    absences: dict[str, AbsenceKind] = field(default_factory=dict)
    keeps: set[str] = field(default_factory=set)  # paths whose updates it accepts and ignores
    normalise: Callable[[dict[str, Any]], dict[str, Any]] = dict
    before_update: Callable[[Row], None] = lambda row: None
    pages: Callable[[Any], Page] | None = None  # listings as a test wants them
    faults: dict[str, list[Fault]] = field(default_factory=dict)
    calls: list[tuple[str, str]] = field(default_factory=list)  # (verb, id or resource)
    writes: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)
    counter: int = 0

    # -- what people do there -------------------------------------------------------------------------------

    def add(self, resource: str = "card", /, **data: Any) -> Row:
        parent_id = data.pop("parent_id", None)
        key = data.pop("key", "")
        self.counter += 1
        row = Row(resource, f"{resource[0]}{self.counter}", {**BLANKS[resource]}, self.now(), key=key)
        row.parent_id = parent_id
        row.data |= self.normalise(data)
        self.rows[(resource, row.id)] = row
        return row

    def change(self, row: Row, **data: Any) -> None:
        row.data |= self.normalise(data)
        self._touch(row)

    def remove(self, row: Row) -> None:
        row.is_deleted = True
        self._touch(row)

    def archive(self, row: Row, *, back: bool = False) -> None:
        row.is_archived = not back
        self._touch(row)

    def _touch(self, row: Row) -> None:
        row.version += 1
        row.updated_at = self.now()

    # -- what a test arranges and asks ----------------------------------------------------------------------

    def fail(self, verb: str, error: Exception, *, times: int = 1, after: bool = False) -> None:
        """The next ``times`` calls of a verb (list, get, create, update, delete, archive, find, explain) fail."""
        self.faults.setdefault(verb, []).extend([Fault(error, after)] * times)

    def reshape(self, resource: str, **changes: Any) -> None:
        """Declare a resource otherwise: ``reshape("card", incremental=False)``."""
        self.resources = tuple(
            replace(each, **changes) if each.name == resource else each for each in self.resources
        )

    def relink(self, resource: str, link: LinkSpec) -> None:
        """Replace (or add) one default link of a resource."""
        found = next(each for each in self.resources if each.name == resource)
        links = tuple(each for each in found.links if each.local != link.local)
        self.reshape(resource, links=(*links, link))

    def count(self, verb: str) -> int:
        return sum(1 for called, _ in self.calls if called == verb)

    def of(self, resource: str) -> list[Row]:
        """The live records of a resource."""
        return [
            r for r in self.rows.values() if r.resource == resource and not r.is_deleted and not r.is_archived
        ]


class VendorClient:
    """The ``Client`` protocol over a ``Vendor``."""

    last_exchange = None
    clock_offset_seconds = 0.0

    def __init__(self, vendor: Vendor) -> None:
        self.vendor = vendor

    def _called(self, verb: str, what: str) -> Exception | None:
        """Note the call and raise its fault; one that comes after the effect is returned."""
        self.vendor.calls.append((verb, what))
        waiting = self.vendor.faults.get(verb)
        if not waiting:
            return None
        fault = waiting.pop(0)
        if not fault.after:
            raise fault.error
        return fault.error

    def _record(self, row: Row) -> ExternalRecord:
        return ExternalRecord(
            resource=row.resource,
            id=row.id,
            data={"id": row.id, **json.loads(json.dumps(row.data))},
            version=str(row.version),
            updated_at=row.updated_at,
            updated_by=row.updated_by,
            url=f"https://vendor.example/{row.id}",
            parent_id=row.parent_id,
            is_archived=row.is_archived,
            is_deleted=False,
            complete=row.complete,
        )

    def check(self) -> CheckReport:
        return CheckReport(True, [])

    def containers(self, kind: str = "", parent_id: str = "") -> list[Any]:
        return []

    def list_page(
        self, resource: str, *, since: datetime | None = None, token: Any = None, parent_id: str | None = None
    ) -> Page:
        self._called("list", resource)
        if self.vendor.pages is not None:
            return self.vendor.pages(token)
        rows = [r for r in self.vendor.rows.values() if r.resource == resource and not r.is_deleted]
        rows = [r for r in rows if r.id not in self.vendor.unlisted]
        rows = [r for r in rows if parent_id is None or r.parent_id == parent_id]
        declared = next(each for each in self.vendor.resources if each.name == resource)
        if since is not None and declared.incremental:
            rows = [r for r in rows if r.updated_at >= since]
        start = int(token or 0)
        end = start + self.vendor.page_size
        return Page(
            [self._record(row) for row in rows[start:end]],
            next_token=end if end < len(rows) else None,
            server_time=self.vendor.now(),
        )

    def _find(self, resource: str, external_id: str) -> Row:
        row = self.vendor.rows.get((resource, external_id))
        if row is None or external_id in self.vendor.absences:
            raise RecordGone("There is no such record (404).", status=404)
        if row.is_deleted:
            raise RecordGone("It was deleted.", proven=self.vendor.gone_is_proven, status=410)
        return row

    def get(self, resource: str, external_id: str, *, parent_id: str | None = None) -> ExternalRecord:
        self._called("get", external_id)
        return replace(self._record(self._find(resource, external_id)), complete=True)

    def get_many(self, resource: str, external_ids: Sequence[str]) -> dict[str, ExternalRecord]:
        return {i: self.get(resource, i) for i in external_ids if (resource, i) in self.vendor.rows}

    def create(
        self, resource: str, fields: Mapping[str, Any], *, key: str, parent_id: str | None = None
    ) -> ExternalRecord:
        late = self._called("create", resource)
        if self.vendor.repeats_keys:
            for row in self.vendor.rows.values():
                if row.key == key:
                    return self._record(row)
        row = self.vendor.add(resource, **fields, key=key, parent_id=parent_id)
        self.vendor.writes.append(("create", row.id, dict(fields)))
        if late:
            raise late
        return self._record(row)

    def update(
        self,
        resource: str,
        external_id: str,
        fields: Mapping[str, Any],
        *,
        current: ExternalRecord,
        parent_id: str | None = None,
    ) -> ExternalRecord:
        late = self._called("update", external_id)
        row = self._find(resource, external_id)
        self.vendor.before_update(row)
        if current.version != str(row.version):
            raise StaleWrite("The record has another version by now (412).", status=412)
        self.vendor.change(row, **{k: v for k, v in fields.items() if k not in self.vendor.keeps})
        self.vendor.writes.append(("update", row.id, dict(fields)))
        if late:
            raise late
        return self._record(row)

    def archive(self, resource: str, external_id: str, *, current: ExternalRecord | None = None) -> None:
        late = self._called("archive", external_id)
        self.vendor.archive(self._find(resource, external_id))
        self.vendor.writes.append(("archive", external_id, {}))
        if late:
            raise late

    def delete(
        self,
        resource: str,
        external_id: str,
        *,
        parent_id: str | None = None,
        current: ExternalRecord | None = None,
    ) -> None:
        late = self._called("delete", external_id)
        self.vendor.remove(self._find(resource, external_id))
        self.vendor.writes.append(("delete", external_id, {}))
        if late:
            raise late

    def find_by_key(
        self, resource: str, key: str, *, since: datetime, parent_id: str | None = None
    ) -> ExternalRecord | None:
        self._called("find", key)
        for row in self.vendor.of(resource):
            if row.key == key:
                return self._record(row)
        return None

    def explain_absence(
        self, resource: str, external_ids: Sequence[str], *, parent_id: str | None = None
    ) -> dict[str, Absence]:
        answers = {}
        for external_id in external_ids:
            self._called("explain", external_id)
            row = self.vendor.rows.get((resource, external_id))
            kind = self.vendor.absences.get(external_id)
            if kind is None:
                kind = AbsenceKind.PRESENT if row and not row.is_deleted else AbsenceKind.DELETED
            answers[external_id] = Absence(
                kind, record=self._record(row) if row and kind == "present" else None
            )
        return answers

    def container_token(self) -> str:
        return self.vendor.token

    def ensure_webhook(self, url: str, secret: str) -> WebhookRegistration | None:
        return None

    def remove_webhooks(self, url: str) -> int:
        return 0

    def close(self) -> None:
        return None


class VendorWebhooks:
    """``{"event", "resource", "id", "parent"}``; every delivery is believed."""

    def handshake(self, request: WebhookRequest, secrets: Sequence[str]) -> None:
        return None

    def verify(self, request: WebhookRequest, secrets: Sequence[str], settings: Mapping[str, Any]) -> None:
        return None

    def delivery_id(self, request: WebhookRequest) -> str | None:
        return request.headers.get("x-id")

    def event_name(self, request: WebhookRequest, payload: Any) -> str:
        return str(payload.get("event", ""))

    def parse(self, request: WebhookRequest, payload: Any, settings: Mapping[str, Any]) -> list[ChangeHint]:
        if not isinstance(payload, dict):
            raise BadPayload("The payload is no object.")
        event = payload["event"]
        if event == "ping":
            return []
        if event not in {"created", "updated", "deleted", "poll"}:
            raise UnknownEvent(event)
        return [
            ChangeHint(
                payload["resource"],
                payload.get("id", ""),
                event,
                is_delete=event == "deleted",
                parent_id=payload.get("parent", ""),
            )
        ]


def connector_of(vendor: Vendor) -> Connector:
    """The connector as the vendor's resources say now."""

    def no_client(*args: Any) -> Any:
        raise NotImplementedError("tests hand in their own client")

    return Connector(
        key="fake",
        name="Fakeboard",
        summary="A vendor in memory.",
        auth_types=("none",),
        secrets=(),
        settings=(),
        resources=vendor.resources,
        retry_delays=vendor.retry_delays,
        open=no_client,
        webhooks=VendorWebhooks(),
    )
