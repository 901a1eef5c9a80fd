"""The board: columns rendered by the server with their first cards; scripts make it move."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache

from boards.core.layout import Stage, StageKind
from boards.core.replay import columns
from boards.core.rules import allowed_targets
from boards.defaults import stage_names
from boards.models import Board
from boards.occupancy import Fill, Occupancy, hidden_lanes, lanes, occupancy
from boards.selectors import (
    PAGE,
    BadCursor,
    CardPage,
    CardView,
    Filters,
    cards_named,
    cell_pages,
    column_page,
    column_pages,
    filtered,
    own_settings,
    shown_counts,
)
from boards.services.checks import last_check
from boards.services.errors import BoardError
from boards.services.locks import locks_of, present
from boards.services.moves import Card, card_move
from boards.services.neighbours import Target
from boards.services.opening import boards_ensure
from boards.services.snapshots import state_at
from boards.services.undo import redo, undo, undoable
from integrations.pages.base import HubView, as_number
from live.feed import last_seq_of, sync_room
from workspace.access import Action

from .base import BoardBase, filters_of

#: cards of a past board that are named; more are counted
PAST_CARDS = 200


@dataclass(frozen=True)
class LaneCell:
    """A column's part of a lane; the only one, nameless, on a board without lanes."""

    lane: str
    name: str
    page: CardPage
    fill: Fill


@dataclass(frozen=True)
class Column:
    stage: Stage
    fill: Fill
    shown: int | None  # cards that the filter lets through, None without one
    collapsed: bool
    cells: tuple[LaneCell, ...]


class BoardsPage(HubView):
    """The first board; they are all opened here."""

    title = "Boards"

    def get(self, request: HttpRequest) -> HttpResponse:
        first = boards_ensure(self.tenant)[0]
        wanted = Board.objects.filter(
            tenant=self.tenant, is_default=True, record_type=request.GET.get("type", "")
        ).first()
        return HttpResponseRedirect(reverse("boards:board", kwargs={"board_id": (wanted or first).pk}))


@method_decorator(never_cache, name="dispatch")
class BoardPage(BoardBase):
    template_name = "boards/board.html"

    def get(self, request: HttpRequest, board_id: UUID) -> HttpResponse:
        self.setup_board(board_id)
        at = _instant(request.GET.get("at", ""))
        if at is not None:
            return self.past(at)
        filters, now = filters_of(request), timezone.now()
        live_after = last_seq_of(self.board.room)  # before the cards: what happens in between comes again
        changes_after = last_seq_of(sync_room(self.tenant.pk))
        full = occupancy(self.board, self.layout)
        own = own_settings(self.board, request.user, self.layout)
        found = self.columns(full, filters, own.collapsed)
        unplaced = [
            (stage, stage_names(self.board.record_type).get(stage, stage), count,
             column_page(self.board, self.layout, stage))
            for stage, count in full.counts.items() if stage not in self.layout.by_key
        ]  # fmt: skip
        context = {
            **self.common(), **self.choices(), "columns": found, "unplaced": unplaced, "filters": filters, "own": own,
            "present": present(self.board, now), "buttons": undoable(self.board, request.user),
            "check": last_check(self.stream()), "live_room": self.board.room, "live_after": live_after, "live_on": "",
            "query": request.GET.urlencode(), "data": self.data(now, full),
            "lane_rows": self.lane_rows(found), "hidden_lanes": hidden_lanes(full),
            "changes_room": sync_room(self.tenant.pk), "changes_after": changes_after,
        }  # fmt: skip
        return self.render(context=context)

    def columns(self, full: Occupancy, filters: Filters, collapsed: tuple[str, ...]) -> list[Column]:
        named = lanes(self.board, self.layout, full.lane_values)
        cells = cell_pages(self.board, self.layout, named, filters) if named else {}
        pages = {} if named else column_pages(self.board, self.layout, filters)
        shown = shown_counts(self.board, self.layout, filters) if filters else None
        found = []
        for stage in self.layout.stages:
            fill = full.stages[stage.key]
            if named:
                parts = tuple(
                    LaneCell(
                        lane, name, cells.get((stage.key, lane), CardPage(())),
                        full.cells.get((stage.key, lane), Fill()),
                    )
                    for lane, name in named
                )  # fmt: skip
            else:
                parts = (LaneCell("", "", pages[stage.key], fill),)
            matching = None if shown is None else shown.get(stage.key, 0)
            found.append(Column(stage, fill, matching, stage.key in collapsed, parts))
        return found

    def lane_rows(self, found: list[Column]) -> list[tuple[str, str, list[tuple[Column, LaneCell]]]]:
        """The same cells, lane by lane; one nameless row without lanes."""
        if not found:
            return []
        return [
            (cell.lane, cell.name, [(column, column.cells[index]) for column in found])
            for index, cell in enumerate(found[0].cells)
        ]

    def data(self, now: datetime, full: Occupancy) -> dict[str, Any]:
        """What the scripts start from."""
        return {
            "board": str(self.board.pk), "type": self.board.record_type, "tenant": str(self.tenant.pk),
            "seq": full.seq, "version": self.board.config_version, "room": self.board.room,
            "me": self.request.user.pk, "rights": sorted(self.rights_here),
            "stages": [
                {"key": stage.key, "name": stage.name, "soft": stage.limit.soft, "hard": stage.limit.hard,
                 "age": stage.age_days, "count": full.stages[stage.key].count,
                 "to": list(allowed_targets(self.layout, stage.key))}
                for stage in self.layout.stages
            ],
            "hiddenLanes": hidden_lanes(full), "bySize": self.layout.limit_by != "count", "laneField": self.layout.lane_field,
            "locks": locks_of(self.board, now), "api": reverse("kanban:boards").removesuffix("boards"),
            "cards": self.address("cards"), "query": self.request.GET.urlencode(), "page": PAGE,
        }  # fmt: skip

    def past(self, at: datetime) -> HttpResponse:
        """The board as it was, to read only, from its events."""
        state, seq = state_at(self.stream().pk, at=at)
        ordered = columns(state)
        ids = [card for cards in ordered.values() for card in cards[:PAST_CARDS]]
        from workspace.kinds import record_spec

        model = record_spec(self.board.record_type).model
        titles = {row.pk: str(row) for row in model._default_manager.filter(tenant=self.tenant, pk__in=ids)}
        names = stage_names(self.board.record_type)
        hidden = [
            Stage(key, f"{names.get(key, key)} (unplaced)", StageKind.ACTIVE, "grey")
            for key in ordered if key not in self.layout.by_key
        ]  # fmt: skip
        past = [
            (stage, len(ordered.get(stage.key, ())), [titles.get(card, "a card that is gone") for card in ordered.get(stage.key, ())[:PAST_CARDS]])
            for stage in [*hidden, *self.layout.stages]
        ]  # fmt: skip
        return self.render("boards/past.html", {**self.common(), "past": past, "at": at, "seq": seq})


