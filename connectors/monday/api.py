"""How requests to monday.com are made, and what its refusals mean.

Source: developer.monday.com, pages “Rate limits”, “Error handling” and “Idempotency” (read November 2026).
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from connectors.base.auth import ApiKey
from connectors.base.classify import Reaction
from connectors.base.connector import Environment
from connectors.base.graphql import CodeRule, GraphApi
from connectors.base.session import ApiSession, SessionOptions
from connectors.base.types import RateBudget

from .queries import API_VERSION

PATH = "/v2"
DAILY_CALLS = 1000
"""Of the plans Basic and Standard; Free and trial 200, Pro 10,000, Enterprise 25,000."""

MINUTE = RateBudget(1000, 60, concurrency=10)
DAY = RateBudget(DAILY_CALLS, 86400, concurrency=10)

RULES = (
    CodeRule(
        Reaction.RATE_LIMITED,
        codes=(
            "COMPLEXITY_BUDGET_EXHAUSTED",
            "ComplexityException",
            "maxConcurrencyExceeded",
            "IP_RATE_LIMIT_EXCEEDED",
            "RateLimitExceeded",
            "RATE_LIMIT_EXCEEDED",
            "Rate Limit Exceeded",
            "API_TEMPORARILY_BLOCKED",
            "DAILY_LIMIT_EXCEEDED",
            "FIELD_LIMIT_EXCEEDED",
            "FIELD_MINUTE_RATE_LIMIT_EXCEEDED",
        ),
    ),
    CodeRule(Reaction.REAUTH, codes=("UNAUTHENTICATED", "NOT_AUTHENTICATED", "Unauthorized")),
    CodeRule(Reaction.REAUTH, says="not authenticated"),
    CodeRule(
        Reaction.PERMISSION,
        codes=(
            "UserUnauthorizedException",
            "USER_UNAUTHORIZED",
            "missingRequiredPermissions",
            "USER_ACCESS_DENIED",
            "DeleteLastGroupException",
        ),
    ),
    CodeRule(
        Reaction.NOT_FOUND,
        codes=(
            "ResourceNotFoundException",
            "InvalidItemIdException",
            "InvalidUpdateIdException",
            "ITEM_NOT_FOUND",
        ),
    ),
    CodeRule(
        Reaction.PERMISSION,
        codes=("InvalidBoardIdException",),
        message="The board cannot be reached: it was deleted, or the account lost access.",
    ),
    CodeRule(Reaction.CONFLICT, codes=("IDEMPOTENCY_CONFLICT",)),
    CodeRule(
        Reaction.RETRY,
        codes=("RESOURCE_LOCKED", "ResourceLocked", "INTERNAL_SERVER_ERROR", "InternalServerError"),
    ),
    CodeRule(Reaction.RETRY, says="resource is currently locked"),
    CodeRule(
        Reaction.VALIDATION,
        codes=("InvalidColumnIdException",),
        message="A mapped column is no longer on the board: look at the field map.",
    ),
    CodeRule(Reaction.GONE, codes=("CursorException", "InvalidCursorException", "CursorExpiredException")),
    CodeRule(Reaction.GONE, says="cursor"),  # it lives an hour: the walk begins anew
    CodeRule(Reaction.IGNORE, codes=("ASSET_UNAVAILABLE",)),
    CodeRule(Reaction.FATAL, codes=("GRAPHQL_VALIDATION_FAILED", "GRAPHQL_PARSE_FAILED", "undefinedField")),
    CodeRule(Reaction.FATAL, says="parse error on"),
)


def open_api(
    base_url: str, settings: Mapping[str, Any], secrets: Mapping[str, Any], environment: Environment
) -> GraphApi:
    """Access tokens of monday.com do not expire, so a granted one is used like a personal one."""
    token = secrets.get("token") or secrets.get("access_token")
    calls = str(settings.get("daily_calls") or "").strip()
    day = RateBudget(int(calls), 86400, concurrency=10) if calls.isdigit() and int(calls) else DAY
    options = SessionOptions(headers={"API-Version": API_VERSION}, budgets=(MINUTE, day))
    session = ApiSession(base_url, ApiKey("Authorization", token), environment, options)
    return GraphApi(session, PATH, RULES, wait_at=("retry_in_seconds", "error_data.retry_in_seconds"))


def once(resource: str, key: str) -> dict[str, str]:
    """The header by which monday.com answers a repeated mutation with its first answer, for 30 minutes."""
    return {"Idempotency-Key": str(uuid.uuid5(uuid.NAMESPACE_URL, f"lockstep:{resource}:{key}"))}
