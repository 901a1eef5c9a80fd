"""Alice manages, Olga operates, Vera only reads; Carol belongs to another tenant. The task board is open."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.contrib.auth.models import User

from boards.models import Board, Source
from boards.selectors import layout_for
from boards.services.actors import Actor, rights_of
from boards.services.moves import Card, Moved, card_move
from boards.services.neighbours import Target
from boards.services.opening import board_open
from tests.integration.hub_fixtures import *  # noqa: F403
from workspace.models import OriginKind, Task, Tenant
from workspace.services import Origin, record_create


class Clock:
    """Every reading is a second later than the one before."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        self.now += timedelta(seconds=1)
        return self.now


@pytest.fixture
def clock(now: datetime) -> Clock:
    return Clock(now)


@pytest.fixture
def board(tenant: Tenant, now: datetime) -> Board:
    return board_open(tenant, "task", now=now)


@pytest.fixture
def make_task(tenant: Tenant, clock: Clock) -> Callable[..., Task]:
    def make(title: str, stage: str = "backlog", **values: Any) -> Task:
        origin = Origin(kind=OriginKind.SYSTEM)
        made = record_create(
            tenant=tenant, record_type="task", values={"title": title, "stage": stage, **values}, origin=origin,
            now=clock(),
        )  # fmt: skip
        assert isinstance(made, Task)
        return made

    return make


@pytest.fixture
def actor_for(board: Board, tenant: Tenant) -> Callable[..., Actor]:
    def make(user: User, source: Source = Source.UI, session: str = "tab") -> Actor:
        rights = rights_of(user, tenant, layout_for(board))
        return Actor(user=user, source=source, rights=rights, session=session, ip="192.0.2.7")

    return make


@pytest.fixture
def move(board: Board, clock: Clock, actor_for: Callable[..., Actor]) -> Callable[..., Moved]:
    """``move(user, card, "review", after=…)``: with the card's present revision."""

    def run(user: User, card: UUID, stage: str, **options: Any) -> Moved:
        place = {name: options.pop(name) for name in ("after", "before", "edge", "lane") if name in options}
        revision = options.pop("revision", Task.objects.get(pk=card).revision)
        current = Board.objects.select_related("tenant").get(pk=board.pk)
        return card_move(
            board=current, card=Card(card, revision), target=Target(stage, **place), actor=actor_for(user),
            now=clock(), **options,
        )  # fmt: skip

    return run


def column(stage: str) -> list[str]:
    """Titles of a column in the order of the page."""
    rows = Task.objects.filter(stage=stage, deleted_at__isnull=True).order_by("rank", "id")
    return list(rows.values_list("title", flat=True))


def configure(board: Board, **changes: Any) -> Board:
    """Set limits and the like, past the service; ``limits`` and ``stages`` by key."""
    config = dict(Board.objects.get(pk=board.pk).config)
    for key, limit in changes.pop("limits", {}).items():
        next(stage for stage in config["stages"] if stage["key"] == key)["limit"] = limit
    config |= changes
    Board.objects.filter(pk=board.pk).update(config=config)
    return Board.objects.get(pk=board.pk)
