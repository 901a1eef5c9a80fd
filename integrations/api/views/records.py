"""Records of every type, tasks' own verbs, and the overview of S2."""

from __future__ import annotations

from typing import Any, ClassVar
from uuid import UUID

from django.db.models import QuerySet
from django.http import Http404
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from integrations.api.base import KEY_PARAMETER, TENANT_PARAMETER, LimitedCursor, TenantView
from integrations.api.filters import instant_of
from integrations.api.serializers.records import (
    ChangeOut,
    RecordIn,
    RecordOut,
    RecordUpdateIn,
    RetriedOut,
    RevisionIn,
    SyncOverview,
    SyncStateOut,
)
from integrations.badges import word_of
from integrations.models import Integration, JobStatus, SyncJob
from integrations.selectors import healths_of, integration_stats, sync_states
from integrations.services.mappings import record_retry
from workspace.access import Action
from workspace.kinds import RecordSpec, record_spec
from workspace.models import RECORD_TYPES, Record
from workspace.services import (
    record_create,
    record_delete,
    record_history,
    record_restore,
    record_update,
    record_values,
    task_complete,
    task_reopen,
)

TYPE_PARAMETER = OpenApiParameter(
    "record_type", OpenApiTypes.STR, OpenApiParameter.PATH, enum=sorted(RECORD_TYPES)
)
IF_MATCH = OpenApiParameter(
    "If-Match", OpenApiTypes.STR, OpenApiParameter.HEADER, description="The revision you edited."
)
EDITS = dict.fromkeys(["post", "put", "patch", "delete"], Action.EDIT_RECORDS)


def record_out(record: Record, states: dict[UUID, list[dict[str, Any]]]) -> dict[str, Any]:
    """``RecordOut`` of an instance; no query."""
    return {
        "id": record.pk,
        "type": record.record_type,
        "title": str(record),
        "revision": record.revision,
        "created_at": record.created_at,
        "updated_at": record.updated_at,
        "deleted_at": record.deleted_at,
        "external_sync_enabled": record.external_sync_enabled,
        "last_external_sync_at": record.last_external_sync_at,
        "values": record_values(record),
        "sync": states.get(record.pk, []),
    }


class RecordBase(TenantView):
    """Records of the type in the path; an unknown type is a 404."""

    actions: ClassVar[dict[str, Action]] = EDITS
    serializer_class = RecordOut
    filter_backends = ()

    @property
    def spec(self) -> RecordSpec:
        try:
            return record_spec(self.kwargs["record_type"])
        except KeyError:
            raise Http404 from None

    def rows(self) -> QuerySet[Any]:
        return self.spec.model._default_manager.filter(tenant=self.tenant)

    def record(self) -> Record:
        found: Record | None = self.rows().filter(pk=self.kwargs["record_id"]).first()
        if found is None:
            raise Http404
        return found

    def shown(self, record: Record, status: int = 200) -> Response:
        states = sync_states(tenant=self.tenant, record_ids=[record.pk])
        body = RecordOut(record_out(record, states)).data
        return Response(body, status=status, headers={"ETag": f'"{record.revision}"'})

    def facts(self) -> dict[str, Any]:
        """What every record service wants to know."""
        return {
            "tenant": self.tenant,
            "record_type": self.spec.record_type,
            "origin": self.origin(),
            "now": timezone.now(),
        }

    def expected(self, data: dict[str, Any]) -> int | None:
        """The revision that was edited, from If-Match or the body."""
        header = self.request.headers.get("If-Match", "").strip().removeprefix("W/").strip('"')
        if header in ("", "*"):
            revision: int | None = data.get("revision")
            return revision
        if not (header.isascii() and header.isdigit() and len(header) <= 18):
            raise ValidationError({"If-Match": ["This must be the revision, a whole number."]})
        return int(header)


