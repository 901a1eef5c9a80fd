"""Issues in the hub's terms and back, JQL's minutes, and comments' last lines: all without a network."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from connectors.base.errors import RecordProblem
from connectors.jira.issues import (
    STATUS,
    SiteFields,
    issue_write,
    normalised,
    site_fields,
    step_fields,
    step_to,
    steps_of,
)
from connectors.jira.reading import local_minute
from connectors.jira.text import Signed, put_together, take_apart
from reconcile.transforms.adf import markdown_to_adf
from sandbox.vendors.jira_seed import CUSTOM_FIELDS, doc

SITE = SiteFields(start="customfield_10015", sprint="customfield_10020", points="customfield_10016")


def transition(id: str, target: str, name: str, **fields: Any) -> dict[str, Any]:
    to = {"id": target, "name": name, "statusCategory": {"key": "new"}}
    return {"id": id, "to": to, "isAvailable": True, "fields": fields}


def test_custom_fields_are_found_by_type_and_name_and_a_setting_wins() -> None:
    rows = [
        {"id": id, "name": name, "schema": {"type": kind, "custom": custom}}
        for id, name, kind, custom in CUSTOM_FIELDS
    ]
    assert site_fields(rows, {}) == SITE
    chosen = site_fields(
        rows, {"estimate_field": "customfield_1", "more_fields": "environment, customfield_2"}
    )
    assert chosen == SiteFields(
        "customfield_10015", "customfield_10020", "customfield_1", ("environment", "customfield_2")
    )


def test_fields_that_jira_left_out_stay_unknown() -> None:
    assert normalised({"id": "1", "fields": {}}, SITE)["hub"] == {}
    assert normalised({"id": "1", "fields": "nonsense"}, SITE)["hub"] == {}


def test_the_current_sprint_is_the_last_that_is_not_closed() -> None:
    sprints = [{"id": 41, "state": "closed"}, {"id": 42, "state": "active"}]
    assert normalised({"fields": {"customfield_10020": sprints}}, SITE)["hub"] == {"sprint": "sprint/42"}
    assert normalised({"fields": {"customfield_10020": sprints[:1]}}, SITE)["hub"] == {"sprint": None}


def test_apps_are_no_reporters() -> None:
    app = {"accountId": "557058:x", "accountType": "app"}
    assert normalised({"fields": {"reporter": app, "assignee": None}}, SITE)["hub"] == {
        "assignees": [],
        "reporter": None,
    }


def test_labels_are_added_and_removed_one_by_one_with_hyphens_for_spaces() -> None:
    seen = {"fields": {"labels": ["shop", "old"]}}
    write = issue_write({"fields.labels": ["shop", "needs review"]}, seen, SITE)
    assert write.edits == {"update": {"labels": [{"add": "needs-review"}, {"remove": "old"}]}}
    assert issue_write({"fields.labels": ["old", "shop"]}, seen, SITE).edits == {}


def test_a_new_milestone_takes_the_place_of_the_first_version_and_leaves_the_others() -> None:
    seen = {"hub": {"versions": ["1", "2"]}}
    write = issue_write({"hub.version": "version/3"}, seen, SITE)
    assert write.update == {"fixVersions": [{"remove": {"id": "1"}}, {"add": {"id": "3"}}]}
    assert issue_write({"hub.version": "version/2"}, seen, SITE).update == {
        "fixVersions": [{"remove": {"id": "1"}}]
    }
    assert issue_write({"hub.version": None}, seen, SITE).update == {"fixVersions": [{"remove": {"id": "1"}}]}


def test_emptied_fields_are_sent_as_null() -> None:
    changes: dict[str, Any] = {
        "fields.duedate": None,
        "hub.assignees": [],
        "hub.parent": None,
        "hub.start_on": None,
        "fields.description": None,
    }
    write = issue_write(changes, {}, SITE)
    assert write.edits == {
        "fields": {
            "duedate": None,
            "assignee": None,
            "parent": None,
            "customfield_10015": None,
            "description": None,
        }
    }


def test_a_document_goes_out_as_the_very_bytes_that_came_in() -> None:
    text = markdown_to_adf("# Title\n\n- one\n- two **bold**")
    assert issue_write({"fields.description": text}, {}, SITE).fields["description"] is text


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("hub.assignees", ["a", "b"]),
        ("fields.summary", " "),
        ("fields.summary", "x" * 256),
        ("fields.description", "plain text"),
        ("fields.created", "2026-01-01"),
        ("key", "WEB-9"),
    ],
)
def test_what_jira_cannot_hold_is_refused_by_the_name_of_its_path(path: str, value: Any) -> None:
    with pytest.raises(RecordProblem) as caught:
        issue_write({path: value}, {}, SITE)
    assert caught.value.field == path


def test_a_site_without_the_field_says_so() -> None:
    with pytest.raises(RecordProblem, match="no field for the story points"):
        issue_write({"hub.estimate": 3}, {}, SiteFields())


# --- the workflow ---------------------------------------------------------------------------------------------------


def test_the_transition_that_asks_for_least_is_taken() -> None:
    wants = {
        "resolution": {"required": True, "name": "Resolution", "allowedValues": [{"id": "1", "name": "Done"}]}
    }
    steps = steps_of(
        [
            transition("31", "9", "Done", **wants),
            transition("32", "9", "Done"),
            transition("11", "3", "Doing"),
        ]
    )
    assert step_to(steps, "9", current="1", route=()).id == "32"


def test_no_step_to_the_status_is_refused_with_what_there_is() -> None:
    steps = steps_of([transition("11", "3", "In Progress")])
    with pytest.raises(RecordProblem, match="it leads to: In Progress") as caught:
        step_to(steps, "9", current="1", route=())
    assert caught.value.field == STATUS


def test_a_named_way_is_followed_as_far_as_one_step_leads_and_backwards_too() -> None:
    route = ("1", "3", "5", "9")
    steps = steps_of([transition("11", "3", "In Progress"), transition("12", "5", "In Review")])
    assert step_to(steps, "9", current="1", route=route).target == "5"
    back = steps_of([transition("13", "5", "In Review")])
    assert step_to(back, "1", current="9", route=route).target == "5"
    with pytest.raises(RecordProblem):
        step_to(back, "1", current="7", route=route)


def test_unavailable_transitions_are_no_steps() -> None:
    row = {**transition("11", "3", "In Progress"), "isAvailable": False}
    assert steps_of([row, "nonsense", {"to": {}}]) == []


def test_a_resolution_is_chosen_and_other_wants_are_named() -> None:
    allowed = [{"id": "7", "name": "Won't Do"}, {"id": "8", "name": "Done"}]
    wants = {
        "resolution": {"required": True, "name": "Resolution", "allowedValues": allowed},
        "duedate": {"required": True, "name": "Due date"},
        "priority": {"required": True, "hasDefaultValue": True, "name": "Priority"},
    }
    step = steps_of([transition("31", "9", "Done", **wants)])[0]
    row = {"fields": {"duedate": "2026-12-01"}}
    assert step_fields(step, row, resolution="") == {"resolution": {"id": "8"}}
    assert step_fields(step, row, resolution="won't do") == {"resolution": {"id": "7"}}
    with pytest.raises(RecordProblem, match="filled in before Done: Due date"):
        step_fields(step, {"fields": {}}, resolution="")


# --- times ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("utc", "zone", "text"),
    [
        ("2026-11-28T12:00:59", "Europe/Berlin", "2026-11-28 13:00"),
        ("2026-07-01T12:00:00", "America/New_York", "2026-07-01 08:00"),
        (
            "2026-10-25T00:30:00",
            "Europe/Berlin",
            "2026-10-25 01:30",
        ),  # 02:30 comes twice: an hour earlier is sure
        ("2026-10-25T01:30:00", "Europe/Berlin", "2026-10-25 02:30"),
        ("2026-03-29T01:10:00", "Europe/Berlin", "2026-03-29 03:10"),
        ("2026-11-28T12:00:00", "", "2026-11-28 00:00"),
        ("2026-11-28T12:00:00", "Mars/Olympus", "2026-11-28 00:00"),
    ],
)
def test_the_minute_of_jql_is_never_after_the_moment_meant(utc: str, zone: str, text: str) -> None:
    assert local_minute(datetime.fromisoformat(utc).replace(tzinfo=UTC), zone) == text


# --- comments -------------------------------------------------------------------------------------------------------


def test_the_authors_line_comes_off_as_it_went_on() -> None:
    text = doc("Done.", "See above.")
    signed = put_together(Signed(text, "Dora  Q."))
    assert signed["content"][-1]["content"][0]["text"] == "— Dora Q., via Lockstep"
    assert take_apart(signed) == Signed(text, "Dora Q.")


def test_a_text_without_the_line_stays_the_very_same_object() -> None:
    text = doc("— Dora, via Lockstep")  # not in italics: somebody wrote it
    assert take_apart(text).document is text
    assert take_apart(None) == Signed(None)
    assert take_apart({"type": "doc", "content": "nonsense"}).author == ""
