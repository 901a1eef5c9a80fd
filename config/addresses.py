"""What each client makes of one address: Django's database, Celery's broker, a Redis's logical databases, networks."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import dj_database_url
from django.core.exceptions import ImproperlyConfigured


def database(url: str, *, pool: int) -> dict[str, Any]:
    """Django's settings for the database; ``pool`` connections per process on PostgreSQL, 0 for one per thread."""
    found: dict[str, Any] = dict(dj_database_url.parse(url))
    options = found.setdefault("OPTIONS", {})
    if found["ENGINE"] == "django.db.backends.sqlite3":
        # Django's DEFERRED default fails with "database is locked" as soon as two processes write.
        options |= {
            "timeout": 20,
            "transaction_mode": "IMMEDIATE",
            "init_command": "PRAGMA journal_mode=WAL;PRAGMA synchronous=NORMAL;PRAGMA busy_timeout=20000;",
        }
    elif found["ENGINE"] == "django.db.backends.postgresql":
        if pool:
            options["pool"] = {"min_size": 1, "max_size": pool, "timeout": 20}
        else:
            found |= {"CONN_MAX_AGE": 60, "CONN_HEALTH_CHECKS": True}
    else:
        raise ImproperlyConfigured("DATABASE_URL must begin with sqlite:// or postgres://.")
    return found


def redis_database(url: str, offset: int) -> str:
    """The same server, ``offset`` logical databases further: clearing the cache must not clear the queue."""
    parts = urlsplit(url)
    if parts.scheme == "unix":
        return f"unix://{parts.path}?db={offset}"
    number = int(parts.path.strip("/") or 0) + offset
    return urlunsplit(parts._replace(path=f"/{number}"))


def celery_url(url: str) -> str:
    """Celery's spelling of a socket; other addresses stay as they are."""
    parts = urlsplit(url)
    return f"redis+socket://{parts.path}?virtual_host=0" if parts.scheme == "unix" else url


def networks(name: str, texts: Iterable[str]) -> list[ipaddress.IPv4Network | ipaddress.IPv6Network]:
    """Addresses and networks, as the variable ``name`` lists them."""
    found = []
    for text in filter(None, (each.strip() for each in texts)):
        try:
            found.append(ipaddress.ip_network(text, strict=False))
        except ValueError as error:
            raise ImproperlyConfigured(
                f"{name}: {text} is neither an address nor a network like 10.0.0.0/8."
            ) from error
    return found
