"""Proving where a webhook comes from: HMAC schemes over the raw bytes, shared tokens, timestamps."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from urllib.parse import urlsplit

import orjson

from .times import parse_instant
from .types import BadSignature, BadTimestamp, WebhookRequest

Encoding = Literal["hex", "base64", "base64url"]


@dataclass(frozen=True, slots=True)
class HmacScheme:
    """One vendor's way of signing. ``payload`` is a template over {body} {timestamp} {method} {url} {path} {id}.

    For headers like ``t=17,v1=ab,v1=cd`` give ``separator=","`` and ``key="v1"``; the timestamp is then read from
    ``timestamp_key`` unless ``timestamp_header`` is given. All bytes are the raw ones, never re-serialised.
    ``secret_encoding`` "sha256" takes the digest of the secret's text as the key.
    """

    header: str
    algorithm: Literal["sha1", "sha256", "sha384", "sha512"] = "sha256"
    encoding: Encoding = "hex"
    prefix: str = ""
    is_prefix_optional: bool = False
    payload: str = "{body}"
    separator: str = ""
    key: str = ""
    timestamp_key: str = "t"
    timestamp_header: str = ""
    timestamp_format: Literal["epoch_s", "epoch_ms", "iso8601"] = "epoch_s"
    tolerance_seconds: int = 300
    id_header: str = ""
    secret_encoding: Literal["utf8", "hex", "base64", "sha256"] = "utf8"  # noqa: S105

    def verify(self, request: WebhookRequest, secrets: Sequence[str]) -> None:
        """Raises ``BadSignature`` unless one of the secrets signed this request in time."""
        value = request.headers.get(self.header.lower(), "").strip()
        if not value:
            raise BadSignature(f"The header {self.header} is missing.")
        pairs = _pairs_of(value, self.separator) if self.separator else []
        timestamp = self._timestamp(request, pairs)
        candidates = (
            [text for name, text in pairs if name == self.key]
            if self.separator and self.key
            else [text for _, text in pairs]
            if pairs
            else [value]
        )
        given = [decoded for text in candidates if (decoded := self._decode(text)) is not None]
        payload = self._payload(request, timestamp)
        matches = [
            hmac.compare_digest(self._digest(secret, payload), one)
            for secret in secrets
            if secret
            for one in given
        ]
        if not any(matches):
            raise BadSignature("The signature does not match.")

    def sign(
        self,
        secret: str,
        body: bytes,
        *,
        timestamp: str = "",
        method: str = "POST",
        url: str = "",
        id: str = "",
    ) -> str:
        """The bare signature text (with prefix) of a payload; for stand-ins and tests."""
        payload = fill_payload(self.payload, body=body, timestamp=timestamp, method=method, url=url, id=id)
        raw = self._digest(secret, payload)
        text = {
            "hex": raw.hex(),
            "base64": base64.b64encode(raw).decode(),
            "base64url": base64.urlsafe_b64encode(raw).decode().rstrip("="),
        }[self.encoding]
        return self.prefix + text

    def _digest(self, secret: str, payload: bytes) -> bytes:
        key = {
            "utf8": lambda: secret.encode(),
            "hex": lambda: bytes.fromhex(secret),
            "base64": lambda: base64.b64decode(secret),
            "sha256": lambda: hashlib.sha256(secret.encode()).digest(),
        }[self.secret_encoding]()
        return hmac.new(key, payload, self.algorithm).digest()

    def _decode(self, text: str) -> bytes | None:
        if self.prefix and text.lower().startswith(self.prefix.lower()):
            text = text[len(self.prefix) :]
        elif self.prefix and not self.is_prefix_optional:
            return None
        try:
            match self.encoding:
                case "hex":
                    return bytes.fromhex(text)
                case "base64":
                    return base64.b64decode(text, validate=True)
                case _:
                    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        except (ValueError, binascii.Error):
            return None

    def _timestamp(self, request: WebhookRequest, pairs: Iterable[tuple[str, str]]) -> str:
        text = ""
        if self.timestamp_header:
            text = request.headers.get(self.timestamp_header.lower(), "").strip()
        elif "{timestamp}" in self.payload:
            text = next((value for name, value in pairs if name == self.timestamp_key), "")
        else:
            return ""
        check_timestamp(
            text,
            now=request.received_at,
            tolerance_seconds=self.tolerance_seconds,
            style=self.timestamp_format,
        )
        return text

    def _payload(self, request: WebhookRequest, timestamp: str) -> bytes:
        delivery = request.headers.get(self.id_header.lower(), "") if self.id_header else ""
        return fill_payload(
            self.payload,
            body=request.body,
            timestamp=timestamp,
            method=request.method,
            url=request.url,
            id=delivery,
        )


GENERIC = HmacScheme(
    header="X-Webhook-Signature",
    prefix="sha256=",
    is_prefix_optional=True,
    timestamp_header="X-Webhook-Timestamp",
)
"""The hub's own scheme (G1): hex HMAC-SHA256 of the raw body, and a timestamp of at most five minutes."""


