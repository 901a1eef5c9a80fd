"""The first minute: what the demo holds, and that a second start leaves it alone."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client, override_settings
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from boards.models import Move
from boards.services.checks import verify
from boards.services.opening import board_open
from boards.services.rollup import figures_of
from config.demo.people import PEOPLE
from config.demo.records import project_id, record_id
from config.demo.seed import demo_ensure
from config.demo.systems import SET_UPS
from config.demo.workshop import JOBS
from conflicts.models import ConflictResolution, ConflictStatus
from integrations.models import (
    Integration,
    IntegrationStatus,
    JobKind,
    JobStatus,
    Mapping,
    MappingState,
    SyncJob,
    SyncLog,
)
from sandbox.testing import RunningSandbox
from sync.services.deliveries import poll_request
from sync.services.jobs import job_run
from workspace.models import RECORD_TYPES, Comment, Membership, Role, Task, Tenant, WaitlistEntry
from workspace.services import record_values

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("said"), pytest.mark.timeout(180)]


@pytest.fixture
def demo() -> Tenant:
    return Tenant.objects.get(slug="demo")


def test_each_integration_is_in_the_state_that_it_is_to_show(demo: Tenant) -> None:
    rows = Integration.objects.for_tenant(demo).values_list("name", "connector", "status")
    assert set(rows) == {
        ("Waitlist board", "leankit", IntegrationStatus.ACTIVE),
        ("Website relaunch", "trello", IntegrationStatus.ACTIVE),
        ("Webshop issues", "github", IntegrationStatus.ACTIVE),
        ("Service desk", "generic_rest", IntegrationStatus.ACTIVE),
        ("Shop improvements", "leankit", IntegrationStatus.PAUSED),
        ("Newsletter board", "trello", IntegrationStatus.ERROR),
    }


def test_what_is_not_running_says_why(demo: Tenant) -> None:
    reasons = dict(
        Integration.objects.for_tenant(demo)
        .filter(status__in=["PAUSED", "ERROR"])
        .values_list("name", "status_reason")
    )
    assert reasons == {
        "Shop improvements": "Until the board has been tidied up.",
        "Newsletter board": "The credentials were refused (401).",
    }


def test_there_are_a_few_hundred_records_and_all_pairs_are_settled(demo: Tenant) -> None:
    counts = {
        kind: model._default_manager.filter(tenant=demo).count() for kind, model in RECORD_TYPES.items()
    }
    assert min(counts.values()) > 0, counts
    assert 400 < sum(counts.values()) < 1500
    states = set(Mapping.objects.filter(tenant=demo).values_list("state", flat=True))
    assert states == {MappingState.SYNCED, MappingState.CONFLICT}


def test_two_conflicts_made_by_real_edits_wait_for_a_reviewer(demo: Tenant) -> None:
    open_ones = ConflictResolution.objects.filter(tenant=demo, status=ConflictStatus.PENDING)
    assert sorted(open_ones.values_list("kind", "group")) == [
        ("both_changed", "description"),
        ("both_changed", "priority"),
    ]
    text = open_ones.get(group="description").fields[0]
    assert text["base"] == "Pallet weighs about 180 kg. Needs a tail lift."
    assert "rings half an hour before" in text["local"]
    assert "two people" in text["external"]


def test_edits_of_different_fields_were_merged_by_themselves(demo: Tenant, box: RunningSandbox) -> None:
    (card,) = [row for row in box.vendor("leankit").world.all("card") if row["customId"] == "W-1044"]
    entry = WaitlistEntry.objects.get(tenant=demo, number="W-1044")
    assert (card["priority"], entry.priority) == ("high", "high")
    assert sorted(card["tags"]) == sorted(entry.tags) == ["desk", "fragile", "oak"]


def test_comments_went_both_ways(demo: Tenant, box: RunningSandbox) -> None:
    texts = [row["text"] for row in box.vendor("leankit").world.all("comment")]
    assert sum("the opening is on the 14th" in text for text in texts) == 1
    waitlist = Integration.objects.get(tenant=demo, name="Waitlist board")
    (card,) = [row["id"] for row in box.vendor("leankit").world.all("card") if row["customId"] == "W-1044"]
    poll_request(
        waitlist, "comment", str(card)
    )  # as the webhook asks for, once there is somebody to receive it
    job = SyncJob.objects.get(integration=waitlist, kind=JobKind.WEBHOOK)
    assert job_run(job_id=job.id) == JobStatus.SUCCEEDED
    bodies = [record_values(row)["body"] for row in Comment.objects.filter(tenant=demo)]
    assert sum("Marked as fragile" in body for body in bodies) == 1


@pytest.mark.parametrize(
    ("project", "titles"),
    [
        ("webshop", lambda box: [row["title"] for row in box.vendor("github").world.all("issue")]),
        ("relaunch", lambda box: [row["name"] for row in box.vendor("trello").world.all("card")]),
        ("service-desk", lambda box: [row["subject"] for row in box.vendor("desk").world.all("ticket")]),
    ],
)
def test_a_task_of_a_project_is_in_that_project_s_system_and_once(
    project: str, titles: Callable[[RunningSandbox], list[str]], box: RunningSandbox
) -> None:
    rows = Task.objects.filter(project_id=project_id(project), created_by__isnull=False)
    made_here = [str(row) for row in rows]
    assert made_here
    there = titles(box)
    assert {title: there.count(title) for title in made_here} == dict.fromkeys(made_here, 1)


def test_tasks_of_the_workshop_stay_here(box: RunningSandbox) -> None:
    ids = Task.objects.filter(project_id=project_id("workshop")).values_list("id", flat=True)
    assert len(ids) == 8 + JOBS
    assert not Mapping.objects.filter(record_id__in=ids).exists()


def test_the_workshops_weeks_are_figures_of_its_board(demo: Tenant) -> None:
    now = timezone.now()
    board = board_open(demo, "task", now=now)
    found = figures_of(board, now - timedelta(days=30), now)
    assert found.throughput == found.cycle.count >= 10  # what was imported as done was finished elsewhere
    assert found.cycle.p90 is not None and timedelta(days=3).total_seconds() < found.cycle.p90 < 30 * 86400
    assert next(stage for stage in found.stages if stage.stage == "review").exited >= 10
    assert verify(board, now).ok
    jobs = Move.objects.filter(board=board, record_id=record_id("task", "job 0")).order_by("seq")
    assert [move.to_stage for move in jobs][-1] == "done" and jobs[0].at < now - timedelta(days=50)


def test_there_is_a_person_for_each_role_who_can_log_in(demo: Tenant) -> None:
    roles = set(Membership.objects.filter(tenant=demo).values_list("role", flat=True))
    assert roles == set(Role.values)
    answers = {}
    for person in PEOPLE:
        form = {"username": person.username, "password": settings.LOCKSTEP_DEMO_PASSWORD}
        answers[person.username] = Client().post(reverse("admin:login"), form).status_code
    assert answers == dict.fromkeys(answers, 302)


def test_the_club_shares_nothing_with_the_demo(demo: Tenant) -> None:
    club = Tenant.objects.get(slug="rowing-club")
    assert Task.objects.filter(tenant=club).count() == 4
    assert not Integration.objects.for_tenant(club).exists()
    users = set(Membership.objects.filter(tenant=club).values_list("user__username", flat=True))
    assert users == {"club"}
    assert not Membership.objects.filter(tenant=demo, user__username__in=users).exists()


def test_no_secret_is_in_the_log(demo: Tenant) -> None:
    secrets = {value for set_up in SET_UPS for value in set_up.secrets.values()}
    rows = list(SyncLog.objects.filter(tenant=demo))
    assert rows
    told = [row.id for row in rows for secret in secrets if secret in repr(vars(row))]
    assert told == []


def test_a_second_start_asks_once_and_changes_nothing(box: RunningSandbox) -> None:
    box.vendor("leankit").requests.clear()
    with CaptureQueriesContext(connection) as asked:
        assert demo_ensure(lambda line: None) is False
    assert len(asked) == 1
    assert box.log("leankit") == []


def test_a_start_that_was_cut_short_goes_on_where_it_stopped(demo: Tenant) -> None:
    before = Mapping.objects.filter(tenant=demo).count()
    Task.objects.filter(tenant__slug="rowing-club").delete()  # the last step of the seed
    assert demo_ensure(lambda line: None) is True
    assert Mapping.objects.filter(tenant=demo).count() == before
    assert Integration.objects.for_tenant(demo).count() == len(SET_UPS)


def test_without_a_sandbox_the_command_says_so() -> None:
    Task.objects.filter(tenant__slug="rowing-club").delete()
    with override_settings(LOCKSTEP_SANDBOX_URL="http://127.0.0.1:9"), pytest.raises(CommandError) as refused:
        call_command("seed_demo")
    assert "The sandbox does not answer" in str(refused.value)