@extend_schema(tags=["records"], parameters=[TENANT_PARAMETER, TYPE_PARAMETER])
class RecordListView(RecordBase):
    """All records of a type."""

    @extend_schema(
        responses=RecordOut(many=True),
        parameters=[
            OpenApiParameter("q", OpenApiTypes.STR, description="Part of the title"),
            OpenApiParameter("stage", OpenApiTypes.STR),
            OpenApiParameter("updated_since", OpenApiTypes.DATETIME),
            OpenApiParameter("deleted", OpenApiTypes.BOOL, description="Deleted ones instead of living ones"),
            OpenApiParameter("limit", OpenApiTypes.INT),
            OpenApiParameter("cursor", OpenApiTypes.STR),
        ],
    )
    def get(self, request: Request, record_type: str) -> Response:
        """Newest change first, cursor paged."""
        paginator = LimitedCursor()
        paginator.ordering = ("-updated_at", "-id")
        rows = paginator.paginate_queryset(self._filtered(), request, view=self) or []
        states = sync_states(tenant=self.tenant, record_ids=[row.pk for row in rows])
        shown = [RecordOut(record_out(row, states)).data for row in rows]
        return paginator.get_paginated_response(shown)

    def _filtered(self) -> QuerySet[Any]:
        asked = self.request.query_params
        rows = self.rows().filter(deleted_at__isnull=asked.get("deleted", "").lower() not in ("1", "true"))
        if text := asked.get("q"):
            rows = rows.filter(**{f"{self.spec.model.title_field}__icontains": text})
        if stage := asked.get("stage"):
            field = self.spec.stage_field()
            if field is None or stage not in field.choices:
                known = ", ".join(sorted(field.choices)) if field else "none: this type has no stages"
                raise ValidationError({"stage": [f"Choose one of: {known}."]})
            rows = rows.filter(stage=stage)
        if since := asked.get("updated_since"):
            moment = _instant(since)
            rows = rows.filter(updated_at__gte=moment)
        return rows

    @extend_schema(
        request=RecordIn,
        responses={201: RecordOut},
        parameters=[KEY_PARAMETER],
    )
    def post(self, request: Request, record_type: str) -> Response:
        """Make a record."""
        data = self.valid(RecordIn)
        record = record_create(values=_values(data), **self.facts())
        return self.shown(record, 201)


def _instant(text: str) -> Any:
    moment = instant_of(text)
    if moment is None:
        raise ValidationError(
            {"updated_since": ["This must be a time with its zone, such as 2025-01-31T08:00:00Z."]}
        )
    return moment


def _values(data: dict[str, Any]) -> dict[str, Any]:
    values = dict(data["values"])
    if "external_sync_enabled" in data:
        values["external_sync_enabled"] = data["external_sync_enabled"]
    return values


@extend_schema(tags=["records"], parameters=[TENANT_PARAMETER, TYPE_PARAMETER])
class RecordView(RecordBase):
    """One record."""

    @extend_schema(responses=RecordOut)
    def get(self, request: Request, record_type: str, record_id: UUID) -> Response:
        """The record with its values and how it stands in each integration; deleted ones too."""
        return self.shown(self.record())

    @extend_schema(request=RecordUpdateIn, responses=RecordOut, parameters=[IF_MATCH])
    def patch(self, request: Request, record_type: str, record_id: UUID) -> Response:
        """Change the named values. 409 with the current ones if someone was faster."""
        data = self.valid(RecordUpdateIn)
        record = record_update(
            record_id=record_id, values=_values(data), expected_revision=self.expected(data), **self.facts()
        )
        return self.shown(record)

    @extend_schema(request=RecordUpdateIn, responses=RecordOut, parameters=[IF_MATCH])
    def put(self, request: Request, record_type: str, record_id: UUID) -> Response:
        """The same as PATCH: values that are not named stay."""
        return self.patch(request, record_type, record_id)

    @extend_schema(responses=RecordOut, parameters=[IF_MATCH])
    def delete(self, request: Request, record_type: str, record_id: UUID) -> Response:
        """Delete softly; it can be restored."""
        record = record_delete(record_id=record_id, expected_revision=self.expected({}), **self.facts())
        return self.shown(record)


@extend_schema(tags=["records"], parameters=[TENANT_PARAMETER, TYPE_PARAMETER])
class RecordRestoreView(RecordBase):
    """Bring a deleted record back."""

    @extend_schema(request=None, responses=RecordOut)
    def post(self, request: Request, record_type: str, record_id: UUID) -> Response:
        """The record as it was before it was deleted."""
        return self.shown(record_restore(record_id=record_id, **self.facts()))


