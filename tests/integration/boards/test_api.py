from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
import time_machine
from django.contrib.auth.models import User
from rest_framework.test import APIClient

from boards.models import Board, CardLock, Move, SavedView
from live.models import LiveEvent
from tests.integration.boards.conftest import column, configure
from workspace.models import Membership, Role, Task, Tenant

Make = Callable[..., Task]
AsUser = Callable[[User], APIClient]
API = "/api/v1/kanban"


def body(card: Task, to: str, **more: Any) -> dict[str, Any]:
    return {"type": "task", "card": str(card.pk), "revision": 1, "to": to, **more}


def buttons(client: APIClient) -> dict[str, Any]:
    """What the board says can be undone and redone, read anew."""
    found = client.get(f"{API}/board/task").json()
    return {name: found[name] for name in ("undo", "redo")}


def test_a_board_over_the_api(board: Board, vera: User, as_user: AsUser, make_task: Make) -> None:
    card = make_task("boat", "todo", priority="high")
    found = as_user(vera).get(f"{API}/board/task").json()
    stage = found["stages"][1]
    assert (stage["key"], stage["count"], stage["cards"][0]["id"]) == ("todo", 1, str(card.pk))
    assert stage["cards"][0]["priority"] == "High"
    assert (found["seq"], found["rights"], found["unplaced"]) == (1, [], {})
    assert found["room"] == f"tenant:{board.tenant_id}:kanban:task"


def test_a_column_is_read_by_cursor(board: Board, vera: User, as_user: AsUser, make_task: Make) -> None:
    titles = [f"card {number:02}" for number in range(7)]
    for title in titles:
        make_task(title)
    client, cursor, read = as_user(vera), "", []
    for _ in range(3):
        page = client.get(f"{API}/board/task/stages/backlog", {"limit": 3, "cursor": cursor}).json()
        read += [card["title"] for card in page["cards"]]
        cursor = page["next_cursor"]
    assert (read, cursor) == (titles, "")
    assert client.get(f"{API}/board/task/stages/backlog", {"cursor": "x"}).json()["errors"] == {
        "cursor": ["This cursor is not one of ours."]
    }


def test_move_bulk_undo_and_redo(
    board: Board, olga: User, as_user: AsUser, make_task: Make, django_capture_on_commit_callbacks: Any
) -> None:
    one, two, card = make_task("one", "todo"), make_task("two", "todo"), make_task("card")
    client = as_user(olga)
    with django_capture_on_commit_callbacks(execute=True):
        done = client.post(f"{API}/move", body(card, "todo", after=str(one.pk), before=str(two.pk))).json()
    assert column("todo") == ["one", "card", "two"]
    assert buttons(client) == {"undo": done["undo"], "redo": None}
    assert (done["moves"][0]["from"], done["moves"][0]["source"], done["undo"]) == (
        "backlog", "api", "Undo: 1 card back to Backlog",
    )  # fmt: skip
    event = LiveEvent.objects.get(type="KANBAN_ITEM_MOVED", room=board.room)
    assert event.payload["seq"] == done["moves"][0]["seq"] and event.payload["moves"][0]["card"] == str(
        card.pk
    )
    cards = [{"id": str(two.pk), "revision": 1}, {"id": str(one.pk), "revision": 1}]
    both = client.post(f"{API}/move/bulk", {"type": "task", "cards": cards, "to": "done"}).json()
    assert column("done") == ["two", "one"]
    assert (
        buttons(client)
        == {"undo": both["undo"], "redo": None}
        == {"undo": "Undo: 2 cards back to To do", "redo": None}
    )
    undone = client.post(f"{API}/undo", {"type": "task"}).json()
    assert column("todo") == ["one", "card", "two"]
    assert buttons(client) == {name: undone[name] for name in ("undo", "redo")} == {
        "undo": "Undo: 1 card back to Backlog", "redo": "Redo: 2 cards, To do → Done",
    }  # fmt: skip
    assert client.post(f"{API}/redo", {"type": "task"}).status_code == 200
    assert column("done") == ["two", "one"]
    again = client.post(f"{API}/undo", {"type": "task"})
    fresh = client.post(f"{API}/move", body(card, "review", revision=2)).json()  # ends what could be redone
    assert again.status_code == 200 and buttons(client) == {"undo": fresh["undo"], "redo": None}
    assert client.post(f"{API}/undo", {"type": "task"}).status_code == 200
    history = client.get(f"{API}/history/task", {"card": str(card.pk)}).json()
    assert [move["to"] for move in history] == ["todo", "review", "todo", "backlog"]
    after = client.get(f"{API}/board/task/moves", {"after": 4}).json()
    assert [move["seq"] for move in after["moves"]] == list(range(5, after["last_seq"] + 1))


