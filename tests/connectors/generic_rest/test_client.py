"""Generic REST over HTTP against the desk: each way of paging, writing and looking for deletions."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from connectors import registry
from connectors.base.errors import ContractBroken, RecordGone, RecordProblem, StaleWrite
from connectors.base.types import AbsenceKind, CreateClass
from connectors.generic_rest.config import problems_of
from tests.sandbox_fixtures import Stand, filled

Opener = Callable[..., Stand]
EXAMPLE = Path(__file__).resolve().parents[3] / "connectors" / "generic_rest" / "examples" / "desk.json"


def config(**tickets: Any) -> dict[str, Any]:
    """The desk's configuration with parts of the tickets resource replaced."""
    loaded: dict[str, Any] = json.loads(EXAMPLE.read_text())
    loaded["base_url"] = "{root}/api"
    loaded["resources"]["tickets"] |= tickets
    return loaded


def opened(open_stand: Opener, changed: Mapping[str, Any]) -> Stand:
    plain = open_stand("desk")
    root = plain.base_url.removesuffix("/api")
    assert problems_of(filled(changed, root)) == []
    return open_stand("desk", settings={"config": filled(changed, root)})


def ids(stand: Stand, resource: str = "tickets", **options: Any) -> list[str]:
    found: list[str] = []
    token: Any = None
    for _ in range(60):
        page = stand.client.list_page(resource, token=token, **options)
        found += [record.id for record in page.records]
        token = json.loads(json.dumps(page.next_token))  # tokens survive being stored
        if token is None:
            return found
    raise AssertionError("no end")


LISTS: dict[str, dict[str, Any]] = {
    "page": {"path": "/tickets", "records_path": "data", "pagination": {"kind": "page", "page_param": "page", "size_param": "per_page", "size": 3, "total_pages_path": "meta.pages"}},
    "page by total": {"path": "/tickets", "records_path": "data", "pagination": {"kind": "page", "page_param": "page", "size_param": "per_page", "size": 3, "total_path": "meta.total"}},
    "page until short": {"path": "/tickets", "records_path": "data", "pagination": {"kind": "page", "page_param": "page", "size_param": "per_page", "size": 3}},
    "offset": {"path": "/tickets/by-offset", "records_path": "items", "pagination": {"kind": "offset", "offset_param": "offset", "limit_param": "limit", "limit": 3, "total_path": "total"}},
    "cursor": {"path": "/tickets/by-cursor", "records_path": "results", "pagination": {"kind": "cursor", "cursor_param": "cursor", "cursor_path": "next_cursor", "has_more_path": "has_more", "size_param": "size", "size": 3}},
    "link header": {"path": "/tickets/by-link", "query": {"per_page": "3"}, "records_path": "", "pagination": {"kind": "link_header"}},
    "next url": {"path": "/tickets/by-next", "query": {"top": "3"}, "records_path": "value", "pagination": {"kind": "next_url", "path": "links.next"}},
    "none, keyed by id": {"path": "/tickets/all", "records_path": "tickets.*", "pagination": {"kind": "none"}},
}  # fmt: skip


@pytest.mark.parametrize("name", LISTS)
def test_each_kind_of_paging_gives_every_ticket_once(open_stand: Opener, name: str) -> None:
    stand = opened(open_stand, config(list=LISTS[name]))
    for number in range(5):
        stand.vendor.edit("ticket", None, {"subject": f"More {number}"})
    assert sorted(ids(stand), key=int) == [str(n) for n in range(1, 11)]


def test_the_filter_is_repeated_on_every_page(open_stand: Opener) -> None:
    listing = {
        **LISTS["cursor"],
        "incremental": {"field": "updated_at", "param": "updated_since", "format": "iso8601"},
    }
    stand = opened(open_stand, config(list=listing))
    since = datetime.now(UTC) - timedelta(days=30)
    assert len(ids(stand, since=since)) == 5
    asked = [
        entry.query.get("updated_since")
        for entry in stand.vendor.requests
        if entry.path == "/api/tickets/by-cursor"
    ]
    assert len(asked) == 2
    assert asked[0] == asked[1] == [since.replace(microsecond=0).isoformat().replace("+00:00", "Z")]


def test_a_page_that_repeats_fails_the_run(open_stand: Opener) -> None:
    stand = opened(open_stand, config(list=LISTS["next url"]))
    row = {"id": 1, "subject": "again"}
    body = {"value": [row], "links": {"next": "/desk/api/tickets/by-next?skip=1"}}
    stand.vendor.fail("status", status=200, body=body, count=2)
    first = stand.client.list_page("tickets")
    with pytest.raises(ContractBroken, match="same page"):
        stand.client.list_page("tickets", token=first.next_token)


def test_a_next_address_on_another_host_is_not_followed(open_stand: Opener) -> None:
    stand = opened(open_stand, config(list=LISTS["next url"]))
    stand.vendor.fail(
        "status", status=200, body={"value": [{"id": 1}], "links": {"next": "https://evil.example.com/x"}}
    )
    page = stand.client.list_page("tickets")
    with pytest.raises(ContractBroken, match="another host"):
        stand.client.list_page("tickets", token=page.next_token)


