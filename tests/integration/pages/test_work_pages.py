"""Sync log, jobs and dead letters."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.urls import reverse
from django.utils import timezone

from integrations.models import JobStatus, LogStatus, SyncJob, SyncLog
from integrations.pages.figures import HEARTBEAT_KEY
from tests.integration.pages.world import World
from workspace.models import Change, Role
from workspace.panels import badges_for

LOGS, JOBS, DEAD = "/admin/hub/logs/", "/admin/hub/jobs/", "/admin/hub/dead-letters/"
PAYLOAD = {"request": {"method": "PUT", "body": {"name": "private words"}}, "response": {"status": 200}}


@pytest.mark.parametrize(
    ("address", "words"),
    [
        (LOGS, "Nothing was synced yet"),
        (JOBS, "No job has run yet"),
        (DEAD, "No dead letters"),
        ("/admin/hub/mappings/", "No pairs yet"),
    ],
)
def test_empty_pages_say_what_they_are_for(world: World, address: str, words: str) -> None:
    assert words in world.client(Role.VIEWER).get(address).content.decode()


def logs(world: World) -> None:
    one, two = world.integration("One"), world.integration("Two")
    job = world.job(one)
    world.log(
        one,
        message="Title was brought in.",
        external_id="ABC",
        correlation_id="c-1",
        job=job,
        http_status=200,
    )
    world.log(
        one,
        LogStatus.FAILED,
        message="429 Too Many Requests",
        direction="out",
        http_status=429,
        method="poll",
    )
    world.log(
        two,
        LogStatus.HELD,
        message="Stage waits",
        operation="create",
        created_at=world.now - timedelta(days=3),
    )


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("", 3), ("?status=bad", 1), ("?status=held", 1), ("?operation=create", 1), ("?direction=out", 1), ("?method=poll", 1),
        ("?http=4", 1), ("?http=2", 1), ("?since=24h", 2), ("?since=7d", 3), ("?q=too many", 1), ("?q=ABC", 1), ("?q=c-1", 1),
        ("?correlation=c-1", 1), ("?integration=nonsense", 0), ("?record=nonsense", 0), ("?before=nonsense", 3),
        ("?since=garbage", 3), ("?status=bad&direction=in", 0),
    ],
)  # fmt: skip
def test_log_filters_equal_the_rows_they_name(world: World, query: str, count: int) -> None:
    logs(world)
    html = world.client(Role.VIEWER).get(LOGS + query).content.decode()
    assert html.count("data-row ") == count


def test_the_log_is_paged_by_key_and_comes_back(world: World) -> None:
    integration = world.integration()
    for number in range(120):
        world.log(integration, message=f"Entry {number:03}")
    client = world.client(Role.VIEWER)
    first = client.get(LOGS)
    assert [row.message for row in first.context["page"]][:1] == ["Entry 119"]
    assert first.context["page"].newer == ""
    second = client.get(LOGS + first.context["page"].older)
    third = client.get(LOGS + second.context["page"].older)
    assert [len(page.context["page"]) for page in (first, second, third)] == [50, 50, 20]
    assert third.context["page"].older == ""
    back = client.get(LOGS + third.context["page"].newer)
    assert [row.pk for row in back.context["page"]] == [row.pk for row in second.context["page"]]


def test_filters_stay_while_paging(world: World) -> None:
    integration = world.integration()
    for _ in range(60):
        world.log(integration, LogStatus.FAILED)
    page = world.client(Role.VIEWER).get(LOGS + "?status=bad").context["page"]
    assert page.older.startswith("?status=bad&before=")


def test_payloads_are_for_managers_and_auditors_only(world: World) -> None:
    row = world.log(world.integration(), exchange=PAYLOAD, error_trace="Traceback: deep inside")
    address = reverse("hub:log", args=[row.pk])
    for role in (Role.MANAGER, Role.AUDITOR):
        html = world.client(role).get(address).content.decode()
        assert "private words" in html
        assert "deep inside" in html
    for role in (Role.VIEWER, Role.OPERATOR, Role.REVIEWER):
        html = world.client(role).get(address).content.decode()
        assert "private words" not in html
        assert "deep inside" not in html
        assert "Contents are shown to managers and auditors." in html


def test_an_entry_shows_its_changes_escaped_and_leads_to_its_kin(world: World) -> None:
    integration = world.integration()
    task = world.task()
    row = world.log(
        integration,
        record_type="task",
        record_id=task.pk,
        correlation_id="c-9",
        field_changes={"local": {"title": {"from": "a", "to": "<script>alert(1)</script>"}}},
    )
    html = world.client(Role.VIEWER).get(reverse("hub:log", args=[row.pk])).content.decode()
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html
    assert f"?record={task.pk}" in html
    assert "?correlation=c-9" in html


def test_another_tenants_entry_job_and_dead_letter_are_404(world: World) -> None:
    integration = world.integration()
    row, job = world.log(integration), world.job(integration, JobStatus.DEAD)
    stranger = world.client("carol")
    assert stranger.get(reverse("hub:log", args=[row.pk])).status_code == 404
    assert stranger.get(reverse("hub:job", args=[job.pk])).status_code == 404
    for act in ("retry", "cancel"):
        assert stranger.post(reverse("hub:job_do", args=[job.pk, act])).status_code == 404
    stranger.post(reverse("hub:dead_letters_requeue"), {"job": str(job.pk)})
    job.refresh_from_db()
    assert job.status == JobStatus.DEAD
    for address in (LOGS, JOBS, DEAD):
        assert "Waitlist board" not in stranger.get(address).content.decode()


def test_jobs_are_filtered_and_acted_on_by_operators(world: World) -> None:
    integration = world.integration()
    failed, queued = (
        world.job(integration, JobStatus.FAILED),
        world.job(integration, JobStatus.QUEUED, started_at=None, kind="push"),
    )
    viewer, operator = world.client(Role.VIEWER), world.client(Role.OPERATOR)
    assert viewer.get(JOBS + "?status=bad").content.decode().count("data-row ") == 1
    assert viewer.get(JOBS + "?status=open").content.decode().count("data-row ") == 1
    assert ">Retry</button>" not in viewer.get(JOBS).content.decode()
    assert viewer.post(reverse("hub:job_do", args=[failed.pk, "retry"])).status_code == 403
    operator.post(reverse("hub:job_do", args=[queued.pk, "cancel"]))
    operator.post(reverse("hub:job_do", args=[failed.pk, "retry"]))
    queued.refresh_from_db()
    failed.refresh_from_db()
    assert (queued.status, failed.status) == (JobStatus.CANCELLED, JobStatus.QUEUED)


def test_a_run_is_taken_back_from_its_page_after_saying_what_that_means(world: World) -> None:
    integration = world.integration()
    job, task = world.job(integration, JobStatus.SUCCEEDED), world.task(title="Painted")
    page, address = reverse("hub:job", args=[job.pk]), reverse("hub:job_take_back", args=[job.pk])
    manager = world.client()
    assert address not in manager.get(page).content.decode()
    assert "wrote nothing here" in manager.get(address).content.decode()
    Change.objects.filter(record_id=task.pk).update(job_id=job.pk)
    assert address in manager.get(page).content.decode()
    assert address not in world.client(Role.OPERATOR).get(page).content.decode()
    assert "on the other side they stay" in manager.get(address).content.decode()
    html = manager.post(address, follow=True).content.decode()
    assert "The run is being taken back" in html
    back = SyncJob.objects.get(kind="rollback")
    SyncJob.objects.filter(pk=back.pk).update(
        status="partial",
        result={
            "reverted": 3,
            "refused": [
                {"record": str(task.pk), "type": "task", "field": "title", "reason": "Changed since."}
            ],
        },
    )
    html = manager.get(reverse("hub:job", args=[back.pk])).content.decode()
    assert "Changed since." in html and "stands in the history of each record" in html


@pytest.mark.parametrize(("who", "status"), [(Role.OPERATOR, 403), (Role.AUDITOR, 403), ("carol", 404)])
def test_only_the_tenant_s_managers_take_a_run_back(world: World, who: str, status: int) -> None:
    job = world.job(world.integration(), JobStatus.SUCCEEDED)
    address = reverse("hub:job_take_back", args=[job.pk])
    assert world.client(who).get(address).status_code == status
    assert world.client(who).post(address).status_code == status
    assert not SyncJob.objects.filter(kind="rollback").exists()


def test_a_job_that_has_ended_cannot_be_cancelled_and_says_so(world: World) -> None:
    job = world.job(world.integration(), JobStatus.SUCCEEDED)
    html = (
        world.client(Role.OPERATOR)
        .post(reverse("hub:job_do", args=[job.pk, "cancel"]), follow=True)
        .content.decode()
    )
    assert "The job has ended already (succeeded)." in html


def test_a_dry_runs_result_lists_counts_and_records(world: World) -> None:
    job = world.job(
        world.integration(),
        kind="preview",
        result={
            "counts": {"create_here": 2, "update_here": 1},
            "records": [
                {
                    "title": "Fix door",
                    "resource": "card",
                    "external_id": "X",
                    "outcome": "update_here",
                    "local": {"title": {"from": "a", "to": "b"}},
                    "external": {},
                    "conflicts": [{"key": "stage", "reason": "both sides changed stage"}],
                    "held": {"labels": "no counterpart"},
                }
            ],
        },
    )
    html = world.client(Role.VIEWER).get(reverse("hub:job", args=[job.pk])).content.decode()
    for words in (
        "Fix door",
        "<del>a</del>",
        "<ins>b</ins>",
        "Create here",
        "both sides changed stage",
        "no counterpart",
    ):
        assert words in html


@pytest.mark.parametrize("address", [JOBS, DEAD, "/admin/hub/", "/admin/workspace/task/"])
def test_missing_workers_are_said_on_every_page(world: World, address: str) -> None:
    said = "Nothing is being synced: no worker has answered"
    viewer = world.client(Role.VIEWER)
    assert f"{said} yet." in viewer.get(address).content.decode()
    cache.set(HEARTBEAT_KEY, (timezone.now() - timedelta(minutes=5)).isoformat())
    assert f"{said} since" in viewer.get(address).content.decode()
    cache.set(HEARTBEAT_KEY, timezone.now().isoformat())
    assert said not in viewer.get(address).content.decode()


def test_dead_letters_are_grouped_by_what_went_wrong_and_requeued(world: World) -> None:
    integration = world.integration()
    pairs = [
        world.pair(
            integration, is_dead=True, state="error", last_error="422 due date", error_code="validation"
        )
        for _ in range(3)
    ]
    world.pair(integration, is_dead=True, state="error", last_error="404 gone")
    html = world.client(Role.OPERATOR).get(DEAD).content.decode()
    assert html.count("Retry selected") == 2
    assert "3 records" in html
    assert "Retry selected" not in world.client(Role.VIEWER).get(DEAD).content.decode()
    assert (
        world.client(Role.VIEWER)
        .post(reverse("hub:dead_letters_requeue"), {"pair": str(pairs[0].pk)})
        .status_code
        == 403
    )
    answer = world.client(Role.OPERATOR).post(
        reverse("hub:dead_letters_requeue"), {"pair": [str(pair.pk) for pair in pairs[:2]]}, follow=True
    )
    assert "2 will be tried again." in answer.content.decode()
    assert [type(pair).objects.get(pk=pair.pk).is_dead for pair in pairs] == [False, False, True]


def test_those_of_a_paused_integration_are_skipped_and_named(world: World) -> None:
    pair = world.pair(world.integration(status="PAUSED"), is_dead=True, state="error")
    answer = world.client(Role.OPERATOR).post(
        reverse("hub:dead_letters_requeue"), {"pair": str(pair.pk)}, follow=True
    )
    assert "1 skipped" in answer.content.decode()
    pair.refresh_from_db()
    assert pair.is_dead


def test_a_records_badges_name_the_integration_the_word_and_the_other_side(world: World) -> None:
    integration = world.integration("Board")
    task, alone = world.task(), world.task()
    world.pair(integration, task, state="conflict", external_url="https://trello.example/c/1")
    found = badges_for("task", [task.pk, alone.pk])
    (badge,) = found[task.pk]
    assert (badge.word, badge.kind, badge.integration) == ("Conflict", "warn", "Board")
    assert badge.external_url == "https://trello.example/c/1"
    assert [one.word for one in found[alone.pk]] == ["Not synced"]


def test_badges_of_a_page_cost_one_query(world: World, django_assert_num_queries: Any) -> None:
    integration = world.integration()
    tasks = [world.task() for _ in range(30)]
    for task in tasks:
        world.pair(integration, task)
    with django_assert_num_queries(1):
        badges_for("task", [task.pk for task in tasks])


def test_a_records_page_shows_its_pairs_and_offers_to_sync(world: World) -> None:
    integration = world.integration("Board")
    task = world.task(title="Varnish the oars")
    pair = world.pair(integration, task)
    address = reverse("admin:workspace_task_change", args=[task.pk])
    html = world.client(Role.OPERATOR).get(address).content.decode()
    assert "Linked to" in html
    assert reverse("hub:mapping", args=[pair.pk]) in html


@pytest.mark.parametrize("model", ["integration", "mapping", "syncjob", "synclog", "webhookdelivery"])
def test_the_admins_lists_are_read_only_and_the_tenants_own(world: World, model: str) -> None:
    integration = world.integration("Board here")
    world.integration("Board there", tenant=world.foreign)
    world.log(integration)
    world.job(integration)
    world.pair(integration)
    manager = world.client()
    html = manager.get(reverse(f"admin:integrations_{model}_changelist")).content.decode()
    assert "Board there" not in html
    assert manager.get(reverse(f"admin:integrations_{model}_add")).status_code == 403


def test_lists_keep_their_query_budgets(world: World, django_assert_max_num_queries: Any) -> None:
    integration = world.integration()
    for _ in range(50):
        world.log(integration)
        world.job(integration)
        world.pair(integration, is_dead=True, state="error")
    client = world.client(Role.VIEWER)
    for address, budget in ((LOGS, 11), (JOBS, 11), (DEAD, 13), ("/admin/hub/mappings/", 12)):
        client.get(address)
        with django_assert_max_num_queries(budget):
            client.get(address)
    assert SyncLog.objects.count() == 50
    assert SyncJob.objects.count() == 50
