"""A card moved here moves on the vendor's own board, and one moved there moves here, before two pairs of eyes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from playwright.sync_api import Page, expect

from boards.models import Board, Move
from boards.services.opening import board_open
from integrations.models import Integration, JobKind, Mapping, StatusMap, SyncJob
from integrations.services.control import integration_create, integration_enable
from integrations.services.jobs import job_request
from integrations.services.statusmaps import status_map_refresh
from sync.services.jobs import job_run
from tests.browser.conftest import Visits
from tests.browser.house import House

#: stand-in → type of its cards here, where its API is, and how a person there and its own document name the column
BOARDS: dict[str, tuple[str, str, str, Callable[[dict[str, Any]], str]]] = {
    "leankit": ("waitlist_entry", "/io", "lane", lambda card: str(card["laneId"])),
    "trello": ("task", "/1", "list", lambda card: str(card["idList"])),
}


class Vendor:
    """An integration with one stand-in's board, its cards imported; and one of them with two columns to go between."""

    def __init__(self, house: House, slug: str) -> None:
        self.house, self.stand_in = house, house.box.vendor(slug)
        self.record_type, path, self.word, self.column_of = BOARDS[slug]
        house.worker.do(self._connect, slug, path)
        house.worker.wait_idle()
        house.worker.do(self._choose)

    def _connect(self, slug: str, path: str) -> None:
        fixture = self.stand_in.contract_fixture()
        assert fixture is not None
        board_open(self.house.tenant, self.record_type)
        manager = self.house.people["manager"]
        self.integration, _ = integration_create(
            tenant=self.house.tenant, user=manager, name=f"{slug} board", connector=slug,
            base_url=f"{self.house.box.url(slug)}{path}", options=dict(fixture.settings), secrets=dict(fixture.secrets),
            activate=False, conflict_strategy="manual_review", sync_frequency="manual",
        )  # fmt: skip
        status_map_refresh(integration=self.integration, resource="card", user=manager)
        self.integration = integration_enable(integration=self.integration, user=manager)
        job_run(job_id=SyncJob.objects.get(integration=self.integration, kind=JobKind.INITIAL).id)

    def _choose(self) -> None:
        """A card in a column that is its stage's way back, and another stage to move it to."""
        ways = StatusMap.objects.filter(integration=self.integration, resource="card", is_return=True)
        self.columns = {way.local_value: way.external_value for way in ways.exclude(local_value="")}
        stages = {column: stage for stage, column in self.columns.items()}
        for pair in Mapping.objects.filter(integration=self.integration, resource="card").order_by(
            "external_id"
        ):
            column = self.column_of(self.there(pair.external_id or ""))
            if column in stages and pair.record_id is not None:
                self.card, self.external_id, self.start = (
                    pair.record_id,
                    pair.external_id or "",
                    stages[column],
                )
                self.goal = next(stage for stage in self.columns if stage != self.start)
                return
        raise AssertionError("no card stands in a column that is mapped both ways")

    def there(self, external_id: str) -> dict[str, Any]:
        found = self.stand_in.world.get("card", external_id)
        assert found is not None
        return dict(found)

    def where(self) -> str:
        return self.column_of(self.there(self.external_id))

    def move_there(self, stage: str) -> None:
        """As a person of the vendor's side."""
        self.stand_in.edit("card", self.external_id, {self.word: self.columns[stage]})

    def pull(self) -> None:
        def work() -> None:
            integration = Integration.objects.get(pk=self.integration.pk)
            job = job_request(integration=integration, kind=JobKind.MANUAL, user=self.house.people["manager"])
            job_run(job_id=job.id)

        self.house.worker.do(work)

    def moves(self) -> list[tuple[str, str, UUID | None]]:
        rows = Move.objects.filter(record_id=self.card).order_by("-seq")
        return self.house.worker.do(
            lambda: list(rows.values_list("source", "to_stage", "integration_id")[:2])
        )


def expect_card(page: Page, card: UUID, stage: str) -> None:
    expect(page.locator(f"#card-{card}")).to_have_attribute("data-stage", stage)
    expect(page.locator(f"ol[data-stage={stage}] #card-{card}")).to_be_visible()


@pytest.mark.parametrize("slug", list(BOARDS))
def test_a_card_moved_here_moves_there_and_the_other_way_round(
    visit: Visits, house: House, slug: str
) -> None:
    vendor = Vendor(house, slug)
    address = f"/admin/hub/boards/?type={vendor.record_type}"
    mine, theirs = visit("operator", address), visit("viewer", address)
    expect(theirs.locator("[data-live-status]").first).to_have_text("Live")
    expect_card(mine, vendor.card, vendor.start)
    mine.locator(f"#card-{vendor.card}").focus()
    mine.keyboard.press("m")
    dialog = mine.get_by_role("dialog")
    dialog.get_by_label("Column").select_option(vendor.goal)
    dialog.get_by_label("Position").select_option("top")
    dialog.get_by_role("button", name="Move").click()
    for page in (mine, theirs):
        expect_card(page, vendor.card, vendor.goal)
    expect(mine.locator(".is-saving")).to_have_count(0)
    house.worker.wait_idle()
    assert vendor.where() == vendor.columns[vendor.goal]

    vendor.move_there(vendor.start)
    vendor.pull()
    for page in (mine, theirs):
        expect_card(page, vendor.card, vendor.start)  # live, without a reload
    assert vendor.moves() == [("sync", vendor.start, vendor.integration.pk), ("ui", vendor.goal, None)]


def test_what_a_vendors_people_move_is_flagged_over_a_limit_and_never_blocked(
    visit: Visits, house: House
) -> None:
    vendor = Vendor(house, "trello")

    def limit() -> None:
        board = Board.objects.get(tenant=house.tenant, record_type="task")
        next(one for one in board.config["stages"] if one["key"] == vendor.goal)["limit"] = {
            "soft": None,
            "hard": 0,
        }
        board.save()

    house.worker.do(limit)
    page = visit("operator", "/admin/hub/boards/?type=task")
    expect(page.locator("[data-live-status]").first).to_have_text("Live")
    vendor.move_there(vendor.goal)
    vendor.pull()
    expect(page.locator(f"#card-{vendor.card}")).to_have_attribute("data-stage", vendor.goal)
    expect(page.locator(f"[data-head={vendor.goal}]")).to_contain_text("over the limit")
    last = house.worker.do(lambda: Move.objects.filter(record_id=vendor.card).latest("seq"))
    assert (last.source, last.over, last.override) == ("sync", "hard", False)
