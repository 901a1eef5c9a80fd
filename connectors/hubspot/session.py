"""How requests to HubSpot are made: its limits, and what its refusals mean.

Sources: developers.hubspot.com, "usage guidelines" and "error handling", read November 2026.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from connectors.base.auth import Bearer, NoAuth, OAuth2, OAuth2Settings
from connectors.base.classify import ErrorRule, Reaction
from connectors.base.connector import Environment
from connectors.base.errors import AlreadyExists, RateLimited, RecordProblem, SyncError
from connectors.base.limits import LimitHeaders
from connectors.base.paths import read_path
from connectors.base.session import Answer, ApiSession, SessionOptions
from connectors.base.types import RateBudget

SEARCH = "search"
DAILY_WAIT_SECONDS = 3600.0  # the day ends at midnight of the account's zone; ask again each hour
SECONDLY_WAIT_SECONDS = 1.0

#: the smallest plan's figures; the headers of the answers win
REQUESTS = RateBudget(requests=100, per_seconds=10)
DAILY = RateBudget(requests=250_000, per_seconds=86_400)
SEARCHES = RateBudget(requests=4, per_seconds=1, quota_class=SEARCH)

LIMITS = LimitHeaders(
    limit="x-hubspot-ratelimit-max",
    remaining="x-hubspot-ratelimit-remaining",
    reset="x-hubspot-ratelimit-interval-milliseconds",  # the window's length: Retry-After is not promised
    reset_format="milliseconds",
)

RULES = (
    ErrorRule(Reaction.EXISTS, status=(409,), body_contains="existing id"),
    ErrorRule(Reaction.RETRY, status=(477,), message="HubSpot is moving this account; it asks for patience."),
    ErrorRule(Reaction.RATE_LIMITED, status=(403,), body_contains='"RATE_LIMIT"'),
)

_EXISTING = re.compile(r"existing id: *(\d+)", re.IGNORECASE)
_NAMED = re.compile(r'"name"\s*:\s*"(\w+)"')


class HubSpotSession(ApiSession):
    """Reads from a refusal what only HubSpot says so: which limit, which record is there, which property."""

    def request(self, method: str, path: str, **options: Any) -> Answer:
        try:
            return super().request(method, path, **options)
        except RateLimited as error:
            policy = str(read_path(_said(error), "policyName", "") or "")
            if policy == "DAILY":
                error.retry_after = max(error.retry_after or 0.0, DAILY_WAIT_SECONDS)
            elif error.retry_after is None and policy == "SECONDLY":
                error.retry_after = SECONDLY_WAIT_SECONDS
            raise
        except AlreadyExists as error:
            error.external_id = existing_id(error.message)
            if "email" in (read_path(options.get("json"), "properties", None) or ()):
                error.field = (
                    "email"  # the one property of a contact that is unique; the answer does not name it
                )
            raise
        except RecordProblem as error:
            error.field = refused_property(_said(error)) or error.field
            raise


def existing_id(message: str) -> str | None:
    """The id in "Contact already exists. Existing ID: 512"."""
    found = _EXISTING.search(message)
    return found.group(1) if found else None


def refused_property(body: Any) -> str | None:
    """The property that a refusal names: in the context of its first error, in older answers inside the message."""
    for path in (
        "errors[0].context.propertyName[0]",
        "context.propertyName[0]",
        "errors[0].context.properties[0]",
    ):
        found = read_path(body, path, None)
        if isinstance(found, str) and found:
            return found
    named = _NAMED.search(str(read_path(body, "message", "") or ""))
    return named.group(1) if named else None


def _said(error: SyncError) -> Mapping[str, Any]:
    body = error.exchange.response_body if error.exchange else None
    return body if isinstance(body, dict) else {}


def open_session(base_url: str, secrets: Mapping[str, Any], environment: Environment) -> HubSpotSession:
    options = SessionOptions(budgets=(REQUESTS, DAILY, SEARCHES), limits=LIMITS, rules=RULES)
    return HubSpotSession(base_url, _auth(base_url, secrets), environment, options)


def _auth(base_url: str, secrets: Mapping[str, Any]) -> NoAuth:
    """The private app's token if there is one, else what the person granted in the browser."""
    if secrets.get("token") or not secrets.get("refresh_token"):
        return Bearer(secrets.get("token"))
    settings = OAuth2Settings(token_url=f"{base_url.rstrip('/')}/oauth/v1/token", default_ttl_seconds=1800)
    return OAuth2(settings, secrets)
