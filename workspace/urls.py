"""Included under ``admin/hub/`` by config."""

from __future__ import annotations

from django.urls import path

from .views import switch_tenant

app_name = "workspace"
urlpatterns = [path("tenant", switch_tenant, name="switch-tenant")]
