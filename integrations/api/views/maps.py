"""Field maps and status maps of an integration."""

from __future__ import annotations

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework.generics import get_object_or_404
from rest_framework.request import Request
from rest_framework.response import Response

from integrations.api.base import TENANT_PARAMETER, TenantView
from integrations.api.serializers.work import (
    FieldMapIn,
    FieldMapOut,
    PreviewIn,
    PreviewOut,
    StatusMapIn,
    StatusMapOut,
    StatusRow,
)
from integrations.models import Integration, StatusMap
from integrations.services.fieldmaps import field_map_current, field_map_preview, field_map_save
from integrations.services.statusmaps import status_map_refresh, status_map_save
from workspace.access import Action


class MapView(TenantView):
    """Base of the map endpoints: the integration is the tenant's, or 404."""

    queryset = Integration.objects.filter(deleted_at__isnull=True).select_related("credential", "tenant")

    def integration(self) -> Integration:
        found: Integration = get_object_or_404(self.get_queryset(), pk=self.kwargs["pk"])
        return found


@extend_schema(tags=["maps"], parameters=[TENANT_PARAMETER])
class FieldMapView(MapView):
    """The links of one resource."""

    @extend_schema(responses=FieldMapOut)
    def get(self, request: Request, pk: Any, resource: str) -> Response:
        """The links in force; version 0 are the connector's defaults."""
        return Response(field_map_current(integration=self.integration(), resource=resource))

    @extend_schema(request=FieldMapIn, responses=FieldMapOut)
    def put(self, request: Request, pk: Any, resource: str) -> Response:
        """Save a new version, after all checks."""
        integration = self.integration()
        data = self.valid(FieldMapIn)
        field_map_save(
            integration=integration,
            resource=resource,
            links=data["links"],
            record_type=data["record_type"],
            note=data["note"],
            based_on=data.get("version"),
            user=request.user,
        )
        return Response(field_map_current(integration=integration, resource=resource))


@extend_schema(tags=["maps"], parameters=[TENANT_PARAMETER])
class FieldMapPreviewView(MapView):
    """What links make of samples."""

    actions: ClassVar[dict[str, Action]] = {"post": Action.VIEW}

    @extend_schema(request=PreviewIn, responses=PreviewOut)
    def post(self, request: Request, pk: Any, resource: str) -> Response:
        """Run the links on samples, both ways; nothing is saved."""
        integration = self.integration()
        data = self.valid(PreviewIn)
        return Response(field_map_preview(integration=integration, resource=resource, **data))


@extend_schema(tags=["maps"], parameters=[TENANT_PARAMETER])
class StatusMapView(MapView):
    """External status ↔ stage."""

    @extend_schema(responses=StatusMapOut)
    def get(self, request: Request, pk: Any, resource: str) -> Response:
        """The table as it stands."""
        rows = StatusMap.objects.filter(integration=self.integration(), resource=resource)
        return Response({"resource": resource, "rows": StatusRow(rows, many=True).data})

    @extend_schema(request=StatusMapIn, responses=StatusMapOut)
    def put(self, request: Request, pk: Any, resource: str) -> Response:
        """Replace the table of one link."""
        integration = self.integration()
        data = self.valid(StatusMapIn)
        rows = status_map_save(integration=integration, resource=resource, user=request.user, **data)
        return Response({"resource": resource, "rows": StatusRow(rows, many=True).data})


@extend_schema(tags=["maps"], parameters=[TENANT_PARAMETER])
class StatusMapRefreshView(MapView):
    """Refresh from the external system."""

    @extend_schema(request=None, responses=StatusMapOut)
    def post(self, request: Request, pk: Any, resource: str) -> Response:
        """Fetch the statuses there are now; new ones come with a suggestion."""
        rows = status_map_refresh(integration=self.integration(), resource=resource, user=request.user)
        return Response({"resource": resource, "rows": StatusRow(rows, many=True).data})
