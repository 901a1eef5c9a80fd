"""What integrations show on records' pages and lists: badges, the pairs of a record, and what may be done (A6)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any
from uuid import UUID

from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.safestring import SafeString

from integrations.badges import NOT_SYNCED, Word, mapping_word
from integrations.models import Integration, MappingState
from integrations.models import Mapping as PairMapping
from integrations.services.mappings import mapping_resume, mapping_retry, mapping_stop, mapping_sync_now
from integrations.services.problems import Refused
from workspace.access import Action
from workspace.models import Change, Record
from workspace.panels import (
    Badge,
    RecordAction,
    register_badges,
    register_integration_names,
    register_record_actions,
    register_record_panel,
)

KINDS = {"good": "good", "warn": "warn", "bad": "bad", "info": "info"}


def badges(record_type: str, ids: Sequence[UUID]) -> Mapping[UUID, list[Badge]]:
    """One badge per integration a record is paired in; "Not synced" for those without any. One query."""
    found: dict[UUID, list[Badge]] = {one: [] for one in ids}
    rows = (
        PairMapping.objects.filter(
            record_id__in=ids, record_type=record_type, integration__deleted_at__isnull=True
        )
        .exclude(state=MappingState.TOMBSTONE)
        .select_related("integration")
        .defer("base_local", "base_external", "history", "held")
        .order_by("integration__name")
    )
    for pair in _with_what_waits(rows):
        if pair.record_id is not None:
            found[pair.record_id].append(_badge(pair))
    for one in ids:
        if not found[one]:
            found[one] = [_as_badge(NOT_SYNCED, reason="Not linked to anything.")]
    return found


def _with_what_waits(rows: QuerySet[PairMapping]) -> QuerySet[PairMapping]:
    """Adds ``waits``: whether an edit made here has not been handed to the pair's integration yet."""
    unseen = Change.objects.filter(record_id=OuterRef("record_id"), drained_at__isnull=True)
    return rows.annotate(waits=Exists(unseen.exclude(integration_id=OuterRef("integration_id"))))


def _state(pair: Any) -> str:
    """The stored state, but that an agreed pair with news is pending from the moment of the news."""
    has_news = pair.waits or pair.dirty_at is not None
    return MappingState.PENDING if has_news and pair.state == MappingState.SYNCED else pair.state


def _badge(pair: PairMapping) -> Badge:
    reason = pair.state_reason or pair.last_error
    return _as_badge(
        mapping_word(_state(pair)),
        integration=pair.integration.name,
        url=reverse("hub:mapping", args=[pair.pk]),
        at=pair.last_synced_at,
        reason=reason,
        external_url=pair.external_url,
    )


def _as_badge(word: Word, **facts: Any) -> Badge:
    return Badge(word.word, KINDS.get(word.tone, "idle"), **facts)


def panel(request: HttpRequest, record: Record) -> SafeString:
    """The record's pairs, each with its state, the link to the other side, and why."""
    pairs = (
        PairMapping.objects.filter(record_id=record.pk, integration__deleted_at__isnull=True)
        .select_related("integration")
        .defer("base_local", "base_external", "history")
        .order_by("integration__name")
    )
    shown = list(_with_what_waits(pairs))
    for pair in shown:
        pair.state = _state(pair)
    return render_to_string("hub/parts/record_pairs.html", {"pairs": shown, "record": record}, request)


def _of(record: Record) -> list[PairMapping]:
    pairs = PairMapping.objects.filter(record_id=record.pk, integration__deleted_at__isnull=True)
    return list(pairs.exclude(state=MappingState.TOMBSTONE).select_related("integration", "tenant"))


def _each(act: Callable[..., Any], said: str, states: frozenset[str] | None = None) -> Callable[..., str]:
    """Run a service on every pair of the chosen records; the sentence counts and names what was refused."""

    def run(request: HttpRequest, records: Sequence[Record]) -> str:
        done, refused = 0, ""
        for record in records:
            for pair in _of(record):
                if states is not None and pair.state not in states:
                    continue
                try:
                    act(mapping=pair, user=request.user)
                    done += 1
                except Refused as problem:
                    refused = problem.message
        if not done:
            raise ValueError(refused or "Nothing to do: the record is linked to no running integration.")
        return said.format(n=done) + (f" {refused}" if refused else "")

    return run


STOPPED = frozenset({MappingState.STOPPED.value})
MOVING = frozenset({state.value for state in MappingState} - {MappingState.STOPPED.value})


def _has(states: frozenset[str]) -> Callable[[HttpRequest, Record], bool]:
    return lambda request, record: any(pair.state in states for pair in _of(record))


ACTIONS = (
    RecordAction(
        "sync-now", "Sync now", _each(mapping_sync_now, "{n} being synced now.", MOVING), Action.OPERATE, _has(MOVING)
    ),
    RecordAction(
        "sync-retry",
        "Retry",
        _each(mapping_retry, "{n} will be tried again.", frozenset({MappingState.ERROR.value})),
        Action.OPERATE,
        _has(frozenset({MappingState.ERROR.value})),
    ),
    RecordAction(
        "sync-stop", "Stop syncing", _each(mapping_stop, "{n} stopped.", MOVING), Action.MANAGE, _has(MOVING)
    ),
    RecordAction(
        "sync-resume", "Sync again", _each(mapping_resume, "{n} being synced again.", STOPPED), Action.MANAGE, _has(STOPPED)
    ),
)  # fmt: skip


def names(integration_ids: Sequence[UUID]) -> Mapping[UUID, str]:
    """Names for a record's history, of deleted integrations too."""
    return dict(Integration.objects.filter(pk__in=integration_ids).values_list("pk", "name"))


def register() -> None:
    """Called once, from ``AppConfig.ready()``."""
    register_badges(badges)
    register_record_panel(panel)
    register_record_actions(*ACTIONS)
    register_integration_names(names)
