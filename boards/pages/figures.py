"""The board's figures: charts, each with its table, its CSV and what it means in words."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.urls import reverse
from django.utils import timezone

from boards.core import charts, metrics
from boards.core.metrics import DEFINITIONS, ENOUGH
from boards.models import Board, Move
from boards.occupancy import lanes
from boards.selectors import filtered
from boards.services.rollup import figures_of
from boards.services.snapshots import events_of
from integrations.pages.csvfile import csv_response
from integrations.wording import span
from workspace.kinds import record_spec

from .base import BoardBase, filters_of

RANGES = {"7": "7 days", "30": "30 days", "90": "90 days", "365": "1 year"}
SHOWN = 200
#: open cards in the table and, of those, in the chart; the oldest
MOST_OPEN = 5000
DRAWN_OPEN = 1000


class FiguresBase(BoardBase):
    """Reads the events once; everything on the page comes from them."""

    def load(self, board_id: UUID) -> None:
        self.setup_board(board_id)
        asked = self.request.GET.get("days", "30")
        self.range = asked if asked in RANGES else "30"
        self.zone = self.board.tenant.zone
        self.now = timezone.now()
        self.last = self.now.astimezone(self.zone).date()
        self.first: date = self.last - timedelta(days=int(self.range) - 1)
        self.since = datetime.combine(self.first, datetime.min.time(), self.zone).astimezone(UTC)
        self.until = self.now + timedelta(seconds=1)
        self.filters = filters_of(self.request)
        self.cards = self._cards()
        events = events_of(self.stream().pk)
        self.events = [event for event in events if self.cards is None or event.card in self.cards]
        self.ways = metrics.journeys(self.events)
        self.active, self.done = self.layout.active(), self.layout.done()
        self.weekly = self.request.GET.get("per") == "week"

    def _cards(self) -> set[UUID] | None:
        """The cards that the filter lets through as they are now; None for all, those that are gone too."""
        if not self.filters and self.filters.lane is None:
            return None
        return set(filtered(self.board, self.layout, self.filters).values_list("pk", flat=True))

    def query(self, **changes: str) -> str:
        """The page's address with the filters as they are."""
        asked = {name: self.request.GET.get(name, "") for name in ("q", "assignee", "priority", "label")}
        found = {"days": self.range, **{name: value for name, value in asked.items() if value}}
        if self.weekly:
            found["per"] = "week"
        if self.filters.lane is not None:
            found["lane"] = self.filters.lane
        return urlencode({**found, **changes})

    def titles(self, cards: Iterable[UUID]) -> dict[UUID, str]:
        model = record_spec(self.board.record_type).model
        rows = model._default_manager.filter(tenant=self.tenant, pk__in=list(cards))
        return {row.pk: str(row) for row in rows}

    def linked(self, card: UUID, titles: dict[UUID, str]) -> Linked:
        """A card's title, with its page if it is still there."""
        title = titles.get(card)
        return (
            Linked("a card that is gone")
            if title is None
            else Linked(title, record_address(self.board, card))
        )

    @cached_property
    def figures(self) -> metrics.Figures:
        return figures_of(self.stream(), self.since, self.until, self.events, self.cards, self.layout)

    @cached_property
    def flow(self) -> list[tuple[date, dict[str, int]]]:
        return charts.cumulative_flow(self.events, self.layout.keys, self.first, self.last, self.zone)

    @cached_property
    def days(self) -> list[charts.Day]:
        return charts.flow_days(self.flow, self.ways, self.done, self.zone)

    @cached_property
    def scatter(self) -> tuple[list[charts.Point], dict[int, float | None]]:
        return charts.scatter(
            self.ways, active=self.active, done=self.done, since=self.since, until=self.until
        )

    @cached_property
    def finished(self) -> dict[UUID, str]:
        """The titles of the scatter's cards."""
        return self.titles(point.card for point in self.scatter[0])

    @cached_property
    def ageing(self) -> list[charts.Ageing]:
        return charts.ageing(self.ways, self.done, self.now)

    @cached_property
    def unfinished(self) -> dict[UUID, str]:
        """The titles of the oldest open cards."""
        return self.titles(one.card for one in self.ageing[:MOST_OPEN])

    @cached_property
    def throughput(self) -> list[tuple[date, int]]:
        days = [(day, one) for (day, _), one in zip(self.flow, self.days, strict=True)]
        return charts.throughput(days, weekly=self.weekly)

    # --- tables: a head and rows of texts, for the page and the CSV alike

    def table(self, chart: str) -> tuple[list[str], list[list[Any]]]:
        makers = {
            "flow": self._flow_table, "scatter": self._scatter_table, "ageing": self._ageing_table,
            "throughput": self._throughput_table, "stages": self._stage_table, "overrides": self._override_table,
        }  # fmt: skip
        if chart not in makers:
            raise Http404("There is no such chart.")
        return makers[chart]()

    def _flow_table(self) -> tuple[list[str], list[list[Any]]]:
        names = [self.layout.name_of(key) for key in self.layout.keys]
        return ["Day", *names, "Open", "Finished", "Lead time (median)"], [
            [day.isoformat(), *counts.values(), one.wip, one.finished, _span(one.lead)]
            for (day, counts), one in zip(self.flow, self.days, strict=True)
        ]

    def _throughput_table(self) -> tuple[list[str], list[list[Any]]]:
        return ["Week of" if self.weekly else "Day", "Finished"], [
            [day.isoformat(), count] for day, count in self.throughput
        ]

    def _scatter_table(self) -> tuple[list[str], list[list[Any]]]:
        points, _ = self.scatter
        return ["Card", "Finished", "Cycle time", "Lead time"], [
            [self.linked(point.card, self.finished), f"{point.finished_at.astimezone(self.zone):%Y-%m-%d %H:%M}",
             span(point.cycle), span(point.lead)]
            for point in reversed(points)
        ]  # fmt: skip

    def _ageing_table(self) -> tuple[list[str], list[list[Any]]]:
        return ["Card", "Stage", "In the stage", "On the board", "Longer than"], [
            [self.linked(one.card, self.unfinished), self.layout.name_of(one.stage), span(one.in_stage),
             span(one.on_board), "too few" if one.share is None else f"{one.share:.0%} of past stays"]
            for one in self.ageing[:MOST_OPEN]
        ]  # fmt: skip

    def _stage_table(self) -> tuple[list[str], list[list[Any]]]:
        head = ["Stage", "Entered", "Exited", "Stay (average)", "Stay (median)", "Stay (p90)", "Blocked", "Warned",
                "Overridden", "Bottleneck", "Evidence"]  # fmt: skip
        return head, [
            [self.layout.name_of(row.stage), row.entered, row.exited, _span(row.stay.average), _span(row.stay.median),
             _p90(row.stay), row.blocked, row.warned, row.overridden, row.bottleneck, row.evidence]
            for row in self.figures.stages
        ]  # fmt: skip

    def _override_table(self) -> tuple[list[str], list[list[Any]]]:
        rows = Move.objects.filter(board=self.stream(), override=True, at__gte=self.since)
        rows = rows.select_related("user")
        if self.cards is not None:
            rows = rows.filter(record_id__in=self.cards)
        found = list(rows.order_by("-seq"))
        titles = self.titles(move.record_id for move in found)
        return ["When", "Card", "Into", "By", "Reason"], [
            [f"{move.at.astimezone(self.zone):%Y-%m-%d %H:%M}", self.linked(move.record_id, titles),
             self.layout.name_of(move.to_stage), str(move.user or ""), move.reason]
            for move in found
        ]  # fmt: skip


