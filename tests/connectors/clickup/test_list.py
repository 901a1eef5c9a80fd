"""ClickUp's oddities, against the stand-in."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connectors import registry
from connectors.base.errors import (
    ContractBroken,
    PermissionProblem,
    RateLimited,
    RecordGone,
    RecordProblem,
    Retryable,
    StaleWrite,
)
from connectors.base.types import AbsenceKind, CreateClass
from sandbox.vendors import clickup_seed as seed
from tests.sandbox_fixtures import Stand

Opener = Callable[..., Stand]
SAMPLE = {
    "name": "Split payment",
    "hub.status": "to do",
    "hub.labels": ["checkout"],
    "hub.assignees": ["184"],
}


@pytest.fixture
def stand(open_stand: Opener) -> Stand:
    return open_stand("clickup")


def make(stand: Stand, key: Any = "k1", **more: Any) -> Any:
    return stand.client.create("task", {**SAMPLE, **more}, key=key)


def sent(stand: Stand) -> list[tuple[str, str, Any]]:
    return [
        (one.method, one.path.rsplit("/", 1)[-1], one.body)
        for one in stand.vendor.requests
        if one.method != "GET"
    ]


def stored(stand: Stand, id: str) -> dict[str, Any]:
    found = stand.vendor.world.get("task", id)
    assert found is not None
    return found


# --- reading -----------------------------------------------------------------------------------------------------


def test_closed_tasks_and_subtasks_are_asked_for(stand: Stand) -> None:
    records = stand.client.list_page("task").records
    assert {one.data["status"]["type"] for one in records} == {"open", "custom", "done", "closed"}
    assert sum(1 for one in records if one.data["parent"]) == 2


def test_an_answer_that_does_not_say_whether_it_is_the_last_is_not_believed(stand: Stand) -> None:
    stand.vendor.fail("status", status=200, body={"tasks": []}, path="/task$")
    with pytest.raises(ContractBroken, match="last page"):
        stand.client.list_page("task")


def test_a_day_is_the_accounts_day(stand: Stand) -> None:
    task = make(stand, **{"hub.due_on": "2026-12-18"})
    assert task.data["hub"]["due_on"] == "2026-12-18"
    assert task.data["due_date"] == "1797562800000"  # 03:00 UTC, four in the morning in Berlin
    late = datetime(2026, 12, 17, 23, 30, tzinfo=UTC)  # with a time of day: half past midnight there
    stand.vendor.world.put(
        "task", task.id, {**stored(stand, task.id), "due_date": int(late.timestamp() * 1000)}
    )
    assert stand.client.get("task", task.id).data["hub"]["due_on"] == "2026-12-18"


def test_the_zone_is_asked_for_only_where_it_is_not_set(open_stand: Opener) -> None:
    for settings, asked in (({"time_zone": seed.ZONE}, 0), ({}, 1)):
        stand = open_stand("clickup", settings=settings)
        stand.vendor.requests.clear()
        assert make(stand, **{"hub.due_on": "2026-12-18"}).data["hub"]["due_on"] == "2026-12-18"
        assert sum(one.path.endswith("/user") for one in stand.vendor.requests) == asked


def test_done_is_when_work_ended_whether_closed_or_not(stand: Stand) -> None:
    task = make(stand, **{"hub.status": "shipped"})
    assert task.data["date_closed"] is None
    assert task.data["hub"]["completed_at"] is not None


def test_custom_fields_are_read_by_name_and_written_by_option(stand: Stand) -> None:
    task = make(stand, **{f'custom."{seed.SIZE_FIELD}"': "large"})
    assert task.data["custom"][seed.SIZE_FIELD] == "Large"
    small = stand.client.update("task", task.id, {f'custom."{seed.SIZE_FIELD}"': "Small"}, current=task)
    assert stored(stand, task.id)["custom"][seed.SIZE_FIELD] == seed.SIZES[0][0]
    empty = stand.client.update("task", task.id, {f'custom."{seed.SIZE_FIELD}"': None}, current=small)
    assert empty.data["custom"][seed.SIZE_FIELD] is None
    with pytest.raises(RecordProblem, match="no option 'Huge'"):
        make(stand, "k2", **{f'custom."{seed.SIZE_FIELD}"': "Huge"})


# --- writing -----------------------------------------------------------------------------------------------------


def test_nobody_is_sent_a_mail_for_what_the_hub_makes(stand: Stand) -> None:
    task = make(stand)
    stand.client.create("comment", {"comment_text": "Hi"}, key="c1", parent_id=task.id)
    assert [body["notify_all"] for _, _, body in sent(stand)] == [False, False]


def test_statuses_are_written_as_the_list_has_them_and_an_unknown_one_names_the_map(stand: Stand) -> None:
    task = make(stand)
    after = stand.client.update("task", task.id, {"hub.status": "In Progress"}, current=task)
    assert after.data["hub"]["status"] == "in progress"
    with pytest.raises(RecordProblem, match="status map") as refused:
        stand.client.update("task", task.id, {"hub.status": "in_progress"}, current=after)
    assert refused.value.field == "hub.status"


def test_people_and_tags_are_added_and_removed_by_what_was_seen_so_others_stay(stand: Stand) -> None:
    task = make(stand)
    stand.vendor.world.put(
        "task", task.id, {**stored(stand, task.id), "assignees": [184, 186], "tags": ["checkout", "seo"]}
    )
    stand.vendor.requests.clear()
    after = stand.client.update(
        "task", task.id, {"hub.assignees": ["185"], "hub.labels": ["Bug"]}, current=task
    )
    assert sent(stand) == [
        ("PUT", task.id, {"assignees": {"add": [185], "rem": [184]}}),
        ("POST", "bug", None),
        ("DELETE", "checkout", None),
    ]
    assert sorted(after.data["hub"]["assignees"]) == ["185", "186"]
    assert sorted(after.data["hub"]["labels"]) == ["bug", "seo"]


def test_a_tag_with_a_slash_stays_one_segment(stand: Stand) -> None:
    task = make(stand)
    after = stand.client.update("task", task.id, {"hub.labels": ["checkout", "a/b c"]}, current=task)
    assert sorted(after.data["hub"]["labels"]) == ["a/b c", "checkout"]


def test_emptying_dates_and_texts(stand: Stand) -> None:
    task = make(stand, markdown_description="Long", **{"hub.due_on": "2026-12-18", "hub.priority": "1"})
    fields = {"markdown_description": None, "hub.due_on": None}
    after = stand.client.update("task", task.id, fields, current=task)
    assert (after.data["markdown_description"], after.data["hub"]["due_on"]) == ("", None)
    assert after.data["hub"]["priority"] == "1"


def test_a_subtask_cannot_be_freed_and_that_is_said_before_asking(stand: Stand) -> None:
    parent = make(stand)
    child = make(stand, "k2", parent=parent.id)
    assert child.data["parent"] == parent.id
    with pytest.raises(RecordProblem, match="subtask"):
        stand.client.update("task", child.id, {"parent": None}, current=child)


def test_a_field_changed_meanwhile_makes_the_write_stale_and_another_does_not(stand: Stand) -> None:
    task = make(stand)
    stand.vendor.edit("task", task.id, {"name": "By hand"})
    with pytest.raises(StaleWrite):
        stand.client.update("task", task.id, {"name": "By the hub"}, current=task)
    after = stand.client.update("task", task.id, {"hub.priority": "2"}, current=task)
    assert (after.data["name"], after.data["hub"]["priority"]) == ("By hand", "2")


def test_a_create_that_could_not_be_read_back_is_in_doubt_and_found_by_its_key(stand: Stand) -> None:
    stand.vendor.fail("status", status=503, method="GET", path="/task/86c")
    with pytest.raises(Retryable) as lost:
        make(stand, "key-9")
    assert lost.value.ambiguous
    found = stand.client.find_by_key("task", "key-9", since=datetime.now(UTC))
    assert found is not None
    assert found.data["name"] == "Split payment"


def test_a_tag_is_known_by_its_name_so_it_is_made_once_and_never_renamed(stand: Stand) -> None:
    made = stand.client.create("tag", {"name": "SEO"}, key="t1")
    assert made.id == "seo"
    assert "update" not in registry.get("clickup").resource("tag", {}).can
    with pytest.raises(ContractBroken):
        stand.client.update("tag", "seo", {"name": "search"}, current=made)
    assert sent(stand) == []


def test_a_list_is_made_in_the_folder_of_the_chosen_one(stand: Stand) -> None:
    made = stand.client.create("list", {"name": "Sprint 14"}, key="l1")
    assert made.data["folder"]["id"] == seed.FOLDER[0]
    assert {one.id for one in stand.client.list_page("list").records} >= {made.id, seed.LIST}


# --- comments ----------------------------------------------------------------------------------------------------


def test_a_comment_bears_its_author_below_and_keeps_it_when_edited(stand: Stand) -> None:
    task = make(stand)
    made = stand.client.create(
        "comment", {"comment_text": "Hi", "hub.author": "Noor Haddad"}, key="c1", parent_id=task.id
    )
    assert (made.data["comment_text"], made.data["hub"]["author"], made.data["hub"]["author_id"]) == (
        "Hi",
        "Noor Haddad",
        None,
    )
    after = stand.client.update("comment", made.id, {"comment_text": "Ho"}, current=made, parent_id=task.id)
    assert (after.data["comment_text"], after.data["hub"]["author"]) == ("Ho", "Noor Haddad")
    comment = stand.vendor.world.get("comment", made.id)
    assert comment is not None
    assert comment["text"].startswith("Ho\n\n— Noor Haddad, via Lockstep · ")


def test_an_edit_of_a_comment_leaves_it_resolved(stand: Stand) -> None:
    task = make(stand)
    made = stand.client.create("comment", {"comment_text": "Hi"}, key="c1", parent_id=task.id)
    comment = stand.vendor.world.get("comment", made.id)
    assert comment is not None
    stand.vendor.world.put("comment", made.id, {**comment, "resolved": True})
    now = stand.client.get("comment", made.id, parent_id=task.id)
    stand.client.update("comment", made.id, {"comment_text": "Ho"}, current=now, parent_id=task.id)
    comment = stand.vendor.world.get("comment", made.id)
    assert comment is not None
    assert (comment["text"].split("\n")[0], comment["resolved"]) == ("Ho", True)


# --- certainty ---------------------------------------------------------------------------------------------------


def test_without_a_field_for_the_key_a_create_proves_nothing() -> None:
    connector = registry.get("clickup")
    assert connector.resource("task", {}).create_class is CreateClass.UNPROVABLE
    assert connector.resource("task", {"key_field": seed.KEY_FIELD}).create_class is CreateClass.MARKER


def test_401_for_a_task_that_is_not_ours_to_see_stops_nothing_else(stand: Stand) -> None:
    with pytest.raises(PermissionProblem, match="Team not authorized"):
        stand.client.get("task", "zzz")
    assert stand.client.explain_absence("task", ["zzz"])["zzz"].kind is AbsenceKind.NO_ACCESS


def test_a_task_in_another_list_was_moved(stand: Stand) -> None:
    task = make(stand)
    stand.vendor.world.put("task", task.id, {**stored(stand, task.id), "list": seed.LISTS[1][0]})
    with pytest.raises(RecordGone):
        stand.client.get("task", task.id)
    assert stand.client.explain_absence("task", [task.id])[task.id].kind is AbsenceKind.MOVED


def test_while_the_list_cannot_be_read_nothing_counts_as_deleted(stand: Stand) -> None:
    task = make(stand)
    stand.vendor.remove("task", task.id)
    refusal = {"err": "Team not authorized", "ECODE": "OAUTH_027"}
    stand.vendor.fail("status", status=401, body=refusal, path="/v2/list/")
    assert stand.client.explain_absence("task", [task.id])[task.id].kind is AbsenceKind.NO_ACCESS


def test_a_refusal_by_limit_is_waited_out_by_the_header_that_says_when(stand: Stand) -> None:
    make(stand)
    stand.vendor.turn(limit_per_minute=1)
    with pytest.raises(RateLimited) as limited:
        stand.client.list_page("task")
    assert limited.value.retry_after is not None
    assert 0 < limited.value.retry_after <= 60


def test_an_apps_token_goes_behind_bearer(open_stand: Opener) -> None:
    stand = open_stand("clickup", secrets={"token": "", "access_token": seed.APP_TOKEN})
    assert stand.client.check().account == "Lockstep Robot"
    assert stand.vendor.requests[-1].headers["authorization"] == f"Bearer {seed.APP_TOKEN}"


# --- set-up ------------------------------------------------------------------------------------------------------


def test_statuses_come_in_the_lists_order_with_their_class(stand: Stand) -> None:
    rows = [one for one in stand.client.containers() if one.kind == "status"]
    assert [(one.id, one.extra["category"]) for one in rows] == [
        ("backlog", "to_do"),
        ("to do", "in_progress"),
        ("in progress", "in_progress"),
        ("review", "in_progress"),
        ("shipped", "done"),
        ("complete", "done"),
    ]


def test_a_list_is_no_status(stand: Stand) -> None:
    kinds = {one.kind for one in stand.client.containers()}
    assert kinds == {"workspace", "space", "task_list", "status"}


def test_the_secret_is_told_each_time_and_a_suspended_webhook_is_made_anew(stand: Stand) -> None:
    url = "http://127.0.0.1:9/hook"
    made = stand.client.ensure_webhook(url, "ours")
    again = stand.client.ensure_webhook(url, "ours")
    assert made is not None
    assert again is not None
    assert (again.id, again.secret, made.secret) == (made.id, seed.HOOK_SECRET, seed.HOOK_SECRET)
    hook = stand.vendor.world.get("webhook", made.id)
    assert hook is not None
    assert hook["list_id"] == seed.LIST
    stand.vendor.world.put("webhook", made.id, {**hook, "health": {"status": "suspended", "fail_count": 100}})
    fresh = stand.client.ensure_webhook(url, "ours")
    assert fresh is not None
    assert fresh.id != made.id
    assert fresh.secret not in ("", made.secret)
    assert stand.vendor.world.count("webhook") == 1


def test_the_check_names_a_key_field_that_is_not_there(open_stand: Opener) -> None:
    report = open_stand("clickup", settings={"key_field": seed.SIZE_FIELD}).client.check()
    assert [one.detail for one in report.checks if not one.ok] == [
        "The list has no such text field for the hub's key."
    ]


def test_settings_are_refused_with_the_field_and_the_fix() -> None:
    validate = registry.get("clickup").validate
    assert validate is not None
    assert validate({"list_id": "9", "key_field": seed.KEY_FIELD, "time_zone": "Europe/Berlin"}) == []
    wrong = {
        "list_id": "x",
        "workspace_id": "y",
        "key_field": "z",
        "time_zone": "Mars",
        "requests_per_minute": 7,
    }
    assert [field for field, _ in validate(wrong)] == [
        "list_id",
        "workspace_id",
        "key_field",
        "requests_per_minute",
        "time_zone",
    ]


def test_only_what_changed_since_is_listed(stand: Stand) -> None:
    task = make(stand)
    page = stand.client.list_page("task", since=datetime.now(UTC) - timedelta(minutes=2))
    assert [one.id for one in page.records] == [task.id]
