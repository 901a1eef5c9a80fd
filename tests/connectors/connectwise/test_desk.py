"""ConnectWise's oddities, against the stand-in."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connectors.base.errors import (
    ConfigurationProblem,
    RateLimited,
    RecordGone,
    RecordProblem,
    Retryable,
    StaleWrite,
)
from connectors.base.types import AbsenceKind
from connectors.connectwise.connector import CONNECTOR, validate
from connectors.connectwise.tickets import quoted, ticket_write
from integrations.services.statusmaps import status_class, status_suggestion
from sandbox.vendors import connectwise_seed as seed
from sandbox.vendors.connectwise_query import matcher
from tests.sandbox_fixtures import Stand

Opener = Callable[..., Stand]
API = "/v4_6_release/apis/3.0"
URL = "http://127.0.0.1:9/hooks/cw"


@pytest.fixture
def stand(open_stand: Opener) -> Stand:
    return open_stand("connectwise")


def make(stand: Stand, key: str = "k1", resource: str = "ticket", **fields: Any) -> Any:
    return stand.client.create(resource, {"summary": "The door does not close", **fields}, key=key)


def writes(stand: Stand) -> list[tuple[str, str, Any]]:
    asked = [one for one in stand.vendor.requests if one.method not in ("GET", "DELETE")]
    return [(one.method, one.path.removeprefix(API), one.body) for one in asked]


# --- reading -----------------------------------------------------------------------------------------------------


def test_every_request_bears_the_client_id_and_lists_go_forward_by_id(stand: Stand) -> None:
    stand.client.list_page("ticket", since=datetime(2026, 11, 20, 10, 0, tzinfo=UTC))
    asked = stand.vendor.requests[0]
    assert asked.headers["clientid"] == seed.CLIENT_ID
    assert asked.headers["pagination-type"] == "forward-only"
    assert asked.query["conditions"] == ["board/id in (1,3) and lastUpdated>=[2026-11-20T10:00:00Z]"]
    assert asked.query["pageSize"] == ["50"]


def test_the_version_of_answers_can_be_pinned(open_stand: Opener) -> None:
    stand = open_stand("connectwise", settings={"api_version": "2026.4"})
    stand.client.list_page("ticket")
    accept = stand.vendor.requests[-1].headers["accept"]
    assert accept == "application/vnd.connectwise.com+json; version=2026.4"


def test_pages_follow_each_other_by_id(stand: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    import dataclasses

    from connectors.connectwise import client, endpoints

    pager = dataclasses.replace(endpoints.FORWARD_TICKETS, size=3)
    small = {**endpoints.ENDPOINTS, "ticket": dataclasses.replace(endpoints.ENDPOINTS["ticket"], pager=pager)}
    monkeypatch.setattr(client.ConnectWiseClient, "endpoints", small)
    found, token = [], None
    while True:
        page = stand.client.list_page("ticket", token=token)
        found += [one.id for one in page.records]
        token = page.next_token
        if token is None:
            break
    assert found == [str(1001 + n) for n in range(7)]
    asked = [one.query.get("pageId") for one in stand.vendor.requests if one.path.endswith("/tickets")]
    assert asked == [None, ["1003"], ["1006"]]


def test_the_description_is_the_first_discussion_note(stand: Stand) -> None:
    ticket = stand.client.get("ticket", "1001")
    assert ticket.data["hub"]["description"] == "Black screen since this morning, room 2."
    texts = [one.data["text"] for one in stand.client.list_page("note", parent_id="1001").records]
    assert texts == ["Called back: they use the spare machine until Thursday."]
    with pytest.raises(RecordGone, match="description"):
        stand.client.get("note", f"1001:{ticket.data['hub']['description_id']}")


def test_internal_notes_come_only_where_they_are_asked_for(open_stand: Opener) -> None:
    internal = open_stand("connectwise", settings={"notes": "internal"})
    texts = [one.data["text"] for one in internal.client.list_page("note", parent_id="1001").records]
    assert texts == ["Power supply, most likely. One is in stock."]
    made = internal.client.create("note", {"text": "Between us"}, key="k", parent_id="1001")
    assert (made.data["internalAnalysisFlag"], made.data["detailDescriptionFlag"]) == (True, False)


def test_a_note_from_here_never_becomes_the_description(stand: Stand) -> None:
    ticket = make(stand)
    stand.client.create("note", {"text": "First words"}, key="k", parent_id=ticket.id)
    assert stand.client.get("ticket", ticket.id).data["hub"]["description"] == ""
    after = stand.client.update("ticket", ticket.id, {"hub.description": "What it is"}, current=ticket)
    assert after.data["hub"]["description"] == "What it is"
    texts = [one.data["text"] for one in stand.client.list_page("note", parent_id=ticket.id).records]
    assert texts == ["First words"]


def test_tickets_of_other_boards_are_not_there(stand: Stand) -> None:
    with pytest.raises(RecordGone):
        stand.client.get("ticket", "1008")
    assert stand.client.get_many("ticket", ["1001", "1008", "77"]).keys() == {"1001"}
    assert stand.client.explain_absence("ticket", ["1008"])["1008"].kind is AbsenceKind.OUT_OF_FILTER


def test_tasks_of_tickets_come_with_the_tickets_that_changed(stand: Stand) -> None:
    rows = stand.client.list_page("ticket_task").records
    assert [(one.id, one.data["hub"]["text"], one.data["hub"]["closed"]) for one in rows] == [
        ("1001:7001", "Bring the spare power supply", False),
        ("1007:7002", "Create the mailbox", True),
        ("1007:7003", "Order a door code", False),
    ]
    task = rows[0]
    done = stand.client.update("ticket_task", task.id, {"hub.closed": "true"}, current=task)
    assert (done.data["hub"]["closed"], writes(stand)[-1][2]) == (
        True,
        [{"op": "replace", "path": "closedFlag", "value": True}],
    )
    since = datetime.now(UTC) - timedelta(minutes=5)
    changed = stand.client.list_page("ticket_task", since=since).records
    assert [one.id for one in changed] == ["1001:7001"]
    stand.client.delete("ticket_task", task.id)
    assert stand.client.explain_absence("ticket_task", [task.id])[task.id].kind is AbsenceKind.DELETED


# --- writing -----------------------------------------------------------------------------------------------------


def test_a_patch_replaces_whole_values_without_waking_anybody(stand: Stand) -> None:
    ticket = make(stand)
    stand.vendor.requests.clear()
    fields = {"status.id": "14", "hub.assignees": ["152"], "requiredDate": None}
    after = stand.client.update("ticket", ticket.id, fields, current=ticket)
    assert writes(stand) == [
        (
            "PATCH",
            f"/service/tickets/{ticket.id}",
            [
                {"op": "replace", "path": "owner", "value": {"id": 152}},
                {"op": "replace", "path": "requiredDate", "value": None},
                {"op": "replace", "path": "status", "value": {"id": 14}},
                {"op": "replace", "path": "processNotifications", "value": False},
            ],
        )
    ]
    assert after.data["closedFlag"] is True
    assert after.data["closedDate"]


def test_leaving_a_closing_status_opens_the_ticket_again(stand: Stand) -> None:
    ticket = make(stand, **{"status.id": "14"})
    assert ticket.data["closedFlag"] is True
    after = stand.client.update("ticket", ticket.id, {"status.id": "12"}, current=ticket)
    assert (after.data["closedFlag"], after.data["closedDate"]) == (False, None)


def test_a_status_is_sent_as_its_namesake_on_the_tickets_own_board(stand: Stand) -> None:
    ticket = stand.client.get("project_ticket", "1012")
    after = stand.client.update("project_ticket", "1012", {"status.id": "12"}, current=ticket)
    assert after.data["status"]["id"] == 32
    with pytest.raises(RecordProblem, match="no status “Waiting Customer”") as caught:
        stand.client.update("project_ticket", "1012", {"status.id": "13"}, current=after)
    assert caught.value.field == "status.id"


def test_a_stage_without_a_status_is_refused_by_name() -> None:
    with pytest.raises(RecordProblem, match="complete the status map"):
        ticket_write({"status.id": "in_progress"}, None)


def test_a_field_changed_meanwhile_makes_the_write_stale_another_does_not(stand: Stand) -> None:
    ticket = make(stand)
    stand.vendor.edit("ticket", ticket.id, {"priority.id": "1"})
    after = stand.client.update("ticket", ticket.id, {"summary": "By the hub"}, current=ticket)
    assert after.data["hub"]["priority"] == "Critical"
    with pytest.raises(StaleWrite):
        stand.client.update("ticket", ticket.id, {"hub.priority": "Low"}, current=ticket)


def test_one_owner_is_kept_among_several_assignees(stand: Stand) -> None:
    ticket = make(stand, **{"hub.assignees": ["152"]})
    both = {"hub.assignees": ["151", "152"]}
    assert stand.client.update("ticket", ticket.id, both, current=ticket).data["owner"]["id"] == 152


def test_a_new_ticket_needs_a_company_from_the_settings(open_stand: Opener) -> None:
    stand = open_stand("connectwise", settings={"default_company": ""})
    with pytest.raises(RecordProblem, match="choose the one for new tickets") as caught:
        make(stand)
    assert caught.value.field == "company.id"


def test_a_projects_ticket_goes_into_the_first_phase(stand: Stand) -> None:
    ticket = make(stand, resource="project_ticket", **{"project.id": "71"})
    assert ticket.data["phase"]["name"] == "Cabling"
    with pytest.raises(RecordProblem, match="needs its project"):
        make(stand, resource="project_ticket")


def test_a_summary_that_is_too_long_is_refused_not_cut(stand: Stand) -> None:
    with pytest.raises(RecordProblem, match="at most 100 characters; this has 101"):
        make(stand, summary="x" * 101)


def test_custom_fields_go_out_as_the_whole_array() -> None:
    current = {
        "customFields": [{"id": 5, "caption": "Rack", "value": "A"}, {"id": 6, "caption": "U", "value": 3}]
    }
    sent = ticket_write({"custom.5": "B"}, current).values["customFields"]
    assert sent == [{"id": 5, "caption": "Rack", "value": "B"}, {"id": 6, "caption": "U", "value": 3}]
    with pytest.raises(RecordProblem):
        ticket_write({"custom.9": "B"}, current)


def test_what_the_vendor_refuses_is_told_by_field(stand: Stand) -> None:
    ticket = make(stand)
    with pytest.raises(RecordProblem) as caught:
        stand.client.update("ticket", ticket.id, {"company.id": "999"}, current=ticket)
    assert caught.value.field == "company"


def test_a_ticket_made_but_not_read_back_is_ambiguous(stand: Stand) -> None:
    stand.vendor.fail("status", status=503, method="GET", path="/tickets/\\d+$")
    with pytest.raises(Retryable) as caught:
        make(stand, key="half")
    assert caught.value.ambiguous
    since = datetime.now(UTC) - timedelta(minutes=5)
    assert stand.client.find_by_key("ticket", "half", since=since) is not None


# --- certainty ---------------------------------------------------------------------------------------------------


def test_a_converted_ticket_is_moved_not_deleted(stand: Stand) -> None:
    stand.vendor.convert("1003")  # type: ignore[attr-defined]
    absence = stand.client.explain_absence("ticket", ["1003"])["1003"]
    assert (absence.kind, absence.detail) == (AbsenceKind.MOVED, "It was made a project ticket.")


def test_a_note_of_a_ticket_out_of_the_filter_is_not_called_deleted(stand: Stand) -> None:
    assert stand.client.explain_absence("note", ["1008:1"])["1008:1"].kind is AbsenceKind.OUT_OF_FILTER


def test_what_is_in_use_is_a_refusal_not_a_stale_write(stand: Stand) -> None:
    ticket = make(stand)
    stand.vendor.fail("status", status=409, body={"code": "Conflict", "message": "In use"}, method="DELETE")
    with pytest.raises(RecordProblem, match="In use"):
        stand.client.delete("ticket", ticket.id)


@pytest.mark.parametrize("text", ['say "hub"', "back\\slash", "in [brackets]"])
def test_texts_in_conditions_are_escaped(text: str) -> None:
    match = matcher(f"externalXRef={quoted(text)}")
    assert match({"externalXRef": text})
    assert not match({"externalXRef": text + "x"})


# --- connecting --------------------------------------------------------------------------------------------------


def test_the_check_names_version_member_and_boards(stand: Stand) -> None:
    report = stand.client.check()
    assert (report.api_version, report.account, report.account_id) == (
        "v2026.4.98765",
        "Lockstep Integration",
        "149",
    )
    assert report.checks[-1].detail == "Help Desk, Alerts, Projects"


def test_a_board_that_cannot_be_read_is_named(open_stand: Opener) -> None:
    report = open_stand("connectwise", settings={"board_ids": "1, 99"}).client.check()
    assert (report.ok, report.checks[-1].detail) == (False, "No board 99 can be read.")


def test_an_unknown_client_id_is_a_configuration_problem(open_stand: Opener) -> None:
    stand = open_stand("connectwise", secrets={"client_id": "another"})
    with pytest.raises(ConfigurationProblem, match="ClientId"):
        stand.client.list_page("ticket")


def test_the_clouds_plain_hosts_are_explained(stand: Stand) -> None:
    body = {"code": "Security", "message": "SSL is required.", "errors": None}
    stand.vendor.fail("status", status=403, body=body)
    with pytest.raises(ConfigurationProblem, match="api-na"):
        stand.client.list_page("ticket")


def test_the_stand_in_limits_requests_and_says_how_long_to_wait(stand: Stand) -> None:
    stand.vendor.turn(limit_per_minute=1)
    with pytest.raises(RateLimited) as caught:
        stand.client.list_page("ticket")  # its descriptions are requests of their own
    assert caught.value.retry_after


def test_each_kind_of_ticket_has_its_statuses_and_their_stages_are_suggested(stand: Stand) -> None:
    statuses = stand.client.containers("status")
    stages = ("backlog", "todo", "in_progress", "review", "done")
    found = {one.id: (one.name, status_suggestion(one.name, status_class(one), stages)) for one in statuses}
    assert (found["12"], found["14"]) == (("In Progress", "in_progress"), ("Completed", "done"))
    assert (found["33"], found["34"]) == (("In Review", "review"), ("Completed", "done"))
    assert {one.id for one in statuses if one.extra["resource"] == "project_ticket"} == {
        "31",
        "32",
        "33",
        "34",
    }
    assert [one.name for one in stand.client.containers("status", "2")] == ["New", "In Progress", "Closed"]
    assert [one.name for one in stand.client.containers("phase", "70")] == ["Planning", "Move weekend"]
    assert [one.extra["level"] for one in stand.client.containers("priority")] == [
        "Critical",
        "High",
        "Medium",
        "Low",
    ]


def test_a_callback_that_was_switched_off_is_woken_up(stand: Stand) -> None:
    first = stand.client.ensure_webhook(URL, "")
    assert first is not None
    row = stand.vendor.world.all("callback")[0]
    assert (row["type"], row["level"], row["objectId"]) == ("ticket", "owner", 1)
    stand.vendor.world.put("callback", first.id, {**row, "inactiveFlag": True})
    second = stand.client.ensure_webhook(URL, "")
    assert second is not None
    assert (second.id, second.active) == (first.id, True)
    assert writes(stand)[-1][2] == [{"op": "replace", "path": "inactiveFlag", "value": False}]


def test_the_vendor_adds_id_and_action_to_the_address(stand: Stand) -> None:
    stand.client.ensure_webhook(URL, "")
    stand.vendor.edit("ticket", "1001", {"summary": "By hand"})
    stand.vendor.sender.flush()
    sent = stand.vendor.sender.deliveries("connectwise")[-1]
    assert sent.params == {"id": "1001", "action": "updated"}


def test_settings_are_checked_field_by_field() -> None:
    wrong = {"board_ids": "one", "default_company": "x", "api_version": "new"}
    assert [field for field, _ in validate(wrong)] == list(wrong)
    assert validate({"board_ids": "3, 5", "notes": "all", "api_version": "2026.4"}) == []
    assert CONNECTOR.webhook_secret_from in {one.name for one in CONNECTOR.secrets}
