"""Jobs and dead letters: what runs, what waits, what gave up, and what may be done about it (UI 7, 11)."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone

from integrations.models import Integration, JobAttempt, JobKind, JobStatus, SyncJob, SyncLog
from integrations.models import Mapping as PairMapping
from integrations.models.jobs import OPEN_JOB_STATUSES
from integrations.services.jobs import (
    dead_letters_requeue,
    job_cancel,
    job_retry,
    job_take_back,
    job_writes,
)
from integrations.services.problems import Refused
from workspace.access import Action
from workspace.models import Tenant

from .base import HubAction, HubView, as_uuid, filter_words, keyset
from .figures import BAD_JOBS, DAY, pulse
from .logs import SINCE, SINCE_WORDS

RETRYABLE = (
    JobStatus.DEAD,
    JobStatus.FAILED,
    JobStatus.PARTIAL,
    JobStatus.CANCELLED,
    JobStatus.RETRY_WAITING,
)
DEAD_LIMIT = 500
SHOWN_RECORDS = 200


def job_rows(tenant: Tenant, params: Any) -> QuerySet[SyncJob]:
    """The tenant's jobs under the filters of an address."""
    rows = SyncJob.objects.filter(tenant=tenant)
    if value := params.get("status"):
        if value == "bad":
            rows = rows.filter(status__in=BAD_JOBS)
        elif value == "open":
            rows = rows.filter(status__in=OPEN_JOB_STATUSES)
        else:
            rows = rows.filter(status=value)
    if value := params.get("kind"):
        rows = rows.filter(kind=value)
    if value := params.get("integration"):
        found = as_uuid(value)
        rows = rows.filter(integration_id=found) if found else rows.none()
    if (since := params.get("since")) in SINCE:
        start = timezone.now() - SINCE[since]
        rows = rows.filter(Q(finished_at__gt=start) | Q(finished_at__isnull=True, created_at__gt=start))
    if value := params.get("q", "").strip():
        found = as_uuid(value)
        exact = Q(correlation_id=value) | (Q(pk=found) if found else Q())
        rows = rows.filter(
            exact | Q(error_message__icontains=value[:100]) | Q(status_reason__icontains=value[:100])
        )
    return rows


FILTERS = {"q": "Search", "status": "Status", "kind": "Kind", "integration": "Integration", "since": "Since"}


def job_context(
    view: HubView, request: HttpRequest, integration: Integration | None = None
) -> dict[str, Any]:
    rows = job_rows(view.tenant, request.GET)
    if integration is not None:
        rows = rows.filter(integration=integration)
    return {
        "page": keyset(rows.select_related("integration", "triggered_by"), request, read=UUID),
        "filters": filter_words(request, FILTERS),
        "statuses": [("open", "Open"), ("bad", "Failures"), *JobStatus.choices],
        "kinds": [(kind.value, kind.label) for kind in RUN_KINDS],
        "since_choices": SINCE_WORDS.items(),
        "integrations": None
        if integration
        else Integration.objects.for_tenant(view.tenant).only("id", "name"),
        "one_integration": integration,
    }


#: runs that there are; single edits, webhooks' news and decisions go pair by pair and are in the sync log
RUN_KINDS = (JobKind.SCHEDULED, JobKind.MANUAL, JobKind.INITIAL, JobKind.PREVIEW, JobKind.ROLLBACK)


class JobList(HubView):
    title = "Jobs"
    template_name = "hub/jobs.html"
    live_on = ("job.changed",)

    def get(self, request: HttpRequest) -> HttpResponse:
        return self.render(context=job_context(self, request) | {"pulse": pulse(timezone.now())})


