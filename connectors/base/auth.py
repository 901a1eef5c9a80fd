"""How requests prove who sends them. Each kind adds itself to an ``Outgoing`` request; OAuth2 also renews."""

from __future__ import annotations

import base64
import hashlib
import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlencode

from .errors import ConfigurationProblem
from .paths import read_path
from .times import parse_instant

if TYPE_CHECKING:
    from .session import ApiSession


@dataclass
class Outgoing:
    """A request before it is sent. ``params`` are query pairs; under ``secret_names`` stand credentials, whatever they
    are called there."""

    method: str
    url: str
    params: list[tuple[str, str]] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | None = None
    secret_names: set[str] = field(default_factory=set)


_NEVER = datetime.max.replace(tzinfo=UTC)


class NoAuth:
    """No credential at all, and the base of all kinds."""

    def apply(self, outgoing: Outgoing, session: ApiSession) -> None:
        return None

    def renew(self, session: ApiSession) -> bool:
        """Called once after a 401; True if a new credential is at hand and the request is worth repeating."""
        return False


def _clean(value: Any, what: str) -> str:
    text = str(value if value is not None else "").strip()
    if not text:
        raise ConfigurationProblem(f"The {what} is missing.")
    if any(ord(char) < 32 or ord(char) == 127 for char in text):
        raise ConfigurationProblem(f"The {what} contains characters that are not allowed.")
    return text


class ApiKey(NoAuth):
    def __init__(
        self,
        name: str,
        value: Any,
        *,
        place: Literal["header", "query", "cookie"] = "header",
        prefix: str = "",
    ) -> None:
        self._name, self._place = name, place
        self._value = prefix + _clean(value, "API key")

    def apply(self, outgoing: Outgoing, session: ApiSession) -> None:
        outgoing.secret_names.add(self._name.lower())
        if self._place == "query":
            outgoing.params.append((self._name, self._value))
        elif self._place == "cookie":
            outgoing.headers["Cookie"] = f"{self._name}={self._value}"
        else:
            outgoing.headers[self._name] = self._value


class Bearer(ApiKey):
    def __init__(self, token: Any) -> None:
        super().__init__("Authorization", _clean(token, "access token"), prefix="Bearer ")


class Basic(ApiKey):
    def __init__(self, username: Any, password: Any) -> None:
        pair = f"{_clean(username, 'user name')}:{'' if password is None else password}".encode()
        super().__init__("Authorization", base64.b64encode(pair).decode(), prefix="Basic ")


class HeaderTemplate(ApiKey):
    """One header from a template over secrets: ``OAuth oauth_consumer_key="{key}", oauth_token="{token}"``."""

    def __init__(self, name: str, template: str, values: Mapping[str, Any]) -> None:
        text = template
        for key, value in values.items():
            text = text.replace("{" + key + "}", _clean(value, key.replace("_", " ")))
        super().__init__(name, text)


@dataclass(frozen=True)
class OAuth2Settings:
    """Where and how a token is fetched. Names as in the Generic REST configuration."""

    token_url: str
    grant: Literal["client_credentials", "refresh_token", "authorization_code"] = "refresh_token"
    client_auth: Literal["body", "basic"] = "body"
    body_format: Literal["form", "json"] = "form"
    scopes: tuple[str, ...] = ()
    extra: Mapping[str, str] = field(default_factory=dict)
    access_token_path: str = "access_token"  # noqa: S105
    refresh_token_path: str = "refresh_token"  # noqa: S105
    expires_in_path: str = "expires_in"
    default_ttl_seconds: int = 3600
    refresh_margin_seconds: int = 120
    header: str = "Authorization"
    prefix: str = "Bearer "
    keeps: tuple[str, ...] = ()
    """Further members of the token's answer to store with the secrets (Salesforce's ``instance_url``)."""


