"""Look at every rule of every tenant: measure, let the core decide, write what it decided (I2)."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Q

from monitoring.catalogue import spec_of, terms_of
from monitoring.core import Memory, Past, State, Step, Tell, Verdict, decide, is_muted
from monitoring.measures import CannotMeasure, Readings, Scope, readings_of
from monitoring.models import OPEN_STATES, Alert, AlertRule, AlertState, Told, Watch
from monitoring.services.alerts import alert_announce
from monitoring.services.notifications import notifications_queue
from monitoring.services.rules import rules_ensure
from workspace.models import Tenant

logger = logging.getLogger(__name__)

#: columns of an alert that a look may change
CHANGING = (
    "name", "severity", "threshold", "state", "value", "reopened", "acknowledged_at", "acknowledged_by", "note",
    "resolved_at", "resolved_by", "told", "alarmed_at", "last_notified_at",
)  # fmt: skip
#: a metric's readings, or why there are none; by metric and window
Measured = dict[tuple[str, int], Readings | str]


def evaluate_all(now: datetime) -> int:
    """Every tenant, one after the other; one that fails does not stop the others. How many rules were looked at."""
    rules_ensure()
    by_tenant: dict[UUID, list[AlertRule]] = {}
    for rule in AlertRule.objects.filter(enabled=True).select_related("tenant").order_by("tenant", "pk"):
        by_tenant.setdefault(rule.tenant_id, []).append(rule)
    for rules in by_tenant.values():
        evaluate_rules(rules[0].tenant, rules, now)
    return sum(map(len, by_tenant.values()))


def evaluate_rules(tenant: Tenant, rules: Sequence[AlertRule], now: datetime) -> None:
    """Rules of one tenant: one query per metric, then a few per rule, however many integrations there are."""
    measured: Measured = {}
    for rule in rules:
        try:
            fault = _evaluate(tenant, rule, measured, now)
        except Exception as error:
            logger.exception("alerts.rule.failed", extra={"rule": str(rule.pk)})
            fault = (
                f"Something went wrong in Lockstep itself ({type(error).__name__}); the log has the details."
            )
        AlertRule.objects.filter(pk=rule.pk).update(fault=fault[:300], evaluated_at=now)


def _evaluate(tenant: Tenant, rule: AlertRule, measured: Measured, now: datetime) -> str:
    """What stood in the way; "" if nothing did."""
    key = (rule.metric, rule.window_minutes if spec_of(rule.metric).has_window else 0)
    if key not in measured:
        try:
            measured[key] = readings_of(rule.metric, Scope(tenant, now, rule.window_minutes))
        except CannotMeasure as why:
            measured[key] = str(why)
    readings = measured[key]
    if isinstance(readings, str):
        return readings
    with transaction.atomic():
        locked = AlertRule.objects.select_for_update().filter(pk=rule.pk, enabled=True).first()
        if locked is not None and _means(locked) == _means(rule):
            _Look(tenant, locked, readings, now).take()
    return ""


def _means(rule: AlertRule) -> tuple[Any, ...]:
    return rule.metric, rule.window_minutes, rule.integration_id


class _Look:
    """One rule against its readings. The rule's row is locked meanwhile, so two looks never mix."""

    def __init__(self, tenant: Tenant, rule: AlertRule, readings: Readings, now: datetime) -> None:
        self.rule, self.now, self.terms = rule, now, terms_of(rule)
        clock = now.astimezone(tenant.zone).time()
        self.is_muted = is_muted(rule.mute_from, rule.mute_to, clock)
        only = rule.integration_id
        self.readings = {pk: value for pk, value in readings.items() if only is None or pk == only}
        self.watches = {row.integration_id: row for row in Watch.objects.filter(rule=rule)}
        self.alerts = self._alerts()
        self.opened: list[Alert] = []
        self.changed: list[Alert] = []
        self.news: dict[UUID, Alert] = {}  # changes that the pages should hear of: not every new value
        self.messages: list[tuple[Alert, Tell]] = []

    def _alerts(self) -> dict[UUID | None, Alert]:
        """The latest alert of each trouble, where it still matters to the decision."""
        begun = [row.breached_since for row in self.watches.values() if row.breached_since]
        matters = (
            Q(state__in=OPEN_STATES)
            | Q(told=Told.FIRED)
            | Q(alarmed_at__gt=self.now - self.terms.quiet)
            | Q(resolved_at__gte=min(begun, default=self.now))
        )
        rows = Alert.objects.filter(matters, rule=self.rule).select_related("integration").order_by("pk")
        # locked, so that an acknowledgement made meanwhile is not written over
        return {row.integration_id: row for row in rows.select_for_update(of=("self",))}

    def take(self) -> None:
        keep: dict[UUID | None, Memory] = {}
        for pk in {*self.readings, *self.watches, *self.alerts}:
            memory = self._trouble(pk, self.alerts.get(pk), self.readings.get(pk))
            if memory is not None:
                keep[pk] = memory
        Alert.objects.bulk_create(self.opened)
        Alert.objects.bulk_update(self.changed, CHANGING)
        notifications_queue(self.rule, self.messages, now=self.now)
        for alert in self.news.values():
            alert_announce(alert)
        self._remember(keep)

    def _trouble(self, pk: UUID | None, alert: Alert | None, value: float | None) -> Memory | None:
        """Decide about one trouble; what is to be remembered of it, None if nothing is."""
        if alert is not None and alert.integration is not None and alert.integration.deleted_at is not None:
            if alert.state in OPEN_STATES:
                alert.state, alert.resolved_at, alert.told = AlertState.RESOLVED, self.now, Told.RECOVERED
                alert.note = "The integration was deleted."
                self._changed(alert, is_news=True)
            return None
        watch = self.watches.get(pk)
        memory = Memory(watch.breached_since, watch.calm_since) if watch else Memory()
        past = _past_of(alert)
        verdict = decide(self.terms, memory, past, value, self.now, is_muted=self.is_muted)
        if verdict.step is Step.OPEN and value is not None:
            alert = self._open(pk, verdict.memory, value)
        elif alert is not None:
            self._change(alert, verdict, value)
        if alert is None:
            return verdict.memory if verdict.memory.breached_since else None
        if verdict.tell is not None:
            self._tell(alert, verdict.tell)
        is_open = alert.state in OPEN_STATES
        return verdict.memory if is_open or verdict.memory.breached_since else None

    def _open(self, pk: UUID | None, memory: Memory, value: float) -> Alert:
        alert = Alert(
            tenant_id=self.rule.tenant_id,
            rule=self.rule,
            integration_id=pk,
            metric=self.rule.metric,
            value=value,
            since=memory.breached_since or self.now,
            fired_at=self.now,
            **self._of_rule(),
        )
        self.opened.append(alert)
        self.news[alert.pk] = alert
        return alert

    def _of_rule(self) -> dict[str, Any]:
        return {"name": self.rule.name, "severity": self.rule.severity, "threshold": self.rule.threshold}

    def _change(self, alert: Alert, verdict: Verdict, value: float | None) -> None:
        """Take the step; while it is open, the value is the present one."""
        before = (alert.state, alert.value)
        if verdict.step is Step.REOPEN:
            for name, now in self._of_rule().items():
                setattr(alert, name, now)
            alert.state, alert.resolved_at, alert.resolved_by, alert.note = AlertState.FIRING, None, None, ""
            alert.acknowledged_at = alert.acknowledged_by = None
            alert.reopened += 1
        elif verdict.step is Step.RESOLVE:
            alert.state, alert.resolved_at = AlertState.RESOLVED, self.now
        if alert.state in OPEN_STATES and value is not None:
            alert.value = value
        if before != (alert.state, alert.value):
            self._changed(alert, is_news=before[0] != alert.state)

    def _changed(self, alert: Alert, *, is_news: bool) -> None:
        if alert not in self.opened and alert not in self.changed:
            self.changed.append(alert)
        if is_news:
            self.news[alert.pk] = alert

    def _tell(self, alert: Alert, tell: Tell) -> None:
        alert.last_notified_at = self.now
        if tell is Tell.RECOVERED:
            alert.told = Told.RECOVERED
        else:
            alert.told, alert.alarmed_at = Told.FIRED, self.now
        self._changed(alert, is_news=True)
        self.messages.append((alert, tell))

    def _remember(self, keep: dict[UUID | None, Memory]) -> None:
        """Write what differs from the rows that are there."""
        gone = [row.pk for pk, row in self.watches.items() if pk not in keep]
        new, moved = [], []
        for pk, memory in keep.items():
            row = self.watches.get(pk)
            if row is None:
                row = Watch(rule=self.rule, integration_id=pk)
                new.append(row)
            elif (row.breached_since, row.calm_since) != (memory.breached_since, memory.calm_since):
                moved.append(row)
            row.breached_since, row.calm_since = memory.breached_since, memory.calm_since
        Watch.objects.bulk_create(new)
        Watch.objects.bulk_update(moved, ["breached_since", "calm_since"])
        if gone:
            Watch.objects.filter(pk__in=gone).delete()


def _past_of(alert: Alert | None) -> Past | None:
    if alert is None:
        return None
    return Past(State(alert.state), alert.told, alert.alarmed_at, alert.resolved_at)
