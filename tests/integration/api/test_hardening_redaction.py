"""A credential is hidden in what is kept of a request, whatever the service calls the place it goes to (B6)."""

from __future__ import annotations

import pytest
import responses

from connectors.base.auth import ApiKey, HeaderTemplate, NoAuth
from connectors.base.connector import Environment
from connectors.base.errors import Exchange
from connectors.base.session import ApiSession
from connectors.generic_rest.declare import auth_of

BASE = "https://api.example.org/v1"
SECRET = "s3cr3t-value-x9"


@pytest.mark.parametrize(
    "auth",
    [
        ApiKey("appid", SECRET, place="query"),
        ApiKey("k", SECRET, place="query"),
        ApiKey("X-Auth-Key", SECRET),
        ApiKey("X-Access", SECRET),
        HeaderTemplate("X-Login", "me:{word}", {"word": SECRET}),
    ],
)
def test_a_key_under_any_name_stays_out_of_the_log(auth: NoAuth) -> None:
    seen: list[Exchange] = []
    session = ApiSession(BASE, auth, Environment(on_exchange=seen.append))
    with responses.RequestsMock() as web:
        web.add("GET", f"{BASE}/things", json={})
        answer = session.get("/things")
        sent = web.calls[0].request
    assert SECRET in f"{sent.url} {sent.headers}"
    assert SECRET not in repr(seen[0]) + answer.url


def test_a_login_is_not_kept() -> None:
    """Generic REST's ``session`` kind: names and places are the configuration's, so only the whole body is safe."""
    config = {
        "auth": {
            "kind": "session",
            "login": {
                "path": "/login",
                "body": {"user": {"secret_ref": "username"}, "pass": {"secret_ref": "password"}},
            },
            "token_path": "ticket",
        }
    }
    seen: list[Exchange] = []
    auth = auth_of(config, {"username": "me", "password": SECRET})
    session = ApiSession(BASE, auth, Environment(on_exchange=seen.append))
    with responses.RequestsMock() as web:
        web.add("POST", f"{BASE}/login", json={"ticket": f"ticket-{SECRET}"})
        web.add("GET", f"{BASE}/things", json={})
        session.get("/things")
        assert SECRET in str(web.calls[0].request.body)
    assert len(seen) == 2
    assert SECRET not in repr(seen)
