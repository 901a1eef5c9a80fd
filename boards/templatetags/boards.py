"""Small words of the board's pages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import template
from django.utils.safestring import SafeString

from integrations.templatetags.hub import icon
from integrations.wording import percent, span
from workspace.panels import ICONS

register = template.Library()


@register.filter
def initials(name: str) -> str:
    """Two letters for a name."""
    words = [word for word in name.split() if word]
    return "".join(word[0] for word in (words[:1] + words[-1:] if len(words) > 1 else words)).upper()


@register.simple_tag
def badge_icon(kind: str) -> SafeString:
    return icon(ICONS.get(kind, "remove"))


@register.filter
def days(seconds: float | None) -> str:
    """Seconds as a duration in words; "–" for none."""
    return "–" if seconds is None else span(seconds) or "0 s"


@register.filter
def share(value: float | None) -> str:
    """A share from 0 to 1 as "86.7 %"; "–" for none."""
    return percent(None if value is None else value * 100)


@register.filter
def of(mapping: Mapping[Any, Any], key: Any) -> Any:
    return mapping.get(key, 0)
