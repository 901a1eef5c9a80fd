"""Reading a board: its columns with their cards, how full they are, and its moves."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any
from uuid import UUID

from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from boards.core.layout import Layout, plain
from boards.models import Board
from boards.occupancy import Fill, counted, occupancy
from boards.selectors import (
    BadCursor,
    CardPage,
    CardView,
    boards_of,
    column_page,
    column_pages,
    history,
    layout_for,
    moves_after,
    shown_counts,
)
from boards.services.configuring import board_add
from boards.services.locks import locks_of, present
from boards.services.moves import person
from boards.services.sequence import move_as_dict
from boards.services.undo import undoable
from integrations.api.base import KEY_PARAMETER, MAX_LIMIT, TENANT_PARAMETER

from .base import BOARD, FILTERS, TYPE, BoardView
from .serializers import BoardIn, BoardOut, CardPageOut, ConfigOut, FillsOut, MoveOut

CURSOR = OpenApiParameter("cursor", OpenApiTypes.STR)
LIMIT = OpenApiParameter("limit", OpenApiTypes.INT, description=f"At most {MAX_LIMIT}.")


def card_out(card: CardView) -> dict[str, Any]:
    found = asdict(card)
    found["badges"] = [
        {"word": badge.word, "kind": badge.kind, "integration": badge.integration} for badge in card.badges
    ]
    return found


def page_out(page: CardPage) -> dict[str, Any]:
    return {"cards": [card_out(card) for card in page.cards], "next_cursor": page.next_cursor}


def config_out(board: Board) -> dict[str, Any]:
    return {
        "id": str(board.pk), "name": board.name, "type": board.record_type, "version": board.config_version,
        "config": plain(layout_for(board)),
    }  # fmt: skip


@extend_schema(tags=["kanban"])
class BoardsView(BoardView):
    serializer_class = BoardOut

    @extend_schema(
        operation_id="kanban_boards", parameters=[TENANT_PARAMETER], responses=ConfigOut(many=True)
    )
    def get(self, request: Request) -> Response:
        """The tenant's boards that have been opened."""
        return Response([config_out(board) for board in boards_of(self.tenant)])

    @extend_schema(
        operation_id="kanban_board_add", parameters=[TENANT_PARAMETER, KEY_PARAMETER], request=BoardIn,
        responses={201: ConfigOut},
    )  # fmt: skip
    def post(self, request: Request) -> Response:
        """A further board of a type: the same cards with columns, limits and transitions of its own."""
        data = self.valid(BoardIn)
        actor = self.actor(self.board(data["type"]))
        made = board_add(tenant=self.tenant, record_type=data["type"], name=data["name"], actor=actor)
        return Response(config_out(made), status=201)


@extend_schema(tags=["kanban"], parameters=[TENANT_PARAMETER, TYPE, BOARD])
class BoardStateView(BoardView):
    serializer_class = BoardOut

    @extend_schema(operation_id="kanban_board", parameters=FILTERS)
    def get(self, request: Request, record_type: str) -> Response:
        """The board: its stages with the first cards of each, and the number to listen on from."""
        board = self.board()
        layout, now, filters = layout_for(board), timezone.now(), self.filters()
        counts, seq = counted(board)
        buttons = undoable(board, request.user)
        pages = column_pages(board, layout, filters)
        stages = [
            {
                **stage,
                "count": counts.get(stage["key"], 0),
                **page_out(pages[stage["key"]]),
            }
            for stage in plain(layout)["stages"]
        ]
        return Response(
            {
                "id": board.pk, "type": board.record_type, "name": board.name, "room": board.room, "seq": seq,
                "config_version": board.config_version, "rights": sorted(self.actor(board).rights), "stages": stages,
                "unplaced": unplaced(layout, counts), "locks": locks_of(board, now), "here": present(board, now),
                "undo": buttons.undo, "redo": buttons.redo,
            }
        )  # fmt: skip


