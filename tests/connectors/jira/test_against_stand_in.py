"""The connector on its stand-in, over HTTP: what the shared suite cannot know of Jira."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests

from connectors.base.errors import (
    ConfigurationProblem,
    ContractBroken,
    PermissionProblem,
    RateLimited,
    RecordGone,
    RecordProblem,
    Retryable,
    StaleWrite,
)
from connectors.base.types import AbsenceKind, ExternalRecord
from sandbox.vendors import jira_seed as seed
from tests.connectors.jira.spec import SPEC
from tests.contract.specs import specs_folder
from tests.sandbox_fixtures import Stand

STATUS = "fields.status.id"


@pytest.fixture
def stand(open_stand: Callable[..., Stand]) -> Stand:
    return open_stand("jira")


def listed(stand: Stand, resource: str = "issue", **options: Any) -> list[ExternalRecord]:
    found: list[ExternalRecord] = []
    token = None
    while True:
        page = stand.client.list_page(resource, token=token, **options)
        found += page.records
        token = page.next_token
        if token is None:
            return found


def issue(stand: Stand, key: str) -> ExternalRecord:
    return next(one for one in listed(stand) if one.data["key"] == key)


def knobs(stand: Stand, **extra: Any) -> None:
    stand.vendor.turn(extra=extra)


def writes(stand: Stand) -> list[tuple[str, str, Any]]:
    return [
        (one.method, one.path.removeprefix("/rest/api/3"), one.body)
        for one in stand.vendor.requests
        if one.method in ("PUT", "DELETE") or (one.method == "POST" and "/search/" not in one.path)
    ]


# --- reading --------------------------------------------------------------------------------------------------------


def test_only_the_projects_own_issues_are_listed_whole(stand: Stand) -> None:
    found = listed(stand)
    assert [one.data["key"] for one in found] == [f"WEB-{number}" for number in range(1, 13)]
    card = found[1]
    assert card.url.endswith("/browse/WEB-2")
    assert {
        name: card.data["hub"][name]
        for name in ("assignees", "version", "sprint", "start_on", "estimate", "parent")
    } == {
        "assignees": [seed.ANN],
        "version": "version/10201",
        "sprint": "sprint/42",
        "start_on": "2026-11-18",
        "estimate": 5,
        "parent": found[0].id,
    }


def test_a_records_link_leads_to_its_page(stand: Stand) -> None:
    answer = requests.get(issue(stand, "WEB-2").url, allow_redirects=False, timeout=5)
    assert (answer.status_code, answer.headers["Location"]) == (302, "/jira/ui/issue/10301")


def test_a_walk_keeps_its_query_and_follows_the_tokens(stand: Stand) -> None:
    for number in range(100):
        stand.vendor.edit("issue", None, {"summary": f"More {number}"})
    assert len(listed(stand)) == 112
    bodies = [one.body for one in stand.vendor.requests if one.path.endswith("/search/jql")]
    assert [body["jql"] for body in bodies] == ['project = "WEB" ORDER BY key ASC'] * 2
    assert "nextPageToken" in bodies[1]


def test_the_filter_is_a_minute_in_the_accounts_zone(stand: Stand) -> None:
    listed(stand, since=datetime(2026, 7, 1, 10, 30, 59, tzinfo=UTC))
    jql = next(one.body["jql"] for one in stand.vendor.requests if one.path.endswith("/search/jql"))
    assert jql == 'project = "WEB" AND updated >= "2026-07-01 12:30" ORDER BY updated ASC, key ASC'


def test_search_is_told_of_what_this_client_wrote_and_shows_it_at_once(stand: Stand) -> None:
    card = issue(stand, "WEB-5")
    stand.vendor.turn(list_lag_seconds=60)
    stand.client.update("issue", card.id, {"fields.summary": "Write the imprint well"}, current=card)
    found = {
        one.id: one.data["fields"]["summary"]
        for one in listed(stand, since=datetime.now(UTC) - timedelta(minutes=5))
    }
    assert found == {card.id: "Write the imprint well"}


def test_a_search_that_promises_more_without_a_token_is_no_end(stand: Stand) -> None:
    stand.vendor.fail("status", status=200, body={"issues": [], "isLast": False}, path="search/jql")
    with pytest.raises(ContractBroken, match="no token"):
        listed(stand)


def test_issues_are_fetched_a_hundred_at_a_time(stand: Stand) -> None:
    ids = [one.id for one in listed(stand)]
    stand.vendor.requests.clear()
    found = stand.client.get_many("issue", [*ids, *(str(n) for n in range(90_000, 90_110))])
    assert set(found) == set(ids)
    assert [len(one.body["issueIdsOrKeys"]) for one in stand.vendor.requests] == [100, 22]


def test_people_are_read_until_an_empty_page_and_apps_are_none(stand: Stand) -> None:
    found = listed(stand, "user")
    assert [one.data["displayName"] for one in found] == ["Hub Bot", "Ann Ode", "Ben Okri", "Cara Lind"]
    assert [one.query["startAt"] for one in stand.vendor.requests] == [["0"], ["100"]]
    assert set(stand.client.get_many("user", [seed.ANN, seed.BEN, "nobody"])) == {seed.ANN, seed.BEN}


def test_comments_that_only_some_may_see_are_left_out(stand: Stand) -> None:
    card = issue(stand, "WEB-2")
    role = {"type": "role", "value": "Administrators"}
    hidden = stand.vendor.edit("comment", None, {"issue": card.id, "text": "Secret", "visibility": role})
    assert len(listed(stand, "comment", parent_id=card.id)) == 2
    with pytest.raises(RecordGone, match="Only some people"):
        stand.client.get("comment", hidden, parent_id=card.id)
    absence = stand.client.explain_absence("comment", [hidden], parent_id=card.id)[hidden]
    assert absence.kind is AbsenceKind.OUT_OF_FILTER


def test_a_comment_is_read_without_knowing_its_issue(stand: Stand) -> None:
    card = issue(stand, "WEB-2")
    comment = listed(stand, "comment", parent_id=card.id)[0]
    assert stand.client.get("comment", comment.id).parent_id == card.id
    assert comment.url.endswith(f"/browse/WEB-2?focusedCommentId={comment.id}")


# --- writing --------------------------------------------------------------------------------------------------------


def test_a_text_nobody_touches_is_not_sent_and_stays_byte_for_byte(stand: Stand) -> None:
    card = issue(stand, "WEB-2")
    changed = stand.client.update("issue", card.id, {"fields.summary": "Checkout by card"}, current=card)
    assert changed.data["fields"]["description"] == card.data["fields"]["description"]
    assert writes(stand) == [("PUT", f"/issue/{card.id}", {"fields": {"summary": "Checkout by card"}})]


def test_a_status_is_reached_by_its_transition(stand: Stand) -> None:
    card = issue(stand, "WEB-5")
    changed = stand.client.update(
        "issue", card.id, {STATUS: seed.DOING, "fields.duedate": "2026-12-02"}, current=card
    )
    assert changed.data["fields"]["status"]["name"] == "In Progress"
    assert writes(stand) == [
        ("PUT", f"/issue/{card.id}", {"fields": {"duedate": "2026-12-02"}}),
        ("POST", f"/issue/{card.id}/transitions", {"transition": {"id": "11"}}),
    ]


def test_a_finishing_step_carries_the_resolution_it_wants(open_stand: Callable[..., Stand]) -> None:
    stand = open_stand("jira", settings={"resolution": "Won't Do"})
    card = issue(stand, "WEB-3")
    changed = stand.client.update("issue", card.id, {STATUS: seed.DONE}, current=card)
    assert changed.data["fields"]["resolution"]["name"] == "Won't Do"
    assert writes(stand)[-1][2] == {"transition": {"id": "31"}, "fields": {"resolution": {"id": "10001"}}}


def test_a_finished_issue_is_reopened_before_it_is_edited(stand: Stand) -> None:
    knobs(stand, done_is_locked=True)
    card = issue(stand, "WEB-4")
    stand.client.update("issue", card.id, {STATUS: seed.DOING, "fields.summary": "Choose anew"}, current=card)
    assert [(method, path) for method, path, _ in writes(stand)] == [
        ("POST", f"/issue/{card.id}/transitions"),
        ("PUT", f"/issue/{card.id}"),
    ]


def test_a_status_no_step_leads_to_is_refused_and_nothing_is_written(stand: Stand) -> None:
    card = issue(stand, "WEB-5")
    with pytest.raises(RecordProblem, match="leads to: In Progress") as caught:
        stand.client.update("issue", card.id, {STATUS: seed.DONE, "fields.summary": "New"}, current=card)
    assert caught.value.field == STATUS
    assert writes(stand) == []


def test_a_way_that_a_person_named_is_walked(open_stand: Callable[..., Stand]) -> None:
    stand = open_stand("jira", settings={"status_route": "To Do > In Progress > In Review > Done"})
    card = issue(stand, "WEB-5")
    changed = stand.client.update("issue", card.id, {STATUS: seed.DONE}, current=card)
    assert changed.data["fields"]["status"]["name"] == "Done"
    assert [body["transition"]["id"] for _, _, body in writes(stand)] == ["11", "21", "31"]


def test_what_a_step_wants_filled_in_is_named_before_anything_is_written(stand: Stand) -> None:
    knobs(stand, due_date_to_finish=True)
    card = issue(stand, "WEB-3")
    with pytest.raises(RecordProblem, match="before Done: Due date") as caught:
        stand.client.update("issue", card.id, {STATUS: seed.DONE}, current=card)
    assert caught.value.field == STATUS
    assert writes(stand) == []
    changed = stand.client.update(
        "issue", card.id, {STATUS: seed.DONE, "fields.duedate": "2026-12-01"}, current=card
    )
    assert changed.data["fields"]["status"]["name"] == "Done"


def test_a_validator_that_refuses_the_step_is_a_refusal_of_the_status(stand: Stand) -> None:
    knobs(stand, validator="All sub-tasks must be closed.")
    card = issue(stand, "WEB-5")
    with pytest.raises(RecordProblem, match="refuses the step to In Progress.*sub-tasks") as caught:
        stand.client.update("issue", card.id, {STATUS: seed.DOING}, current=card)
    assert caught.value.field == STATUS


def test_a_refused_value_is_named_by_the_path_of_its_link(stand: Stand) -> None:
    card = issue(stand, "WEB-5")
    changes = {"hub.assignees": [seed.CARA], "fields.summary": "Write"}
    with pytest.raises(RecordProblem, match="cannot be assigned") as caught:
        stand.client.update("issue", card.id, changes, current=card)
    assert caught.value.field == "hub.assignees"


def test_an_issue_goes_into_a_sprint_and_back_to_the_backlog(stand: Stand) -> None:
    card = issue(stand, "WEB-2")
    moved = stand.client.update("issue", card.id, {"hub.sprint": "sprint/43"}, current=card)
    assert moved.data["hub"]["sprint"] == "sprint/43"
    back = stand.client.update("issue", card.id, {"hub.sprint": None}, current=moved)
    assert back.data["hub"]["sprint"] is None
    with pytest.raises(RecordProblem, match="closed sprint") as caught:
        stand.client.update("issue", card.id, {"hub.sprint": "sprint/41"}, current=back)
    assert caught.value.field == "hub.sprint"


def test_an_issue_changed_meanwhile_is_stale(stand: Stand) -> None:
    card = issue(stand, "WEB-5")
    stand.vendor.edit("issue", card.id, {"summary": "Somebody was faster"})
    with pytest.raises(StaleWrite):
        stand.client.update("issue", card.id, {"fields.duedate": "2026-12-02"}, current=card)
    assert writes(stand) == []


def test_watchers_get_no_mail_where_the_settings_say_so(open_stand: Callable[..., Stand]) -> None:
    stand = open_stand("jira", settings={"notify_users": "no"})
    card = issue(stand, "WEB-5")
    stand.client.update("issue", card.id, {"fields.summary": "Quietly"}, current=card)
    assert next(one.query for one in stand.vendor.requests if one.method == "PUT") == {
        "notifyUsers": ["false"]
    }


# --- creating -------------------------------------------------------------------------------------------------------


def test_a_new_issue_below_an_issue_is_a_sub_task_and_below_an_epic_is_not(stand: Stand) -> None:
    epic, story = issue(stand, "WEB-1"), issue(stand, "WEB-2")
    below = stand.client.create("issue", {"fields.summary": "A", "hub.parent": story.id}, key="k1")
    assert below.data["fields"]["issuetype"]["name"] == "Sub-task"
    beside = stand.client.create("issue", {"fields.summary": "B", "hub.parent": epic.id}, key="k2")
    assert beside.data["fields"]["issuetype"]["name"] == "Task"


def test_a_new_issue_is_brought_to_its_status(open_stand: Callable[..., Stand]) -> None:
    stand = open_stand("jira", settings={"status_route": "To Do > In Progress > In Review > Done"})
    made = stand.client.create(
        "issue", {"fields.summary": "A", STATUS: seed.REVIEW, "hub.sprint": "sprint/42"}, key="k1"
    )
    assert made.data["fields"]["status"]["name"] == "In Review"
    assert made.data["hub"]["sprint"] == "sprint/42"


def test_an_issue_whose_status_cannot_be_reached_is_there_all_the_same(stand: Stand) -> None:
    started = datetime.now(UTC) - timedelta(minutes=1)
    with pytest.raises(Retryable, match="not completely") as caught:
        stand.client.create("issue", {"fields.summary": "A", STATUS: seed.DONE}, key="k1")
    assert caught.value.ambiguous
    found = stand.client.find_by_key("issue", "k1", since=started)
    assert found is not None
    assert found.data["fields"]["status"]["name"] == "To Do"


def test_a_lost_create_is_found_by_key_though_search_does_not_know_it(stand: Stand) -> None:
    started = datetime.now(UTC) - timedelta(minutes=1)
    stand.vendor.turn(list_lag_seconds=3600)
    for number in range(130):
        stand.vendor.edit("issue", None, {"summary": f"Others' {number}"})
    stand.vendor.fail("hang_up", method="POST", path="/issue$", when="after")
    with pytest.raises(Retryable):
        stand.client.create("issue", {"fields.summary": "A"}, key="lost")
    found = stand.client.find_by_key("issue", "lost", since=started)
    assert found is not None
    assert found.data["fields"]["summary"] == "A"
    assert stand.client.find_by_key("issue", "another", since=started) is None


def test_fields_the_project_requires_come_from_the_settings(open_stand: Callable[..., Stand]) -> None:
    stand = open_stand("jira")
    knobs(stand, team_required=True)
    with pytest.raises(RecordProblem, match="Team is required"):
        stand.client.create("issue", {"fields.summary": "A"}, key="k1")
    filled = open_stand("jira", settings={"create_defaults": f'{{"{seed.TEAM_FIELD}": "Web"}}'})
    knobs(filled, team_required=True)
    assert filled.client.create("issue", {"fields.summary": "A"}, key="k2").data["key"] == "WEB-13"


def test_a_comment_names_its_author_and_gives_the_text_back_without(stand: Stand) -> None:
    card = issue(stand, "WEB-5")
    fields = {"body": seed.doc("Ready."), "hub.author": "Dora"}
    made = stand.client.create("comment", fields, key="c1", parent_id=card.id)
    assert (made.data["body"], made.data["hub"]["author"], made.data["hub"]["author_id"]) == (
        fields["body"],
        "Dora",
        None,
    )
    changed = stand.client.update(
        "comment", made.id, {"body": seed.doc("Not yet.")}, current=made, parent_id=card.id
    )
    assert changed.data["hub"]["author"] == "Dora"
    raw = stand.vendor.world.get("comment", made.id)
    assert raw is not None
    assert [node["content"][0]["text"] for node in raw["body"]["content"]] == [
        "Not yet.",
        "— Dora, via Lockstep",
    ]


def test_versions_and_sprints_of_a_name_that_is_there_are_taken_as_they_are(stand: Stand) -> None:
    version = stand.client.create("milestone", {"name": "1.1", "hub.kind": "version"}, key="v")
    assert (version.id, version.data["releaseDate"]) == ("version/10201", "2026-12-15")
    sprint = {"hub.kind": "sprint"}
    assert stand.client.create("milestone", {**sprint, "name": "Sprint 9"}, key="s").id == "sprint/43"
    again = stand.client.create("milestone", {**sprint, "name": "Sprint 7"}, key="t")
    assert again.id not in ("sprint/41", "version/41")  # the old one is closed: it is over


def test_a_milestone_is_a_version_or_a_sprint_by_its_kind(stand: Stand) -> None:
    found = {one.id: one.data["hub"] for one in listed(stand, "milestone")}
    assert set(found) == {"version/10200", "version/10201", "sprint/41", "sprint/42", "sprint/43"}
    assert found["version/10200"] == {
        "kind": "version",
        "state": "closed",
        "description": None,
        "start_on": "2026-09-01",
        "due_on": "2026-11-02",
    }
    assert found["sprint/42"] == {
        "kind": "sprint",
        "state": "open",
        "description": "Checkout",
        "start_on": "2026-11-16",
        "due_on": "2026-11-27",
    }
    fields = {
        "name": "Sprint 10",
        "hub.kind": "sprint",
        "hub.description": "Search",
        "hub.start_on": "2026-12-14",
        "hub.due_on": "2026-12-23",
        "hub.state": "open",
    }
    made = stand.client.create("milestone", fields, key="k")
    assert (made.data["goal"], made.data["state"]) == ("Search", "active")
    assert (made.data["startDate"], made.data["endDate"]) == (
        "2026-12-14T08:00:00.000Z",
        "2026-12-23T16:00:00.000Z",
    )
    stand.client.delete("milestone", made.id)
    assert stand.client.explain_absence("milestone", [made.id])[made.id].kind is AbsenceKind.DELETED


def test_without_a_board_milestones_are_versions(open_stand: Callable[..., Stand]) -> None:
    stand = open_stand("jira", settings={"board_id": ""})
    assert {one.id.partition("/")[0] for one in listed(stand, "milestone")} == {"version"}
    with pytest.raises(RecordProblem, match="Name the board"):
        stand.client.create("milestone", {"name": "S", "hub.kind": "sprint"}, key="k")


def test_a_tasks_milestone_is_what_the_settings_say(open_stand: Callable[..., Stand]) -> None:
    stand = open_stand("jira", settings={"milestone_from": "sprint"})
    card = issue(stand, "WEB-2")
    assert card.data["hub"]["milestone"] == "sprint/42"
    moved = stand.client.update("issue", card.id, {"hub.milestone": "sprint/43"}, current=card)
    assert (moved.data["hub"]["milestone"], moved.data["hub"]["version"]) == ("sprint/43", "version/10201")
    with pytest.raises(RecordProblem, match="is its sprint, not its version") as caught:
        stand.client.update("issue", card.id, {"hub.milestone": "version/10200"}, current=moved)
    assert caught.value.field == "hub.milestone"


def test_sprints_start_with_dates_and_go_one_way(stand: Stand) -> None:
    future = stand.client.get("milestone", "sprint/43")
    with pytest.raises(RecordProblem, match="start and an end date"):
        stand.client.update("milestone", future.id, {"hub.state": "open"}, current=future)
    changes = {"hub.start_on": "2026-11-30", "hub.due_on": "2026-12-11", "hub.state": "open"}
    started = stand.client.update("milestone", future.id, changes, current=future)
    assert started.data["state"] == "active"
    with pytest.raises(RecordProblem, match="from open to planned") as caught:
        stand.client.update("milestone", future.id, {"hub.state": "planned"}, current=started)
    assert caught.value.field == "hub.state"


def test_an_archived_version_says_so(stand: Stand) -> None:
    stand.client.archive("milestone", "version/10200")
    absence = stand.client.explain_absence("milestone", ["version/10200"])["version/10200"]
    assert absence.kind is AbsenceKind.ARCHIVED


def test_sub_tasks_are_never_deleted_along(stand: Stand) -> None:
    card = issue(stand, "WEB-2")
    with pytest.raises(RecordProblem, match="subtasks"):
        stand.client.delete("issue", card.id)
    assert stand.client.get("issue", card.id).id == card.id


# --- certainty ------------------------------------------------------------------------------------------------------


def test_a_404_counts_as_deleted_only_while_the_project_can_be_browsed(
    open_stand: Callable[..., Stand],
) -> None:
    stand = open_stand("jira")
    card = issue(stand, "WEB-5")
    stand.vendor.remove("issue", card.id)
    assert stand.client.explain_absence("issue", [card.id])[card.id].kind is AbsenceKind.DELETED
    knobs(stand, without_permissions=["BROWSE_PROJECTS"])
    assert stand.client.explain_absence("issue", [card.id])[card.id].kind is AbsenceKind.NO_ACCESS
    knobs(stand, hidden_projects=[seed.PROJECT])
    assert stand.client.explain_absence("issue", [card.id])[card.id].kind is AbsenceKind.NO_ACCESS
    knobs(stand)
    careful = open_stand("jira", settings={"issue_security": "yes"})
    careful.vendor.remove("issue", issue(careful, "WEB-6").id)
    assert careful.client.explain_absence("issue", [card.id])[card.id].kind is AbsenceKind.UNKNOWN


def test_an_issue_of_another_project_has_moved(stand: Stand) -> None:
    other = next(one for one in stand.vendor.world.all("issue") if one["project"] == seed.OTHER_PROJECT)
    absence = stand.client.explain_absence("issue", [other["id"]])[other["id"]]
    assert (absence.kind, absence.detail) == (AbsenceKind.MOVED, "Moved to the project OPS.")


def test_a_project_out_of_sight_is_a_matter_for_a_person(open_stand: Callable[..., Stand]) -> None:
    stand = open_stand("jira", settings={"project": "NOPE"})
    with pytest.raises(ConfigurationProblem, match="no such project"):
        listed(stand)
    report = stand.client.check()
    assert not report.ok
    assert report.checks[-1].name == "may_read"


# --- access ---------------------------------------------------------------------------------------------------------

OAUTH = {
    "email": "",
    "api_token": "",
    "client_id": seed.CLIENT_ID,
    "client_secret": seed.CLIENT_SECRET,
    "refresh_token": seed.REFRESH_TOKEN,
}


def test_wrong_credentials_that_make_us_nobody_are_no_missing_record(
    open_stand: Callable[..., Stand],
) -> None:
    stand = open_stand("jira", secrets={"api_token": "expired"})
    with pytest.raises(ConfigurationProblem, match="did not accept"):
        stand.client.get("project", "WEB")


def test_oauth_goes_through_the_gateway_and_each_refresh_token_is_used_once(
    open_stand: Callable[..., Stand],
) -> None:
    kept: dict[str, Any] = {}

    def refresh(exchange: Callable[[Any], Any]) -> Any:
        kept.update(exchange({**OAUTH, **kept}))
        return kept

    stand = open_stand("jira", secrets=OAUTH, refresh_secrets=refresh)
    assert len(listed(stand)) == 12
    assert kept["refresh_token"] == f"{seed.REFRESH_TOKEN}-1"
    assert all(f"/ex/jira/{seed.CLOUD_ID}/" in one.url for one in stand.exchanges if "/rest/" in one.url)
    assert issue(stand, "WEB-2").url == "https://relaunch.atlassian.net/browse/WEB-2"
    report = stand.client.check()
    assert (report.ok, list(report.missing_scopes)) == (True, [])
    stand.vendor.turn(
        clock_offset_seconds=7200
    )  # the access token ends; the rotated refresh token makes the next
    assert len(listed(stand)) == 12
    assert kept["refresh_token"] == f"{seed.REFRESH_TOKEN}-2"


def test_a_spent_refresh_token_asks_for_consent_again(open_stand: Callable[..., Stand]) -> None:
    stand = open_stand("jira", secrets={**OAUTH, "refresh_token": "spent"})
    with pytest.raises(ConfigurationProblem):
        listed(stand)


def test_a_missing_scope_is_said_as_such(open_stand: Callable[..., Stand]) -> None:
    stand = open_stand("jira", secrets=OAUTH)
    knobs(stand, missing_scope="/rest/agile/")
    with pytest.raises(ConfigurationProblem, match="lacks a scope"):
        listed(stand, "milestone")


def test_a_grant_for_another_site_is_refused_with_the_sites_it_covers(
    open_stand: Callable[..., Stand],
) -> None:
    stand = open_stand("jira", secrets=OAUTH, settings={"cloud_id": "99999999-aaaa"})
    with pytest.raises((ConfigurationProblem, RecordGone, ContractBroken)):
        listed(stand)


def test_missing_permissions_are_named(stand: Stand) -> None:
    knobs(stand, without_permissions=["TRANSITION_ISSUES", "DELETE_ISSUES", "ADMINISTER"])
    report = stand.client.check()
    write = next(one for one in report.checks if one.name == "may_write")
    assert (report.ok, write.ok, write.detail) == (
        False,
        False,
        "It may not: change their status, delete issues.",
    )
    knobs(stand, without_permissions=["DELETE_ISSUES"])
    assert stand.client.check().ok


def test_a_limit_without_retry_after_is_waited_out_by_its_reset(stand: Stand) -> None:
    until = datetime.now(UTC).replace(second=0, microsecond=0) + timedelta(minutes=3)
    headers = {"X-RateLimit-Reset": f"{until:%Y-%m-%dT%H:%MZ}", "RateLimit-Reason": "jira-per-issue-on-write"}
    stand.vendor.fail("status", status=429, headers=headers)
    with pytest.raises(RateLimited) as caught:
        listed(stand)
    assert 110 < (caught.value.retry_after or 0) <= 180


def test_statuses_come_once_with_their_category(stand: Stand) -> None:
    found = stand.client.containers("status")
    assert [(one.id, one.name, one.extra["category"]) for one in found] == [
        (seed.TO_DO, "To Do", "new"),
        (seed.DOING, "In Progress", "indeterminate"),
        (seed.REVIEW, "In Review", "indeterminate"),
        (seed.DONE, "Done", "done"),
    ]


@pytest.mark.parametrize(
    ("kind", "first"),
    [
        ("", "Website relaunch (WEB)"),
        ("board", "WEB board"),
        ("board_column", "To Do"),
        ("sprint", "Sprint 8"),
        ("version", "1.0"),
        ("component", "Shop"),
        ("user", "Hub Bot"),
        ("priority", "Highest"),
        ("resolution", "Done"),
        ("issue_type", "Epic"),
        ("label", "content"),
        ("custom_field", "Start date"),
    ],
)
def test_everything_a_person_picks_from_is_listed(stand: Stand, kind: str, first: str) -> None:
    assert stand.client.containers(kind)[0].name == first
    assert stand.client.containers("lane") == []


def test_a_403_on_one_issue_holds_that_issue_alone(stand: Stand) -> None:
    card = issue(stand, "WEB-2")
    stand.vendor.fail("status", status=403)
    with pytest.raises(PermissionProblem):
        stand.client.get("issue", card.id)
    captcha = {"X-Seraph-LoginReason": "AUTHENTICATION_DENIED"}
    stand.vendor.fail("status", status=403, headers=captcha)
    with pytest.raises(ConfigurationProblem, match="CAPTCHA"):
        stand.client.get("issue", card.id)


# --- webhooks -------------------------------------------------------------------------------------------------------


def test_without_administering_jira_the_webhook_is_made_by_hand(stand: Stand) -> None:
    knobs(stand, no_admin=True)
    assert stand.client.ensure_webhook("https://hub.example.org/h", "secret") is None


def test_an_apps_webhook_is_refreshed_before_it_ends(open_stand: Callable[..., Stand]) -> None:
    stand = open_stand("jira", secrets=OAUTH)
    url = "https://hub.example.org/h"
    first = stand.client.ensure_webhook(url, "secret")
    assert first is not None
    assert first.expires_at is not None
    assert timedelta(days=29) < first.expires_at - datetime.now(UTC) < timedelta(days=31)
    row = stand.vendor.world.get("app_webhook", first.id)
    assert row is not None
    soon = int((datetime.now(UTC) + timedelta(days=5)).timestamp() * 1000)
    stand.vendor.world.put("app_webhook", first.id, {**row, "expirationDate": soon})
    again = stand.client.ensure_webhook(url, "secret")
    assert again is not None
    assert (again.id, again.expires_at and again.expires_at > datetime.now(UTC) + timedelta(days=29)) == (
        first.id,
        True,
    )
    renewed = stand.client.ensure_webhook(url, "another secret")
    assert renewed is not None
    assert renewed.id != first.id
    assert stand.client.remove_webhooks(url) == 1


def test_requests_and_answers_of_a_long_walk_fit_atlassians_documents(stand: Stand) -> None:
    if specs_folder() is None:
        pytest.skip("the vendors' documents are not here")
    card = issue(stand, "WEB-2")
    for kind in (
        "",
        "board",
        "board_column",
        "sprint",
        "status",
        "user",
        "issue_type",
        "custom_field",
        "label",
    ):
        stand.client.containers(kind)
    stand.client.update("issue", card.id, {"hub.sprint": "sprint/43", STATUS: seed.REVIEW}, current=card)
    stand.client.check()
    assert SPEC.problems(stand.vendor.requests)[0] == []
