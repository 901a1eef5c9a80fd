"""A person's tasks of all sources together: ticked here, done there (S3)."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.core.paginator import Paginator
from django.db.models import Case, F, IntegerField, Q, QuerySet, Value, When
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone

from integrations.correlation import correlation_id
from integrations.models import Integration, Mapping
from integrations.services.mappings import record_retry
from workspace.access import Action
from workspace.models import Member, OriginKind, Priority, Task, TaskStage
from workspace.panels import badges_for
from workspace.services import Origin, RecordMissing, task_complete, task_reopen

from .base import PAGE_SIZE, HubAction, HubView, as_uuid, filter_words, forbidden

FILTERS = {"q": "Search", "source": "Source"}
SHOWS = {"open": "Open", "done": "Done", "all": "All"}
_URGENCY = Case(
    *(When(priority=value, then=Value(rank)) for rank, value in enumerate(reversed(Priority.values))),
    default=Value(len(Priority.values)), output_field=IntegerField(),
)  # fmt: skip


class MyTasks(HubView):
    title = "My tasks"
    template_name = "hub/my_tasks.html"
    live_on = ("record.changed", "records.changed", "mapping.changed", "mappings.changed", "mapping.dead")

    def get(self, request: HttpRequest) -> HttpResponse:
        people: Any = Member.objects.filter(tenant=self.tenant, deleted_at__isnull=True)
        me = people.filter(user_id=request.user.pk).first()
        whose = "mine" if me is not None and request.GET.get("whose") != "all" else "all"
        show = request.GET.get("show", "open")
        show = show if show in SHOWS else "open"
        rows = self.tasks(me if whose == "mine" else None, show)
        page = Paginator(rows, PAGE_SIZE).get_page(request.GET.get("page"))
        badges = badges_for("task", [task.pk for task in page])
        context = {
            "page": page, "me": me, "whose": whose, "show": show, "shows": SHOWS.items(), "query": self.query(),
            "lines": [{"task": task, "badges": badges[task.pk], "is_done": task.stage == TaskStage.DONE} for task in page],
            "today": timezone.localdate(), "filters": filter_words(request, FILTERS), "may_edit": self.may(Action.EDIT_RECORDS),
            "may_retry": self.may(Action.OPERATE),
            "integrations": Integration.objects.for_tenant(self.tenant).only("id", "name"),
        }  # fmt: skip
        return self.render(context=context)

    def tasks(self, member: Member | None, show: str) -> QuerySet[Task]:
        asked = self.request.GET
        rows: QuerySet[Any] = Task.objects.filter(tenant=self.tenant, deleted_at__isnull=True)
        if member is not None:
            rows = rows.filter(assignees__has=str(member.pk))
        if text := asked.get("q", "").strip()[:100]:
            rows = rows.filter(title__icontains=text)
        if source := asked.get("source"):
            found = as_uuid(source)
            pairs = Mapping.objects.live().filter(record_type="task")
            pairs = pairs.filter(integration_id=found) if found else pairs.none()
            rows = rows.filter(pk__in=pairs.values("record_id"))
        done = Q(stage=TaskStage.DONE)
        rows = rows.filter(done if show == "done" else ~done) if show != "all" else rows
        if show == "done":
            rows = rows.order_by(F("completed_at").desc(nulls_last=True), "-pk")
        else:
            rows = rows.order_by(F("due_on").asc(nulls_last=True), _URGENCY, "pk")
        return rows.select_related("project")

    def query(self) -> str:
        """The filters as they are, without the page."""
        kept = self.request.GET.copy()
        kept.pop("page", None)
        return kept.urlencode()


class TaskDo(HubAction):
    """Tick, untick, or push once more. A script asks for no page in return (204)."""

    def post(self, request: HttpRequest, pk: UUID, action: str) -> HttpResponse:
        if action not in ("complete", "reopen", "retry"):
            raise Http404("There is no such action.")
        if not self.may(Action.OPERATE if action == "retry" else Action.EDIT_RECORDS):
            raise forbidden("Your role does not include this.")
        task: Any = self.one(Task.objects.filter(deleted_at__isnull=True), pk=pk)
        if action == "retry":
            record_retry(tenant=self.tenant, record_id=pk)
            said = f"“{task}” is tried again."
        else:
            said = self._tick(task, is_done=action == "complete")
        if request.headers.get("X-Requested-With") == "fetch":
            return HttpResponse(status=204)
        self.say(said)
        return self.back(reverse("hub:my_tasks"))

    def _tick(self, task: Task, *, is_done: bool) -> str:
        origin = Origin(kind=OriginKind.USER, user=self.request.user, correlation_id=correlation_id())  # type: ignore[arg-type]
        tick = task_complete if is_done else task_reopen
        try:
            tick(tenant=self.tenant, record_id=task.pk, origin=origin, now=timezone.now())
        except RecordMissing:
            raise Http404("The task has been deleted.") from None
        return f"“{task}” is done." if is_done else f"“{task}” is open again."
