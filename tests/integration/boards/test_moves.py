from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext

from boards.models import Board, Move, Refusal, Snapshot, Source
from boards.services.errors import (
    BadMove,
    BoardError,
    CardLocked,
    CardMissing,
    ColumnFull,
    NeighbourGone,
    NotAllowed,
    StaleCard,
    TransitionRefused,
    UnknownStage,
)
from boards.services.locks import lock_take
from boards.services.moves import Card, cards_move
from boards.services.neighbours import Target
from boards.services.opening import board_open
from boards.tasks import take_bulk_snapshot
from tests.integration.boards.conftest import Clock, column, configure
from workspace.models import Change, OriginKind, Task, Tenant
from workspace.services import (
    Origin,
    RecordWrite,
    record_create,
    record_delete,
    record_restore,
    record_update,
    records_write,
)

Make = Callable[..., Task]
MoveIt = Callable[..., Any]


def test_a_card_goes_between_the_neighbours_it_was_dropped_between(
    board: Board, alice: User, make_task: Make, move: MoveIt
) -> None:
    one, two = make_task("one", "todo"), make_task("two", "todo")
    card = make_task("card")
    done = move(alice, card.pk, "todo", after=one.pk, before=two.pk, reason="next")
    assert column("todo") == ["one", "card", "two"]
    (event,) = done.moves
    assert (event.from_stage, event.to_stage, event.reason, event.source) == ("backlog", "todo", "next", "ui")
    assert (event.user_id, event.ip, event.revision) == (alice.pk, "192.0.2.7", 2)
    assert event.seq == Board.objects.get(pk=board.pk).last_seq == 4


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        ({"edge": "top"}, ["card", "one", "two", "three"]),
        ({"edge": "bottom"}, ["one", "two", "three", "card"]),
        ({"after": "one"}, ["one", "card", "two", "three"]),
        ({"before": "three"}, ["one", "two", "card", "three"]),
        ({"after": "three"}, ["one", "two", "three", "card"]),
        ({"before": "one"}, ["card", "one", "two", "three"]),
    ],
)
def test_one_neighbour_or_an_end_is_enough(
    board: Board, alice: User, make_task: Make, move: MoveIt, place: dict[str, str], expected: list[str]
) -> None:
    cards = {title: make_task(title, "todo") for title in ("one", "two", "three")}
    named = {key: cards[value].pk if value in cards else value for key, value in place.items()}
    move(alice, make_task("card").pk, "todo", **named)
    assert column("todo") == expected


def test_a_move_takes_six_statements(board: Board, alice: User, make_task: Make, move: MoveIt) -> None:
    board = configure(board, limits={"todo": {"soft": 3, "hard": 5}})
    one, two, card = make_task("one", "todo"), make_task("two", "todo"), make_task("card")
    with CaptureQueriesContext(connection) as asked:
        move(alice, card.pk, "todo", after=one.pk, before=two.pk, revision=1)
    begin = next(i for i, query in enumerate(asked) if query["sql"].startswith(("SAVEPOINT", "BEGIN")))
    end = next(i for i, query in enumerate(asked) if query["sql"].startswith(("RELEASE", "COMMIT")))
    texts = [re.sub(r"^\d+ times: ", "", query["sql"]) for query in list(asked)[begin + 1 : end]]
    statements = [text.split()[0] for text in texts]
    assert statements == ["SELECT", "UPDATE", "INSERT", "UPDATE", "SELECT", "INSERT"]


def test_a_stale_card_stays_where_it_is_and_says_who_was_faster(
    board: Board, alice: User, olga: User, make_task: Make, move: MoveIt
) -> None:
    card = make_task("card")
    move(olga, card.pk, "todo")
    with pytest.raises(StaleCard, match="“card” was changed by olga at .* It is in To do now"):
        move(alice, card.pk, "review", revision=1)
    assert column("todo") == ["card"]


