"""A record's latest moves, on the record's own page."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.safestring import SafeString, mark_safe

from boards.core.layout import Layout
from boards.models import BOARD_TYPES, Board
from boards.selectors import history, layout_for
from boards.services.actors import rights_of
from workspace.models import Record

SHOWN = 8


def moves_panel(request: HttpRequest, record: Record) -> SafeString | str:
    """Nothing for types without a board, or before the board was opened."""
    if record.record_type not in BOARD_TYPES:
        return ""
    board = Board.objects.filter(
        tenant_id=record.tenant_id, record_type=record.record_type, is_default=True
    ).first()
    if board is None:
        return ""
    layout = layout_for(board)
    lines = [
        (move, layout.name_of(move.from_stage) if move.from_stage else "", layout.name_of(move.to_stage) if move.to_stage else "")
        for move in history(board, card=record.pk, limit=SHOWN)
    ]  # fmt: skip
    lease = _lease(request, board, layout) if record.deleted_at is None else None
    html = render_to_string(
        "boards/panel.html", {"board": board, "lines": lines, "record": record, "lease": lease}
    )
    return mark_safe(html)  # noqa: S308 (our own template, which escapes)


def _lease(request: HttpRequest, board: Board, layout: Layout) -> dict[str, Any] | None:
    """What the page needs to hold the card while somebody edits it; None for who only reads."""
    rights = rights_of(request.user, board.tenant, layout)
    if "move" not in rights:
        return None
    return {
        "api": reverse("kanban:boards").removesuffix("boards"), "me": request.user.pk,
        "take_over": "break_lock" in rights,
    }  # fmt: skip
