"""Mappings, jobs, dead letters, logs, deliveries."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.decorators import action
from rest_framework.exceptions import ValidationError
from rest_framework.generics import get_object_or_404
from rest_framework.request import Request
from rest_framework.response import Response

from integrations.api.base import KEY_PARAMETER, TENANT_PARAMETER, TenantView, TenantViewSet
from integrations.api.filters import DeliveryFilter, JobFilter, LogFilter, MappingFilter
from integrations.api.serializers.work import (
    DeliveryDetail,
    DeliveryOut,
    JobDetail,
    JobOut,
    LogDetail,
    LogOut,
    MappingDetail,
    MappingLinkIn,
    MappingOut,
    ReplayedOut,
    ReplayIn,
    RequeuedOut,
    RequeueIn,
)
from integrations.models import Integration, Mapping, SyncJob, SyncLog, WebhookDelivery
from integrations.services.deliveries import deliveries_replay, delivery_replay
from integrations.services.jobs import dead_letters_requeue, job_cancel, job_retry, job_take_back
from integrations.services.mappings import (
    mapping_create_again,
    mapping_link_existing,
    mapping_release,
    mapping_resume,
    mapping_retry,
    mapping_stop,
    mapping_sync_now,
    mapping_unlink,
)
from workspace.access import Action


@extend_schema(tags=["mappings"], parameters=[TENANT_PARAMETER])
@extend_schema_view(list=extend_schema(responses=MappingOut), retrieve=extend_schema(responses=MappingDetail))
class MappingViewSet(TenantViewSet):
    """Pairs of a local and an external record."""

    queryset = Mapping.objects.filter(integration__deleted_at__isnull=True).select_related("integration")
    filterset_class = MappingFilter
    lookup_value_converter = "uuid"
    actions: ClassVar[dict[str, Action]] = dict.fromkeys(
        ["sync", "retry", "create_again"],
        Action.OPERATE,  # stop and resume are the manager's, as on the pages
    )

    def get_serializer_class(self) -> Any:
        return MappingOut if self.action == "list" else MappingDetail

    def _acted(self, mapping: Mapping, status: int = 200) -> Response:
        return Response(MappingOut(mapping, context=self.get_serializer_context()).data, status=status)

    @extend_schema(
        request=MappingLinkIn, responses={201: MappingOut}, parameters=[TENANT_PARAMETER, KEY_PARAMETER]
    )
    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Pair two records that exist on both sides."""
        data = self.valid(MappingLinkIn)
        integration = get_object_or_404(
            Integration.objects.for_tenant(self.tenant), id=data.pop("integration")
        )
        mapping = mapping_link_existing(integration=integration, user=request.user, **data)
        return self._acted(mapping, 201)

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Unlink: both records stay as they are."""
        mapping_unlink(mapping=self.get_object(), user=request.user)
        return Response(status=204)

    @extend_schema(request=None, responses=MappingOut)
    @action(detail=True, methods=["post"])
    def sync(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Look at this pair now."""
        return self._acted(mapping_sync_now(mapping=self.get_object(), user=request.user))

    @extend_schema(request=None, responses=MappingOut)
    @action(detail=True, methods=["post"])
    def retry(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Try a failed pair again from the first attempt."""
        return self._acted(mapping_retry(mapping=self.get_object(), user=request.user))

    @extend_schema(request=None, responses=MappingOut)
    @action(detail=True, methods=["post"])
    def stop(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Keep this record out of the sync."""
        return self._acted(mapping_stop(mapping=self.get_object(), user=request.user))

    @extend_schema(request=None, responses=MappingOut)
    @action(detail=True, methods=["post"])
    def resume(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Take a stopped record up again."""
        return self._acted(mapping_resume(mapping=self.get_object(), user=request.user))

    @extend_schema(request=None, responses=MappingOut)
    @action(detail=True, methods=["post"], url_path="create-again")
    def create_again(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Settle a create in doubt: you looked there and found nothing. If you found it, link the two instead."""
        return self._acted(mapping_create_again(mapping=self.get_object(), user=request.user))

    @extend_schema(request=None, responses=MappingOut)
    @action(detail=True, methods=["post"])
    def release(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Let a quarantined deletion go on; its evidence is looked at again first."""
        return self._acted(mapping_release(mapping=self.get_object(), user=request.user))


@extend_schema(tags=["jobs"], parameters=[TENANT_PARAMETER])
@extend_schema_view(list=extend_schema(responses=JobOut), retrieve=extend_schema(responses=JobDetail))
class JobViewSet(TenantViewSet):
    """Runs: waiting, running and ended."""

    queryset = SyncJob.objects.filter(integration__deleted_at__isnull=True).select_related(
        "integration", "triggered_by"
    )
    filterset_class = JobFilter
    lookup_value_converter = "uuid"
    actions: ClassVar[dict[str, Action]] = {
        **dict.fromkeys(["cancel", "retry"], Action.OPERATE),
        "take_back": Action.MANAGE,
    }

    def get_serializer_class(self) -> Any:
        return JobOut if self.action == "list" else JobDetail

    def _acted(self, job: SyncJob) -> Response:
        return Response(JobOut(job, context=self.get_serializer_context()).data)

    @extend_schema(request=None, responses=JobOut)
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Cancel a waiting job at once, a running one at its next page."""
        return self._acted(job_cancel(job=self.get_object(), user=request.user))

    @extend_schema(request=None, responses=JobOut)
    @action(detail=True, methods=["post"])
    def retry(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Begin a failed or dead job anew, where its progress stands."""
        return self._acted(job_retry(job=self.get_object(), user=request.user))

    @extend_schema(request=None, responses={202: JobOut})
    @action(detail=True, methods=["post"], url_path="take-back")
    def take_back(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Take back what the run wrote here, where nobody has changed it since. Answers the run that does it."""
        made = job_take_back(job=self.get_object(), user=request.user)
        return Response(JobOut(made, context=self.get_serializer_context()).data, status=202)


@extend_schema(tags=["jobs"], parameters=[TENANT_PARAMETER])
class DeadLetterView(TenantView):
    """Requeue dead letters. They are listed by /mappings?is_dead=true and /jobs?status=dead."""

    actions: ClassVar[dict[str, Action]] = {"post": Action.OPERATE}

    @extend_schema(request=RequeueIn, responses=RequeuedOut, parameters=[TENANT_PARAMETER, KEY_PARAMETER])
    def post(self, request: Request) -> Response:
        """Try some again by id, or all of one integration. Skipped are those whose integration is not running."""
        data = self.valid(RequeueIn)
        chosen = data.get("integration")
        if not (chosen or data["mapping_ids"] or data["job_ids"]):
            raise ValidationError({"mapping_ids": ["Name mappings, jobs, or an integration."]})
        integration = (
            get_object_or_404(Integration.objects.for_tenant(self.tenant), id=chosen) if chosen else None
        )
        done = dead_letters_requeue(
            tenant=self.tenant,
            user=request.user,
            mapping_ids=data["mapping_ids"],
            job_ids=data["job_ids"],
            everything_of=integration,
        )
        return Response(done)


@extend_schema(tags=["logs"], parameters=[TENANT_PARAMETER])
@extend_schema_view(list=extend_schema(responses=LogOut), retrieve=extend_schema(responses=LogDetail))
class LogViewSet(TenantViewSet):
    """What was done, to which record, and why."""

    queryset = SyncLog.objects.all()
    filterset_class = LogFilter
    lookup_value_converter = "int"

    def get_serializer_class(self) -> Any:
        return LogOut if self.action == "list" else LogDetail


@extend_schema(tags=["integrations"], parameters=[TENANT_PARAMETER])
class IntegrationLogsView(TenantView):
    """One integration's log."""

    queryset = SyncLog.objects.all()
    filterset_class = LogFilter
    serializer_class = LogOut

    def narrowed(self, rows: QuerySet[SyncLog]) -> QuerySet[SyncLog]:
        integration = get_object_or_404(Integration.objects.for_tenant(self.tenant), id=self.kwargs["pk"])
        return rows.filter(integration=integration)

    @extend_schema(responses=LogOut(many=True))
    def get(self, request: Request, pk: Any) -> Response:
        """Newest first."""
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        return self.get_paginated_response(self.get_serializer(page, many=True).data)


@extend_schema(tags=["webhooks"], parameters=[TENANT_PARAMETER])
@extend_schema_view(
    list=extend_schema(responses=DeliveryOut), retrieve=extend_schema(responses=DeliveryDetail)
)
class DeliveryViewSet(TenantViewSet):
    """Webhook deliveries as they came in."""

    queryset = WebhookDelivery.objects.select_related("integration")
    filterset_class = DeliveryFilter
    lookup_value_converter = "int"
    actions: ClassVar[dict[str, Action]] = dict.fromkeys(["replay", "replay_many"], Action.OPERATE)

    def get_serializer_class(self) -> Any:
        return DeliveryOut if self.action == "list" else DeliveryDetail

    @extend_schema(request=None, responses=DeliveryOut)
    @action(detail=True, methods=["post"])
    def replay(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Work a stored delivery off once more."""
        delivery = delivery_replay(delivery=self.get_object(), user=request.user)
        return Response(DeliveryOut(delivery).data)

    @extend_schema(operation_id="v1_webhooks_deliveries_replay_many", request=ReplayIn, responses=ReplayedOut)
    @action(detail=False, methods=["post"], url_path="replay", url_name="replay-many")
    def replay_many(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Replay all deliveries of an integration from a span of time."""
        data = self.valid(ReplayIn)
        integration = get_object_or_404(
            Integration.objects.for_tenant(self.tenant), id=data.pop("integration")
        )
        count = deliveries_replay(tenant=self.tenant, integration=integration, user=request.user, **data)
        return Response({"replayed": count})