class Linked(str):
    """A text in a table that leads somewhere; in a CSV just the text."""

    url: str

    def __new__(cls, text: str, url: str = "") -> Linked:
        made = super().__new__(cls, text)
        made.url = url
        return made


def record_address(board: Board, card: UUID) -> str:
    return reverse(f"admin:workspace_{board.record_type.replace('_', '')}_change", args=[card])


def _span(seconds: float | None) -> str:
    return "–" if seconds is None else span(seconds) or "0 s"


def _p90(spread: metrics.Spread) -> str:
    return "too few" if spread.count < ENOUGH else _span(spread.p90)


class MetricsPage(FiguresBase):
    template_name = "boards/metrics.html"

    def get(self, request: HttpRequest, board_id: UUID) -> HttpResponse:
        self.load(board_id)
        found = self.figures
        points, _ = self.scatter
        worst = max(found.stages, key=lambda stage: stage.bottleneck, default=None)
        context = {
            **self.common("Metrics", "metrics"), **self.choices(), "figures": found, "range": self.range,
            "ranges": [(key, name, self.query(days=key)) for key, name in RANGES.items()], "query": self.query(),
            "filters": self.filters, "lanes": lanes(self.board, self.layout), "is_filtered": self.cards is not None,
            "card_count": len(self.ways),
            "now": self.now, "zone": str(self.zone), "definitions": DEFINITIONS, "enough": ENOUGH,
            "lead_p90": _p90(found.lead), "cycle_p90": _p90(found.cycle),
            "worst": worst if worst is not None and worst.bottleneck > 0 else None,
            "worst_name": self.layout.name_of(worst.stage) if worst is not None else "",
            "finished_ever": bool(points) or any(way.finished_at(self.done) for way in self.ways.values()),
            "charts": [self._chart(*one) for one in CHARTS], "open_count": len(self.ageing), "data": self._data(),
            "pers": [("day", "per day", self.query(per="day")), ("week", "per week", self.query(per="week"))],
            "per": "week" if self.weekly else "day",
        }  # fmt: skip
        return self.render(context=context)

    def _chart(self, key: str, title: str, says: str, drawn: bool) -> dict[str, Any]:
        head, rows = self.table(key)
        return {
            "key": key,
            "title": title,
            "says": says,
            "drawn": drawn,
            "head": head,
            "rows": rows[:SHOWN],
            "count": len(rows),
        }

    def _data(self) -> dict[str, Any]:
        """What the script draws; times in days."""
        points, lines = self.scatter
        past = charts.past_stays(self.ways)
        open_stages = [stage for stage in self.layout.stages if stage.key not in self.done]
        return {
            "flow": {
                "days": [day.isoformat() for day, _ in self.flow],
                "stages": [
                    {"name": stage.name, "colour": stage.colour, "counts": [counts[stage.key] for _, counts in self.flow]}
                    for stage in reversed(self.layout.stages)
                ],
                "said": [{"wip": one.wip, "finished": one.finished, "lead": _span(one.lead)} for one in self.days],
            },
            "scatter": {
                "points": [
                    {"x": point.finished_at.isoformat(), "y": _in_days(point.cycle), **self._card(point.card, self.finished)}
                    for point in points
                ],
                "lines": _lines_in_days(lines),
            },
            "throughput": [{"day": one.isoformat(), "count": count} for one, count in self.throughput],
            "ageing": {
                "stages": [stage.name for stage in open_stages],
                "lines": [_lines_in_days(charts.lines_of(past.get(stage.key, []))) for stage in open_stages],
                "points": [
                    {"stage": self.layout.name_of(one.stage), "y": _in_days(one.in_stage), **self._card(one.card, self.unfinished)}
                    for one in self.ageing[:DRAWN_OPEN]
                ],
            },
        }  # fmt: skip

    def _card(self, card: UUID, titles: dict[UUID, str]) -> dict[str, str]:
        found = self.linked(card, titles)
        return {"title": str(found), "url": found.url}


