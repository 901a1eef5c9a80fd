"""Wake a worker after commit, by task name. Losing a wake-up loses nothing: the sweep finds the row."""

from __future__ import annotations

import logging
from typing import Any

from celery import current_app
from django.core.cache import cache
from django.db import transaction

logger = logging.getLogger(__name__)


def wake(task: str, **kwargs: Any) -> None:
    """Send the task once the current transaction has committed (at once if there is none)."""
    transaction.on_commit(lambda: _send(task, kwargs), robust=True)


def wake_once(task: str) -> None:
    """The same, but one wake-up for all who ask before the worker has begun (it calls ``woken``), at most a second.

    For a task that works off whatever is there: asking Redis takes a tenth of what a message to the broker takes.
    """
    transaction.on_commit(lambda: _send_once(task), robust=True)


def woken(task: str) -> None:
    """The worker has begun: what is written from now on wakes the next one."""
    try:
        cache.delete(_key(task))
    except Exception:
        logger.warning("wakeup.coalescing.lost", extra={"task": task}, exc_info=True)


def _key(task: str) -> str:
    return f"woken:{task}"


def _send_once(task: str) -> None:
    try:
        is_first = cache.add(_key(task), 1, timeout=1)
    except Exception:  # the cache is away: a wake-up too many does no harm
        logger.warning("wakeup.coalescing.lost", extra={"task": task}, exc_info=True)
        is_first = True
    if is_first:
        _send(task, {})


def _send(task: str, kwargs: dict[str, Any]) -> None:
    try:
        current_app.send_task(task, kwargs=kwargs, retry=False)
    except Exception:  # the broker is down: the row waits for the sweep
        logger.warning("wakeup.lost", extra={"task": task}, exc_info=True)
