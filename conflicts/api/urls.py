"""Included under ``api/v1/`` by config; no slash at the end."""

from __future__ import annotations

from django.urls import include, path
from rest_framework.routers import SimpleRouter

from .views import ConflictViewSet, MergeRuleViewSet

router = SimpleRouter(trailing_slash=False, use_regex_path=False)
router.register("conflicts", ConflictViewSet, basename="conflicts")
router.register("merge-rules", MergeRuleViewSet, basename="merge-rules")

app_name = "desk-api"
urlpatterns = [
    path("sync/conflicts", ConflictViewSet.as_view({"get": "list"}), name="sync-conflicts"),  # S2's addresses
    path(
        "sync/conflicts/<uuid:pk>/resolve", ConflictViewSet.as_view({"post": "resolve"}), name="sync-resolve"
    ),
    path("", include(router.urls)),
]
