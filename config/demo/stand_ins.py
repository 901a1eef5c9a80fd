"""The other side's people: edits made in the stand-ins by hand, through the sandbox's controls."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import requests
from django.conf import settings

SECONDS = 20


def present() -> set[str]:
    """The stand-ins that this sandbox runs. Raises ``requests.RequestException`` if it does not answer."""
    return set(_call("GET", "")["vendors"])


def edit(slug: str, kind: str, id: str | None, values: Mapping[str, Any], *, actor: str = "") -> str:
    """What a person does in the vendor's product; the record's id."""
    body = {"kind": kind, "id": id, "values": dict(values), "actor": actor}
    return str(_call("POST", f"{slug}/edit", body)["id"])


def remove(slug: str, kind: str, id: str, *, actor: str = "") -> None:
    _call("POST", f"{slug}/remove", {"kind": kind, "id": id, "actor": actor})


def world(slug: str, kind: str) -> list[dict[str, Any]]:
    """The records of one kind as they are there."""
    return list(_call("GET", f"{slug}/world/{kind}"))


def connect(slug: str) -> dict[str, Any]:
    """What a hub is told to connect to the stand-in: ``{connector, base_url, settings, secrets}``."""
    return dict(_call("GET", f"{slug}/connect"))


def _call(method: str, path: str, body: Any = None) -> Any:
    answer = requests.request(
        method, f"{settings.LOCKSTEP_SANDBOX_URL}/_control/{path}", json=body, timeout=SECONDS
    )
    answer.raise_for_status()
    return answer.json()
