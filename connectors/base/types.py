"""What a connector says of its API, and what it hands to the engine.

The engine knows vendors only through these types and the ``Client`` protocol.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Protocol


class CreateClass(StrEnum):
    """How a create whose answer was lost is settled (E6)."""

    KEYED = "keyed"  # idempotency key: repeat with the same key
    UPSERT = "upsert"  # unique external id: repeat as upsert
    MARKER = "marker"  # a searchable key we write: look it up
    UNPROVABLE = "unprovable"  # nothing proves it: in doubt, a person decides


class Can(StrEnum):
    LIST = "list"
    GET = "get"
    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"
    ARCHIVE = "archive"


@dataclass(frozen=True, slots=True)
class ExternalRecord:
    """One record as the vendor holds it now. ``data`` is the vendor's JSON (normalised by the connector).

    ``version`` is whatever the vendor's stale check wants (card version, ETag, updated_at); None if there is none.
    ``complete`` is False if this row may lack mapped fields (a thin list row): the engine then gets it by id.
    ``updated_by`` is who changed it last, by name; "" where the vendor does not tell.
    """

    resource: str
    id: str
    data: Mapping[str, Any]
    version: str | None = None
    updated_at: datetime | None = None
    updated_by: str = ""
    url: str = ""
    container: str = ""
    parent_id: str | None = None
    is_archived: bool = False
    is_deleted: bool = False
    complete: bool = True

    @property
    def link(self) -> str:
        """``url`` where a person may be sent: the vendor's word for it is taken for web addresses only."""
        return self.url if self.url.lower().startswith(("https://", "http://")) else ""


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a listing. ``next_token`` None ends the walk, and only on the vendor's positive end signal.

    ``server_time`` is the answer's Date header. ``deleted_ids`` are ids the feed itself reports as deleted.
    ``resume`` comes with the last page where the vendor keeps a change feed: given as ``token`` of a later walk, it
    brings only what changed since, deletions included. A feed that forgot the place starts over by itself.
    """

    records: Sequence[ExternalRecord]
    next_token: Any | None = None
    server_time: datetime | None = None
    deleted_ids: Sequence[str] = ()
    resume: Any | None = None


class AbsenceKind(StrEnum):
    PRESENT = "present"
    DELETED = "deleted"
    ARCHIVED = "archived"
    MOVED = "moved"
    NO_ACCESS = "no_access"
    OUT_OF_FILTER = "out_of_filter"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Absence:
    """Why a record is not where it was; ``record`` if it could be read."""

    kind: AbsenceKind
    detail: str = ""
    record: ExternalRecord | None = None


@dataclass(frozen=True, slots=True)
class Container:
    """A board, list, lane, project … that a person picks from. ``kind`` as the vendor calls it, lower case."""

    id: str
    name: str
    kind: str
    parent_id: str | None = None
    url: str = ""
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Check:
    """One line of a connection test: reachable, authenticated, may_read, may_write, webhooks, rate_limit."""

    name: str
    ok: bool
    detail: str = ""
    fix: str = ""


@dataclass(frozen=True, slots=True)
class CheckReport:
    ok: bool
    checks: Sequence[Check]
    response_ms: int = 0
    account: str = ""
    account_id: str = ""
    api_version: str = ""
    missing_scopes: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class ChangeHint:
    """What a webhook tells: this record may have changed. Never data to apply.

    ``external_id`` empty means "poll this resource". ``is_delete`` only nominates.
    """

    resource: str
    external_id: str = ""
    event: str = ""
    is_delete: bool = False
    actor_id: str = ""
    parent_id: str = ""


@dataclass(frozen=True, slots=True)
class WebhookRequest:
    """The raw request, as received. ``headers`` keys are lower case."""

    method: str
    headers: Mapping[str, str]
    body: bytes
    query: Mapping[str, str]
    url: str  # the configured public URL, never taken from the Host header
    received_at: datetime


@dataclass(frozen=True, slots=True)
class WebhookAnswer:
    """A handshake's answer: sent as is, nothing stored."""

    status: int = 200
    body: bytes = b""
    content_type: str = "text/plain"
    headers: Mapping[str, str] = field(default_factory=dict)


