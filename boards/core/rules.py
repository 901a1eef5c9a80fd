"""What a move may do: transitions and limits. Values in, verdicts out; plain Python."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from .layout import Layout, Limit


class Over(StrEnum):
    """How full the column is once the card is in it."""

    NO = ""
    SOFT = "soft"
    HARD = "hard"


@dataclass(frozen=True, slots=True)
class Cell:
    """A column, or one lane of it ("" for the whole column), and its limit."""

    stage: str
    lane: str | None
    limit: Limit


@dataclass(frozen=True, slots=True)
class Load:
    """What a cell holds once everything that is coming is in it."""

    cell: Cell
    total: Decimal

    @property
    def over(self) -> Over:
        limit = self.cell.limit
        if limit.hard is not None and self.total > limit.hard:
            return Over.HARD
        if limit.soft is not None and self.total > limit.soft:
            return Over.SOFT
        return Over.NO


def transition_allowed(layout: Layout, origin: str, target: str) -> bool:
    """Staying is always allowed, and so is leaving a stage that the board does not show."""
    if origin == target or layout.transitions is None or origin not in layout.by_key:
        return True
    return target in layout.transitions.get(origin, ())


def allowed_targets(layout: Layout, origin: str) -> tuple[str, ...]:
    return tuple(key for key in layout.keys if key != origin and transition_allowed(layout, origin, key))


def limited_cells(layout: Layout, target: str, lane: str | None) -> list[Cell]:
    """The cells whose limits a card that arrives in ``target`` (and lane) has to respect."""
    stage = layout.by_key.get(target)
    if stage is None:
        return []
    found = [Cell(target, None, stage.limit)] if stage.limit else []
    if layout.lane_field and lane is not None and (limit := stage.lanes.get(lane)):
        found.append(Cell(target, lane, limit))
    return found


def worst(loads: list[Load]) -> Load | None:
    """The load that matters most: over the hard limit before over the soft one before none."""
    order = {Over.HARD: 2, Over.SOFT: 1, Over.NO: 0}
    return max(loads, key=lambda load: order[load.over], default=None)


def number_text(value: Decimal) -> str:
    """A count or a size without needless zeros."""
    return format(value.normalize(), "f") if value else "0"


def limit_words(limit: Limit, total: Decimal) -> tuple[str, str]:
    """(words, tone) for a column or cell that holds so much; in words, since colour alone says nothing."""
    if limit.hard is not None and total > limit.hard:
        return "over the limit", "bad"
    if limit.hard is not None and total == limit.hard:
        return "full", "warn"
    if limit.soft is not None and total > limit.soft:
        return "over the mark", "warn"
    return "", ""


def full_sentence(layout: Layout, load: Load, lane: str = "") -> str:
    """Why a card may not come in, or what the warning is. ``lane`` is what people call the cell's lane."""
    name, limit = layout.name_of(load.cell.stage), load.cell.limit
    where = f"{name}, lane {lane or 'None'}" if load.cell.lane is not None else name
    number = limit.hard if load.over is Over.HARD else limit.soft
    cards = "card" if number == 1 else "cards"
    what = cards if layout.limit_by == "count" else f"of {layout.limit_by}"
    return f"{where} takes {number} {what}; with this it would hold {number_text(load.total)}."
