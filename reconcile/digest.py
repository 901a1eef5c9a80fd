"""Fingerprints of snapshots: equal for equal JSON, whatever the order of keys."""

from __future__ import annotations

import json
from hashlib import sha256

import orjson

from reconcile.model import JSON


def digest(snapshot: JSON) -> str:
    """SHA-256 of the sorted-key JSON, as 64 hex characters."""
    try:
        text = orjson.dumps(snapshot, option=orjson.OPT_SORT_KEYS)
    except (TypeError, ValueError):  # integers over 64 bits, broken surrogates: rare, but vendors send them
        text = json.dumps(snapshot, sort_keys=True, separators=(",", ":"), default=str).encode()
    return sha256(text).hexdigest()
