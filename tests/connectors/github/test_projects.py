"""A chosen project (v2): what stands for what, without a network."""

from __future__ import annotations

from typing import Any

import pytest

from connectors.base.errors import RecordProblem
from connectors.github.board import graphql_path
from connectors.github.connector import CONNECTOR
from connectors.github.issues import Options, issue_write, normalised
from connectors.github.projects import ITEM, ProjectChoice, priority_word, project_fields, project_in

SETTINGS = {
    "repository": "acme/webshop",
    "project": "1",
    "project_fields": "priority = Priority; due = Target date; estimate = Estimate",
}
OPTIONS = Options.from_settings(SETTINGS)
UNKNOWN: Any = object()


def row(
    item: Any = UNKNOWN, *, state: str = "open", reason: str | None = None, labels: tuple[str, ...] = ()
) -> dict[str, Any]:
    found = {
        "number": 7,
        "state": state,
        "state_reason": reason,
        "labels": [{"name": name} for name in labels],
    }
    return found if item is UNKNOWN else {**found, ITEM: item}


def item(*, archived: bool = False, **values: Any) -> dict[str, Any]:
    return {"id": "PVTI_1", "is_archived": archived, "updated_at": "2026-01-01T00:00:00Z", "values": values}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("5", ("", 5)),
        (5, ("", 5)),
        (" #12 ", ("", 12)),
        ("https://github.com/orgs/acme/projects/3", ("acme", 3)),
        ("https://github.com/users/ada-k/projects/3/views/1?layout=board", ("ada-k", 3)),
        ("", None),
        (None, None),
        ("0", None),
        ("roadmap", None),
    ],
)
def test_a_project_is_named_by_its_number_or_its_address(given: Any, expected: Any) -> None:
    assert project_in(given) == expected


def test_the_status_is_always_among_the_fields() -> None:
    assert project_fields("") == {"status": "Status"}
    assert project_fields("Priority = Prio\n status=State; nonsense=x") == {
        "status": "State",
        "priority": "Prio",
    }
    assert project_fields({"due": "Target date"}) == {"status": "Status", "due": "Target date"}


@pytest.mark.parametrize(
    ("settings", "fields"),
    [
        ({"project": "1"}, []),
        ({"project": "1", "stage_labels": "off"}, []),
        ({"project": "roadmap"}, ["project"]),
        ({"project_fields": "due = Target date"}, ["project_fields"]),
        ({"project": "1", "project_fields": "colour = Colour"}, ["project_fields"]),
        ({"project": "1", "stage_labels": "doing = wip"}, ["stage_labels"]),
    ],
)
def test_settings_that_cannot_be_are_named(settings: dict[str, str], fields: list[str]) -> None:
    assert CONNECTOR.validate is not None
    problems = CONNECTOR.validate({"repository": "acme/webshop", **settings})
    assert [name for name, _ in problems] == fields


def test_without_a_project_the_resources_are_the_same_objects() -> None:
    assert CONNECTOR.resources_of({"repository": "acme/webshop"}) is CONNECTOR.resources


def test_a_project_brings_the_links_of_the_fields_that_are_named() -> None:
    links = {link.local: link for link in CONNECTOR.resource("issue", SETTINGS).links}
    assert links["stage"].transform == {"name": "enum", "map": {}, "back": {"done": "closed/completed"}}
    assert (links["due_on"].external, links["estimate"].external) == ("hub.due_on", "hub.estimate")
    assert "start_on" not in links
    names = [resource.name for resource in CONNECTOR.resources_of(SETTINGS)]
    assert names == ["project", *(resource.name for resource in CONNECTOR.resources)]


@pytest.mark.parametrize(
    ("now", "status", "board"),
    [
        (row(item(status="abc")), "open/abc", "listed"),
        (row(item(status="abc", archived=True)), "open/abc", "archived"),
        (row(item()), "open", "listed"),
        (row(None), "open", "absent"),
        (row(item(status="abc"), state="closed", reason="not_planned"), "closed/not_planned", "listed"),
    ],
)
def test_the_stage_is_the_status_of_an_open_issue(now: dict[str, Any], status: str, board: str) -> None:
    hub = normalised(now, OPTIONS)["hub"]
    assert (hub["status"], hub["board"]) == (status, board)


