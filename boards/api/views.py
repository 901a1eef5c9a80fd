"""Reading a board and moving its cards."""

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
from boards.selectors import (
    BadCursor,
    CardPage,
    CardView,
    boards_of,
    column_page,
    history,
    layout_for,
    moves_after,
    own_settings,
    stage_counts,
)
from boards.services.configuring import board_add, config_update
from boards.services.locks import (
    lock_of,
    lock_release,
    lock_renew,
    lock_take,
    lock_take_over,
    locks_of,
    presence_note,
    present,
)
from boards.services.moves import Card, Moved, cards_move, person
from boards.services.neighbours import Target
from boards.services.preferences import collapsed_set, view_save, view_share
from boards.services.sequence import move_as_dict
from boards.services.undo import redo, undo, undoable, undoable_after
from integrations.api.base import KEY_PARAMETER, MAX_LIMIT, TENANT_PARAMETER
from workspace.access import Action

from .base import BOARD, FILTERS, TYPE, BoardView
from .serializers import (
    BoardIn,
    BoardOut,
    BulkMoveIn,
    CardPageOut,
    ConfigIn,
    ConfigOut,
    MovedOut,
    MoveIn,
    MoveOut,
    PreferencesIn,
    SessionIn,
    TypeIn,
)

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
        counts = stage_counts(board)
        buttons = undoable(board, request.user)
        stages = [
            {
                **stage,
                "count": counts.get(stage["key"], 0),
                **page_out(column_page(board, layout, stage["key"], filters=filters)),
            }
            for stage in plain(layout)["stages"]
        ]
        return Response(
            {
                "id": board.pk, "type": board.record_type, "name": board.name, "room": board.room, "seq": board.last_seq,
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


@extend_schema(tags=["kanban"], parameters=[TENANT_PARAMETER, TYPE])
class MovesView(BoardView):
    serializer_class = MoveOut

    @extend_schema(
        operation_id="kanban_moves_after", parameters=[OpenApiParameter("after", OpenApiTypes.INT)],
        responses=OpenApiTypes.OBJECT,
    )  # fmt: skip
    def get(self, request: Request, record_type: str) -> Response:
        """Moves after a number, oldest first: for a client that missed some."""
        board = self.board()
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


# ---------------------------------------------------------------- moving


class MovingView(BoardView):
    serializer_class = MovedOut

    def moved(self, board: Board, done: Moved) -> Response:
        buttons = undoable_after(board, self.request.user, done)
        by = person(self.request.user)
        return Response(
            {
                "moves": [move_as_dict(move, by) for move in done.moves], "warnings": list(done.warnings),
                "repeated": done.repeated, "undo": buttons.undo, "redo": buttons.redo,
            }
        )  # fmt: skip

    def move(self, data: dict[str, Any], cards: list[Card]) -> Response:
        board = self.board(data["type"], data.get("board"))
        target = Target(
            stage=data["to"], after=data.get("after"), before=data.get("before"), edge=data["edge"],
            lane=data.get("lane"),
        )  # fmt: skip
        done = cards_move(
            board=board, cards=cards, target=target, actor=self.actor(board, data["session"]), now=timezone.now(),
            reason=data["reason"], override=data["override"], command_id=data.get("command_id"),
        )  # fmt: skip
        return self.moved(board, done)


@extend_schema(tags=["kanban"], parameters=[TENANT_PARAMETER, KEY_PARAMETER])
class MoveView(MovingView):
    @extend_schema(operation_id="kanban_move", request=MoveIn, responses=MovedOut)
    def post(self, request: Request) -> Response:
        """Move one card between two neighbours."""
        data = self.valid(MoveIn)
        return self.move(data, [Card(data["card"], data["revision"])])


@extend_schema(tags=["kanban"], parameters=[TENANT_PARAMETER, KEY_PARAMETER])
class BulkMoveView(MovingView):
    @extend_schema(operation_id="kanban_bulk_move", request=BulkMoveIn, responses=MovedOut)
    def post(self, request: Request) -> Response:
        """Move several cards to one place, all or none; they keep the order of the list."""
        data = self.valid(BulkMoveIn)
        return self.move(data, [Card(card["id"], card["revision"]) for card in data["cards"]])


@extend_schema(tags=["kanban"], parameters=[TENANT_PARAMETER, KEY_PARAMETER])
class UndoView(MovingView):
    @extend_schema(operation_id="kanban_undo", request=TypeIn, responses=MovedOut)
    def post(self, request: Request) -> Response:
        """Take back your last command on this board."""
        return self._run(undo)

    def _run(self, what: Any) -> Response:
        data = self.valid(TypeIn)
        board = self.board(data["type"], data.get("board"))
        done = what(
            board=board, actor=self.actor(board, data["session"]), now=timezone.now(), override=data["override"],
            reason=data["reason"],
        )  # fmt: skip
        return self.moved(board, done)


@extend_schema(tags=["kanban"], parameters=[TENANT_PARAMETER, KEY_PARAMETER])
class RedoView(UndoView):
    @extend_schema(operation_id="kanban_redo", request=TypeIn, responses=MovedOut)
    def post(self, request: Request) -> Response:
        """Do again what your last undo took back."""
        return self._run(redo)


# ---------------------------------------------------------------- configuration, locks, presence


def config_out(board: Board) -> dict[str, Any]:
    return {
        "id": str(board.pk), "name": board.name, "type": board.record_type, "version": board.config_version,
        "config": plain(layout_for(board)),
    }  # fmt: skip


@extend_schema(tags=["kanban"], parameters=[TENANT_PARAMETER, TYPE, BOARD])
class ConfigView(BoardView):
    serializer_class = ConfigOut

    @extend_schema(operation_id="kanban_config")
    def get(self, request: Request, record_type: str) -> Response:
        """The board's configuration and its version."""
        return Response(config_out(self.board()))

    @extend_schema(operation_id="kanban_config_put", request=ConfigIn, responses=ConfigOut)
    def put(self, request: Request, record_type: str) -> Response:
        """Replace the configuration; names the version that was edited."""
        data = self.valid(ConfigIn)
        if not isinstance(data["config"], dict):
            raise ValidationError({"config": ["Give an object."]})
        board = self.board()
        saved = config_update(
            board=board, config=data["config"], version=data["version"], actor=self.actor(board), now=timezone.now(),
            name=data.get("name"), relocate=data.get("relocate"),
        )  # fmt: skip
        return Response(config_out(saved))


@extend_schema(
    tags=["kanban"], parameters=[TENANT_PARAMETER, TYPE], request=SessionIn, responses=OpenApiTypes.OBJECT
)
class LockView(BoardView):
    serializer_class = SessionIn

    @extend_schema(operation_id="kanban_lock_get", request=None)
    def get(self, request: Request, record_type: str, card: UUID) -> Response:
        """Who holds the card, if anybody."""
        lock = lock_of(self.board(), card, timezone.now())
        return self._shown(lock) if lock else Response({"card": str(card), "holder": None, "until": None})

    @extend_schema(operation_id="kanban_lock")
    def post(self, request: Request, record_type: str, card: UUID) -> Response:
        """Take a card for 30 seconds; with take_over, from whoever has it."""
        data = self.valid(SessionIn)
        board = self.board()
        take = lock_take_over if data["take_over"] else lock_take
        return self._shown(
            take(board=board, card=card, actor=self.actor(board, data["session"]), now=timezone.now())
        )

    @extend_schema(operation_id="kanban_lock_renew")
    def put(self, request: Request, record_type: str, card: UUID) -> Response:
        """Thirty seconds more."""
        board = self.board()
        actor = self.actor(board, self.valid(SessionIn)["session"])
        return self._shown(lock_renew(board=board, card=card, actor=actor, now=timezone.now()))

    @extend_schema(
        operation_id="kanban_lock_release", request=None,
        parameters=[OpenApiParameter("session", OpenApiTypes.STR, required=True)],
    )  # fmt: skip
    def delete(self, request: Request, record_type: str, card: UUID) -> Response:
        """Give it back."""
        board = self.board()
        actor = self.actor(board, request.query_params.get("session", ""))
        return Response({"released": lock_release(board=board, card=card, actor=actor, now=timezone.now())})

    def _shown(self, lock: Any) -> Response:
        return Response(
            {
                "card": str(lock.record_id),
                "holder": person(lock.holder),
                "holder_id": lock.holder_id,
                "session": lock.session,
                "until": lock.expires_at.isoformat(),
            }
        )


@extend_schema(tags=["kanban"], parameters=[TENANT_PARAMETER, TYPE, BOARD])
class PresenceView(BoardView):
    serializer_class = SessionIn

    def needed(self, request: Request) -> Action:
        return Action.VIEW  # readers are here as well

    @extend_schema(operation_id="kanban_presence", request=SessionIn, responses=OpenApiTypes.OBJECT)
    def post(self, request: Request, record_type: str) -> Response:
        """This tab has the board open, or leaves it; who is here."""
        data = self.valid(SessionIn)
        here = presence_note(
            board=self.board(),
            user=request.user,
            session=data["session"],
            now=timezone.now(),
            leaving=data["leaving"],
        )
        return Response({"here": here})


@extend_schema(tags=["kanban"], parameters=[TENANT_PARAMETER, TYPE, BOARD])
class PreferencesView(BoardView):
    serializer_class = PreferencesIn

    def needed(self, request: Request) -> Action:
        return Action.VIEW  # a person's own; readers have some too

    @extend_schema(operation_id="kanban_preferences", request=PreferencesIn, responses=OpenApiTypes.OBJECT)
    def put(self, request: Request, record_type: str) -> Response:
        """Your collapsed columns and saved views."""
        data, board = self.valid(PreferencesIn), self.board()
        actor, view = self.actor(board), data.get("view")
        if "collapsed" in data:
            collapsed_set(board=board, actor=actor, stages=data["collapsed"])
        if view is not None and view["shared"]:
            view_share(board=board, actor=actor, name=view["name"], query=view["query"], now=timezone.now())
        elif view is not None:
            view_save(board=board, actor=actor, name=view["name"], query=view["query"])
        own = own_settings(board, request.user, layout_for(board))
        return Response(
            {"collapsed": list(own.collapsed), "views": list(own.views), "shared_views": list(own.shared)}
        )