class BadSignature(Exception):
    """The request does not prove where it comes from (401). ``str()`` is safe to show."""


class BadTimestamp(BadSignature):
    """Signed or not, the request is too old, from the future, or bears no time (400)."""


class BadPayload(Exception):
    """The request is genuine but unreadable (400)."""


class UnknownEvent(Exception):
    """An event neither handled nor ignored on purpose: stored and reported."""


class Webhooks(Protocol):
    """A connector's ``webhooks.py`` exposes ``WEBHOOKS`` with these methods; all are pure."""

    def handshake(self, request: WebhookRequest, secrets: Sequence[str]) -> WebhookAnswer | None: ...

    def verify(
        self,
        request: WebhookRequest,
        secrets: Sequence[str],
        settings: Mapping[str, Any],
    ) -> None:
        """Raise ``BadSignature`` unless one of ``secrets`` (newest first) signed the raw bytes."""

    def delivery_id(self, request: WebhookRequest) -> str | None: ...

    def event_name(self, request: WebhookRequest, payload: Any) -> str: ...

    def parse(self, request: WebhookRequest, payload: Any, settings: Mapping[str, Any]) -> list[ChangeHint]:
        """Hints; empty for events ignored on purpose. Raises ``UnknownEvent`` or ``BadPayload``."""


@dataclass(frozen=True, slots=True)
class LinkSpec:
    """A default link of a resource's field map; the same shape as a saved FieldMap's link.

    ``external`` is one path or several (joined by the transform). ``transform`` is
    ``{"name": …, **options}``; see ``reconcile.transforms``. ``group`` names fields decided together. A ``create_only``
    field is said when the record is made there and never changed: an edit of it here goes to a reviewer, not to ``update``.
    """

    local: str
    external: str | tuple[str, ...]
    transform: Mapping[str, Any] | None = None
    direction: str = "both"
    required: bool = False
    default: Any = None
    group: str = ""
    key: str = ""
    create_only: bool = False


@dataclass(frozen=True, slots=True)
class Resource:
    """One kind of record of the vendor. ``record_type`` is the local type it maps to by default."""

    name: str
    record_type: str
    label: str
    can: frozenset[Can]
    links: tuple[LinkSpec, ...]
    create_class: CreateClass = CreateClass.UNPROVABLE
    other_record_types: tuple[str, ...] = ()
    #: default links where it is mapped to one of ``other_record_types``; ``links`` are those of ``record_type``
    other_links: Mapping[str, tuple[LinkSpec, ...]] = field(default_factory=dict)
    parent: str = ""  # resource whose ids list this one (comments of issues)
    lists_across_parents: bool = True  # False: list_page needs parent_id, one parent at a time
    refers_to: tuple[str, ...] = ()  # resources that must be synced first
    incremental: bool = True  # False: the vendor has no updated-since; lists are compared by fingerprint
    overlap: timedelta = timedelta(minutes=2)
    list_is_complete: bool = True  # an unfiltered list returns every live record
    rows_are_complete: bool = True  # list rows carry every mapped field
    absence_check: bool = True  # get by id can tell deleted from no access
    version_check: bool = False  # the vendor refuses stale writes
    status_links: tuple[str, ...] = ()  # link keys edited as a status map
    page_size: int = 100
    time_granularity: timedelta = timedelta(seconds=1)  # the step of the vendor's updated-at
    list_lag: timedelta = timedelta()  # how long a list may go on showing what was before
    deletion_evidence: str = ""  # for people: what proves that a record is gone; "" = a get by id answers 404

    @property
    def create_only(self) -> frozenset[str]:
        """The external paths that ``update`` is never given."""
        links = [*self.links, *(link for links in self.other_links.values() for link in links)]
        return frozenset(str(link.external) for link in links if link.create_only)

    def links_for(self, record_type: str) -> tuple[LinkSpec, ...]:
        """The default links when it is mapped to that record type; empty where it has none for it."""
        return self.links if record_type == self.record_type else self.other_links.get(record_type, ())