def fill_payload(template: str, *, body: bytes, timestamp: str, method: str, url: str, id: str) -> bytes:
    """The bytes that are signed. ``url`` is the configured public address."""
    values: Mapping[str, bytes] = {
        "body": body,
        "timestamp": timestamp.encode(),
        "method": method.upper().encode(),
        "url": url.encode(),
        "path": urlsplit(url).path.encode(),
        "id": id.encode(),
    }
    out: list[bytes] = []
    rest = template
    while rest:
        before, brace, after = rest.partition("{")
        out.append(before.encode())
        if not brace:
            break
        name, closing, following = after.partition("}")
        if closing and name in values:
            out.append(values[name])
            rest = following
        else:
            out.append(b"{")
            rest = after
    return b"".join(out)


def check_timestamp(
    text: str, *, now: datetime, tolerance_seconds: int = 300, style: str = "epoch_s"
) -> None:
    """Raises ``BadTimestamp`` if the timestamp is missing, unreadable, or too far from now."""
    if not text:
        raise BadTimestamp("The timestamp is missing.")
    number: float | None
    try:
        number = float(text)
    except ValueError:
        number = None
    if style == "iso8601":
        moment = parse_instant(text)
    elif number is None:
        moment = None
    else:
        moment = parse_instant(number / 1000 if style == "epoch_ms" else number)
    if moment is None:
        raise BadTimestamp("The timestamp cannot be read.")
    if abs((now - moment).total_seconds()) > tolerance_seconds:
        raise BadTimestamp("The timestamp is too old or too far ahead.")


def check_jwt(
    token: str,
    secrets: Sequence[str],
    *,
    now: datetime,
    audience: str = "",
    leeway_seconds: int = 60,
) -> Mapping[str, Any]:
    """The claims of a JSON Web Token that one of the secrets signed (HS256, no other); raises ``BadSignature``.

    ``exp`` and ``nbf`` are looked at where they are there; ``aud`` likewise, where an audience is given. Sources: RFC 7515, 7519.
    """
    head, _, rest = token.removeprefix("Bearer ").strip().partition(".")
    body, _, signature = rest.partition(".")
    header, claims, given = _segment(head), _segment(body), _raw_segment(signature)
    if (
        not isinstance(header, dict)
        or header.get("alg") != "HS256"
        or not isinstance(claims, dict)
        or not given
    ):
        raise BadSignature("The token is no JWT signed with HS256.")
    signed = f"{head}.{body}".encode()
    matches = [
        hmac.compare_digest(hmac.new(secret.encode(), signed, "sha256").digest(), given)
        for secret in secrets
        if secret
    ]
    if not any(matches):
        raise BadSignature("The token's signature does not match.")
    for name, sign in (("exp", 1), ("nbf", -1)):
        moment = claims.get(name)
        if moment is not None and (
            not isinstance(moment, int | float) or sign * (now.timestamp() - moment) > leeway_seconds
        ):
            raise BadSignature("The token is not valid at this time.")
    named = claims.get("aud")
    if audience and named is not None and audience not in (named if isinstance(named, list) else [named]):
        raise BadSignature("The token is meant for another address.")
    return claims


def _raw_segment(text: str) -> bytes | None:
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (ValueError, binascii.Error):
        return None


def _segment(text: str) -> Any:
    try:
        return orjson.loads(_raw_segment(text) or b"")
    except orjson.JSONDecodeError:
        return None


def check_token(given: str, secrets: Sequence[str], *, prefix: str = "") -> None:
    """A shared token in a header, compared in constant time. Raises ``BadSignature``."""
    if prefix and not given.startswith(prefix):
        raise BadSignature("The token does not match.")
    candidate = given[len(prefix) :].encode()
    matches = [hmac.compare_digest(candidate, secret.encode()) for secret in secrets if secret]
    if not candidate or not any(matches):
        raise BadSignature("The token does not match.")


def _pairs_of(value: str, separator: str) -> list[tuple[str, str]]:
    pairs = []
    for part in value.split(separator):
        name, equals, text = part.strip().partition("=")
        pairs.append((name.strip(), text.strip()) if equals else ("", name.strip()))
    return pairs
