"""The beat entries of the boards; those that exist are left as people set them."""

from __future__ import annotations

from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask

#: name, task, seconds between runs (0: the crontab minute hour), what it does
STANDING = (
    ("Boards: figures", "boards.roll_up", 300, ("", ""), "Hourly, daily and weekly figures of every board"),
    (
        "Boards: snapshots",
        "boards.take_snapshots",
        0,
        ("40", "1"),
        "A nightly snapshot of every board that moved",
    ),
    ("Boards: leases", "boards.expire_leases", 60, ("", ""), "Locks and presence that have run out"),
)


def schedules_ensure() -> None:
    """Create what is missing."""
    existing = set(PeriodicTask.objects.values_list("name", flat=True))
    for name, task, seconds, (minute, hour), description in STANDING:
        if name in existing:
            continue
        if seconds:
            every, _ = IntervalSchedule.objects.get_or_create(every=seconds, period=IntervalSchedule.SECONDS)
            PeriodicTask.objects.create(
                name=name, task=task, description=description, interval=every, expire_seconds=seconds * 5
            )
        else:
            nightly, _ = CrontabSchedule.objects.get_or_create(minute=minute, hour=hour, timezone="UTC")
            PeriodicTask.objects.create(
                name=name, task=task, description=description, crontab=nightly, expire_seconds=3600
            )
