"""A task board with cards, and how a person finds and drags them; ``desk`` is imported by the files that use it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone
from playwright.sync_api import Page, expect

from boards.models import Board, Source
from boards.services.actors import Actor
from boards.services.moves import Card, cards_move
from boards.services.neighbours import Target
from boards.services.opening import board_open
from tests.browser.house import House
from workspace.models import OriginKind, Task
from workspace.services import Origin, RecordWrite, record_update, records_write

Desk = Callable[..., dict[str, Task]]


@pytest.fixture
def desk(house: House) -> Desk:
    """A task board with these cards; its address is ``/admin/hub/boards/?type=task``."""

    def make(**cards: str) -> dict[str, Task]:
        def work() -> dict[str, Task]:
            board_open(house.tenant, "task")
            writes = [RecordWrite(None, {"title": title, "stage": stage}) for title, stage in cards.items()]
            with transaction.atomic():
                done = records_write(
                    tenant=house.tenant, record_type="task", writes=writes, origin=Origin(OriginKind.SYSTEM),
                    now=timezone.now(),
                )  # fmt: skip
            return {title: Task.objects.get(pk=one.record_id) for title, one in zip(cards, done, strict=True)}

        return house.worker.do(work)

    return make


BOARD = "/admin/hub/boards/?type=task"


def column(page: Page, stage: str) -> list[str]:
    return page.locator(f"ol[data-stage={stage}] .card__title").all_text_contents()


def expect_column(page: Page, stage: str, *titles: str) -> None:
    expect(page.locator(f"ol[data-stage={stage}] .card__title")).to_have_text(list(titles))
    expect(page.locator(".is-saving")).to_have_count(0)  # the server has answered


def card(page: Page, title: str) -> Any:
    return page.get_by_label(title, exact=True).and_(page.locator("[data-card]"))


def drag(page: Page, title: str, x: float, y: float) -> None:
    box = card(page, title).bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] - 8)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 2 + 10, box["y"] + box["height"], steps=3)
    page.mouse.move(x, y, steps=8)
    page.mouse.up()


def live(page: Page) -> Page:
    expect(page.locator("[data-live-status]").first).to_have_text("Live")
    return page


def edit(house: House, task: Task, **values: Any) -> None:
    house.worker.do(
        record_update, tenant=house.tenant, record_type="task", record_id=task.pk, values=values,
        origin=Origin(OriginKind.USER, user=house.people["operator"]), now=timezone.now(),
    )  # fmt: skip


def carry(page: Page, title: str, selector: str) -> None:
    """As ``drag``, but following the place: the row that a card is taken from shrinks on the way."""
    page.mouse.move(*middle(page, f"[data-card][aria-label={title}]"))
    page.mouse.down()
    for _ in range(3):
        page.mouse.move(*middle(page, selector), steps=4)
    page.mouse.up()


def middle(page: Page, selector: str) -> tuple[float, float]:
    box = page.locator(selector).bounding_box()
    assert box is not None
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def configure(house: House, **changes: Any) -> None:
    def work() -> None:
        board = Board.objects.get(tenant=house.tenant, record_type="task")
        board.config |= changes
        board.save()

    house.worker.do(work)


def put(house: House, task: Task, stage: str, **place: Any) -> None:
    """Move a card as a sync does."""

    def work() -> None:
        cards_move(
            board=Board.objects.select_related("tenant").get(tenant=house.tenant, record_type="task"),
            cards=[Card(task.pk)],
            target=Target(stage, **place),
            actor=Actor(source=Source.SYNC),
            now=timezone.now(),
        )

    house.worker.do(work)


def without(house: House, key: str) -> None:
    """Take a stage from the board."""

    def work() -> Any:
        return Board.objects.get(tenant=house.tenant, record_type="task").config["stages"]

    configure(house, stages=[stage for stage in house.worker.do(work) if stage["key"] != key])


def expect_caught_up(page: Page, house: House) -> None:
    """Until the page has shown every move that the board has."""

    def work() -> int:
        return Board.objects.get(tenant=house.tenant, record_type="task").last_seq

    page.wait_for_function("seq => window.LockstepBoard.data.seq >= seq", arg=house.worker.do(work))


def scroll_to_card(page: Page, selector: str, title: str, *, up: bool = False, most: int = 300) -> None:
    """Scroll a column to its end, frame by frame, until it has come as far as this card, with ``most`` cards at a time."""
    page.wait_for_function(
        """([selector, title, up, most]) => {
            if (document.querySelectorAll("[data-card]").length > most) throw new Error("too many cards");
            const box = selector ? document.querySelector(selector) : document.scrollingElement;
            if (up) { box.scrollTop = 5; box.scrollTop = 0; } else box.scrollTop = box.scrollHeight;
            return [...document.querySelectorAll(".card__title")].some((one) => one.textContent.trim() === title);
        }""",
        arg=[selector, title, up, most],
    )
