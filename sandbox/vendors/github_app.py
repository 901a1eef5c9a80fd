"""GitHub Apps at the stand-in: a signed proof of the app is exchanged for a token of one hour."""

from __future__ import annotations

import base64
import binascii
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import orjson
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from sandbox.web import Call, Refusal

from . import github_seed

if TYPE_CHECKING:
    from .github_state import GitHubState


def installation_token(vendor: GitHubState, call: Call, number: int) -> dict[str, Any]:
    """The answer with a fresh token. Apps are documents ``app/<id>`` with ``public_key`` (PEM) and ``installation``."""
    proof = call.headers.get("Authorization", "").removeprefix("Bearer ")
    claims = _claims(vendor, proof)
    app = vendor.world.get("app", str(claims["iss"])) or {}
    if app.get("installation") != number:
        raise Refusal(404, "Not Found")
    expires = vendor.now() + timedelta(hours=1)
    token = f"ghs_sandbox{vendor.world.next_number('app_token'):06d}"
    holder = {
        "user": github_seed.BOT,
        "role": "admin",
        "scopes": None,
        "is_app": True,
        "expires_at": expires.isoformat(),
    }
    vendor.world.put("token", token, holder)
    permissions = {"issues": "write", "metadata": "read", "repository_hooks": "write"}
    stamp = expires.strftime("%Y-%m-%dT%H:%M:%SZ")
    return {"token": token, "expires_at": stamp, "permissions": permissions, "repository_selection": "all"}


def _claims(vendor: GitHubState, proof: str) -> dict[str, Any]:
    try:
        head, body, signature = proof.split(".")
        claims: dict[str, Any] = orjson.loads(_bytes(body))
        app = vendor.world.get("app", str(claims["iss"])) or {}
        key = serialization.load_pem_public_key(str(app["public_key"]).encode())
        if not isinstance(key, rsa.RSAPublicKey):
            raise ValueError("no RSA key")
        key.verify(_bytes(signature), f"{head}.{body}".encode(), padding.PKCS1v15(), hashes.SHA256())
    except (ValueError, KeyError, binascii.Error, InvalidSignature):
        raise Refusal(401, "A JSON web token could not be decoded") from None
    now = vendor.now().timestamp()
    if not claims.get("iat", 0) - 60 <= now < claims.get("exp", 0) <= now + 600:
        raise Refusal(
            401,
            "'Expiration time' claim ('exp') must be a numeric value representing the future time at which the assertion expires",
        )
    return claims


def _bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
