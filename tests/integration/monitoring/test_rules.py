"""Making and changing rules: what is refused and how, what is written down, what it would have done last week."""

from __future__ import annotations

from datetime import time, timedelta
from typing import Any

import pytest
from auditlog.models import LogEntry
from django.db import connection
from django.test.utils import CaptureQueriesContext

from integrations.models import JobKind, JobStatus, LogStatus, Operation
from integrations.services.problems import InvalidSettings
from monitoring.catalogue import PRESETS, SPECS
from monitoring.history import would_have_fired
from monitoring.models import Alert, AlertRule, Metric
from monitoring.services.rules import presets_left, rule_create, rule_delete, rule_update
from monitoring.services.schedules import schedules_ensure
from tests.integration.monitoring.conftest import Desk
from tests.integration.pages.world import World
from workspace.models import Role

GOOD = {"name": "Mine", "metric": "dead_letters", "threshold": 2.0}


def acts(*, pk: Any) -> list[str]:
    return [
        entry.additional_data["act"] for entry in LogEntry.objects.filter(object_pk=str(pk)).order_by("pk")
    ]


@pytest.mark.parametrize(
    ("values", "field", "said"),
    [
        ({"name": "  "}, "name", "Give it a name"),
        ({"name": "TAKEN"}, "name", "exists already"),
        ({"metric": "mood"}, "metric", "Choose one of: error_rate"),
        ({"severity": "loud"}, "severity", "Choose one of: info, warning, critical."),
        ({"threshold": -1}, "threshold", "from 0 to 1000000"),
        ({"threshold": float("nan")}, "threshold", "from 0 to 1000000"),
        ({"metric": "error_rate", "threshold": 100}, "threshold", "less than 100"),
        ({"hold_minutes": 2000}, "hold_minutes", "from 0 to 1440"),
        ({"cooldown_minutes": 1}, "cooldown_minutes", "from 5 to 10080"),
        ({"window_minutes": 1}, "window_minutes", "from 5 to 1440"),
        ({"channels": ["pigeon"]}, "channels", "dashboard, email, slack"),
        ({"channels": ["email"]}, "recipients", "An e-mail needs somebody"),
        ({"roles": ["boss"]}, "roles", "viewer, operator"),
        ({"recipients": ["not an address"]}, "recipients", "“not an address” is no e-mail address."),
        ({"recipients": ["a@b.test"] * 51}, "recipients", "at most 50"),
        ({"mute_from": time(22)}, "mute_to", "both ends"),
        ({"mute_from": time(22), "mute_to": time(22)}, "mute_to", "same time"),
        ({"colour": "red"}, "colour", "cannot be set"),
    ],
)
def test_a_rule_that_cannot_be_saved_names_the_field_and_the_fix(
    world: World, desk: Desk, values: dict[str, Any], field: str, said: str
) -> None:
    desk.rule(name="Taken")
    with pytest.raises(InvalidSettings) as refused:
        rule_create(tenant=world.tenant, user=world.users[Role.MANAGER], values={**GOOD, **values})
    assert list(refused.value.errors) == [field]
    assert said in refused.value.errors[field][0]
    assert AlertRule.objects.count() == 1


def test_a_foreign_integration_and_one_for_the_hubs_own_metric_are_refused(world: World) -> None:
    for integration, metric in (
        (world.integration(tenant=world.foreign), "dead_letters"),
        (world.integration(), "worker_down"),
    ):
        with pytest.raises(InvalidSettings) as refused:
            rule_create(
                tenant=world.tenant, user=None, values={**GOOD, "metric": metric, "integration": integration}
            )
        assert list(refused.value.errors) == ["integration"]


def test_the_dashboard_always_shows_what_fires(world: World) -> None:
    made = rule_create(
        tenant=world.tenant,
        user=None,
        values={**GOOD, "channels": ["email"], "recipients": ["a@b.test", "a@b.test"]},
    )
    assert (made.channels, made.recipients) == (["dashboard", "email"], ["a@b.test"])


def test_every_change_is_in_the_audit_log(world: World, desk: Desk) -> None:
    manager = world.users[Role.MANAGER]
    made = rule_create(tenant=world.tenant, user=manager, values=GOOD)
    rule_update(rule=made, user=manager, values={"threshold": 5.0})
    rule_update(rule=made, user=manager, values={"threshold": 5.0})  # nothing changed, nothing noted
    changed = LogEntry.objects.filter(object_pk=str(made.pk)).order_by("pk").last()
    assert changed is not None
    assert changed.changes == {"threshold": ["2.0", "5.0"]}
    assert changed.actor == manager
    assert changed.additional_data["tenant"] == str(world.tenant.pk)
    rule_delete(rule=made, user=manager)
    assert acts(pk=changed.object_pk) == ["alert_rule.created", "alert_rule.changed", "alert_rule.deleted"]


