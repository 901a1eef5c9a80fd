"""How an integration's webhooks stand: whether they are registered with the other side, and whether they come."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from django.utils.dateparse import parse_datetime

from connectors import registry
from integrations.badges import Word
from integrations.models import Integration, SyncFrequency
from integrations.services.credentials import webhook_url
from integrations.services.schedules import is_silent, poll_seconds
from integrations.wording import span


class RegistrationState(StrEnum):
    REGISTERED = "registered"
    BY_HAND = "by_hand"
    FAILED = "failed"
    WAITING = "waiting"
    NOT_WANTED = "not_wanted"
    NO_ADDRESS = "no_address"
    NOT_OFFERED = "not_offered"


_WORDS = {
    RegistrationState.REGISTERED: Word("Registered", "good", "check_circle"),
    RegistrationState.BY_HAND: Word("By hand", "info", "front_hand"),
    RegistrationState.FAILED: Word("Failed", "bad", "error"),
    RegistrationState.WAITING: Word("Being registered", "info", "schedule"),
    RegistrationState.NOT_WANTED: Word("Not registered", "muted", "sync_disabled"),
    RegistrationState.NO_ADDRESS: Word("No address", "muted", "link_off"),
    RegistrationState.NOT_OFFERED: Word("Not offered", "muted", "sync_disabled"),
}
_SAID = {
    RegistrationState.REGISTERED: "The other side tells of changes at once.",
    RegistrationState.WAITING: "A worker registers it within seconds.",
    RegistrationState.NOT_WANTED: "It is polled by its schedule; webhooks are registered for real time.",
    RegistrationState.NO_ADDRESS: "WEBHOOK_BASE_URL is not set on this server, so other systems cannot reach it.",
    RegistrationState.NOT_OFFERED: "None can be registered with this system, so it is polled. Signed ones sent to its address are taken.",
}


@dataclass(frozen=True)
class Registration:
    """What is known of the webhook at the other side; ``detail`` is the reason where it is not simply registered."""

    state: RegistrationState
    detail: str
    registered_at: datetime | None = None
    expires_at: datetime | None = None
    next_try: datetime | None = None

    @property
    def word(self) -> Word:
        return _WORDS[self.state]

    @property
    def can_register(self) -> bool:
        """Whether it makes sense to try (again)."""
        return self.state not in (RegistrationState.NO_ADDRESS, RegistrationState.NOT_OFFERED)


def registration_of(integration: Integration) -> Registration:
    """From the row and the connector; asks nobody."""
    known: dict[str, Any] = integration.webhook_registration or {}
    state = _state(integration, known)
    has_news = state in (RegistrationState.FAILED, RegistrationState.BY_HAND, RegistrationState.REGISTERED)
    error = str(known.get("error") or "") if has_news else ""
    if error and state is RegistrationState.REGISTERED:
        error = f"It stands, but could not be renewed: {error}"
    return Registration(
        state,
        error or _SAID[state],
        registered_at=_moment(known.get("at")) if state is RegistrationState.REGISTERED else None,
        expires_at=_moment(known.get("expires_at")),
        next_try=_moment(known.get("next_try")) if _is_wanted(integration) else None,
    )


def _state(integration: Integration, known: dict[str, Any]) -> RegistrationState:
    wanted = webhook_url(integration)
    try:
        offers = registry.get(integration.connector).webhooks_of(integration.options) is not None
    except KeyError:  # its connector is not installed (any more)
        offers = False
    if not offers:
        return RegistrationState.NOT_OFFERED
    if not wanted:
        return RegistrationState.NO_ADDRESS
    if known.get("url") == wanted:
        return RegistrationState.BY_HAND if known.get("by_hand") else RegistrationState.REGISTERED
    if known.get("error") and not known.get("by_hand"):  # perhaps one stands at an address of before
        return RegistrationState.FAILED
    return RegistrationState.WAITING if _is_wanted(integration) else RegistrationState.NOT_WANTED


def _is_wanted(integration: Integration) -> bool:
    """Whether the hub registers it by itself."""
    return integration.auto_sync and integration.sync_frequency == SyncFrequency.REALTIME


def silence_sentence(integration: Integration) -> str:
    """That its webhooks are silent, why, and what is done meanwhile; "" while they are not."""
    if not is_silent(integration):
        return ""
    registration = registration_of(integration)
    if registration.state is RegistrationState.FAILED:
        said = f"Its webhook could not be registered: {registration.detail.rstrip('.')}."
    else:
        said = "No webhook comes, though changes were found without one."
    return f"{said} It is polled every {span(poll_seconds(integration))} until one comes."


def _moment(value: Any) -> datetime | None:
    return parse_datetime(value) if isinstance(value, str) else None
