"""What there is to choose from: systems, transforms, templates."""

from __future__ import annotations

from typing import Any

from django.http import Http404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from integrations.api.base import KEY_PARAMETER, TENANT_PARAMETER, TenantView
from integrations.api.serializers.control import (
    ConnectorOut,
    IntegrationCreated,
    IntegrationOut,
    TemplateOut,
    TemplateUseIn,
    every_connector,
)
from integrations.selectors import integration_figures
from integrations.services.fieldmaps import transform_catalogue
from integrations.services.templates import template_import, templates_for


class ConnectorsView(TenantView):
    """Systems that can be connected."""

    pagination_class = None
    filter_backends = ()

    @extend_schema(tags=["catalogue"], parameters=[TENANT_PARAMETER], responses=ConnectorOut(many=True))
    def get(self, request: Request) -> Response:
        """All systems with what they ask for."""
        return Response(ConnectorOut(every_connector(), many=True).data)


class TransformsView(TenantView):
    """Transforms of field maps."""

    pagination_class = None
    filter_backends = ()

    @extend_schema(tags=["catalogue"], parameters=[TENANT_PARAMETER], responses=OpenApiTypes.OBJECT)
    def get(self, request: Request) -> Response:
        """All transforms with their options."""
        return Response({"transforms": transform_catalogue()})


class TemplatesView(TenantView):
    """Ready-made set-ups."""

    pagination_class = None
    filter_backends = ()

    @extend_schema(tags=["catalogue"], parameters=[TENANT_PARAMETER], responses=TemplateOut(many=True))
    def get(self, request: Request) -> Response:
        """All ready-made set-ups."""
        return Response(TemplateOut(templates_for(self.tenant), many=True).data)


class TemplateUseView(TenantView):
    """A draft from a ready-made set-up."""

    @extend_schema(
        tags=["catalogue"],
        parameters=[TENANT_PARAMETER, KEY_PARAMETER],
        request=TemplateUseIn,
        responses={201: IntegrationCreated},
    )
    def post(self, request: Request, pk: Any) -> Response:
        """Make an integration of it, as a draft."""
        template = templates_for(self.tenant).filter(pk=pk).first()
        if template is None:
            raise Http404
        data = self.valid(TemplateUseIn)
        connector = data.pop("type", "") or template.connector
        integration, secret = template_import(
            tenant=self.tenant,
            user=request.user,
            body=template.body,
            connector=connector,
            secrets=data.pop("credentials", None),
            **data,
        )
        context = {**self.get_serializer_context(), **integration_figures([integration])}
        shown = IntegrationOut(integration, context=context).data
        return Response({"success": True, "integration": shown, "webhook_secret": secret}, status=201)
