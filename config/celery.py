"""The Celery app: which queue a task goes to, and its log lines."""

from __future__ import annotations

import os
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from celery import Celery
from celery.signals import beat_init, setup_logging, worker_ready
from django_structlog.celery.steps import DjangoStructLogInitStep

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

#: First match wins. What a person waits for is push and webhooks; sync is bulk work; the rest is housekeeping.
#: The threads worker serves push, webhooks and maintenance, so a bulk run never holds up a push or the dispatcher.
QUEUES: tuple[tuple[str, str], ...] = (
    ("sync.drain_deliveries", "webhooks"),
    ("sync.drain_*", "push"),
    ("sync.reconcile_*", "push"),
    ("sync.run_*", "sync"),
    ("sync.drift_*", "sync"),
    ("sync.purge_*", "sync"),
    ("*", "maintenance"),
)


def route_task(name: str, *args: Any, **kwargs: Any) -> dict[str, str]:
    """Celery's router: the queue by the task's name."""
    return {"queue": next(queue for pattern, queue in QUEUES if fnmatch(name, pattern))}


app = Celery("lockstep")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
app.steps["worker"].add(DjangoStructLogInitStep)


@setup_logging.connect
def keep_django_logging(**kwargs: Any) -> None:
    """Being connected is enough: Celery then leaves Django's LOGGING in force."""


@worker_ready.connect
@beat_init.connect
def report_ready(**kwargs: Any) -> None:
    """Tell the supervisor (``manage.py up``) that this process now works."""
    path = os.environ.get("LOCKSTEP_READY_FILE")
    if path:
        Path(path).touch()
