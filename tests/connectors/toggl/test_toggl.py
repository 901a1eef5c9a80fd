"""What is particular to Toggl Track: its quota, its lists cut off, timers, reports, and the webhook's validation."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from connectors.base.errors import (
    AlreadyExists,
    ConfigurationProblem,
    PermissionProblem,
    RateLimited,
    RecordProblem,
    StaleWrite,
)
from connectors.base.types import BadSignature, ChangeHint, UnknownEvent, WebhookRequest
from connectors.toggl import client as toggl_client
from connectors.toggl.connector import CONNECTOR
from connectors.toggl.webhooks import WEBHOOKS
from sandbox.vendors import toggl_seed as seed
from tests.sandbox_fixtures import Stand

Opener = Callable[..., Stand]
PAYLOADS = Path(__file__).parent / "payloads"


def sample(stand: Stand) -> dict[str, Any]:
    return dict(stand.fixture.samples["time_entry"])


def signed(body: bytes, secret: str = "s1") -> WebhookRequest:
    digest = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    headers = {"x-webhook-signature-256": f"sha256={digest}"}
    return WebhookRequest("POST", headers, body, {}, "https://hub.example.org/h", datetime.now(UTC))


# --- errors ---------------------------------------------------------------------------------------------------------


def test_a_spent_quota_is_waited_out_as_long_as_toggl_says(open_stand: Opener) -> None:
    stand = open_stand("toggl")
    quota = {"X-Toggl-Quota-Remaining": "0", "X-Toggl-Quota-Resets-In": "1234"}
    stand.vendor.fail("status", status=402, headers=quota)
    with pytest.raises(RateLimited) as caught:
        stand.client.list_page("project")
    assert caught.value.retry_after == 1234


def test_a_feature_of_a_higher_plan_is_not_repeated(open_stand: Opener) -> None:
    stand = open_stand("toggl")
    stand.vendor.fail("status", status=402, headers={"X-Toggl-Quota-Remaining": "17"})
    with pytest.raises(PermissionProblem, match="higher plan"):
        stand.client.list_page("task")


def test_a_token_of_the_newer_api_is_told_apart_from_a_missing_right(open_stand: Opener) -> None:
    stand = open_stand("toggl", secrets={"api_token": "another"})
    with pytest.raises(ConfigurationProblem, match=r"Toggl 2\.0"):
        stand.client.list_page("project")


def test_the_plan_decides_the_budget() -> None:
    hourly = {
        plan: [one.requests for one in _budgets(plan) if one.per_seconds == 3600]
        for plan in ("free", "premium")
    }
    assert hourly == {"free": [30, 30], "premium": [600, 30]}


def _budgets(plan: str) -> Any:
    from connectors.toggl.connector import budgets_of

    return budgets_of(plan)


# --- reading --------------------------------------------------------------------------------------------------------


def test_changes_come_in_one_request_with_what_was_deleted(open_stand: Opener) -> None:
    stand = open_stand("toggl")
    kept, gone = (stand.client.create("time_entry", sample(stand), key=f"k{n}") for n in range(2))
    stand.client.delete("time_entry", gone.id)
    stand.vendor.requests.clear()
    page = stand.client.list_page("time_entry", since=datetime.now(UTC) - timedelta(minutes=5))
    assert [entry.path for entry in stand.vendor.requests] == ["/api/v9/me/time_entries"]
    assert kept.id in {one.id for one in page.records}
    assert list(page.deleted_ids) == [gone.id]
    assert page.next_token is None


def test_a_cursor_older_than_sixty_days_reads_the_history_instead(open_stand: Opener) -> None:
    stand = open_stand("toggl")
    stand.client.list_page("time_entry", since=datetime.now(UTC) - timedelta(days=61))
    assert "since" not in stand.vendor.requests[-1].query
    assert "start_date" in stand.vendor.requests[-1].query


def test_a_window_that_is_cut_off_is_halved_until_nothing_is_missing(
    open_stand: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand = open_stand("toggl", settings={"history_days": "28"})
    everything = {one.id for one in stand.client.walk("time_entry")}  # type: ignore[attr-defined]
    assert len(everything) > 10
    monkeypatch.setattr(toggl_client, "ROW_CAP", 8)
    monkeypatch.setattr("sandbox.vendors.toggl.ROW_CAP", 8)
    found = [one.id for one in stand.client.walk("time_entry")]  # type: ignore[attr-defined]
    assert sorted(found) == sorted(everything)


def test_reports_bring_everybodys_entries_page_by_page(
    open_stand: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(toggl_client, "REPORT_PAGE", 5)
    stand = open_stand("toggl", settings={"entries": "everyone"})
    found = list(stand.client.walk("time_entry"))  # type: ignore[attr-defined]
    assert len(found) == len({one.id for one in found}) == stand.vendor.world.count("time_entry")
    assert {one.data["user_id"] for one in found} == {user[0] for user in seed.USERS}
    one = next(entry for entry in found if entry.data["tags"])
    assert stand.client.get("time_entry", one.id).data == one.data
    assert not CONNECTOR.resource("time_entry", {"entries": "everyone"}).incremental


def test_the_token_in_the_answer_of_me_goes_nowhere(open_stand: Opener) -> None:
    stand = open_stand("toggl")
    stand.client.check()
    assert seed.API_TOKEN not in repr(stand.exchanges)
    assert seed.API_TOKEN not in repr(vars(stand.client)["_me"])


# --- writing --------------------------------------------------------------------------------------------------------


def test_a_running_entry_has_neither_stop_nor_duration(open_stand: Opener) -> None:
    stand = open_stand("toggl")
    start = (datetime.now(UTC) - timedelta(minutes=20)).strftime("%Y-%m-%dT%H:%M:%SZ")
    made = stand.client.create("time_entry", {"start": start, "description": "Timer"}, key="k")
    assert stand.vendor.requests[-1].body["duration"] == -1
    assert (made.data["stop"], made.data["duration"], made.data["running"]) == (None, None, True)
    assert made.data["start"] == start


def test_starting_a_timer_stops_the_other_one(open_stand: Opener) -> None:
    stand = open_stand("toggl")
    now = datetime.now(UTC)
    first = stand.client.create("time_entry", {"start": (now - timedelta(hours=1)).isoformat()}, key="a")
    stand.client.create("time_entry", {"start": now.isoformat()}, key="b")
    assert not stand.client.get("time_entry", first.id).data["running"]


def test_a_new_stop_is_sent_with_start_and_duration_in_agreement(open_stand: Opener) -> None:
    stand = open_stand("toggl")
    made = stand.client.create("time_entry", sample(stand), key="k")
    stop = datetime.fromisoformat(made.data["start"]) + timedelta(minutes=30)
    stand.client.update("time_entry", made.id, {"stop": stop.isoformat()}, current=made)
    body = stand.vendor.requests[-1].body
    assert (body["duration"], body["start"]) == (1800, made.data["start"])
    assert set(body) == {"created_with", "workspace_id", "start", "stop", "duration"}


def test_a_change_by_somebody_else_makes_the_write_stale(open_stand: Opener) -> None:
    stand = open_stand("toggl")
    made = stand.client.create("time_entry", sample(stand), key="k")
    stand.vendor.edit("time_entry", made.id, {"description": "Changed there"})
    with pytest.raises(StaleWrite):
        stand.client.update("time_entry", made.id, {"description": "Changed here"}, current=made)
    assert stand.client.get("time_entry", made.id).data["description"] == "Changed there"


def test_other_peoples_entries_are_not_written_with_my_token(open_stand: Opener) -> None:
    stand = open_stand("toggl")
    before = stand.vendor.world.count("time_entry")
    with pytest.raises(RecordProblem, match="owner's entries only"):
        stand.client.create("time_entry", {**sample(stand), "user_id": seed.USERS[1][0]}, key="k")
    assert stand.vendor.world.count("time_entry") == before


def test_billable_is_left_out_of_a_create_unless_it_is_true(open_stand: Opener) -> None:
    stand = open_stand("toggl")
    stand.client.create("time_entry", {**sample(stand), "billable": False}, key="k")
    assert "billable" not in stand.vendor.requests[-1].body


def test_a_project_of_the_same_name_with_other_dates_is_named_not_overwritten(open_stand: Opener) -> None:
    stand = open_stand("toggl")
    made = stand.client.create("project", {"name": "Annual report", "start_date": "2026-01-05"}, key="a")
    with pytest.raises(AlreadyExists) as caught:
        stand.client.create("project", {"name": "annual report", "start_date": "2026-02-02"}, key="b")
    assert caught.value.external_id == made.id
    assert stand.client.get("project", made.id).data["start_date"] == "2026-01-05"


def test_deleting_a_project_leaves_its_time(open_stand: Opener) -> None:
    stand = open_stand("toggl")
    entry = stand.client.create("time_entry", sample(stand), key="k")
    stand.client.delete("project", "51001")
    assert stand.vendor.requests[-1].query == {"teDeletionMode": ["unassign"]}
    assert stand.client.get("time_entry", entry.id).data["project_id"] is None


def test_a_second_assignee_is_refused_by_name(open_stand: Opener) -> None:
    stand = open_stand("toggl")
    fields = {"name": "Two people", "project_id": 51001, "assignees": [seed.ME, seed.USERS[1][0]]}
    with pytest.raises(RecordProblem) as caught:
        stand.client.create("task", fields, key="k")
    assert caught.value.field == "assignees"


# --- webhooks -------------------------------------------------------------------------------------------------------


@pytest.fixture
def hub() -> Iterator[Any]:
    """Answers as the hub does: a handshake's own answer, else 200."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            request = WebhookRequest("POST", headers, body, {}, "", datetime.now(UTC))
            answer = WEBHOOKS.handshake(request, ["s1"])
            server: Any = self.server
            server.received.append((request, answer))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(answer.body if answer else b"{}")

        def log_message(self, *args: Any) -> None:
            return None

    server: Any = HTTPServer(("127.0.0.1", 0), Handler)
    server.received = []
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def test_the_validation_code_is_said_back_and_events_follow(open_stand: Opener, hub: Any) -> None:
    stand = open_stand("toggl")
    url = f"http://127.0.0.1:{hub.server_port}/hook"
    stand.client.ensure_webhook(url, "s1")
    stand.vendor.sender.flush()
    assert stand.vendor.world.all("subscription")[0]["validated_at"]
    made = stand.client.create("time_entry", sample(stand), key="k")
    stand.vendor.sender.flush()
    request, _ = hub.received[-1]
    WEBHOOKS.verify(request, ["s1"], {})
    hints = WEBHOOKS.parse(request, json.loads(request.body), {})
    assert hints == [ChangeHint("time_entry", made.id, "time_entry.created", False, str(seed.ME))]


