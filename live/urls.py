"""Included under ``admin/hub/`` by config."""

from __future__ import annotations

from django.urls import path

from .views import feed

app_name = "live"
urlpatterns = [path("events", feed, name="feed")]
