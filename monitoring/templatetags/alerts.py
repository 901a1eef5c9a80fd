"""Badges of alerts: icon, word and colour, as everywhere."""

from __future__ import annotations

from django import template
from django.utils.safestring import SafeString

from integrations.badges import Word
from integrations.templatetags.hub import badge_of
from monitoring.models import AlertState, NotificationState, Severity

register = template.Library()

_STATES = {
    AlertState.FIRING: Word("Firing", "bad", "notifications_active"),
    AlertState.ACKNOWLEDGED: Word("Acknowledged", "warn", "front_hand"),
    AlertState.RESOLVED: Word("Resolved", "good", "check_circle"),
}
_SEVERITIES = {
    Severity.INFO: Word("Info", "info", "info"),
    Severity.WARNING: Word("Warning", "warn", "warning"),
    Severity.CRITICAL: Word("Critical", "bad", "error"),
}
_NOTIFICATIONS = {
    NotificationState.WAITING: Word("Waiting", "info", "schedule"),
    NotificationState.SENT: Word("Sent", "good", "check_circle"),
    NotificationState.FAILED: Word("Failed", "bad", "error"),
}


@register.simple_tag
def alert_badge(state: str) -> SafeString:
    return badge_of(_STATES[AlertState(state)])


@register.simple_tag
def severity_badge(severity: str) -> SafeString:
    return badge_of(_SEVERITIES[Severity(severity)])


@register.simple_tag
def notification_badge(state: str) -> SafeString:
    return badge_of(_NOTIFICATIONS[NotificationState(state)])
