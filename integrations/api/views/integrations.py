"""Integrations: S1's endpoints and what goes with them. Parse, one service, render."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework.decorators import action
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response

from integrations.api.base import KEY_PARAMETER, TENANT_PARAMETER, TenantViewSet
from integrations.api.filters import IntegrationFilter
from integrations.api.serializers.control import (
    CheckAnswer,
    CloneIn,
    ContainerOut,
    CredentialsIn,
    CredentialsOut,
    DraftCheckIn,
    ImportIn,
    IntegrationAnswer,
    IntegrationCreated,
    IntegrationCreateIn,
    IntegrationDeleted,
    IntegrationDisabled,
    IntegrationOut,
    IntegrationRow,
    IntegrationUpdateIn,
    ReasonIn,
    SecretOut,
    check_answer,
)
from integrations.api.serializers.work import SyncIn, SyncOut
from integrations.models import Integration, IntegrationStatus, JobKind
from integrations.selectors import estimated_duration_seconds, integration_figures
from integrations.services.clients import client_for, connection_check, draft_check
from integrations.services.control import (
    checked_for_creation,
    integration_clone,
    integration_create,
    integration_disable,
    integration_enable,
    integration_pause,
    integration_resume,
    integration_update,
)
from integrations.services.credentials import (
    credential_replace,
    credential_summary,
    webhook_secret_rotate,
    webhook_url,
)
from integrations.services.deletion import integration_delete
from integrations.services.deliveries import webhook_register, webhook_unregister
from integrations.services.jobs import job_request
from integrations.services.problems import CheckFailed
from integrations.services.templates import template_export, template_import
from workspace.access import Action

TYPED_NAME = OpenApiParameter(
    "typed_name",
    OpenApiTypes.STR,
    OpenApiParameter.QUERY,
    required=True,
    description="The name, typed as proof.",
)


@extend_schema(tags=["integrations"], parameters=[TENANT_PARAMETER])
@extend_schema_view(
    list=extend_schema(responses=IntegrationRow), retrieve=extend_schema(responses=IntegrationOut)
)
class IntegrationViewSet(TenantViewSet):
    """Integrations of the tenant."""

    queryset = Integration.objects.filter(deleted_at__isnull=True).select_related("credential", "tenant")
    serializer_class = IntegrationOut
    filterset_class = IntegrationFilter
    lookup_value_converter = "uuid"
    actions: ClassVar[dict[str, Action]] = dict.fromkeys(("sync", "check", "check_post", "pause", "resume", "enable", "partial_update", "update", "containers"), Action.OPERATE) | {"export": Action.MANAGE}  # fmt: skip

    def get_serializer_class(self) -> Any:
        return IntegrationRow if self.action == "list" else IntegrationOut

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset())) or []
        rows = IntegrationRow(page, many=True, context=self._with_figures(page))
        return self.get_paginated_response(rows.data)

    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return Response(self.shown(self.get_object()))

    def shown(self, integration: Integration) -> dict[str, Any]:
        return dict(IntegrationOut(integration, context=self._with_figures([integration])).data)

    def _with_figures(self, rows: Sequence[Integration]) -> dict[str, Any]:
        """The serializers' context: what is counted of these rows, read for all of them at once."""
        return {**self.get_serializer_context(), **integration_figures(rows)}

    @extend_schema(
        request=IntegrationCreateIn,
        responses={201: IntegrationCreated},
        parameters=[TENANT_PARAMETER, KEY_PARAMETER],
    )
    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Create an integration. ACTIVE ones are tested first: a failing test answers 400 and saves nothing."""
        data = self.valid(IntegrationCreateIn)
        connector, secrets = data.pop("type"), dict(data.pop("credentials", {}))
        activates = data.pop("status", IntegrationStatus.ACTIVE) == IntegrationStatus.ACTIVE
        checked: dict[str, Any] = {}
        if activates:
            values = checked_for_creation(
                tenant=self.tenant, connector=connector, values=data, secrets=secrets, complete=True
            )
            checked = draft_check(
                tenant=self.tenant, values={**values, "connector": connector}, secrets=secrets
            )
            if not checked["ok"]:
                raise CheckFailed(checked)
        integration, secret = integration_create(
            tenant=self.tenant,
            user=request.user,
            connector=connector,
            secrets=secrets,
            activate=activates,
            last_check=checked,
            **data,
        )
        body = {"success": True, "integration": self.shown(integration), "webhook_secret": secret}
        return Response(body, status=201)

    @extend_schema(request=IntegrationUpdateIn, responses=IntegrationAnswer)
    def update(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Change settings (those that are named). ``status`` pauses, resumes, enables or disables."""
        integration = self.get_object()
        data = self.valid(IntegrationUpdateIn)
        status = data.pop("status", None)
        version, secrets = data.pop("version", None), data.pop("credentials", None)
        if (data or secrets or status == IntegrationStatus.DISABLED) and not self.may(Action.MANAGE):
            raise PermissionDenied("Your role may pause and resume, but not change settings.")
        if data or version is not None:
            integration = integration_update(
                integration=integration, user=request.user, version=version, **data
            )
        if secrets:
            credential_replace(integration=integration, user=request.user, secrets=secrets)
        if status is not None:
            self._set_status(integration, status)
        return Response({"success": True, "integration": self.shown(self.get_object())})

    @extend_schema(request=IntegrationUpdateIn, responses=IntegrationAnswer)
    def partial_update(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """The same as PUT: settings that are not named stay."""
        return self.update(request, *args, **kwargs)

    def _set_status(self, integration: Integration, status: str) -> None:
        facts: dict[str, Any] = {"integration": integration, "user": self.request.user}
        if status == IntegrationStatus.PAUSED:
            integration_pause(**facts)
        elif status == IntegrationStatus.DISABLED:
            integration_disable(**facts)
        elif integration.status == IntegrationStatus.PAUSED:
            integration_resume(**facts)
        elif integration.status not in (IntegrationStatus.ACTIVE, IntegrationStatus.DEGRADED):
            integration_enable(**facts)

    @extend_schema(parameters=[TENANT_PARAMETER, TYPED_NAME], responses=IntegrationDeleted)
    def destroy(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Delete the integration with its mappings, logs and conflicts. Records on both sides stay."""
        integration = self.get_object()
        body = request.data if isinstance(request.data, dict) else {}
        typed = request.query_params.get("typed_name") or body.get("typed_name") or ""
        deleted = integration_delete(integration=integration, typed_name=str(typed), user=request.user)
        body = {"integration": True, **deleted.counts}
        return Response({"success": True, "deleted": body, "webhook": deleted.webhook.words})

    # --- operating ------------------------------------------------------------------------------------------------

    @extend_schema(request=SyncIn, responses={202: SyncOut}, parameters=[TENANT_PARAMETER, KEY_PARAMETER])
    @action(detail=True, methods=["post"])
    def sync(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Sync now, or preview what a sync would do. 409 with the job's id if one is open already."""
        integration = self.get_object()
        data = self.valid(SyncIn)
        options: dict[str, Any] = {"full": data["full_sync"]}
        options |= {name: data[name] for name in ("direction", "reason") if data.get(name)}
        job = job_request(
            integration=integration,
            kind=JobKind.PREVIEW if data["preview"] else JobKind.MANUAL,
            user=request.user,
            resources=data["resource_types"],
            options=options,
        )
        estimate = estimated_duration_seconds(integration)
        body = {"success": True, "job_id": job.id, "status": job.status, "estimated_duration": estimate}
        return Response(body, status=202)

    @extend_schema(responses=CheckAnswer)
    @action(detail=True, methods=["get"], url_path="test", url_name="test")
    def check(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Test the connection: 200 with a result per check, also where some fail."""
        return self._checked()

    def _checked(self) -> Response:
        checked = connection_check(integration=self.get_object(), user=self.request.user)
        return Response(check_answer(checked))

    @extend_schema(request=None, responses=CheckAnswer)
    @check.mapping.post
    def check_post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """The same by POST, for callers that expect a GET to have no effect."""
        return self._checked()

    @extend_schema(operation_id="v1_integrations_test_draft", request=DraftCheckIn, responses=CheckAnswer)
    @action(detail=False, methods=["post"], url_path="test", url_name="test-draft")
    def check_draft(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Test settings that are not saved; nothing is stored."""
        data = self.valid(DraftCheckIn)
        connector, secrets = data.pop("type"), dict(data.pop("credentials", {}))
        data.setdefault("name", "(not saved)")
        values = checked_for_creation(
            tenant=self.tenant, connector=connector, values=data, secrets=secrets, complete=True
        )
        checked = draft_check(tenant=self.tenant, values={**values, "connector": connector}, secrets=secrets)
        return Response(check_answer(checked))

    @extend_schema(request=ReasonIn, responses=IntegrationAnswer)
    @action(detail=True, methods=["post"])
    def pause(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Stop reading and writing; webhooks are held."""
        reason = self.valid(ReasonIn)["reason"]
        integration_pause(integration=self.get_object(), user=request.user, reason=reason)
        return self._answer_with_row()

    @extend_schema(request=None, responses=IntegrationAnswer)
    @action(detail=True, methods=["post"])
    def resume(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Go on after a pause; what was held is worked off."""
        integration_resume(integration=self.get_object(), user=request.user)
        return self._answer_with_row()

    @extend_schema(request=None, responses=IntegrationAnswer)
    @action(detail=True, methods=["post"])
    def enable(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Switch on after setup, an error or a disabling; the connection is tested first."""
        integration_enable(integration=self.get_object(), user=request.user)
        return self._answer_with_row()

    @extend_schema(request=ReasonIn, responses=IntegrationDisabled)
    @action(detail=True, methods=["post"])
    def disable(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Switch off; webhooks are refused."""
        reason = self.valid(ReasonIn)["reason"]
        withdrawn = integration_disable(integration=self.get_object(), user=request.user, reason=reason)
        return Response(
            {"success": True, "integration": self.shown(self.get_object()), "webhook": withdrawn.words}
        )

    def _answer_with_row(self) -> Response:
        return Response({"success": True, "integration": self.shown(self.get_object())})

    @extend_schema(
        responses=ContainerOut(many=True),
        parameters=[
            TENANT_PARAMETER,
            OpenApiParameter("kind", OpenApiTypes.STR, OpenApiParameter.QUERY),
            OpenApiParameter("parent_id", OpenApiTypes.STR, OpenApiParameter.QUERY),
        ],
        filters=False,
    )
    @action(detail=True, methods=["get"], pagination_class=None, filter_backends=[])
    def containers(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Boards, lists, projects … to pick from, asked of the external system now."""
        client = client_for(self.get_object(), purpose="person")
        try:
            found = client.containers(
                request.query_params.get("kind", ""), request.query_params.get("parent_id", "")
            )
        finally:
            client.close()
        return Response(ContainerOut(found, many=True).data)

    # --- managing -------------------------------------------------------------------------------------------------

    @extend_schema(request=CredentialsIn, responses=CredentialsOut)
    @action(detail=True, methods=["put"])
    def credentials(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Replace or clear credentials. They are never shown again."""
        integration = self.get_object()
        secrets = self.valid(CredentialsIn)["credentials"]
        credential_replace(integration=integration, user=request.user, secrets=secrets)
        return Response({"credentials": credential_summary(self.get_object())})

    @extend_schema(request=None, responses=SecretOut)
    @action(detail=True, methods=["post"], url_path="webhook-secret")
    def webhook_secret(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """A new webhook secret, shown this once; the old one is taken for another day."""
        integration = self.get_object()
        secret = webhook_secret_rotate(integration=integration, user=request.user)
        return Response({"webhook_endpoint": webhook_url(integration), "webhook_secret": secret})

    @extend_schema(request=None, responses=OpenApiTypes.OBJECT)
    @action(detail=True, methods=["post"], url_path="webhook-registration")
    def webhook_registration(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Have the external system send its events here, where its API allows that."""
        return Response(webhook_register(integration=self.get_object(), user=request.user))

    @extend_schema(responses=OpenApiTypes.OBJECT)
    @webhook_registration.mapping.delete
    def webhook_registration_delete(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Take the registration back."""
        return Response({"removed": webhook_unregister(integration=self.get_object(), user=request.user)})

    @extend_schema(
        request=CloneIn, responses={201: IntegrationAnswer}, parameters=[TENANT_PARAMETER, KEY_PARAMETER]
    )
    @action(detail=True, methods=["post"])
    def clone(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """A draft with the same settings and maps, without credentials."""
        made = integration_clone(
            integration=self.get_object(), user=request.user, name=self.valid(CloneIn)["name"]
        )
        return Response({"success": True, "integration": self.shown(made)}, status=201)

    @extend_schema(responses=OpenApiTypes.OBJECT)
    @action(detail=True, methods=["get"])
    def export(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """The set-up as JSON, without secrets."""
        return Response(template_export(integration=self.get_object(), user=request.user))

    @extend_schema(
        request=ImportIn, responses={201: IntegrationCreated}, parameters=[TENANT_PARAMETER, KEY_PARAMETER]
    )
    @action(detail=False, methods=["post"], url_path="import", url_name="import")
    def import_setup(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """A draft from an export; all of it or nothing."""
        data = self.valid(ImportIn)
        integration, secret = template_import(
            tenant=self.tenant,
            user=request.user,
            body=data["body"],
            name=data["name"],
            secrets=data.get("credentials"),
        )
        body = {"success": True, "integration": self.shown(integration), "webhook_secret": secret}
        return Response(body, status=201)