def unplaced(layout: Layout, counts: dict[str, int]) -> dict[str, int]:
    return {stage: count for stage, count in counts.items() if stage not in layout.by_key}


@extend_schema(tags=["kanban"], parameters=[TENANT_PARAMETER, TYPE, BOARD])
class StageCardsView(BoardView):
    serializer_class = CardPageOut

    @extend_schema(operation_id="kanban_stage_cards", parameters=[CURSOR, LIMIT, *FILTERS])
    def get(self, request: Request, record_type: str, stage: str) -> Response:
        """A column's cards, 50 at a time."""
        board = self.board()
        limit = self.number("limit", 50, MAX_LIMIT)
        cursor = request.query_params.get("cursor", "")
        try:
            page = column_page(
                board, layout_for(board), stage, cursor=cursor, limit=max(1, limit), filters=self.filters()
            )
        except BadCursor as bad:
            raise ValidationError({"cursor": [str(bad)]}) from None
        return Response(page_out(page))


@extend_schema(tags=["kanban"], parameters=[TENANT_PARAMETER, TYPE, BOARD])
class FillsView(BoardView):
    serializer_class = FillsOut

    @extend_schema(operation_id="kanban_fills", parameters=FILTERS)
    def get(self, request: Request, record_type: str) -> Response:
        """How full columns and lanes are, and what their limits say to it, filters left aside; and how many cards per
        stage a filter lets through."""
        board, filters = self.board(), self.filters()
        layout = layout_for(board)
        found = occupancy(board, layout)
        return Response(
            {
                "shown": shown_counts(board, layout, filters) if filters else {},
                "stages": [{"stage": stage, **fill_out(fill)} for stage, fill in found.stages.items()],
                "cells": [
                    {"stage": stage, "lane": lane, **fill_out(fill)}
                    for (stage, lane), fill in found.cells.items()
                ],
            }
        )


def fill_out(fill: Fill) -> dict[str, Any]:
    return {
        "count": fill.count, "total": fill.total_text, "limit": fill.limit_text, "words": fill.words, "tone": fill.tone,
    }  # fmt: skip


@extend_schema(tags=["kanban"], parameters=[TENANT_PARAMETER, TYPE])
class MovesView(BoardView):
    serializer_class = MoveOut

    @extend_schema(
        operation_id="kanban_moves_after", parameters=[OpenApiParameter("after", OpenApiTypes.INT)],
        responses=OpenApiTypes.OBJECT,
    )  # fmt: skip
    def get(self, request: Request, record_type: str) -> Response:
        """Moves after a number, oldest first: for a client that missed some."""
        board = self.stream()
        moves = moves_after(board, self.number("after", 0, 10**18))
        found = [move_as_dict(move, person(move.user)) for move in moves]
        return Response({"moves": found, "last_seq": board.last_seq})


@extend_schema(tags=["kanban"], parameters=[TENANT_PARAMETER, TYPE])
class HistoryView(BoardView):
    serializer_class = MoveOut

    @extend_schema(
        operation_id="kanban_history",
        parameters=[
            OpenApiParameter("card", OpenApiTypes.UUID),
            OpenApiParameter("before", OpenApiTypes.INT, description="Only moves with a smaller number."),
            LIMIT,
        ],
        responses=MoveOut(many=True),
    )
    def get(self, request: Request, record_type: str) -> Response:
        """Moves, newest first, of the board or of one card."""
        before = self.number("before", 0, 10**18)
        rows = history(
            self.board(),
            card=self._card(),
            before=before or None,
            limit=max(1, self.number("limit", 50, MAX_LIMIT)),
        )
        return Response([move_as_dict(move, person(move.user)) for move in rows])

    def _card(self) -> UUID | None:
        raw = self.request.query_params.get("card")
        try:
            return UUID(raw) if raw else None
        except ValueError:
            raise ValidationError({"card": ["This is not the id of a card."]}) from None
