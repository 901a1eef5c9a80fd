"""A chosen project on the stand-in, over HTTP: reading page-wise, writing, what moved, and what is refused."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
import requests

from connectors.base.errors import (
    ConfigurationProblem,
    PermissionProblem,
    RateLimited,
    RecordProblem,
    StaleWrite,
)
from connectors.base.types import AbsenceKind, ChangeHint, ExternalRecord, Page, UnknownEvent, WebhookRequest
from connectors.github.webhooks import ITEM_CHANGES, WEBHOOKS
from sandbox.testing import RunningSandbox
from sandbox.vendors import github_seed as seed
from tests.contract import test_every_connector as suite
from tests.sandbox_fixtures import Stand

FIELDS = "priority = Priority; start = Start date; due = Target date; estimate = Estimate"
PROJECT = {"project": "1", "project_fields": FIELDS}
SETTINGS = {"repository": "acme/webshop", **PROJECT}
TODO, DOING, REVIEW, DONE = (f"open/{id}" for id, _, _ in seed.STATUSES)
VIEWER = {"token": "sandbox-github-viewer"}
READER = {"token": "sandbox-github-reader"}

Opener = Callable[..., Stand]


@pytest.fixture
def stand(open_stand: Opener) -> Stand:
    return open_stand("github", settings=PROJECT)


def item_of(stand: Stand, number: int) -> dict[str, Any] | None:
    found: dict[str, Any] | None = stand.vendor.item_of(number)  # type: ignore[attr-defined]
    return found


def move(stand: Stand, number: int, **values: Any) -> None:
    item = item_of(stand, number)
    assert item is not None
    stand.vendor.edit("project_item", str(item["id"]), values)


def documents(stand: Stand) -> list[str]:
    return [one.body["query"] for one in stand.vendor.requests if one.path == "/graphql"]


def pages(stand: Stand, since: datetime | None = None) -> list[Page]:
    found, token = [], None
    while True:
        found.append(stand.client.list_page("issue", since=since, token=token))
        token = found[-1].next_token
        if token is None:
            return found


def make_quiet(stand: Stand, moment: str = "2025-01-01T00:00:00Z") -> None:
    """Nothing changed lately: so a walk since then shows only what a test changes."""
    with stand.vendor.world.lock:
        for kind, id_at in (("issue", "number"), ("project_item", "id")):
            for one in stand.vendor.world.all(kind):
                stand.vendor.world.put(kind, one[id_at], {**one, "updated_at": moment})


# --- the shared suite, once more with a project ----------------------------------------------------------------------


@pytest.fixture
def open_with_project(open_stand: Opener) -> Opener:
    """As ``open_stand``, with a project and samples in its terms."""

    def opened(slug: str, **options: Any) -> Stand:
        stand = open_stand(slug, settings=PROJECT, **options)
        sample = {
            **stand.fixture.samples["issue"],
            "hub.status": DOING,
            "hub.start_on": "2026-01-12",
            "hub.due_on": "2026-01-30",
            "hub.estimate": 2.5,
        }
        edit = {"title": "A light that stays on", "hub.status": REVIEW, "hub.priority": "urgent"}
        stand.fixture = dataclasses.replace(stand.fixture, samples={"issue": sample}, edits={"issue": edit})
        return stand

    return opened


@pytest.mark.parametrize(
    "case",
    [
        suite.test_every_row_has_a_text_id_and_aware_times,
        suite.test_the_incremental_boundary_is_not_missed,
        suite.test_get_answers_the_listed_record,
        suite.test_get_many_leaves_out_the_absent,
        suite.test_a_created_record_carries_what_was_sent_and_is_found_by_its_key,
        suite.test_a_stale_update_is_refused,
        suite.test_an_archived_record_stays_readable_and_says_so,
        suite.test_a_present_record_is_explained_as_present,
        suite.test_a_create_whose_answer_was_lost_is_ambiguous_or_keyed_and_is_not_made_twice,
        suite.test_every_default_link_goes_round_through_its_transform,
    ],
    ids=lambda case: case.__name__.removeprefix("test_"),
)
def test_the_shared_suite_holds_with_a_project_too(
    open_with_project: Opener, case: Callable[..., None]
) -> None:
    case(open_with_project, "github", "issue")


def test_without_a_project_nothing_is_asked_of_graphql_and_nothing_is_added(open_stand: Opener) -> None:
    plain = open_stand("github")
    made = plain.client.create("issue", plain.fixture.samples["issue"], key="k")
    plain.client.update("issue", made.id, plain.fixture.edits["issue"], current=made)
    plain.client.check()
    rows = [record for page in pages(plain, made.updated_at) for record in page.records]
    assert documents(plain) == []
    assert {tuple(sorted(row.data["hub"])) for row in rows} == {
        ("assignees", "key", "labels", "milestone", "parent", "priority", "reporter", "status")
    }
    assert [row.id for row in plain.client.containers("status")][:2] == ["open", "open/backlog"]


# --- reading -------------------------------------------------------------------------------------------------------


def test_a_page_of_issues_costs_one_query_for_all_of_its_items(stand: Stand) -> None:
    listed = pages(stand)
    assert [len(page.records) for page in listed] == [96, 24]
    assert len(documents(stand)) == 1 + len(listed)  # the project itself, then one for each page
    hubs = {record.id: record.data["hub"] for page in listed for record in page.records}
    assert (hubs["2"]["status"], hubs["2"]["due_on"], hubs["2"]["estimate"]) == (DOING, "2025-02-28", 2)
    assert (hubs["1"]["status"], hubs["1"]["board"]) == ("open", "absent")


def test_many_issues_by_number_cost_one_query_too(stand: Stand) -> None:
    found = stand.client.get_many("issue", ["2", "4", "9999", "1"])
    assert {id: one.data["hub"]["status"] for id, one in found.items()} == {
        "2": DOING,
        "4": REVIEW,
        "1": "open",
    }
    assert len(documents(stand)) == 2


def test_an_issue_in_many_projects_is_looked_through_to_ours(stand: Stand) -> None:
    with stand.vendor.world.lock:
        ours = item_of(stand, 2)
        assert ours is not None
        stand.vendor.world.drop("project_item", ours["id"])
        for number in range(30):
            other = seed.project(
                9100 + number, 10 + number, f"Other {number}", seed.ORG_ID, "2025-01-01T00:00:00Z"
            )
            stand.vendor.world.put("project", other["id"], other)
            stand.vendor.world.put(
                "project_item", 50_000 + number, {**ours, "id": 50_000 + number, "project": other["id"]}
            )
        stand.vendor.world.put("project_item", 60_000, {**ours, "id": 60_000})
    assert stand.client.get("issue", "2").data["hub"]["status"] == DOING
    assert len(documents(stand)) == 3


def test_the_options_are_the_statuses_to_choose_from(stand: Stand) -> None:
    rows = stand.client.containers("status")
    assert [(row.id, row.name) for row in rows][:4] == [
        (TODO, "Todo"),
        (DOING, "In Progress"),
        (REVIEW, "In Review"),
        (DONE, "Done"),
    ]
    assert [row.id for row in rows][4:] == [
        "open",
        "closed/completed",
        "closed/not_planned",
        "closed/duplicate",
    ]
    assert {row.extra["resource"] for row in rows} == {"issue"}


# --- what moved without the issue ----------------------------------------------------------------------------------


def test_a_moved_item_is_noticed_though_its_issue_did_not_change(stand: Stand) -> None:
    make_quiet(stand)
    since = datetime.now(UTC) - timedelta(minutes=2)
    assert [page.records for page in pages(stand, since)] == [[], []]
    move(stand, 4, Status="Done")
    before = stand.vendor.world.get("issue", 4)
    (moved,) = [record for page in pages(stand, since) for record in page.records]
    assert (moved.id, moved.data["hub"]["status"], moved.complete) == ("4", DONE, True)
    assert before is not None
    assert before["updated_at"] == "2025-01-01T00:00:00Z"
    assert moved.updated_at is not None
    assert moved.updated_at > since


def test_an_issue_that_changed_itself_is_listed_once(stand: Stand) -> None:
    make_quiet(stand)
    since = datetime.now(UTC) - timedelta(minutes=2)
    stand.vendor.edit("issue", "4", {"title": "Sharper"})
    move(stand, 4, Status="Done")
    assert [record.id for page in pages(stand, since) for record in page.records] == ["4"]


def test_an_archived_and_a_restored_item_are_noticed(stand: Stand) -> None:
    make_quiet(stand)
    since = datetime.now(UTC) - timedelta(minutes=2)
    move(stand, 4, archived=True)
    (moved,) = [record for page in pages(stand, since) for record in page.records]
    assert (moved.data["hub"]["board"], moved.data["hub"]["status"], moved.is_archived) == (
        "archived",
        REVIEW,
        False,
    )
    move(stand, 4, archived=False)
    (moved,) = [record for page in pages(stand, since) for record in page.records]
    assert moved.data["hub"]["board"] == "listed"


def test_an_item_taken_out_is_no_deleted_issue_and_shows_in_a_full_listing(stand: Stand) -> None:
    item = item_of(stand, 4)
    assert item is not None
    stand.vendor.remove("project_item", str(item["id"]))
    before = stand.client.get("issue", "4").updated_at
    rows = {record.id: record for page in pages(stand) for record in page.records}
    assert rows["4"].updated_at == before
    assert before is not None
    assert before > datetime.now(UTC) - timedelta(
        minutes=1
    )  # when it was taken out, as the issue's timeline says
    assert (rows["4"].data["hub"]["status"], rows["4"].data["hub"]["board"]) == ("open", "absent")
    stand.vendor.remove("issue", "6")
    explained = stand.client.explain_absence("issue", ["4", "6"])
    assert [explained[id].kind for id in ("4", "6")] == [AbsenceKind.PRESENT, AbsenceKind.DELETED]


def test_drafts_pull_requests_and_other_repositories_are_left_out_of_the_walk(stand: Stand) -> None:
    make_quiet(stand)
    since = datetime.now(UTC) - timedelta(minutes=2)
    with stand.vendor.world.lock:
        (draft,) = stand.vendor.world.where("project_item", lambda one: one["issue"] is None)
        stand.vendor.world.put("project_item", draft["id"], {**draft, "updated_at": stand.vendor.stamp()})
        issue = stand.vendor.world.get("issue", 4)
        assert issue is not None
        stand.vendor.world.put("issue", 4, {**issue, "repo": seed.HANDBOOK_ID})
    move(stand, 21, Status="In Review")  # a pull request
    move(stand, 4, Status="Done")
    assert [record for page in pages(stand, since) for record in page.records] == []


def test_a_server_that_does_not_know_archived_states_is_asked_without(stand: Stand) -> None:
    make_quiet(stand)
    move(stand, 4, Status="Done")
    since = datetime.now(UTC) - timedelta(minutes=2)
    first = stand.client.list_page("issue", since=since)
    words = "Field 'items' doesn't accept argument 'archivedStates'"
    stand.vendor.fail("status", status=200, path="^/graphql", body={"errors": [{"message": words}]})
    second = stand.client.list_page("issue", since=since, token=first.next_token)
    assert [record.id for record in second.records] == ["4"]


def test_a_server_that_does_not_know_when_items_left_is_asked_without(stand: Stand) -> None:
    stand.client.get("issue", "2")
    words = "No such type RemovedFromProjectV2Event, so it can't be a fragment condition"
    stand.vendor.fail("status", status=200, path="^/graphql", body={"errors": [{"message": words}]})
    assert stand.client.get("issue", "2").data["hub"]["status"] == DOING
    assert "timelineItems" not in documents(stand)[-1]


# --- writing -------------------------------------------------------------------------------------------------------


def updated(stand: Stand, number: str, fields: dict[str, Any]) -> ExternalRecord:
    return stand.client.update("issue", number, fields, current=stand.client.get("issue", number))


def test_an_issue_outside_the_project_is_added_when_it_gets_a_status(stand: Stand) -> None:
    after = updated(stand, "1", {"hub.status": DOING, "hub.due_on": "2026-01-30"})
    hub = {name: after.data["hub"][name] for name in ("status", "due_on", "board")}
    assert hub == {"status": DOING, "due_on": "2026-01-30", "board": "listed"}
    writes = [one for one in documents(stand) if one.startswith("mutation")]
    assert len(writes) == 2  # into the project; all values at once
    assert [one for one in stand.vendor.requests if one.method == "PATCH"] == []
    assert stand.client.get("issue", "1").version == after.version


def test_what_the_issue_has_no_value_for_adds_nothing(stand: Stand) -> None:
    updated(
        stand, "1", {"hub.status": "open", "hub.priority": None, "hub.estimate": None, "title": "Only this"}
    )
    assert item_of(stand, 1) is None


def test_values_are_cleared(stand: Stand) -> None:
    after = updated(
        stand, "2", {"hub.status": "open", "hub.due_on": None, "hub.estimate": None, "hub.priority": None}
    )
    names = ("status", "due_on", "estimate", "priority", "board")
    assert [after.data["hub"][name] for name in names] == ["open", None, None, None, "listed"]
    item = item_of(stand, 2)
    assert item is not None
    assert item["values"] == {}


def test_an_archived_item_is_restored_before_it_is_changed(stand: Stand) -> None:
    move(stand, 4, archived=True)
    after = updated(stand, "4", {"hub.status": DONE})
    assert (after.data["hub"]["status"], after.data["hub"]["board"]) == (DONE, "listed")


def test_the_done_option_closes_nothing_and_closing_leaves_the_option_to_github(stand: Stand) -> None:
    after = updated(stand, "2", {"hub.status": DONE})
    assert (after.data["state"], after.data["hub"]["status"]) == ("open", DONE)
    after = updated(stand, "4", {"hub.status": "closed/completed"})
    assert after.data["hub"]["status"] == "closed/completed"
    assert not [one for one in documents(stand) if "set_status" in one and "mutation" in one][1:]
    item = item_of(stand, 4)
    assert item is not None
    assert item["values"][seed.STATUS_FIELD] == DONE.removeprefix("open/")  # by GitHub's own workflow
    after = updated(stand, "4", {"hub.status": DOING})
    assert (after.data["state"], after.data["hub"]["status"]) == ("open", DOING)


def test_a_status_that_is_no_option_any_more_is_refused_and_nothing_is_added(stand: Stand) -> None:
    with pytest.raises(RecordProblem) as caught:
        updated(stand, "1", {"hub.status": "open/gone"})
    assert caught.value.field == "hub.status"
    assert item_of(stand, 1) is None


def test_an_option_made_meanwhile_is_found(stand: Stand) -> None:
    stand.client.get("issue", "2")
    with stand.vendor.world.lock:
        project = stand.vendor.world.get("project", seed.PROJECT_ID)
        assert project is not None
        status = next(one for one in project["fields"] if one["id"] == seed.STATUS_FIELD)
        status["options"].append({"id": "0b5e1e55", "name": "Blocked", "color": "RED"})
        stand.vendor.world.put("project", project["id"], project)
    assert updated(stand, "2", {"hub.status": "open/0b5e1e55"}).data["hub"]["status"] == "open/0b5e1e55"


def test_a_priority_without_an_option_is_refused_by_name(stand: Stand) -> None:
    with pytest.raises(RecordProblem) as caught:
        updated(stand, "2", {"hub.priority": "low"})
    assert caught.value.field == "hub.priority"


def test_an_item_moved_by_another_makes_the_update_stale(stand: Stand) -> None:
    seen = stand.client.get("issue", "4")
    move(stand, 4, Status="Done")
    with pytest.raises(StaleWrite):
        stand.client.update("issue", "4", {"hub.status": TODO}, current=seen)
    assert stand.client.get("issue", "4").data["hub"]["status"] == DONE


def test_a_created_issue_stands_in_the_project_at_once(stand: Stand) -> None:
    fields = {"title": "New", "hub.status": REVIEW, "hub.priority": "high", "hub.start_on": "2026-01-12"}
    made = stand.client.create("issue", fields, key="k-1")
    names = ("status", "priority", "start_on")
    assert [made.data["hub"][name] for name in names] == [REVIEW, "high", "2026-01-12"]
    assert stand.client.get("issue", made.id).version == made.version
    found = stand.client.find_by_key("issue", "k-1", since=datetime.now(UTC) - timedelta(minutes=1))
    assert found is not None
    assert found.id == made.id


# --- rights, faults, limits ----------------------------------------------------------------------------------------


def test_the_check_says_which_scope_is_missing(open_stand: Opener) -> None:
    def line(**options: Any) -> tuple[bool, str]:
        report = open_stand("github", **options).client.check()
        return next((one.ok, one.detail) for one in report.checks if one.name == "project")

    assert line(settings=PROJECT) == (
        True,
        "Webshop roadmap: Status, Priority, Start date, Target date, Estimate",
    )
    unseen = line(settings=PROJECT, secrets=READER)
    assert not unseen[0]
    assert "“read:project”" in unseen[1]
    assert line(settings=PROJECT, secrets=VIEWER) == (False, "Webshop roadmap can be read, but not changed.")
    assert "no project 7" in line(settings={"project": "7"})[1]
    assert (
        "no date field “Deadline”" in line(settings={"project": "1", "project_fields": "due = Deadline"})[1]
    )
    assert (
        "no number field “Target date”"
        in line(settings={"project": "1", "project_fields": "estimate = Target date"})[1]
    )
    report = open_stand("github", settings=PROJECT, secrets=VIEWER).client.check()
    assert report.missing_scopes == ("project",)


def test_a_project_that_may_not_be_read_stops_the_run_and_shows_no_empty_stages(open_stand: Opener) -> None:
    reader = open_stand("github", settings=PROJECT, secrets=READER)
    with pytest.raises(ConfigurationProblem, match="read:project"):
        reader.client.list_page("issue")


def test_a_right_lost_during_the_walk_stops_it(stand: Stand) -> None:
    stand.client.get("issue", "2")
    body = {
        "data": {"nodes": [None]},
        "errors": [{"type": "FORBIDDEN", "path": ["nodes", 0], "message": "Resource not accessible"}],
    }
    stand.vendor.fail("status", status=200, path="^/graphql", body=body)
    with pytest.raises(ConfigurationProblem):
        stand.client.list_page("issue")


def test_a_project_that_may_only_be_read_holds_the_record_that_is_written(open_stand: Opener) -> None:
    viewer = open_stand("github", settings=PROJECT, secrets=VIEWER)
    issue = viewer.client.get("issue", "2")
    assert issue.data["hub"]["status"] == DOING
    with pytest.raises(PermissionProblem, match="“project”"):
        viewer.client.update("issue", "2", {"hub.status": DONE}, current=issue)
    assert viewer.client.update("issue", "2", {"title": "Still"}, current=issue).data["title"] == "Still"


def test_points_are_a_limit_of_their_own(stand: Stand) -> None:
    reset = int(datetime.now(UTC).timestamp()) + 90
    headers = {"X-RateLimit-Remaining": "0", "X-RateLimit-Limit": "5000", "X-RateLimit-Reset": str(reset)}
    body = {"errors": [{"type": "RATE_LIMITED", "message": "API rate limit exceeded for user ID 1."}]}
    stand.vendor.fail("status", status=200, path="^/graphql", body=body, headers=headers)
    with pytest.raises(RateLimited) as caught:
        stand.client.list_page("issue")
    assert 80 < (caught.value.retry_after or 0) <= 90


@pytest.mark.parametrize("status", [200, 403])
def test_the_secondary_limit_of_graphql_waits_a_minute(stand: Stand, status: int) -> None:
    words = "You have exceeded a secondary rate limit."
    body = {"message": words} if status == 403 else {"errors": [{"message": words}]}
    stand.vendor.fail(
        "status", status=status, path="^/graphql", body=body, headers={"X-RateLimit-Remaining": "4000"}
    )
    with pytest.raises(RateLimited) as caught:
        stand.client.list_page("issue")
    assert caught.value.retry_after == 60


class Counted:
    """A gate that remembers what was spent."""

    def __init__(self) -> None:
        self.spent: list[str] = []

    def acquire(self, quota_class: str, budget: Any, *, cost: int = 1) -> None:
        self.spent.append(quota_class)

    def observe(self, quota_class: str, **seen: Any) -> None:
        return None


def test_documents_spend_points_and_no_requests(open_stand: Opener) -> None:
    gate = Counted()
    open_stand("github", settings=PROJECT, gate=gate).client.get("issue", "2")
    assert sorted(gate.spent) == ["default", "graphql", "graphql"]


# --- projects as records --------------------------------------------------------------------------------------------


def test_the_owners_projects_are_records_with_their_readme(stand: Stand) -> None:
    with stand.vendor.world.lock:
        for number in range(2, 103):
            made = seed.project(
                9000 + number, number, f"Project {number}", seed.ORG_ID, "2025-01-01T00:00:00Z"
            )
            stand.vendor.world.put("project", made["id"], {**made, "closed": number == 3})
    first = stand.client.list_page("project")
    second = stand.client.list_page("project", token=first.next_token)
    assert ([one.id for one in (*first.records, *second.records)], second.next_token) == (
        [str(number) for number in range(1, 103)],
        None,
    )
    assert [one.data["hub"]["state"] for one in first.records[:3]] == ["open", "open", "closed"]
    seen = stand.client.get("project", "1")
    fields = {"title": "Roadmap", "description": "All **that** is to come."}
    after = stand.client.update("project", "1", fields, current=seen)
    assert [after.data[name] for name in fields] == ["Roadmap", "All **that** is to come."]
    assert stand.client.get("project", "1").version == after.version
    with pytest.raises(StaleWrite):
        stand.client.update("project", "1", {"title": "Other"}, current=seen)
    with pytest.raises(RecordProblem):
        stand.client.update("project", "1", {"title": " "}, current=after)


def test_a_project_that_is_not_seen_proves_nothing(stand: Stand) -> None:
    assert list(stand.client.get_many("project", ["1", "77", "x"])) == ["1"]
    explained = stand.client.explain_absence("project", ["1", "77"])
    assert [explained[id].kind for id in ("1", "77")] == [AbsenceKind.PRESENT, AbsenceKind.UNKNOWN]


@pytest.mark.parametrize(
    "case",
    [
        suite.test_every_row_has_a_text_id_and_aware_times,
        suite.test_get_answers_the_listed_record,
    ],
    ids=lambda case: case.__name__.removeprefix("test_"),
)
def test_the_shared_suite_holds_for_projects(open_with_project: Opener, case: Callable[..., None]) -> None:
    case(open_with_project, "github", "project")


# --- webhooks ------------------------------------------------------------------------------------------------------


def hints(payload: dict[str, Any], settings: dict[str, Any]) -> list[ChangeHint]:
    headers = {"x-github-event": "projects_v2_item"}
    request = WebhookRequest(
        "POST", headers, orjson.dumps(payload), {}, "https://hub.example.org/h", datetime.now(UTC)
    )
    return WEBHOOKS.parse(request, payload, settings)


def event(action: str = "edited", **more: Any) -> dict[str, Any]:
    return {
        "action": action,
        "projects_v2_item": {"id": 1, "content_type": "Issue"},
        "sender": {"id": 5},
        **more,
    }


@pytest.mark.parametrize("action", sorted(ITEM_CHANGES))
def test_a_changed_item_asks_for_a_poll_and_never_for_a_deletion(action: str) -> None:
    assert hints(event(action), SETTINGS) == [
        ChangeHint("issue", event=f"projects_v2_item.{action}", actor_id="5")
    ]


def test_items_of_others_are_ignored() -> None:
    assert hints(event("edited"), {"repository": "acme/webshop"}) == []
    assert hints(event("reordered"), SETTINGS) == []
    assert hints({**event(), "projects_v2_item": {"content_type": "DraftIssue"}}, SETTINGS) == []
    assert hints(event(changes={"field_value": {"project_number": 2}}), SETTINGS) == []
    assert hints(event(changes={"field_value": {"project_number": 1}}), SETTINGS) != []
    with pytest.raises(UnknownEvent, match="exploded"):
        hints(event("exploded"), SETTINGS)


def test_the_organisations_webhook_tells_of_items_signed(stand: Stand, box: RunningSandbox) -> None:
    stand.vendor.edit("org_hook", None, {"url": "http://127.0.0.1:9/hooks", "secret": "s"})
    move(stand, 4, Status="Done")
    (sent,) = [one for one in box.deliveries("github") if one.event == "projects_v2_item.edited"]
    headers = {name.lower(): value for name, value in sent.headers.items()}
    request = WebhookRequest("POST", headers, sent.body, {}, sent.url, datetime.now(UTC))
    WEBHOOKS.verify(request, ["s"], SETTINGS)
    (hint,) = WEBHOOKS.parse(request, orjson.loads(sent.body), SETTINGS)
    assert (hint.resource, hint.external_id, hint.is_delete) == ("issue", "", False)


# --- the page ------------------------------------------------------------------------------------------------------


def test_a_person_moves_an_item_on_the_page(stand: Stand, box: RunningSandbox) -> None:
    page = f"{box.url('github')}/ui/acme/webshop/issues/1"
    with requests.Session() as browser:
        browser.trust_env = False
        assert "not in the project" in browser.get(page).text
        browser.post(
            page,
            data={"_action": "project", "Status": "In Review", "Estimate": "3", "Target date": "2026-01-30"},
        )
        hub = stand.client.get("issue", "1").data["hub"]
        assert (hub["status"], hub["estimate"], hub["due_on"]) == (REVIEW, 3, "2026-01-30")
        browser.post(page, data={"_action": "put_away"})
        assert stand.client.get("issue", "1").data["hub"]["board"] == "archived"
        browser.post(page, data={"_action": "restore"})
        browser.post(page, data={"_action": "take_out"})
        assert stand.client.get("issue", "1").data["hub"]["board"] == "absent"
