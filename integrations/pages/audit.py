"""Who did what in this tenant: administrative acts, newest first, for managers and auditors (M8)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC
from typing import Any

from auditlog.models import LogEntry
from django.contrib.auth import get_user_model
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils import timezone

from integrations.audit import audit
from workspace.access import Action
from workspace.models import Tenant

from .base import HubView, filter_words, keyset
from .csvfile import csv_response
from .logs import SINCE, SINCE_WORDS

FILTERS = {"q": "Search", "act": "Act", "by": "By", "since": "Since"}
#: the first word of an act, and what people call its kind
KINDS = {
    "integration": "Integrations", "credential": "Credentials", "webhook": "Webhooks", "field_map": "Field maps",
    "status_map": "Status maps", "mapping": "Mappings", "job": "Jobs", "dead_letters": "Dead letters", "conflict": "Conflicts",
    "rule": "Rules", "logs": "Log", "audit": "Audit log", "token": "Tokens", "membership": "People and roles",
    "tenant": "Tenant", "board": "Boards", "template": "Templates", "delivery": "Deliveries",
}  # fmt: skip


def audit_rows(tenant: Tenant, params: Any) -> QuerySet[LogEntry]:
    """The tenant's entries under the filters of an address. A token belongs to a person, so it is shown wherever that
    person is a member."""
    people = get_user_model()._default_manager.filter(memberships__tenant=tenant)
    rows = LogEntry.objects.filter(
        Q(additional_data__tenant=str(tenant.pk))
        | Q(additional_data__act__startswith="token.", actor__in=people.values("pk"))
    )
    if act := params.get("act"):
        rows = rows.filter(additional_data__act__startswith=f"{act}.")
    if by := params.get("by"):
        rows = rows.filter(actor__username=by)
    if (since := params.get("since")) in SINCE:
        rows = rows.filter(timestamp__gt=timezone.now() - SINCE[since])
    if text := params.get("q", "").strip()[:100]:
        note = Q(additional_data__note__icontains=text) | Q(additional_data__act__icontains=text)
        rows = rows.filter(note | Q(object_repr__icontains=text) | Q(cid=text))
    found: QuerySet[LogEntry] = rows.select_related("actor", "content_type")
    return found


class AuditList(HubView):
    title = "Audit log"
    template_name = "hub/audit.html"
    action = Action.READ_PAYLOADS

    def get(self, request: HttpRequest) -> HttpResponse:
        page = keyset(audit_rows(self.tenant, request.GET), request)
        people = get_user_model()._default_manager.filter(memberships__tenant=self.tenant)
        context = {
            "page": page,
            "entries": [entry_of(row) for row in page],
            "filters": filter_words(request, FILTERS),
            "kinds": KINDS.items(),
            "people": people.order_by("username").values_list("username", flat=True)[:200],
            "since_choices": SINCE_WORDS.items(),
        }
        return self.render(context=context)


class AuditCsv(HubView):
    """The same, whole, as CSV; reading it out is itself an act."""

    action = Action.READ_PAYLOADS

    def get(self, request: HttpRequest) -> HttpResponseBase:
        rows = audit_rows(self.tenant, request.GET).order_by("-pk").iterator(1000)
        audit(self.tenant, "audit.exported", user=request.user, note=request.GET.urlencode()[:300])
        head = ["Time (UTC)", "By", "Act", "On", "Kind", "Changes", "Note", "Correlation id"]
        return csv_response("audit-log", head, (_csv_row(row) for row in rows))


def entry_of(row: LogEntry) -> dict[str, Any]:
    """A row as the page shows it."""
    data: dict[str, Any] = row.additional_data or {}
    return {
        "pk": row.pk, "at": row.timestamp, "by": row.actor, "act": _act(row, str(data.get("act", ""))),
        "on": row.object_repr, "kind": row.content_type.name, "note": data.get("note", ""), "changes": list(changes_of(row)),
        "cid": row.cid or "",
    }  # fmt: skip


def _act(row: LogEntry, act: str) -> str:
    """What the models note by themselves is "changed", whether it was made, changed or deleted."""
    verb = {LogEntry.Action.CREATE: "created", LogEntry.Action.DELETE: "deleted"}.get(row.action)
    kind, _, noted = act.rpartition(".")
    return f"{kind}.{verb}" if noted == "changed" and verb else act


def changes_of(row: LogEntry) -> Iterator[tuple[str, str, str]]:
    """(field, from, to)."""
    for name, change in (row.changes or {}).items():
        if isinstance(change, list) and len(change) == 2:
            yield name, *("" if one in (None, "None") else str(one) for one in change)


def _csv_row(row: LogEntry) -> list[Any]:
    entry = entry_of(row)
    changes = "; ".join(f"{name}: {old} → {new}" for name, old, new in entry["changes"])
    return [
        f"{entry['at'].astimezone(UTC):%Y-%m-%d %H:%M:%S}", entry["by"] or "", entry["act"], entry["on"], entry["kind"],
        changes, entry["note"], entry["cid"],
    ]  # fmt: skip