@pytest.mark.parametrize(
    ("stage", "options", "error"),
    [
        ("nowhere", {}, UnknownStage),
        ("todo", {"lane": "high"}, BadMove),
        ("todo", {"after": uuid4()}, NeighbourGone),
        ("todo", {"override": True}, BadMove),
    ],
)
def test_bad_input_is_refused_and_nothing_moves(
    board: Board, alice: User, make_task: Make, move: MoveIt, stage: str, options: dict[str, Any],
    error: type[BoardError],
) -> None:  # fmt: skip
    card = make_task("card")
    before = Move.objects.count()
    with pytest.raises(error):
        move(alice, card.pk, stage, **options)
    assert (column("backlog"), Move.objects.count()) == (["card"], before)


def test_a_neighbour_that_has_moved_on_is_named(
    board: Board, alice: User, make_task: Make, move: MoveIt
) -> None:
    card, other = make_task("card"), make_task("other", "review")
    with pytest.raises(NeighbourGone, match="is in Review now"):
        move(alice, card.pk, "todo", after=other.pk)


def test_a_viewer_moves_nothing(board: Board, vera: User, make_task: Make, move: MoveIt) -> None:
    with pytest.raises(NotAllowed):
        move(vera, make_task("card").pk, "todo")


def test_another_tenants_card_is_not_there(
    board: Board, alice: User, other_tenant: Tenant, move: MoveIt, clock: Clock
) -> None:
    foreign = record_create(
        tenant=other_tenant,
        record_type="task",
        values={"title": "x"},
        origin=Origin(OriginKind.SYSTEM),
        now=clock(),
    )
    with pytest.raises(CardMissing):
        move(alice, foreign.pk, "todo")
    foreign.refresh_from_db()
    assert foreign.stage == "backlog"


def test_a_transition_that_is_not_allowed_names_those_that_are(
    board: Board, alice: User, make_task: Make, move: MoveIt
) -> None:
    configure(board, transitions={"backlog": ["todo"], "todo": ["in_progress", "backlog"]})
    card = make_task("card")
    with pytest.raises(
        TransitionRefused, match="From Backlog a card may not go to Review; it may go to To do"
    ):
        move(alice, card.pk, "review")
    move(alice, card.pk, "todo")
    assert column("todo") == ["card"]


def test_a_hard_limit_blocks_and_a_soft_one_warns(
    board: Board, alice: User, olga: User, make_task: Make, move: MoveIt
) -> None:
    configure(board, limits={"review": {"soft": 1, "hard": 2}})
    cards = [make_task(name) for name in "abc"]
    assert move(olga, cards[0].pk, "review").warnings == ()
    warned = move(olga, cards[1].pk, "review")
    assert warned.warnings == ("Review takes 1 card; with this it would hold 2.",)
    assert warned.moves[0].over == "soft"
    with pytest.raises(ColumnFull, match="Review takes 2 cards; with this it would hold 3") as full:
        move(olga, cards[2].pk, "review")
    assert full.value.facts["may_override"] is False
    assert list(Refusal.objects.values_list("stage", "user_id")) == [("review", olga.pk)]
    done = move(alice, cards[2].pk, "review", override=True, reason="the customer is here")
    assert (done.moves[0].over, done.moves[0].override) == ("hard", True)
    assert column("review") == ["a", "b", "c"]
    move(olga, cards[2].pk, "review", edge="top")  # within a full column one may move
    assert column("review") == ["c", "a", "b"]


def test_limits_go_by_size_where_the_board_says_so(
    board: Board, olga: User, make_task: Make, move: MoveIt
) -> None:
    configure(board, limits={"review": {"soft": None, "hard": 10}}, limit_by="estimate")
    big, small, other = (
        make_task("big", estimate="8"),
        make_task("small", estimate="2"),
        make_task("o", estimate="0.5"),
    )
    move(olga, big.pk, "review")
    move(olga, small.pk, "review")
    with pytest.raises(ColumnFull, match=r"takes 10 of estimate; with this it would hold 10\.5"):
        move(olga, other.pk, "review")


