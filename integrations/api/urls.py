"""Everything below /api/v1/ that this room answers; no slash at the end."""

from __future__ import annotations

from typing import Any

from django.urls import URLPattern, URLResolver, include, path
from rest_framework.routers import SimpleRouter

from .views.catalogue import ConnectorsView, TemplatesView, TemplateUseView, TransformsView
from .views.integrations import IntegrationViewSet
from .views.maps import FieldMapPreviewView, FieldMapView, StatusMapRefreshView, StatusMapView
from .views.records import (
    RecordHistoryView,
    RecordListView,
    RecordRestoreView,
    RecordView,
    SyncStatusView,
    TaskCompleteView,
    TaskReopenView,
    TaskRetryView,
    TaskSyncStatusView,
)
from .views.tokens import TokensView, TokenView
from .views.work import (
    DeadLetterView,
    DeliveryViewSet,
    IntegrationLogsView,
    JobViewSet,
    LogViewSet,
    MappingViewSet,
)
from .webhooks import ReceiveWebhook

router = SimpleRouter(trailing_slash=False, use_regex_path=False)
router.register("integrations", IntegrationViewSet, basename="integrations")
router.register("mappings", MappingViewSet, basename="mappings")
router.register("jobs", JobViewSet, basename="jobs")
router.register("logs", LogViewSet, basename="logs")
router.register("webhooks/deliveries", DeliveryViewSet, basename="deliveries")

#: S2's addresses, thin on purpose: the same views under other names
ONE: dict[str, Any] = {"get": "retrieve", "patch": "partial_update", "delete": "destroy"}
aliases = [
    path("configs", IntegrationViewSet.as_view({"get": "list", "post": "create"}), name="sync-configs"),
    path("configs/<uuid:pk>", IntegrationViewSet.as_view(ONE), name="sync-config"),
    path("history", LogViewSet.as_view({"get": "list"}), name="sync-history"),
    path("mappings", MappingViewSet.as_view({"get": "list"}), name="sync-mappings"),
    path("status", SyncStatusView.as_view(), name="sync-status"),
]

MAPS = "integrations/<uuid:pk>"
RECORD = "records/<str:record_type>/<uuid:record_id>"
TASK = "tasks/<uuid:record_id>"

app_name = "api"
urlpatterns: list[URLPattern | URLResolver] = [
    path(
        "webhooks/integrations/<uuid:integration_id>/receive",
        ReceiveWebhook.as_view(),
        name="webhook-receive",
    ),
    path(f"{MAPS}/logs", IntegrationLogsView.as_view(), name="integration-logs"),
    path(f"{MAPS}/field-maps/<str:resource>", FieldMapView.as_view(), name="field-map"),
    path(
        f"{MAPS}/field-maps/<str:resource>/preview", FieldMapPreviewView.as_view(), name="field-map-preview"
    ),
    path(f"{MAPS}/status-maps/<str:resource>", StatusMapView.as_view(), name="status-map"),
    path(
        f"{MAPS}/status-maps/<str:resource>/refresh",
        StatusMapRefreshView.as_view(),
        name="status-map-refresh",
    ),
    path("jobs/dead-letters/requeue", DeadLetterView.as_view(), name="dead-letters-requeue"),
    path("tokens", TokensView.as_view(), name="tokens"),
    path("tokens/<str:token_id>", TokenView.as_view(), name="token"),
    path("connectors", ConnectorsView.as_view(), name="connectors"),
    path("transforms", TransformsView.as_view(), name="transforms"),
    path("templates", TemplatesView.as_view(), name="templates"),
    path("templates/<uuid:pk>/use", TemplateUseView.as_view(), name="template-use"),
    path("records/<str:record_type>", RecordListView.as_view(), name="records"),
    path(RECORD, RecordView.as_view(), name="record"),
    path(f"{RECORD}/restore", RecordRestoreView.as_view(), name="record-restore"),
    path(f"{RECORD}/history", RecordHistoryView.as_view(), name="record-history"),
    path(f"{TASK}/complete", TaskCompleteView.as_view(), name="task-complete"),
    path(f"{TASK}/reopen", TaskReopenView.as_view(), name="task-reopen"),
    path(f"{TASK}/retry", TaskRetryView.as_view(), name="task-retry"),
    path(f"{TASK}/sync-status", TaskSyncStatusView.as_view(), name="task-sync-status"),
    path("sync/", include(aliases)),
    path("", include(router.urls)),
]
