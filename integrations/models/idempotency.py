"""Answers kept for a day, so that a repeated POST with the same key does nothing twice (K1)."""

from __future__ import annotations

from django.db import models

from integrations.fields import EncryptedJSONField


class StoredAnswer(models.Model):
    """``scope`` is a digest of tenant, user, path and key. Without ``status`` the request is under way.

    The body is encrypted because an answer may show a new secret, once.
    """

    id = models.BigAutoField(primary_key=True)
    scope = models.CharField(max_length=64, unique=True)
    request_digest = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField(null=True)
    body = EncryptedJSONField(null=True)
    created_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["created_at"], name="answer_expiry")]  # retention

    def __str__(self) -> str:
        return f"answer {self.status or 'under way'}"
