"""What higher rooms show on records' pages (settled question 7); filled from ``AppConfig.ready()``.

Record ids handed to these functions are always of one tenant, already checked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from django.http import HttpRequest
from django.utils.safestring import SafeString, mark_safe

from .access import may

if TYPE_CHECKING:
    from .models import Record


@dataclass(frozen=True, slots=True)
class Badge:
    """One integration's state of one record. ``kind`` is good, warn, bad, info or idle: it picks the colour."""

    word: str
    kind: str = "idle"
    integration: str = ""
    url: str = ""  # a page of ours that says more
    at: datetime | None = None
    reason: str = ""
    external_url: str = ""


#: icon per kind: state is never told by colour alone
ICONS = {"good": "check_circle", "warn": "schedule", "bad": "error", "info": "help", "idle": "remove"}


@dataclass(frozen=True)
class RecordAction:
    """Something a person may do with records, beside editing them.

    ``run`` gets the records that were chosen and gives a sentence for the person; it may raise ValueError with
    one. ``needs`` is an action of ``workspace.access``.
    """

    key: str
    label: str
    run: Callable[[HttpRequest, Sequence[Record]], str]
    needs: str = "operate"
    applies: Callable[[HttpRequest, Record], bool] = lambda request, record: True

    def allowed(self, request: HttpRequest) -> bool:
        tenant = getattr(request, "tenant", None)
        return tenant is not None and may(request.user, tenant, self.needs)


BadgeSource = Callable[[str, Sequence[UUID]], Mapping[UUID, list[Badge]]]
PanelSource = Callable[[HttpRequest, "Record"], "str | SafeString"]
NameSource = Callable[[Sequence[UUID]], Mapping[UUID, str]]

_badges: list[BadgeSource] = []
_panels: list[PanelSource] = []
_actions: dict[str, RecordAction] = {}
_names: list[NameSource] = []


def register_badges(source: BadgeSource) -> None:
    """``source(record_type, ids)`` gives badges per id, in a bounded number of queries."""
    if source not in _badges:
        _badges.append(source)


def register_record_panel(source: PanelSource) -> None:
    """``source(request, record)`` gives safe HTML for the record's page, or "" for nothing."""
    if source not in _panels:
        _panels.append(source)


def register_record_actions(*actions: RecordAction) -> None:
    """Actions for the record's page and, over many, for the list. The same key again replaces."""
    _actions.update({action.key: action for action in actions})


def register_integration_names(source: NameSource) -> None:
    """``source(integration_ids)`` gives names for the history."""
    if source not in _names:
        _names.append(source)


def badges_for(record_type: str, ids: Iterable[UUID]) -> dict[UUID, list[Badge]]:
    wanted = list(ids)
    found: dict[UUID, list[Badge]] = {one: [] for one in wanted}
    for source in _badges if wanted else ():
        for record_id, badges in source(record_type, wanted).items():
            found.setdefault(record_id, []).extend(badges)
    return found


def panels_for(request: HttpRequest, record: Record) -> list[SafeString]:
    made = [source(request, record) for source in _panels]
    return [mark_safe(html) for html in made if html]  # noqa: S308 (by contract safe)


def actions_for(request: HttpRequest, record: Record | None = None) -> list[RecordAction]:
    """The actions that this person may take here; with a record, those that apply to it."""
    allowed = [action for action in _actions.values() if action.allowed(request)]
    return [action for action in allowed if record is None or action.applies(request, record)]


def integration_names(ids: Iterable[UUID]) -> dict[UUID, str]:
    wanted = list(ids)
    found: dict[UUID, str] = {}
    for source in _names if wanted else ():
        found.update(source(wanted))
    return found
