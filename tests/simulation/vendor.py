"""A vendor in memory, shaped by a capability profile: what it can prove, lose, delay, normalise and refuse."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from connectors.base.connector import Connector, Environment
from connectors.base.errors import (
    ContractBroken,
    PermissionProblem,
    RateLimited,
    RecordGone,
    Retryable,
    StaleWrite,
)
from connectors.base.types import (
    Absence,
    AbsenceKind,
    Can,
    CheckReport,
    Client,
    CreateClass,
    ExternalRecord,
    LinkSpec,
    Page,
    Resource,
    WebhookRegistration,
)


@dataclass(frozen=True)
class Profile:
    """What kind of vendor this is."""

    name: str
    create_class: CreateClass = CreateClass.MARKER
    version_check: bool = True
    granularity_seconds: float = 1.0
    list_lag_seconds: float = 0.0
    incremental: bool = True
    page_size: int = 5
    webhooks: bool = True
    normalises: bool = False  # trims and truncates texts to 40
    deletes_vanish: bool = False  # a deleted record answers 404 without proof; else 410
    reports_deletes: bool = False  # the feed names deleted ids
    can_archive: bool = True


PROFILES = {
    profile.name: profile
    for profile in (
        Profile("strict"),
        Profile("keyed", create_class=CreateClass.KEYED, version_check=False, granularity_seconds=0.001),
        Profile("unprovable", create_class=CreateClass.UNPROVABLE, version_check=False, deletes_vanish=True),
        Profile("lagging", list_lag_seconds=20, version_check=False, granularity_seconds=60, normalises=True),
        Profile("silent", webhooks=False, incremental=False, normalises=True, reports_deletes=False),
        Profile("feed", reports_deletes=True, page_size=2, granularity_seconds=60),
    )
}


@dataclass
class Card:
    id: str
    fields: dict[str, Any]
    version: int
    updated_at: datetime
    created_at: datetime
    key: str = ""
    is_deleted: bool = False
    is_archived: bool = False
    deleted_at: datetime | None = None


@dataclass
class SimVendor:
    """The other side. People edit it through ``person_*``; the hub through ``SimClient``."""

    profile: Profile
    now: Callable[[], datetime]
    cards: dict[str, Card] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    hints: list[tuple[str, str]] = field(default_factory=list)  # (event, id) of webhooks not yet delivered
    writes: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)
    is_readable: bool = True
    was_hidden: bool = False
    counter: int = 0
    meanwhile: Callable[[], None] | None = None  # what happens elsewhere while a listing is on its way
    needless: list[str] = field(default_factory=list)  # writes of what the record held already (I11)

    def stamp(self) -> datetime:
        """Now, at the vendor's granularity."""
        seconds = self.profile.granularity_seconds
        moment = self.now().timestamp()
        return datetime.fromtimestamp(moment - moment % seconds, tz=self.now().tzinfo)

    def normalise(self, values: Mapping[str, Any]) -> dict[str, Any]:
        if not self.profile.normalises:
            return dict(values)
        return {k: v.strip()[:40] if isinstance(v, str) else v for k, v in values.items()}

    def add(self, values: Mapping[str, Any], key: str = "") -> Card:
        self.counter += 1
        blank: dict[str, Any] = {"name": "", "notes": "", "prio": "0", "tags": [], "due": None}
        card = Card(f"c{self.counter}", {**blank, **self.normalise(values)}, 1, self.stamp(), self.now(), key)
        self.cards[card.id] = card
        self._notify("created", card.id)
        return card

    def change(self, card: Card, values: Mapping[str, Any]) -> None:
        card.fields.update(self.normalise(values))
        card.version += 1
        card.updated_at = self.stamp()
        self._notify("updated", card.id)

    def remove(self, card: Card) -> None:
        card.is_deleted = True
        card.deleted_at = self.now()
        card.updated_at = self.stamp()
        self._notify("deleted", card.id)

    def _notify(self, event: str, card_id: str) -> None:
        if self.profile.webhooks:
            self.hints.append((event, card_id))

    def alive(self) -> list[Card]:
        return [card for card in self.cards.values() if not card.is_deleted and not card.is_archived]


