"""What can be watched, in which unit and which way; and the presets: S1's four, on for every tenant, and the others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from monitoring.core import Compare, Terms
from monitoring.models import AlertRule, Channel, Metric, Severity
from workspace.models import Role


@dataclass(frozen=True)
class Spec:
    """``unit`` follows a number, ``one`` a single one of what is counted (empty: a measure, which is never plural).

    ``is_hub``: one value for the whole hub instead of one per integration. ``can_replay``: the log tells what it was in
    the last days.
    """

    compare: Compare
    unit: str
    help: str
    one: str = ""
    is_hub: bool = False
    has_window: bool = False
    can_replay: bool = False


SPECS: Mapping[Metric, Spec] = {
    Metric.ERROR_RATE: Spec(
        Compare.MORE, "%", "Share of syncs that failed within the window; with fewer than 10 it counts as 0.",
        has_window=True, can_replay=True,
    ),
    Metric.CONSECUTIVE_FAILURES: Spec(
        Compare.AT_LEAST, "failures",
        "Runs that failed since the last that did not. An integration that was stopped (Error) counts as at least 3.",
        one="failure", can_replay=True,
    ),
    Metric.LAST_SYNC_AGE: Spec(
        Compare.MORE, "min",
        "Time since the last good run. Where the schedule is slower than hourly, its longer pause is not counted.",
        can_replay=True,
    ),
    Metric.PENDING_CONFLICTS: Spec(Compare.MORE, "conflicts", "Conflicts that wait for a reviewer.", one="conflict"),
    Metric.PENDING_CONFLICT_AGE: Spec(Compare.MORE, "h", "How long the oldest conflict has waited."),
    Metric.DEAD_LETTERS: Spec(Compare.AT_LEAST, "dead letters", "Records and runs whose retries are used up.", one="dead letter"),
    Metric.WINDOW_OVERRUN: Spec(
        Compare.AT_LEAST, "runs", "Scheduled runs of the last 24 hours that their sync window cut short.", one="run"
    ),
    Metric.CREDENTIAL_EXPIRING: Spec(
        Compare.AT_MOST, "days", "Days until a credential ends that is not renewed by itself.", one="day"
    ),
    Metric.WEBHOOK_SILENT: Spec(
        Compare.MORE, "min",
        "How long after the last webhook a scheduled run still found changes that no webhook had told of.",
    ),
    Metric.WORKER_DOWN: Spec(
        Compare.MORE, "min", "Time since a worker last answered the clock's tick.", is_hub=True
    ),
    Metric.BEAT_DOWN: Spec(
        Compare.MORE, "min", "Time since the clock (beat) last started anything; noted every three minutes.",
        is_hub=True,
    ),
}  # fmt: skip


def spec_of(metric: str) -> Spec:
    return SPECS[Metric(metric)]


def terms_of(rule: AlertRule) -> Terms:
    return Terms(
        threshold=rule.threshold,
        compare=spec_of(rule.metric).compare,
        hold=timedelta(minutes=rule.hold_minutes),
        quiet=timedelta(minutes=rule.cooldown_minutes),
    )


def number(value: float) -> str:
    """ "3", "12.5"."""
    return f"{value:.1f}".rstrip("0").rstrip(".")


def amount(metric: str, value: float) -> str:
    """A value with its unit: "12.5 %", "3 failures", "1 failure"."""
    spec, text = spec_of(metric), number(value)
    return f"{text} {spec.one if spec.one and text == '1' else spec.unit}"


def condition(metric: str, threshold: float) -> str:
    """What is bad, in words: "Error rate: more than 10 %", "Failures in a row: at least 3"."""
    spec = spec_of(metric)
    limit = number(threshold) if spec.one else amount(metric, threshold)
    return f"{Metric(metric).label}: {spec.compare} {limit}"


@dataclass(frozen=True)
class Preset:
    """A rule ready to be switched on. ``is_default``: every tenant begins with it."""

    key: str
    name: str
    metric: Metric
    threshold: float
    severity: Severity
    channels: tuple[Channel, ...]
    cooldown_minutes: int
    hold_minutes: int = 0
    window_minutes: int = 60
    is_default: bool = False

    def values(self) -> dict[str, object]:
        """The columns of a rule made from it."""
        return {
            "name": self.name,
            "preset": self.key,
            "metric": self.metric,
            "threshold": self.threshold,
            "severity": self.severity,
            "channels": list(self.channels),
            "cooldown_minutes": self.cooldown_minutes,
            "hold_minutes": self.hold_minutes,
            "window_minutes": self.window_minutes,
            "roles": [Role.MANAGER] if Channel.EMAIL in self.channels else [],
        }


_SEEN, _MAILED = (Channel.DASHBOARD,), (Channel.DASHBOARD, Channel.EMAIL)
_LOUD = (Channel.DASHBOARD, Channel.EMAIL, Channel.SLACK)

PRESETS: tuple[Preset, ...] = (
    Preset("high_error_rate", "High error rate", Metric.ERROR_RATE, 10, Severity.WARNING, _MAILED, 60, is_default=True),
    Preset("integration_down", "Integration down", Metric.CONSECUTIVE_FAILURES, 3, Severity.CRITICAL, _LOUD, 30, is_default=True),
    Preset("sync_lag", "Sync lag", Metric.LAST_SYNC_AGE, 120, Severity.WARNING, _SEEN, 120, is_default=True),
    Preset("many_conflicts", "Many open conflicts", Metric.PENDING_CONFLICTS, 10, Severity.INFO, _SEEN, 180, is_default=True),
    Preset("conflicts_aging", "Conflicts wait too long", Metric.PENDING_CONFLICT_AGE, 24, Severity.WARNING, _MAILED, 1440),
    Preset("dead_letters", "Dead letters", Metric.DEAD_LETTERS, 1, Severity.WARNING, _MAILED, 240),
    Preset("window_overrun", "Run longer than its window", Metric.WINDOW_OVERRUN, 1, Severity.WARNING, _MAILED, 1440),
    Preset("credential_expiring", "Credential expires soon", Metric.CREDENTIAL_EXPIRING, 7, Severity.WARNING, _MAILED, 1440),
    Preset("webhook_silent", "Webhooks are silent", Metric.WEBHOOK_SILENT, 60, Severity.WARNING, _MAILED, 720),
    Preset("worker_down", "No worker answers", Metric.WORKER_DOWN, 2, Severity.CRITICAL, _LOUD, 30),
    Preset("beat_down", "The clock stands still", Metric.BEAT_DOWN, 10, Severity.CRITICAL, _LOUD, 30),
)  # fmt: skip
BY_KEY: Mapping[str, Preset] = {preset.key: preset for preset in PRESETS}
