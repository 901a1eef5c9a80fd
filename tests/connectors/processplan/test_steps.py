"""The connector on its stand-in, over HTTP: the one call that is known, and what the settings change."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

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
from connectors.base.types import AbsenceKind, Can, ExternalRecord
from connectors.processplan.connector import CONNECTOR
from connectors.processplan.settings import problems_of
from sandbox.vendors.processplan import TOKEN
from tests.sandbox_fixtures import Stand

Opener = Callable[..., Stand]


@pytest.fixture
def stand(open_stand: Opener) -> Stand:
    return open_stand("processplan")


def listed(stand: Stand, resource: str = "step", **options: Any) -> list[ExternalRecord]:
    found: list[ExternalRecord] = []
    token = None
    while True:
        page = stand.client.list_page(resource, token=token, **options)
        found += page.records
        token = page.next_token
        if token is None:
            return found


def set_status(stand: Stand, id: str, status: str) -> ExternalRecord:
    return stand.client.update("step", id, {"status": status}, current=stand.client.get("step", id))


def sent(stand: Stand) -> list[dict[str, Any]]:
    return [one.body for one in stand.vendor.requests if one.method == "PATCH"]


# --- reading --------------------------------------------------------------------------------------------------------


def test_steps_of_all_processes_are_listed_one_process_a_page(stand: Stand) -> None:
    found = listed(stand)
    assert [one.id for one in found[:5]] == ["p1/s1", "p1/s2", "p1/s3", "p1/s4", "p2/s5"]
    assert len(found) == 15
    assert found[0].data["hub"] == {
        "process": "p1",
        "due": "2026-12-01T12:00:00Z",
        "assignees": ["u1"],
        "active": True,
    }
    assert found[2].data["hub"]["assignees"] == []


def test_only_chosen_processes_take_part(open_stand: Opener) -> None:
    stand = open_stand("processplan", settings={"processes": "p2, p4"})
    assert {one.container for one in listed(stand)} == {"p2", "p4"}
    assert [one.id for one in listed(stand, "process")] == ["p2", "p4"]
    assert len(stand.client.containers("process")) == 4


def test_a_walk_goes_on_where_it_stopped(stand: Stand) -> None:
    first = stand.client.list_page("step")
    assert first.next_token == {"left": ["p2", "p3", "p4"], "at": None}
    assert [one.id for one in stand.client.list_page("step", token=first.next_token).records][0] == "p2/s5"


def test_a_process_that_goes_during_the_walk_does_not_end_it(stand: Stand) -> None:
    first = stand.client.list_page("step")
    stand.vendor.remove("process", "p2")
    second = stand.client.list_page("step", token=first.next_token)
    assert (second.records, second.next_token) == ([], {"left": ["p3", "p4"], "at": None})


def test_paging_and_the_filter_by_change_come_from_the_settings(open_stand: Opener) -> None:
    settings = {"paging": "page", "size_param": "per_page", "page_size": "3", "updated_since": "updatedSince"}
    stand = open_stand("processplan", settings=settings)
    assert len(listed(stand)) == 15
    asked = [one.query for one in stand.vendor.requests if one.path == "/processes/p1/steps"]
    assert asked == [{"page": ["1"], "per_page": ["3"]}, {"page": ["2"], "per_page": ["3"]}]
    assert CONNECTOR.resource("step", stand.settings).incremental
    before = stand.client.get("step", "p2/s5")
    stand.vendor.edit("step", before.id, {"name": "Sign it"})
    changed = stand.client.get("step", before.id)
    assert changed.updated_at is not None
    assert [one.id for one in listed(stand, since=changed.updated_at)] == ["p2/s5"]


def test_the_list_may_stand_anywhere_in_the_answer(open_stand: Opener) -> None:
    stand = open_stand("processplan", settings={"items_key": "data.items"})
    stand.vendor.fail("status", status=200, body={"data": {"items": [{"id": 7, "name": "A"}]}})
    assert [one.id for one in stand.client.list_page("process").records] == ["7"]
    with pytest.raises(ContractBroken, match=r"data\.items"):
        stand.client.list_page("process")


@pytest.mark.parametrize("body", [[7], [{"name": "no id"}], {"steps": []}])
def test_an_answer_of_another_shape_breaks_the_contract(stand: Stand, body: Any) -> None:
    stand.vendor.fail("status", status=200, body=body)
    with pytest.raises(ContractBroken):
        stand.client.list_page("process")


def test_a_single_step_may_come_below_its_name(stand: Stand) -> None:
    stand.vendor.fail("status", status=200, body={"step": {"id": "s1", "name": "A", "status": "pending"}})
    assert stand.client.get("step", "p1/s1").data["name"] == "A"


def test_people_stay_out_until_their_path_is_given() -> None:
    assert [one.name for one in CONNECTOR.resources_of({})] == ["process", "step"]
    assert [one.name for one in CONNECTOR.resources_of({"users_path": "/users"})] == [
        "user",
        "process",
        "step",
    ]


def test_only_steps_are_written_and_nothing_is_made_or_deleted() -> None:
    assert {one.name: sorted(one.can) for one in CONNECTOR.resources} == {
        "user": ["get", "list"],
        "process": ["get", "list"],
        "step": ["get", "list", "update"],
    }
    assert Can.CREATE not in CONNECTOR.resource("step").can


# --- the one write --------------------------------------------------------------------------------------------------


def test_completing_sends_the_known_body_in_utc_and_reads_back(stand: Stand) -> None:
    changed = set_status(stand, "p1/s3", "completed")
    assert changed.data["status"] == "completed"
    assert sent(stand) == [{"status": "completed", "completedAt": changed.data["completedAt"]}]
    assert changed.data["completedAt"].endswith("Z")
    assert [one.method for one in stand.vendor.requests] == ["GET", "GET", "PATCH", "GET"]


def test_what_the_service_moved_on_is_news_from_there(stand: Stand) -> None:
    before = stand.client.get("step", "p1/s4")
    set_status(stand, "p1/s3", "completed")
    after = stand.client.get("step", "p1/s4")
    assert (before.data["status"], after.data["status"]) == ("pending", "in_progress")
    assert before.version != after.version


def test_completing_the_last_step_completes_the_process(stand: Stand) -> None:
    assert stand.client.get("process", "p1").data["status"] == "active"
    set_status(stand, "p1/s3", "completed")
    set_status(stand, "p1/s4", "completed")
    assert stand.client.get("process", "p1").data["status"] == "completed"


def test_a_status_that_is_there_already_is_not_sent_again(stand: Stand) -> None:
    assert set_status(stand, "p1/s1", "completed").data["status"] == "completed"
    assert sent(stand) == []


def test_a_lost_answer_may_be_repeated(stand: Stand) -> None:
    step = stand.client.get("step", "p1/s3")
    stand.vendor.fail("hang_up", method="PATCH", when="after")
    with pytest.raises(Retryable) as lost:
        stand.client.update("step", step.id, {"status": "completed"}, current=step)
    assert not lost.value.ambiguous
    assert set_status(stand, "p1/s3", "completed").data["status"] == "completed"
    assert len(sent(stand)) == 1


@pytest.mark.parametrize(
    ("status", "wanted", "words"),
    [
        ("completed", "in_progress", "cannot be reopened"),
        ("completed", "pending", "not known to let a step become pending"),
        ("in_progress", "pending", "not known to let a step become pending"),
        ("skipped", "completed", "is skipped there, which is not known"),
    ],
)
def test_ways_that_are_not_known_are_refused_here(stand: Stand, status: str, wanted: str, words: str) -> None:
    stand.vendor.edit("step", "p2/s5", {"status": status})
    with pytest.raises(RecordProblem, match=words) as caught:
        set_status(stand, "p2/s5", wanted)
    assert caught.value.field == "status"
    assert sent(stand) == []


def test_other_fields_are_refused_by_name(stand: Stand) -> None:
    step = stand.client.get("step", "p1/s3")
    with pytest.raises(RecordProblem) as caught:
        stand.client.update("step", step.id, {"name": "New"}, current=step)
    assert caught.value.field == "name"


def test_a_step_changed_meanwhile_is_stale(stand: Stand) -> None:
    step = stand.client.get("step", "p1/s3")
    stand.vendor.edit("step", step.id, {"name": "Somebody was faster"})
    with pytest.raises(StaleWrite):
        stand.client.update("step", step.id, {"status": "completed"}, current=step)
    assert sent(stand) == []


def test_a_step_that_waits_for_others_waits_and_harms_nobody(stand: Stand) -> None:
    with pytest.raises(RateLimited, match="waits for others") as caught:
        set_status(stand, "p2/s6", "completed")
    assert (caught.value.retry_after, caught.value.ambiguous, caught.value.status) == (300, False, None)
    assert stand.client.get("step", "p2/s6").data["status"] == "pending"


def test_a_locked_process_is_tried_again_soon(stand: Stand) -> None:
    stand.vendor.edit("process", "p1", {"locked": True})
    with pytest.raises(RateLimited, match="process is locked") as caught:
        set_status(stand, "p1/s3", "completed")
    assert caught.value.retry_after == 30


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (409, {"message": "Step is blocked: it depends on step 2"}, "waits for others"),
        (400, {"error": "predecessor not completed"}, "waits for others"),
        (409, {"code": "process_locked"}, "process is locked"),
        (422, {"message": "Process locked by Ann"}, "process is locked"),
    ],
)
def test_refusals_are_known_by_their_words_whatever_their_code(
    stand: Stand, status: int, body: dict[str, str], words: str
) -> None:
    stand.vendor.fail("status", status=status, body=body, method="PATCH")
    with pytest.raises(RateLimited, match=words):
        set_status(stand, "p1/s3", "completed")


def test_a_wait_the_service_names_is_kept(stand: Stand) -> None:
    stand.vendor.fail("status", status=423, headers={"Retry-After": "90"}, method="PATCH")
    with pytest.raises(RateLimited) as caught:
        set_status(stand, "p1/s3", "completed")
    assert caught.value.retry_after == 90


def test_a_wrong_transition_is_a_refusal_of_the_status(stand: Stand) -> None:
    stand.vendor.fail("status", status=409, body={"message": "Invalid transition"}, method="PATCH")
    with pytest.raises(RecordProblem, match="Invalid transition") as caught:
        set_status(stand, "p1/s3", "completed")
    assert caught.value.field == "status"


def test_a_step_is_started_first_where_the_settings_say_so(open_stand: Opener) -> None:
    stand = open_stand("processplan")
    stand.vendor.turn(extra={"no_shortcut": True})
    stand.vendor.edit("step", "p2/s5", {"status": "pending"})
    with pytest.raises(RecordProblem, match="from pending to completed"):
        set_status(stand, "p2/s5", "completed")
    patient = open_stand("processplan", settings={"start_first": "yes"})
    assert set_status(patient, "p2/s5", "completed").data["status"] == "completed"
    assert [body["status"] for body in sent(patient)][-3:] == ["completed", "in_progress", "completed"]


def test_a_403_is_about_rights_and_holds_the_step(stand: Stand) -> None:
    stand.vendor.fail("status", status=403, body={"message": "Not yours"}, method="PATCH")
    with pytest.raises(PermissionProblem):
        set_status(stand, "p1/s3", "completed")


# --- certainty and set-up ---------------------------------------------------------------------------------------------


def test_a_missing_step_is_deleted_only_where_its_process_lists_without_it(stand: Stand) -> None:
    stand.vendor.remove("step", "p1/s3")
    assert stand.client.explain_absence("step", ["p1/s3"])["p1/s3"].kind is AbsenceKind.DELETED
    stand.vendor.remove("process", "p2")
    assert stand.client.explain_absence("step", ["p2/s5"])["p2/s5"].kind is AbsenceKind.UNKNOWN
    assert stand.client.explain_absence("process", ["p2"])["p2"].kind is AbsenceKind.UNKNOWN


def test_an_id_of_another_shape_is_no_step(stand: Stand) -> None:
    with pytest.raises(RecordGone):
        stand.client.get("step", "s1")
    assert stand.client.get_many("step", ["s1"]) == {}


def test_the_token_goes_into_the_header_that_is_named(open_stand: Opener) -> None:
    stand = open_stand("processplan", settings={"api_key_header": "X-Api-Key"})
    assert stand.client.check().ok
    assert stand.vendor.requests[-1].headers["x-api-key"] == TOKEN
    assert "authorization" not in stand.vendor.requests[-1].headers


def test_without_credentials_or_address_nothing_is_opened(open_stand: Opener) -> None:
    with pytest.raises(ConfigurationProblem, match="Give a token"):
        open_stand("processplan", secrets={"token": ""})
    with pytest.raises(ConfigurationProblem, match="address"):
        CONNECTOR.open("", {}, {"token": "x"}, open_stand("processplan").environment)


def test_statuses_are_offered_for_the_table(stand: Stand) -> None:
    assert [(one.id, one.kind) for one in stand.client.containers("status")] == [
        ("pending", "status"),
        ("in_progress", "status"),
        ("completed", "status"),
    ]


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({"steps_path": "/steps"}, "steps_path"),
        ({"step_path": "/processes/{process}/steps"}, "step_path"),
        ({"processes_path": "processes"}, "processes_path"),
        ({"process_path": "/processes/{process}/{tenant}"}, "process_path"),
        ({"page_size": "0"}, "page_size"),
        ({"api_key_header": "X Key"}, "api_key_header"),
    ],
)
def test_settings_that_cannot_work_are_named(settings: dict[str, str], field: str) -> None:
    assert [name for name, _ in problems_of(settings)] == [field]
    assert problems_of({}) == []