@pytest.mark.parametrize(
    "body", [{"error": "x"}, {"data": {"id": 1}}, [], None, {"data": [{"subject": "no id"}]}]
)
def test_answers_without_a_list_of_records_break_the_contract(open_stand: Opener, body: Any) -> None:
    stand = open_stand("desk")
    stand.vendor.fail("status", status=200, body=body)
    with pytest.raises(ContractBroken):
        stand.client.list_page("tickets")


def test_id_zero_and_text_ids_are_ids(open_stand: Opener) -> None:
    stand = open_stand("desk")
    body = {"data": [{"id": 0}, {"id": "6f1c-uuid"}], "meta": {"pages": 1}}
    stand.vendor.fail("status", status=200, body=body)
    page = stand.client.list_page("tickets")
    assert [record.id for record in page.records] == ["0", "6f1c-uuid"]
    assert [record.complete for record in page.records] == [False, False]


def test_rows_marked_as_deleted_are_named_and_skipped_rows_are_not(open_stand: Opener) -> None:
    base = config()["resources"]["tickets"]["list"]
    listing = {
        **base,
        "deleted_if": {"path": "gone", "equals": True},
        "skip_if": {"path": "kind", "in": ["draft"]},
    }
    stand = opened(open_stand, config(list=listing, delete_detection="in_feed"))
    rows = [{"id": 1}, {"id": 2, "gone": True}, {"id": 3, "kind": "draft"}]
    stand.vendor.fail("status", status=200, body={"data": rows, "meta": {"pages": 1}})
    page = stand.client.list_page("tickets")
    assert [record.id for record in page.records] == ["1"]
    assert list(page.deleted_ids) == ["2"]


def test_a_search_in_windows_covers_the_time_to_now_without_a_gap(open_stand: Opener) -> None:
    # the desk has no end parameter, so its ``state`` stands in for one: only what was asked matters here
    incremental = {
        "field": "updated_at",
        "param": "updated_since",
        "format": "iso8601_ms",
        "granularity": "ms",
        "window_days": 4,
        "end_param": "external_key",
    }
    listing = {**config()["resources"]["tickets"]["list"], "incremental": incremental}
    stand = opened(open_stand, config(list=listing))
    ids(stand, since=datetime.now(UTC) - timedelta(days=10))
    asked = [
        (entry.query["updated_since"][0], entry.query["external_key"][0])
        for entry in stand.vendor.requests
        if entry.path == "/api/tickets"
    ]
    assert len(asked) == 3
    assert [end for _, end in asked[:-1]] == [start for start, _ in asked[1:]]


def test_a_child_is_listed_below_its_parent_and_below_picked_parents(open_stand: Opener) -> None:
    stand = open_stand("desk")
    for ticket in (1, 2, 3):
        stand.vendor.edit("comment", None, {"ticket_id": ticket, "body": f"on {ticket}"})
    page = stand.client.list_page("comments", parent_id="2")
    assert [(record.data["body"], record.parent_id) for record in page.records] == [("on 2", "2")]
    picked = config()
    picked["resources"]["comments"]["parent"]["selected_ids"] = ["1", "3"]
    stand = opened(open_stand, picked)
    assert registry.get("generic_rest").resource("comments", stand.settings).parent == ""
    for ticket in (1, 2, 3):
        stand.vendor.edit("comment", None, {"ticket_id": ticket, "body": f"on {ticket}"})
    assert len(ids(stand, "comments")) == len({*ids(stand, "comments")}) >= 2


def test_a_write_goes_to_the_write_path_with_the_version(open_stand: Opener) -> None:
    stand = open_stand("desk")
    ticket = stand.client.get("tickets", "1")
    stand.vendor.requests.clear()
    changed = stand.client.update("tickets", "1", {"state.id": 3}, current=ticket)
    write = stand.vendor.requests[0]
    assert (write.method, write.body, write.headers["if-match"]) == ("PATCH", {"state_id": 3}, '"1-1"')
    assert changed.data["state"] == {"id": 3, "name": "Working"}
    assert changed.version == '"1-2"'


def test_a_list_row_without_a_version_is_read_again_and_compared_before_a_write(open_stand: Opener) -> None:
    stand = open_stand("desk")
    row = stand.client.list_page("tickets").records[0]
    assert row.version is None
    stand.vendor.edit("ticket", row.id, {"subject": "Someone was faster"})
    with pytest.raises(StaleWrite):
        stand.client.update("tickets", row.id, {"priority": "P1"}, current=row)
    fresh = stand.client.list_page("tickets").records
    again = next(record for record in fresh if record.id == row.id)
    stand.client.update("tickets", row.id, {"priority": "P1"}, current=again)
    assert stand.vendor.requests[-1].headers["if-match"] == f'"{row.id}-2"'


