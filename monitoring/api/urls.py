"""Included under ``api/v1/`` by config; no slash at the end."""

from __future__ import annotations

from django.urls import include, path
from rest_framework.routers import SimpleRouter

from .views import AlertRuleViewSet, AlertViewSet

router = SimpleRouter(trailing_slash=False, use_regex_path=False)
router.register("alerts", AlertViewSet, basename="alerts")
router.register("alert-rules", AlertRuleViewSet, basename="alert-rules")

app_name = "alerts-api"
urlpatterns = [path("", include(router.urls))]