class JobDetail(HubView):
    title = "Job"
    template_name = "hub/job.html"
    live_on = ("job.changed",)

    def get(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        job = self.one(SyncJob.objects.select_related("integration", "triggered_by"), pk=pk)
        context = {
            "job": job,
            "title": job.get_kind_display(),
            "attempts": JobAttempt.objects.filter(job=job).order_by("-id")[:50],
            "logs": SyncLog.objects.filter(job=job).defer("exchange", "error_trace").order_by("-id")[:20],
            "log_count": SyncLog.objects.filter(job=job).count(),
            "can_retry": job.status in RETRYABLE,
            "can_cancel": job.status in OPEN_JOB_STATUSES and not job.cancel_requested,
            "is_preview": is_preview(job),
            "preview": preview_of(job),
            "can_take_back": job.status not in OPEN_JOB_STATUSES and bool(job_writes(job)),
            "taken_back": taken_back(job),
            "may_read_payloads": self.may(Action.READ_PAYLOADS),
        }
        return self.render(context=context)


class JobTakeBack(HubView):
    """Says what would be taken back, and does it when told so."""

    title = "Take back this run"
    template_name = "hub/take_back.html"
    action = Action.MANAGE

    def get(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        job = self.one(SyncJob.objects.select_related("integration"), pk=pk)
        return self.render(context={"job": job, "writes": job_writes(job)})

    def post(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        job = self.one(SyncJob.objects.select_related("integration", "tenant"), pk=pk)
        try:
            made = job_take_back(job=job, user=request.user)
        except Refused as refused:
            self.say(refused.message, "error")
            return redirect("hub:job", pk=pk)
        self.say("The run is being taken back; this page says what came of it.")
        return redirect("hub:job", pk=made.pk)


def taken_back(job: SyncJob) -> dict[str, Any]:
    """What a run that takes another back did and left alone; empty for others and while it runs."""
    result = job.result if isinstance(job.result, dict) else {}
    if job.kind != JobKind.ROLLBACK or "reverted" not in result:
        return {}
    return {"of": job.options.get("job", ""), "reverted": result["reverted"], "refused": result["refused"]}


OUTCOME_WORDS = {
    "create_here": "Create here",
    "create_there": "Create there",
    "update_here": "Change here",
    "update_there": "Change there",
    "conflict": "Conflict",
    "link": "Link",
    "ambiguous": "Ask which one",
    "gone_there": "Look up: not found there",
    "delete_there": "Delete there",
    "archive_there": "Archive there",
    "ask": "Ask a reviewer",
    "unlink": "Unlink",
    "filtered": "Left out",
    "unchanged": "Unchanged",
}


def is_preview(job: SyncJob) -> bool:
    """A dry run, or a sync that was one because the integration was read only then."""
    return job.kind == JobKind.PREVIEW or (isinstance(job.result, dict) and "counts" in job.result)


def preview_of(job: SyncJob) -> dict[str, Any]:
    """A dry run's counts and records in words; empty while it runs."""
    result = job.result if isinstance(job.result, dict) else {}
    counts: dict[str, int] = result.get("counts") or {}
    records: list[dict[str, Any]] = result.get("records") or []
    return {
        "counts": [
            (OUTCOME_WORDS.get(name, name.replace("_", " ")), count) for name, count in counts.items()
        ],
        "records": [_preview_row(record) for record in records[:SHOWN_RECORDS]],
        "total": len(records),
        "not_walked": ", ".join(result.get("not_walked") or []),
    }


def _preview_row(record: dict[str, Any]) -> dict[str, Any]:
    changes = [
        {"side": side, "field": name, "before": change.get("from"), "after": change.get("to")}
        for side in ("local", "external")
        for name, change in (record.get(side) or {}).items()
    ]
    return {
        "title": record.get("title") or record.get("external_id") or "(no title)",
        "external_id": record.get("external_id") or "",
        "resource": record.get("resource") or "",
        "word": OUTCOME_WORDS.get(str(record.get("outcome")), str(record.get("outcome") or "")),
        "changes": changes,
        "conflicts": record.get("conflicts") or [],
        "held": sorted((record.get("held") or {}).items()),
        "note": record.get("note") or "",
    }


class JobDo(HubAction):
    """Retry or cancel one job."""

    action = Action.OPERATE

    def post(self, request: HttpRequest, pk: UUID, action: str) -> HttpResponse:
        job = self.one(SyncJob.objects.select_related("integration"), pk=pk)
        try:
            if action == "cancel":
                job_cancel(job=job, user=request.user)
                self.say(
                    "The job was cancelled."
                    if job.status == JobStatus.CANCELLED
                    else "It stops after this page."
                )
            else:
                job_retry(job=job, user=request.user)
                self.say("The job is queued again.")
        except Refused as refused:
            self.say(refused.message, "error")
        return self.back(reverse("hub:job", args=[pk]))


# -- dead letters ------------------------------------------------------------------------------------------


class DeadLetters(HubView):
    """What gave up, grouped by what went wrong."""

    title = "Dead letters"
    template_name = "hub/dead_letters.html"
    live_on = ("mapping.changed", "mapping.dead", "job.changed")

    def get(self, request: HttpRequest) -> HttpResponse:
        pairs = (
            PairMapping.objects.live().filter(tenant=self.tenant, is_dead=True).select_related("integration")
        )
        jobs = SyncJob.objects.filter(tenant=self.tenant, status=JobStatus.DEAD).select_related("integration")
        if value := request.GET.get("integration"):
            found = as_uuid(value)
            pairs = pairs.filter(integration_id=found) if found else pairs.none()
            jobs = jobs.filter(integration_id=found) if found else jobs.none()
        page = keyset(pairs, request, read=UUID)
        context = {
            "page": page,
            "groups": grouped(page.rows),
            "jobs": jobs.order_by("-created_at")[:50],
            "pair_count": pairs.count(),
            "integrations": Integration.objects.for_tenant(self.tenant).only("id", "name"),
            "filters": filter_words(request, {"integration": "Integration"}),
        }
        return self.render(context=context)


def grouped(pairs: Any) -> list[dict[str, Any]]:
    """Pairs that failed alike: same integration, class and message."""
    groups: dict[tuple[Any, str, str], dict[str, Any]] = {}
    for pair in pairs:
        key = (pair.integration_id, pair.error_code, pair.last_error)
        group = groups.setdefault(
            key,
            {
                "integration": pair.integration,
                "code": pair.error_code,
                "message": pair.last_error,
                "pairs": [],
            },
        )
        group["pairs"].append(pair)
    return sorted(groups.values(), key=lambda group: -len(group["pairs"]))


class DeadLettersRequeue(HubAction):
    """Try chosen dead letters again, or all of an integration. What is not running is skipped and said so."""

    action = Action.OPERATE

    def post(self, request: HttpRequest) -> HttpResponse:
        pairs = [found for value in request.POST.getlist("pair")[:DEAD_LIMIT] if (found := as_uuid(value))]
        jobs = [found for value in request.POST.getlist("job")[:DEAD_LIMIT] if (found := as_uuid(value))]
        everything = request.POST.get("everything_of", "")
        whole = self.integration(found) if (found := as_uuid(everything)) else None
        if not (pairs or jobs or whole):
            self.say("Choose at least one dead letter.", "warning")
            return self.back(reverse("hub:dead_letters"))
        done = dead_letters_requeue(
            tenant=self.tenant, user=request.user, mapping_ids=pairs, job_ids=jobs, everything_of=whole
        )
        said = f"{done['mappings'] + done['jobs']} will be tried again"
        if done["skipped"]:
            said += f"; {done['skipped']} skipped, because their integration is not running or they are done"
        self.say(said + ".", "success" if done["mappings"] + done["jobs"] else "warning")
        return self.back(reverse("hub:dead_letters"))


__all__ = [
    "DAY",
    "DeadLetters",
    "DeadLettersRequeue",
    "JobDetail",
    "JobDo",
    "JobList",
    "JobTakeBack",
    "job_context",
]
