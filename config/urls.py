from __future__ import annotations

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path
from django.views.generic import RedirectView

from config.probes import healthz, readyz
from monitoring.scraping import metrics

urlpatterns: list[URLPattern | URLResolver] = [
    path("", RedirectView.as_view(pattern_name="admin:index"), name="home"),
    path("healthz", healthz, name="healthz"),
    path("readyz", readyz, name="readyz"),
    path("metrics", metrics, name="metrics"),
    path("api/v1/kanban/", include("boards.api.urls")),
    path("api/v1/", include("integrations.api.urls")),
    path("api/v1/", include("monitoring.api.urls")),
    path("api/v1/", include("conflicts.api.urls")),
    path("api/", include("integrations.api.docs_urls")),
    path("admin/hub/", include("live.urls")),
    path("admin/hub/", include("workspace.urls")),
    path("admin/hub/", include("integrations.pages.urls")),
    path("admin/hub/", include("conflicts.pages.urls")),
    path("admin/hub/", include("monitoring.pages.urls")),
    path("admin/hub/", include("boards.pages.urls")),
    path("admin/", RedirectView.as_view(pattern_name="hub:dashboard")),  # the admin's index is the dashboard
    path("admin/", admin.site.urls),
]

handler404 = "workspace.views.not_found"
handler403 = "workspace.views.not_allowed"