def test_a_deleted_rule_leaves_its_alerts_readable(world: World, desk: Desk) -> None:
    world.pair(world.integration(), is_dead=True, state="error")
    rule = desk.rule()
    desk.look(rule)
    rule_delete(rule=rule, user=world.users[Role.MANAGER])
    alert = Alert.objects.get()
    assert (alert.rule, alert.name, alert.state, alert.note) == (
        None,
        "Rule on dead_letters",
        "resolved",
        "The rule was deleted.",
    )


def test_every_metric_has_a_preset_and_every_preset_can_be_switched_on(world: World, desk: Desk) -> None:
    assert {preset.metric for preset in PRESETS} == set(SPECS) == set(Metric)
    rules = list(desk.defaults().values())
    for preset in presets_left(rules):
        made = rule_create(tenant=world.tenant, user=None, values={}, preset=preset.key)
        assert made.enabled
    assert presets_left(list(AlertRule.objects.filter(tenant=world.tenant))) == []


def test_the_beat_entries_are_made_once_and_left_as_people_set_them(db: None) -> None:
    from django_celery_beat.models import PeriodicTask

    schedules_ensure()
    PeriodicTask.objects.filter(task="monitoring.evaluate").update(enabled=False)
    schedules_ensure()
    rows = PeriodicTask.objects.filter(task__startswith="monitoring.").order_by("task")
    assert list(rows.values_list("task", "enabled")) == [
        ("monitoring.clean", True),
        ("monitoring.evaluate", False),
        ("monitoring.send_digests", True),
    ]


# -- what it would have done -------------------------------------------------------------------------------


def unsaved(world: World, metric: str, threshold: float, **values: Any) -> AlertRule:
    return AlertRule(tenant=world.tenant, metric=metric, threshold=threshold, cooldown_minutes=60, **values)


def test_two_bad_hours_of_the_week_would_have_fired_twice(world: World) -> None:
    board, other = world.integration("Board"), world.integration("Other")
    for days in (2, 4):
        at = world.now - timedelta(days=days)
        for number in range(10):
            status = LogStatus.FAILED if number < 4 else LogStatus.SUCCESS
            world.log(board, status, created_at=at + timedelta(minutes=number))
    rule = unsaved(world, "error_rate", 10, window_minutes=60)
    assert would_have_fired(rule, world.now) == 2
    rule.threshold = 50
    assert would_have_fired(rule, world.now) == 0
    rule.threshold, rule.integration = 10, other
    assert would_have_fired(rule, world.now) == 0


def test_failures_in_a_row_are_broken_by_a_good_run_that_left_no_log(world: World) -> None:
    board = world.integration()
    at = world.now - timedelta(days=1)
    for minutes in (0, 10, 30, 40):
        world.log(
            board, LogStatus.FAILED, operation=Operation.BULK_SYNC, created_at=at + timedelta(minutes=minutes)
        )
    assert would_have_fired(unsaved(world, "consecutive_failures", 3), world.now) == 1
    world.job(board, JobStatus.SUCCEEDED, kind=JobKind.SCHEDULED, finished_at=at + timedelta(minutes=20))
    assert would_have_fired(unsaved(world, "consecutive_failures", 3), world.now) == 0
    assert (
        would_have_fired(unsaved(world, "consecutive_failures", 2), world.now) == 1
    )  # within the quiet time


def test_a_gap_between_good_runs_is_a_lag(world: World) -> None:
    board = world.integration()
    for hours in (100, 99, 90, 89.5):
        world.job(
            board, JobStatus.SUCCEEDED, kind=JobKind.SCHEDULED, finished_at=world.now - timedelta(hours=hours)
        )
    # nine hours between the second and the third, and since the last
    assert would_have_fired(unsaved(world, "last_sync_age", 120), world.now) == 2


def test_what_the_log_does_not_tell_is_not_guessed(world: World) -> None:
    assert would_have_fired(unsaved(world, "pending_conflicts", 10), world.now) is None


@pytest.mark.parametrize("metric", ["error_rate", "consecutive_failures", "last_sync_age"])
def test_looking_back_asks_at_most_twice(world: World, metric: str) -> None:
    for number in range(5):
        board = world.integration(f"Board {number}")
        world.log(board, LogStatus.FAILED, operation=Operation.BULK_SYNC)
        world.job(board, JobStatus.SUCCEEDED, kind=JobKind.SCHEDULED)
    with CaptureQueriesContext(connection) as asked:
        would_have_fired(unsaved(world, metric, 1), world.now)
    assert len(asked) <= 2
