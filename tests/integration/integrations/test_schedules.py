"""One beat entry per integration, right after every change (B5, settled 4), and the standing ones (H2)."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django_celery_beat.models import PeriodicTask

from integrations.apps import _make_standing_rows
from integrations.models import Integration, IntegrationTemplate
from integrations.services.control import (
    integration_pause,
    integration_resume,
    integration_update,
)
from integrations.services.deletion import integration_delete
from integrations.services.schedules import (
    STANDING,
    crontab_problem,
    maintenance_schedules_ensure,
    schedule_apply,
)
from integrations.services.status import integration_degraded, integration_failed, integration_recovered
from workspace.models import Tenant


def entry(integration: Integration) -> PeriodicTask:
    return PeriodicTask.objects.get(name=f"integration:{integration.id}")


@pytest.mark.parametrize(
    ("values", "wanted"),
    [
        ({"sync_frequency": "realtime"}, "every 300 seconds"),
        ({"sync_frequency": "realtime", "sync_interval_seconds": 60}, "every 60 seconds"),
        ({"sync_frequency": "every_15min"}, "*/15 * * * *"),
        ({"sync_frequency": "hourly"}, "0 * * * *"),
        ({"sync_frequency": "daily"}, "0 2 * * *"),
        ({"sync_frequency": "weekly"}, "0 2 * * 1"),
        ({"sync_frequency": "custom", "sync_interval_seconds": 7200}, "every 7200 seconds"),
        ({"sync_frequency": "custom", "crontab": "5 6 1 * 1-5"}, "5 6 1 * 1-5"),
    ],
)
def test_each_frequency_has_its_timing(
    integration: Integration, alice: User, values: Any, wanted: str
) -> None:
    integration_update(integration=integration, user=alice, **values)
    found = entry(integration)
    assert found.task == "sync.start_scheduled"
    assert json.loads(found.kwargs) == {"integration_id": str(integration.id)}
    if wanted.startswith("every"):
        assert (f"every {found.interval.every} {found.interval.period}", found.crontab) == (wanted, None)
    else:
        row = found.crontab
        text = f"{row.minute} {row.hour} {row.day_of_month} {row.month_of_year} {row.day_of_week}"
        assert (text, found.interval) == (wanted, None)
    assert PeriodicTask.objects.filter(name__startswith="integration:").count() == 1


def test_the_night_is_the_tenants(integration: Integration, alice: User, tenant: Tenant) -> None:
    Tenant.objects.update(time_zone="Asia/Tokyo")
    integration.tenant.refresh_from_db()
    integration_update(integration=integration, user=alice, sync_frequency="daily")
    assert str(entry(integration).crontab.timezone) == "Asia/Tokyo"


def test_a_tenant_that_moves_takes_its_schedules_along(
    client: Client, integration: Integration, alice: User, tenant: Tenant
) -> None:
    integration_update(integration=integration, user=alice, sync_frequency="daily")
    assert str(entry(integration).crontab.timezone) == "UTC"
    client.force_login(alice)
    url = reverse("admin:workspace_tenant_change", args=[tenant.pk])
    assert client.post(url, {"name": tenant.name, "time_zone": "Europe/Berlin"}).status_code == 302
    assert str(entry(integration).crontab.timezone) == "Europe/Berlin"
    assert PeriodicTask.objects.filter(name__startswith="integration:").count() == 1


def test_a_zone_from_before_that_is_none_counts_as_utc(
    integration: Integration, alice: User, tenant: Tenant
) -> None:
    Tenant.objects.update(time_zone="Berlin")
    integration.tenant.refresh_from_db()
    integration_update(integration=integration, user=alice, sync_frequency="daily")
    assert str(entry(integration).crontab.timezone) == "UTC"


def test_by_hand_and_deleted_have_no_entry(integration: Integration, alice: User) -> None:
    integration_update(integration=integration, user=alice, sync_frequency="manual")
    assert not PeriodicTask.objects.filter(name=f"integration:{integration.id}").exists()
    integration_update(integration=integration, user=alice, sync_frequency="hourly")
    assert entry(integration).enabled
    integration_delete(integration=integration, typed_name="Issues", user=alice)
    assert not PeriodicTask.objects.filter(name=f"integration:{integration.id}").exists()


def test_what_stands_still_is_switched_off_and_comes_back(integration: Integration, alice: User) -> None:
    integration_pause(integration=integration, user=alice)
    assert entry(integration).enabled is False
    integration_resume(integration=integration, user=alice)
    assert entry(integration).enabled is True
    integration_update(integration=integration, user=alice, auto_sync=False)
    assert entry(integration).enabled is False
    integration_update(integration=integration, user=alice, auto_sync=True)
    assert integration_failed(integration, "The credentials were refused (401).") is True
    assert entry(integration).enabled is False


def test_work_moves_the_status_but_never_over_a_persons_choice(integration: Integration, alice: User) -> None:
    assert integration_degraded(integration, "12 % of a run failed") is True
    assert entry(integration).enabled is True
    assert integration_recovered(integration) is True
    integration_pause(integration=integration, user=alice)
    assert integration_failed(integration, "late news") is False
    integration.refresh_from_db()
    assert (integration.status, integration.status_reason) == ("PAUSED", "")


def test_saving_without_a_change_leaves_the_entry_alone(integration: Integration) -> None:
    before = entry(integration).date_changed
    schedule_apply(integration)
    assert entry(integration).date_changed == before


def test_standing_entries_are_made_once_and_keep_what_people_set(db: None) -> None:
    maintenance_schedules_ensure()  # an earlier test may have emptied the tables
    PeriodicTask.objects.filter(name="Log clean-up").update(enabled=False)
    PeriodicTask.objects.filter(name="Retry sweep").delete()
    maintenance_schedules_ensure()
    maintenance_schedules_ensure()
    tasks = {row.task: row for row in PeriodicTask.objects.filter(name__in=[s.name for s in STANDING])}
    assert set(tasks) == {
        "sync.dispatch",
        "sync.retry_sweep",
        "sync.health_check",
        "sync.clean_logs",
        "sync.drift_sweep",
    } | {row.task for row in STANDING}
    assert tasks["sync.clean_logs"].enabled is False
    assert (tasks["sync.dispatch"].interval.every, tasks["sync.retry_sweep"].crontab.minute) == (1, "*/15")
    assert (tasks["sync.clean_logs"].crontab.hour, tasks["sync.clean_logs"].crontab.day_of_week) == ("3", "0")


def test_a_migration_leaves_schedules_and_templates_behind(db: None) -> None:
    IntegrationTemplate.objects.all().delete()
    _make_standing_rows(sender=apps.get_app_config("integrations"), plan=[object()])
    assert IntegrationTemplate.objects.filter(tenant__isnull=True, connector="github").count() == 1
    assert PeriodicTask.objects.filter(task="sync.dispatch").count() == 1


@pytest.mark.parametrize("text", ["", "* * * *", "60 * * * *", "a b c d e", "0 2 * * 1 2025", "*/0 * * * *"])
def test_what_is_no_crontab_is_said_so(text: str) -> None:
    assert crontab_problem(text) is not None
