"""A board's settings as a form, and adding a board."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.urls import reverse
from django.utils import timezone

from boards.core.layout import COLOURS, RIGHTS, ROLES, StageKind, plain
from boards.defaults import LANES, SIZES, stage_names
from boards.occupancy import lanes, stage_counts
from boards.services.actors import DEFAULT_RIGHTS
from boards.services.configuring import board_add, config_update
from boards.services.errors import BoardError, StaleConfig
from integrations.pages.base import as_number
from workspace.access import Action

from .base import BoardBase

RIGHT_WORDS = {
    "move": "Move cards",
    "override": "Pass a limit, with a reason",
    "configure": "Set limits and the rest of this page",
    "break_lock": "Take over a card that somebody edits",
}


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
        version = as_number(asked.get("version", ""))
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
            facts, problem = refused.facts, refused.message
            if isinstance(
                refused, StaleConfig
            ):  # what was typed is kept, and can be saved over what is there now
                version, problem = (
                    facts["current"]["version"],
                    f"{problem} Saving again replaces their settings.",
                )
            return self.form(
                config,
                version,
                problem,
                facts.get("errors", {}),
                facts.get("stages", {}),
                refused.status,
                name=asked.get("name"),
            )
        self.say("The board is configured.")
        return HttpResponseRedirect(self.address("board"))

    def form(
        self, config: dict[str, Any], version: int, problem: str = "", errors: dict[str, list[str]] | None = None,
        leaving: dict[str, int] | None = None, status: int = 200, name: str | None = None,
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
            "name": self.board.name if name is None else name,
            "problem": problem, "errors": errors or {}, "leaving": leaving or {}, "colours": COLOURS,
            "kinds": list(StageKind), "sizes": SIZES.get(self.board.record_type, ()),
            "lane_fields": LANES[self.board.record_type], "names": names, "all_moves": config["transitions"] is None,
            "roles": ROLES, "right_rows": _right_rows(config["rights"]), "cells": self._cells(by_key),
        }  # fmt: skip
        return self.render(context=context, status=status)

    def _cells(self, by_key: dict[str, Any]) -> list[tuple[str, str, list[tuple[str, str, dict[str, Any]]]]]:
        """(lane, its name, (stage, its name, limit) of each column), for the lanes that the board shows."""
        return [
            (lane, name, [
                (stage.key, stage.name, by_key.get(stage.key, {}).get("lanes", {}).get(lane, {})) for stage in self.layout.stages
            ])
            for lane, name in lanes(self.board, self.layout)
        ]  # fmt: skip


class AddBoard(BoardBase):
    """A further board of the same cards, made from its settings page."""

    action = Action.EDIT_RECORDS
    http_method_names = ["post", "options"]

    def post(self, request: HttpRequest, board_id: UUID) -> HttpResponse:
        self.setup_board(board_id)
        try:
            made = board_add(
                tenant=self.tenant, record_type=self.board.record_type, name=request.POST.get("name", ""),
                actor=self.actor(),
            )  # fmt: skip
        except BoardError as refused:
            said = [sentence for found in refused.facts.get("errors", {}).values() for sentence in found]
            self.say(" ".join([refused.message, *said]), "error")
            return HttpResponseRedirect(self.address("settings"))
        self.say("The board is there; it begins as this type's first one is configured.")
        return HttpResponseRedirect(reverse("boards:settings", kwargs={"board_id": made.pk}))


def _right_rows(rights: dict[str, list[str]]) -> list[tuple[str, str, Any]]:
    return [(right, RIGHT_WORDS[right], rights.get(right, DEFAULT_RIGHTS[right])) for right in RIGHTS]


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
                    "lanes": _lane_limits(
                        asked, key, before.get(key, {}).get("lanes", {}), old["lane_field"]
                    ),
                    "age_days": _number(asked.get(f"age-{key}")),
                },
            )
        )
    stages.sort(key=lambda pair: pair[0] if isinstance(pair[0], int) else 99)
    every = asked.get("all_moves") == "on"
    transitions = (
        None if every else {stage["key"]: asked.getlist(f"to-{stage['key']}") for _, stage in stages}
    )
    return {
        "stages": [stage for _, stage in stages],
        "transitions": transitions,
        "limit_by": asked.get("limit_by", "count"),
        "lane_field": asked.get("lane_field", ""),
        "collapsed": _collapsed(asked, [stage["key"] for _, stage in stages], old["collapsed"]),
        "rights": {right: asked.getlist(f"right-{right}") for right in RIGHTS} if "with_rights" in asked else old["rights"],
    }  # fmt: skip


def _collapsed(asked: QueryDict, shown: list[str], old: list[str]) -> list[str]:
    if "with_collapsed" in asked:
        return [key for key in shown if asked.get(f"collapsed-{key}") == "on"]
    return [key for key in old if key in shown]


def _lane_limits(asked: QueryDict, stage: str, old: dict[str, Any], lane_field: str) -> dict[str, Any]:
    """Limits of the stage's cells; those of other lanes than now end when the lanes are others."""
    if asked.get("lane_field", "") != lane_field:
        return {}
    found = dict(old)
    for number, lane in enumerate(asked.getlist("lane")):
        limit = {name: _number(asked.get(f"{name}-{stage}@{number}")) for name in ("soft", "hard")}
        found.pop(lane, None)
        if limit["soft"] is not None or limit["hard"] is not None:
            found[lane] = limit
    return found


def _number(text: str | None) -> Any:
    """A number, None for nothing; a text that is none is handed on and refused with a sentence."""
    text = (text or "").strip()
    return (int(text) if text.isascii() and text.isdigit() and len(text) <= 9 else text) if text else None
