"""Conflicts and rules over the API: the same services as the pages (K1)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import django_filters as filters  # type: ignore[import-untyped]
from django.db.models import Q, QuerySet
from django.utils import timezone
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.decorators import action
from rest_framework.generics import get_object_or_404
from rest_framework.request import Request
from rest_framework.response import Response

from conflicts.models import ConflictResolution, ConflictStatus, MergeRule
from conflicts.services import (
    ConflictProblem,
    InvalidDecision,
    StaleConflict,
    conflict_decide,
    conflict_ignore,
    conflict_preview,
    conflict_reopen,
    conflict_revert,
    conflicts_decide_bulk,
    rule_create,
    rule_delete,
    rule_simulate,
    rule_update,
)
from conflicts.services.choices import ALL
from integrations.api.base import KEY_PARAMETER, TENANT_PARAMETER, TenantViewSet
from integrations.api.filters import InstantFilter
from integrations.api.problems import Problem, handler
from integrations.models import ConflictStrategy, Integration
from workspace.access import Action

from .serializers import (
    ConflictBulkIn,
    ConflictBulkOut,
    ConflictDetail,
    ConflictOut,
    ConflictVersionIn,
    DecisionPreviewOut,
    ResolvedOut,
    ResolveIn,
    RevertedOut,
    RevertIn,
    RuleIn,
    RuleOut,
    TrialOut,
)

CHOICE_OF = {
    ConflictStrategy.LOCAL_WINS: "local",
    ConflictStrategy.EXTERNAL_WINS: "external",
    ConflictStrategy.LATEST_WINS: "newest",
}


class ConflictFilter(filters.FilterSet):
    integration = filters.UUIDFilter(field_name="integration_id")
    integration_id = filters.UUIDFilter(field_name="integration_id")  # S1's name
    resource_type = filters.CharFilter(field_name="resource")
    record_id = filters.UUIDFilter()
    mapping = filters.UUIDFilter(field_name="mapping_id")
    status = filters.MultipleChoiceFilter(choices=ConflictStatus.choices)
    field = filters.CharFilter(method="with_field")
    since = InstantFilter(field_name="created_at", lookup_expr="gte")
    until = InstantFilter(field_name="created_at", lookup_expr="lte")
    q = filters.CharFilter(method="search")
    resolved = filters.ChoiceFilter(  # S2's name
        choices=[("false", "pending"), ("true", "no longer pending")], method="is_resolved"
    )

    class Meta:
        model = ConflictResolution
        fields = ["kind", "record_type"]

    def with_field(
        self, rows: QuerySet[ConflictResolution], name: str, value: str
    ) -> QuerySet[ConflictResolution]:
        return rows.filter(Q(group=value) | Q(fields__icontains=f'"key": "{value}"'))

    def is_resolved(
        self, rows: QuerySet[ConflictResolution], name: str, value: str
    ) -> QuerySet[ConflictResolution]:
        pending = Q(status=ConflictStatus.PENDING)
        return rows.filter(~pending if value == "true" else pending)

    def search(
        self, rows: QuerySet[ConflictResolution], name: str, value: str
    ) -> QuerySet[ConflictResolution]:
        return rows.filter(Q(record_title__icontains=value) | Q(external_id=value))


def desk_handler(exc: Exception, context: dict[str, Any]) -> Response | None:
    """The review desk's refusals in the API's one shape; everything else as everywhere."""
    match exc:
        case InvalidDecision():
            errors = {name or "non_field_errors": [text] for name, text in exc.errors.items()}
            return handler(
                Problem(400, exc.code, "The decision cannot be taken like this.", errors=errors), context
            )
        case StaleConflict():
            current = {
                "version": exc.current.version,
                "status": exc.current.status,
                "local_revision": exc.current.local_revision,
                "external_version": exc.current.external_version,
                "fields": exc.current.fields,
            }
            return handler(Problem(409, exc.code, str(exc), current=current), context)
        case ConflictProblem():
            return handler(Problem(409, exc.code, str(exc)), context)
        case ConflictResolution.DoesNotExist() | MergeRule.DoesNotExist():
            return handler(Problem(404, "not_found", "There is no such thing here."), context)
    return handler(exc, context)


class DeskViewSet(TenantViewSet):
    """Base of the desk's endpoints."""

    lookup_value_converter = "uuid"

    def get_exception_handler(self) -> Callable[[Exception, dict[str, Any]], Response | None]:
        return desk_handler