@dataclass(frozen=True, slots=True)
class SecretField:
    """One credential or configuration input, for the form: ``name``, label, help, whether it is secret.

    ``choices`` are (value, label) where only some values make sense; the first is what counts where none is given.
    ``picks`` are kinds of ``Client.containers``, outermost first: the last is picked from, and the value is its id; the
    others say where it is. A draft may lack such a value: only a connected client can list what there is.
    """

    name: str
    label: str
    help: str = ""
    secret: bool = True
    required: bool = True
    url: str = ""
    choices: tuple[tuple[str, str], ...] = ()
    picks: tuple[str, ...] = ()

    def accepts(self, value: Any) -> bool:
        """True if nothing is chosen, or one of the choices exactly: connectors compare it as it stands."""
        return not self.choices or value in (None, "", *(word for word, _ in self.choices))


NO_OR_YES = (("no", "No"), ("yes", "Yes"))
YES_OR_NO = (("yes", "Yes"), ("no", "No"))


@dataclass(frozen=True, slots=True)
class SetUpTemplate:
    """A ready-made set-up offered in the wizard (B4). ``settings`` are fields of an integration, as B1 names them."""

    name: str
    description: str
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RateBudget:
    """Requests allowed per window and quota class; ``reserve`` is kept for people's own edits.

    ``concurrency`` is how many of the class may be under way at once, over all workers. 0 = no figure of its own: it
    counts with the class "default", and without limit where that has none either.
    """

    requests: int
    per_seconds: float
    quota_class: str = "default"
    concurrency: int = 0
    reserve: float = 0.1


@dataclass(frozen=True, slots=True)
class WebhookRegistration:
    """A webhook as the vendor holds it.

    ``secret`` is set where the vendor made up what it signs with, and tells it: the hub stores it as its newest
    signing secret. "" means that the known one stays in force.
    """

    id: str
    url: str
    events: Sequence[str] = ()
    active: bool = True
    secret: str = field(default="", repr=False)
    expires_at: datetime | None = None  # register again well before; None = it does not expire


class Client(Protocol):
    """A connector bound to one integration's settings and credentials. Every call may raise ``SyncError``.

    ``fields`` of writes are ``{external path: vendor value}``, only what is to change.
    """

    def check(self) -> CheckReport: ...

    def containers(self, kind: str = "", parent_id: str = "") -> list[Container]:
        """What there is to pick from. A kind that a setting ``picks`` is listed whole where no parent is named, also by
        a client whose settings do not say the place yet."""

    def list_page(
        self,
        resource: str,
        *,
        since: datetime | None = None,
        token: Any = None,
        parent_id: str | None = None,
    ) -> Page: ...

    def get(self, resource: str, external_id: str, *, parent_id: str | None = None) -> ExternalRecord: ...

    def get_many(self, resource: str, external_ids: Sequence[str]) -> dict[str, ExternalRecord]:
        """Those that could be read; the absent are simply not in the answer."""

    def create(
        self,
        resource: str,
        fields: Mapping[str, Any],
        *,
        key: str,
        parent_id: str | None = None,
    ) -> ExternalRecord: ...

    def update(
        self,
        resource: str,
        external_id: str,
        fields: Mapping[str, Any],
        *,
        current: ExternalRecord,
        parent_id: str | None = None,
    ) -> ExternalRecord:
        """Write only ``fields``, guarded by ``current.version`` where the vendor can; answers what it now holds."""

    def archive(self, resource: str, external_id: str, *, current: ExternalRecord | None = None) -> None: ...

    def delete(
        self,
        resource: str,
        external_id: str,
        *,
        parent_id: str | None = None,
        current: ExternalRecord | None = None,
    ) -> None: ...

    def find_by_key(
        self, resource: str, key: str, *, since: datetime, parent_id: str | None = None
    ) -> ExternalRecord | None:
        """The record an earlier create with this key made, from a strongly consistent place; None if none."""

    def explain_absence(
        self,
        resource: str,
        external_ids: Sequence[str],
        *,
        parent_id: str | None = None,
    ) -> dict[str, Absence]: ...

    def container_token(self) -> str:
        """What identifies account and container now; a change means we look at something else (E7)."""

    def ensure_webhook(self, url: str, secret: str) -> WebhookRegistration | None: ...

    def remove_webhooks(self, url: str) -> int: ...

    def close(self) -> None: ...


Pages = Iterator[Page]
