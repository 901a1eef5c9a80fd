"""Random commands of several people: projection = replay = page, undo of everything = start."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Callable
from datetime import UTC, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.contrib.auth.models import User

from boards.core.metrics import Figures, journeys
from boards.core.replay import columns
from boards.models import Board, Move, PeriodKind, SnapshotReason, Source, StageMetric
from boards.occupancy import stage_counts
from boards.selectors import column_page, layout_for
from boards.services.checks import verify
from boards.services.errors import BoardError, NothingToUndo
from boards.services.moves import Card, cards_move
from boards.services.neighbours import Target
from boards.services.rollup import figures_of, roll_up
from boards.services.snapshots import events_of, snapshot_take, state_at
from boards.services.undo import redo, undo
from tests.integration.boards.conftest import Clock, configure
from workspace.models import OriginKind, Task, Tenant
from workspace.services import Origin, record_delete, record_restore, record_update

STAGES = ["backlog", "todo", "in_progress", "review", "done"]


class World:
    def __init__(
        self, seed: int, board: Board, users: list[User], actor_for: Any, make_task: Any, clock: Clock
    ) -> None:
        self.rng, self.board, self.users = random.Random(seed), board, users
        self.actor_for, self.make_task, self.clock = actor_for, make_task, clock
        self.cards: list[UUID] = [
            make_task(f"card {number}", self.rng.choice(STAGES)).pk for number in range(8)
        ]

    def fresh(self) -> Board:
        return Board.objects.select_related("tenant").get(pk=self.board.pk)

    def step(self) -> None:
        what = self.rng.choice(
            ["move"] * 6 + ["bulk", "undo", "undo", "redo", "sync", "new", "delete", "snapshot"]
        )
        with contextlib.suppress(BoardError):
            getattr(self, what)()

    def move(self, count: int = 1) -> None:
        stage = self.rng.choice(STAGES)
        alive = list(Task.objects.filter(deleted_at__isnull=True).values_list("pk", "revision"))
        chosen = self.rng.sample(alive, min(count, len(alive)))
        others = Task.objects.filter(stage=stage, deleted_at__isnull=True).exclude(
            pk__in=[pk for pk, _ in chosen]
        )
        beside = self.rng.choice([None, *others.order_by("pk").values_list("pk", flat=True)])
        place = (
            {self.rng.choice(["after", "before"]): beside}
            if beside
            else {"edge": self.rng.choice(["top", "bottom"])}
        )
        cards_move(
            board=self.fresh(), cards=[Card(pk, revision) for pk, revision in chosen], target=Target(stage, **place),
            actor=self.actor_for(self.rng.choice(self.users)), now=self.clock(),
        )  # fmt: skip

    def bulk(self) -> None:
        self.move(3)

    def undo(self) -> None:
        undo(board=self.fresh(), actor=self.actor_for(self.rng.choice(self.users)), now=self.clock())

    def redo(self) -> None:
        redo(board=self.fresh(), actor=self.actor_for(self.rng.choice(self.users)), now=self.clock())

    def facts(self, card: UUID) -> dict[str, Any]:
        return {
            "tenant": self.board.tenant, "record_type": "task", "record_id": card, "origin": Origin(OriginKind.SYNC),
            "now": self.clock(),
        }  # fmt: skip

    def sync(self) -> None:
        card = self.rng.choice(self.cards)
        if Task.objects.get(pk=card).deleted_at is None:
            record_update(values={"stage": self.rng.choice(STAGES)}, **self.facts(card))

    def new(self) -> None:
        self.cards.append(self.make_task("new", self.rng.choice(STAGES)).pk)

    def delete(self) -> None:
        card = self.rng.choice(self.cards)
        gone = Task.objects.get(pk=card).deleted_at is not None
        (record_restore if gone else record_delete)(**self.facts(card))

    def snapshot(self) -> None:
        snapshot_take(board=self.fresh(), now=self.clock(), reason=SnapshotReason.MANUAL)


@pytest.fixture
def world(
    board: Board, alice: User, olga: User, actor_for: Any, make_task: Any, clock: Clock
) -> Callable[[int], World]:
    return lambda seed: World(seed, board, [alice, olga], actor_for, make_task, clock)


def shown(board: Board) -> dict[str, list[UUID]]:
    layout = layout_for(board)
    pages = {stage: [card.id for card in column_page(board, layout, stage).cards] for stage in STAGES}
    return {stage: cards for stage, cards in pages.items() if cards}


@pytest.mark.parametrize("seed", range(6))
def test_projection_replay_and_page_say_the_same_after_any_commands(
    world: Callable[[int], World], seed: int
) -> None:
    here = world(seed)
    configure(here.board, limits={"review": {"soft": 2, "hard": 3}})
    for _ in range(40):
        here.step()
    board = here.fresh()
    report = verify(board, here.clock())
    assert report.as_dict()["differences"] == [] and report.ok
    full, seq = state_at(board.pk, use_snapshots=False)
    assert seq == board.last_seq == Move.objects.count()
    assert state_at(board.pk)[0] == full  # snapshot + tail
    assert columns(full) == shown(board)
    assert stage_counts(board) == {stage: len(cards) for stage, cards in shown(board).items()}
    half = seq // 2
    assert state_at(board.pk, seq=half)[0] == state_at(board.pk, seq=half, use_snapshots=False)[0]


@pytest.mark.parametrize("seed", range(4))
def test_undoing_everything_gives_the_start_and_redoing_it_the_end(
    world: Callable[[int], World], alice: User, seed: int
) -> None:
    here = world(seed)
    here.users = [alice]
    start = shown(here.fresh())
    for _ in range(15):
        here.move(here.rng.choice([1, 1, 3]))
    end = shown(here.fresh())
    for way, expected in ((undo, start), (redo, end), (undo, start)):
        count = 0
        while True:
            try:
                way(board=here.fresh(), actor=here.actor_for(alice), now=here.clock())
                count += 1
            except NothingToUndo:
                break
        assert (count, shown(here.fresh())) == (15, expected)
    links = Move.objects.filter(source__in=[Source.UNDO, Source.REDO])
    originals = set(
        Move.objects.exclude(source__in=[Source.UNDO, Source.REDO]).values_list("command_id", flat=True)
    )
    assert {link.undoes for link in links} <= originals


def replayed(board: Board, row: StageMetric) -> Figures:
    """The period's figures from every event that there ever was."""
    return figures_of(
        board, row.since.astimezone(UTC), row.until.astimezone(UTC), events=list(events_of(board.pk))
    )


