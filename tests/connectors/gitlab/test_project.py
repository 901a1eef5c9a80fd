"""What the shared suite cannot know of GitLab: states and labels, quick actions, licences, roles, moves, limits."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connectors.base.errors import (
    AlreadyExists,
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
from connectors.gitlab import reading
from connectors.gitlab.connector import CONNECTOR, api_address, validate
from connectors.gitlab.reading import next_page
from integrations.services.statusmaps import status_suggestion
from sandbox.vendors import gitlab_seed as seed
from tests.connectors.gitlab.spec import SPEC
from tests.sandbox_fixtures import Stand

Opener = Callable[..., Stand]


def issue_of(stand: Stand, id: str = "2") -> ExternalRecord:
    return stand.client.get("issue", id)


def sent(stand: Stand, method: str = "PUT") -> list[Any]:
    return [entry.body for entry in stand.vendor.requests if entry.method == method]


# --- states, labels, text -----------------------------------------------------------------------------------------


def test_the_stage_is_a_scoped_label_and_one_request_carries_all(open_stand: Opener) -> None:
    stand = open_stand("gitlab")
    before = issue_of(stand)
    assert before.data["hub"]["status"] == "opened/status::in progress"
    stand.vendor.requests.clear()
    fields = {"hub.status": "opened/status::review", "hub.priority": "urgent", "hub.labels": ["docs"]}
    after = stand.client.update("issue", "2", fields, current=before)
    assert sent(stand) == [
        {
            "add_labels": "docs,priority::urgent,status::review",
            "remove_labels": "checkout,status::in progress",
        }
    ]
    assert after.data["labels"] == ["docs", "priority::urgent", "status::review"]


def test_closing_keeps_the_stages_label_and_reopening_finds_it_again(open_stand: Opener) -> None:
    stand = open_stand("gitlab")
    closed = stand.client.update("issue", "2", {"hub.status": "closed"}, current=issue_of(stand))
    assert closed.data["hub"]["status"] == "closed"
    assert "status::in progress" in closed.data["labels"]
    opened = stand.client.update("issue", "2", {"hub.status": "opened/status::in progress"}, current=closed)
    assert sent(stand) == [{"state_event": "close"}, {"state_event": "reopen"}]
    assert opened.data["hub"]["status"] == "opened/status::in progress"


def test_what_looks_like_a_command_is_kept_as_text(open_stand: Opener) -> None:
    stand = open_stand("gitlab")
    text = "See\n/close\n\n```\n/reopen is a command\n```"
    made = stand.client.create("issue", {"title": "Commands", "description": text}, key="k-1")
    assert (made.data["hub"]["status"], made.data["description"]) == ("opened", text)
    note = stand.client.create("note", {"body": "/close"}, key="k-2", parent_id=made.id)
    assert note.data["body"] == "/close"
    assert issue_of(stand, made.id).data["hub"]["status"] == "opened"
    world = stand.vendor.world.get("issue", made.id)
    assert world is not None
    assert world["description"].startswith("See\n\\/close\n")


def test_mentions_are_muted_where_the_settings_say_so(open_stand: Opener) -> None:
    stand = open_stand("gitlab", settings={"mute_mentions": "yes"})
    made = stand.client.create("note", {"body": "@mirja see #4"}, key="k", parent_id="2")
    assert made.data["body"] == "@mirja see #4"
    stored = stand.vendor.world.get("note", made.id)
    assert stored is not None
    assert "@mirja" not in stored["body"]


def test_labels_of_the_settings_show_the_stage(open_stand: Opener) -> None:
    stand = open_stand("gitlab", settings={"stage_labels": "checkout; bug", "priority_prefix": "off"})
    assert issue_of(stand, "3").data["hub"]["status"] == "opened/bug"
    assert issue_of(stand, "3").data["hub"]["priority"] is None
    with pytest.raises(RecordProblem) as caught:
        stand.client.update("issue", "3", {"hub.priority": "high"}, current=issue_of(stand, "3"))
    assert caught.value.field == "hub.priority"


def test_statuses_to_choose_from_are_both_states_and_the_stages_labels(open_stand: Opener) -> None:
    stages = ["backlog", "todo", "in_progress", "review", "done"]
    found = open_stand("gitlab").client.containers("status")
    suggested = {
        one.id: status_suggestion(one.name, str(one.extra.get("category") or ""), stages) for one in found
    }
    assert suggested == {
        "opened": "todo",
        "opened/status::backlog": "backlog",
        "opened/status::in progress": "in_progress",
        "opened/status::review": "review",
        "closed": "done",
    }


def test_people_and_dates_can_be_taken_off(open_stand: Opener) -> None:
    stand = open_stand("gitlab")
    fields = {"hub.assignees": [], "hub.milestone": None, "due_date": None, "weight": None, "hub.epic": None}
    after = stand.client.update("issue", "2", fields, current=issue_of(stand))
    assert sent(stand) == [
        {"assignee_ids": [0], "milestone_id": 0, "due_date": "", "weight": None, "epic_id": 0}
    ]
    assert [after.data[name] for name in ("assignees", "milestone", "due_date", "weight", "epic")] == [
        [],
        None,
        None,
        None,
        None,
    ]


# --- licences and roles -------------------------------------------------------------------------------------------


def test_without_premium_there_are_no_weights_and_one_assignee(open_stand: Opener) -> None:
    stand = open_stand("gitlab", settings={"premium": "", "group": ""})
    names = [one.name for one in CONNECTOR.resources_of(stand.settings)]
    assert names == ["user", "label", "milestone", "issue", "note"]
    assert "weight" not in [link.external for link in CONNECTOR.resource("issue", stand.settings).links]
    with pytest.raises(RecordProblem) as caught:
        stand.client.update("issue", "2", {"hub.assignees": ["33", "34"]}, current=issue_of(stand))
    assert caught.value.field == "hub.assignees"
    assert sent(stand) == []


def test_what_the_licence_drops_silently_is_reported_by_name(open_stand: Opener) -> None:
    stand = open_stand("gitlab")
    stand.vendor.turn(extra={"premium": False})
    with pytest.raises(RecordProblem) as caught:
        stand.client.update("issue", "2", {"title": "New", "weight": 9}, current=issue_of(stand))
    assert caught.value.field == "weight"
    with pytest.raises(Retryable) as made:
        stand.client.create("issue", {"title": "Heavy", "weight": 9}, key="heavy")
    assert made.value.ambiguous
    found = stand.client.find_by_key("issue", "heavy", since=datetime.now(UTC) - timedelta(minutes=1))
    assert found is not None
    assert found.data["title"] == "Heavy"


def test_epics_without_a_licence_are_a_clear_line_of_the_check(open_stand: Opener) -> None:
    stand = open_stand("gitlab")
    stand.vendor.turn(extra={"premium": False})
    report = stand.client.check()
    assert not report.ok
    failed = [one for one in report.checks if not one.ok]
    assert [one.name for one in failed] == ["epics"]
    assert "Premium" in failed[0].fix
    with pytest.raises(PermissionProblem):
        stand.client.list_page("epic")


def test_the_check_names_version_account_and_the_tokens_last_day(open_stand: Opener) -> None:
    stand = open_stand("gitlab")
    stand.vendor.turn(extra={"token_days": 3})
    report = stand.client.check()
    assert (report.ok, report.account, report.api_version) == (True, "project_4521_bot_5f2c", "18.6.0-ee")
    assert [one.name for one in report.checks if not one.ok] == ["token_expiry"]


def test_a_token_that_may_only_read_lacks_its_scope(open_stand: Opener) -> None:
    stand = open_stand("gitlab", secrets={"token": seed.READ_TOKEN})
    report = stand.client.check()
    assert (report.ok, report.missing_scopes) == (False, ("api",))
    with pytest.raises(ConfigurationProblem):
        stand.client.update("issue", "2", {"title": "New"}, current=issue_of(stand))


def test_a_guest_is_told_what_is_missing_and_a_missing_issue_proves_nothing(open_stand: Opener) -> None:
    stand = open_stand("gitlab")
    stand.vendor.turn(extra={"access_level": 10})
    report = stand.client.check()
    assert sorted(one.name for one in report.checks if not one.ok) == ["may_write", "webhooks"]
    stand.vendor.remove("issue", "2")
    assert stand.client.explain_absence("issue", ["2"])["2"].kind is AbsenceKind.UNKNOWN
    with pytest.raises(PermissionProblem):
        stand.client.ensure_webhook("http://127.0.0.1:9/h", "s")


def test_an_archived_project_asks_for_a_person(open_stand: Opener) -> None:
    stand = open_stand("gitlab")
    project = stand.vendor.world.get("project", seed.PROJECT)
    stand.vendor.world.put("project", seed.PROJECT, {**(project or {}), "archived": True})
    assert "may_write" in [one.name for one in stand.client.check().checks if not one.ok]
    with pytest.raises(ConfigurationProblem):
        stand.client.create("label", {"name": "x"}, key="k")


# --- what belongs to the group, what is there already ----------------------------------------------------------------


def test_a_groups_milestone_is_written_in_the_group(open_stand: Opener) -> None:
    stand = open_stand("gitlab")
    current = stand.client.get("milestone", "303")
    assert (current.data["title"], "project_id" in current.data) == ("Year of speed", False)
    stand.client.update("milestone", "303", {"due_date": "2026-12-30"}, current=current)
    assert [entry.path for entry in stand.vendor.requests if entry.method == "PUT"] == [
        "/api/v4/groups/90/milestones/303"
    ]


def test_a_groups_label_is_read_but_not_written(open_stand: Opener) -> None:
    stand = open_stand("gitlab")
    label = next(
        one for one in stand.client.list_page("label").records if one.data["name"] == "priority::high"
    )
    with pytest.raises(RecordProblem):
        stand.client.update("label", label.id, {"hub.colour": "#000000"}, current=label)
    assert stand.client.create("label", {"name": "Priority::High"}, key="k").id == label.id


def test_a_milestone_whose_title_is_taken_names_the_one_that_has_it(open_stand: Opener) -> None:
    stand = open_stand("gitlab")
    with pytest.raises(AlreadyExists) as caught:
        stand.client.create("milestone", {"title": "Autumn release"}, key="k")
    assert (caught.value.external_id, caught.value.field) == ("302", "title")


def test_a_refused_value_names_its_field(open_stand: Opener) -> None:
    stand = open_stand("gitlab")
    current = stand.client.get("milestone", "302")
    with pytest.raises(RecordProblem) as caught:
        stand.client.update("milestone", "302", {"due_date": "2020-01-01"}, current=current)
    assert caught.value.field == "due_date"
    assert "must be greater than start date" in caught.value.message


def test_an_issues_epic_is_its_parent_and_can_be_changed(open_stand: Opener) -> None:
    stand = open_stand("gitlab")
    assert issue_of(stand).data["hub"]["epic"] == "1"
    after = stand.client.update("issue", "2", {"hub.epic": "2"}, current=issue_of(stand))
    assert after.data["hub"]["epic"] == "2"
    assert sent(stand) == [{"epic_id": 7002}]


def test_an_epics_dates_are_fixed_when_written(open_stand: Opener) -> None:
    stand = open_stand("gitlab")
    after = stand.client.update(
        "epic", "2", {"due_date": "2026-12-24"}, current=stand.client.get("epic", "2")
    )
    assert sent(stand) == [{"due_date_fixed": "2026-12-24", "due_date_is_fixed": True}]
    assert after.data["due_date"] == "2026-12-24"


# --- reading --------------------------------------------------------------------------------------------------------


def test_the_systems_own_and_internal_notes_are_left_out(open_stand: Opener) -> None:
    stand = open_stand("gitlab")
    stand.vendor.edit("issue", "4", {"label_names": ["bug"]})
    issue = stand.vendor.world.get("issue", "4") or {}
    stand.vendor.make_note("issue", issue, "Only for us", actor=32, internal=True)  # type: ignore[attr-defined]
    spoken = stand.vendor.edit("note", None, {"parent": 4, "body": "For everybody"})
    assert [one.id for one in stand.client.list_page("note", parent_id="4").records] == [spoken]


def test_new_notes_are_read_newest_first_and_no_further_than_what_is_known(
    open_stand: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "PAGE_SIZE", 2)
    stand = open_stand("gitlab")
    issue = stand.vendor.world.get("issue", "4") or {}
    for number in range(5):
        at = f"2026-11-0{number + 1}T08:00:00.000Z"
        stand.vendor.make_note("issue", issue, f"Note {number}", actor=32, at=at)  # type: ignore[attr-defined]
    since = datetime(2026, 11, 4, tzinfo=UTC)
    first = stand.client.list_page("note", since=since, parent_id="4")
    assert [one.data["body"] for one in first.records] == ["Note 4", "Note 3"]
    second = stand.client.list_page("note", since=since, parent_id="4", token=first.next_token)
    assert (list(second.records), second.next_token) == ([], None)


def test_a_change_during_the_walk_makes_it_miss_nothing(
    open_stand: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "PAGE_SIZE", 3)
    stand = open_stand("gitlab")
    every = {one["iid"] for one in stand.vendor.world.all("issue")}
    page = stand.client.list_page("issue")
    seen = {int(one.id) for one in page.records}
    stand.vendor.edit("issue", str(min(seen)), {"title": "Changed meanwhile"})
    while page.next_token is not None:
        page = stand.client.list_page("issue", token=page.next_token)
        seen |= {int(one.id) for one in page.records}
    assert seen == every


def test_an_issue_that_moved_is_not_closed_here_but_gone_elsewhere(open_stand: Opener) -> None:
    stand = open_stand("gitlab")
    stand.vendor.move("2")  # type: ignore[attr-defined]
    assert "2" not in {one.id for one in stand.client.list_page("issue").records}
    assert stand.client.explain_absence("issue", ["2"])["2"].kind is AbsenceKind.MOVED
    with pytest.raises(RecordGone):
        issue_of(stand)


def test_many_issues_are_read_in_one_request(open_stand: Opener) -> None:
    stand = open_stand("gitlab")
    stand.vendor.requests.clear()
    assert set(stand.client.get_many("issue", ["1", "2", "3", "nonsense"])) == {"1", "2", "3"}
    assert len(stand.vendor.requests) == 1


def test_deleting_what_changed_since_is_refused(open_stand: Opener) -> None:
    stand = open_stand("gitlab")
    seen = issue_of(stand)
    stand.vendor.edit("issue", "2", {"title": "Changed meanwhile"})
    with pytest.raises(StaleWrite):
        stand.client.delete("issue", "2", current=seen)
    stand.client.delete("issue", "2", current=issue_of(stand))
    assert stand.vendor.world.get("issue", "2") is None


def test_a_note_between_reading_and_writing_is_no_conflict(open_stand: Opener) -> None:
    stand = open_stand("gitlab")
    seen = issue_of(stand)
    stand.vendor.edit("note", None, {"parent": 2, "body": "By the way"})
    assert stand.client.update("issue", "2", {"title": "New"}, current=seen).data["title"] == "New"


def test_a_full_minute_waits_for_the_time_the_server_names(open_stand: Opener) -> None:
    stand = open_stand("gitlab")
    stand.vendor.fail(
        "status", status=429, headers={"RateLimit-Reset": str(int(datetime.now(UTC).timestamp()) + 30)}
    )
    with pytest.raises(RateLimited) as caught:
        stand.client.list_page("user")
    assert 0 < (caught.value.retry_after or 0) <= 60


def test_an_answer_that_names_no_next_page_breaks_the_contract() -> None:
    assert next_page({"x-next-page": ""}) == ""
    assert next_page({"x-next-page": "3"}) == "3"
    assert next_page({"link": '<https://x/?page=1>; rel="first"'}) == ""
    for headers in ({}, {"link": '<https://x/?cursor=a>; rel="next"'}):
        with pytest.raises(ContractBroken):
            next_page(headers)


# --- set-up ---------------------------------------------------------------------------------------------------------


def test_the_webhook_is_woken_again_and_pushes_are_off(open_stand: Opener) -> None:
    stand = open_stand("gitlab")
    url = "http://127.0.0.1:9/hooks/gitlab"
    first = stand.client.ensure_webhook(url, "s3cret")
    assert first is not None
    hook = stand.vendor.world.get("hook", first.id) or {}
    assert (hook["push_events"], hook["confidential_issues_events"]) == (False, True)
    stand.vendor.world.put("hook", first.id, {**hook, "alert_status": "disabled"})
    second = stand.client.ensure_webhook(url, "s3cret")
    assert second is not None
    assert (second.id, second.active) == (first.id, True)


def test_a_server_that_does_not_sign_sends_the_token(open_stand: Opener) -> None:
    stand = open_stand("gitlab")
    stand.vendor.turn(extra={"signs_webhooks": False})
    stand.client.ensure_webhook("http://127.0.0.1:9/hooks/gitlab", "s3cret")
    stand.vendor.edit("issue", "2", {"title": "Told"})
    stand.vendor.sender.flush()
    headers = {
        name.lower(): value for name, value in stand.vendor.sender.deliveries("gitlab")[-1].headers.items()
    }
    assert headers["x-gitlab-token"] == "s3cret"
    assert "webhook-signature" not in headers


def test_oauth_renews_and_keeps_the_refresh_token_that_came_back(open_stand: Opener) -> None:
    kept: dict[str, Any] = {
        "token": "",
        "client_id": seed.APP[0],
        "client_secret": seed.APP[1],
        "refresh_token": seed.REFRESH_TOKEN,
    }

    def refresh(exchange: Callable[[Any], Any]) -> Any:
        kept.update(exchange(dict(kept)))
        return kept

    stand = open_stand("gitlab", secrets=dict(kept), refresh_secrets=refresh)
    assert issue_of(stand).id == "2"
    assert kept["access_token"].startswith("access-")
    assert kept["refresh_token"] not in ("", seed.REFRESH_TOKEN)
    assert stand.client.check().ok


def test_settings_are_checked_and_addresses_completed() -> None:
    assert validate({"project": "acme/webshop"}) == []
    assert validate({"project": "4521", "premium": "yes", "group": "acme"}) == []
    fields = [
        name for name, _ in validate({"project": "webshop", "group": "acme", "site": "gitlab.example.com"})
    ]
    assert fields == ["project", "premium", "site"]
    assert api_address("https://git.example.com/code/") == "https://git.example.com/code/api/v4"
    assert api_address("") == "https://gitlab.com/api/v4"


def test_the_project_may_be_given_by_its_number(open_stand: Opener) -> None:
    stand = open_stand("gitlab", settings={"project": str(seed.PROJECT)})
    assert issue_of(stand).data["title"] == "Show delivery costs before the last step"
    kinds = {one.kind for one in stand.client.containers()}
    assert kinds == {"namespace", "project"}
    lists = stand.client.containers("board_list", "1")
    assert [one.name for one in lists] == ["status::in progress", "status::review"]


def test_everything_asked_for_in_setting_up_fits_the_document(open_stand: Opener) -> None:
    stand = open_stand("gitlab")
    for kind in ("namespace", "project", "milestone", "label", "person", "status", "board"):
        assert stand.client.containers(kind), kind
    assert stand.client.containers("project", "acme")
    assert stand.client.containers("group") == stand.client.containers("board_list") == []
    assert stand.client.check().ok
    problems, counts = SPEC.problems(stand.vendor.requests)
    assert problems == []
    assert counts["requests"] > 10


def test_a_weight_of_nothing_is_a_weight(open_stand: Opener) -> None:
    stand = open_stand("gitlab")
    made = stand.client.create("issue", {"title": "Feather", "weight": 0, "hub.milestone": None}, key="k")
    assert made.data["weight"] == 0
    assert [set(body) for body in sent(stand, "POST")] == [{"title", "weight", "description"}]


def test_the_page_for_editing_by_hand_shows_the_labels_as_they_are(open_stand: Opener) -> None:
    stand = open_stand("gitlab")
    label = next(one for one in stand.client.list_page("label").records if one.data["name"] == "checkout")
    stand.client.update("label", label.id, {"name": "basket"}, current=label)
    row = stand.vendor.world.get("issue", "2") or {}
    assert row["label_names"] == ["basket", "status::in progress"]
