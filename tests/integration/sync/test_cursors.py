"""Reading resumes where it stopped, overlaps, and ends only on a positive sign of the end (E9, I9, F12–F14)."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest

from connectors.base.errors import ContractBroken, RecordProblem, Retryable
from connectors.base.types import Page
from integrations.models import Cursor, Mapping, SweepSeen
from sync.services import jobs
from tests.integration.sync.hub import START, Hub
from tests.integration.sync.vendor import VendorClient
from workspace.models import Change, Comment, Task


def _cursor(hub: Hub, resource: str = "card") -> Cursor:
    return Cursor.objects.get(integration=hub.integration, resource=resource)


def _cards(hub: Hub, count: int) -> list[Any]:
    return [hub.vendor.add(name=f"Card {number}") for number in range(count)]


def _since(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What each listing of cards asks for from now on."""
    asked: list[Any] = []
    real = VendorClient.list_page

    def list_page(
        self: Any, resource: str, *, since: Any = None, token: Any = None, parent_id: Any = None
    ) -> Page:
        if resource == "card":
            asked.append(since)
        return real(self, resource, since=since, token=token, parent_id=parent_id)

    monkeypatch.setattr(VendorClient, "list_page", list_page)
    return asked


def test_the_next_read_begins_at_the_start_of_the_last_one_less_the_overlap(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = _since(hub, monkeypatch)
    hub.pull()
    hub.clock.wait(minutes=10)
    hub.pull()
    assert asked == [None, START - timedelta(minutes=2)]
    assert _cursor(hub).since == START + timedelta(minutes=10)


def test_the_cursor_follows_the_vendors_clock_not_ours(hub: Hub) -> None:
    theirs = START - timedelta(hours=3)
    hub.vendor.pages = lambda token: Page([], None, theirs)
    hub.pull()
    assert _cursor(hub).since == theirs


def test_a_record_changed_within_the_overlap_is_read_again_and_changes_nothing(hub: Hub) -> None:
    _cards(hub, 3)
    hub.pull()
    hub.clock.wait(seconds=60)
    before = hub.counts()
    job = hub.pull()
    assert job.noop_count == 3 and hub.counts() == before


def test_a_full_run_asks_for_everything_whatever_the_cursor_says(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.pull()
    asked = _since(hub, monkeypatch)
    hub.clock.wait(minutes=10)
    hub.pull(full=True)
    assert asked == [None] and _cursor(hub).generation == 2


def test_a_vendor_without_updated_since_is_read_as_a_whole_each_time_and_compared(hub: Hub) -> None:
    hub.vendor.reshape("card", incremental=False)
    cards = _cards(hub, 5)
    hub.pull()
    hub.clock.wait(minutes=10)
    hub.vendor.change(cards[0], name="Changed")
    job = hub.pull()
    assert (job.success_count, job.noop_count) == (1, 4)


def test_a_worker_killed_in_the_middle_of_a_page_does_that_page_again_without_doubles(hub: Hub) -> None:
    hub.vendor.page_size = 2
    _cards(hub, 6)
    job = hub.job(resources=["card"])
    with hub.killed("after_page"):
        jobs.job_run(job_id=job.id)
    assert Task.objects.count() == 2 and _cursor(hub).sweep["token"] == 2
    hub.clock.wait(minutes=3)  # its lease ran out
    with hub.killed("before_cursor"):
        jobs.job_run(job_id=job.id)
    assert Task.objects.count() == 2  # the page went back as a whole
    hub.clock.wait(minutes=3)
    assert jobs.job_run(job_id=job.id) == "succeeded"
    job.refresh_from_db()
    assert job.attempts == 3
    assert Task.objects.count() == Mapping.objects.count() == Change.objects.count() == 6
    assert _cursor(hub).sweep is None and not SweepSeen.objects.exists()


def test_a_read_that_broke_off_resumes_at_its_page(hub: Hub) -> None:
    hub.vendor.page_size = 2
    _cards(hub, 6)
    job = hub.job(resources=["card"])
    with hub.killed("after_page"):
        jobs.job_run(job_id=job.id)
    hub.vendor.fail("list", Retryable("busy"))
    hub.clock.wait(minutes=3)
    assert jobs.job_run(job_id=job.id) == "retry_waiting"
    calls = hub.vendor.count("list")
    hub.clock.wait(minutes=5)
    assert jobs.job_run(job_id=job.id) == "succeeded"
    assert hub.vendor.count("list") - calls == 2 and Task.objects.count() == 6
    assert _cursor(hub).since == START


@pytest.mark.parametrize(
    "error", [ContractBroken("Unknown cursor."), RecordProblem("Cursor expired.", status=410)]
)
def test_a_page_mark_the_vendor_no_longer_knows_starts_the_read_anew(hub: Hub, error: Exception) -> None:
    hub.vendor.page_size = 2
    _cards(hub, 6)
    job = hub.job(resources=["card"])
    with hub.killed("after_page"):
        jobs.job_run(job_id=job.id)
    hub.clock.wait(days=2)
    hub.vendor.fail("list", error)
    assert jobs.job_run(job_id=job.id) == "succeeded"
    assert Task.objects.count() == 6 and _cursor(hub).sweep is None


def test_a_full_read_and_an_incremental_one_do_not_take_over_each_others_place(hub: Hub) -> None:
    hub.vendor.page_size = 2
    _cards(hub, 6)
    hub.pull()
    hub.clock.wait(minutes=1)
    job = hub.job(full=True, resources=["card"])
    with hub.killed("after_page"):
        jobs.job_run(job_id=job.id)
    job.refresh_from_db()
    type(job).objects.filter(id=job.id).update(status="cancelled", lease_until=None)
    calls = hub.vendor.count("list")
    assert hub.pull(resources=["card"]).status == "succeeded"
    assert hub.vendor.count("list") - calls == 3  # from its own first page


def test_a_listing_that_repeats_itself_is_a_broken_contract(hub: Hub) -> None:
    hub.vendor.pages = lambda token: Page([], "again", hub.clock.at)
    job = hub.pull(resources=["card"])
    assert (job.status, job.error_code) == ("retry_waiting", "contract")
    assert "repeats itself" in job.error_message and _cursor(hub).since is None


def test_a_listing_without_end_stops_at_the_page_limit_and_is_no_success(hub: Hub) -> None:
    hub.configure(page_limit=5)
    hub.vendor.pages = lambda token: Page([], int(token or 0) + 1, hub.clock.at)
    job = hub.pull(resources=["card"])
    assert (job.status, job.error_code) == ("retry_waiting", "contract")
    assert "more than 5 pages" in job.error_message
    assert hub.vendor.count("list") <= 7 and _cursor(hub).since is None


def test_rows_that_are_thin_are_read_by_id_before_anything_is_believed(hub: Hub) -> None:
    card = hub.vendor.add(name="Thin")
    card.complete = False
    job = hub.pull(resources=["card"])
    assert job.result["outcomes"] == {"marked": 1}
    hub.push()
    assert hub.record(card).title == "Thin" and hub.vendor.count("get") == 1
    hub.clock.wait(minutes=10)
    hub.sync(full=True)
    assert hub.vendor.count("get") == 1  # unchanged since: not read again


def test_a_row_older_than_what_we_know_is_not_believed(hub: Hub) -> None:
    card = hub.vendor.add(name="Old")
    hub.sync()
    task = hub.record(card)
    client = VendorClient(hub.vendor)
    stale = client._record(card)
    hub.clock.wait(minutes=10)
    hub.vendor.change(card, name="New")
    hub.sync()
    hub.clock.wait(minutes=10)
    hub.vendor.pages = lambda token: Page([stale], None, hub.clock.at)
    hub.pull(full=True, resources=["card"])
    hub.push()
    assert hub.fresh(task).title == "New" and hub.counts()["conflicts"] == 0


def test_an_answer_older_than_what_we_know_is_waited_out_but_not_for_ever(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = hub.vendor.add(name="Old")
    hub.sync()
    task = hub.record(card)
    hub.clock.wait(minutes=10)
    hub.vendor.change(card, name="New")
    hub.sync()
    card.data["name"], card.updated_at = "Restored from a backup", START
    hub.deliver("updated", card)
    hub.take_deliveries()
    hub.push()
    assert hub.fresh(task).title == "New" and "older state" in hub.pair(card).state_reason
    hub.clock.wait(minutes=5)
    hub.push()
    assert hub.fresh(task).title == "New"
    hub.clock.wait(minutes=10)
    hub.push()
    assert hub.fresh(task).title == "Restored from a backup" and hub.pair(card).state == "synced"


def test_comments_read_card_by_card_resume_after_the_last_card_that_was_done(hub: Hub) -> None:
    hub.vendor.reshape("remark", lists_across_parents=False)
    cards = _cards(hub, 4)
    hub.pull(resources=["card"])
    for card in cards:
        hub.vendor.add("remark", text=f"On {card.id}", parent_id=card.id)
    hub.vendor.calls.clear()
    job = hub.job(resources=["remark"])
    hub.vendor.fail("list", Retryable("busy"))
    waiting = hub.vendor.faults.pop("list")
    real = VendorClient.list_page
    calls = []

    def list_page(self: Any, *args: Any, **kwargs: Any) -> Page:
        calls.append(kwargs["parent_id"])
        if len(calls) == 3:
            raise waiting[0].error
        return real(self, *args, **kwargs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(VendorClient, "list_page", list_page)
        assert jobs.job_run(job_id=job.id) == "retry_waiting"
        hub.clock.wait(minutes=2)
        assert jobs.job_run(job_id=job.id) == "succeeded"
    assert calls == [cards[0].id, cards[1].id, cards[2].id, cards[2].id, cards[3].id]
    assert Comment.objects.count() == 4
    assert _cursor(hub, "remark").since == START


def test_memory_of_a_sweep_is_emptied_when_it_ends(hub: Hub) -> None:
    hub.vendor.page_size = 2
    _cards(hub, 5)
    hub.pull(full=True)
    hub.pull(full=True)
    assert not SweepSeen.objects.exists() and _cursor(hub).generation == 2


def test_only_the_resources_a_job_names_are_read(hub: Hub) -> None:
    hub.pull(resources=["member"])
    assert [what for verb, what in hub.vendor.calls if verb == "list"] == ["member"]


@dataclass
class Feed:
    """A vendor's own feed of cards: what it was asked, and whether it knows the place it is asked for."""

    asked: list[tuple[Any, Any]] = field(default_factory=list)  # (since, token)
    forgets: bool = False

    def page(self, client: VendorClient, since: Any, token: Any) -> Page:
        self.asked.append((since, token))
        if token and self.forgets:
            raise RecordProblem("That place in the feed is not known any more.", status=410)
        page = client.list_page("card", since=since)
        gone = [card.id for card in client.vendor.rows.values() if card.is_deleted] if token else []
        return replace(page, deleted_ids=gone, resume={"place": len(self.asked)})


class TestFeedOfChanges:
    """A vendor that keeps a feed of its own says with the last page where it goes on (Graph's delta)."""

    @pytest.fixture
    def feed(self, hub: Hub, monkeypatch: pytest.MonkeyPatch) -> Feed:
        feed = Feed()

        class FeedClient(VendorClient):
            def list_page(
                self, resource: str, *, since: Any = None, token: Any = None, parent_id: Any = None
            ) -> Page:
                if resource == "card":
                    return feed.page(VendorClient(self.vendor), since, token)
                return super().list_page(resource, since=since, token=token, parent_id=parent_id)

        monkeypatch.setattr("tests.integration.sync.conftest.VendorClient", FeedClient)
        return feed

    def test_is_followed_from_where_it_ended(self, hub: Hub, feed: Feed) -> None:
        for _ in range(3):
            hub.pull()
        assert feed.asked == [(None, None), (None, {"place": 1}), (None, {"place": 2})]

    def test_is_begun_anew_by_a_full_run(self, hub: Hub, feed: Feed) -> None:
        hub.pull()
        hub.pull(full=True)
        hub.pull()
        assert feed.asked == [(None, None), (None, None), (None, {"place": 2})]

    def test_that_forgot_the_place_is_left_for_the_time_of_the_last_read(self, hub: Hub, feed: Feed) -> None:
        hub.pull()
        feed.forgets = True
        hub.clock.wait(minutes=10)
        hub.pull()
        assert feed.asked == [(None, None), (None, {"place": 1}), (START - timedelta(minutes=2), None)]

    def test_tells_of_deletions_at_the_next_poll(self, hub: Hub, feed: Feed) -> None:
        hub.configure(delete_policy="archive")
        card = hub.vendor.add(name="Short-lived")
        hub.pull()
        hub.vendor.remove(card)
        hub.sync()
        assert hub.pair(card).state == "tombstone"
