"""A schedule whose starts are all outside its sync windows is refused; where some are, the next one that counts is said."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.contrib.auth.models import User

from integrations.models import Integration
from integrations.services.control import integration_create, integration_update
from integrations.services.problems import InvalidSettings
from integrations.services.windows import is_open, next_run, timing_problem
from tests.integration.hub_fixtures import SECRET
from workspace.models import Tenant

ALL_DAYS = [0, 1, 2, 3, 4, 5, 6]
EVENING = [{"days": ALL_DAYS, "from": "20:00", "to": "23:00"}]
NIGHT = [{"days": [0], "from": "22:00", "to": "05:00"}]
CUSTOM = {"sync_frequency": "custom"}


def problem(windows: list[Any], **values: Any) -> str:
    usual = {"auto_sync": True, "sync_frequency": "daily", "sync_interval_seconds": 300, "crontab": ""}
    return timing_problem({**usual, "sync_windows": windows, **values}) or ""


@pytest.mark.parametrize(
    ("windows", "at", "opened"),
    [
        ([], "2025-07-01 12:00", True),
        (EVENING, "2025-07-01 20:00", True),
        (EVENING, "2025-07-01 23:00", False),
        (NIGHT, "2025-06-30 22:00", True),  # a Monday
        (NIGHT, "2025-07-01 04:59", True),  # opened on Monday
        (NIGHT, "2025-07-01 22:00", False),
    ],
)
def test_a_window_is_open_from_its_beginning_up_to_its_end(windows: list[Any], at: str, opened: bool) -> None:
    assert is_open(windows, datetime.fromisoformat(at)) is opened


@pytest.mark.parametrize(
    ("windows", "values"),
    [
        ([], {}),
        (EVENING, {"sync_frequency": "hourly"}),
        (EVENING, {"sync_frequency": "manual"}),
        (EVENING, {"auto_sync": False}),
        (NIGHT, {}),  # Tuesdays at 02:00
        (EVENING, {**CUSTOM, "crontab": "30 21 * * 5"}),
        ([{"days": [3], "from": "01:00", "to": "03:00"}], {**CUSTOM, "crontab": "0 2 29 2 *"}),  # 2024
        (EVENING, {"sync_frequency": "realtime"}),
        (EVENING, {**CUSTOM, "sync_interval_seconds": 3 * 3600}),
    ],
)
def test_what_comes_to_run_is_taken(windows: list[Any], values: dict[str, Any]) -> None:
    assert problem(windows, **values) == ""


@pytest.mark.parametrize(
    ("windows", "values", "said"),
    [
        (EVENING, {}, "The schedule (daily at 02:00) never falls into a window, so nothing would ever run."),
        (EVENING, {"sync_frequency": "weekly"}, "The schedule (Mondays at 02:00) never falls into a window"),
        (NIGHT, {"sync_frequency": "weekly"}, "Mondays at 02:00"),  # open from Monday evening
        (EVENING, {**CUSTOM, "crontab": "0 2 * * *"}, "crontab “0 2 * * *”"),
        (EVENING, {}, "for example the crontab “0 20 * * *”"),
        (EVENING, {**CUSTOM, "sync_interval_seconds": 86_400}, "the longest is open for 180 minutes"),
        (NIGHT, {**CUSTOM, "sync_interval_seconds": 8 * 3600}, "the longest is open for 420 minutes"),
    ],
)
def test_what_would_never_run_is_refused_with_a_way_out(
    windows: list[Any], values: dict[str, Any], said: str
) -> None:
    assert said in problem(windows, **values)


def test_windows_that_meet_count_as_one() -> None:
    halves = [
        {"days": ALL_DAYS, "from": "20:00", "to": "22:00"},
        {"days": ALL_DAYS, "from": "22:00", "to": "00:00"},
    ]
    assert problem(halves, **CUSTOM, sync_interval_seconds=4 * 3600) == ""
    assert "240 minutes" in problem(halves, **CUSTOM, sync_interval_seconds=4 * 3600 + 1)


def test_it_is_refused_on_saving_whichever_half_changes(integration: Integration, alice: User) -> None:
    integration_update(integration=integration, user=alice, sync_frequency="daily")
    with pytest.raises(InvalidSettings) as refused:
        integration_update(integration=integration, user=alice, sync_windows=EVENING)
    assert list(refused.value.errors) == ["sync_windows"]
    integration_update(integration=integration, user=alice, sync_frequency="hourly", sync_windows=EVENING)
    with pytest.raises(InvalidSettings):
        integration_update(integration=integration, user=alice, sync_frequency="daily")
    integration_update(integration=integration, user=alice, name="Other")
    integration.refresh_from_db()
    assert (integration.sync_frequency, integration.name) == ("hourly", "Other")


def test_it_is_refused_for_a_new_one_too(tenant: Tenant, alice: User) -> None:
    with pytest.raises(InvalidSettings) as refused:
        integration_create(
            tenant=tenant,
            user=alice,
            name="Issues",
            connector="github",
            secrets={"token": SECRET},
            options={"repository": "acme/shop"},
            sync_frequency="daily",
            sync_windows=EVENING,
        )
    assert list(refused.value.errors) == ["sync_windows"]


def test_the_next_run_is_the_first_start_within_a_window_in_the_tenants_zone(
    integration: Integration, now: datetime
) -> None:
    berlin = ZoneInfo("Europe/Berlin")
    Tenant.objects.filter(pk=integration.tenant_id).update(time_zone="Europe/Berlin")
    Integration.objects.filter(pk=integration.pk).update(sync_frequency="hourly", sync_windows=EVENING)
    row = Integration.objects.select_related("tenant").get()
    assert next_run(row, now) == datetime(2025, 7, 1, 20, 0, tzinfo=berlin)
    assert next_run(row, datetime(2025, 7, 1, 20, 0, tzinfo=berlin)) == datetime(
        2025, 7, 1, 21, 0, tzinfo=berlin
    )
    assert next_run(row, datetime(2025, 7, 1, 22, 30, tzinfo=berlin)) == datetime(
        2025, 7, 2, 20, 0, tzinfo=berlin
    )


def test_an_interval_and_a_schedule_by_hand_have_no_next_run(integration: Integration, now: datetime) -> None:
    for frequency in ("realtime", "manual"):
        integration.sync_frequency = frequency
        assert next_run(integration, now) is None