def _in_days(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds / 86400, 3)


def _lines_in_days(lines: dict[int, float | None]) -> dict[str, float | None]:
    return {str(share): _in_days(value) for share, value in lines.items()}


CHARTS = (
    (
        "flow",
        "Cumulative flow",
        "Cards per stage at the end of each day. A band that widens is a queue that grows. Point at a day for what was open and finished.",
        True,
    ),
    (
        "scatter",
        "Cycle time",
        "Each point is a finished card; half, 70, 85 and 95 % lie below the lines. Click a point to open its card; draw a frame to list several.",
        True,
    ),
    ("throughput", "Throughput", "Cards finished per day or per week; weeks begin on Monday.", True),
    (
        "ageing",
        "Ageing",
        "Open cards by stage, oldest relative to their stage's past first. The marks show how long 50, 70, 85 and 95 % of past stays lasted. Click a point to open its card.",
        True,
    ),
    ("stages", "Stages", "What came and went, how long it stayed, and what the limits did.", False),
    ("overrides", "Limits passed", "Who let a card into a full column, and why.", False),
)


class MetricsCsv(FiguresBase):
    """A chart's whole table."""

    def get(self, request: HttpRequest, board_id: UUID, chart: str) -> StreamingHttpResponse:
        self.load(board_id)
        head, rows = self.table(chart)
        return csv_response(f"{self.board.record_type}-{chart}", head, rows)
