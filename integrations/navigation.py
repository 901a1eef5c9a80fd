"""The sidebar (``UNFOLD["SIDEBAR"]["navigation"]``), with counts that link to what they count."""

from __future__ import annotations

from typing import Any

from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import NoReverseMatch, reverse
from django.utils import timezone

from integrations.models import JobStatus, MappingState, SyncJob
from integrations.models import Mapping as PairMapping
from integrations.panels import COUNTERS
from workspace.access import Action, may
from workspace.models import Tenant


def favicon(request: HttpRequest) -> str:
    return static("hub/icon.svg")


def early_sheet(request: HttpRequest) -> str:
    return static("hub/early.css")


def sidebar(request: HttpRequest) -> list[dict[str, Any]]:
    """Groups of links; those whose pages are not installed are left out."""
    groups: list[dict[str, Any]] = [
        {
            "title": None,
            "separator": False,
            "items": [
                _item(request, "Integrations", "hub", "hub:dashboard", exact=True),
                _item(request, "Boards", "view_kanban", "boards:index"),
                _item(request, "My tasks", "checklist", "hub:my_tasks"),
                _item(request, "Conflicts", "call_split", "desk:list", badge="conflicts"),
                _item(request, "Rules", "rule", "desk:rules"),
                _item(request, "Alerts", "notifications", "alerts:list", badge="alerts"),
                _item(request, "Mappings", "link", "hub:mappings"),
                _item(request, "Sync log", "receipt_long", "hub:logs"),
                _item(request, "Jobs", "pending_actions", "hub:jobs"),
                _item(
                    request, "Dead letters", "mark_email_unread", "hub:dead_letters", badge="dead"
                ),
            ],
        },
        {
            "title": "Records",
            "separator": True,
            "items": [
                _item(request, "Tasks", "task_alt", "admin:workspace_task_changelist"),
                _item(request, "Waitlist", "list_alt", "admin:workspace_waitlistentry_changelist"),
                _item(request, "Leads", "person_search", "admin:workspace_lead_changelist"),
                _item(request, "Opportunities", "monetization_on", "admin:workspace_opportunity_changelist"),
                _item(request, "Customers", "storefront", "admin:workspace_customer_changelist"),
                _item(request, "Members", "group", "admin:workspace_member_changelist"),
                _item(request, "Time", "timer", "admin:workspace_participationlog_changelist"),
                _item(request, "Comments", "chat_bubble", "admin:workspace_comment_changelist"),
            ],
        },
    ]  # fmt: skip
    administration = _administration(request)
    if administration:
        groups.append({"title": "Administration", "separator": True, "items": administration})
    return [{**group, "items": [item for item in group["items"] if item]} for group in groups]


def _administration(request: HttpRequest) -> list[Any]:
    """What the person may open: schedules span tenants, so they are the platform operator's."""
    tenant = getattr(request, "tenant", None)
    items = []
    if tenant is not None and may(request.user, tenant, Action.MANAGE):
        items.append(_item(request, "People and roles", "badge", "admin:workspace_membership_changelist"))
    if request.user.is_superuser:
        schedules = "admin:django_celery_beat_periodictask_changelist"
        items.append(_item(request, "Schedules", "schedule", schedules))
    if tenant is not None and may(request.user, tenant, Action.READ_PAYLOADS):
        items.append(_item(request, "Audit log", "policy", "hub:audit"))
    return items


def _item(
    request: HttpRequest, title: str, icon: str, name: str, *, badge: str = "", exact: bool = False
) -> Any:
    try:
        link = reverse(name)
    except NoReverseMatch:
        return None
    is_here = request.path == link or (
        request.path.startswith(f"{link}integrations/") if exact else request.path.startswith(link)
    )
    item: dict[str, Any] = {"title": title, "icon": icon, "link": link, "active": is_here}
    if badge and (count := hub_counts(request).get(badge, 0)):
        item["badge"] = count
        item["badge_variant"] = "warning"
    return item


def hub_counts(request: HttpRequest) -> dict[str, int]:
    """Counts for the badges, once per request; pages that know them already leave them on the request."""
    found: dict[str, int] | None = getattr(request, "hub_counts", None)
    if found is None:
        found = _counted(request)
        request.hub_counts = found  # type: ignore[attr-defined]
    return found


def _counted(request: HttpRequest) -> dict[str, int]:
    tenant = getattr(request, "tenant", None)
    if tenant is None:
        return {}
    counts = {
        counter.key: sum(tally.open for tally in counter.counts(tenant, timezone.now()).values())
        for counter in COUNTERS
    }
    counts["dead"] = dead_letters(tenant)
    return counts


def dead_letters(tenant: Tenant) -> int:
    """Pairs and jobs whose retries are used up; one query."""
    pairs = PairMapping.objects.filter(tenant=OuterRef("pk"), is_dead=True).exclude(
        state=MappingState.TOMBSTONE
    )
    jobs = SyncJob.objects.filter(tenant=OuterRef("pk"), status=JobStatus.DEAD)
    row = Tenant.objects.filter(pk=tenant.pk).values_list(_count(pairs), _count(jobs)).first()
    return sum(row) if row else 0


def _count(rows: QuerySet[Any]) -> Coalesce:
    counted = rows.order_by().values("tenant").annotate(n=Count("pk")).values("n")
    return Coalesce(Subquery(counted), 0)