def test_full_replace_reads_overlays_and_sends_everything(open_stand: Opener) -> None:
    update = {"method": "PUT", "path": "/tickets/{id}", "record_path": "data", "mode": "full_replace"}
    stand = opened(open_stand, config(update=update))
    before = stand.client.get("tickets", "3")
    changed = stand.client.update("tickets", "3", {"subject": "Only this"}, current=before)
    assert changed.data["subject"] == "Only this"
    for name in ("body", "state", "priority", "tags"):
        assert changed.data[name] == before.data[name]


@pytest.mark.parametrize(
    ("null_as", "sent"), [("null", {"due_on": None}), ("empty_string", {"due_on": ""}), ("omit", {})]
)
def test_null_is_written_as_configured(open_stand: Opener, null_as: str, sent: dict[str, Any]) -> None:
    update = {**config()["resources"]["tickets"]["update"], "null_as": null_as}
    stand = opened(open_stand, config(update=update))
    stand.client.update("tickets", "1", {"due_on": None}, current=stand.client.get("tickets", "1"))
    assert stand.vendor.requests[-1].body == sent


@pytest.mark.parametrize("response", ["id_only", "empty", "record"])
def test_the_record_is_known_after_a_write_whatever_the_api_answers(
    open_stand: Opener, response: str
) -> None:
    create = {**config()["resources"]["tickets"]["create"], "response": response}
    if response == "id_only":
        create["id_path"] = "data.id"
    stand = opened(open_stand, config(create=create, reread_after_write=True))
    made = stand.client.create("tickets", {"subject": "New"}, key="k-1")
    assert made.data["subject"] == "New"
    assert made.version is not None or response == "empty"


def test_a_repeated_create_with_the_same_key_makes_one_record(open_stand: Opener) -> None:
    stand = open_stand("desk")
    first = stand.client.create("tickets", {"subject": "Once"}, key="k-9")
    second = stand.client.create("tickets", {"subject": "Once"}, key="k-9")
    assert first.id == second.id
    assert stand.vendor.requests[-1].body == {"subject": "Once", "external_key": "k-9"}


def test_the_create_class_follows_the_configuration() -> None:
    connector = registry.get("generic_rest")
    tickets = config()["resources"]["tickets"]
    create = {name: value for name, value in tickets["create"].items() if name != "idempotency_header"}
    without_search = config(create=create)
    without_search["resources"]["tickets"].pop("find_by_key")
    expected = (
        (config(), CreateClass.KEYED),
        (config(create=create), CreateClass.MARKER),
        (without_search, CreateClass.UNPROVABLE),
    )
    for one, wanted in expected:
        assert (
            connector.resource("tickets", {"config": filled(one, "https://x.example.org")}).create_class
            is wanted
        )


def test_without_a_single_read_records_are_looked_for_in_the_list(open_stand: Opener) -> None:
    changed = config()
    changed["resources"]["tickets"].pop("get")
    stand = opened(open_stand, changed)
    assert stand.client.get("tickets", "4").id == "4"
    with pytest.raises(RecordGone):
        stand.client.get("tickets", "99")
    assert stand.client.explain_absence("tickets", ["4", "99"])["99"].kind is AbsenceKind.DELETED


def test_a_missing_record_is_unknown_while_the_account_cannot_be_read(open_stand: Opener) -> None:
    stand = open_stand("desk")
    assert stand.client.explain_absence("tickets", ["99"])["99"].kind is AbsenceKind.DELETED
    stand.vendor.fail("status", status=403, path="^/api/me", count=9)
    assert stand.client.explain_absence("tickets", ["99"])["99"].kind is AbsenceKind.UNKNOWN


@pytest.mark.parametrize("hostile", ["../me", "1/comments", "1?x=y", "1#", "..", "1\r\nX-Evil: 1", "%2e%2e"])
def test_a_hostile_id_cannot_leave_its_place_in_the_path(open_stand: Opener, hostile: str) -> None:
    stand = open_stand("desk")
    stand.vendor.requests.clear()
    with pytest.raises((RecordGone, RecordProblem)):
        stand.client.get("tickets", hostile)
    assert all(entry.path.startswith("/api/tickets/") and not entry.query for entry in stand.vendor.requests)


def test_error_rules_of_the_configuration_come_first(open_stand: Opener) -> None:
    changed = config()
    changed["errors"] = [
        {"status": [200], "body_path": "error", "action": "validation", "message": "The desk said no"}
    ]
    stand = opened(open_stand, changed)
    stand.vendor.fail("status", status=200, body={"error": {"code": 7}})
    with pytest.raises(RecordProblem, match="The desk said no"):
        stand.client.get("tickets", "1")


def test_a_configuration_is_not_changed_by_use(open_stand: Opener) -> None:
    stand = open_stand("desk")
    before = copy.deepcopy(stand.settings)
    made = stand.client.create("tickets", {"subject": "New"}, key="k-2")
    stand.client.update("tickets", made.id, {"subject": "Newer"}, current=made)
    assert stand.settings == before


def test_the_page_of_a_ticket_can_be_opened(open_stand: Opener) -> None:
    import requests

    record = open_stand("desk").client.get("tickets", "1")
    answer = requests.get(record.url, timeout=5)
    assert answer.status_code == 200
    assert "Printer on floor 2 jams" in answer.text
