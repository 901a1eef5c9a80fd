"""How requests to GitHub are made: headers, the app's token, and what its refusals mean."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import orjson
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from connectors.base.auth import Bearer, NoAuth, SessionLogin
from connectors.base.classify import ErrorRule, Reaction
from connectors.base.connector import Environment
from connectors.base.errors import ConfigurationProblem, RateLimited
from connectors.base.session import Answer, ApiSession, SessionOptions
from connectors.base.types import RateBudget

API_VERSION = "2022-11-28"
MEDIA_TYPE = "application/vnd.github.raw+json"
SECONDARY_WAIT_SECONDS = 60.0
APP_TOKEN_SECONDS = 3000  # it lives an hour

REQUESTS = RateBudget(5000, 3600)
CONTENT = RateBudget(80, 60, quota_class="content")
"""New issues and comments: the secondary limit on content that notifies people."""
GRAPHQL = RateBudget(5000, 3600, quota_class="graphql")
"""Points of the GraphQL API, counted apart from REST; each document of ours costs one, at most two."""

RULES = (
    ErrorRule(Reaction.RATE_LIMITED, status=(403, 429), header="x-ratelimit-remaining", header_equals="0"),
    ErrorRule(Reaction.RATE_LIMITED, status=(403,), header="retry-after"),
    ErrorRule(Reaction.RATE_LIMITED, status=(403,), body_contains="secondary rate limit"),
    ErrorRule(
        Reaction.REAUTH,
        status=(403,),
        body_contains="archived so is read-only",
        message="The repository is archived: it can be read, but not changed.",
    ),
    ErrorRule(
        Reaction.REAUTH,
        status=(410,),
        body_contains="issues are disabled",
        message="Issues are switched off in this repository's settings.",
    ),
    ErrorRule(Reaction.EXISTS, status=(422,), body_contains='"already_exists"'),
    ErrorRule(
        Reaction.REAUTH,
        status=(301, 302, 307, 308),
        message="The repository was renamed or moved: enter its new name in the settings.",
    ),
)


class GitHubSession(ApiSession):
    """Knows the secondary limit: without Retry-After a minute must pass, whatever the primary limit's reset says."""

    def request(self, method: str, path: str, **options: Any) -> Answer:
        try:
            return super().request(method, path, **options)
        except RateLimited as error:
            settle_wait(error)
            raise


def settle_wait(error: RateLimited) -> None:
    """Where neither Retry-After nor an empty primary limit says how long, it is the secondary limit: a minute."""
    headers = error.exchange.response_headers if error.exchange else {}
    if "retry-after" not in headers and headers.get("x-ratelimit-remaining") != "0":
        error.retry_after = SECONDARY_WAIT_SECONDS


def open_session(base_url: str, secrets: Mapping[str, Any], environment: Environment) -> GitHubSession:
    options = SessionOptions(
        headers={"Accept": MEDIA_TYPE, "X-GitHub-Api-Version": API_VERSION},
        budgets=(REQUESTS, GRAPHQL),
        rules=RULES,
    )
    return GitHubSession(base_url, _auth(secrets), environment, options)


def is_app(secrets: Mapping[str, Any]) -> bool:
    return bool(secrets.get("app_id") and secrets.get("private_key"))


def _auth(secrets: Mapping[str, Any]) -> NoAuth:
    """An app's credentials if they are there, else the personal access token."""
    if not is_app(secrets):
        return Bearer(secrets.get("token"))
    installation = str(secrets.get("installation_id") or "").strip()
    if not installation.isdigit():
        raise ConfigurationProblem("A GitHub App needs the number of its installation.")

    def login(session: ApiSession) -> str:
        token = app_jwt(
            str(secrets["app_id"]).strip(), str(secrets["private_key"]), session.environment.now()
        )
        headers = {"Authorization": f"Bearer {token}"}
        url = f"{session.base_url}/app/installations/{installation}/access_tokens"
        answer = session.fetch_token(url, {}, headers, as_json=True)
        return str((answer or {}).get("token") or "")

    return SessionLogin(login, ttl_seconds=APP_TOKEN_SECONDS)


def app_jwt(app_id: str, private_key: str, now: datetime) -> str:
    """The app's own proof (RS256), good for nine minutes; dated a minute back for clocks that differ."""
    try:
        key = serialization.load_pem_private_key(private_key.strip().encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise ConfigurationProblem(
            "The app's private key cannot be read: paste the whole .pem file."
        ) from error
    if not isinstance(key, rsa.RSAPrivateKey):
        raise ConfigurationProblem("The app's private key is no RSA key.")
    moment = int(now.timestamp())
    claims = {"iat": moment - 60, "exp": moment + 480, "iss": app_id}
    unsigned = f"{_segment({'alg': 'RS256', 'typ': 'JWT'})}.{_segment(claims)}"
    signature = key.sign(unsigned.encode(), padding.PKCS1v15(), hashes.SHA256())
    return f"{unsigned}.{base64.urlsafe_b64encode(signature).decode().rstrip('=')}"


def _segment(value: Mapping[str, Any]) -> str:
    return base64.urlsafe_b64encode(orjson.dumps(value)).decode().rstrip("=")
