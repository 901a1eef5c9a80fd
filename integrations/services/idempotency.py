"""A repeated POST with the same key answers what the first one answered (K1)."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from integrations.models import StoredAnswer

KEPT_FOR = timedelta(hours=24)
#: a request that has not answered by then has died with its process
UNDER_WAY_FOR = timedelta(seconds=120)


class KeyReused(Exception):
    """The key came with another request before."""


class UnderWay(Exception):
    """The first request of this key has not answered yet."""


def answer_begin(*, scope: tuple[str, ...], request: bytes, now: datetime | None = None) -> StoredAnswer:
    """The row of this key: a fresh one to be filled, or, with ``status`` set, the answer to repeat."""
    now = now or timezone.now()
    name = hashlib.sha256("\x00".join(scope).encode()).hexdigest()
    digest = hashlib.sha256(request).hexdigest()
    try:
        with transaction.atomic():
            return StoredAnswer.objects.create(scope=name, request_digest=digest, created_at=now)
    except IntegrityError:
        pass
    stale = StoredAnswer.objects.filter(scope=name, created_at__lte=now - KEPT_FOR)
    dead = StoredAnswer.objects.filter(scope=name, status__isnull=True, created_at__lte=now - UNDER_WAY_FOR)
    for rows in (stale, dead):
        if rows.update(request_digest=digest, status=None, body=None, created_at=now):
            return StoredAnswer.objects.get(scope=name)
    found = StoredAnswer.objects.filter(scope=name).first()
    if found is None:  # the first request has just failed and was forgotten: this one may be the next
        raise UnderWay
    if found.request_digest != digest:
        raise KeyReused
    if found.status is None:
        raise UnderWay
    return found


def answer_keep(answer: StoredAnswer, *, status: int, body: Any) -> None:
    """Store what was answered; a failure of ours is forgotten, so that the request may be tried again."""
    if status >= 500:
        StoredAnswer.objects.filter(id=answer.id).delete()
        return
    answer.status, answer.body = status, body
    answer.save(update_fields=["status", "body"])


def answers_expire(*, now: datetime) -> int:
    return StoredAnswer.objects.filter(created_at__lte=now - KEPT_FOR).delete()[0]
