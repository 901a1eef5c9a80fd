"""Walk a resource page by page: resume where it stopped, advance the cursor only with durable rows (E9, I9)."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, connection, transaction
from django.db.models import Exists, OuterRef, QuerySet

from connectors.base.errors import ContractBroken, RecordGone, RecordProblem
from connectors.base.types import Client, Page
from integrations.models import Cursor, Integration, Mapping, MappingState, SweepSeen, SyncJob, SyncMethod
from integrations.services.marks import mark_dirty
from live.gathering import GATHER_SECONDS, gathered, let_go
from reconcile.digest import digest
from sync.context import ResourceContext
from sync.pairs import Seen
from sync.runtime import runtime
from sync.services.page_run import PageCounts, PageRun
from sync.services.pages import page_take
from workspace.bulk import upsert_rows

logger = logging.getLogger(__name__)

#: a sweep that misses more than this share of what we know is not believed
BELIEVABLE_LOSS = 0.2
BELIEVABLE_COUNT = 20
SAMPLE = 20


@dataclass
class PullReport:
    """What walking a resource came to."""

    outcomes: Counter[str] = field(default_factory=Counter)
    errors: list[tuple[str, str]] = field(default_factory=list)
    pages: int = 0
    warning: str = ""

    def add(self, counts: PageCounts) -> None:
        self.outcomes += counts.outcomes
        self.errors = (self.errors + counts.errors)[:20]
        self.pages += 1


@dataclass
class Sweep:
    """A walk under way; the cursor keeps it from page to page, so that the next run goes on where this one stops."""

    full: bool
    started_at: datetime  # by our clock
    server_started_at: datetime | None = None  # by the vendor's: all changes until then will have been read
    follows: bool = False  # along the vendor's own feed of what changed
    token: Any = None  # of the next page
    after: str | None = None  # where children are listed per parent: the last pair whose children are through

    @classmethod
    def stored(cls, cursor: Cursor) -> Sweep | None:
        kept = cursor.sweep
        if not kept:
            return None
        server = kept.get("server_started_at")
        return cls(
            bool(kept.get("full")), datetime.fromisoformat(kept["started_at"]),
            datetime.fromisoformat(server) if server else None, bool(kept.get("follows")), kept.get("token"),
            kept.get("after"),
        )  # fmt: skip

    def as_json(self) -> dict[str, Any]:
        found = asdict(self) | {"started_at": self.started_at.isoformat()}
        if self.server_started_at is not None:
            found["server_started_at"] = self.server_started_at.isoformat()
        return found


@dataclass
class Pull:
    """One walk over one resource. ``checkpoint`` is called in each page's transaction: heartbeat and progress."""

    rc: ResourceContext
    client: Client
    job: SyncJob | None
    full: bool
    checkpoint: Callable[[PullReport, str], None]
    method: SyncMethod = SyncMethod.POLL
    sends_out: bool = True  # see ``PageRun``
    parent_id: str = ""  # only the children of this one, where they are listed per parent
    is_aside: bool = False  # asked for by a webhook, perhaps beside a run: it leaves that run's place alone
    report: PullReport = field(default_factory=PullReport)

    def run(self) -> PullReport:
        """Raises ``SyncError``; what was taken in until then stays, and the next run resumes."""
        cursor, _ = Cursor.objects.get_or_create(integration=self.rc.integration, resource=self.rc.name)
        is_full = self.full or cursor.since is None
        if self.is_aside and cursor.since is None and cursor.sweep:
            return self.report  # the import under way reads it all
        with gathered():
            if self.rc.resource.parent and not self.rc.resource.lists_across_parents:
                self._walk_parents(cursor, is_full)
            else:
                self._walk(cursor, is_full or not self.rc.resource.incremental)
        return self.report

    # -- one walk -------------------------------------------------------------------------------------------

    def _walk(self, cursor: Cursor, is_full: bool) -> None:
        """From where the last walk of this kind broke off; from the start if the vendor no longer knows that place."""
        sweep = self._sweep(cursor, is_full)
        pages = self.report.pages
        try:
            self._walk_from(sweep, cursor, is_full)
        except (ContractBroken, RecordGone, RecordProblem):
            if (sweep.token is None and not sweep.follows) or self.report.pages > pages:
                raise
            cursor.sweep = None
            if sweep.token is None:
                cursor.resume = None
            self._walk_from(self._sweep(cursor, is_full), cursor, is_full)

    def _walk_from(self, sweep: Sweep, cursor: Cursor, is_full: bool) -> None:
        since = None
        if not (is_full or sweep.follows or cursor.since is None):
            since = cursor.since - self.rc.resource.overlap
        token = cursor.resume if sweep.follows and sweep.token is None else sweep.token
        for page, fetched_at, read in self._pages(since, token, None):
            if sweep.server_started_at is None:
                sweep.server_started_at = page.server_time or fetched_at
            sweep.token = page.next_token
            run = self._page_run(fetched_at, read)
            self._take(page, run, cursor, sweep, is_full, is_last=page.next_token is None)

    def _sweep(self, cursor: Cursor, is_full: bool) -> Sweep:
        """The walk under way, or a new one. A changed kind of walk starts over."""
        fresh = Sweep(is_full, runtime().now())
        if self.is_aside:
            return fresh
        fresh.follows = not is_full and cursor.resume is not None
        kept = Sweep.stored(cursor)
        if kept is not None and kept.full == is_full and kept.token is not None:
            return kept
        SweepSeen.objects.filter(cursor=cursor).delete()
        return fresh

    def _take(
        self,
        page: Page,
        run: PageRun,
        cursor: Cursor,
        sweep: Sweep,
        is_full: bool,
        is_last: bool,
    ) -> None:
        """Rows, what was seen, cursor and heartbeat in one transaction."""
        for attempt in range(3):
            try:
                with transaction.atomic():
                    counts = page_take(run, page)
                    if is_last and not self.is_aside and page.resume is not None:
                        cursor.resume = page.resume
                    self._advance(cursor, counts, sweep, is_full, is_last)
                    self.report.add(counts)
                    self.checkpoint(self.report, self.rc.name)
                break
            except IntegrityError:  # another worker linked one of these records first: look again
                if attempt == 2:
                    raise
        runtime().point("after_page")

    def _advance(
        self, cursor: Cursor, counts: PageCounts, sweep: Sweep, is_full: bool, is_last: bool
    ) -> None:
        if self.is_aside:
            if is_last:
                self._save_since(cursor, sweep)
            return
        if is_full and counts.seen:
            upsert_rows(
                SweepSeen,
                ["cursor_id", "mapping_id"],
                [(cursor.id, mapping_id) for mapping_id in dict.fromkeys(counts.seen)],
                unique="sweep_seen_once",
                update=[],
            )
        cursor.sweep = None if is_last else sweep.as_json()
        if is_last:
            self._finish(cursor, sweep, is_full)
        runtime().point("before_cursor")
        cursor.save(update_fields=["since", "sweep", "resume", "generation", "updated_at"])

    def _save_since(self, cursor: Cursor, sweep: Sweep) -> None:
        """All changes until the walk began were read; nothing else of the row is ours."""
        Cursor.objects.filter(id=cursor.id).update(since=sweep.server_started_at, updated_at=runtime().now())

    def _finish(self, cursor: Cursor, sweep: Sweep, is_full: bool) -> None:
        cursor.since = sweep.server_started_at
        if is_full:
            cursor.generation += 1
            if self.rc.resource.list_is_complete:
                self._nominate_unseen(cursor, sweep.started_at)
            SweepSeen.objects.filter(cursor=cursor).delete()

    def _nominate_unseen(self, cursor: Cursor, started_at: datetime) -> None:
        """Pairs that a complete sweep did not see are looked up by id; a suspicious loss is not believed (F8)."""
        linked = Mapping.objects.live().filter(
            integration=self.rc.integration, resource=self.rc.name, external_id__isnull=False
        )
        known = linked.exclude(state=MappingState.OUT_OF_SCOPE)
        # Not "id not in (…)": what does not fit PostgreSQL's work_mem it would search anew for every pair.
        seen = SweepSeen.objects.filter(cursor=cursor, mapping_id=OuterRef("id"))
        unseen = known.filter(~Exists(seen), created_at__lt=started_at)
        count, total = unseen.count(), known.count()
        ids: list[UUID] = list(unseen.values_list("id", flat=True)[:2000])
        if count > BELIEVABLE_COUNT and count > total * BELIEVABLE_LOSS:
            self.report.warning = (
                f"The listing lacks {count} of {total} known {self.rc.resource.label}s. Nothing was deleted; "
                f"{SAMPLE} of them are being looked up one by one."
            )
            ids = ids[:SAMPLE]
        self._nominate(ids, "not in the listing")

    # -- children listed per parent ---------------------------------------------------------------------------

    def _walk_parents(self, cursor: Cursor, is_full: bool) -> None:
        """One walk per parent that changed since the last time (all parents on a full run).

        Resumes after the last parent that was finished; ``since`` is the vendor's time when the walk began.
        """
        sweep = None if self.parent_id or self.is_aside else Sweep.stored(cursor)
        if sweep is None or sweep.full != is_full or sweep.after is None:
            offset = timedelta(seconds=self.rc.integration.clock_offset_seconds)
            sweep = Sweep(is_full, runtime().now(), runtime().now() + offset)
        since = None if is_full or cursor.since is None else cursor.since - self.rc.resource.overlap
        parents = self._parents(since).order_by("id").values_list("id", "external_id")
        if sweep.after:
            parents = parents.filter(id__gt=sweep.after)
        for mapping_id, parent_id in parents.iterator(500):
            try:
                self._walk_parent(str(parent_id), since, sweep.started_at)
            except RecordGone:  # it went away since we saw it: its own story, not the end of this walk
                self._nominate([mapping_id], "gone")
            if not self.parent_id and not self.is_aside:
                sweep.after = str(mapping_id)
                cursor.sweep = sweep.as_json()
                cursor.save(update_fields=["sweep", "updated_at"])
        if self.parent_id:
            return  # the others were not looked at
        if self.is_aside:
            self._save_since(cursor, sweep)
            return
        cursor.since, cursor.sweep = sweep.server_started_at, None
        cursor.save(update_fields=["since", "sweep", "updated_at"])

    def _parents(self, since: datetime | None) -> QuerySet[Mapping]:
        parents = Mapping.objects.live().filter(
            integration=self.rc.integration,
            resource=self.rc.resource.parent,
            external_id__isnull=False,
            record_id__isnull=False,
        )
        if self.parent_id:
            return parents.filter(external_id=self.parent_id)
        return parents if since is None else parents.filter(external_updated_at__gte=since)

    def _walk_parent(self, parent_id: str, since: datetime | None, started_at: datetime) -> None:
        """One parent's children; those that a complete listing of them lacks are looked up by id."""
        seen: set[UUID] = set()
        if not self.rc.resource.incremental:
            since = None
        for page, fetched_at, read in self._pages(since, None, parent_id):
            run = self._page_run(fetched_at, read)
            with transaction.atomic():
                counts = page_take(run, page)
                self.report.add(counts)
                self.checkpoint(self.report, self.rc.name)
            seen.update(counts.seen)
        if since is None and self.rc.resource.list_is_complete:
            known = Mapping.objects.live().filter(
                integration=self.rc.integration, resource=self.rc.name, external_parent_id=parent_id
            )
            known = known.filter(created_at__lt=started_at, external_id__isnull=False)
            known = known.exclude(state=MappingState.OUT_OF_SCOPE)
            self._nominate(
                [i for i in known.values_list("id", flat=True) if i not in seen], "not in the listing"
            )

    def _nominate(self, mapping_ids: list[UUID], reason: str) -> None:
        """Have these pairs looked at by id: only that can prove anything."""
        if mapping_ids:
            mark_dirty(
                mapping_ids=mapping_ids,
                reason=reason,
                priority=7,
                method=self.method,
                now=runtime().now(),
            )

    def _page_run(self, fetched_at: datetime, read: dict[str, Seen]) -> PageRun:
        correlation_id = self.job.correlation_id if self.job else ""
        return PageRun(
            self.rc, self.job, fetched_at, self.method, correlation_id, self.sends_out, self._is_alone, read
        )

    @cached_property
    def _is_alone(self) -> bool:
        others = Integration.objects.filter(tenant_id=self.rc.integration.tenant_id, deleted_at__isnull=True)
        return not others.exclude(id=self.rc.integration.id).exists()

    # -- pages ------------------------------------------------------------------------------------------------

    def _pages(
        self, since: datetime | None, token: Any, parent_id: str | None
    ) -> Iterator[tuple[Page, datetime, dict[str, Seen]]]:
        """Pages with the moment their request began and what they say, one fetched and read ahead.

        Ends only on the positive end signal.
        """

        def fetch(token: Any) -> tuple[Page, datetime, dict[str, Seen]]:
            started = runtime().now()
            page = self.client.list_page(self.rc.name, since=since, token=token, parent_id=parent_id)
            return page, started, {record.id: Seen.of(self.rc, record) for record in page.records}

        seen: set[str] = set()
        with _Ahead() as ahead:
            pending = ahead.submit(fetch, token)
            for _ in range(self.rc.integration.page_limit):
                page, started, read = pending()
                if page.next_token is not None:
                    mark = digest({"t": page.next_token})
                    if mark in seen:
                        raise ContractBroken(
                            "The listing repeats itself: the same page was offered twice, so its end can't be trusted."
                        )
                    seen.add(mark)
                    pending = ahead.submit(fetch, page.next_token)
                yield page, started, read
                if page.next_token is None:
                    return
        raise ContractBroken(
            f"The listing has more than {self.rc.integration.page_limit} pages; raise the page limit if that is right."
        )


class _Ahead:
    """Runs one call ahead in a thread, or on demand where the runtime wants no threads."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(1) if runtime().reads_ahead else None

    def __enter__(self) -> _Ahead:
        return self

    def __exit__(self, *error: object) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)

    def submit(self, call: Callable[..., Any], *args: Any) -> Callable[[], Any]:
        if self._pool is None:
            return lambda: call(*args)

        def in_thread() -> Any:
            try:
                return call(*args)
            finally:
                connection.close()  # a token refresh may have opened one in this thread

        future = self._pool.submit(in_thread)

        def result() -> Any:
            wait([future], timeout=GATHER_SECONDS)
            if (
                not future.done()
            ):  # a slow vendor, or a wait for its budget: what was taken in is told meanwhile
                let_go()
            return future.result()

        return result


#: how often a job shows that it is alive
HEARTBEAT = timedelta(seconds=settings.LOCKSTEP_LEASE_SECONDS)
