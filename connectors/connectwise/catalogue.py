"""What the tenant's lists say, read once per client: priorities by level, statuses by board, what a new ticket needs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connectors.base.errors import RecordProblem
from connectors.base.paths import read_path
from connectors.base.session import ApiSession

from . import discovery, tickets
from .discovery import Status


class Catalogue:
    """Reads lazily; every answer is kept."""

    def __init__(self, session: ApiSession, settings: Mapping[str, Any]) -> None:
        self.session = session
        self.settings = settings
        self._statuses: dict[str, list[Status]] = {}
        self._priorities: list[Mapping[str, Any]] | None = None

    # --- priorities ----------------------------------------------------------------------------------------------

    def levels(self) -> dict[str, str]:
        """``{priority id: level}``."""
        return {str(row["id"]): str(row.get("level") or "") for row in self._priority_rows()}

    def priority_of(self, level: str) -> dict[str, int]:
        """A reference to the first priority of that level, in the tenant's own order."""
        for row in self._priority_rows():
            if row.get("level") == level:
                return {"id": int(row["id"])}
        raise RecordProblem(f"ConnectWise has no priority of level {level}.", field="hub.priority")

    def _priority_rows(self) -> list[Mapping[str, Any]]:
        if self._priorities is None:
            found = discovery.rows(self, "/service/priorities")
            self._priorities = sorted(found, key=lambda row: float(row.get("sortOrder") or 0))
        return self._priorities

    # --- statuses ------------------------------------------------------------------------------------------------

    def status_on(self, board_id: str, status_id: str) -> dict[str, int]:
        """The status, or its namesake on the ticket's own board: a stage is mapped once, boards have ids of their own."""
        here = self._statuses_of(board_id)
        if any(one.id == status_id for one in here):
            return {"id": int(status_id)}
        meant = self._status(status_id)
        if meant is not None:
            same = [one for one in here if one.name.casefold() == meant.name.casefold()]
            closed = [one for one in here if one.is_closed and meant.is_closed]
            for one in (*same, *closed):
                return {"id": int(one.id)}
        name = meant.name if meant else status_id
        words = f"The ticket's board has no status “{name}”: add it there, or map another."
        raise RecordProblem(words, field="status.id")

    def _statuses_of(self, board_id: str) -> list[Status]:
        if board_id not in self._statuses:
            self._statuses[board_id] = discovery.statuses(self, board_id)
        return self._statuses[board_id]

    def _status(self, status_id: str) -> Status | None:
        """Wherever it is: the chosen boards are looked through first."""
        chosen = tickets.ids_in(self.settings.get("board_ids"))
        for board_id in (*chosen, *(one.id for one in discovery.boards(self) if one.id not in chosen)):
            for one in self._statuses_of(board_id):
                if one.id == status_id:
                    return one
        return None

    # --- what a new ticket needs ---------------------------------------------------------------------------------

    def fill_service_ticket(self, body: dict[str, Any], status_id: str) -> None:
        company = tickets.ids_in(self.settings.get("default_company"))
        if not body.get("company") and not company:
            words = "A ticket needs a company: choose the one for new tickets in the settings."
            raise RecordProblem(words, field="company.id")
        body.setdefault("company", {"id": int(company[0])} if company else None)
        if not body.get("board"):
            boards = tickets.ids_in(self.settings.get("default_board") or self.settings.get("board_ids"))
            status = self._status(status_id) if status_id and len(boards) != 1 else None
            chosen = status.board_id if status else next(iter(boards), "")
            body["board"] = {"id": int(chosen)} if chosen else None

    def fill_project_ticket(self, body: dict[str, Any]) -> None:
        """A project's ticket needs a phase: the project's first one, unless it is given."""
        if body.get("phase"):
            return
        chosen = tickets.ids_in(self.settings.get("project_ids"))
        project = read_path(body, "project.id", None) or next(iter(chosen), None)
        if project is None:
            raise RecordProblem("A project's ticket needs its project.", field="project.id")
        phases = discovery.containers(self, "phase", str(project))
        if not phases:
            raise RecordProblem("The project has no phase to put a ticket into.", field="phase.id")
        body |= {"project": {"id": int(project)}, "phase": {"id": int(phases[0].id)}}
