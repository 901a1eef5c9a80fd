"""What the board's pages share."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import Http404, HttpRequest
from django.urls import reverse

from boards.core.layout import Layout
from boards.defaults import ASSIGNEE
from boards.models import Board, Source
from boards.selectors import Filters, boards_of, layout_for, members
from boards.services.actors import Actor, rights_of
from boards.services.moves import stream_id
from integrations.correlation import correlation_id
from integrations.pages.base import HubView
from workspace.models import Priority


def filters_of(request: HttpRequest) -> Filters:
    asked = request.GET
    return Filters(
        text=asked.get("q", "").strip(), assignee=asked.get("assignee", ""), priority=asked.get("priority", ""),
        label=asked.get("label", "").strip(), lane=asked.get("lane"),
    )  # fmt: skip


class BoardBase(HubView):
    """A page of one board; another tenant's is a 404."""

    board: Board
    layout: Layout
    rights_here: frozenset[str]

    def setup_board(self, board_id: UUID) -> None:
        found = Board.objects.filter(tenant=self.tenant, pk=board_id).first()
        if found is None:
            raise Http404("There is no such board.")
        found.tenant = self.tenant
        self.board, self.layout = found, layout_for(found)
        self.rights_here = rights_of(self.request.user, self.tenant, self.layout)

    def stream(self) -> Board:
        """The board that carries the type's events."""
        if self.board.is_default:
            return self.board
        found = Board.objects.get(pk=stream_id(self.board))
        found.tenant = self.tenant
        return found

    def actor(self) -> Actor:
        return Actor(
            user=self.request.user, source=Source.UI, rights=self.rights_here,
            ip=self.request.META.get("REMOTE_ADDR") or None, correlation_id=correlation_id(),
        )  # fmt: skip

    def common(self, title: str = "", here: str = "board") -> dict[str, Any]:
        """Context of every page of the board."""
        every = boards_of(self.tenant)
        return {
            "title": title or self.board.name,
            "board": self.board,
            "layout": self.layout,
            "boards": every,
            "rights": dict.fromkeys(self.rights_here, True),
            "here": here,
            "record_page": f"admin:workspace_{self.board.record_type.replace('_', '')}_change",
        }

    def choices(self) -> dict[str, Any]:
        """What the filters offer."""
        kind = self.board.record_type
        return {
            "people": members(self.tenant),
            "priorities": Priority.choices if kind in ("task", "waitlist_entry") else (),
            "has_labels": kind in ("task", "waitlist_entry"),
            "assignee_word": "Assignee" if kind == "task" else ASSIGNEE[kind].replace("_", " ").capitalize(),
        }

    def address(self, name: str, **more: Any) -> str:
        return reverse(f"boards:{name}", kwargs={"board_id": self.board.pk, **more})
