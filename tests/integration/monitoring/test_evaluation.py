"""Rules compared with real rows: what opens, what ends, who is told, what a fault of one does to the others."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from io import StringIO
from typing import Any

import pytest
from django.core import mail
from django.core.management import call_command
from django.db import connection
from django.utils import timezone

from integrations.models import Mapping
from integrations.services.deletion import integration_purge
from live.models import LiveEvent
from monitoring import measures
from monitoring.models import Alert, AlertRule, AlertSettings, AlertState, Notification, Watch
from monitoring.services.alerts import alert_acknowledge, alert_resolve, alerts_expire
from monitoring.services.channels import slack_address, slack_set
from monitoring.services.evaluation import evaluate_all
from monitoring.services.rules import rule_delete, rule_update, rules_ensure
from monitoring.tasks import evaluate
from tests.integration.monitoring.conftest import MANAGER, Desk
from tests.integration.pages.world import World
from workspace.models import Role, Tenant


def letters(world: World, integration: Any, count: int = 1) -> None:
    for _ in range(count):
        world.pair(integration, is_dead=True, state="error")


def settled() -> None:
    Mapping.objects.update(is_dead=False)


def test_every_tenant_begins_with_the_four_rules_of_the_source(world: World) -> None:
    evaluate_all(world.now)
    rows = AlertRule.objects.filter(tenant=world.tenant).order_by("pk")
    assert [
        (each.name, each.metric, each.threshold, each.severity, each.channels, each.cooldown_minutes)
        for each in rows
    ] == [
        ("High error rate", "error_rate", 10, "warning", ["dashboard", "email"], 60),
        ("Integration down", "consecutive_failures", 3, "critical", ["dashboard", "email", "slack"], 30),
        ("Sync lag", "last_sync_age", 120, "warning", ["dashboard"], 120),
        ("Many open conflicts", "pending_conflicts", 10, "info", ["dashboard"], 180),
    ]
    assert AlertRule.objects.filter(tenant=world.foreign).count() == 4


def test_what_a_manager_deleted_is_not_made_again_and_a_new_tenant_gets_its_own(world: World) -> None:
    rules_ensure()
    rule_delete(rule=AlertRule.objects.get(tenant=world.tenant, preset="sync_lag"), user=None)
    third = Tenant.objects.create(name="Third", slug="third")
    assert rules_ensure() == 1
    assert AlertRule.objects.filter(tenant=world.tenant).count() == 3
    assert AlertRule.objects.filter(tenant=third).count() == 4
    assert AlertSettings.objects.count() == 3


def test_an_integration_that_fails_three_times_is_down_and_managers_are_mailed(
    world: World, desk: Desk
) -> None:
    down, fine = world.integration("Board"), world.integration("Desk")
    desk.failed_runs(down, 2)
    desk.failed_runs(fine, 1)
    rule = desk.defaults()["integration_down"]
    desk.look(rule)
    assert desk.alerts() == []
    desk.failed_runs(down, 1)
    desk.look(rule, minutes=1)
    alert = Alert.objects.get()
    assert (alert.integration, alert.state, alert.value, alert.threshold) == (
        down,
        AlertState.FIRING,
        3.0,
        3.0,
    )
    assert (alert.severity, alert.told, alert.alarmed_at) == ("critical", "fired", desk.at)
    desk.deliver()
    assert [message.to for message in mail.outbox] == [[MANAGER]]


def test_a_stopped_integration_is_down_at_once(world: World, desk: Desk) -> None:
    world.integration("Board", status="ERROR", status_reason="The token was refused.")
    desk.look(desk.defaults()["integration_down"])
    assert desk.alerts() == [("Integration down", "firing")]


def test_flapping_gives_one_alert_and_one_message(world: World, desk: Desk) -> None:
    board = world.integration()
    rule = desk.rule(channels=["dashboard", "email"], recipients=["ops@harbour.test"], cooldown_minutes=240)
    for _ in range(6):
        letters(world, board)
        desk.look(rule, minutes=10)
        settled()
        desk.look(rule, minutes=10)
        desk.look(rule, minutes=10)  # calm for ten minutes: over, and back within the quiet time
    alert = Alert.objects.get()
    assert alert.reopened == 5
    told = Notification.objects.order_by("pk").values_list("reason", flat=True)
    # said when it began and when it was first over; what came back within four hours was over before they ended
    assert list(told) == ["fired", "recovered"]


def test_it_is_said_again_after_the_quiet_time_and_once_it_is_over(world: World, desk: Desk) -> None:
    letters(world, world.integration())
    rule = desk.rule(channels=["dashboard", "email"], recipients=["ops@harbour.test"], cooldown_minutes=60)
    desk.look(rule)
    desk.look(rule, minutes=59)
    assert Notification.objects.count() == 1
    desk.look(rule, minutes=1)
    settled()
    desk.look(rule, minutes=1)
    desk.look(rule, minutes=5)
    alert = Alert.objects.get()
    assert (alert.state, alert.resolved_by, alert.resolved_at) == (AlertState.RESOLVED, None, desk.at)
    told = Notification.objects.order_by("pk").values_list("reason", flat=True)
    assert list(told) == ["fired", "again", "recovered"]
    assert not Watch.objects.exists()  # nothing to remember


def test_an_acknowledged_alert_reminds_nobody(world: World, desk: Desk) -> None:
    letters(world, world.integration())
    rule = desk.rule(channels=["dashboard", "email"], recipients=["ops@harbour.test"], cooldown_minutes=10)
    desk.look(rule)
    alert_acknowledge(alert=Alert.objects.get(), user=world.users[Role.OPERATOR], now=desk.at)
    letters(world, Alert.objects.get().integration)
    desk.look(rule, minutes=30)
    alert = Alert.objects.get()
    assert (alert.state, alert.acknowledged_by, alert.value) == (
        "acknowledged",
        world.users[Role.OPERATOR],
        2.0,
    )
    assert Notification.objects.count() == 1


def test_resolved_by_a_person_it_stays_so_while_the_same_breach_lasts(world: World, desk: Desk) -> None:
    letters(world, world.integration())
    rule = desk.rule(cooldown_minutes=5)
    desk.look(rule)
    alert_resolve(
        alert=Alert.objects.get(), user=world.users[Role.MANAGER], now=desk.at + timedelta(seconds=1)
    )
    for _ in range(5):
        desk.look(rule, minutes=10)
    assert desk.alerts() == [("Rule on dead_letters", "resolved")]
    settled()
    desk.look(rule, minutes=10)
    Mapping.objects.update(is_dead=True)
    desk.look(rule, minutes=10)
    assert [state for _, state in desk.alerts()] == ["resolved", "firing"]


def test_in_the_mute_window_of_the_tenants_day_nothing_is_sent(world: World, desk: Desk) -> None:
    Tenant.objects.filter(pk=world.tenant.pk).update(time_zone="Pacific/Auckland")
    world.tenant.refresh_from_db()
    letters(world, world.integration())
    rule = desk.rule(
        channels=["dashboard", "email"], recipients=["ops@harbour.test"], mute_from=time(22), mute_to=time(6)
    )
    desk.at = datetime(2025, 7, 1, 11, 0, tzinfo=UTC)  # 23:00 in Auckland
    desk.look(rule)
    assert desk.alerts() == [("Rule on dead_letters", "firing")]
    assert not Notification.objects.exists()
    desk.look(rule, minutes=7 * 60)  # 06:00
    assert Notification.objects.get().reason == "fired"


def test_a_rule_of_one_integration_looks_at_no_other(world: World, desk: Desk) -> None:
    one, other = world.integration("One"), world.integration("Other")
    letters(world, one)
    letters(world, other)
    desk.look(desk.rule(integration=other))
    assert [each.integration for each in Alert.objects.all()] == [other]


def test_a_rule_that_cannot_be_evaluated_says_so_and_stops_no_other(
    world: World, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    letters(world, world.integration())
    broken, sound = desk.rule("pending_conflicts", name="Broken"), desk.rule()

    def fails(scope: measures.Scope) -> measures.Readings:
        raise measures.CannotMeasure("The review desk is away.")

    monkeypatch.setitem(measures.MEASURES, "pending_conflicts", fails)
    desk.look(broken, sound)
    broken.refresh_from_db()
    assert broken.fault == "The review desk is away."
    assert desk.alerts() == [("Rule on dead_letters", "firing")]
    monkeypatch.undo()
    desk.look(broken, sound, minutes=1)
    broken.refresh_from_db()
    assert (broken.fault, broken.evaluated_at) == ("", desk.at)


def test_a_fault_of_ours_is_named_without_its_details(
    world: World, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(scope: measures.Scope) -> measures.Readings:
        raise RuntimeError("secret-in-the-message")

    monkeypatch.setitem(measures.MEASURES, "dead_letters", fails)
    rule = desk.rule()
    desk.look(rule)
    rule.refresh_from_db()
    assert "RuntimeError" in rule.fault
    assert "secret" not in rule.fault


def test_alerts_of_a_deleted_integration_end_unsaid(world: World, desk: Desk) -> None:
    board = world.integration()
    letters(world, board)
    rule = desk.rule(channels=["dashboard", "email"], recipients=["ops@harbour.test"])
    desk.look(rule)
    board.deleted_at = timezone.now()
    board.save(update_fields=["deleted_at"])
    desk.look(rule, minutes=1)
    alert = Alert.objects.get()
    assert (alert.state, alert.note) == ("resolved", "The integration was deleted.")
    assert Notification.objects.count() == 1


@pytest.mark.parametrize("change", [{"enabled": False}, {"threshold": 5}])
def test_a_rule_that_is_off_or_means_something_else_leaves_nothing_open(
    world: World, desk: Desk, change: dict[str, Any]
) -> None:
    letters(world, world.integration())
    rule = desk.rule()
    desk.look(rule)
    rule_update(rule=rule, user=world.users[Role.MANAGER], values=change)
    assert desk.alerts() == [("Rule on dead_letters", "resolved")]
    assert not Watch.objects.exists()


def test_what_opens_is_published_to_the_tenants_room(
    world: World, desk: Desk, django_capture_on_commit_callbacks: Any
) -> None:
    board = world.integration()
    letters(world, board)
    with django_capture_on_commit_callbacks(execute=True):
        desk.look(desk.rule(severity="critical"))
    event = LiveEvent.objects.get(type="alert.changed")
    assert event.tenant_id == world.tenant.pk
    assert event.payload == {
        "id": str(Alert.objects.get().pk),
        "name": "Rule on dead_letters",
        "severity": "critical",
        "state": "firing",
        "integration": str(board.pk),
    }


def test_evaluating_costs_the_same_for_one_integration_and_for_many(
    world: World, desk: Desk, django_assert_num_queries: Any
) -> None:
    rule = desk.rule(channels=["dashboard", "email"], recipients=["ops@harbour.test"], roles=["manager"])
    letters(world, world.integration("First"))
    with django_assert_num_queries(COST):
        desk.look(rule)
    Alert.objects.all().delete()
    Watch.objects.all().delete()
    for number in range(8):
        letters(world, world.integration(f"Board {number}"))
    with django_assert_num_queries(COST):
        desk.look(rule)
    assert Alert.objects.count() == 9


#: measure; savepoint, lock, watches, alerts, insert alerts, members, insert messages, insert watches, end; the rule's row
COST = 11


def test_what_was_resolved_long_ago_is_dropped_with_its_messages(world: World, desk: Desk) -> None:
    letters(world, world.integration("Old"))
    letters(world, world.integration("New"))
    desk.look(desk.rule(channels=["dashboard", "email"], recipients=["ops@harbour.test"]))
    old, new = Alert.objects.get(integration__name="Old"), Alert.objects.get(integration__name="New")
    alert_resolve(alert=old, user=world.users[Role.MANAGER], now=desk.at - timedelta(days=91))
    Alert.objects.filter(pk=new.pk).update(fired_at=desk.at - timedelta(days=400))  # still open: it stays
    assert alerts_expire(desk.at) == 2
    assert [each.pk for each in Alert.objects.all()] == [new.pk]
    assert [each.alert_id for each in Notification.objects.all()] == [new.pk]


def test_purging_an_integration_takes_its_alerts_and_rules_along(world: World, desk: Desk) -> None:
    board = world.integration()
    letters(world, board)
    desk.look(desk.rule(), desk.rule(name="Of the board", integration=board))
    board.deleted_at = world.now
    board.save(update_fields=["deleted_at"])
    integration_purge(integration_id=board.pk)
    assert not Alert.objects.exists()
    assert not Watch.objects.exists()
    assert [rule.name for rule in AlertRule.objects.all()] == ["Rule on dead_letters"]


def test_a_lost_key_of_the_slack_address_keeps_no_alert_from_opening(world: World, desk: Desk) -> None:
    slack_set(tenant=world.tenant, user=None, address="https://hooks.slack.test/services/x", now=world.now)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE monitoring_alertsettings SET slack_address = %s", [b"no longer readable"])
    letters(world, world.integration())
    desk.look(desk.rule(channels=["dashboard", "slack"]))
    assert desk.alerts() == [("Rule on dead_letters", "firing")]
    desk.deliver()
    row = Notification.objects.get()
    assert (row.state, row.error) == ("waiting", "Something went wrong in Lockstep itself (InvalidToken).")
    slack_set(tenant=world.tenant, user=None, address="https://hooks.slack.test/services/y", now=world.now)
    assert slack_address(world.tenant).endswith("/y")


def test_the_command_notices_and_mails_without_any_worker(world: World, desk: Desk) -> None:
    desk.rule("worker_down", 2, channels=["dashboard", "email"], recipients=["ops@harbour.test"])
    out = StringIO()
    call_command("evaluate_alerts", stdout=out)
    assert "9 rules looked at, 1 messages taken up." in out.getvalue()  # four of each tenant, and this one
    assert [message.to for message in mail.outbox] == [["ops@harbour.test"]]
    assert "Silence of the workers: more than 2 min; now 60 min." in mail.outbox[0].body
    assert "Integration: The hub itself" in mail.outbox[0].body


def test_the_task_runs_the_whole(world: World, desk: Desk) -> None:
    letters(world, world.integration())
    desk.rule()
    evaluate()
    assert ("Rule on dead_letters", "firing") in desk.alerts()
    assert not Alert.objects.filter(tenant=world.foreign).exists()