@dataclass(frozen=True)
class OAuth2Consent:
    """How a person grants access in the browser (authorization code grant), where the vendor offers it.

    The hub sends them to ``authorize_url`` with the client id, its own callback address, ``settings.scopes`` and a
    state, exchanges the code at ``settings.token_url`` and stores what came back under the names ``OAuth2`` reads.
    ``extra`` are further query parameters of the first address. ``{name}`` in addresses is filled from the settings.
    """

    authorize_url: str
    settings: OAuth2Settings
    extra: Mapping[str, str] = field(default_factory=dict)
    uses_pkce: bool = False
    scope_separator: str = " "
    app_url: str = ""  # where a person registers the OAuth application


class OAuth2(NoAuth):
    """Uses ``secrets`` client_id, client_secret, refresh_token, access_token, expires_at; renews when needed.

    Renewal runs inside ``environment.refresh_secrets``, where the hub holds one lock and stores what came back:
    the second of two workers finds the first one's token and does not spend the rotated refresh token again.
    """

    def __init__(
        self, settings: OAuth2Settings, secrets: Mapping[str, Any], *, names: Mapping[str, str] | None = None
    ) -> None:
        """``names`` says under which other names client_id, client_secret and refresh_token are stored."""
        self._settings = settings
        self._names = names or {}
        self._secrets = dict(secrets)
        self._lock = threading.Lock()

    def apply(self, outgoing: Outgoing, session: ApiSession) -> None:
        with self._lock:
            if not self._is_fresh(self._secrets, session.environment.now()):
                self._refresh(session)
            token = _clean(self._secrets.get("access_token"), "access token")
        outgoing.secret_names.add(self._settings.header.lower())
        outgoing.headers[self._settings.header] = self._settings.prefix + token

    def renew(self, session: ApiSession) -> bool:
        with self._lock:
            self._refresh(session)
        return True

    def _is_fresh(self, secrets: Mapping[str, Any], now: datetime) -> bool:
        if not secrets.get("access_token"):
            return False
        expires = parse_instant(secrets.get("expires_at"))
        return expires is None or expires - timedelta(seconds=self._settings.refresh_margin_seconds) > now

    def _refresh(self, session: ApiSession) -> None:
        refused = self._secrets.get("access_token")

        def exchange(stored: Mapping[str, Any]) -> Mapping[str, Any]:
            now = session.environment.now()
            if stored.get("access_token") != refused and self._is_fresh(stored, now):
                return stored
            return {**stored, **self._fetch(session, stored, now)}

        run = session.environment.refresh_secrets
        self._secrets = dict(run(exchange) if run else exchange(self._secrets))

    def _fetch(self, session: ApiSession, secrets: Mapping[str, Any], now: datetime) -> dict[str, Any]:
        options = self._settings
        body: dict[str, str] = dict(options.extra)
        if options.grant == "client_credentials":
            body["grant_type"] = "client_credentials"
        else:
            body |= {
                "grant_type": "refresh_token",
                "refresh_token": _clean(self._stored(secrets, "refresh_token"), "refresh token"),
            }
        if options.scopes:
            body["scope"] = " ".join(options.scopes)
        client_id = _clean(self._stored(secrets, "client_id"), "client id")
        headers = _prove_client(options, body, client_id, str(self._stored(secrets, "client_secret") or ""))
        answer = session.fetch_token(options.token_url, body, headers, as_json=options.body_format == "json")
        fresh = _tokens_in(answer, options, now)
        rotated = fresh.pop("refresh_token", None)
        return {**fresh, self._names.get("refresh_token", "refresh_token"): rotated} if rotated else fresh

    def _stored(self, secrets: Mapping[str, Any], name: str) -> Any:
        return secrets.get(self._names.get(name, name), "")


def _prove_client(
    options: OAuth2Settings, body: dict[str, str], client_id: str, client_secret: str
) -> dict[str, str]:
    """Who asks for a token: added to ``body``, or in the headers answered. A public client has no secret."""
    if options.client_auth == "basic":
        pair = f"{client_id}:{client_secret}".encode()
        return {"Authorization": "Basic " + base64.b64encode(pair).decode()}
    body["client_id"] = client_id
    if client_secret:
        body["client_secret"] = client_secret
    return {}


