"""The dashboard: its first sentence, its counts, its budget."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client
from django.urls import reverse

from integrations.models import JobStatus, LogStatus, Operation, SyncJob
from integrations.pages.figures import HEARTBEAT_KEY, pulse
from integrations.wording import percent
from tests.integration.pages.world import World
from workspace.models import Membership, Role

HOME = "/admin/hub/"


def html_of(world: World, role: str = Role.MANAGER, address: str = HOME) -> str:
    answer = world.client(role).get(address)
    assert answer.status_code == 200
    return answer.content.decode()


def figure(html: str, label: str) -> str:
    """The value shown over a label."""
    before = html[: html.index(f'<span class="hub-figure__label">{label}')]
    return before.rsplit('hub-figure__value">', 1)[1].split("<")[0]


def test_the_admins_index_leads_here_and_a_stranger_to_the_log_in(world: World) -> None:
    assert world.client().get("/admin/")["Location"] == HOME
    answer = Client().get(HOME)
    assert answer.status_code == 302
    assert answer["Location"] == f"/admin/login/?next={HOME}"


def test_a_user_without_a_workspace_is_told_so(world: World) -> None:
    Membership.objects.filter(user=world.users[Role.VIEWER]).delete()
    answer = world.client(Role.VIEWER).get(HOME)
    assert answer.status_code == 403
    assert "You are in no workspace yet" in answer.content.decode()


def test_nothing_connected_says_what_to_do(world: World) -> None:
    html = html_of(world)
    assert "Nothing is connected yet" in html
    assert "Connect the first system" in html
    assert reverse("hub:integration_new") in html
    assert reverse("hub:integration_new") not in html_of(world, Role.VIEWER)


def test_all_is_well_in_words(world: World) -> None:
    world.integration()
    assert "All is well" in html_of(world)


def test_what_needs_attention_comes_first_with_its_cause(world: World) -> None:
    world.integration("Calm")
    world.integration("Broken", status="ERROR", status_reason="The token was refused.")
    world.integration("Waits", status="PAUSED", status_reason="Paused for the regatta.")
    world.integration("Tripped", breaker_state="open", breaker_failures=5, last_error="503")
    for state in ("quarantined", "in_doubt", "synced"):
        world.pair(world.integration(state.title()), state=state)
    html = html_of(world)
    assert "4 of 7 need attention" in html
    assert (
        html.index("Needs attention")
        < html.index(">Broken<")
        < html.index("Everything else")
        < html.index(">Calm<")
    )
    for words in (
        "The token was refused.",
        "Paused for the regatta.",
        "Circuit open",
        "5 failures in a row. 503",
        "1 record waits for somebody: held back, in doubt, or with a value that does not fit.",
    ):
        assert words in html


def test_every_number_agrees_with_the_list_it_links_to(world: World) -> None:
    board, desk = world.integration("Board"), world.integration("Desk")
    world.conflict(board)
    world.conflict(desk)
    world.pair(board, is_dead=True, state="error")
    world.job(board, JobStatus.DEAD)
    world.job(board, JobStatus.PARTIAL, error_count=2)
    world.job(desk, JobStatus.RUNNING)
    world.job(
        desk,
        JobStatus.FAILED,
        finished_at=world.now - timedelta(days=2),
        created_at=world.now - timedelta(days=2),
    )
    for status in (LogStatus.SUCCESS, LogStatus.SUCCESS, LogStatus.SUCCESS, LogStatus.FAILED):
        world.log(board, status)
    world.log(board, LogStatus.FAILED, created_at=world.now - timedelta(days=2))
    world.log(board, LogStatus.FAILED, operation=Operation.CHECK)  # no sync
    html = html_of(world)
    assert figure(html, "Open conflicts") == "2"
    assert figure(html, "Dead letters") == "2"
    assert figure(html, "Failing runs, 24 h") == "2"
    assert figure(html, "Running now") == "1"
    assert figure(html, "Success, 24 h") == "75.0 %"
    assert figure(html, "Failed syncs, 24 h") == "1"
    assert figure(html, "Records in sync") == "3"
    rows = {
        "/admin/hub/conflicts/": 2,
        "/admin/hub/jobs/?status=bad&since=24h": 2,
        "/admin/hub/jobs/?status=running": 1,
        "/admin/hub/logs/?operation=sync&status=bad&since=24h": 1,
        "/admin/hub/mappings/": 3,
    }
    for address, count in rows.items():
        assert html_of(world, address=address).count("data-row ") == count, address
    dead = html_of(world, address="/admin/hub/dead-letters/")
    assert dead.count('name="pair"') + dead.count('name="job"') == 2


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("?q=board", {"Board"}), ("?state=attention", {"Desk"}), ("?state=paused", {"Rest"}), ("?state=healthy", {"Board"}),
        ("?type=github", {"Rest"}), ("?q=pilot", {"Board"}), ("?q=nothing", set()),
    ],
)  # fmt: skip
def test_filters_are_plain_addresses(world: World, query: str, shown: set[str]) -> None:
    world.integration("Board", tags=["pilot"])
    world.integration("Desk", status="ERROR")
    world.integration("Rest", "github", status="PAUSED")
    html = html_of(world, address=HOME + query)
    assert {name for name in ("Board", "Desk", "Rest") if f">{name}</a></h3>" in html} == shown
    assert ("Nothing matches" in html) == (not shown)


def test_another_tenants_integrations_are_neither_shown_nor_counted(world: World) -> None:
    foreign = world.integration("Secret place", tenant=world.foreign, status="ERROR")
    world.conflict(foreign)
    world.job(foreign, JobStatus.DEAD)
    html = html_of(world)
    assert "Secret place" not in html
    assert "Nothing is connected yet" in html


def test_a_viewer_sees_everything_and_may_do_nothing(world: World) -> None:
    integration = world.integration()
    html = html_of(world, Role.VIEWER)
    assert "Waitlist board" in html
    assert "Sync now" not in html
    assert "Sync all" not in html
    viewer = world.client(Role.VIEWER)
    for address in (reverse("hub:sync_all"), reverse("hub:integration_do", args=[integration.pk, "sync"])):
        assert viewer.post(address).status_code == 403
    assert SyncJob.objects.count() == 0


def test_an_operator_starts_everything_that_runs(world: World) -> None:
    world.integration("Board")
    world.integration("Rest", status="PAUSED")
    answer = world.client(Role.OPERATOR).post(reverse("hub:sync_all"), follow=True)
    assert "1 integration started." in answer.content.decode()
    assert SyncJob.objects.get().integration.name == "Board"


def test_the_pulse_of_the_workers(world: World) -> None:
    assert pulse(world.now).word == "Not running"
    cache.set(HEARTBEAT_KEY, (world.now - timedelta(seconds=2)).isoformat())
    assert (pulse(world.now).word, pulse(world.now).tone) == ("Alive", "good")
    cache.set(HEARTBEAT_KEY, (world.now - timedelta(seconds=30)).isoformat())
    assert (pulse(world.now).word, pulse(world.now).tone) == ("Late", "warn")
    cache.set(HEARTBEAT_KEY, (world.now - timedelta(minutes=3)).isoformat())
    assert pulse(world.now).tone == "bad"


def test_a_share_is_never_rounded_up_to_all() -> None:
    assert percent(99.99) == "99.9 %"
    assert percent(100.0) == "100 %"
    assert percent(None) == "—"


def test_two_hundred_integrations_cost_twelve_queries(
    world: World, django_assert_max_num_queries: Any
) -> None:
    for number in range(200):
        world.integration(f"Board {number}")
    client = world.client(Role.MANAGER)
    client.get(HOME)
    with django_assert_max_num_queries(12):
        answer = client.get(HOME)
    assert answer.content.decode().count('<article class="hub-card') == 200


def test_the_pages_refuse_inline_scripts_and_other_origins(world: World) -> None:
    world.integration()
    answer = world.client().get(HOME)
    policy = answer["Content-Security-Policy"]
    assert "script-src 'self' 'unsafe-eval'" in policy
    html = answer.content.decode()
    assert "onclick=" not in html
    assert "<script>" not in html
    assert 'src="http' not in html
    assert 'class="skip-link" href="#content"' in html
