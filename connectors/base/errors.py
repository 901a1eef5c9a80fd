"""Errors say what to do next. Connectors raise them, services catch them, one match decides."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass
class Exchange:
    """One redacted request and its answer, as kept in logs and attempts. Bodies are cut to 16 KB."""

    method: str = ""
    url: str = ""
    request_headers: dict[str, str] = field(default_factory=dict)
    request_body: Any = None
    status: int | None = None
    response_headers: dict[str, str] = field(default_factory=dict)
    response_body: Any = None
    duration_ms: int | None = None


class SyncError(Exception):
    """Base of all classified failures. ``message`` is safe to show: no secrets, no bodies.

    ``code`` is a stable machine word (``auth``, ``permission``, ``missing``, ``validation``, ``rate_limit``,
    ``stale``, ``timeout``, ``remote_fault``, ``mapping``, ``contract``, ``network``, ``internal``).
    """

    code = "internal"

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        status: int | None = None,
        field: str | None = None,
        exchange: Exchange | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or type(self).code
        self.status = status
        self.field = field
        self.exchange = exchange


class ConfigurationProblem(SyncError):
    """A person must act: bad credentials, missing scope, bad configuration."""

    code = "auth"


class Retryable(SyncError):
    """May work later. ``retry_after`` in seconds, if the vendor said.

    ``ambiguous`` is True when the request may have had its effect (timeout or 5xx after sending): a create
    must then be looked up, never blindly repeated.
    """

    code = "remote_fault"

    def __init__(
        self,
        message: str,
        *,
        retry_after: float | None = None,
        ambiguous: bool = False,
        **facts: Any,
    ) -> None:
        super().__init__(message, **facts)
        self.retry_after = retry_after
        self.ambiguous = ambiguous


class RateLimited(Retryable):
    """429 and its cousins, or our own budget says wait. Never ambiguous: nothing was done."""

    code = "rate_limit"


class StaleWrite(SyncError):
    """The record changed since it was read: read again, merge again."""

    code = "stale"


class RecordGone(SyncError):
    """The vendor says there is no such record. A 404 may also mean lost access: confirm first.

    ``proven`` is True where the answer can only mean deletion (410, a deleted flag).
    """

    code = "missing"

    def __init__(self, message: str, *, proven: bool = False, **facts: Any) -> None:
        super().__init__(message, **facts)
        self.proven = proven


class RecordProblem(SyncError):
    """This record only: the vendor or the map refused a value. Dead-letter or conflict; others go on."""

    code = "validation"


class AlreadyExists(RecordProblem):
    """A write was refused because another record is there with this value; ``external_id`` names it where the vendor says."""

    code = "validation"

    def __init__(self, message: str, *, external_id: str | None = None, **facts: Any) -> None:
        super().__init__(message, **facts)
        self.external_id = external_id


class PermissionProblem(RecordProblem):
    """403 on one record: hold it and say so; not proof of deletion."""

    code = "permission"


class ContractBroken(SyncError):
    """The API answered outside its document: HTML, wrong JSON, endless paging, oversized body."""

    code = "contract"