@extend_schema(tags=["conflicts"], parameters=[TENANT_PARAMETER])
@extend_schema_view(
    list=extend_schema(responses=ConflictOut), retrieve=extend_schema(responses=ConflictDetail)
)
class ConflictViewSet(DeskViewSet):
    """What could not be merged. Without a ``status`` or ``resolved`` filter the list is the pending ones."""

    queryset = ConflictResolution.objects.filter(integration__deleted_at__isnull=True).select_related(
        "integration", "decided_by", "lease_user", "mapping", "tenant"
    )
    filterset_class = ConflictFilter
    actions: ClassVar[dict[str, Action]] = dict.fromkeys(
        ["resolve", "preview", "ignore", "reopen", "revert", "bulk"], Action.REVIEW
    )

    def get_serializer_class(self) -> Any:
        return ConflictOut if self.action == "list" else ConflictDetail

    def narrowed(self, rows: QuerySet[ConflictResolution]) -> QuerySet[ConflictResolution]:
        if self.action == "list" and not {"status", "resolved"} & self.request.query_params.keys():
            return rows.filter(status=ConflictStatus.PENDING)
        return rows

    def _shown(self, conflict: ConflictResolution) -> Any:
        return ConflictDetail(conflict, context=self.get_serializer_context()).data

    @extend_schema(request=ResolveIn, responses=ResolvedOut, parameters=[TENANT_PARAMETER, KEY_PARAMETER])
    @action(detail=True, methods=["post"])
    def resolve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Decide it. A worker carries the decision out under the pair's lock; 409 if anything changed since it was seen."""
        data = self.valid(ResolveIn)
        shown = self.get_object()
        conflict = conflict_decide(
            conflict_id=shown.pk,
            tenant=self.tenant,
            user=request.user,
            choices=choices_from(data),
            push=data["push_to_external"],
            seen_version=data["version"],
            seen_local_revision=data.get("local_revision", shown.local_revision),
            seen_external_version=data.get("external_version", shown.external_version),
            note=data["note"],
            now=timezone.now(),
        )
        changes = any(
            conflict.resolved.get(entry["key"], {}).get("value") != entry["local"]
            for entry in conflict.fields
        )
        return Response(
            {
                "success": True,
                "conflict_id": str(conflict.pk),
                "status": conflict.status,
                "applied_changes": {
                    "record_type": conflict.record_type,
                    "record_id": conflict.record_id and str(conflict.record_id),
                    "updated": changes,
                    "synced_to_external": conflict.pushed_at is not None,
                },
                "conflict": self._shown(conflict),
            }
        )

    @extend_schema(request=ResolveIn, responses=DecisionPreviewOut)
    @action(detail=True, methods=["post"])
    def preview(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """What a decision would write to each side; writes nothing."""
        data = self.valid(ResolveIn)
        found = conflict_preview(self.get_object(), choices=choices_from(data), push=data["push_to_external"])
        return Response(DecisionPreviewOut(found).data)

    @extend_schema(request=ConflictVersionIn, responses=ConflictDetail)
    @action(detail=True, methods=["post"])
    def ignore(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Leave the sides as they differ; the next change on either counts again."""
        data = self.valid(ConflictVersionIn)
        conflict = conflict_ignore(
            conflict_id=self.get_object().pk,
            tenant=self.tenant,
            user=request.user,
            seen_version=data["version"],
            note=data["note"],
            now=timezone.now(),
        )
        return Response(self._shown(conflict))

    @extend_schema(request=None, responses=ConflictDetail)
    @action(detail=True, methods=["post"])
    def reopen(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Back to pending: an ignored one, or a decision not carried out yet."""
        conflict = conflict_reopen(
            conflict_id=self.get_object().pk, tenant=self.tenant, user=request.user, now=timezone.now()
        )
        return Response(self._shown(conflict))

    @extend_schema(request=RevertIn, responses=RevertedOut)
    @action(detail=True, methods=["post"])
    def revert(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Restore what lost as a new edit; fields changed since become a new conflict."""
        data = self.valid(RevertIn)
        outcome = conflict_revert(
            conflict_id=self.get_object().pk,
            tenant=self.tenant,
            user=request.user,
            restore=data["restore"],
            now=timezone.now(),
        )
        return Response(
            {"restored": outcome.restored, "new_conflict": outcome.conflict and str(outcome.conflict.pk)}
        )

    @extend_schema(
        request=ConflictBulkIn, responses=ConflictBulkOut, parameters=[TENANT_PARAMETER, KEY_PARAMETER]
    )
    @action(detail=False, methods=["post"])
    def bulk(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Decide many alike, in exactly the versions named; a dry run unless told otherwise."""
        data = self.valid(ConflictBulkIn)
        outcome = conflicts_decide_bulk(
            tenant=self.tenant,
            user=request.user,
            seen={entry["id"]: entry["version"] for entry in data["conflicts"]},
            choice=data["choice"],
            push=data["push_to_external"] and data["choice"] != "ignore",
            note=data["note"],
            is_dry_run=data["dry_run"],
            now=timezone.now(),
        )
        return Response(
            {
                "dry_run": data["dry_run"],
                "done": [str(pk) for pk in outcome.done],
                "skipped": {str(pk): why for pk, why in outcome.skipped.items()},
            }
        )


def choices_from(data: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The strategy for every field, overridden by values and choices named for single ones."""
    choices: dict[str, dict[str, Any]] = {}
    side = CHOICE_OF.get(data.get("strategy"))  # type: ignore[arg-type]
    if side:
        choices[ALL] = {"choice": side}
    for key, value in (data.get("resolved_data") or {}).items():
        choices[key] = {"choice": "custom", "value": value}
    for key, choice in (data.get("choices") or {}).items():
        choices[key] = dict(choice)
    return choices


@extend_schema(tags=["conflicts"], parameters=[TENANT_PARAMETER])
@extend_schema_view(list=extend_schema(responses=RuleOut), retrieve=extend_schema(responses=RuleOut))
class MergeRuleViewSet(DeskViewSet):
    """Remembered choices, in no order; ``position`` says which comes first."""

    queryset = MergeRule.objects.all()
    serializer_class = RuleOut
    actions: ClassVar[dict[str, Action]] = dict.fromkeys(
        ["create", "partial_update", "destroy", "simulate"], Action.REVIEW
    )

    def _integration(self, data: dict[str, Any]) -> None:
        if data.get("integration"):
            rows = Integration.objects.for_tenant(self.tenant)
            data["integration"] = get_object_or_404(rows, id=data["integration"])

    @extend_schema(request=RuleIn, responses={201: RuleOut})
    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Remember a choice."""
        data = self.valid(RuleIn)
        self._integration(data)
        for name in ("enabled", "position"):
            data.pop(name, None)
        rule = rule_create(tenant=self.tenant, user=request.user, now=timezone.now(), **data)
        return Response(RuleOut(rule).data, status=201)

    @extend_schema(request=RuleIn, responses=RuleOut)
    def partial_update(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Change, switch or move a rule."""
        data = self.valid(RuleIn, partial=True)
        self._integration(data)
        rule = rule_update(
            rule_id=self.get_object().pk, tenant=self.tenant, user=request.user, now=timezone.now(), **data
        )
        return Response(RuleOut(rule).data)

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Forget it; what it decided stays."""
        rule_delete(rule_id=self.get_object().pk, tenant=self.tenant, user=request.user)
        return Response(status=204)

    @extend_schema(request=None, responses=TrialOut(many=True))
    @action(detail=True, methods=["post"])
    def simulate(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """What the rule would have said to past conflicts; changes nothing."""
        return Response(TrialOut(rule_simulate(rule=self.get_object()), many=True).data)