@extend_schema(tags=["records"], parameters=[TENANT_PARAMETER, TYPE_PARAMETER])
class RecordHistoryView(RecordBase):
    """Who changed what, when."""

    pagination_class = None

    @extend_schema(responses=ChangeOut(many=True))
    def get(self, request: Request, record_type: str, record_id: UUID) -> Response:
        """The last 200 changes, newest first."""
        record = self.record()
        changes = record_history(
            tenant_id=self.tenant.pk, record_type=record.record_type, record_id=record.pk, limit=200
        )
        rows = [
            {
                "id": row.pk,
                "revision": row.revision,
                "kind": row.kind,
                "changes": row.changes,
                "origin": row.origin,
                "user": row.user.get_username() if row.user else None,
                "integration_id": row.integration_id,
                "note": row.note,
                "created_at": row.created_at,
            }
            for row in changes
        ]
        return Response(ChangeOut(rows, many=True).data)


# ---------------------------------------------------------------- tasks (S3)


class TaskBase(RecordBase):
    """A task; the path names no type."""

    @property
    def spec(self) -> RecordSpec:
        return record_spec("task")


@extend_schema(tags=["tasks"], parameters=[TENANT_PARAMETER, KEY_PARAMETER])
class TaskCompleteView(TaskBase):
    """Done, here and at its source."""

    @extend_schema(request=RevisionIn, responses=RecordOut)
    def post(self, request: Request, record_id: UUID) -> Response:
        """Move the task to done; its sources follow."""
        return self.shown(task_complete(record_id=record_id, **_task_facts(self)))


@extend_schema(tags=["tasks"], parameters=[TENANT_PARAMETER, KEY_PARAMETER])
class TaskReopenView(TaskBase):
    """Not done after all."""

    @extend_schema(request=RevisionIn, responses=RecordOut)
    def post(self, request: Request, record_id: UUID) -> Response:
        """Give the task back the stage it had; its sources follow."""
        return self.shown(task_reopen(record_id=record_id, **_task_facts(self)))


def _task_facts(view: TaskBase) -> dict[str, Any]:
    facts = view.facts()
    facts.pop("record_type")
    return {**facts, "expected_revision": view.expected(view.valid(RevisionIn))}


@extend_schema(tags=["tasks"], parameters=[TENANT_PARAMETER])
class TaskRetryView(TaskBase):
    """Push it once more."""

    actions: ClassVar[dict[str, Action]] = {"post": Action.OPERATE}

    @extend_schema(request=None, responses=RetriedOut)
    def post(self, request: Request, record_id: UUID) -> Response:
        """Try the task's failed and waiting pairs again, ahead of bulk work."""
        record = self.record()
        count = record_retry(tenant=self.tenant, record_id=record.pk)
        states = sync_states(tenant=self.tenant, record_ids=[record.pk])
        return Response(RetriedOut({"retried": count, "sync": states.get(record.pk, [])}).data)


@extend_schema(tags=["tasks"], parameters=[TENANT_PARAMETER])
class TaskSyncStatusView(TaskBase):
    """How the task stands at its sources."""

    pagination_class = None

    @extend_schema(responses=SyncStateOut(many=True))
    def get(self, request: Request, record_id: UUID) -> Response:
        """One entry per integration."""
        record = self.record()
        states = sync_states(tenant=self.tenant, record_ids=[record.pk])
        return Response(SyncStateOut(states.get(record.pk, []), many=True).data)


# ---------------------------------------------------------------- overview (S2)


@extend_schema(tags=["sync"], parameters=[TENANT_PARAMETER])
class SyncStatusView(TenantView):
    """How all integrations stand."""

    queryset = Integration.objects.filter(deleted_at__isnull=True).select_related("tenant")
    filter_backends = ()
    pagination_class = None

    @extend_schema(responses=SyncOverview)
    def get(self, request: Request) -> Response:
        """One row per integration, and how many jobs run."""
        rows = list(self.get_queryset().order_by("name"))
        stats = integration_stats([row.id for row in rows])
        healths = healths_of(rows, now=timezone.now())
        running = SyncJob.objects.filter(tenant=self.tenant, status=JobStatus.RUNNING).count()
        shown = [
            {
                "id": row.id,
                "name": row.name,
                "type": row.connector,
                "status": row.status,
                "word": word_of(row, healths.get(row.id)).word,
                "last_sync_at": row.last_sync_at,
                "last_success_at": row.last_success_at,
                "last_error": row.last_error,
                **{name: stats[row.id][name] for name in ("pending_conflicts", "mappings", "dead_letters")},
            }
            for row in rows
        ]
        return Response(SyncOverview({"running_jobs": running, "integrations": shown}).data)
