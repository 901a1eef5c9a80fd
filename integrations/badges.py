"""The one table from stored codes to the words, tones and icons a person sees (settled 1 and 2)."""

from __future__ import annotations

from typing import NamedTuple

from integrations.health import DEGRADED_FROM, HEALTHY_FROM, Health, HealthStatus, Verdict
from integrations.models import BreakerState, Integration, IntegrationStatus, JobStatus, MappingState


class Word(NamedTuple):
    """``tone`` is good, warn, bad, info or muted; the page adds colour and icon to it, never colour alone."""

    word: str
    tone: str
    icon: str


_INTEGRATION = {
    IntegrationStatus.DRAFT: Word("Setup incomplete", "muted", "construction"),
    IntegrationStatus.PAUSED: Word("Paused", "muted", "pause_circle"),
    IntegrationStatus.DISABLED: Word("Disabled", "muted", "block"),
    IntegrationStatus.ERROR: Word("Failing", "bad", "error"),
    IntegrationStatus.DEGRADED: Word("Degraded", "warn", "warning"),
    IntegrationStatus.ACTIVE: Word("Healthy", "good", "check_circle"),
}
_CIRCUIT_OPEN = Word("Circuit open", "bad", "power_off")

_HEALTH = {
    HealthStatus.HEALTHY: Word("Healthy", "good", "check_circle"),
    HealthStatus.DEGRADED: Word("Degraded", "warn", "warning"),
    HealthStatus.UNHEALTHY: Word("Unhealthy", "bad", "error"),
}
_VERDICT = {
    Verdict.PASS: Word("Pass", "good", "check_circle"),
    Verdict.WARN: Word("Warn", "warn", "warning"),
    Verdict.FAIL: Word("Fail", "bad", "cancel"),
}
_NOT_MEASURED = Word("Not measured", "muted", "remove")

_MAPPING = {
    MappingState.SYNCED: Word("Synced", "good", "check_circle"),
    MappingState.PENDING: Word("Pending", "info", "schedule"),
    MappingState.ERROR: Word("Error", "bad", "error"),
    MappingState.IN_DOUBT: Word("Error", "bad", "error"),
    MappingState.HELD: Word("Error", "bad", "error"),
    MappingState.QUARANTINED: Word("Error", "bad", "error"),
    MappingState.CONFLICT: Word("Conflict", "warn", "call_split"),
    MappingState.OUT_OF_SCOPE: Word("Not synced", "muted", "sync_disabled"),
    MappingState.STOPPED: Word("Not synced", "muted", "sync_disabled"),
    MappingState.TOMBSTONE: Word("Not synced", "muted", "sync_disabled"),
}
NOT_SYNCED = Word("Not synced", "muted", "sync_disabled")

_JOB = {
    JobStatus.QUEUED: Word("Queued", "info", "schedule"),
    JobStatus.RUNNING: Word("Running", "info", "sync"),
    JobStatus.RETRY_WAITING: Word("Waiting to retry", "warn", "history"),
    JobStatus.SUCCEEDED: Word("Succeeded", "good", "check_circle"),
    JobStatus.PARTIAL: Word("Partial", "warn", "warning"),
    JobStatus.FAILED: Word("Failed", "bad", "error"),
    JobStatus.CANCELLED: Word("Cancelled", "muted", "cancel"),
    JobStatus.SKIPPED: Word("Skipped", "muted", "skip_next"),
    JobStatus.DEAD: Word("Failed", "bad", "error"),
}


def integration_word(status: str, *, health: float | None = None, breaker: str = BreakerState.CLOSED) -> Word:
    """The word for an integration, from its status, its health score (0–100, if known) and its breaker."""
    word = _INTEGRATION[IntegrationStatus(status)]
    if status not in (IntegrationStatus.ACTIVE, IntegrationStatus.DEGRADED):
        return word
    if breaker != BreakerState.CLOSED:
        return _CIRCUIT_OPEN
    if health is not None and health < DEGRADED_FROM:
        return _INTEGRATION[IntegrationStatus.ERROR]
    if health is not None and health < HEALTHY_FROM:
        return _INTEGRATION[IntegrationStatus.DEGRADED]
    return word


def word_of(integration: Integration, health: Health | None) -> Word:
    """``integration_word`` of a row."""
    score = None if health is None else health.score
    return integration_word(integration.status, health=score, breaker=integration.breaker_state)


def health_word(status: HealthStatus) -> Word:
    """The word for a health score by itself; the integration's own word takes more into account."""
    return _HEALTH[status]


def verdict_word(verdict: Verdict | None) -> Word:
    """The word for one indicator of the health score."""
    return _NOT_MEASURED if verdict is None else _VERDICT[verdict]


def mapping_word(state: str | None) -> Word:
    """The word for a record's badge; None (no mapping) is "Not synced"."""
    return NOT_SYNCED if state is None else _MAPPING[MappingState(state)]


def job_word(status: str, *, failed: int = 0) -> Word:
    """The word for a run; a partial one says how many failed."""
    word = _JOB[JobStatus(status)]
    if status == JobStatus.PARTIAL and failed:
        return word._replace(word=f"Partial ({failed} failed)")
    return word