class SimClient:
    """The ``Client`` protocol over a ``SimVendor``, with the faults it was told to have."""

    def __init__(self, vendor: SimVendor) -> None:
        self.vendor = vendor
        self.profile = vendor.profile
        self.last_exchange = None

    def _fault(self, *, write: bool = False) -> str:
        """Raise the next fault; "after" is returned, to be raised once the write has had its effect."""
        if not self.vendor.faults:
            return ""
        fault = self.vendor.faults.pop(0)
        match fault:
            case "timeout_before":
                raise Retryable("timed out", code="timeout", ambiguous=write)
            case "timeout_after":
                return "after" if write else self._raise_timeout()
            case "500":
                raise Retryable("server error", ambiguous=write)
            case "429":
                raise RateLimited("slow down", retry_after=3)
            case "html":
                raise ContractBroken("HTML where JSON was expected: a login page?")
            case "403":
                raise PermissionProblem("no access")
        return ""

    def _raise_timeout(self) -> str:
        raise Retryable("timed out", code="timeout")

    def _record(self, card: Card) -> ExternalRecord:
        return ExternalRecord(
            resource="card",
            id=card.id,
            data={"id": card.id, **card.fields},
            version=str(card.version) if self.profile.version_check else None,
            updated_at=card.updated_at,
            is_archived=card.is_archived,
        )

    def check(self) -> CheckReport:
        return CheckReport(True, [])

    def containers(self, kind: str = "", parent_id: str = "") -> list[Any]:
        return []

    def list_page(
        self, resource: str, *, since: datetime | None = None, token: Any = None, parent_id: str | None = None
    ) -> Page:
        self._fault()
        visible_before = self.vendor.now() - timedelta(seconds=self.profile.list_lag_seconds)
        cards = [c for c in self.vendor.cards.values() if self.vendor.is_readable]
        if self.profile.list_lag_seconds:
            cards = [c for c in cards if c.created_at <= visible_before]
        if since is not None and self.profile.incremental:
            cards = [c for c in cards if c.updated_at >= since]
        gone = [c.id for c in cards if c.is_deleted] if self.profile.reports_deletes else []
        if self.profile.list_lag_seconds:  # a lagging index still shows what was just deleted
            cards = [c for c in cards if not c.is_deleted or (c.deleted_at or c.created_at) > visible_before]
        else:
            cards = [c for c in cards if not c.is_deleted]
        # pages are cut by key, not by offset: a list that moves meanwhile hides nothing
        cards = sorted(
            (c for c in cards if token is None or _number(c.id) > token), key=lambda c: _number(c.id)
        )
        page = cards[: self.profile.page_size]
        answer = Page(
            records=[self._record(card) for card in page],
            next_token=_number(page[-1].id) if len(cards) > len(page) else None,
            server_time=self.vendor.now(),
            deleted_ids=gone if token is None else [],
        )
        meanwhile, self.vendor.meanwhile = self.vendor.meanwhile, None
        if meanwhile is not None:
            meanwhile()
        return answer

    def _find(self, external_id: str) -> Card:
        card = self.vendor.cards.get(external_id)
        if card is None or not self.vendor.is_readable:
            raise RecordGone("not found")
        if card.is_deleted:
            raise RecordGone("deleted", proven=not self.profile.deletes_vanish)
        return card

    def get(self, resource: str, external_id: str, *, parent_id: str | None = None) -> ExternalRecord:
        self._fault()
        return self._record(self._find(external_id))

    def get_many(self, resource: str, external_ids: Sequence[str]) -> dict[str, ExternalRecord]:
        found = {}
        for external_id in external_ids:
            try:
                found[external_id] = self.get(resource, external_id)
            except RecordGone:
                continue
        return found

    def create(
        self, resource: str, fields: Mapping[str, Any], *, key: str, parent_id: str | None = None
    ) -> ExternalRecord:
        after = self._fault(write=True)
        if self.profile.create_class in {CreateClass.KEYED, CreateClass.UPSERT}:
            for card in self.vendor.cards.values():
                if card.key == key:
                    return self._record(card)
        card = self.vendor.add(fields, key)
        self.vendor.writes.append(("create", card.id, dict(fields)))
        if after:
            raise Retryable("timed out", code="timeout", ambiguous=True)
        return self._record(card)

    def update(
        self,
        resource: str,
        external_id: str,
        fields: Mapping[str, Any],
        *,
        current: ExternalRecord,
        parent_id: str | None = None,
    ) -> ExternalRecord:
        after = self._fault(write=True)
        card = self._find(external_id)
        if self.profile.version_check and current.version != str(card.version):
            raise StaleWrite("version moved")
        if not self.profile.version_check and {"id": card.id, **card.fields} != current.data:
            raise StaleWrite("changed since it was read")  # read, compare, write
        self.vendor.needless += [f"{card.id} {k}={v}" for k, v in fields.items() if card.fields.get(k) == v]
        self.vendor.change(card, fields)
        self.vendor.writes.append(("update", card.id, dict(fields)))
        if after:
            raise Retryable("timed out", code="timeout", ambiguous=True)
        return self._record(card)

    def archive(self, resource: str, external_id: str, *, current: ExternalRecord | None = None) -> None:
        after = self._fault(write=True)
        card = self._find(external_id)
        card.is_archived = True
        card.version += 1
        self.vendor.writes.append(("archive", card.id, {}))
        if after:
            raise Retryable("timed out", code="timeout", ambiguous=True)

    def delete(
        self,
        resource: str,
        external_id: str,
        *,
        parent_id: str | None = None,
        current: ExternalRecord | None = None,
    ) -> None:
        after = self._fault(write=True)
        self.vendor.remove(self._find(external_id))
        self.vendor.writes.append(("delete", external_id, {}))
        if after:
            raise Retryable("timed out", code="timeout", ambiguous=True)

    def find_by_key(
        self, resource: str, key: str, *, since: datetime, parent_id: str | None = None
    ) -> ExternalRecord | None:
        self._fault()
        for card in self.vendor.cards.values():
            if card.key == key and not card.is_deleted:
                return self._record(card)
        return None

    def explain_absence(
        self, resource: str, external_ids: Sequence[str], *, parent_id: str | None = None
    ) -> dict[str, Absence]:
        self._fault()
        answers = {}
        for external_id in external_ids:
            card = self.vendor.cards.get(external_id)
            if not self.vendor.is_readable:
                answers[external_id] = Absence(AbsenceKind.NO_ACCESS)
            elif card is None or card.is_deleted:
                answers[external_id] = Absence(AbsenceKind.DELETED)
            else:
                answers[external_id] = Absence(AbsenceKind.PRESENT, record=self._record(card))
        return answers

    def container_token(self) -> str:
        return "sim"

    def ensure_webhook(self, url: str, secret: str) -> WebhookRegistration | None:
        return None

    def remove_webhooks(self, url: str) -> int:
        return 0

    def close(self) -> None:
        return None


