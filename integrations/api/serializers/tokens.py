"""Tokens of the API, as asked for and as shown."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

DAYS = 365
MOST_DAYS = 3650


class TokenIn(serializers.Serializer[Any]):
    username = serializers.CharField(max_length=150)
    password = serializers.CharField(max_length=4096, trim_whitespace=False, write_only=True)
    expires_in_days = serializers.IntegerField(min_value=1, max_value=MOST_DAYS, default=DAYS)


class TokenOut(serializers.Serializer[Any]):
    id = serializers.CharField(source="token_key", help_text="The token's first characters.")
    created_at = serializers.DateTimeField(source="created")
    expires_at = serializers.DateTimeField(source="expiry", allow_null=True)


class TokenIssued(TokenOut):
    token = serializers.CharField(help_text="Shown this once. Send it as “Authorization: Token …”.")


class TokenListed(TokenOut):
    is_current = serializers.BooleanField(help_text="The one this request came with.")
