"""What the endpoints of boards share: the board of the address, the actor, and errors with their own status."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from typing import Any, ClassVar
from uuid import UUID

from django.http import Http404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import BaseThrottle
from rest_framework.views import set_rollback

from boards.models import BOARD_TYPES, Board, Source
from boards.selectors import Filters, layout_for
from boards.services.actors import Actor, rights_of
from boards.services.errors import BoardError
from boards.services.opening import board_open
from integrations.api.base import TenantView
from integrations.api.problems import Problem, handler, problem_response
from integrations.correlation import correlation_id
from workspace.access import Action

TYPE = OpenApiParameter("record_type", OpenApiTypes.STR, OpenApiParameter.PATH, enum=list(BOARD_TYPES))
BOARD = OpenApiParameter("board", OpenApiTypes.UUID, description="A further board of this type.")
FILTERS = [
    OpenApiParameter(name, OpenApiTypes.STR) for name in ("q", "assignee", "priority", "label", "lane")
]
WRITES = dict.fromkeys(["post", "put", "patch", "delete"], Action.EDIT_RECORDS)


def board_handler(exc: Exception, context: dict[str, Any]) -> Response | None:
    """The API's handler, with what a board refuses."""
    if isinstance(exc, BoardError):
        set_rollback()
        return problem_response(Problem(exc.status, exc.code, exc.message, **exc.facts))
    return handler(exc, context)


class BoardView(TenantView):
    """Views of one board, by its type; rights within are the board's own (``rights``)."""

    actions: ClassVar[dict[str, Action]] = WRITES
    filter_backends = ()

    def get_exception_handler(self) -> Callable[[Exception, dict[str, Any]], Response | None]:
        return board_handler

    def board(self, record_type: str | None = None, board_id: UUID | str | None = None) -> Board:
        """The board that is meant; another tenant's, or of another type, is a 404."""
        kind = record_type or self.kwargs["record_type"]
        if kind not in BOARD_TYPES:
            raise Http404
        wanted = board_id or self.request.query_params.get("board")
        if not wanted:
            return board_open(self.tenant, kind)
        try:
            key = UUID(str(wanted))
        except ValueError:
            raise Http404 from None
        row = Board.objects.filter(tenant=self.tenant, record_type=kind, pk=key).first()
        if row is None:
            raise Http404
        row.tenant = self.tenant
        return row

    def stream(self) -> Board:
        """The board that carries the events of the one that is meant."""
        board = self.board()
        return board if board.is_default else board_open(self.tenant, board.record_type)

    def actor(self, board: Board, session: str = "") -> Actor:
        return Actor(
            user=self.request.user,
            source=Source.UI if self.request.headers.get("X-Lockstep-Page") == "board" else Source.API,
            rights=rights_of(self.request.user, self.tenant, layout_for(board)),
            ip=_address(self.request),
            session=session,
            correlation_id=correlation_id(),
        )

    def filters(self) -> Filters:
        asked = self.request.query_params
        return Filters(
            text=asked.get("q", ""),
            assignee=asked.get("assignee", ""),
            priority=asked.get("priority", ""),
            label=asked.get("label", ""),
            lane=asked.get("lane"),
        )

    def number(self, name: str, default: int, high: int) -> int:
        """A whole number of the query, from 0."""
        raw = self.request.query_params.get(name)
        if raw is None or raw == "":
            return default
        if not (raw.isascii() and raw.isdigit() and len(raw) <= 18) or int(raw) > high:
            raise ValidationError({name: [f"This must be a whole number from 0 to {high}."]})
        return int(raw)


def _address(request: Request) -> str | None:
    """The client's address behind the proxies that the settings name."""
    text = BaseThrottle().get_ident(request)
    try:
        return str(ipaddress.ip_address(text)) if text else None
    except ValueError:
        return None
