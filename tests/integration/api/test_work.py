"""Mappings, jobs, dead letters, logs, deliveries and maps over the API."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from rest_framework.test import APIClient

from connectors.base.types import Container
from integrations.models import (
    DeliveryStatus,
    FieldMap,
    Integration,
    JobKind,
    JobStatus,
    LogStatus,
    Mapping,
    MappingState,
    Operation,
    StatusMap,
    SyncJob,
    SyncLog,
    WebhookDelivery,
    WriteIntent,
)
from integrations.services.jobs import job_request
from integrations.services.logs import log_row, log_write, logs_write
from tests.integration.hub_fixtures import FakeClient
from workspace.models import Change, Task

AsUser = Callable[[User], APIClient]
V1 = "/api/v1"


@pytest.fixture
def job(integration: Integration, olga: User) -> SyncJob:
    return job_request(integration=integration, user=olga)


@pytest.fixture
def log(integration: Integration) -> SyncLog:
    exchange = {
        "method": "POST",
        "url": "https://api.example.com/x?access_token=abc123secret",
        "request_headers": {"Authorization": "Bearer abc123secret"},
        "request_body": {"title": "Boat", "password": "abc123secret"},
        "status": 422,
        "response_headers": {},
        "response_body": {"message": "no"},
        "duration_ms": 5,
    }
    return log_write(
        integration=integration,
        operation=Operation.UPDATE,
        status=LogStatus.FAILED,
        message="Refused",
        exchange=exchange,
    )


@pytest.fixture
def delivery(integration: Integration) -> WebhookDelivery:
    return WebhookDelivery.objects.create(
        tenant=integration.tenant,
        integration=integration,
        dedupe_key="id:1",
        event="issues.edited",
        body=b'{"token": "abc123secret", "issue": 7}',
        status=DeliveryStatus.FAILED,
        received_at=timezone.now(),
    )


# ---------------------------------------------------------------- mappings


def test_mappings_are_listed_filtered_and_shown_with_their_bases(
    vera: User, as_user: AsUser, mapping: Mapping
) -> None:
    client = as_user(vera)
    (row,) = client.get(f"{V1}/mappings", {"state": "synced", "record_id": str(mapping.record_id)}).json()[
        "results"
    ]
    assert (row["id"], row["word"], row["external_id"]) == (str(mapping.id), "Synced", "7")
    assert client.get(f"{V1}/mappings", {"state": "error"}).json()["results"] == []
    assert "base_local" in client.get(f"{V1}/mappings/{mapping.id}").json()


def test_sync_now_marks_the_pair_ahead_of_bulk_work(
    olga: User, as_user: AsUser, mapping: Mapping, django_capture_on_commit_callbacks: Any, wakeups: list[Any]
) -> None:
    Mapping.objects.update(next_attempt_at=timezone.now() + timedelta(hours=1), attempts=3)
    with django_capture_on_commit_callbacks(execute=True):
        row = as_user(olga).post(f"{V1}/mappings/{mapping.id}/sync").json()
    mapping.refresh_from_db()
    assert (row["is_pending"], mapping.priority, mapping.method, mapping.next_attempt_at, mapping.dirty_seq) == (
        True, 0, "manual", None, 1,
    )  # fmt: skip
    assert ("sync.drain_integration", {"integration_id": str(mapping.integration_id)}) in wakeups


def test_a_stopped_record_is_left_alone_until_it_is_resumed(
    alice: User, as_user: AsUser, mapping: Mapping
) -> None:
    client, url = as_user(alice), f"{V1}/mappings/{mapping.id}"
    assert client.post(f"{url}/stop").json()["word"] == "Not synced"
    assert client.post(f"{url}/sync").status_code == 409
    assert client.post(f"{url}/resume").json()["state"] == "pending"
    assert client.post(f"{url}/resume").status_code == 409


def test_unlinking_leaves_the_record(alice: User, as_user: AsUser, mapping: Mapping, task: Task) -> None:
    assert as_user(alice).delete(f"{V1}/mappings/{mapping.id}").status_code == 204
    assert (Mapping.objects.live().count(), Task.objects.filter(deleted_at__isnull=True).count()) == (0, 1)


def test_two_records_can_be_linked_once(
    alice: User, as_user: AsUser, integration: Integration, task: Task
) -> None:
    body = {
        "integration": str(integration.id),
        "resource": "issue",
        "record_type": "task",
        "record_id": str(task.pk),
        "external_id": "12",
    }
    client = as_user(alice)
    assert client.post(f"{V1}/mappings", body).status_code == 201
    again = client.post(f"{V1}/mappings", body | {"external_id": "13"})
    assert "external_id" in again.json()["errors"]
    assert Mapping.objects.get().external_id == "12"


def test_a_foreign_record_cannot_be_linked(
    carol: User, as_user: AsUser, carols: Integration, task: Task
) -> None:
    body = {
        "integration": str(carols.id), "resource": "issue", "record_type": "task", "record_id": str(task.pk), "external_id": "1",
    }  # fmt: skip
    response = as_user(carol).post(f"{V1}/mappings", body)
    assert (response.status_code, response.json()["errors"]) == (
        400,
        {"record_id": ["There is no such record."]},
    )


def test_naming_the_other_record_settles_a_create_in_doubt(
    alice: User, as_user: AsUser, integration: Integration, mapping: Mapping
) -> None:
    Mapping.objects.update(external_id=None, state=MappingState.IN_DOUBT)
    body = {
        "integration": str(integration.id), "resource": "issue", "record_type": "task",
        "record_id": str(mapping.record_id), "external_id": "99",
    }  # fmt: skip
    assert as_user(alice).post(f"{V1}/mappings", body).json()["id"] == str(mapping.id)
    mapping.refresh_from_db()
    assert (mapping.external_id, mapping.state) == ("99", MappingState.PENDING)


def test_a_create_in_doubt_is_sent_again_by_somebody_who_looked(
    olga: User, as_user: AsUser, mapping: Mapping
) -> None:
    client, url = as_user(olga), f"{V1}/mappings/{mapping.id}/create-again"
    assert client.post(url).json()["detail"] == "No create of this record is in doubt."
    Mapping.objects.update(external_id=None, state=MappingState.IN_DOUBT)
    intent = WriteIntent.objects.create(
        mapping=mapping, kind="create", key="k1", state="in_doubt", created_at=timezone.now()
    )
    assert client.post(url).json()["state"] == "pending"
    intent.refresh_from_db()
    assert (intent.state, intent.evidence) == ("failed", "olga looked there and found nothing.")


def test_a_quarantined_deletion_is_let_go_on_by_a_manager_only(
    alice: User, olga: User, as_user: AsUser, mapping: Mapping
) -> None:
    url = f"{V1}/mappings/{mapping.id}/release"
    assert as_user(alice).post(url).status_code == 409
    Mapping.objects.update(state=MappingState.QUARANTINED)
    assert as_user(olga).post(url).status_code == 403
    assert as_user(alice).post(url).json()["state"] == "pending"
    mapping.refresh_from_db()
    assert (mapping.dirty_reason, mapping.priority) == ("released", 0)


# ---------------------------------------------------------------- jobs


def test_jobs_are_listed_and_shown(
    vera: User, as_user: AsUser, job: SyncJob, django_assert_max_num_queries: Any
) -> None:
    client = as_user(vera)
    with django_assert_max_num_queries(4):
        (row,) = client.get(f"{V1}/jobs", {"status": "queued"}).json()["results"]
    assert (row["word"], row["triggered_by"], row["integration_name"]) == ("Queued", "olga", "Issues")
    assert client.get(f"{V1}/jobs/{job.id}").json()["attempt_rows"] == []


def test_a_waiting_job_is_cancelled_at_once_and_a_running_one_asked_to_stop(
    olga: User, as_user: AsUser, job: SyncJob
) -> None:
    client, url = as_user(olga), f"{V1}/jobs/{job.id}/cancel"
    SyncJob.objects.update(status=JobStatus.RUNNING)
    assert client.post(url).json()["cancel_requested"] is True
    SyncJob.objects.update(status=JobStatus.QUEUED, cancel_requested=False)
    assert client.post(url).json()["status"] == "cancelled"
    assert client.post(url).status_code == 409


def test_a_dead_job_can_be_retried(olga: User, as_user: AsUser, job: SyncJob) -> None:
    client, url = as_user(olga), f"{V1}/jobs/{job.id}/retry"
    assert client.post(url).status_code == 409
    SyncJob.objects.update(status=JobStatus.DEAD, attempts=6)
    assert (client.post(url).json()["status"], SyncJob.objects.get().attempts) == ("queued", 0)


def test_a_run_is_taken_back_by_a_manager_once_it_has_ended_and_wrote_something(
    alice: User, olga: User, as_user: AsUser, job: SyncJob, task: Task
) -> None:
    client, url = as_user(alice), f"{V1}/jobs/{job.id}/take-back"
    assert client.post(url).status_code == 409  # it still waits
    SyncJob.objects.update(status=JobStatus.SUCCEEDED)
    refused = client.post(url)
    assert (refused.status_code, "nothing to take back" in refused.json()["detail"]) == (409, True)
    Change.objects.filter(record_id=task.pk).update(job_id=job.id)
    assert as_user(olga).post(url).status_code == 403
    made = client.post(url)
    assert made.status_code == 202, made.json()
    assert (made.json()["kind"], made.json()["options"]) == ("rollback", {"job": str(job.id)})
    assert "taken back already" in client.post(url).json()["detail"]
    assert SyncJob.objects.filter(kind="rollback").count() == 1


def test_a_retry_gives_way_to_a_bulk_run_that_is_open(
    olga: User, as_user: AsUser, job: SyncJob, integration: Integration
) -> None:
    SyncJob.objects.update(status=JobStatus.DEAD)
    other = job_request(integration=integration, user=olga)
    response = as_user(olga).post(f"{V1}/jobs/{job.id}/retry")
    assert (response.status_code, response.json()["job_id"]) == (409, str(other.id))


def test_dead_letters_are_requeued_one_or_many(
    olga: User, as_user: AsUser, mapping: Mapping, integration: Integration
) -> None:
    Mapping.objects.update(is_dead=True, state=MappingState.ERROR)
    client, url = as_user(olga), f"{V1}/jobs/dead-letters/requeue"
    assert client.post(url, {}).status_code == 400
    done = client.post(url, {"mapping_ids": [str(mapping.id), "00000000-0000-7000-8000-000000000001"]})
    assert done.json() == {"mappings": 1, "jobs": 0, "skipped": 1}
    mapping.refresh_from_db()
    assert (mapping.is_dead, mapping.dirty_at is not None, mapping.state) == (
        False,
        True,
        MappingState.PENDING,
    )
    Mapping.objects.update(is_dead=True)
    assert client.post(url, {"integration": str(integration.id)}).json()["mappings"] == 1


def test_dead_letters_of_a_paused_integration_stay(
    olga: User, as_user: AsUser, mapping: Mapping, integration: Integration
) -> None:
    Mapping.objects.update(is_dead=True)
    Integration.objects.update(status="PAUSED")
    done = as_user(olga).post(f"{V1}/jobs/dead-letters/requeue", {"mapping_ids": [str(mapping.id)]})
    assert done.json() == {"mappings": 0, "jobs": 0, "skipped": 1}
    mapping.refresh_from_db()
    assert mapping.is_dead is True


# ---------------------------------------------------------------- logs and deliveries


def test_payloads_are_for_managers_and_auditors_and_hold_no_secret(
    vera: User, otto: User, as_user: AsUser, log: SyncLog
) -> None:
    assert as_user(vera).get(f"{V1}/logs/{log.pk}").json()["exchange"] is None
    response = as_user(otto).get(f"{V1}/logs/{log.pk}")
    assert response.json()["exchange"]["request_body"] == {"title": "Boat", "password": "[hidden]"}
    assert "abc123secret" not in response.content.decode()


def test_logs_are_searched_and_filtered(vera: User, as_user: AsUser, log: SyncLog) -> None:
    client = as_user(vera)
    assert len(client.get(f"{V1}/logs", {"q": "refus", "status": "failed"}).json()["results"]) == 1
    assert client.get(f"{V1}/logs", {"since": "2999-01-01T00:00:00Z"}).json()["results"] == []
    assert client.get(f"{V1}/logs", {"since": "yesterday"}).json()["errors"]["since"]


def test_log_pages_do_not_overlap_and_cost_two_queries(
    vera: User, as_user: AsUser, integration: Integration, django_assert_max_num_queries: Any
) -> None:
    logs_write(
        log_row(integration=integration, operation=Operation.UPDATE, message=str(n)) for n in range(30)
    )
    client = as_user(vera)
    with django_assert_max_num_queries(3):
        page = client.get(f"{V1}/logs", {"limit": 20, "operation": "update"}).json()
    rest = client.get(page["next"]).json()
    said = [row["message"] for row in page["results"] + rest["results"]]
    assert said == [str(n) for n in range(29, -1, -1)]


def test_a_delivery_is_shown_redacted_and_replayed(
    otto: User, olga: User, as_user: AsUser, delivery: WebhookDelivery
) -> None:
    body = as_user(otto).get(f"{V1}/webhooks/deliveries/{delivery.pk}").json()["body"]
    assert "abc123secret" not in body
    assert '"issue": 7' in body
    assert as_user(olga).get(f"{V1}/webhooks/deliveries/{delivery.pk}").json()["body"] is None
    replayed = as_user(olga).post(f"{V1}/webhooks/deliveries/{delivery.pk}/replay").json()
    assert replayed["status"] == "received"


def test_a_span_of_deliveries_is_replayed(
    olga: User, as_user: AsUser, delivery: WebhookDelivery, now: datetime
) -> None:
    body = {
        "integration": str(delivery.integration_id),
        "since": now.isoformat(),
        "until": "2999-01-01T00:00:00Z",
    }
    url = f"{V1}/webhooks/deliveries/replay"
    assert as_user(olga).post(url, body | {"statuses": ["unknown"]}).json() == {"replayed": 0}
    assert as_user(olga).post(url, body).json() == {"replayed": 1}


# ---------------------------------------------------------------- maps

LINKS = [
    {"local": "title", "external": "title", "required": True},
    {"local": "description", "external": "body"},
]


def test_a_field_map_is_saved_in_versions(alice: User, as_user: AsUser, integration: Integration) -> None:
    client, url = as_user(alice), f"{V1}/integrations/{integration.id}/field-maps/issue"
    defaults = client.get(url).json()
    assert (defaults["version"], defaults["record_type"]) == (0, "task")
    assert client.put(url, {"links": LINKS}).json()["version"] == 1
    assert client.put(url, {"links": defaults["links"], "version": 1}).json()["version"] == 2
    stale = client.put(url, {"links": LINKS, "version": 1})
    assert (stale.status_code, stale.json()["current"]["version"]) == (409, 2)
    assert [(row.version, row.is_current) for row in FieldMap.objects.all()] == [(2, True), (1, False)]


@pytest.mark.parametrize(
    ("links", "where", "says"),
    [
        ([{"local": "titel", "external": "title"}], "links[0].local", "no field 'titel'"),
        (
            [{"local": "title", "external": "title", "transform": {"name": "magic"}}],
            "links[0].transform",
            "no transform",
        ),
        ([{"local": "description", "external": "body"}], "links", "'title' must be filled"),
        ([{"local": "title", "external": "a..b"}], "links[0].external", "is not a path"),
    ],
)
def test_a_faulty_field_map_is_refused_by_link(
    alice: User, as_user: AsUser, integration: Integration, links: Any, where: str, says: str
) -> None:
    response = as_user(alice).put(f"{V1}/integrations/{integration.id}/field-maps/issue", {"links": links})
    assert response.status_code == 400
    assert says in " ".join(response.json()["errors"][where])
    assert FieldMap.objects.count() == 0


def test_an_unknown_resource_is_refused(alice: User, as_user: AsUser, integration: Integration) -> None:
    response = as_user(alice).get(f"{V1}/integrations/{integration.id}/field-maps/card")
    assert (response.status_code, list(response.json()["errors"])) == (400, ["resource"])


def test_a_preview_shows_both_ways_through_the_real_transforms(
    vera: User, as_user: AsUser, integration: Integration
) -> None:
    links = [
        *LINKS,
        {"local": "stage", "external": "state", "transform": {"name": "enum", "map": {"open": "todo"}}},
    ]
    body = {
        "links": links,
        "samples": [{"title": "Boat", "state": "odd"}],
        "local_samples": [{"title": "Sail", "stage": "todo"}],
    }
    url = f"{V1}/integrations/{integration.id}/field-maps/issue/preview"
    shown = as_user(vera).post(url, body).json()
    inward = {row["key"]: row for row in shown["inward"][0]}
    assert inward["title"]["value"] == "Boat"
    assert inward["description"]["problem"].startswith("This record does not have the field")
    assert inward["stage"]["problem"].startswith("No counterpart")
    assert {row["key"]: row["value"] for row in shown["outward"][0]} == {"title": "Sail", "stage": "open"}


def test_statuses_are_refreshed_with_suggestions_and_keep_what_people_chose(
    alice: User, as_user: AsUser, integration: Integration, fake_client: FakeClient
) -> None:
    client, url = as_user(alice), f"{V1}/integrations/{integration.id}/status-maps/issue"
    rows = client.post(f"{url}/refresh").json()["rows"]
    by_value = {row["external_value"]: row for row in rows}
    assert by_value["closed/completed"]["local_value"] == "done"
    assert [row["external_value"] for row in rows if row["local_value"] == "done" and row["is_return"]] == [
        "closed/completed"
    ]
    changed = [
        row | {"local_value": "review"} if row["external_value"] == "open/review" else row for row in rows
    ]
    assert client.put(url, {"rows": changed}).status_code == 200
    assert client.post(f"{url}/refresh").json()["rows"] == client.get(url).json()["rows"]


@pytest.mark.parametrize(
    ("address", "body"),
    [
        ("status-maps", {"rows": [{"external_value": "closed/completed", "local_value": "done"}]}),
        ("field-maps", {"links": LINKS}),
    ],
)
def test_what_a_map_held_back_is_looked_at_again_when_the_map_is_saved(
    alice: User,
    as_user: AsUser,
    integration: Integration,
    mapping: Mapping,
    address: str,
    body: dict[str, Any],
) -> None:
    later = timezone.now() + timedelta(minutes=15)
    Mapping.objects.update(
        state=MappingState.HELD, held={"stage": {"reason": "unmapped"}}, next_attempt_at=later
    )
    content = {"integration": integration, "tenant": integration.tenant, "resource": "issue"}
    quiet = Mapping.objects.create(**content, record_type="task", external_id="8", state=MappingState.SYNCED)
    dead = Mapping.objects.create(
        **content,
        record_type="task",
        external_id="9",
        state=MappingState.ERROR,
        is_dead=True,
        error_code="mapping",
    )
    url = f"{V1}/integrations/{integration.id}/{address}/issue"
    assert as_user(alice).put(url, body).status_code == 200
    for row in (mapping, quiet, dead):
        row.refresh_from_db()
    assert [
        (row.dirty_at is not None, row.next_attempt_at, row.is_dead) for row in (mapping, quiet, dead)
    ] == [
        (True, None, False),
        (False, None, False),
        (True, None, False),
    ]


def test_a_stage_with_several_statuses_needs_one_way_back(
    alice: User, as_user: AsUser, integration: Integration
) -> None:
    rows = [
        {"external_value": "closed/completed", "local_value": "done"},
        {"external_value": "closed/not_planned", "local_value": "done"},
    ]
    url = f"{V1}/integrations/{integration.id}/status-maps/issue"
    response = as_user(alice).put(url, {"rows": rows})
    assert "exactly one" in response.json()["errors"]["rows.done"][0]
    assert StatusMap.objects.count() == 0
    rows[0]["is_return"] = True
    assert as_user(alice).put(url, {"rows": rows}).status_code == 200


# ---------------------------------------------------------------- who may


@pytest.fixture
def paths(mapping: Mapping, job: SyncJob, log: SyncLog, delivery: WebhookDelivery) -> dict[str, str]:
    return {
        "mapping": f"{V1}/mappings/{mapping.id}",
        "job": f"{V1}/jobs/{job.id}",
        "log": f"{V1}/logs/{log.pk}",
        "delivery": f"{V1}/webhooks/deliveries/{delivery.pk}",
    }


ACTS = [
    ("mapping", "/create-again"), ("mapping", "/release"), ("mapping", "/sync"), ("mapping", "/retry"), ("mapping", "/stop"), ("mapping", "/resume"), ("job", "/cancel"),
    ("job", "/retry"), ("job", "/take-back"), ("delivery", "/replay"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("what", "act"), [*ACTS, ("mapping", ""), ("job", ""), ("log", ""), ("delivery", "")]
)
def test_a_stranger_finds_nothing(
    carol: User, as_user: AsUser, paths: dict[str, str], what: str, act: str
) -> None:
    client = as_user(carol)
    response = client.post(paths[what] + act) if act else client.get(paths[what])
    assert response.status_code == 404


@pytest.mark.parametrize(("what", "act"), ACTS)
def test_a_viewer_acts_on_nothing(
    vera: User, as_user: AsUser, paths: dict[str, str], what: str, act: str
) -> None:
    before = (
        list(Mapping.objects.values()),
        list(SyncJob.objects.values()),
        list(WebhookDelivery.objects.values()),
    )
    assert as_user(vera).post(paths[what] + act).status_code == 403
    after = (
        list(Mapping.objects.values()),
        list(SyncJob.objects.values()),
        list(WebhookDelivery.objects.values()),
    )
    assert after == before


@pytest.mark.parametrize("what", ["mappings", "jobs", "logs", "webhooks/deliveries"])
def test_lists_hold_no_strangers_rows(carol: User, as_user: AsUser, paths: dict[str, str], what: str) -> None:
    assert as_user(carol).get(f"{V1}/{what}").json()["results"] == []


def test_ids_in_bodies_are_scoped_too(
    carol: User, as_user: AsUser, mapping: Mapping, integration: Integration
) -> None:
    Mapping.objects.update(is_dead=True)
    client = as_user(carol)
    url = f"{V1}/jobs/dead-letters/requeue"
    assert client.post(url, {"mapping_ids": [str(mapping.id)]}).json()["mappings"] == 0
    assert client.post(url, {"integration": str(integration.id)}).status_code == 404
    span = {
        "integration": str(integration.id),
        "since": "2020-01-01T00:00:00Z",
        "until": "2999-01-01T00:00:00Z",
    }
    assert client.post(f"{V1}/webhooks/deliveries/replay", span).status_code == 404
    mapping.refresh_from_db()
    assert mapping.is_dead is True


def test_kinds_of_jobs_that_only_read_run_on_a_paused_integration(
    olga: User, as_user: AsUser, integration: Integration
) -> None:
    Integration.objects.update(status="PAUSED")
    integration.refresh_from_db()
    assert job_request(integration=integration, kind=JobKind.PREVIEW, user=olga).status == JobStatus.QUEUED


def test_containers_that_are_lanes_become_rows(
    alice: User, as_user: AsUser, integration: Integration, fake_client: FakeClient
) -> None:
    from integrations.services.statusmaps import status_suggestion

    stages = ["backlog", "todo", "in_progress", "review", "done"]
    said = {
        name: status_suggestion(name, "", stages)
        for name in ("Done", "To Do", "Doing", "QA", "Icebox", "Zebra")
    }
    assert said == {
        "Done": "done",
        "To Do": "todo",
        "Doing": "in_progress",
        "QA": "review",
        "Icebox": "backlog",
        "Zebra": "",
    }
    waitlist = ["pending", "in_progress", "on_hold", "completed"]
    assert status_suggestion("Blocked by supplier", "", waitlist) == "on_hold"
    assert status_suggestion("Zebra", "done", waitlist) == "completed"
    assert status_suggestion("In Progress:Building", "started", waitlist) == "in_progress"
    assert status_suggestion("Mystery", "", waitlist) == ""
    fake_client.found = [Container("1", "Nowhere", "board")]
    assert (
        as_user(alice).post(f"{V1}/integrations/{integration.id}/status-maps/issue/refresh").status_code
        == 200
    )