def test_labels_stand_for_nothing_that_the_project_has_a_field_for() -> None:
    now = row(item(status="abc", priority="high"), labels=("bug", "priority: low", "status: backlog"))
    hub = normalised(now, OPTIONS)["hub"]
    assert (hub["priority"], hub["labels"]) == ("high", ["bug", "priority: low", "status: backlog"])
    only_status = Options.from_settings({"project": "1"})
    hub = normalised(now, only_status)["hub"]
    assert (hub["priority"], hub["labels"]) == ("low", ["bug", "status: backlog"])


def test_what_is_not_known_of_the_item_stays_absent() -> None:
    hub = normalised(row(), OPTIONS)["hub"]
    assert not {"status", "board", "priority", "due_on", "estimate"} & hub.keys()
    closed = normalised(row(state="closed"), OPTIONS)["hub"]
    assert closed["status"] == "closed/completed"


def test_only_what_differs_is_written() -> None:
    now = row(item(status="abc", priority="high", due="2026-01-30", estimate=3))
    fields = {"hub.status": "open/abc", "hub.priority": "high", "hub.due_on": "2026-01-30", "hub.estimate": 5}
    write = issue_write(fields, now, OPTIONS)
    assert (write.project, write.patch, write.add_labels) == ({"estimate": 5.0}, {}, [])


def test_closing_leaves_the_status_and_done_closes_nothing_unless_it_says_so() -> None:
    now = row(item(status="abc"))
    closing = issue_write({"hub.status": "closed/completed"}, now, OPTIONS)
    assert (closing.patch, closing.project) == ({"state": "closed", "state_reason": "completed"}, {})
    moving = issue_write({"hub.status": "open/done"}, now, OPTIONS)
    assert (moving.patch, moving.project) == ({}, {"status": "done"})


def test_reopening_sets_the_status_and_open_alone_clears_it() -> None:
    closed = row(item(status="abc"), state="closed", reason="completed")
    write = issue_write({"hub.status": "open/def"}, closed, OPTIONS)
    assert (write.patch["state"], write.project) == ("open", {"status": "def"})
    assert issue_write({"hub.status": "open"}, closed, OPTIONS).project == {"status": None}
    assert issue_write({"hub.status": "open"}, row(None), OPTIONS).project == {}


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"hub.due_on": "soon"}, "hub.due_on"),
        ({"hub.estimate": "many"}, "hub.estimate"),
        ({"hub.start_on": "2026-01-30"}, "hub.start_on"),
        ({"hub.status": "closed/whim"}, "hub.status"),
    ],
)
def test_what_the_project_cannot_hold_is_refused_by_name(fields: dict[str, Any], field: str) -> None:
    with pytest.raises(RecordProblem) as caught:
        issue_write(fields, row(item()), OPTIONS)
    assert caught.value.field == field


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("🌋 Urgent", "urgent"),
        ("P0", "urgent"),
        ("p2", "medium"),
        ("Normal", "medium"),
        ("Someday", "someday"),
        ("", None),
        (None, None),
    ],
)
def test_priorities_are_known_by_the_words_people_use(name: str | None, word: str | None) -> None:
    assert priority_word(name) == word
    assert priority_word(word) == word


def test_an_enterprise_server_has_graphql_beside_its_api() -> None:
    assert graphql_path("https://api.github.com") == "/graphql"
    assert graphql_path("https://git.acme.example/api/v3") == "https://git.acme.example/api/graphql"


def test_an_owner_of_its_own_is_part_of_the_choice() -> None:
    choice = ProjectChoice.from_settings({"project": "https://github.com/orgs/acme-labs/projects/9"})
    assert choice is not None
    assert (choice.owner, choice.number) == ("acme-labs", 9)
