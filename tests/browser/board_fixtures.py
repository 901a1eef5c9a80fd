"""A task board with cards, and how a person finds and drags them; ``desk`` is imported by the files that use it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone
from playwright.sync_api import Page, expect

from boards.services.opening import board_open
from tests.browser.house import House
from workspace.models import OriginKind, Task
from workspace.services import Origin, RecordWrite, records_write

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
