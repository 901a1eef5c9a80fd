"""The way in: by API token at the site's own address, or through Atlassian's gateway (OAuth 2.0, scoped tokens).

Sources: developer.atlassian.com/cloud/jira/platform/oauth-2-3lo-apps, …/rate-limiting (2026), vendors/jira.md 1 and 7.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from connectors.base.auth import Basic, NoAuth, OAuth2, OAuth2Consent, OAuth2Settings
from connectors.base.classify import ErrorRule, Reaction
from connectors.base.client import fill_path, rows_in
from connectors.base.connector import Environment
from connectors.base.errors import ConfigurationProblem
from connectors.base.limits import LimitHeaders
from connectors.base.session import ApiSession, SessionOptions
from connectors.base.types import RateBudget

GATEWAY = "https://api.atlassian.com"
AUTHORISATION = "https://auth.atlassian.com"
APPS_URL = "https://developer.atlassian.com/console/myapps/"
SCOPES = (
    "read:jira-work",
    "write:jira-work",
    "read:jira-user",
    "manage:jira-webhook",
    "read:board-scope:jira-software",
    "read:sprint:jira-software",
    "write:sprint:jira-software",
    "delete:sprint:jira-software",
    "offline_access",
)

#: the per-second limits are per endpoint and not promised as numbers: far below what is seen in the headers (350)
REQUESTS = RateBudget(requests=20, per_seconds=1, concurrency=8)
SEARCHES = RateBudget(requests=10, per_seconds=1, quota_class="search", concurrency=4)
#: writes to one issue are limited on their own, and moving several at once is slow
WRITES = RateBudget(requests=8, per_seconds=1, quota_class="writes", concurrency=4)
#: the hourly quota of OAuth apps: a request costs one point, and one more per record it reads; writes only the one
POINTS = RateBudget(requests=65_000, per_seconds=3600, quota_class="points")
_POINTS_OF = {"search": 101, "writes": 1}
BUDGETS = (REQUESTS, SEARCHES, WRITES)

LIMITS = LimitHeaders(reset_format="iso8601")
RULES = (
    ErrorRule(
        Reaction.REAUTH,
        status=(401, 403),
        body_contains="scope does not match",
        message="The token lacks a scope this needs: grant access again with all the scopes listed.",
    ),
    ErrorRule(
        Reaction.REAUTH,
        status=(403,),
        header="x-seraph-loginreason",
        header_equals="AUTHENTICATION_DENIED",
        message="Jira wants a CAPTCHA after failed log-ins: log in once in the browser, then test again.",
    ),
    # with wrong credentials Jira goes on as nobody, and nobody sees nothing: that proves nothing of the record
    ErrorRule(
        Reaction.REAUTH,
        status=(400, 403, 404),
        header="x-seraph-loginreason",
        header_equals="AUTHENTICATED_FAILED",
        message="Jira did not accept the e-mail address and API token.",
    ),
    ErrorRule(
        Reaction.REAUTH,
        status=(400,),
        body_contains="for the field 'project'",
        message="There is no such project, or the account may not browse it.",
    ),
    ErrorRule(Reaction.EXISTS, status=(400,), body_contains="already exists"),
)

CONSENT = OAuth2Consent(
    authorize_url=f"{AUTHORISATION}/authorize",
    settings=OAuth2Settings(
        token_url=f"{AUTHORISATION}/oauth/token",
        grant="authorization_code",
        body_format="json",
        scopes=SCOPES,
    ),
    extra={"audience": "api.atlassian.com", "prompt": "consent"},
    app_url=APPS_URL,
)


def is_oauth(secrets: Mapping[str, Any]) -> bool:
    return bool(secrets.get("refresh_token") or secrets.get("access_token"))


class JiraSession(ApiSession):
    """Puts ``/ex/jira/{cloud id}`` before the paths of Jira where requests go through the gateway."""

    def __init__(
        self,
        base_url: str,
        auth: NoAuth,
        environment: Environment,
        options: SessionOptions,
        *,
        site: str,
        cloud_id: str,
        is_gateway: bool,
    ) -> None:
        super().__init__(base_url, auth, environment, options)
        self.is_gateway = is_gateway
        self._has_points = isinstance(auth, OAuth2)
        self._site = site
        self._cloud_id = cloud_id

    def _address(self, path: str) -> str:
        if self.is_gateway and path.startswith("/rest/"):
            return super()._address(fill_path("/ex/jira/{id}", {"id": self.cloud_id()}) + path)
        return super()._address(path)

    def _spend(self, quota_class: str, cost: int) -> None:
        super()._spend(quota_class, cost)
        if self._has_points:
            points = _POINTS_OF.get(quota_class, 2) * cost
            self.environment.gate.acquire(POINTS.quota_class, POINTS, cost=points)

    def cloud_id(self) -> str:
        """The site's id, looked up once among those the grant opens."""
        if not self._cloud_id:
            rows = rows_in(self.get("/oauth/token/accessible-resources").body, "", "sites")
            sites = [row for row in rows if isinstance(row, dict) and row.get("id") and row.get("url")]
            wanted = [row for row in sites if str(row["url"]).rstrip("/") == self._site]
            chosen = wanted if self._site else sites
            if len(chosen) != 1:
                names = ", ".join(str(row["url"]) for row in sites) or "none"
                raise ConfigurationProblem(
                    f"Say which site to use; the access that was granted covers: {names}.", field="cloud_id"
                )
            self._cloud_id, self._site = str(chosen[0]["id"]), str(chosen[0]["url"]).rstrip("/")
        return self._cloud_id

    def site(self) -> str:
        """The address people use, for links."""
        if not self._site:
            info = self.get("/rest/api/3/serverInfo").body
            found = info.get("baseUrl") if isinstance(info, dict) else None
            self._site = str(found or "").rstrip("/") or self.base_url
        return self._site


def open_session(
    base_url: str, settings: Mapping[str, Any], secrets: Mapping[str, Any], environment: Environment
) -> JiraSession:
    given = base_url.rstrip("/")
    host = urlsplit(given).hostname or ""
    cloud_id = str(settings.get("cloud_id") or "").strip()
    is_gateway = is_oauth(secrets) or bool(cloud_id)
    is_site = host.endswith(".atlassian.net")
    address = GATEWAY if is_gateway and (is_site or not given) else given
    if not address:
        raise ConfigurationProblem(
            "Give the site's address, such as https://acme.atlassian.net.", field="base_url"
        )
    auth: NoAuth
    if is_oauth(secrets):
        # a stand-in plays the authorisation server too
        token_url = f"{AUTHORISATION if address == GATEWAY else address}/oauth/token"
        auth = OAuth2(OAuth2Settings(token_url=token_url, body_format="json"), secrets)
    else:
        auth = Basic(secrets.get("email"), secrets.get("api_token"))
    options = SessionOptions(budgets=BUDGETS, limits=LIMITS, rules=RULES)
    return JiraSession(
        address,
        auth,
        environment,
        options,
        site="" if is_gateway and not is_site else given,
        cloud_id=cloud_id,
        is_gateway=is_gateway,
    )
