"""Alerts and their rules over the API: the same services as the pages (K1)."""

from __future__ import annotations

from typing import Any, ClassVar

import django_filters as filters  # type: ignore[import-untyped]
from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from integrations.api.base import KEY_PARAMETER, TENANT_PARAMETER, TenantViewSet
from integrations.models import Integration
from integrations.services.problems import InvalidSettings
from monitoring.models import Alert, AlertRule, AlertState
from monitoring.services.alerts import alert_acknowledge, alert_resolve
from monitoring.services.rules import rule_create, rule_delete, rule_update, rules_ensure
from workspace.access import Action

from .serializers import AlertDetail, AlertOut, AlertResolveIn, AlertRuleIn, AlertRuleNew, AlertRuleOut


class AlertFilter(filters.FilterSet):
    integration = filters.UUIDFilter(field_name="integration_id")
    rule = filters.UUIDFilter(field_name="rule_id")
    state = filters.MultipleChoiceFilter(choices=AlertState.choices)
    since = filters.IsoDateTimeFilter(field_name="fired_at", lookup_expr="gte")
    until = filters.IsoDateTimeFilter(field_name="fired_at", lookup_expr="lte")

    class Meta:
        model = Alert
        fields = ["severity", "metric"]


@extend_schema(tags=["alerts"], parameters=[TENANT_PARAMETER])
@extend_schema_view(list=extend_schema(responses=AlertOut), retrieve=extend_schema(responses=AlertDetail))
class AlertViewSet(TenantViewSet):
    """What the rules found to be wrong, newest first."""

    queryset = Alert.objects.filter(integration__deleted_at__isnull=True).select_related(
        "integration", "acknowledged_by", "resolved_by"
    )
    filterset_class = AlertFilter
    lookup_value_converter = "uuid"
    actions: ClassVar[dict[str, Action]] = {"acknowledge": Action.OPERATE, "resolve": Action.MANAGE}

    def get_serializer_class(self) -> Any:
        return AlertOut if self.action == "list" else AlertDetail

    def narrowed(self, rows: QuerySet[Alert]) -> QuerySet[Alert]:
        return rows if self.action == "list" else rows.prefetch_related("notifications")

    @extend_schema(request=None, responses=AlertDetail, parameters=[KEY_PARAMETER])
    @action(detail=True, methods=["post"])
    def acknowledge(self, request: Request, pk: Any = None) -> Response:
        """Somebody is at it: no more reminders. 409 unless it fires."""
        return self._detail(alert_acknowledge(alert=self.get_object(), user=request.user, now=timezone.now()))

    @extend_schema(request=AlertResolveIn, responses=AlertDetail, parameters=[KEY_PARAMETER])
    @action(detail=True, methods=["post"])
    def resolve(self, request: Request, pk: Any = None) -> Response:
        """End it by hand. The same breach does not open it again; 409 if it is over already."""
        note = self.valid(AlertResolveIn)["note"]
        alert = alert_resolve(alert=self.get_object(), user=request.user, now=timezone.now(), note=note)
        return self._detail(alert)

    def _detail(self, alert: Alert) -> Response:
        return Response(AlertDetail(alert, context=self.get_serializer_context()).data)


@extend_schema(tags=["alerts"], parameters=[TENANT_PARAMETER])
@extend_schema_view(
    list=extend_schema(responses=AlertRuleOut), retrieve=extend_schema(responses=AlertRuleOut)
)
class AlertRuleViewSet(TenantViewSet):
    """When an alarm is raised, and whom it tells."""

    queryset = AlertRule.objects.select_related("integration", "tenant")
    serializer_class = AlertRuleOut
    lookup_value_converter = "uuid"

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        rules_ensure(self.tenant)
        return super().list(request, *args, **kwargs)

    @extend_schema(request=AlertRuleNew, responses={201: AlertRuleOut}, parameters=[KEY_PARAMETER])
    def create(self, request: Request) -> Response:
        """A new rule, from a preset or from scratch (then with ``name``, ``metric`` and ``threshold``)."""
        values = self.valid(AlertRuleNew)
        preset = values.pop("preset", "")
        rule = rule_create(tenant=self.tenant, user=request.user, values=self._meant(values), preset=preset)
        return Response(self.get_serializer(rule).data, status=201)

    @extend_schema(request=AlertRuleIn, responses=AlertRuleOut)
    def partial_update(self, request: Request, pk: Any = None) -> Response:
        """Change what is named. Another meaning, or switching it off, closes its open alerts."""
        rule = rule_update(
            rule=self.get_object(), user=request.user, values=self._meant(self.valid(AlertRuleIn))
        )
        return Response(self.get_serializer(rule).data)

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, pk: Any = None) -> Response:
        """Its alerts stay, closed."""
        rule_delete(rule=self.get_object(), user=request.user)
        return Response(status=204)

    def _meant(self, values: dict[str, Any]) -> dict[str, Any]:
        """The integration's id as its row."""
        wanted = values.get("integration")
        if wanted is None:
            return values
        found = Integration.objects.for_tenant(self.tenant).filter(pk=wanted).first()
        if found is None:
            raise InvalidSettings({"integration": ["There is no such integration."]})
        return {**values, "integration": found}