def test_an_unsigned_validation_code_is_not_said_back() -> None:
    body = b'{"payload": "ping", "validation_code": "abc"}'
    with pytest.raises(BadSignature):
        WEBHOOKS.handshake(signed(body, "guessed"), ["s1"])


def test_the_free_plan_subscribes_to_three_events(open_stand: Opener) -> None:
    stand = open_stand("toggl", settings={"plan": "free"})
    registration = stand.client.ensure_webhook("http://127.0.0.1:9/h", "s1")
    assert registration is not None
    assert list(registration.events) == ["time_entry.*", "project.*", "task.*"]


def test_a_new_secret_is_set_on_the_subscription_that_is_there(open_stand: Opener) -> None:
    stand = open_stand("toggl")
    first = stand.client.ensure_webhook("http://127.0.0.1:9/h", "s1")
    second = stand.client.ensure_webhook("http://127.0.0.1:9/h", "s2")
    assert first is not None
    assert second is not None
    assert first.id == second.id
    assert [one["secret"] for one in stand.vendor.world.all("subscription")] == ["s2"]


def test_a_delivery_as_recorded_names_the_entry_and_who_changed_it() -> None:
    body = (PAYLOADS / "time_entry_deleted.json").read_bytes()
    payload = json.loads(body)
    assert WEBHOOKS.parse(signed(body), payload, {}) == [
        ChangeHint("time_entry", "4001000042", "time_entry.deleted", True, "6543201")
    ]
    assert WEBHOOKS.delivery_id(signed(body)) == "88123"