def test_undo_of_a_card_that_moved_on_is_refused_with_the_difference(
    board: Board, olga: User, alice: User, as_user: AsUser, make_task: Make, move: Any
) -> None:
    card = make_task("card")
    move(olga, card.pk, "todo")
    move(alice, card.pk, "review")
    refused = as_user(olga).post(f"{API}/undo", {"type": "task"})
    found = refused.json()
    assert (refused.status_code, found["code"], found["left_in"], found["now_in"], found["by"]) == (
        409, "moved_on", "To do", "Review", "alice",
    )  # fmt: skip
    assert column("review") == ["card"]
    assert as_user(alice).post(f"{API}/redo", {"type": "task"}).json()["code"] == "nothing_to_undo"


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"to": "nowhere"}, 400, "unknown_stage"),
        ({"card": str(uuid4())}, 404, "not_found"),
        ({"type": "member"}, 400, "invalid"),
        ({"revision": 7}, 409, "stale"),
        ({"after": str(uuid4())}, 412, "neighbour_gone"),
        ({"to": "done"}, 422, "transition_not_allowed"),
        ({"to": "review"}, 428, "column_full"),
        ({"override": True, "reason": "I want"}, 403, "forbidden"),
        ({"board": str(uuid4())}, 404, "not_found"),
    ],
)
def test_each_refusal_has_its_status_and_sentence_and_the_card_stays(
    board: Board, olga: User, as_user: AsUser, make_task: Make, change: dict[str, Any], status: int, code: str
) -> None:
    configure(board, limits={"review": {"hard": 0}}, transitions={"backlog": ["todo", "review"]})
    card = make_task("card")
    refused = as_user(olga).post(f"{API}/move", {**body(card, "todo"), **change})
    assert (refused.status_code, refused.json()["code"]) == (status, code)
    assert refused.json()["detail"].endswith(".")
    assert (column("backlog"), Move.objects.filter(source="api").count()) == (["card"], 0)


def test_locks_are_taken_renewed_run_out_and_are_taken_over(
    board: Board, olga: User, alice: User, as_user: AsUser, make_task: Make
) -> None:
    card = make_task("card")
    path, mine, theirs = f"{API}/lock/task/{card.pk}", {"session": "a"}, {"session": "b"}
    with time_machine.travel("2025-07-02T10:00:00Z", tick=False) as traveller:
        assert as_user(olga).post(path, mine).json()["until"] == "2025-07-02T10:00:30+00:00"
        held = as_user(alice).post(path, theirs)
        assert (held.status_code, held.json()["holder"]) == (423, "olga")
        assert as_user(olga).post(path, {"session": "other tab"}).status_code == 423
        assert as_user(alice).post(f"{API}/move", body(card, "todo")).status_code == 423
        traveller.shift(20)
        assert as_user(olga).put(path, mine).json()["until"] == "2025-07-02T10:00:50+00:00"
        traveller.shift(31)
        late = as_user(olga).put(path, mine)
        assert (late.status_code, late.json()["code"]) == (410, "lock_expired")
        assert as_user(olga).post(path, mine).status_code == 200
        assert as_user(alice).get(path).json()["holder"] == "olga"
        assert as_user(alice).post(path, {**theirs, "take_over": True}).json()["holder"] == "alice"
        assert as_user(olga).post(path, {**mine, "take_over": True}).status_code == 403
        assert as_user(alice).delete(f"{path}?session=b").json() == {"released": True}
        assert not CardLock.objects.exists()
        assert as_user(alice).get(path).json()["holder"] is None


