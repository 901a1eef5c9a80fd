"""The review list: what waits for a decision, by integration; many at once after a dry run (UI 8)."""

from __future__ import annotations

from itertools import groupby
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone

from conflicts.models import ConflictKind, ConflictResolution, ConflictStatus
from conflicts.selectors import AGES, age_word, conflict_rows, names_for, one_line
from conflicts.services import InvalidDecision, conflicts_decide_bulk
from conflicts.services.decisions import BULK_CHOICES, BULK_LIMIT
from integrations.models import Integration
from integrations.pages.base import HubView, as_number, as_uuid, filter_words, keyset
from workspace.access import Action

FILTERS = {
    "q": "Search", "status": "Status", "integration": "Integration", "kind": "Kind", "field": "Field",
    "resource": "Type", "age": "Older than", "claim": "Claimed", "record": "Record", "mapping": "Pair",
}  # fmt: skip
STATUSES = [
    ("open", "Open"),
    ("settled24h", "Settled in 24 h"),
    ("closed", "Closed"),
    *ConflictStatus.choices,
    ("all", "All"),
]
BULK_WORDS = {
    "local": "Keep local",
    "external": "Keep external",
    "newest": "Newest per field",
    "ignore": "Ignore",
}
LIVE = (
    "conflict.opened", "conflict.updated", "conflict.decided", "conflict.resolved", "conflict.withdrawn",
    "conflicts.withdrawn", "conflict.ignored", "conflict.reopened", "conflict.reverted", "conflict.lease",
)  # fmt: skip


class ConflictList(HubView):
    title = "Conflicts"
    template_name = "conflicts/list.html"
    live_on = LIVE

    def get(self, request: HttpRequest) -> HttpResponse:
        now = timezone.now()
        rows = conflict_rows(self.tenant, request.GET, user=request.user, now=now)
        page = keyset(
            rows.select_related("integration", "lease_user", "decided_by", "rule"), request, read=UUID
        )
        filters = filter_words(request, FILTERS)
        context = {
            "page": page,
            "groups": grouped(page.rows, request.user, now),
            "filters": [each for each in filters if each != ("Status", "open")],
            "status": request.GET.get("status") or "open",
            "statuses": STATUSES,
            "kinds": ConflictKind.choices,
            "ages": [("1h", "1 hour"), ("24h", "1 day"), ("7d", "7 days")],
            "integrations": Integration.objects.for_tenant(self.tenant).only("id", "name"),
            "bulk_words": BULK_WORDS.items(),
            "can_decide": self.may(Action.REVIEW),
            "total": rows.count(),
            "bulk_limit": BULK_LIMIT,
        }
        return self.render(context=context)


def grouped(conflicts: Any, user: Any, now: Any) -> list[dict[str, Any]]:
    """The page's rows by integration, the oldest age of each group on top."""
    names = names_for(conflicts)
    for conflict in conflicts:
        conflict.lines = one_line(conflict, names)
        conflict.age = age_word(conflict, now)
        is_claimed = conflict.lease_user_id and conflict.lease_until and conflict.lease_until > now
        conflict.claimed_by = conflict.lease_user if is_claimed else None
        conflict.is_mine = bool(is_claimed and conflict.lease_user_id == user.pk)
    ordered = sorted(conflicts, key=lambda each: (each.integration.name, str(each.integration_id)))
    groups = []
    for integration, members in groupby(ordered, key=lambda each: each.integration):
        found = list(members)
        groups.append(
            {"integration": integration, "conflicts": found, "oldest": min(each.created_at for each in found)}
        )
    return groups


assert set(BULK_WORDS) == set(BULK_CHOICES)
assert set(AGES) == {"1h", "24h", "7d"}


class ConflictBulk(HubView):
    """Two POSTs: the dry run says what would happen to each, the second carries it out on exactly those versions."""

    action = Action.REVIEW
    title = "Decide many"
    template_name = "conflicts/bulk.html"
    http_method_names = ["post", "options"]

    def post(self, request: HttpRequest) -> HttpResponse:
        choice = request.POST.get("choice", "")
        is_confirmed = request.POST.get("do") == "apply"
        seen = self._seen(request, is_confirmed)
        if not seen:
            self.say("Choose at least one conflict.", "warning")
            return self.back(reverse("desk:list"))
        try:
            outcome = conflicts_decide_bulk(
                tenant=self.tenant,
                user=request.user,
                seen=seen,
                choice=choice,
                push=choice != "ignore",
                note=request.POST.get("note", ""),
                is_dry_run=not is_confirmed,
                now=timezone.now(),
            )
        except InvalidDecision as refused:
            self.say(str(refused), "error")
            return self.back(reverse("desk:list"))
        if is_confirmed:
            said = f"{len(outcome.done)} decided"
            if outcome.skipped:
                said += "; " + ", ".join(
                    f"{count} not: {reason}" for reason, count in outcome.reasons.items()
                )
            self.say(said + ".", "success" if outcome.done else "warning")
            return HttpResponseRedirect(safe_back(request))
        rows = ConflictResolution.objects.filter(tenant=self.tenant, pk__in=seen).select_related(
            "integration"
        )
        context = {
            "choice": choice,
            "word": BULK_WORDS[choice],
            "outcome": outcome,
            "rows": [{"conflict": row, "why": outcome.skipped.get(row.pk, "")} for row in rows],
            "seen": " ".join(f"{pk}:{version}" for pk, version in seen.items()),
            "query": request.GET.urlencode(),
        }
        return self.render(context=context)

    def _seen(self, request: HttpRequest, is_confirmed: bool) -> dict[UUID, int]:
        if is_confirmed:
            pairs = [part.partition(":") for part in request.POST.get("seen", "").split()[:BULK_LIMIT]]
            return {
                found: number
                for pk, _, version in pairs
                if (found := as_uuid(pk)) and (number := as_number(version)) >= 0
            }
        if request.POST.get("everything"):
            rows = conflict_rows(self.tenant, request.GET, user=request.user, now=timezone.now())
            return dict(rows.filter(status=ConflictStatus.PENDING).values_list("pk", "version")[:BULK_LIMIT])
        chosen = [part.partition(":") for part in request.POST.getlist("pick")[:BULK_LIMIT]]
        return {
            found: number
            for pk, _, version in chosen
            if (found := as_uuid(pk)) and (number := as_number(version)) >= 0
        }


def safe_back(request: HttpRequest) -> str:
    """The list with its filters, from the form's own address."""
    query = request.GET.urlencode()
    return reverse("desk:list") + (f"?{query}" if query else "")