def _number(card_id: str) -> int:
    return int(card_id[1:])


LINKS = (
    LinkSpec("title", "name", required=True),
    LinkSpec("description", "notes"),
    LinkSpec("priority", "prio", transform={"name": "enum", "map": {"L": "low", "H": "high", "0": "none"}}),
    LinkSpec("labels", "tags", transform={"name": "set"}),
    LinkSpec("due_on", "due", transform={"name": "date"}),
)


def sim_connector(profile: Profile) -> Connector:
    """A connector whose single resource has the profile's abilities."""

    def open_client(
        base_url: str, settings: Mapping[str, Any], secrets: Mapping[str, Any], environment: Environment
    ) -> Client:
        raise NotImplementedError("the simulation hands in its own client")

    can = {Can.LIST, Can.GET, Can.CREATE, Can.UPDATE, Can.DELETE}
    if profile.can_archive:
        can.add(Can.ARCHIVE)
    return Connector(
        key=f"sim_{profile.name}",
        name=f"Sim {profile.name}",
        summary="A vendor in memory.",
        auth_types=("none",),
        secrets=(),
        settings=(),
        resources=(
            Resource(
                name="card",
                record_type="task",
                label="card",
                can=frozenset(can),
                links=LINKS,
                create_class=profile.create_class,
                incremental=profile.incremental,
                overlap=timedelta(
                    seconds=max(120.0, 2 * profile.granularity_seconds + profile.list_lag_seconds)
                ),
                version_check=profile.version_check,
                page_size=profile.page_size,
            ),
        ),
        open=open_client,
    )
