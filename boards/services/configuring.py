"""Configuring a board: whole, versioned, and never leaving cards in a stage that nobody sees by accident."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Count

from boards.core.layout import BadLayout, plain
from boards.defaults import layout_of
from boards.models import Board
from integrations.audit import audit
from live.feed import publish
from workspace.models import Tenant

from .actors import Actor
from .cards import cards_of
from .errors import InvalidConfig, NotAllowed, StageHasCards, StaleConfig
from .moves import MAX_BULK, Card, cards_move
from .neighbours import Target
from .opening import board_open

#: boards of one type in a tenant
MAX_BOARDS = 20


def config_update(
    *,
    board: Board,
    config: Mapping[str, Any],
    version: int,
    actor: Actor,
    now: datetime,
    name: str | None = None,
    relocate: Mapping[str, str] | None = None,
) -> Board:
    """Replace the configuration. ``relocate`` says where the cards of a stage that goes away are put; "" leaves them
    in the Unplaced tray.

    Raises NotAllowed, InvalidConfig, StaleConfig (somebody configured meanwhile) or StageHasCards.
    """
    if "configure" not in actor.rights:
        raise NotAllowed("You may not configure this board.")
    try:
        layout = layout_of(board.record_type, dict(config))
    except BadLayout as bad:
        raise InvalidConfig("Some settings cannot be saved.", errors=bad.errors) from None
    if name is not None and not 1 <= len(name.strip()) <= 120:
        raise InvalidConfig("Some settings cannot be saved.", errors={"name": ["Give 1 to 120 characters."]})
    with transaction.atomic():
        current = Board.objects.select_for_update().get(pk=board.pk)
        if current.config_version != version:
            raise StaleConfig(
                "The board was configured by somebody else meanwhile.",
                current={"version": current.config_version, "config": current.config},
            )
        leaving = _with_cards(
            board, set(layout_of(board.record_type, current.config).keys) - set(layout.keys)
        )
        before = current.config
        current.config, current.config_version = plain(layout), version + 1
        current.name = name.strip() if name is not None else current.name
        current.save()
        audit(
            current, "board.configured", user=actor.user, changes={"config_version": (version, version + 1)},
            note=", ".join(sorted(_differing(before, current.config))),
        )  # fmt: skip
        _relocate(current, leaving, dict(relocate or {}), layout.keys, actor, now)
        _tell(current, actor)
    return Board.objects.get(pk=board.pk)


def _differing(before: Mapping[str, Any], after: Mapping[str, Any]) -> set[str]:
    """The settings that are others now."""
    return {name for name in {*before, *after} if before.get(name) != after.get(name)}


def _with_cards(board: Board, stages: set[str]) -> dict[str, int]:
    if not stages:
        return {}
    rows = cards_of(board.tenant_id, board.record_type).filter(stage__in=stages)
    return {row["stage"]: row["cards"] for row in rows.values("stage").annotate(cards=Count("pk"))}


def _relocate(
    board: Board, leaving: Mapping[str, int], relocate: Mapping[str, str], stays: tuple[str, ...], actor: Actor,
    now: datetime,
) -> None:  # fmt: skip
    unsaid = {stage: count for stage, count in leaving.items() if relocate.get(stage) not in (*stays, "")}
    if unsaid:
        raise StageHasCards(
            "There are cards in a stage that would go away. Say where they go (relocate), or that they stay "
            "unplaced.",
            stages=unsaid,
        )
    for stage in leaving:
        if target := relocate[stage]:
            _move_all(board, stage, target, actor, now)


def _move_all(board: Board, stage: str, target: str, actor: Actor, now: datetime) -> None:
    while True:
        rows = cards_of(board.tenant_id, board.record_type).filter(stage=stage).order_by("rank", "pk")
        page = list(rows.values_list("pk", flat=True)[:MAX_BULK])
        if not page:
            return
        cards_move(
            board=board,
            cards=[Card(card) for card in page],
            target=Target(target),
            actor=actor,
            now=now,
            reason="the stage was taken off the board",
            override="override" in actor.rights,
        )


def _tell(board: Board, actor: Actor) -> None:
    payload = {
        "board": str(board.pk),
        "version": board.config_version,
        "by_id": actor.user.pk if actor.user else None,
    }
    publish(board.room, "KANBAN_CONFIG", payload, tenant_id=board.tenant_id)


def board_add(*, tenant: Tenant, record_type: str, name: str, actor: Actor) -> Board:
    """A further board of a type: the same cards and events, with columns, limits and transitions of its own.

    Begins as the default board is configured. Raises NotAllowed or InvalidConfig.
    """
    if "configure" not in actor.rights:
        raise NotAllowed("You may not add a board.")
    if not 1 <= len(name.strip()) <= 120:
        raise InvalidConfig("The board cannot be added.", errors={"name": ["Give 1 to 120 characters."]})
    if Board.objects.filter(tenant=tenant, record_type=record_type).count() >= MAX_BOARDS:
        raise InvalidConfig(
            "The board cannot be added.", errors={"name": [f"There are {MAX_BOARDS} already."]}
        )
    origin = board_open(tenant, record_type)
    with transaction.atomic():
        made = Board.objects.create(
            tenant=tenant, record_type=record_type, name=name.strip(), config=origin.config, is_default=False
        )
        audit(made, "board.created", user=actor.user)
    return made