def test_pings_and_memberships_of_projects_are_ignored_and_unknown_models_are_loud() -> None:
    assert WEBHOOKS.parse(signed(b""), {"event_id": 0, "payload": "ping"}, {}) == []
    assert WEBHOOKS.parse(signed(b""), {"metadata": {"model": "project_user", "action": "created"}}, {}) == []
    with pytest.raises(UnknownEvent):
        WEBHOOKS.parse(
            signed(b""), {"metadata": {"model": "invoice", "action": "created"}, "payload": {"id": 1}}, {}
        )


# --- settings -------------------------------------------------------------------------------------------------------


def test_settings_are_refused_by_name() -> None:
    assert CONNECTOR.validate is not None
    wrong = {"workspace_id": "studio", "history_days": "0"}
    assert [name for name, _ in CONNECTOR.validate(wrong)] == list(wrong)
    assert CONNECTOR.validate({"workspace_id": "3134975", "plan": "starter"}) == []


def test_workspaces_projects_and_people_can_be_picked(open_stand: Opener) -> None:
    client = open_stand("toggl").client
    assert [one.name for one in client.containers()] == ["Studio Nord", "Private"]
    assert "Spring campaign" not in [one.name for one in client.containers("project")]
    assert [one.name for one in client.containers("user")] == [user[1] for user in seed.USERS]
