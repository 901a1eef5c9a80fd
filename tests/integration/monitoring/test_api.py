"""/api/v1/alerts and /api/v1/alert-rules: the same services, roles and refusals as the pages."""

from __future__ import annotations

from typing import Any

import pytest
from rest_framework.test import APIClient

from monitoring.models import Alert, AlertRule
from tests.integration.monitoring.conftest import Desk
from tests.integration.pages.world import World
from workspace.models import Role

ALERTS, RULES = "/api/v1/alerts", "/api/v1/alert-rules"


def api(world: World, role: str = Role.MANAGER) -> APIClient:
    client = APIClient()
    client.force_authenticate(world.carol if role == "carol" else world.users[role])
    return client


@pytest.fixture
def alert(world: World, desk: Desk) -> Alert:
    world.pair(world.integration("Board"), is_dead=True, state="error")
    desk.look(desk.rule(name="Letters", channels=["dashboard", "email"], recipients=["ops@harbour.test"]))
    return Alert.objects.get()


def test_alerts_are_listed_filtered_and_read(world: World, alert: Alert) -> None:
    client = api(world, Role.VIEWER)
    (row,) = client.get(ALERTS).json()["results"]
    assert (row["name"], row["state"], row["value"], row["threshold"], row["unit"], row["integration_name"]) == (
        "Letters", "firing", 1.0, 1.0, "dead letters", "Board",
    )  # fmt: skip
    assert client.get(f"{ALERTS}?state=resolved").json()["results"] == []
    assert len(client.get(f"{ALERTS}?state=firing&state=resolved&severity=warning").json()["results"]) == 1
    assert client.get(f"{ALERTS}?state=loud").status_code == 400
    one = client.get(f"{ALERTS}/{alert.pk}").json()
    assert [(each["channel"], each["recipient"], each["state"]) for each in one["notifications"]] == [
        ("email", "ops@harbour.test", "waiting")
    ]


def test_acknowledging_and_resolving(world: World, alert: Alert) -> None:
    acknowledged = api(world, Role.OPERATOR).post(f"{ALERTS}/{alert.pk}/acknowledge")
    assert acknowledged.status_code == 200
    assert (acknowledged.json()["state"], acknowledged.json()["acknowledged_by"]) == (
        "acknowledged",
        "operator",
    )
    again = api(world, Role.OPERATOR).post(f"{ALERTS}/{alert.pk}/acknowledge")
    assert (again.status_code, again.json()["code"]) == (409, "not_now")
    assert api(world, Role.OPERATOR).post(f"{ALERTS}/{alert.pk}/resolve").status_code == 403
    resolved = api(world).post(f"{ALERTS}/{alert.pk}/resolve", {"note": "By hand."}).json()
    assert (resolved["state"], resolved["resolved_by"], resolved["note"]) == (
        "resolved",
        "manager",
        "By hand.",
    )
    assert api(world).post(f"{ALERTS}/{alert.pk}/resolve").status_code == 409


def test_a_strangers_alert_and_rule_are_404(world: World, alert: Alert) -> None:
    stranger = api(world, "carol")
    assert stranger.get(ALERTS).json()["results"] == []
    assert {row["name"] for row in stranger.get(RULES).json()["results"]}.isdisjoint({"Letters"})
    for address in (f"{ALERTS}/{alert.pk}", f"{RULES}/{alert.rule_id}"):
        assert stranger.get(address).status_code == 404
    assert stranger.post(f"{ALERTS}/{alert.pk}/acknowledge").status_code == 404
    assert stranger.post(f"{ALERTS}/{alert.pk}/resolve").status_code == 404
    assert stranger.patch(f"{RULES}/{alert.rule_id}", {"enabled": False}).status_code == 404
    assert stranger.delete(f"{RULES}/{alert.rule_id}").status_code == 404
    foreign = {
        "name": "Theirs",
        "metric": "dead_letters",
        "threshold": 1,
        "integration": str(alert.integration_id),
    }
    refused = stranger.post(RULES, foreign)
    assert (refused.status_code, list(refused.json()["errors"])) == (400, ["integration"])
    alert.refresh_from_db()
    assert alert.state == "firing"


def test_a_rule_is_made_changed_and_deleted(world: World) -> None:
    client = api(world)
    assert [row["name"] for row in client.get(RULES).json()["results"]] == [
        "Many open conflicts", "Sync lag", "Integration down", "High error rate",
    ]  # fmt: skip
    made = client.post(RULES, {"preset": "webhook_silent", "threshold": 30})
    assert made.status_code == 201
    row = made.json()
    assert (row["name"], row["metric"], row["threshold"], row["channels"], row["roles"]) == (
        "Webhooks are silent", "webhook_silent", 30.0, ["dashboard", "email"], ["manager"],
    )  # fmt: skip
    board = world.integration()
    changed = client.patch(
        f"{RULES}/{row['id']}", {"integration": str(board.pk), "mute_from": "22:00", "mute_to": "06:00"}
    )
    assert (changed.json()["integration"], changed.json()["mute_from"]) == (str(board.pk), "22:00:00")
    cleared = client.patch(f"{RULES}/{row['id']}", {"integration": None}).json()
    assert cleared["integration"] is None
    assert client.delete(f"{RULES}/{row['id']}").status_code == 204
    assert not AlertRule.objects.filter(pk=row["id"]).exists()


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({}, "name"),
        ({"name": "A", "metric": "mood", "threshold": 1}, "metric"),
        ({"name": "A", "metric": "dead_letters"}, "threshold"),
        ({"name": "A", "metric": "dead_letters", "threshold": 1, "channels": ["email"]}, "recipients"),
        ({"name": "A", "metric": "dead_letters", "threshold": 1, "cooldown_minutes": 1}, "cooldown_minutes"),
        ({"preset": "unheard_of"}, "preset"),
    ],
)
def test_bad_input_names_the_field(world: World, values: dict[str, Any], field: str) -> None:
    answer = api(world).post(RULES, values)
    assert answer.status_code == 400
    assert field in answer.json()["errors"]


@pytest.mark.parametrize("role", [Role.VIEWER, Role.OPERATOR, Role.REVIEWER, Role.AUDITOR])
def test_only_managers_write_rules(world: World, desk: Desk, role: str) -> None:
    rule, client = desk.rule(), api(world, role)
    assert client.get(f"{RULES}/{rule.pk}").status_code == 200
    assert client.post(RULES, {"preset": "dead_letters"}).status_code == 403
    assert client.patch(f"{RULES}/{rule.pk}", {"enabled": False}).status_code == 403
    assert client.delete(f"{RULES}/{rule.pk}").status_code == 403
    rule.refresh_from_db()
    assert rule.enabled


def test_the_lists_ask_the_same_for_one_and_for_many(
    world: World, desk: Desk, django_assert_max_num_queries: Any
) -> None:
    for number in range(6):
        world.pair(world.integration(f"Board {number}"), is_dead=True, state="error")
    desk.look(desk.rule())
    client = api(world)
    with django_assert_max_num_queries(3):
        assert len(client.get(ALERTS).json()["results"]) == 6
    client.get(RULES)
    with django_assert_max_num_queries(4):
        client.get(RULES)
