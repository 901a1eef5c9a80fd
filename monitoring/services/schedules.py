"""The beat entries of the alerts; those that exist are left as people set them."""

from __future__ import annotations

from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask

EVALUATE = "Alerts: evaluate"
DIGEST = "Alerts: daily digest"
EVERY_SECONDS = 60


def schedules_ensure() -> None:
    """Create what is missing."""
    existing = set(PeriodicTask.objects.filter(name__in=[EVALUATE, DIGEST]).values_list("name", flat=True))
    if EVALUATE not in existing:
        every, _ = IntervalSchedule.objects.get_or_create(
            every=EVERY_SECONDS, period=IntervalSchedule.SECONDS
        )
        PeriodicTask.objects.create(
            name=EVALUATE,
            task="monitoring.evaluate",
            description="Compares every rule with what is, and tells people what changed.",
            interval=every,
            expire_seconds=EVERY_SECONDS * 5,
        )
    if DIGEST not in existing:
        hourly, _ = CrontabSchedule.objects.get_or_create(
            minute="0", hour="*", day_of_week="*", day_of_month="*", month_of_year="*", timezone="UTC"
        )
        PeriodicTask.objects.create(
            name=DIGEST,
            task="monitoring.send_digests",
            description="Tells reviewers who wish it, each morning, which conflicts wait.",
            crontab=hourly,
            expire_seconds=3600,
        )