def test_a_lane_has_a_limit_of_its_own_and_a_card_changes_lane_with_the_move(
    board: Board, olga: User, make_task: Make, move: MoveIt
) -> None:
    config = dict(board.config)
    config["lane_field"] = "priority"
    config["stages"][3]["lanes"] = {"high": {"hard": 1}}
    Board.objects.filter(pk=board.pk).update(config=config)
    one, two = make_task("one"), make_task("two", priority="low")
    move(olga, one.pk, "review", lane="high")
    assert Task.objects.get(pk=one.pk).priority == "high"
    move(olga, two.pk, "review")
    with pytest.raises(ColumnFull, match="Review, lane High takes 1 card;"):
        move(olga, two.pk, "review", lane="high")


def test_a_card_that_somebody_edits_stays(
    board: Board, alice: User, olga: User, make_task: Make, move: MoveIt, actor_for: Any, clock: Clock
) -> None:
    card = make_task("card")
    lock_take(board=board, card=card.pk, actor=actor_for(olga), now=clock())
    with pytest.raises(CardLocked, match="olga is editing"):
        move(alice, card.pk, "todo")
    move(olga, card.pk, "todo")
    assert column("todo") == ["card"]


def test_the_same_command_again_moves_nothing_twice(
    board: Board, alice: User, make_task: Make, move: MoveIt
) -> None:
    card, command = make_task("card"), uuid4()
    first = move(alice, card.pk, "todo", revision=1, command_id=command)
    again = move(alice, card.pk, "todo", revision=1, command_id=command)
    assert again.repeated and [one.seq for one in again.moves] == [one.seq for one in first.moves]
    assert Move.objects.filter(record_id=card.pk).count() == 2


def test_many_cards_move_together_in_their_order_or_not_at_all(
    board: Board, alice: User, make_task: Make, actor_for: Any, clock: Clock
) -> None:
    cards = [make_task(name) for name in "abcd"]
    end = make_task("end", "todo")
    wanted = [Card(cards[index].pk, 1) for index in (2, 0, 3)]
    cards_move(
        board=board, cards=wanted, target=Target("todo", before=end.pk), actor=actor_for(alice), now=clock()
    )
    assert column("todo") == ["c", "a", "d", "end"]
    with pytest.raises(StaleCard):
        cards_move(
            board=board, cards=[Card(cards[1].pk, 1), Card(cards[0].pk, 1)], target=Target("done"),
            actor=actor_for(alice), now=clock(),
        )  # fmt: skip
    assert column("backlog") == ["b"] and column("done") == []


# ---------------------------------------------------------------- from elsewhere


def test_a_stage_changed_from_anywhere_is_a_move_with_its_source(
    board: Board, alice: User, tenant: Tenant, make_task: Make, clock: Clock
) -> None:
    configure(board, limits={"review": {"soft": None, "hard": 0}})
    card = make_task("card")
    for kind, stage in ((OriginKind.SYNC, "review"), (OriginKind.USER, "todo"), (OriginKind.API, "done")):
        record_update(
            tenant=tenant, record_type="task", record_id=card.pk, values={"stage": stage},
            origin=Origin(kind, user=alice), now=clock(),
        )  # fmt: skip
    moves = (
        Move.objects.filter(record_id=card.pk)
        .order_by("seq")
        .values_list("source", "from_stage", "to_stage", "over")
    )
    assert list(moves) == [
        ("system", "", "backlog", ""),
        ("sync", "backlog", "review", "hard"),
        ("record", "review", "todo", ""),
        ("api", "todo", "done", ""),
    ]


