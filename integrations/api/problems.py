"""Errors in one shape: ``{type, title, status, code, detail, errors, correlation_id, …}`` (RFC 9457, loosely)."""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import Any

from django.core.exceptions import BadRequest, PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.http import Http404
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import set_rollback

from connectors.base.errors import RateLimited, Retryable, SyncError
from integrations.correlation import correlation_id
from integrations.services.fieldmaps import StaleFieldMap
from integrations.services.problems import (
    CheckFailed,
    InvalidSettings,
    JobAlreadyOpen,
    NotNow,
    Refused,
    StaleSettings,
)
from workspace.services import InvalidRecord, RecordMissing, StaleRevision, record_values

logger = logging.getLogger(__name__)

CONTENT_TYPE = "application/problem+json"


class Problem(Exception):
    """An answer with a status and a code, for what no service raises."""

    def __init__(self, status: int, code: str, detail: str, **facts: Any) -> None:
        super().__init__(detail)
        self.status, self.code, self.detail, self.facts = status, code, detail, facts


def handler(exc: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's exception handler. None for what nobody foresaw: Django logs it and answers 500."""
    found = _described(exc)
    if found is None:
        return None
    set_rollback()
    return problem_response(found, _headers(exc))


def problem_response(problem: Problem, headers: dict[str, str] | None = None) -> Response:
    body = {
        "type": f"urn:lockstep:problem:{problem.code}",
        "title": HTTPStatus(problem.status).phrase,
        "status": problem.status,
        "code": problem.code,
        "detail": problem.detail,
        "errors": {},
        "correlation_id": correlation_id(),
        **problem.facts,
    }
    return Response(body, status=problem.status, headers=headers, content_type=CONTENT_TYPE)


def _described(exc: Exception) -> Problem | None:
    """The one match from what was raised to what is answered."""
    match exc:
        case Problem():
            return exc
        case Refused():
            return _refusal(exc)
        case InvalidRecord():
            return Problem(400, "invalid", "Some values cannot be saved.", errors=exc.errors)
        case StaleRevision():
            return _stale_record(exc)
        case RecordMissing() | Http404():
            return Problem(404, "not_found", "There is no such thing here.")
        case SyncError():
            return _vendor_failed(exc)
        case exceptions.ValidationError():
            return Problem(
                400, "invalid", "Some values are missing or wrong.", errors=_field_errors(exc.detail)
            )
        case exceptions.APIException():
            return _api_exception(exc)
        case PermissionDenied():
            return Problem(403, "forbidden", "Your role does not allow this.")
        case RequestDataTooBig():
            return Problem(413, "too_large", "The request is too large.")
        case BadRequest():
            return Problem(400, "bad_request", str(exc) or "The request is malformed.")
        case SuspiciousOperation():
            return Problem(400, "bad_request", "The request is malformed.")
    return None


def _refusal(exc: Refused) -> Problem:
    match exc:
        case InvalidSettings():
            return Problem(400, exc.code, "Some values cannot be saved.", errors=exc.errors)
        case CheckFailed():
            return Problem(400, exc.code, exc.message, checks=exc.last_check.get("checks", []))
        case StaleSettings():
            current = {"version": exc.current.version, "updated_at": exc.current.updated_at.isoformat()}
            return Problem(409, exc.code, exc.message, current=current)
        case StaleFieldMap():
            current = {"version": exc.current.version, "links": exc.current.links}
            return Problem(409, exc.code, exc.message, current=current)
        case JobAlreadyOpen():
            return Problem(409, exc.code, exc.message, job_id=str(exc.job.id), job_status=exc.job.status)
        case NotNow():
            return Problem(409, exc.code, exc.message)
    return Problem(409, exc.code, exc.message)


def _stale_record(exc: StaleRevision) -> Problem:
    return Problem(
        409,
        "stale",
        f"This record was {exc}. Look at the current values and save again.",
        current={
            "revision": exc.record.revision,
            "changed_by": exc.changed_by,
            "changed_at": exc.changed_at.isoformat(),
            "values": record_values(exc.record),
        },
    )


def _vendor_failed(exc: SyncError) -> Problem:
    """The external system's failure is not ours: 502, or 503 where waiting helps."""
    status = 503 if isinstance(exc, RateLimited) else 502
    wait = exc.retry_after if isinstance(exc, Retryable) else None
    return Problem(status, f"external_{exc.code}", exc.message, retry_after=wait)


def _api_exception(exc: exceptions.APIException) -> Problem:
    codes = exc.get_codes()
    code = codes if isinstance(codes, str) else str(exc.default_code)
    detail = exc.detail if isinstance(exc.detail, str) else str(exc.default_detail)
    return Problem(exc.status_code, code, str(detail))


def _field_errors(detail: Any, path: str = "") -> dict[str, list[str]]:
    """DRF's nested errors as ``{dotted.path: [sentences]}``."""
    if isinstance(detail, dict):
        errors: dict[str, list[str]] = {}
        for name, inner in detail.items():
            errors |= _field_errors(inner, f"{path}.{name}" if path else str(name))
        return errors
    if isinstance(detail, list):
        if all(isinstance(entry, str) for entry in detail):
            return {path or "non_field_errors": [str(entry) for entry in detail]}
        errors = {}
        for number, inner in enumerate(detail):
            if inner:
                errors |= _field_errors(inner, f"{path}[{number}]")
        return errors
    return {path or "non_field_errors": [str(detail)]}


def _headers(exc: Exception) -> dict[str, str]:
    headers: dict[str, str] = {}
    if getattr(exc, "auth_header", None):
        headers["WWW-Authenticate"] = str(exc.auth_header)  # type: ignore[attr-defined]
    wait = getattr(exc, "wait", None) or getattr(exc, "retry_after", None)
    if wait:
        headers["Retry-After"] = str(max(1, round(wait)))
    return headers
