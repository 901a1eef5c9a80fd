"""The beat entries of the alerts; those that exist are left as people set them."""

from __future__ import annotations

from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask

#: name, task, seconds between runs (0: the crontab minute hour weekday), what it does
STANDING = (
    ("Alerts: evaluate", "monitoring.evaluate", 60, ("", "", ""), "Compares every rule with what is, and tells people what changed."),
    ("Alerts: daily digest", "monitoring.send_digests", 0, ("0", "*", "*"), "Tells reviewers who wish it each morning what waits."),
    ("Alerts: clean-up", "monitoring.clean", 0, ("10", "3", "0"), "Resolved alerts and messages past the sync log's time."),
)  # fmt: skip


def schedules_ensure() -> None:
    """Create what is missing."""
    existing = set(PeriodicTask.objects.values_list("name", flat=True))
    for name, task, seconds, clock, description in STANDING:
        if name in existing:
            continue
        if seconds:
            every, _ = IntervalSchedule.objects.get_or_create(every=seconds, period=IntervalSchedule.SECONDS)
            PeriodicTask.objects.create(
                name=name, task=task, description=description, interval=every, expire_seconds=seconds * 5
            )
        else:
            minute, hour, weekday = clock
            at, _ = CrontabSchedule.objects.get_or_create(
                minute=minute, hour=hour, day_of_week=weekday, timezone="UTC"
            )
            PeriodicTask.objects.create(
                name=name, task=task, description=description, crontab=at, expire_seconds=3600
            )