def test_a_deleted_card_leaves_the_board_and_a_restored_one_is_back_in_its_place(
    board: Board, tenant: Tenant, make_task: Make, clock: Clock
) -> None:
    _one, two, _three = (make_task(name, "todo") for name in ("one", "two", "three"))
    facts: dict[str, Any] = {
        "tenant": tenant,
        "record_type": "task",
        "record_id": two.pk,
        "origin": Origin(OriginKind.USER),
    }
    record_delete(**facts, now=clock())
    assert column("todo") == ["one", "three"]
    record_restore(**facts, now=clock())
    assert column("todo") == ["one", "two", "three"]
    moves = Move.objects.filter(record_id=two.pk).order_by("seq").values_list("from_stage", "to_stage")
    assert list(moves) == [("", "todo"), ("todo", ""), ("", "todo")]


def test_a_board_opened_late_begins_with_what_the_history_knows(
    tenant: Tenant, alice: User, clock: Clock
) -> None:
    origin = Origin(OriginKind.SYNC)
    card = record_create(
        tenant=tenant, record_type="lead", values={"name": "Mill"}, origin=origin, now=clock()
    )
    when = clock()
    record_update(
        tenant=tenant, record_type="lead", record_id=card.pk, values={"stage": "contacted"},
        origin=Origin(OriginKind.USER, user=alice), now=when,
    )  # fmt: skip
    opened = board_open(tenant, "lead", now=clock())
    moves = Move.objects.filter(board=opened).order_by("seq")
    assert [(one.source, one.from_stage, one.to_stage) for one in moves] == [
        ("sync", "", "new"),
        ("record", "new", "contacted"),
    ]
    assert moves[1].at == when
    card.refresh_from_db()
    assert moves.last().to_rank == card.rank != ""
    assert opened.last_seq == moves.count()
    assert board_open(tenant, "lead") == opened


def test_a_move_is_written_as_a_change_for_the_engine_to_push(
    board: Board, alice: User, make_task: Make, move: MoveIt
) -> None:
    card = make_task("card")
    move(alice, card.pk, "done", reason="shipped")
    change = Change.objects.filter(record_id=card.pk).latest("id")
    assert change.changes["stage"] == {"from": "backlog", "to": "done"}
    assert "completed_at" in change.changes
    assert (change.origin, change.note, change.drained_at) == ("board", "shipped", None)


def test_equal_and_foreign_ranks_make_room_for_a_card(
    board: Board, alice: User, make_task: Make, move: MoveIt
) -> None:
    cards = [make_task(name, "todo") for name in "abc"]
    Task.objects.filter(stage="todo").update(rank="65535.5")
    Task.objects.filter(pk=cards[0].pk).update(rank="1")
    before = column("todo")
    card = make_task("card")
    ids = list(Task.objects.filter(stage="todo").order_by("rank", "id").values_list("pk", flat=True))
    move(alice, card.pk, "todo", after=ids[1], before=ids[2])
    assert column("todo") == [before[0], before[1], "card", before[2]]
    assert Move.objects.filter(source=Source.SYSTEM, reason="making room").exists()


def test_a_command_with_many_cards_is_followed_by_a_snapshot(
    board: Board, alice: User, make_task: Make, actor_for: Any, clock: Clock, wakeups: list[Any],
    django_capture_on_commit_callbacks: Any,
) -> None:  # fmt: skip
    origin = Origin(OriginKind.SYSTEM)
    writes = [RecordWrite(None, {"title": str(number)}) for number in range(100)]
    made = records_write(tenant=board.tenant, record_type="task", writes=writes, origin=origin, now=clock())
    with django_capture_on_commit_callbacks(execute=True):
        cards_move(
            board=board, cards=[Card(one.record_id, 1) for one in made], target=Target("done"), actor=actor_for(alice),
            now=clock(),
        )  # fmt: skip
    task = ("boards.take_bulk_snapshot", {"board_id": str(board.pk)})
    assert task in wakeups
    take_bulk_snapshot(**task[1])
    snapshot = Snapshot.objects.get()
    assert (snapshot.reason, snapshot.seq, snapshot.cards) == ("bulk", 200, 100)