def test_a_configuration_is_versioned_and_checked(
    board: Board, alice: User, olga: User, as_user: AsUser
) -> None:
    client = as_user(alice)
    found = client.get(f"{API}/config/task").json()
    found["config"]["stages"][1]["limit"] = {"soft": 3, "hard": 5}
    saved = client.put(f"{API}/config/task", {"version": 1, "config": found["config"]})
    assert (saved.status_code, saved.json()["version"]) == (200, 2)
    stale = client.put(f"{API}/config/task", {"version": 1, "config": found["config"]})
    assert (stale.status_code, stale.json()["code"], stale.json()["current"]["version"]) == (
        409,
        "stale_config",
        2,
    )
    found["config"]["stages"][1] |= {"limit": {"soft": 9, "hard": 5}, "colour": "pink"}
    found["config"]["transitions"] = {"todo": ["mars"]}
    bad = client.put(f"{API}/config/task", {"version": 2, "config": found["config"]}).json()
    assert bad["errors"] == {
        "stages[1].colour": ["This must be one of grey, blue, teal, green, yellow, orange, red, purple."],
        "stages[1].limit": ["The limit that warns must not be above the one that blocks."],
        "transitions.todo": ["There is no stage mars."],
    }
    assert as_user(olga).put(f"{API}/config/task", {"version": 2, "config": {}}).status_code == 403


def test_the_past_snapshots_and_checks(
    board: Board, alice: User, as_user: AsUser, make_task: Make, move: Any
) -> None:
    card = make_task("card")
    move(alice, card.pk, "done")
    client = as_user(alice)
    assert client.get(f"{API}/state/task", {"seq": 1}).json()["stages"] == {"backlog": [str(card.pk)]}
    assert client.get(f"{API}/state/task").json()["stages"] == {"done": [str(card.pk)]}
    assert client.post(f"{API}/snapshot/task").json() == {"taken": True, "seq": 2, "cards": 1}
    assert client.post(f"{API}/snapshot/task").json() == {"taken": False}
    Task.objects.filter(pk=card.pk).update(stage="todo")
    report = client.get(f"{API}/consistency/task").json()
    assert report["ok"] is False
    assert report["differences"][0]["events"][0] == "done" and report["differences"][0]["record"][0] == "todo"
    repaired = client.post(f"{API}/consistency/task", {"keep": "events"}).json()
    assert (repaired["ok"], column("done")) == (True, ["card"])


def test_figures_of_a_known_history(
    board: Board, alice: User, as_user: AsUser, make_task: Make, move: Any, clock: Any
) -> None:
    slow, quick = make_task("slow"), make_task("quick")
    for card, stage, hours in (
        (slow, "in_progress", 1),
        (quick, "in_progress", 1),
        (quick, "done", 2),
        (slow, "done", 20),
    ):
        clock.now += timedelta(hours=hours)
        move(alice, card.pk, stage)
    move(alice, slow.pk, "review")  # reopened: not finished any more
    query = {"since": "2025-07-01T00:00:00Z", "until": "2025-07-04T00:00:00Z"}
    found = as_user(alice).get(f"{API}/metrics/task", query).json()
    assert found["throughput"] == 1
    assert found["cycle"] == {"count": 1, "average": 7201.0, "median": 7201.0, "p90": None}
    stages = {stage["stage"]: stage for stage in found["stages"]}
    assert (stages["in_progress"]["entered"], stages["in_progress"]["exited"], stages["done"]["exited"]) == (
        2,
        2,
        1,
    )


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("post", "move"), ("post", "move/bulk"), ("post", "undo"), ("post", "redo"), ("put", "config/task"),
        ("post", "snapshot/task"), ("post", "consistency/task"), ("post", "lock/task/00000000-0000-7000-8000-000000000001"),
    ],
)  # fmt: skip
def test_a_viewer_writes_nothing_by_any_endpoint(
    board: Board, vera: User, as_user: AsUser, method: str, path: str
) -> None:
    assert getattr(as_user(vera), method)(f"{API}/{path}", {"type": "task"}).status_code == 403


