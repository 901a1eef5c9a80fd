"""A whole hub in one thread: vendors, people, workers and accidents, all owned by one seeded scheduler.

Wake-ups do not exist here: the scheduler calls whichever worker it likes, whenever it likes, which includes never
until later. So a lost, late or doubled wake-up is the ordinary case. The database is real; time, ids, chance and the
network are handed in. The same seed gives the same trace.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from typing import Any
from unittest.mock import patch
from uuid import UUID

from django.contrib.auth.models import User
from django.db import transaction

from conflicts.models import ConflictKind, ConflictResolution, ConflictStatus
from conflicts.services import RECORD_GROUP, StaleConflict, conflict_decide
from connectors import registry
from integrations.models import (
    Cursor,
    Integration,
    JobKind,
    Mapping,
    MappingState,
    SyncJob,
)
from integrations.services.mappings import mapping_release
from integrations.services.marks import mark_dirty
from sync.runtime import use_runtime
from sync.services import deliveries, drains, jobs, maintenance, outbox
from tests.simulation.declared import declared_profiles
from tests.simulation.oracle import Oracle
from tests.simulation.vendor import PROFILES, Card, SimClient, SimVendor, sim_connector
from workspace import ids, wakeups
from workspace.models import Change, OriginKind, Task, Tenant
from workspace.services import Origin, StaleRevision, record_create, record_delete, record_update

DECLARED = declared_profiles()
KINDS = {**PROFILES, **DECLARED}
POINTS = (
    "after_intent", "after_call", "before_call", "after_bring_in", "after_bases", "before_cursor", "after_page",
)  # fmt: skip
FAULTS = ("timeout_before", "timeout_after", "timeout_after", "500", "429", "html")
LABELS = ("red", "green", "blue", "late", "vip")


class Killed(BaseException):
    """The worker process died here."""


class World:
    """One run: ``step`` does one random thing, ``settle`` lets everything come to rest."""

    def __init__(self, seed: int, profiles: tuple[str, ...]) -> None:
        self.seed = seed
        self.rng = random.Random(seed)
        self.clock = datetime(2026, 3, 28, 20, tzinfo=UTC) + timedelta(minutes=seed % 977)
        self.trace: list[str] = []
        self.counts: Counter[str] = Counter()
        self.oracle = Oracle()
        self.kill_at: str | None = None
        self.serial = 0
        self.profiles = profiles
        self.vendors: dict[UUID, SimVendor] = {}

    # -- the world's physics --------------------------------------------------------------------------------

    @contextmanager
    def physics(self) -> Iterator[None]:
        """Own the clock, ids, chance, clients and wake-ups for the time of a run."""
        connectors = {f"sim_{p}": sim_connector(KINDS[p]) for p in self.profiles}
        id_rng = random.Random(self.seed + 1)

        def new_id() -> UUID:
            self.serial += 1
            return UUID(int=(self.serial << 80) | (7 << 76) | (2 << 62) | id_rng.getrandbits(60))

        ids.use_source(new_id)
        with (
            patch.object(registry, "get", connectors.__getitem__),
            patch.object(wakeups, "_send", lambda task, kwargs: None),
            use_runtime(
                now=self.now,
                chance=self.rng.random,
                open_client=lambda integration, priority: SimClient(self.vendors[integration.id]),
                point=self.point,
                reads_ahead=False,
            ),
        ):
            try:
                yield
            finally:
                ids.use_source(None)

    def now(self) -> datetime:
        return self.clock

    def point(self, name: str) -> None:
        if self.kill_at == name:
            self.kill_at = None
            self.note(f"killed {name}")
            raise Killed(name)

    def note(self, what: str) -> None:
        self.trace.append(f"{self.clock:%H:%M:%S} {what}")
        self.counts[what.split()[0]] += 1

    def build(self) -> None:
        """A tenant with one integration per profile, all creating on both sides."""
        self.tenant = Tenant.objects.create(name="Sim", slug=f"sim-{self.seed}")
        self.reviewer = User.objects.create(username=f"reviewer-{self.seed}")
        strategy = self.rng.choice(["latest_wins", "manual_review", "external_wins", "local_wins"])
        for name in self.profiles:
            integration = Integration.objects.create(
                tenant=self.tenant,
                name=name,
                connector=f"sim_{name}",
                status="ACTIVE",
                resource_types=["card"],
                conflict_strategy=strategy,
                create_missing_externally=True,
                delete_policy=self.rng.choice(["delete", "archive", "ask"]),
                delete_budget_count=1000,
                delete_budget_percent=100,
            )
            self.vendors[integration.id] = SimVendor(KINDS[name], self.now)

    # -- steps ------------------------------------------------------------------------------------------------

    def step(self) -> None:
        weights: list[tuple[int, Callable[[], None]]] = [
            (6, self.person_creates_here),
            (6, self.person_creates_there),
            (16, self.person_edits_here),
            (16, self.person_edits_there),
            (2, self.person_deletes_here),
            (2, self.person_deletes_there),
            (14, self.worker_drains_changes),
            (18, self.worker_drains_pairs),
            (10, self.worker_polls),
            (10, self.webhooks_arrive),
            (3, self.reviewer_decides),
            (6, self.something_breaks),
            (10, self.time_passes),
            (1, self.access_changes),
        ]
        action = self.rng.choices([a for _, a in weights], [w for w, _ in weights])[0]
        self.clock += timedelta(milliseconds=self.rng.randint(5, 900))
        action()

    def _value(self, field: str) -> Any:
        """A value nobody wrote before, where the oracle follows the field; any other value elsewhere."""
        self.serial += 1
        match field:
            case "title":
                return f"title {self.serial}"
            case "description":
                # some texts are longer than a normalising vendor keeps, some end in blanks it trims
                tail = self.rng.choice(["", "", " and much more than some vendors are willing to keep", "  "])
                return f"description {self.serial}{tail}"
            case "priority":
                return self.rng.choice(["low", "high"])
            case "due_on":
                return date(2026, self.rng.randint(1, 12), self.rng.randint(1, 28)).isoformat()
        return sorted(self.rng.sample(LABELS, self.rng.randint(0, 3)))

    def person_creates_here(self) -> None:
        if Task.objects.filter(tenant=self.tenant).count() >= 14:
            return
        values = {"title": self._value("title"), "description": self._value("description")}
        record = record_create(
            tenant=self.tenant,
            record_type="task",
            values=values,
            origin=Origin(kind=OriginKind.USER),
            now=self.clock,
        )
        self.oracle.created_here(record.id, values)
        self.note(f"here+ {values['title']}")

    def person_creates_there(self) -> None:
        vendor = self._vendor()
        if len(vendor.cards) >= 14:
            return
        values = {"name": self._value("title"), "notes": self._value("description"), "prio": "0"}
        card = vendor.add(values)
        self.oracle.created_there(vendor, card, card.fields)
        self.note(f"there+ {card.id} {values['name']}")

    def person_edits_here(self) -> None:
        record = self._task()
        if record is None:
            return
        field = self.rng.choice(["title", "description", "description", "labels", "priority", "due_on"])
        value = self._value(field)
        if field == "description" and self.rng.random() < 0.15:
            value = ""
        before = getattr(record, field)
        try:
            record_update(
                tenant=self.tenant,
                record_type="task",
                record_id=record.id,
                values={field: value},
                origin=Origin(kind=OriginKind.USER),
                now=self.clock,
            )
        except StaleRevision:
            return
        self.oracle.edited_here(record.id, field, before, value)
        self.note(f"here= {str(record.id)[:13]} {field}={value}")

    def person_edits_there(self) -> None:
        vendor = self._vendor()
        cards = vendor.alive()
        if not cards:
            return
        card = self.rng.choice(cards)
        field, path = self.rng.choice(
            [
                ("title", "name"),
                ("description", "notes"),
                ("labels", "tags"),
                ("priority", "prio"),
                ("due_on", "due"),
            ]
        )
        value = self._value(field)
        if field == "priority":
            value = self.rng.choice(["L", "H", "X"])  # X has no counterpart here
        before = card.fields.get(path)
        vendor.change(card, {path: value})
        self.oracle.edited_there(vendor, card, field, before, card.fields[path])
        self.note(f"there= {card.id} {field}={value}")

    def person_deletes_here(self) -> None:
        record = self._task()
        if record is None:
            return
        record_delete(
            tenant=self.tenant,
            record_type="task",
            record_id=record.id,
            origin=Origin(kind=OriginKind.USER),
            now=self.clock,
        )
        self.oracle.deleted_here(record.id)
        self.note(f"here- {str(record.id)[:13]}")

    def person_deletes_there(self) -> None:
        vendor = self._vendor()
        cards = vendor.alive()
        if cards:
            card = self.rng.choice(cards)
            vendor.remove(card)
            self.oracle.deleted_there(vendor, card)
            self.note(f"there- {card.id}")

    def _task(self) -> Task | None:
        rows = list(Task.objects.filter(tenant=self.tenant, deleted_at__isnull=True).order_by("id"))
        return self.rng.choice(rows) if rows else None

    def _vendor(self) -> SimVendor:
        return self.rng.choice(list(self.vendors.values()))

    # -- workers ----------------------------------------------------------------------------------------------

    def _work(self, name: str, task: Callable[[], Any]) -> None:
        """Run a worker; it may be killed, and then everything uncommitted is gone."""
        try:
            with transaction.atomic():  # stands for the worker's process
                self._checkpointed(task)
        except Killed:
            pass
        self.note(name)

    def _checkpointed(self, task: Callable[[], Any]) -> None:
        """What was committed before a kill stays: inner transactions are savepoints, kept by swallowing here."""
        try:
            task()
        except Killed:
            return

    def worker_drains_changes(self) -> None:
        self._work("drain-changes", outbox.changes_drain)

    def worker_drains_pairs(self) -> None:
        integration_id = self.rng.choice(list(self.vendors))
        self._work("drain-pairs", lambda: drains.integration_drain(integration_id=integration_id))

    def worker_polls(self) -> None:
        integration_id = self.rng.choice(list(self.vendors))
        waiting = SyncJob.objects.filter(integration_id=integration_id, finished_at__isnull=True).first()
        job = waiting or SyncJob.objects.create(
            tenant=self.tenant,
            integration_id=integration_id,
            kind=JobKind.MANUAL,
            options={"full": self.rng.random() < 0.3},
            run_at=self.clock,
            created_at=self.clock,
        )
        vendor = self.vendors[integration_id]
        if self.rng.random() < 0.4:  # the answer is slow: another worker gets things done meanwhile
            vendor.meanwhile = lambda: self._meanwhile(integration_id)
        self._work("poll", lambda: jobs.job_run(job_id=job.id))
        vendor.meanwhile = None

    def _meanwhile(self, integration_id: UUID) -> None:
        self.clock += timedelta(seconds=2)
        self.person_edits_here()
        outbox.changes_drain()
        drains.integration_drain(integration_id=integration_id)
        self.clock += timedelta(seconds=2)

    def webhooks_arrive(self) -> None:
        """Some of the waiting hints, in any order, some of them twice, some never."""
        for integration_id, vendor in self.vendors.items():
            self.rng.shuffle(vendor.hints)
            count = self.rng.randint(0, len(vendor.hints))
            arriving, vendor.hints = vendor.hints[:count], vendor.hints[count:]
            arriving = [hint for hint in arriving if self.rng.random() > 0.15]
            arriving += [hint for hint in arriving if self.rng.random() < 0.2]
            if arriving:
                self._take_hints(integration_id, arriving)

    def _take_hints(self, integration_id: UUID, hints: list[tuple[str, str]]) -> None:
        from connectors.base.types import ChangeHint

        integration = Integration.objects.get(id=integration_id)
        found = [ChangeHint("card", card_id, event, event == "deleted") for event, card_id in hints]
        with transaction.atomic():
            deliveries._mark(integration, found)
        self.note(f"webhooks {len(found)}")

    def reviewer_decides(self) -> None:
        pending = ConflictResolution.objects.filter(tenant=self.tenant, status=ConflictStatus.PENDING)
        for conflict in list(pending.order_by("created_at", "id"))[: self.rng.randint(1, 3)]:
            self._decide(conflict)

    def _decide(self, conflict: ConflictResolution) -> None:
        if conflict.kind == ConflictKind.POSSIBLE_DUPLICATE:
            return
        if conflict.group == RECORD_GROUP:
            choice = self.rng.choice(["keep_and_recreate", "accept_delete"])
            choices: dict[str, Any] = {RECORD_GROUP: {"choice": choice}}
            self.oracle.decided_record(conflict, choice)
        else:
            choices = {
                entry["key"]: {"choice": self.rng.choice(["local", "external"])} for entry in conflict.fields
            }
        try:
            self._send_decision(conflict, choices)
        except StaleConflict:
            self.note("decided-too-late")

    def _send_decision(self, conflict: ConflictResolution, choices: dict[str, Any]) -> None:
        conflict_decide(
            conflict_id=conflict.id,
            tenant=self.tenant,
            user=self.reviewer,
            choices=choices,
            push=True,
            seen_version=conflict.version,
            seen_local_revision=conflict.local_revision,
            seen_external_version=conflict.external_version,
            now=self.clock,
        )
        self.note(f"decided {conflict.group}")

    def something_breaks(self) -> None:
        if self.rng.random() < 0.5:
            self.kill_at = self.rng.choice(POINTS)
            self.note(f"will-kill {self.kill_at}")
        else:
            self._vendor().faults.append(self.rng.choice(FAULTS))
            self.note("fault")

    def time_passes(self) -> None:
        self.clock += timedelta(seconds=self.rng.choice([1, 5, 30, 130, 700]))
        self.note("time")

    def access_changes(self) -> None:
        """The hub's credentials lose sight of everything, or see it again."""
        vendor = self._vendor()
        vendor.is_readable = not vendor.is_readable
        vendor.was_hidden = True
        self.note(f"access {vendor.profile.name} {vendor.is_readable}")

    # -- rest -------------------------------------------------------------------------------------------------

    def settle(self) -> None:
        """No more accidents: everything that waits is done, until nothing is left to do."""
        self.kill_at = None
        for vendor in self.vendors.values():
            vendor.faults.clear()
            vendor.is_readable = True
        self._check_cursors()
        for _ in range(12):
            self.clock += timedelta(minutes=20)
            before = self._activity()
            self._settle_once()
            if self._activity() == before and not self._open_work():
                return
        raise AssertionError(f"seed {self.seed}: no rest after 12 rounds: {self._open_work()}")

    def _check_cursors(self) -> None:
        """I9: an undisturbed incremental run, and nothing but it, finds every change the vendor shows."""
        self.clock += timedelta(minutes=20)
        for integration_id, vendor in self.vendors.items():
            if vendor.was_hidden:  # what a listing hides without a word, only the full sweep can find
                continue
            if not vendor.profile.incremental or not Cursor.objects.filter(
                integration_id=integration_id, sweep__isnull=True
            ):
                continue
            Integration.objects.filter(id=integration_id).update(
                breaker_state="closed", breaker_failures=0, status="ACTIVE"
            )
            SyncJob.objects.filter(integration_id=integration_id, finished_at=None).delete()
            self._poll(integration_id, full=False)
            known = {m.external_id: m for m in Mapping.objects.filter(integration_id=integration_id)}
            for card in vendor.alive():
                mapping = known.get(card.id)
                if mapping is None:
                    raise AssertionError(f"I9 {vendor.profile.name} {card.id} was never noticed")
                if mapping.dirty_at or mapping.state not in {MappingState.SYNCED, MappingState.PENDING}:
                    continue
                title = (mapping.base_external or {}).get("title")
                if title != card.fields["name"]:
                    raise AssertionError(
                        f"I9 {vendor.profile.name} {card.id}: {title} became {card.fields['name']} unseen"
                    )

    def _settle_once(self) -> None:
        for conflict in ConflictResolution.objects.filter(tenant=self.tenant, status=ConflictStatus.PENDING):
            self._decide(conflict)
        self._requeue_dead()
        for integration_id in self.vendors:
            Integration.objects.filter(id=integration_id).update(
                breaker_state="closed", breaker_failures=0, status="ACTIVE"
            )
        held_back = Mapping.objects.filter(tenant=self.tenant, state=MappingState.QUARANTINED)
        for mapping in held_back.select_related("integration"):
            mapping_release(mapping=mapping, user=self.reviewer, now=self.clock)
        for integration_id in self.vendors:
            for job in SyncJob.objects.filter(integration_id=integration_id, finished_at__isnull=True):
                jobs.job_run(job_id=job.id)
            self._poll_fully(integration_id)
        for _ in range(6):
            while outbox.changes_drain():
                pass
            for integration_id in self.vendors:
                drains.integration_drain(integration_id=integration_id)
            self.clock += timedelta(seconds=70)
        maintenance.retry_sweep()

    def _poll_fully(self, integration_id: UUID) -> None:
        self._poll(integration_id, full=True)

    def _poll(self, integration_id: UUID, *, full: bool) -> None:
        job = SyncJob.objects.create(
            tenant=self.tenant,
            integration_id=integration_id,
            kind=JobKind.MANUAL,
            options={"full": full},
            run_at=self.clock,
            created_at=self.clock,
        )
        status = jobs.job_run(job_id=job.id)
        self.note(f"full-poll {status}")

    def _requeue_dead(self) -> None:
        dead = Mapping.objects.filter(tenant=self.tenant, is_dead=True)
        mark_dirty(
            mapping_ids=list(dead.values_list("id", flat=True)),
            reason="requeued",
            now=self.clock,
            clears_wait=True,
        )
        for mapping in Mapping.objects.filter(tenant=self.tenant, state=MappingState.IN_DOUBT):
            self.oracle.settle_doubt(mapping, self.vendors[mapping.integration_id], self.clock)

    def _open_work(self) -> dict[str, int]:
        rows = Mapping.objects.filter(tenant=self.tenant, dirty_at__isnull=False)
        return (
            {
                "dirty": rows.count(),
                "changes": Change.objects.filter(tenant=self.tenant, drained_at__isnull=True).count(),
                "conflicts": ConflictResolution.objects.filter(
                    tenant=self.tenant, status__in=[ConflictStatus.PENDING, ConflictStatus.DECIDED]
                ).count(),
            }
            if rows.exists() or self._has_open()
            else {}
        )

    def _has_open(self) -> bool:
        open_statuses = [ConflictStatus.PENDING, ConflictStatus.DECIDED]
        return (
            Change.objects.filter(tenant=self.tenant, drained_at__isnull=True).exists()
            or ConflictResolution.objects.filter(tenant=self.tenant, status__in=open_statuses).exists()
        )

    def _activity(self) -> tuple[int, ...]:
        return (
            Change.objects.filter(tenant=self.tenant).count(),
            *(len(vendor.writes) for vendor in self.vendors.values()),
        )

    def alive_cards(self, vendor: SimVendor) -> list[Card]:
        return vendor.alive()
