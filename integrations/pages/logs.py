"""The sync log: list with search and filters, and one row in full (UI 5)."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from integrations.audit import audit
from integrations.models import Integration, Operation, SyncLog, SyncMethod
from integrations.models.jobs import LogStatus
from integrations.selectors import OF_SYNC
from integrations.services.logs import logs_clear
from integrations.services.problems import InvalidSettings
from workspace.access import Action
from workspace.models import RECORD_TYPES, Tenant

from .base import HubAction, HubView, as_uuid, filter_words, keyset
from .csvfile import csv_response
from .figures import BAD_LOGS

FILTERS = {
    "q": "Search", "status": "Outcome", "operation": "Action", "direction": "Direction", "method": "Trigger",
    "integration": "Integration", "resource": "Type", "http": "HTTP", "record": "Record", "job": "Run",
    "correlation": "Correlation id", "since": "Since", "until": "Until",
}  # fmt: skip
SINCE = {
    "1h": timedelta(hours=1),
    "24h": timedelta(hours=24),
    "7d": timedelta(days=7),
    "30d": timedelta(days=30),
}
SINCE_WORDS = {"1h": "Last hour", "24h": "Last 24 hours", "7d": "Last 7 days", "30d": "Last 30 days"}
#: the action that stands for all that the figures count
SYNCS = "sync"
DIRECTIONS = {"in": "In", "out": "Out", "both": "Both"}
HTTP_CLASSES = {"2": "2xx", "3": "3xx", "4": "4xx", "5": "5xx"}


def log_rows(tenant: Tenant, params: Any, now: datetime) -> QuerySet[SyncLog]:
    """The tenant's log under the filters of an address; what cannot be read is ignored."""
    rows = SyncLog.objects.filter(tenant=tenant)
    for name, column in (
        ("direction", "direction"),
        ("method", "method"),
        ("resource", "resource"),
    ):
        if value := params.get(name):
            rows = rows.filter(**{column: value})
    for name, column in (
        ("integration", "integration_id"),
        ("record", "record_id"),
        ("job", "job_id"),
        ("mapping", "mapping_id"),
    ):
        if value := params.get(name):
            found = as_uuid(value)
            rows = rows.filter(**{column: found}) if found else rows.none()
    if value := params.get("correlation"):
        rows = rows.filter(correlation_id=value)
    if value := params.get("operation"):
        rows = rows.filter(operation__in=OF_SYNC if value == SYNCS else [value])
    if value := params.get("status"):
        rows = rows.filter(status__in=BAD_LOGS) if value == "bad" else rows.filter(status=value)
    if (value := params.get("http")) in HTTP_CLASSES:
        rows = rows.filter(http_status__gte=int(value) * 100, http_status__lt=int(value) * 100 + 100)
    rows = _within(rows, params, now)
    return _searched(rows, params.get("q", "").strip())


def _within(rows: QuerySet[SyncLog], params: Any, now: datetime) -> QuerySet[SyncLog]:
    since = params.get("since", "")
    if since in SINCE:
        rows = rows.filter(created_at__gt=now - SINCE[since])
    elif moment := _moment(since):
        rows = rows.filter(created_at__gte=moment)
    if moment := _moment(params.get("until", "")):
        rows = rows.filter(created_at__lte=moment)
    return rows


def _moment(text: str) -> datetime | None:
    try:
        found = parse_datetime(text)
        if found is None:
            return None
        found = timezone.make_aware(found) if timezone.is_naive(found) else found
        return found.astimezone(UTC)  # a database may want it in UTC, where it can fall off the calendar
    except (ValueError, OverflowError):
        return None


def _searched(rows: QuerySet[SyncLog], text: str) -> QuerySet[SyncLog]:
    if not text:
        return rows
    exact = Q(external_id=text) | Q(correlation_id=text)
    if found := as_uuid(text):
        return rows.filter(exact | Q(record_id=found) | Q(job_id=found) | Q(mapping_id=found))
    return rows.filter(exact | Q(message__icontains=text[:100]))


class LogList(HubView):
    title = "Sync log"
    template_name = "hub/logs.html"
    live_on = ("log.written",)

    def get(self, request: HttpRequest) -> HttpResponse:
        return self.render(context=log_context(self, request))


def log_context(
    view: HubView, request: HttpRequest, integration: Integration | None = None
) -> dict[str, Any]:
    """Rows, filters and choices of a log list, of all integrations or of one."""
    rows = log_rows(view.tenant, request.GET, timezone.now())
    if integration is not None:
        rows = rows.filter(integration=integration)
    page = keyset(rows.select_related("integration").defer("exchange", "error_trace"), request)
    return {
        "page": page,
        "filters": filter_words(request, FILTERS),
        "statuses": [("bad", "Failures"), *LogStatus.choices],
        "operations": [(SYNCS, "Syncs"), *Operation.choices],
        "directions": DIRECTIONS.items(),
        "methods": SyncMethod.choices,
        "http_classes": HTTP_CLASSES.items(),
        "since_choices": SINCE_WORDS.items(),
        "integrations": None
        if integration
        else Integration.objects.for_tenant(view.tenant).only("id", "name"),
        "one_integration": integration,
        "retention_days": settings.LOCKSTEP_LOG_RETENTION_DAYS,
    }


