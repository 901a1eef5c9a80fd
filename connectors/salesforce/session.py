"""How requests to Salesforce are made: tokens, the day's limit, and what its refusals mean.

An error's body is a list of ``{errorCode, message, fields}``. Sources: REST API developer guide, "Status codes and error
responses", and the limits cheat sheet, read November 2026.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import orjson

from connectors.base.auth import OAuth2, OAuth2Settings
from connectors.base.classify import ErrorRule, Heard, Reaction, error_for
from connectors.base.connector import Environment
from connectors.base.errors import AlreadyExists, ConfigurationProblem, RateLimited, RecordProblem, SyncError
from connectors.base.limits import LimitHeaders
from connectors.base.paths import read_path
from connectors.base.session import Answer, ApiSession, SessionOptions
from connectors.base.types import RateBudget

DEFAULT_BASE_URL = "https://login.salesforce.com"
"""Stands for "the org's My Domain": records are never asked for here."""

#: a Developer Edition's requests in rolling 24 hours; what the org really has is in every answer's header
REQUESTS = RateBudget(requests=15_000, per_seconds=86_400, concurrency=10, reserve=0.2)
EXHAUSTED_WAIT_SECONDS = 900.0  # the window rolls, so a little comes back all the time
LIMITS = LimitHeaders(usage_header="sforce-limit-info", usage=r"api-usage=(\d+)/(\d+)")

#: never a good answer: a record's own text may hold any of these words
REFUSED = ("4xx", "5xx")

RULES = (
    ErrorRule(Reaction.RATE_LIMITED, status=(403,), body_contains='"REQUEST_LIMIT_EXCEEDED"'),
    ErrorRule(Reaction.REAUTH, status=(403,), body_contains='"API_DISABLED_FOR_ORG"'),
    ErrorRule(Reaction.REAUTH, status=(403,), body_contains='"API_CURRENTLY_DISABLED"'),
    ErrorRule(Reaction.REAUTH, status=(401, 403), body_contains='"INVALID_SESSION_ID"'),
    ErrorRule(Reaction.GONE, status=REFUSED, body_contains='"ENTITY_IS_DELETED"'),
    ErrorRule(Reaction.RETRY, status=REFUSED, body_contains='"UNABLE_TO_LOCK_ROW"'),
    ErrorRule(Reaction.RETRY, status=REFUSED, body_contains='"QUERY_TIMEOUT"'),
    ErrorRule(Reaction.RETRY, status=REFUSED, body_contains='"SERVER_UNAVAILABLE"'),
    ErrorRule(Reaction.EXISTS, status=REFUSED, body_contains='"DUPLICATES_DETECTED"'),
    ErrorRule(Reaction.EXISTS, status=REFUSED, body_contains='"DUPLICATE_VALUE"'),
    # a field or object that this user may not see does not exist for it
    ErrorRule(Reaction.PERMISSION, status=(400,), body_contains='"INVALID_FIELD"'),
    ErrorRule(Reaction.PERMISSION, status=(400,), body_contains='"INVALID_TYPE"'),
    ErrorRule(Reaction.PERMISSION, status=REFUSED, body_contains='"INSUFFICIENT_ACCESS'),
    ErrorRule(
        Reaction.FATAL,
        status=(300,),
        message="Several records bear the same key: make the external id field unique in Salesforce.",
    ),
)

_ON_RECORD = re.compile(r"record with id: *([a-zA-Z0-9]{15,18})")


class SalesforceSession(ApiSession):
    """Adds to a refusal what Salesforce says of it: the field, the record that is there, how long the limit lasts."""

    def request(self, method: str, path: str, **options: Any) -> Answer:
        try:
            return super().request(method, path, **options)
        except SyncError as error:
            refine(error, error.exchange.response_body if error.exchange else None)
            raise


def error_code(body: Any) -> str:
    return str(read_path(body, "[0].errorCode", "") or "") if isinstance(body, list) and body else ""


def refine(error: SyncError, body: Any) -> None:
    """Completes a classified refusal from its body."""
    if isinstance(error, RateLimited) and error.retry_after is None:
        error.retry_after = EXHAUSTED_WAIT_SECONDS
    if isinstance(error, AlreadyExists):
        error.external_id = _existing(error.message, body)
    elif isinstance(error, RecordProblem) and error.field:
        error.field = error.field.split(", ")[0]


def _existing(message: str, body: Any) -> str | None:
    """The record that is there already: one that holds the same unique value, or the only, certain match of a rule.

    A matching rule may be fuzzy: anything less than one whole match is left to a person.
    """
    on_record = _ON_RECORD.search(message)
    if on_record:
        return on_record.group(1)
    results = (
        read_path(body, "[0].duplicateResult.matchResults", None) if isinstance(body, list) and body else None
    )
    matches = [
        match
        for result in results or ()
        if isinstance(result, dict)
        for match in result.get("matchRecords") or ()
        if isinstance(match, dict)
    ]
    if len(matches) != 1 or matches[0].get("matchConfidence") != 100:
        return None
    id = read_path(matches[0], "record.Id", None)
    return id if isinstance(id, str) and id else None


def failure_in(part: Mapping[str, Any], answer: Answer, session: ApiSession) -> SyncError | None:
    """The classified failure of one part of a composite answer, which comes inside a 200; None if it is good."""
    body = part.get("body")
    status = part.get("httpStatusCode")
    heard = Heard(
        status=status if isinstance(status, int) else 500,
        headers={},
        body=body,
        text=orjson.dumps(body, default=str).decode(),
        now=session.environment.now(),
        is_repeatable=False,
        exchange=answer.exchange,
    )
    failure = error_for(heard, RULES)
    if failure is not None:
        refine(failure, body)
    return failure


def base_of(base_url: str, settings: Mapping[str, Any]) -> str:
    """The org's own address: its My Domain, unless another base address was entered."""
    if base_url and base_url.rstrip("/") != DEFAULT_BASE_URL:
        return base_url.rstrip("/")
    domain = str(settings.get("my_domain") or "").strip().strip("/")
    if not domain:
        raise ConfigurationProblem("Give the org's My Domain, for example acme.my.salesforce.com.")
    return f"https://{domain}"


def open_session(
    base_url: str, settings: Mapping[str, Any], secrets: Mapping[str, Any], environment: Environment
) -> SalesforceSession:
    """On the instance that the last token named: an org may be moved to another one."""
    base = base_of(base_url, settings)
    oauth = OAuth2Settings(
        token_url=f"{base}/services/oauth2/token",
        grant="refresh_token" if secrets.get("refresh_token") else "client_credentials",
        keeps=("instance_url",),
    )
    headers = {"Sforce-Call-Options": f"client={environment.client_identifier}"}
    options = SessionOptions(headers=headers, budgets=(REQUESTS,), limits=LIMITS, rules=RULES)
    instance = str(secrets.get("instance_url") or "") or base
    return SalesforceSession(instance, OAuth2(oauth, secrets), environment, options)
