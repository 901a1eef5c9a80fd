"""What beat starts for the alerts; each may run twice and is short."""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from monitoring.services.alerts import alerts_expire
from monitoring.services.digests import digests_queue
from monitoring.services.evaluation import evaluate_all
from monitoring.services.notifications import BATCH, TASK, due, notifications_deliver
from workspace.wakeups import wake


@shared_task(name="monitoring.evaluate")
def evaluate() -> None:
    now = timezone.now()
    evaluate_all(now)
    if due(now).exists():  # tries that wait, and wake-ups that were lost
        wake(TASK)


@shared_task(name=TASK)
def deliver() -> None:
    if notifications_deliver(timezone.now()) == BATCH:
        wake(TASK)


@shared_task(name="monitoring.send_digests")
def send_digests() -> None:
    digests_queue(timezone.now())


@shared_task(name="monitoring.clean")
def clean() -> None:
    alerts_expire(timezone.now())
