"""Wake a worker after commit, by task name. Losing a wake-up loses nothing: the sweep finds the row."""

from __future__ import annotations

import logging
from typing import Any

from celery import current_app
from django.db import transaction

logger = logging.getLogger(__name__)


def wake(task: str, **kwargs: Any) -> None:
    """Send the task once the current transaction has committed (at once if there is none)."""
    transaction.on_commit(lambda: _send(task, kwargs), robust=True)


def _send(task: str, kwargs: dict[str, Any]) -> None:
    try:
        current_app.send_task(task, kwargs=kwargs, retry=False)
    except Exception:  # the broker is down: the row waits for the sweep
        logger.warning("wakeup.lost", extra={"task": task}, exc_info=True)