def test_another_tenants_board_and_cards_are_not_there(
    board: Board, carol: User, as_user: AsUser, make_task: Make, tenant: Tenant
) -> None:
    card = make_task("card")
    client = as_user(carol)
    assert client.post(f"{API}/move", body(card, "todo")).status_code == 404
    assert client.get(f"{API}/board/task", {"board": str(board.pk)}).status_code == 404
    assert client.get(f"{API}/board/task", HTTP_X_TENANT_ID=str(tenant.pk)).status_code == 404
    assert client.post(f"{API}/lock/task/{card.pk}", {"session": "x"}).status_code == 404
    assert client.get(f"{API}/history/task").json() == []
    assert column("backlog") == ["card"]


def test_presence_names_who_has_the_board_open(board: Board, vera: User, olga: User, as_user: AsUser) -> None:
    with time_machine.travel("2025-07-02T10:00:00Z", tick=False) as traveller:
        assert as_user(vera).post(f"{API}/presence/task", {"session": "v"}).json() == {"here": ["vera"]}
        assert as_user(olga).post(f"{API}/presence/task", {"session": "o"}).json() == {
            "here": ["olga", "vera"]
        }
        traveller.shift(46)
        assert as_user(olga).post(f"{API}/presence/task", {"session": "o"}).json() == {"here": ["olga"]}
        gone = as_user(olga).post(f"{API}/presence/task", {"session": "o", "leaving": True})
        assert gone.json() == {"here": []}


def test_a_persons_collapsed_columns_and_views_are_their_own(
    board: Board, vera: User, olga: User, as_user: AsUser
) -> None:
    view = {"name": "Mine", "query": "?assignee=none"}
    found = as_user(vera).put(f"{API}/preferences/task", {"collapsed": ["done", "mars"], "view": view}).json()
    assert found == {
        "collapsed": ["done"], "views": [{"name": "Mine", "query": "assignee=none"}], "shared_views": [],
    }  # fmt: skip
    nothing = {"collapsed": [], "views": [], "shared_views": []}
    assert as_user(olga).put(f"{API}/preferences/task", {}).json() == nothing


def test_a_shared_view_is_everybodys_and_only_its_owner_or_a_manager_changes_it(
    board: Board, vera: User, olga: User, alice: User, as_user: AsUser
) -> None:
    path, urgent = f"{API}/preferences/task", {"name": "Urgent", "query": "priority=urgent", "shared": True}
    refused = as_user(vera).put(path, {"view": urgent})
    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
    shared = [{"name": "Urgent", "query": "priority=urgent", "by": "olga"}]
    assert as_user(olga).put(path, {"view": urgent}).json()["shared_views"] == shared
    assert as_user(vera).put(path, {}).json()["shared_views"] == shared
    other = User.objects.create_user("otto", is_staff=True)
    Membership.objects.create(user=other, tenant=board.tenant, role=Role.OPERATOR)
    taken = as_user(other).put(path, {"view": {**urgent, "query": "q=x"}})
    assert (taken.status_code, SavedView.objects.get().query) == (403, "priority=urgent")
    assert as_user(alice).put(path, {"view": {**urgent, "query": ""}}).json()["shared_views"] == []
    nameless = as_user(olga).put(path, {"view": {**urgent, "name": " "}})
    assert nameless.status_code == 400


def test_a_further_board_shows_the_same_cards_by_its_own_rules(
    board: Board, alice: User, olga: User, as_user: AsUser, make_task: Make
) -> None:
    card = make_task("boat")
    asked = {"type": "task", "name": "Workshop"}
    assert as_user(olga).post(f"{API}/boards", asked).status_code == 403
    assert as_user(alice).post(f"{API}/boards", {**asked, "name": " "}).status_code == 400
    made = as_user(alice).post(f"{API}/boards", asked).json()
    client = as_user(alice)
    config = made["config"]
    config["stages"][3]["limit"] = {"soft": None, "hard": 0}
    saved = client.put(f"{API}/config/task?board={made['id']}", {"version": 1, "config": config})
    assert saved.status_code == 200
    full = client.post(f"{API}/move", body(card, "review", board=made["id"]))
    assert (full.status_code, column("backlog")) == (428, ["boat"])
    assert client.post(f"{API}/move", body(card, "todo", board=made["id"])).status_code == 200
    assert (
        client.post(f"{API}/move", body(card, "review", revision=2)).status_code == 200
    )  # the first one has no limit
    assert list(Move.objects.order_by("seq").values_list("board_id", "seq")) == [
        (board.pk, n) for n in (1, 2, 3)
    ]
