"""API tokens: issued for a password, listed by their first characters, revoked by their owner (K1)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone
from knox.models import AuthToken

from integrations.audit import audit


def token_issue(*, user: Any, days: int) -> tuple[AuthToken, str]:
    """A token of this user for so many days, and its text, which is stored nowhere and shown this once."""
    with transaction.atomic():
        token, text = AuthToken.objects.create(user, expiry=timedelta(days=days))
        audit(user, "token.issued", user=user, note=f"{token.token_key}…, for {days} days")
    return token, text


def tokens_of(user: Any) -> QuerySet[AuthToken]:
    """The user's tokens that still open the API, newest first."""
    is_valid = Q(expiry__isnull=True) | Q(expiry__gt=timezone.now())
    rows: QuerySet[AuthToken] = AuthToken.objects.filter(is_valid, user=user).order_by("-created")
    return rows


def token_revoke(*, user: Any, token_id: str) -> bool:
    """End one of the user's own tokens at once; False if there is no such one."""
    with transaction.atomic():
        count, _ = AuthToken.objects.filter(user=user, token_key=token_id).delete()
        if count:
            audit(user, "token.revoked", user=user, note=f"{token_id}…")
    return bool(count)
