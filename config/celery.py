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

#: First match wins. push and webhooks are what people wait for; sync is bulk work; the rest is housekeeping.
#: The threads worker serves push, webhooks and maintenance, so a bulk run never holds up a push or the dispatcher.
QUEUES: tuple[tuple[str, str], ...] = (
    ("*.push_*", "push"),
    ("*.complete_*", "push"),
    ("*webhook*", "webhooks"),
    ("*deliver*", "webhooks"),
    ("*.dispatch*", "maintenance"),
    ("*.sweep*", "maintenance"),
    ("*.clean*", "maintenance"),
    ("*.expire*", "maintenance"),
    ("*.purge*", "maintenance"),
    ("*.check_*", "maintenance"),
    ("*.beat_*", "maintenance"),
    ("*heartbeat*", "maintenance"),
    ("sync.*", "sync"),
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