class LogCsv(HubView):
    """The log under the filters of the address, whole; payloads and traces stay on their pages."""

    def get(self, request: HttpRequest) -> HttpResponseBase:
        rows = log_rows(self.tenant, request.GET, timezone.now()).order_by("-pk")
        found = rows.values_list(*CSV_COLUMNS.values()).iterator(2000)
        audit(self.tenant, "logs.exported", user=request.user, note=request.GET.urlencode()[:300])
        return csv_response("sync-log", list(CSV_COLUMNS), (_csv_row(row) for row in found))


#: head → column
CSV_COLUMNS = {
    "No.": "pk", "Time (UTC)": "created_at", "Integration": "integration__name", "Outcome": "status", "Action": "operation",
    "Direction": "direction", "Trigger": "method", "Type": "resource", "Record type": "record_type",
    "Record": "record_id", "External id": "external_id", "Message": "message", "Error": "error_code",
    "HTTP": "http_status", "Milliseconds": "duration_ms", "Retries": "retry_count", "Processed": "records_processed",
    "Succeeded": "records_succeeded", "Failed": "records_failed", "Run": "job_id", "Correlation id": "correlation_id",
    "Fields": "field_changes",
}  # fmt: skip


def _csv_row(row: tuple[Any, ...]) -> list[Any]:
    number, at, *others, fields = row
    return [number, f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S}", *others, json.dumps(fields) if fields else ""]


class LogClear(HubAction):
    """Delete an integration's log; its name must be typed, and the audit entry stays."""

    action = Action.MANAGE

    def post(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        integration = self.integration(pk)
        try:
            removed = logs_clear(
                integration=integration, typed_name=request.POST.get("typed_name", ""), user=request.user
            )
        except InvalidSettings as refused:
            self.say(" ".join(refused.errors["typed_name"]), "error")
        else:
            self.say(f"{removed} log entries were deleted.")
        return self.back(reverse("hub:integration_tab", kwargs={"pk": pk, "tab": "logs"}))


class LogDetail(HubView):
    title = "Log entry"
    template_name = "hub/log.html"

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        row = self.one(SyncLog.objects.select_related("integration", "job", "mapping"), pk=pk)
        around = SyncLog.objects.filter(tenant=self.tenant, integration_id=row.integration_id)
        context = {
            "row": row,
            "title": f"Log entry {row.pk}",
            "changes": field_changes(row.field_changes),
            "newer": around.filter(pk__gt=row.pk).order_by("pk").values_list("pk", flat=True).first(),
            "older": around.filter(pk__lt=row.pk).order_by("-pk").values_list("pk", flat=True).first(),
            "may_read_payloads": self.may(Action.READ_PAYLOADS),
            "exchange": row.exchange if self.may(Action.READ_PAYLOADS) else None,
            "trace": row.error_trace if self.may(Action.READ_PAYLOADS) else "",
            "shape": shape(row.exchange),
            "related": related(row),
            "record_link": record_link(row.record_type, row.record_id),
        }
        return self.render(context=context)


def field_changes(changes: Any) -> list[dict[str, Any]]:
    """Rows (side, field, before, after) of a log row's changes; tolerant of what older versions wrote."""
    found = []
    for side, fields in (changes or {}).items():
        if not isinstance(fields, dict):
            continue
        for field, change in fields.items():
            is_pair = isinstance(change, dict) and "to" in change
            before = change.get("from") if is_pair else None
            found.append(
                {"side": side, "field": field, "before": before, "after": change["to"] if is_pair else change}
            )
    return found


def shape(exchange: Any) -> list[str]:
    """What others than auditors and managers learn of a payload: parts and sizes, no content."""
    if not isinstance(exchange, dict):
        return []
    return [f"{name}: {len(str(part))} characters" for name, part in exchange.items() if part]


def related(row: SyncLog) -> list[tuple[str, str]]:
    """ "All for this …" links, as (label, query)."""
    found = []
    if row.record_id:
        found.append(("All for this record", f"record={row.record_id}"))
    if row.job_id:
        found.append(("All of this run", f"job={row.job_id}"))
    if row.correlation_id:
        found.append(("Same correlation id", f"correlation={row.correlation_id}"))
    return found


def record_link(record_type: str, record_id: UUID | None) -> str:
    """A record's page in the admin; "" if it has none."""
    if record_id is None or record_type not in RECORD_TYPES:
        return ""
    name = RECORD_TYPES[record_type]._meta.model_name
    try:
        return reverse(f"admin:workspace_{name}_change", args=[record_id])
    except NoReverseMatch:
        return ""
