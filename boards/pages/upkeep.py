"""A board's history, its checks and its settings."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.utils import timezone

from boards.core.layout import COLOURS, StageKind, plain
from boards.defaults import LANES, SIZES, stage_names
from boards.selectors import history, stage_counts
from boards.services.checks import repair, verify
from boards.services.configuring import config_update
from boards.services.errors import BoardError
from boards.services.snapshots import snapshot_take
from integrations.pages.base import as_uuid
from workspace.access import Action
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
        try:
            if "configure" not in self.rights_here:
                self.say("Your role may look but not repair.", "error")
            elif request.POST.get("what") == "snapshot":
                made = snapshot_take(board=self.stream(), now=now)
                self.say(
                    f"Kept as it is after move {made.seq}."
                    if made
                    else "Nothing moved since the last snapshot."
                )
            else:
                report = repair(
                    board=self.stream(), actor=self.actor(), now=now, keep=request.POST.get("keep", "records")
                )
                self.say(
                    "Repaired: the board agrees with its events."
                    if report.ok
                    else "Some differences are left."
                )
        except BoardError as refused:
            self.say(refused.message, "error")
        return HttpResponseRedirect(self.address("checks"))


class SettingsPage(BoardBase):
    """The configuration as a form; what was typed survives a refusal."""

    action = Action.EDIT_RECORDS  # the board's own right decides further
    template_name = "boards/settings.html"

    def get(self, request: HttpRequest, board_id: UUID) -> HttpResponse:
        self.setup_board(board_id)
        return self.form(plain(self.layout), self.board.config_version)

    def post(self, request: HttpRequest, board_id: UUID) -> HttpResponse:
        self.setup_board(board_id)
        asked = request.POST
        config = config_of(asked, self.board.record_type, plain(self.layout))
        version = int(asked["version"]) if asked.get("version", "").isdigit() else -1
        relocate = {
            stage: asked.get(f"relocate-{stage}", "")
            for stage in stage_names(self.board.record_type)
            if f"relocate-{stage}" in asked
        }
        try:
            config_update(
                board=self.board, config=config, version=version, actor=self.actor(), now=timezone.now(),
                name=asked.get("name"), relocate=relocate,
            )  # fmt: skip
        except BoardError as refused:
            facts = refused.facts
            return self.form(
                config,
                version,
                refused.message,
                facts.get("errors", {}),
                facts.get("stages", {}),
                refused.status,
            )
        self.say("The board is configured.")
        return HttpResponseRedirect(self.address("board"))

    def form(
        self, config: dict[str, Any], version: int, problem: str = "", errors: dict[str, list[str]] | None = None,
        leaving: dict[str, int] | None = None, status: int = 200,
    ) -> HttpResponse:  # fmt: skip
        names, counts = stage_names(self.board.record_type), stage_counts(self.board)
        shown = [stage["key"] for stage in config["stages"]]
        order = [*shown, *(key for key in names if key not in shown)]
        by_key = {stage["key"]: stage for stage in config["stages"]}
        rows = [
            {
                "key": key, "number": index + 1, "on": key in by_key, "default": names[key], "count": counts.get(key, 0),
                **by_key.get(key, {"name": names[key], "kind": "active", "colour": "grey", "limit": {}}),
                "to": None if config["transitions"] is None else config["transitions"].get(key, []),
            }
            for index, key in enumerate(order)
        ]  # fmt: skip
        context = {
            **self.common("Settings", "settings"), "rows": rows, "config": config, "version": version,
            "problem": problem, "errors": errors or {}, "leaving": leaving or {}, "colours": COLOURS,
            "kinds": list(StageKind), "sizes": SIZES.get(self.board.record_type, ()),
            "lane_fields": LANES[self.board.record_type], "names": names, "all_moves": config["transitions"] is None,
        }  # fmt: skip
        return self.render(context=context, status=status)


def config_of(asked: QueryDict, record_type: str, old: dict[str, Any]) -> dict[str, Any]:
    """What the form says, in the shape of a configuration; what it does not show stays as it was."""
    before = {stage["key"]: stage for stage in old["stages"]}
    stages = []
    for key in stage_names(record_type):
        if asked.get(f"on-{key}") != "on":
            continue
        stages.append(
            (
                _number(asked.get(f"number-{key}")) or 99,
                {
                    "key": key,
                    "name": asked.get(f"name-{key}", "").strip(),
                    "kind": asked.get(f"kind-{key}", "active"),
                    "colour": asked.get(f"colour-{key}", "grey"),
                    "limit": {
                        "soft": _number(asked.get(f"soft-{key}")),
                        "hard": _number(asked.get(f"hard-{key}")),
                    },
                    "lanes": before.get(key, {}).get("lanes", {}),
                    "age_days": _number(asked.get(f"age-{key}")),
                },
            )
        )
    stages.sort(key=lambda pair: pair[0])
    every = asked.get("all_moves") == "on"
    transitions = (
        None if every else {stage["key"]: asked.getlist(f"to-{stage['key']}") for _, stage in stages}
    )
    return {
        "stages": [stage for _, stage in stages],
        "transitions": transitions,
        "limit_by": asked.get("limit_by", "count"),
        "lane_field": asked.get("lane_field", ""),
        "collapsed": [key for key in old["collapsed"] if any(stage["key"] == key for _, stage in stages)],
        "rights": old["rights"],
    }


def _number(text: str | None) -> Any:
    """A number, None for nothing; a text that is none is handed on and refused with a sentence."""
    text = (text or "").strip()
    return (int(text) if text.isascii() and text.isdigit() else text) if text else None
