"""Moving cards, and what a person sets: the configuration, locks, presence, preferences."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from boards.models import Board
from boards.selectors import (
    layout_for,
    own_settings,
)
from boards.services.configuring import config_update
from boards.services.locks import (
    lock_of,
    lock_release,
    lock_renew,
    lock_take,
    lock_take_over,
    presence_note,
)
from boards.services.moves import Card, Moved, cards_move, person
from boards.services.neighbours import Target
from boards.services.preferences import collapsed_set, view_save, view_share
from boards.services.sequence import move_as_dict
from boards.services.undo import redo, undo, undoable_after
from integrations.api.base import KEY_PARAMETER, TENANT_PARAMETER
from workspace.access import Action

from .base import BOARD, TYPE, BoardView
from .reading import config_out
from .serializers import (
    BulkMoveIn,
    ConfigIn,
    ConfigOut,
    MovedOut,
    MoveIn,
    PreferencesIn,
    SessionIn,
    TypeIn,
)

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
