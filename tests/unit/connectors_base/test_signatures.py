"""Webhook signatures: good ones pass, anything else does not."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connectors.base.signatures import GENERIC, HmacScheme, check_jwt, check_token, fill_payload
from connectors.base.types import BadSignature, WebhookRequest

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
BODY = '{"name":"Žofie €"}'.encode()
STAMP = str(int(NOW.timestamp()))


def request(
    body: bytes = BODY, url: str = "https://hub.example.org/hooks/1", **headers: str
) -> WebhookRequest:
    return WebhookRequest(
        "POST", {name.replace("_", "-").lower(): value for name, value in headers.items()}, body, {}, url, NOW
    )


def generic(secret: str = "s1", body: bytes = BODY) -> str:
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


@pytest.mark.parametrize(
    "signature", [generic(), f"sha256={generic()}", generic().upper(), f"SHA256={generic()}"]
)
def test_the_hubs_own_scheme_takes_hex_with_and_without_prefix(signature: str) -> None:
    GENERIC.verify(request(x_webhook_signature=signature, x_webhook_timestamp=STAMP), ["s1"])


def test_either_of_two_secrets_is_good_during_a_rotation() -> None:
    for secret in ("new", "old"):
        GENERIC.verify(
            request(x_webhook_signature=generic(secret), x_webhook_timestamp=STAMP), ["new", "old"]
        )


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"x_webhook_signature": generic()},
        {"x_webhook_signature": generic(), "x_webhook_timestamp": "yesterday"},
        {
            "x_webhook_signature": generic(),
            "x_webhook_timestamp": str(int((NOW - timedelta(seconds=301)).timestamp())),
        },
        {
            "x_webhook_signature": generic(),
            "x_webhook_timestamp": str(int((NOW + timedelta(seconds=301)).timestamp())),
        },
        {"x_webhook_signature": generic("other"), "x_webhook_timestamp": STAMP},
        {"x_webhook_signature": "zz", "x_webhook_timestamp": STAMP},
        {"x_webhook_signature": "", "x_webhook_timestamp": STAMP},
        {"x_webhook_signature": generic()[:-2], "x_webhook_timestamp": STAMP},
        {"x_webhook_signature": generic(), "x_webhook_timestamp": "nan"},
    ],
)
def test_anything_else_is_refused(headers: dict[str, str]) -> None:
    with pytest.raises(BadSignature):
        GENERIC.verify(request(**headers), ["s1"])


def test_no_secret_means_no_entry() -> None:
    with pytest.raises(BadSignature):
        GENERIC.verify(
            request(x_webhook_signature=generic(""), x_webhook_timestamp=STAMP),
            [
                "",
            ],
        )


@pytest.mark.parametrize("algorithm", ["sha1", "sha256", "sha384", "sha512"])
@pytest.mark.parametrize("encoding", ["hex", "base64", "base64url"])
@pytest.mark.parametrize(
    "payload",
    ["{body}", "{timestamp}.{body}", "{body}{url}", "{method}\n{path}\n{body}", "{id}.{timestamp}.{body}"],
)
def test_every_scheme_accepts_what_it_signed_and_refuses_another_body(
    algorithm: Any, encoding: Any, payload: str
) -> None:
    scheme = HmacScheme(
        "X-Sig",
        algorithm,
        encoding,
        prefix="v0=",
        payload=payload,
        timestamp_header="X-Time",
        id_header="X-Id",
    )
    url = "https://hub.example.org/hooks/1?a=b"
    signed = scheme.sign("s1", BODY, timestamp=STAMP, url=url, id="evt-1")
    headers = {"x_sig": signed, "x_time": STAMP, "x_id": "evt-1"}
    scheme.verify(request(url=url, **headers), ["s1"])
    with pytest.raises(BadSignature):
        scheme.verify(request(body=BODY + b" ", url=url, **headers), ["s1"])


def test_a_list_of_signatures_with_a_timestamp_inside_is_read() -> None:
    scheme = HmacScheme("Sig", payload="{timestamp}.{body}", separator=",", key="v1")
    good = scheme.sign("s1", BODY, timestamp=STAMP)
    scheme.verify(request(sig=f"t={STAMP}, v0=deadbeef, v1=00, v1={good}"), ["s1"])
    for header in (f"t={STAMP},v0={good}", f"v1={good}", f"t={int(STAMP) - 999},v1={good}", f"t={STAMP}"):
        with pytest.raises(BadSignature):
            scheme.verify(request(sig=header), ["s1"])


def test_the_template_keeps_braces_that_mean_nothing_and_never_fills_twice() -> None:
    filled = fill_payload(
        "{body}{x}{timestamp}", body=b"{timestamp}", timestamp="1", method="post", url="", id=""
    )
    assert filled == b"{timestamp}{x}1"


def test_a_token_is_compared_whole() -> None:
    check_token("Token abc", ["abc"], prefix="Token ")
    for given in ("abc", "Token ab", "Token ", "Token abcd"):
        with pytest.raises(BadSignature):
            check_token(given, ["abc"], prefix="Token ")


def _jwt(claims: object, secret: str = "s3cret", header: object = None) -> str:
    def part(value: object) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

    signed = f"{part(header or {'alg': 'HS256', 'typ': 'JWT'})}.{part(claims)}"
    mark = hmac.new(secret.encode(), signed.encode(), "sha256").digest()
    return f"{signed}.{base64.urlsafe_b64encode(mark).decode().rstrip('=')}"


def test_a_signed_token_gives_its_claims() -> None:
    claims = {"exp": NOW.timestamp() + 60, "aud": "https://hub/h"}
    assert check_jwt(_jwt(claims), ["old", "s3cret"], now=NOW, audience="https://hub/h") == claims
    assert check_jwt(f"Bearer {_jwt({})}", ["s3cret"], now=NOW, audience="https://hub/h") == {}


@pytest.mark.parametrize(
    "token",
    [
        "",
        "a.b.c",
        "nonsense",
        _jwt({}, secret="another"),
        _jwt({}) + "x",
        _jwt({}, header={"alg": "none"}),
        _jwt({}, header={"alg": "HS512"}),
        _jwt({}).rpartition(".")[0] + ".",
        _jwt([]),
        _jwt({"exp": NOW.timestamp() - 61}),
        _jwt({"exp": "tomorrow"}),
        _jwt({"nbf": NOW.timestamp() + 61}),
        _jwt({"aud": "https://another/h"}),
        _jwt({"aud": ["https://another/h"]}),
    ],
)
def test_a_token_that_proves_nothing_is_refused(token: str) -> None:
    with pytest.raises(BadSignature):
        check_jwt(token, ["s3cret"], now=NOW, audience="https://hub/h")


def test_no_secret_proves_nothing() -> None:
    with pytest.raises(BadSignature):
        check_jwt(_jwt({}, secret=""), ["", ""], now=NOW)


def test_a_secrets_digest_can_be_the_key() -> None:
    scheme = HmacScheme("X-Content-Signature", encoding="base64", secret_encoding="sha256")
    key = hashlib.sha256(b"shared").digest()
    expected = base64.b64encode(hmac.new(key, BODY, hashlib.sha256).digest()).decode()
    assert scheme.sign("shared", BODY) == expected
    scheme.verify(request(x_content_signature=expected), ["other", "shared"])
    with pytest.raises(BadSignature):
        scheme.verify(request(x_content_signature=expected), ["other"])