def _instant(text: str) -> datetime | None:
    try:
        found = parse_datetime(text) if text else None
        if found is None:
            return None
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


@method_decorator(never_cache, name="dispatch")
class CardsFragment(BoardBase):
    """Cards as HTML: the next page of a column, or named ones (``?ids=``) that the filter lets through."""

    template_name = "boards/parts/cards.html"

    def get(self, request: HttpRequest, board_id: UUID) -> HttpResponseBase:
        self.setup_board(board_id)
        filters = filters_of(request)
        try:
            page = self._named(filters) if "ids" in request.GET else self._page(filters)
        except (BadCursor, ValueError):
            return HttpResponse("This page of cards cannot be read.", status=400, content_type="text/plain")
        response = self.render(context={**self.common(), "cards": page.cards})
        response["X-Next-Cursor"] = page.next_cursor
        return response

    def _named(self, filters: Filters) -> CardPage:
        ids = [UUID(one) for one in self.request.GET["ids"].split(",")[:200] if one]
        found: list[CardView] = cards_named(self.board, self.layout, ids)
        if filters:
            rows = filtered(self.board, self.layout, filters).filter(pk__in=ids)
            matching = set(rows.values_list("pk", flat=True))
            found = [card for card in found if card.id in matching or card.stage not in self.layout.by_key]
        return CardPage(tuple(found))

    def _page(self, filters: Filters) -> CardPage:
        asked = self.request.GET
        if asked.get("stage") not in self.layout.by_key:
            filters = Filters()  # the Unplaced tray leaves them aside
        return column_page(
            self.board, self.layout, asked.get("stage", ""), cursor=asked.get("cursor", ""), filters=filters
        )


class MovePage(BoardBase):
    """Move to…: a page of its own, which the dialog of the board replaces where scripts run."""

    action = Action.EDIT_RECORDS
    template_name = "boards/move.html"

    def get(
        self, request: HttpRequest, board_id: UUID, card: UUID, status: int = 200, problem: str = ""
    ) -> HttpResponse:
        self.setup_board(board_id)
        found = cards_named(self.board, self.layout, [card])
        if not found:
            return self.render("boards/gone.html", {**self.common("Not here")}, status=404)
        return self.render(
            context={**self.common(f"Move “{found[0].title}”"), "card": found[0], "problem": problem},
            status=status,
        )

    def post(self, request: HttpRequest, board_id: UUID, card: UUID) -> HttpResponse:
        self.setup_board(board_id)
        asked = request.POST
        revision = asked.get("revision", "")
        try:
            done = card_move(
                board=self.board, card=Card(card, as_number(revision)),
                target=Target(asked.get("to", ""), edge="top" if asked.get("edge") == "top" else "bottom"),
                actor=self.actor(), now=timezone.now(), reason=asked.get("reason", ""),
                override=asked.get("override") == "on",
            )  # fmt: skip
        except BoardError as refused:
            return self.get(request, board_id, card, status=refused.status, problem=refused.message)
        self.say(f"Moved to {self.layout.name_of(done.moves[0].to_stage)}. " + " ".join(done.warnings))
        return self.back(self.address("board"))


class UndoAction(BoardBase):
    """Undo or redo without scripts."""

    action = Action.EDIT_RECORDS
    http_method_names = ["post", "options"]

    def post(self, request: HttpRequest, board_id: UUID) -> HttpResponse:
        self.setup_board(board_id)
        what = redo if request.POST.get("what") == "redo" else undo
        try:
            what(board=self.board, actor=self.actor(), now=timezone.now())
        except BoardError as refused:
            self.say(refused.message, "error")
        else:
            self.say("Done again." if what is redo else "Undone.")
        return self.back(self.address("board"))
