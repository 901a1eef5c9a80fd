"""``{% load tenants %}{% tenant_switcher %}``: which tenant's pages these are, and a way to the others."""

from __future__ import annotations

from typing import Any

from django import template

from workspace.access import choices_for

register = template.Library()


@register.inclusion_tag("workspace/tenant_switcher.html", takes_context=True)
def tenant_switcher(context: dict[str, Any]) -> dict[str, Any]:
    """One query; nothing is shown to whoever is not signed in or belongs nowhere."""
    request = context.get("request")
    user = getattr(request, "user", None)
    if request is None or user is None or not user.is_authenticated:
        return {"choices": []}
    return {"request": request, "current": getattr(request, "tenant", None), "choices": choices_for(user)}
