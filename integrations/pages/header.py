"""What every tab of an integration shows above itself: how it is, and the tabs as addresses (UI 3)."""

from __future__ import annotations

from typing import Any

from django.urls import reverse
from django.utils import timezone

from integrations.badges import word_of
from integrations.models import (
    Integration,
    IntegrationStatus,
)
from integrations.panels import COUNTERS, TABS
from integrations.selectors import health_from

from .base import HubView
from .figures import Numbers, cause, numbers_of, system_name

TAB_WORDS = {
    "overview": "Overview",
    "jobs": "Jobs",
    "logs": "Sync log",
    "mappings": "Mappings",
    "field-maps": "Field maps",
    "deliveries": "Deliveries",
    "settings": "Settings",
}


def header(view: HubView, integration: Integration, tab: str) -> dict[str, Any]:
    """What every tab shows above itself."""
    now = timezone.now()
    numbers = numbers_of(view.tenant, now).get(integration.pk, Numbers())
    health = health_from(integration, numbers.health_counts, now=now)
    tabs = [
        {
            "key": key,
            "label": label,
            "link": reverse("hub:integration_tab", args=[integration.pk, key]),
            "count": 0,
        }
        for key, label in TAB_WORDS.items()
    ]
    tabs[0]["link"] = reverse("hub:integration", args=[integration.pk])
    for extra in TABS:
        count = numbers.open.get(extra.counter, 0)
        tabs.insert(
            3, {"key": extra.key, "label": extra.label, "link": extra.link(integration), "count": count}
        )
    return {
        "integration": integration,
        "title": integration.name,
        "system": system_name(integration.connector),
        "word": word_of(integration, health),
        "health": health,
        "cause": cause(integration, numbers, health),
        "numbers": numbers,
        "counters": COUNTERS,
        "tab": tab,
        "tabs": tabs,
        "is_running": integration.status in (IntegrationStatus.ACTIVE, IntegrationStatus.DEGRADED),
        "can_enable": integration.status in (IntegrationStatus.ERROR, IntegrationStatus.DISABLED),
        "is_draft": integration.status == IntegrationStatus.DRAFT,
    }