def _tokens_in(answer: Any, options: OAuth2Settings, now: datetime) -> dict[str, Any]:
    """``access_token``, ``expires_at`` and, if one came, ``refresh_token``. Raises ``ConfigurationProblem``."""
    token = read_path(answer, options.access_token_path, None)
    if not token:
        raise ConfigurationProblem("The token address answered without an access token.")
    seconds = read_path(answer, options.expires_in_path, None)
    lifetime = (
        float(seconds)
        if isinstance(seconds, int | float | str) and str(seconds).strip()
        else options.default_ttl_seconds
    )
    found = {
        "access_token": token,
        "expires_at": (now + timedelta(seconds=lifetime)).isoformat(),
        **{name: answer[name] for name in options.keeps if isinstance(answer, dict) and answer.get(name)},
    }
    renewal = read_path(answer, options.refresh_token_path, None)
    return {**found, "refresh_token": renewal} if renewal else found


# --- consent in the browser ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class ConsentRequest:
    """One person's way to the vendor and back: what both ends of it must have in common.

    ``settings`` fill the names in addresses; ``site``, the origin of the API's address, where they have no ``site``.
    ``verifier`` is the secret of PKCE (RFC 7636); the vendor sees its digest first and the secret itself at the end.
    """

    consent: OAuth2Consent
    settings: Mapping[str, Any]
    site: str
    client_id: str
    callback: str
    state: str
    verifier: str

    def address(self) -> str:
        """Where the person is sent. Raises ``ConfigurationProblem`` naming the setting that an address lacks."""
        options = self.consent.settings
        params = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": self.callback,
            "state": self.state,
            **dict(self.consent.extra),
        }
        if options.scopes:
            params["scope"] = self.consent.scope_separator.join(options.scopes)
        if self.consent.uses_pkce:
            digest = hashlib.sha256(self.verifier.encode()).digest()
            params |= {
                "code_challenge": base64.urlsafe_b64encode(digest).decode().rstrip("="),
                "code_challenge_method": "S256",
            }
        base = self._filled(self.consent.authorize_url)
        return f"{base}{'&' if '?' in base else '?'}{urlencode(params)}"

    def exchange(self, session: ApiSession, code: str, client_secret: str) -> dict[str, Any]:
        """The secrets to store, for the code the person came back with. One request; raises ``SyncError``."""
        options = self.consent.settings
        body = {
            **dict(options.extra),
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.callback,
        }
        headers = _prove_client(options, body, self.client_id, client_secret)
        if self.consent.uses_pkce:
            body["code_verifier"] = self.verifier
        answer = session.fetch_token(
            self._filled(options.token_url), body, headers, as_json=options.body_format == "json"
        )
        granted = _tokens_in(answer, options, session.environment.now())
        if read_path(answer, options.expires_in_path, None) is None and "refresh_token" not in granted:
            del granted["expires_at"]  # neither an end nor a way to renew it: such a token lasts
        return granted

    def _filled(self, address: str) -> str:
        def value(name: re.Match[str]) -> str:
            found = str(self.settings.get(name[1]) or (self.site if name[1] == "site" else ""))
            if not found:
                raise ConfigurationProblem(f"Fill in {name[1].replace('_', ' ')} in the settings first.")
            return found

        return re.sub(r"\{(\w+)\}", value, address)


class SessionLogin(NoAuth):
    """Logs in with a request of its own and carries the token it got; logs in again after a 401."""

    def __init__(
        self,
        login: Callable[[ApiSession], str],
        *,
        header: str = "Authorization",
        prefix: str = "Bearer ",
        ttl_seconds: int | None = None,
    ) -> None:
        self._login, self._header, self._prefix = login, header, prefix
        self._ttl = timedelta(seconds=ttl_seconds) if ttl_seconds else None
        self._token, self._until = "", _NEVER
        self._lock = threading.Lock()

    def apply(self, outgoing: Outgoing, session: ApiSession) -> None:
        with self._lock:
            now = session.environment.now()
            if not self._token or (self._ttl and now >= self._until):
                self._token = _clean(self._login(session), "session token")
                self._until = now + self._ttl if self._ttl else _NEVER
        outgoing.secret_names.add(self._header.lower())
        outgoing.headers[self._header] = self._prefix + self._token

    def renew(self, session: ApiSession) -> bool:
        with self._lock:
            self._token = ""
        return True
