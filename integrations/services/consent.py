"""Access granted in the browser (OAuth 2, authorization code): out to the vendor with a state, back with a code (B1).

The person needs an OAuth application of their own at the vendor, whose client id and secret are stored with the
integration; the hub never ships one.
"""

from __future__ import annotations

import secrets as randoms
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from connectors import registry
from connectors.base.auth import ConsentRequest, NoAuth
from connectors.base.errors import SyncError
from connectors.base.session import ApiSession
from integrations.models import Credential, Integration
from integrations.services.clients import deployment_environment
from integrations.services.credentials import credential_replace, integration_secrets, secrets_resolve
from integrations.services.problems import InvalidSettings, NotNow


@dataclass(frozen=True)
class Begun:
    """Where to send the person, and what the session keeps until they come back."""

    address: str
    kept: dict[str, str]


def consent_begin(*, integration: Integration, callback: str) -> Begun:
    """Raises ``NotNow`` where there is no such way or something is missing for it."""
    kept = {
        "integration": str(integration.id),
        "state": randoms.token_urlsafe(32),
        "verifier": randoms.token_urlsafe(48),
        "callback": callback,
    }
    request, _ = _request(integration, kept)
    try:
        return Begun(request.address(), kept)
    except SyncError as error:
        raise NotNow(error.message) from error


def consent_finish(
    *,
    integration: Integration,
    user: Any,
    kept: Mapping[str, str],
    answer: Mapping[str, str],
    now: datetime | None = None,
) -> Credential:
    """Store what the vendor gives for the code. ``answer`` is the query the person came back with.

    Raises ``InvalidSettings`` if it isn't the answer to our own question, ``NotNow`` if the vendor or the person refused.
    """
    if not randoms.compare_digest(answer.get("state", ""), kept.get("state", " ")):
        raise InvalidSettings({"state": ["This answer is not to a question of yours. Begin again."]})
    if answer.get("error"):
        said = answer.get("error_description") or answer["error"]
        raise NotNow(f"Access was not granted: {said[:200]}")
    if not answer.get("code"):
        raise InvalidSettings({"code": ["The vendor sent you back without a code. Begin again."]})
    request, client_secret = _request(integration, kept)
    session = ApiSession(_address(integration), NoAuth(), deployment_environment())
    try:
        granted = request.exchange(session, answer["code"], client_secret)
    except SyncError as error:
        raise NotNow(f"The code was not accepted: {error.message}") from error
    finally:
        session.close()
    # a vendor that gives no renewal token (ClickUp) gives an access token that lasts
    return credential_replace(
        integration=integration,
        user=user,
        secrets={"refresh_token": None, "access_token": None, "expires_at": None, **granted},
        now=now,
    )


def _request(integration: Integration, kept: Mapping[str, str]) -> tuple[ConsentRequest, str]:
    connector = registry.get(integration.connector)
    if connector.consent is None:
        raise NotNow(f"{connector.name} grants no access in the browser: enter a token.")
    stored = secrets_resolve(integration.tenant, integration_secrets(integration))
    is_public = connector.consent.uses_pkce  # such a client may do without a secret (RFC 8252, section 8.4)
    if not stored.get("client_id") or not (stored.get("client_secret") or is_public):
        raise NotNow("Enter the client id and client secret of your OAuth application first, and save them.")
    address = urlsplit(_address(integration))
    request = ConsentRequest(
        consent=connector.consent,
        settings=integration.options,
        site=f"{address.scheme}://{address.netloc}" if address.netloc else "",
        client_id=str(stored["client_id"]),
        callback=kept["callback"],
        state=kept["state"],
        verifier=kept["verifier"],
    )
    return request, str(stored.get("client_secret") or "")


def _address(integration: Integration) -> str:
    return integration.base_url or registry.get(integration.connector).default_base_url
