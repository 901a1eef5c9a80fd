"""Eight weeks of the workshop's jobs, as they went over its board: what the figures of a board are about.

Nothing here is chance: the same weeks come out of every start.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.db import transaction

from config.demo.records import Values, project_id, record_id
from workspace.models import OriginKind, Task, Tenant
from workspace.services import Origin, RecordWrite, records_read, records_write

_PIECES = (
    "Oak bench", "Wall shelf, ash", "Round table", "Bedside chest", "Ladder-back chair", "Coat rack", "Reading desk",
    "Bookcase, five shelves", "Kitchen trolley", "Folding screen", "Blanket box", "Display plinth", "Bar stool",
)  # fmt: skip
_BUYERS = (
    "Ashford",
    "Calder",
    "Eastgate",
    "Harrow",
    "Kestrel",
    "Moorland",
    "Penrose",
    "Thornbury",
    "Westbrook",
)
_PEOPLE = ("operator", "manager", "reviewer")
JOBS = 46
DAYS = 56
#: stage that a job comes into, and the hours that it usually spends there; review is where they wait
_WAY = (("backlog", 40), ("todo", 55), ("in_progress", 60), ("review", 75), ("done", 0))


def workshop_history_ensure(tenant: Tenant, users: Mapping[str, User], now: datetime) -> None:
    """Each job is a task made at its time and moved at the times after it; those that are not done by now are open."""
    if Task.objects.filter(id=record_id("task", "job 0", tenant.slug)).exists():
        return
    dice = random.Random(1871)
    steps: list[tuple[datetime, int, str]] = []
    for number in range(JOBS):
        when = now - timedelta(days=DAYS * (1 - number / JOBS), hours=dice.uniform(1, 20))
        for stage, hours in _WAY:
            if when >= now:
                break
            steps.append((when, number, stage))
            if stage == "review" and dice.random() < 0.15:  # sent back once
                for back, share in (("in_progress", 0.4), ("review", 0.5)):
                    when += timedelta(hours=hours * share * dice.uniform(0.4, 1.6))
                    if when < now:
                        steps.append((when, number, back))
            when += timedelta(hours=hours * dice.lognormvariate(-0.1, 0.5))
    with transaction.atomic():
        for when, number, stage in sorted(steps):
            _step(tenant, users, number, stage, when)


def _step(tenant: Tenant, users: Mapping[str, User], number: int, stage: str, when: datetime) -> None:
    key = record_id("task", f"job {number}", tenant.slug)
    state = records_read(tenant_id=tenant.pk, record_type="task", ids=[key]).get(key)
    values = {"stage": stage} if state is not None else {**_job(number), "stage": stage}
    records_write(
        tenant=tenant,
        record_type="task",
        writes=[RecordWrite(key, values, state)],
        origin=Origin(OriginKind.USER, user=users[_PEOPLE[number % 3]]),
        now=when,
    )


def _job(number: int) -> Values:
    piece, buyer = _PIECES[number % len(_PIECES)], _BUYERS[(number * 4) % len(_BUYERS)]
    return {
        "title": f"{piece} for {buyer}",
        "project": str(project_id("workshop")),
        "priority": ("medium", "low", "high", "medium", "none")[number % 5],
        "estimate": str(4 + (number * 7) % 20),
        "labels": ["order"],
        "assignees": [str(record_id("member", _PEOPLE[number % 3]))],
    }
