"""Words, badges and times, the same on every page."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django import template
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from integrations.badges import Word, health_word, job_word, mapping_word, verdict_word, word_of
from integrations.health import Health, Indicator
from integrations.models import AttemptOutcome, DeliveryStatus, LogStatus, Operation
from integrations.pages.figures import Pulse, pulse
from integrations.panels import Counter
from integrations.wording import milliseconds, percent, span
from workspace.access import choices_for

register = template.Library()

TONES = {"good": "badge--good", "warn": "badge--warn", "bad": "badge--bad", "info": "badge--info"}

_LOG = {
    LogStatus.SUCCESS: Word("Success", "good", "check_circle"),
    LogStatus.PARTIAL: Word("Partial", "warn", "warning"),
    LogStatus.FAILED: Word("Failed", "bad", "error"),
    LogStatus.CONFLICT_RESOLVED: Word("Conflict resolved", "good", "call_merge"),
    LogStatus.CONFLICT_PENDING: Word("Conflict", "warn", "call_split"),
    LogStatus.HELD: Word("Held", "warn", "back_hand"),
    LogStatus.SKIPPED: Word("Skipped", "muted", "skip_next"),
}
_DELIVERY = {
    DeliveryStatus.RECEIVED: Word("Waiting", "info", "schedule"),
    DeliveryStatus.PROCESSED: Word("Processed", "good", "check_circle"),
    DeliveryStatus.IGNORED: Word("Ignored on purpose", "muted", "visibility_off"),
    DeliveryStatus.UNKNOWN: Word("Unknown event", "warn", "help"),
    DeliveryStatus.HELD: Word("Held", "warn", "back_hand"),
    DeliveryStatus.FAILED: Word("Failed", "bad", "error"),
}
_ATTEMPT = {
    AttemptOutcome.SUCCEEDED: Word("Succeeded", "good", "check_circle"),
    AttemptOutcome.RETRY: Word("Failed, will retry", "warn", "history"),
    AttemptOutcome.GAVE_UP: Word("Gave up", "bad", "error"),
}
_OPERATION_ICONS = {
    Operation.CREATE: "add_circle",
    Operation.UPDATE: "edit",
    Operation.DELETE: "delete",
    Operation.LINK: "link",
    Operation.BULK_SYNC: "sync",
    Operation.WEBHOOK: "webhook",
    Operation.CHECK: "network_check",
    Operation.CONFLICT: "call_split",
    Operation.CONFIG: "tune",
}


@register.simple_tag
def icon(name: str, extra: str = "") -> SafeString:
    """A decorative symbol: its meaning is always in the words beside it."""
    return format_html(
        '<span class="material-symbols-outlined {}" aria-hidden="true" translate="no">{}</span>', extra, name
    )


def badge_of(word: Word, *, spins: bool = False) -> SafeString:
    return format_html(
        '<span class="badge {}">{}{}</span>',
        TONES.get(word.tone, ""),
        icon(word.icon, "spin" if spins else ""),
        word.word,
    )


@register.simple_tag
def integration_badge(integration: Any, health: Health | None = None) -> SafeString:
    return badge_of(word_of(integration, health))


@register.simple_tag
def health_badge(health: Health) -> SafeString:
    return badge_of(health_word(health.status))


@register.simple_tag
def verdict_badge(indicator: Indicator) -> SafeString:
    return badge_of(verdict_word(indicator.verdict))


@register.simple_tag
def job_badge(job: Any) -> SafeString:
    return badge_of(job_word(job.status, failed=job.error_count), spins=job.status == "running")


@register.simple_tag
def mapping_badge(state: str | None) -> SafeString:
    return badge_of(mapping_word(state))


@register.simple_tag
def log_badge(status: str) -> SafeString:
    return badge_of(_LOG[LogStatus(status)])


@register.simple_tag
def delivery_badge(status: str) -> SafeString:
    return badge_of(_DELIVERY[DeliveryStatus(status)])


@register.simple_tag
def attempt_badge(outcome: str) -> SafeString:
    return badge_of(_ATTEMPT[AttemptOutcome(outcome)])


@register.simple_tag
def badge(word: str, tone: str = "", symbol: str = "circle") -> SafeString:
    return badge_of(Word(word, tone, symbol))


@register.filter
def tone_of_log(status: str) -> str:
    return _LOG[LogStatus(status)].tone


@register.filter
def operation_icon(operation: str) -> str:
    return _OPERATION_ICONS.get(Operation(operation), "circle")


# -- times -------------------------------------------------------------------------------------------------


@register.simple_tag
def ago(moment: datetime | None, empty: str = "never") -> SafeString:
    """Relative, with the absolute time and zone in the title; scripts keep it current."""
    if moment is None:
        return format_html('<span class="subtle">{}</span>', empty)
    local = timezone.localtime(moment)
    return format_html(
        '<time datetime="{}" title="{}" data-ago>{}</time>',
        moment.isoformat(),
        local.strftime("%d %b %Y, %H:%M:%S %Z"),
        relative(moment, timezone.now()),
    )


@register.simple_tag
def stamp(moment: datetime | None, empty: str = "—") -> SafeString:
    """The absolute time, to the second."""
    if moment is None:
        return format_html('<span class="subtle">{}</span>', empty)
    local = timezone.localtime(moment)
    return format_html(
        '<time datetime="{}" title="{}">{}</time>',
        moment.isoformat(),
        local.strftime("%d %b %Y, %H:%M:%S %Z"),
        local.strftime("%d %b %H:%M:%S"),
    )


def relative(moment: datetime, now: datetime) -> str:
    """ "3 min ago", "in 2 h", "just now"; beyond a week the date."""
    seconds = (now - moment).total_seconds()
    if abs(seconds) > 7 * 86_400:
        return timezone.localtime(moment).strftime("%d %b %Y")
    amount = span(abs(seconds))
    if not amount:
        return "just now" if seconds >= 0 else "in a moment"
    return f"{amount} ago" if seconds >= 0 else f"in {amount}"


register.filter("milliseconds", milliseconds)
register.filter("percent", percent)


@register.filter
def lasted(job: Any) -> str:
    """How long a job ran, or runs."""
    if job.started_at is None:
        return "—"
    end = job.finished_at or timezone.now()
    took: timedelta = end - job.started_at
    return milliseconds(max(0, int(took.total_seconds() * 1000)))


# -- values ------------------------------------------------------------------------------------------------


@register.filter
def thousands(value: Any) -> str:
    """A count with thin spaces: 10 214."""
    return f"{value:,}".replace(",", "\u202f") if isinstance(value, int) else str(value)


@register.inclusion_tag("hub/parts/copy.html")
def copyable(value: Any, shown: str = "", label: str = "Copy") -> dict[str, Any]:
    """A value with a copy button; ids are shown by their end."""
    text = str(value)
    return {"value": text, "shown": shown or text, "label": label}


@register.filter
def short_id(value: Any) -> str:
    text = str(value or "")
    return f"…{text[-8:]}" if len(text) > 12 else text


@register.filter
def member(mapping: Mapping[Any, Any] | None, key: Any) -> Any:
    """``mapping[key]`` in templates; None if it is not there."""
    if not mapping:
        return None
    return mapping.get(key)


@register.filter
def words(value: str) -> str:
    """ "in_progress" → "In progress"."""
    text = str(value).replace("_", " ")
    return text[:1].upper() + text[1:]


@register.filter
def shown(value: Any) -> SafeString | str:
    """A JSON value for a person: blanks by name, lists by comma, objects as JSON."""
    if value is None or value == "" or value == []:
        return mark_safe('<span class="blank">empty</span>')
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(str(shown(each)) if not isinstance(each, str) else each for each in value)
    if isinstance(value, dict):
        return as_json(value)
    return str(value)


@register.filter
def as_json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2, sort_keys=True, default=str)


@register.simple_tag
def counter_link(counter: Counter, integration: Any = None) -> str:
    """Where a registered counter's rows are listed."""
    return counter.link(integration)


@register.simple_tag
def worker_pulse() -> Pulse:
    """Whether workers and schedule are alive; from the cache, for a banner on every page."""
    return pulse(timezone.now())


@register.filter
def split(value: str) -> list[str]:
    """Words of a literal, to loop over in a template."""
    return value.split()


@register.filter
def moment(value: Any) -> datetime | None:
    """A stored ISO time as a datetime; None if it is none."""
    return parse_datetime(value) if isinstance(value, str) else value


@register.simple_tag(takes_context=True)
def tenant_choices(context: Any) -> list[Any]:
    """The workspaces the signed-in user may switch to; at most one query per request."""
    request = context["request"]
    found: list[Any] | None = getattr(request, "hub_tenants", None)
    if found is None:
        known = getattr(request.user, "_memberships", None) or []
        is_member = known and not request.user.is_superuser
        found = [each.tenant for each in known] if is_member else choices_for(request.user)
        request.hub_tenants = found
    return found
