"""Figures, the past, snapshots and checks."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from boards.core.metrics import DEFINITIONS, Figures
from boards.core.replay import columns
from boards.models import PeriodKind, StageMetric
from boards.selectors import layout_for
from boards.services.checks import repair, verify
from boards.services.errors import NotAllowed
from boards.services.rollup import figures_of
from boards.services.snapshots import snapshot_take, state_at
from integrations.api.base import KEY_PARAMETER, TENANT_PARAMETER
from integrations.api.filters import instant_of

from .base import TYPE, BoardView
from .serializers import RepairIn

SINCE = OpenApiParameter("since", OpenApiTypes.DATETIME)
UNTIL = OpenApiParameter("until", OpenApiTypes.DATETIME)


class TimedView(BoardView):
    serializer_class = RepairIn

    def instant(self, name: str, default: datetime | None) -> datetime | None:
        raw = self.request.query_params.get(name)
        if not raw:
            return default
        found = instant_of(raw.replace(" ", "+"))
        if found is None:
            raise ValidationError({name: ["Give a time with its zone, as 2025-07-01T10:00:00Z."]})
        return found


def figures_out(found: Figures) -> dict[str, Any]:
    return {**asdict(found), "definitions": dict(DEFINITIONS)}


@extend_schema(tags=["kanban"], parameters=[TENANT_PARAMETER, TYPE], responses=OpenApiTypes.OBJECT)
class MetricsView(TimedView):
    @extend_schema(
        operation_id="kanban_metrics",
        parameters=[SINCE, UNTIL, OpenApiParameter("period", OpenApiTypes.STR, enum=PeriodKind.values)],
    )
    def get(self, request: Request, record_type: str) -> Response:
        """Figures of a time (30 days unless said), or, with ``period``, the kept ones of each hour, day or week."""
        board, now = self.stream(), timezone.now()
        until = self.instant("until", now) or now
        since = self.instant("since", until - timedelta(days=30)) or until
        if since >= until:
            raise ValidationError({"since": ["This must be before until."]})
        kind = request.query_params.get("period")
        if kind is None:
            return Response(figures_out(figures_of(board, since, until, layout=layout_for(self.board()))))
        if kind not in PeriodKind.values:
            raise ValidationError({"period": [f"This must be one of {', '.join(PeriodKind.values)}."]})
        rows = StageMetric.objects.filter(board=board, period=kind, since__gte=since, since__lt=until)
        fields = [
            field.name for field in StageMetric._meta.concrete_fields if field.name not in ("id", "board")
        ]
        return Response(
            {"period": kind, "rows": list(rows.order_by("since", "stage").values(*fields)[:5000])}
        )


@extend_schema(tags=["kanban"], parameters=[TENANT_PARAMETER, TYPE], responses=OpenApiTypes.OBJECT)
class StateView(TimedView):
    @extend_schema(
        operation_id="kanban_state",
        parameters=[OpenApiParameter("at", OpenApiTypes.DATETIME), OpenApiParameter("seq", OpenApiTypes.INT)],
    )
    def get(self, request: Request, record_type: str) -> Response:
        """The board as it was: after a move's number or at a time; card ids per stage in order."""
        board = self.stream()
        number = self.number("seq", -1, 10**18)
        state, seq = state_at(
            board.pk, seq=None if number < 0 else min(number, board.last_seq), at=self.instant("at", None)
        )
        return Response({"seq": seq, "cards": len(state), "stages": columns(state)})


@extend_schema(
    tags=["kanban"], parameters=[TENANT_PARAMETER, TYPE, KEY_PARAMETER], responses=OpenApiTypes.OBJECT
)
class SnapshotView(TimedView):
    @extend_schema(operation_id="kanban_snapshot", request=None)
    def post(self, request: Request, record_type: str) -> Response:
        """Keep the board as it is now; nothing to do if nothing moved since the last snapshot."""
        board = self.stream()
        if "configure" not in self.actor(board).rights:
            raise NotAllowed("Your role does not let you keep snapshots of this board.")
        made = snapshot_take(board=board, now=timezone.now())
        if made is None:
            return Response({"taken": False}, status=200)
        return Response({"taken": True, "seq": made.seq, "cards": made.cards}, status=201)


@extend_schema(tags=["kanban"], parameters=[TENANT_PARAMETER, TYPE], responses=OpenApiTypes.OBJECT)
class ConsistencyView(TimedView):
    @extend_schema(operation_id="kanban_verify")
    def get(self, request: Request, record_type: str) -> Response:
        """Does the board agree with its events? Every difference by name."""
        return Response(verify(self.stream(), timezone.now()).as_dict())

    @extend_schema(operation_id="kanban_repair", request=RepairIn)
    def post(self, request: Request, record_type: str) -> Response:
        """Make them agree, keeping what the records say or what the events say."""
        keep = self.valid(RepairIn)["keep"]
        board = self.stream()
        return Response(repair(board=board, actor=self.actor(board), now=timezone.now(), keep=keep).as_dict())
