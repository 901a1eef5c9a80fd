"""The sandbox's own frame: controls, pages, memory, webhooks."""

from __future__ import annotations

import hashlib
import hmac
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests

from connectors import registry
from connectors.base.connector import Environment
from sandbox.testing import RunningSandbox, running_sandbox
from tests.sandbox_fixtures import filled

AUTH = {"Authorization": "Bearer desk-demo-token"}


@pytest.fixture
def listener() -> Iterator[Any]:
    """A server that keeps what it is sent and answers with the statuses in ``answers`` (then 200)."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            server: Any = self.server
            server.received.append((dict(self.headers), body))
            self.send_response(server.answers.pop(0) if server.answers else 200)
            self.end_headers()

        def log_message(self, *args: Any) -> None:
            return None

    server: Any = HTTPServer(("127.0.0.1", 0), Handler)
    server.received, server.answers = [], []
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()


def test_the_index_names_every_stand_in(box: RunningSandbox) -> None:
    answer = requests.get(box.root + "/", timeout=5)
    assert answer.status_code == 200
    for vendor in box.sandbox.vendors.values():
        assert vendor.name in answer.text


def test_records_survive_a_second_start(tmp_path: Path) -> None:
    with running_sandbox(tmp_path) as first:
        made = requests.post(
            first.url("desk") + "/api/tickets", json={"subject": "Kept"}, headers=AUTH, timeout=5
        ).json()["data"]
    with running_sandbox(tmp_path) as second:
        found = requests.get(
            f"{second.url('desk')}/api/tickets/{made['id']}", headers=AUTH, timeout=5
        ).json()["data"]
        assert found["subject"] == "Kept"
        following = requests.post(
            second.url("desk") + "/api/tickets", json={"subject": "Next"}, headers=AUTH, timeout=5
        ).json()
        assert following["data"]["id"] == made["id"] + 1


def test_a_reset_brings_the_seed_back(box: RunningSandbox) -> None:
    box.vendor("desk").remove("ticket", "1")
    assert requests.post(box.root + "/_control/desk/reset", timeout=5).json() == {"reset": "desk"}
    assert box.vendor("desk").world.count("ticket") == 5


def test_faults_and_knobs_are_turned_over_http(box: RunningSandbox) -> None:
    control, tickets = box.root + "/_control/desk", box.url("desk") + "/api/tickets"
    requests.post(
        control + "/fail", json={"status": 503, "count": 1, "headers": {"Retry-After": "3"}}, timeout=5
    )
    refused = requests.get(tickets, headers=AUTH, timeout=5)
    assert (refused.status_code, refused.headers["Retry-After"]) == (503, "3")
    assert requests.get(tickets, headers=AUTH, timeout=5).status_code == 200
    requests.patch(control, json={"limit_per_minute": 1}, timeout=5)
    assert 429 in [requests.get(tickets, headers=AUTH, timeout=5).status_code for _ in range(2)]
    assert requests.patch(control, json={"colour": 1}, timeout=5).status_code == 400
    log = requests.get(control + "/log", timeout=5).json()
    assert [entry["status"] for entry in log[:2]] == [503, 200]


def test_a_fault_after_the_effect_loses_only_the_answer(box: RunningSandbox) -> None:
    box.vendor("desk").fail("hang_up", method="POST", when="after")
    with pytest.raises(requests.ConnectionError):
        requests.post(
            box.url("desk") + "/api/tickets", json={"subject": "Lost answer"}, headers=AUTH, timeout=5
        )
    assert box.vendor("desk").world.all("ticket")[-1]["subject"] == "Lost answer"


@pytest.mark.parametrize(
    "query",
    [
        "colour=red",
        "per_page=101",
        "per_page=x",
        "updated_since=yesterday",
        "updated_since=2026-01-01T00:00:00",
        "sort=colour",
    ],
)
def test_the_desk_refuses_parameters_it_does_not_know(box: RunningSandbox, query: str) -> None:
    answer = requests.get(f"{box.url('desk')}/api/tickets?{query}", headers=AUTH, timeout=5)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == query.split("=")[0]


def test_the_clock_and_the_list_lag_can_be_moved(box: RunningSandbox) -> None:
    desk = box.vendor("desk")
    desk.turn(list_lag_seconds=60)
    made = requests.post(
        box.url("desk") + "/api/tickets", json={"subject": "Fresh"}, headers=AUTH, timeout=5
    ).json()["data"]
    listed = requests.get(box.url("desk") + "/api/tickets", headers=AUTH, timeout=5).json()["data"]
    assert made["id"] not in [row["id"] for row in listed]
    desk.turn(clock_offset_seconds=120)
    listed = requests.get(box.url("desk") + "/api/tickets", headers=AUTH, timeout=5).json()["data"]
    assert made["id"] in [row["id"] for row in listed]


def test_a_person_edits_by_hand_and_the_webhook_is_sent_with_its_signature(
    box: RunningSandbox, listener: Any
) -> None:
    url = f"http://127.0.0.1:{listener.server_port}/hook"
    requests.post(box.url("desk") + "/api/hooks", json={"url": url, "secret": "s1"}, headers=AUTH, timeout=5)
    form = {
        "subject": "By <b>hand</b>",
        "body": "",
        "state_id": "3",
        "priority": "P1",
        "due_on": "",
        "tags": "a, b",
    }
    page = requests.post(box.url("desk") + "/ui/ticket/1", data=form, timeout=5)
    assert page.status_code == 200
    assert "By &lt;b&gt;hand&lt;/b&gt;" in page.text
    ticket = box.vendor("desk").world.get("ticket", 1)
    assert ticket is not None
    assert (ticket["state_id"], ticket["tags"], ticket["due_on"]) == (3, ["a", "b"], None)
    assert box.deliveries("desk")[-1].has_arrived
    headers, body = listener.received[-1]
    stamp, _, signature = headers["Desk-Signature"].partition(",v1=")
    expected = hmac.new(b"s1", stamp.removeprefix("t=").encode() + b"." + body, hashlib.sha256).hexdigest()
    assert signature == expected


def test_a_refused_value_is_said_on_the_page_and_changes_nothing(box: RunningSandbox) -> None:
    form = {"subject": "x" * 300, "body": "", "state_id": "1", "priority": "P1", "due_on": "", "tags": ""}
    page = requests.post(box.url("desk") + "/ui/ticket/1", data=form, timeout=5)
    assert "subject is too long" in page.text
    ticket = box.vendor("desk").world.get("ticket", 1)
    assert ticket is not None
    assert ticket["subject"] == "Printer on floor 2 jams"


def test_a_form_from_another_site_is_refused(box: RunningSandbox) -> None:
    answer = requests.post(
        box.url("desk") + "/ui/ticket/1",
        data={"_action": "delete"},
        headers={"Origin": "https://evil.example.com"},
        timeout=5,
    )
    assert answer.status_code == 403
    assert box.vendor("desk").world.get("ticket", 1) is not None


def test_a_webhook_that_fails_is_sent_again(
    box: RunningSandbox, listener: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    listener.answers = [500]
    monkeypatch.setattr(type(box.vendor("desk")), "webhook_retry_delays", (0.01,))
    url = f"http://127.0.0.1:{listener.server_port}/hook"
    requests.post(box.url("desk") + "/api/hooks", json={"url": url, "secret": "s1"}, headers=AUTH, timeout=5)
    box.vendor("desk").edit("ticket", "1", {"subject": "Twice"})
    assert box.deliveries("desk")[-1].statuses == [500, 200]
    assert len({body for _, body in listener.received}) == 1


def test_an_unknown_stand_in_is_not_there(box: RunningSandbox) -> None:
    assert requests.get(box.root + "/nobody/x", timeout=5).status_code == 404
    assert requests.get(box.root + "/_control/nobody", timeout=5).status_code == 404


def test_every_stand_in_answers_as_before_after_a_second_start_on_the_same_folder(tmp_path: Path) -> None:
    """``bin/up`` keeps what the stand-ins hold; what only ``seed`` prepares would be missing then."""
    statuses = []
    for _ in range(2):
        with running_sandbox(tmp_path) as box:
            answers = {}
            for slug, vendor in box.sandbox.vendors.items():
                fixture = vendor.contract_fixture()
                if fixture is None:
                    continue
                connector = registry.get(fixture.slug or slug)
                environment = Environment(allow_private_network=True, allow_http=True, timeout_seconds=5.0)
                client = connector.open(
                    fixture.base_url.replace("{root}", box.url(slug)),
                    filled(fixture.settings, box.url(slug)),
                    fixture.secrets,
                    environment,
                )
                answers[slug] = client.check().ok
                client.close()
            statuses.append(answers)
    assert statuses[0] == statuses[1]
    assert all(statuses[1].values())