@pytest.mark.parametrize("seed", range(4))
def test_figures_of_a_time_need_only_what_moved_since(world: Callable[[int], World], seed: int) -> None:
    here = world(100 + seed)
    configure(here.board, limits={"review": {"soft": 1, "hard": 3}})
    for _ in range(50):
        here.step()
        here.clock.now += timedelta(minutes=37)
    board, now = here.fresh(), here.clock()
    every = list(events_of(board.pk))
    for hours in (0, 1, 4, 11, 23, 40):
        since = now - timedelta(hours=hours)
        assert figures_of(board, since, now) == figures_of(board, since, now, events=every), hours


def test_figures_that_are_kept_equal_a_replay(world: Callable[[int], World], tenant: Tenant) -> None:
    here = world(3)
    for _ in range(40):
        here.step()
        here.clock.now += timedelta(minutes=37)
    board, now = here.fresh(), here.clock()
    count = roll_up(board, now, {PeriodKind.DAILY: 3, PeriodKind.HOURLY: 30})
    assert (
        roll_up(board, now, {PeriodKind.DAILY: 3, PeriodKind.HOURLY: 30})
        == count
        == StageMetric.objects.count()
    )
    for row in StageMetric.objects.exclude(stage=""):
        found = replayed(board, row)
        stage = next(one for one in found.stages if one.stage == row.stage)
        assert (row.entered, row.exited, row.bottleneck, row.stay_average) == (
            stage.entered, stage.exited, stage.bottleneck, stage.stay.average,
        )  # fmt: skip
    for row in StageMetric.objects.filter(stage=""):
        found = replayed(board, row)
        assert (row.throughput, row.lead_average, row.cycle_median) == (
            found.throughput, found.lead.average, found.cycle.median,
        )  # fmt: skip
    # a card that was finished, reopened and finished again counts on both days, and once in the whole
    whole = StageMetric.objects.filter(stage="", period="daily")
    first, last = whole.earliest("since").since, whole.latest("until").until
    assert sum(row.throughput for row in whole) >= figures_of(board, first, last).throughput
    ways = journeys(events_of(board.pk))
    alive = set(Task.objects.filter(deleted_at__isnull=True).values_list("pk", flat=True))
    assert {card for card, way in ways.items() if way.gone_at is None} == alive
