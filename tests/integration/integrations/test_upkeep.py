"""Retention, clearing, purging, templates, badges, and who is told."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from auditlog.models import LogEntry
from django.contrib.auth.models import User
from django.utils import timezone

from integrations.badges import integration_word, job_word, mapping_word
from integrations.models import (
    BreakerState,
    Integration,
    JobStatus,
    Mapping,
    MappingState,
    Operation,
    StoredAnswer,
    SyncJob,
    SyncLog,
    WebhookDelivery,
)
from integrations.services.control import (
    integration_clone,
    integration_create,
    integration_pause,
    integration_update,
)
from integrations.services.deletion import integration_delete, integration_purge
from integrations.services.idempotency import UnderWay, answer_begin, answer_keep, answers_expire
from integrations.services.jobs import job_request
from integrations.services.logs import (
    deliveries_expire,
    log_row,
    log_write,
    logs_clear,
    logs_expire,
    logs_write,
)
from integrations.services.problems import InvalidSettings, NotNow, StaleSettings
from integrations.services.templates import template_export, template_import
from live.models import LiveEvent
from workspace.models import Tenant


def test_logs_and_deliveries_expire_by_age(integration: Integration, now: datetime) -> None:
    old, young = now - timedelta(days=91), now - timedelta(days=89)
    SyncLog.objects.all().delete()
    logs_write(
        log_row(integration=integration, operation=Operation.UPDATE, now=at) for at in (old, old, young)
    )
    WebhookDelivery.objects.bulk_create(
        WebhookDelivery(
            tenant=integration.tenant, integration=integration, dedupe_key=str(n), body=b"", received_at=at
        )
        for n, at in enumerate((now - timedelta(days=31), now - timedelta(days=29)))
    )
    assert (logs_expire(now=now), deliveries_expire(now=now)) == (2, 1)
    assert (SyncLog.objects.count(), WebhookDelivery.objects.count()) == (1, 1)


def test_clearing_the_log_wants_the_name_and_leaves_a_trace(integration: Integration, alice: User) -> None:
    with pytest.raises(InvalidSettings):
        logs_clear(integration=integration, typed_name="issues!", user=alice)
    before = SyncLog.objects.count()
    assert logs_clear(integration=integration, typed_name="Issues", user=alice) == before
    assert SyncLog.objects.get().message == f"The log was cleared: {before} rows deleted."
    assert LogEntry.objects.filter(additional_data__act="logs.cleared", actor=alice).count() == 1


def test_a_deleted_integrations_rows_go_in_a_worker(
    integration: Integration, mapping: Mapping, alice: User
) -> None:
    job_request(integration=integration, user=alice)
    assert integration_purge(integration_id=integration.id) == 0  # it lives
    counts = integration_delete(integration=integration, typed_name="Issues", user=alice).counts
    assert (counts["mappings"], counts["jobs"]) == (1, 1)
    assert SyncJob.objects.get().status == JobStatus.CANCELLED
    integration_purge(integration_id=integration.id, chunk=1)
    left = [model.objects.count() for model in (Mapping, SyncJob, SyncLog, WebhookDelivery)]
    assert left == [0, 0, 0, 0]
    assert Integration.objects.get().deleted_at is not None


def test_the_name_is_free_again_after_deletion(integration: Integration, tenant: Tenant, alice: User) -> None:
    integration_delete(integration=integration, typed_name="Issues", user=alice)
    made, _ = integration_create(
        tenant=tenant, user=alice, name="Issues", connector="github", options={"repository": "a/b"}
    )
    assert made.status == "DRAFT"


def test_two_savers_at_once_the_second_is_told(integration: Integration, alice: User) -> None:
    seen = Integration.objects.get(id=integration.id)
    integration_update(integration=integration, user=alice, version=1, name="First")
    with pytest.raises(StaleSettings) as caught:
        integration_update(integration=seen, user=alice, version=1, name="Second")
    assert (caught.value.current.name, Integration.objects.get().name) == ("First", "First")


def test_the_system_cannot_be_exchanged(integration: Integration, alice: User) -> None:
    with pytest.raises(InvalidSettings):
        integration_update(integration=integration, user=alice, connector="trello")
    assert Integration.objects.get().connector == "github"


@pytest.mark.parametrize("status", ["DRAFT", "DISABLED"])
def test_only_what_works_or_failed_can_be_paused(integration: Integration, alice: User, status: str) -> None:
    Integration.objects.update(status=status)
    with pytest.raises(NotNow):
        integration_pause(integration=integration, user=alice)
    assert Integration.objects.get().status == status


@pytest.mark.django_db(transaction=True)
def test_every_act_is_audited_logged_and_told(tenant: Tenant, alice: User) -> None:
    made, _ = integration_create(
        tenant=tenant, user=alice, name="Told", connector="github", options={"repository": "a/b"}
    )
    integration_update(integration=made, user=alice, sync_frequency="daily")
    acts = list(
        LogEntry.objects.filter(object_pk=str(made.pk))
        .order_by("id")
        .values_list("additional_data__act", "actor")
    )
    assert acts == [("integration.created", alice.pk), ("integration.changed", alice.pk)]
    change = LogEntry.objects.get(additional_data__act="integration.changed")
    assert change.changes == {"sync_frequency": ["realtime", "daily"]}
    assert SyncLog.objects.filter(integration=made, operation="config").count() == 2
    told = LiveEvent.objects.filter(room=f"tenant:{tenant.id}:sync", type="integration.changed")
    assert [event.payload["id"] for event in told] == [str(made.id)] * 2


def test_a_template_travels_with_its_maps_but_no_secret(
    integration: Integration, alice: User, carol: User, other_tenant: Tenant
) -> None:
    from integrations.services.fieldmaps import field_map_current, field_map_save

    links = [{"local": "title", "external": "title"}]
    field_map_save(integration=integration, resource="issue", links=links, user=alice)
    body = template_export(integration=integration, user=alice)
    assert "ghp_" not in str(body)
    made, _ = template_import(tenant=other_tenant, user=carol, body=body, name="Theirs")
    assert field_map_current(integration=made, resource="issue")["links"] == [{**links[0], "key": "title"}]
    broken = {**body, "field_maps": [{"resource": "issue", "links": [{"local": "nope", "external": "x"}]}]}
    with pytest.raises(InvalidSettings):
        template_import(tenant=other_tenant, user=carol, body=broken, name="Half")
    assert not Integration.objects.filter(name="Half").exists()


def test_a_clone_carries_the_maps(integration: Integration, alice: User) -> None:
    from integrations.services.fieldmaps import field_map_save

    field_map_save(
        integration=integration, resource="issue", links=[{"local": "title", "external": "title"}], user=alice
    )
    made = integration_clone(integration=integration, user=alice, name="Twin")
    assert [row.version for row in made.field_maps.all()] == [1]
    assert integration.field_maps.count() == 1


def test_a_log_row_is_redacted_and_cut(integration: Integration) -> None:
    row = log_write(
        integration=integration, operation=Operation.UPDATE, message="x" * 2000 + " token=abcdefgh12345", exchange={"url": "https://u:p@x/?api_key=1"},
    )  # fmt: skip
    assert len(row.message) == 1000
    assert row.exchange["url"] == "https://x/?api_key=[hidden]"


def test_the_first_requests_answer_is_repeated_for_a_day(db: None, now: datetime) -> None:
    scope = ("tenant", "user", "/path", "key")
    row = answer_begin(scope=scope, request=b"a", now=now)
    with pytest.raises(UnderWay):
        answer_begin(scope=scope, request=b"a", now=now)
    answer_keep(row, status=201, body={"id": 1})
    assert answer_begin(scope=scope, request=b"a", now=now).body == {"id": 1}
    later = now + timedelta(hours=25)
    assert answer_begin(scope=scope, request=b"b", now=later).status is None
    assert answers_expire(now=later + timedelta(hours=25)) == 1
    answer_keep(answer_begin(scope=scope, request=b"a", now=timezone.now()), status=500, body=None)
    assert StoredAnswer.objects.count() == 0


@pytest.mark.parametrize(
    ("status", "health", "circuit", "word"),
    [
        ("ACTIVE", None, BreakerState.CLOSED, "Healthy"),
        ("ACTIVE", 80, BreakerState.CLOSED, "Degraded"),
        ("ACTIVE", 50, BreakerState.CLOSED, "Failing"),
        ("ACTIVE", 100, BreakerState.OPEN, "Circuit open"),
        ("DEGRADED", 100, BreakerState.CLOSED, "Degraded"),
        ("ERROR", 100, BreakerState.CLOSED, "Failing"),
        ("PAUSED", 10, BreakerState.OPEN, "Paused"),
        ("DRAFT", None, BreakerState.CLOSED, "Setup incomplete"),
        ("DISABLED", None, BreakerState.CLOSED, "Disabled"),
    ],
)
def test_an_integrations_word(status: str, health: Any, circuit: str, word: str) -> None:
    assert integration_word(status, health=health, breaker=circuit).word == word


def test_a_records_word_and_a_runs_word() -> None:
    words = {state: mapping_word(state).word for state in MappingState}
    assert set(words.values()) == {"Synced", "Pending", "Error", "Conflict", "Not synced"}
    assert [
        words[state] for state in (MappingState.IN_DOUBT, MappingState.HELD, MappingState.QUARANTINED)
    ] == ["Error"] * 3
    assert mapping_word(None).word == "Not synced"
    assert job_word(JobStatus.PARTIAL, failed=3).word == "Partial (3 failed)"
    assert {job_word(status).word for status in JobStatus} >= {"Queued", "Running", "Failed", "Skipped"}
