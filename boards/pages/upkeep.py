"""A board's history, its checks and its settings."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils import timezone

from boards.selectors import history, layout_for
from boards.services.actors import rights_of
from boards.services.checks import repair, verify
from boards.services.errors import BoardError
from boards.services.snapshots import snapshot_take
from integrations.pages.base import as_uuid
from workspace.kinds import record_spec

from .base import BoardBase

ROWS = 50


class HistoryPage(BoardBase):
    """Moves of the board or of one card, newest first; and the board as of a time."""

    template_name = "boards/history.html"

    def get(self, request: HttpRequest, board_id: UUID) -> HttpResponse:
        self.setup_board(board_id)
        before = request.GET.get("before", "")
        card = as_uuid(request.GET.get("card", ""))
        number = int(before) if before.isascii() and before.isdigit() and len(before) < 19 else None
        rows = history(self.board, card=card, before=number, limit=ROWS + 1)
        more, rows = len(rows) > ROWS, rows[:ROWS]
        model = record_spec(self.board.record_type).model
        titles = {
            row.pk: str(row)
            for row in model._default_manager.filter(
                tenant=self.tenant, pk__in={move.record_id for move in rows}
            )
        }
        lines = [
            {
                "move": move, "title": titles.get(move.record_id, "a card that is gone"),
                "origin": self.layout.name_of(move.from_stage) if move.from_stage else "",
                "target": self.layout.name_of(move.to_stage) if move.to_stage else "",
            }
            for move in rows
        ]  # fmt: skip
        context = {
            **self.common("History", "history"), "lines": lines, "card": card,
            "card_title": titles.get(card, "") if card else "", "older": rows[-1].seq if more else None,
        }  # fmt: skip
        return self.render(context=context)


class ChecksPage(BoardBase):
    """Does the board agree with its events? Run it, read every difference, repair."""

    template_name = "boards/checks.html"

    def get(self, request: HttpRequest, board_id: UUID) -> HttpResponse:
        self.setup_board(board_id)
        report = verify(self.stream(), timezone.now())
        snapshots = self.stream().snapshots.order_by("-seq").defer("state")[:10]
        return self.render(
            context={**self.common("Checks", "checks"), "report": report, "snapshots": snapshots}
        )

    def post(self, request: HttpRequest, board_id: UUID) -> HttpResponse:
        self.setup_board(board_id)
        now = timezone.now()
        stream = (
            self.stream()
        )  # the type's records and events are those of its first board, and so is the right
        actor = replace(self.actor(), rights=rights_of(request.user, self.tenant, layout_for(stream)))
        try:
            if "configure" not in actor.rights:
                self.say("Your role may look but not repair.", "error")
            elif request.POST.get("what") == "snapshot":
                made = snapshot_take(board=stream, now=now)
                self.say(
                    f"Kept as it is after move {made.seq}."
                    if made
                    else "Nothing moved since the last snapshot."
                )
            else:
                report = repair(board=stream, actor=actor, now=now, keep=request.POST.get("keep", "records"))
                self.say(
                    "Repaired: the board agrees with its events."
                    if report.ok
                    else "Some differences are left."
                )
        except BoardError as refused:
            self.say(refused.message, "error")
        return HttpResponseRedirect(self.address("checks"))
