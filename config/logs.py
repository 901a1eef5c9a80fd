"""Logging for Django, Celery and structlog in one shape: JSON for machines, lines for people (I4).

Events are fixed dotted names, facts come in ``extra``. A correlation id is bound by the request and carried into
tasks; secrets are taken out here as the last net, whatever a caller passed in.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Mapping, MutableMapping, Sequence
from logging import LogRecord
from logging.handlers import SysLogHandler
from typing import Any

import structlog
from django.core.exceptions import ImproperlyConfigured

SECRET_NAME = re.compile(
    r"(authorization|cookie|password|passwd|secret|token|api_?key|access_?key|credential|private_?key|fernet)",
    re.I,
)
#: Names that hold such a word but carry no secret.
HARMLESS = frozenset({"csrf_token_present", "next_token", "token_url", "secret_name", "token_count"})
BEARER = re.compile(r"\b(Bearer|Basic|token)\s+[A-Za-z0-9._~+/=-]{8,}", re.I)
IN_QUERY = re.compile(r"([?&](?:[\w-]*(?:token|key|secret|password|signature)[\w-]*)=)[^&\s\"']+", re.I)
IN_ADDRESS = re.compile(r"(\b[a-z][a-z0-9+.-]*://[^\s:/@]*:)[^\s@/]+@", re.I)
HIDDEN = "[redacted]"
DEPTH_LIMIT = 6
#: characters of a line to syslog: a datagram takes 64 KB, and most receivers far less
LONGEST_DATAGRAM = 8000


def redact_text(text: str) -> str:
    """The text without bearer tokens, keys in query strings and passwords in addresses."""
    text = BEARER.sub(lambda match: f"{match.group(1)} {HIDDEN}", text)
    text = IN_QUERY.sub(lambda match: f"{match.group(1)}{HIDDEN}", text)
    return IN_ADDRESS.sub(lambda match: f"{match.group(1)}{HIDDEN}@", text)


def redact(value: Any, *, depth: int = 0) -> Any:
    """A copy without secrets, judged by the names of keys and the look of strings."""
    if depth > DEPTH_LIMIT:
        return "…"
    if isinstance(value, str):
        return redact_text(value)
    if isinstance(value, Mapping):
        return {
            key: HIDDEN
            if _is_secret(str(key)) and item not in (None, "", False, True)
            else redact(item, depth=depth + 1)
            for key, item in value.items()
        }
    if isinstance(value, (list, tuple, set, frozenset)):
        return [redact(item, depth=depth + 1) for item in value]
    return value


def _is_secret(name: str) -> bool:
    return bool(SECRET_NAME.search(name)) and name.lower() not in HARMLESS


def redact_event(logger: Any, method: str, event: MutableMapping[str, Any]) -> Mapping[str, Any]:
    """Last processor before rendering. Internal keys (``_record``) are left alone."""
    event.pop("color_message", None)  # uvicorn's second copy of its text
    for key in list(event):
        if key.startswith("_"):
            continue
        if _is_secret(key) and event[key]:
            event[key] = HIDDEN
        else:
            event[key] = redact(event[key])
    return event


def correlate(logger: Any, method: str, event: MutableMapping[str, Any]) -> Mapping[str, Any]:
    """Everything that belongs to one cause carries one ``correlation_id``; a request's own id where none was given."""
    if "correlation_id" not in event:
        origin = event.get("request_id") or event.get("task_id")
        if origin:
            event["correlation_id"] = origin
    return event


def shared_processors() -> list[Any]:
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.stdlib.PositionalArgumentsFormatter(),
        correlate,
    ]


def configure_structlog() -> None:
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared_processors(),
            structlog.processors.StackInfoRenderer(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )


class DatagramHandler(SysLogHandler):
    """One line per datagram, cut so that it fits; nobody waits for a receiver, and one that is away costs only lines."""

    append_nul = False
    ident = "lockstep: "

    def format(self, record: LogRecord) -> str:
        return super().format(record)[:LONGEST_DATAGRAM]


def syslog_address(host: str, port: int) -> tuple[str, int] | None:
    """Where to send lines, its name looked up once, not with each line; None without a host."""
    if not host:
        return None
    if not 0 < port < 65_536:
        raise ImproperlyConfigured("SYSLOG_PORT must be between 1 and 65535.")
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)
    except OSError as error:
        raise ImproperlyConfigured(f"SYSLOG_HOST: there is no address for {host}.") from error
    return str(found[0][4][0]), port


def logging_config(*, form: str, level: str, syslog: tuple[str, int] | None = None) -> dict[str, Any]:
    """Django's LOGGING. ``form`` is ``json`` or ``human``; ``syslog`` gets the same lines by UDP."""
    renderer: Sequence[Any]
    if form == "json":
        renderer = [
            structlog.processors.format_exc_info,
            redact_event,
            structlog.processors.JSONRenderer(default=str),
        ]
    else:
        renderer = [
            structlog.processors.format_exc_info,
            redact_event,
            structlog.dev.ConsoleRenderer(colors=False, sort_keys=False),
        ]
    handlers: dict[str, Any] = {"stderr": {"class": "logging.StreamHandler", "formatter": "lines"}}
    if syslog:
        handlers["syslog"] = {"()": DatagramHandler, "address": syslog, "formatter": "lines"}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "lines": {
                "()": structlog.stdlib.ProcessorFormatter,
                "processors": [structlog.stdlib.ProcessorFormatter.remove_processors_meta, *renderer],
                "foreign_pre_chain": [*shared_processors(), structlog.stdlib.ExtraAdder()],
            }
        },
        "handlers": handlers,
        "root": {"handlers": list(handlers), "level": level},
        "loggers": {
            "django": {"level": level, "propagate": True, "handlers": []},
            "django.server": {"level": level, "propagate": True, "handlers": []},
            "django.request": {"level": "ERROR"},  # the middleware logs each request once, with its status
            "celery.worker.strategy": {"level": "WARNING"},  # "task received" for each wake-up
            "celery.app.trace": {"level": "WARNING"},
            "celery.beat": {"level": "WARNING"},
            "django_structlog.celery.receivers": {"level": "WARNING"},
            "uvicorn.access": {"level": "WARNING"},
            "uvicorn.error": {"level": "INFO"},
            "urllib3": {"level": "INFO"},
            "auditlog": {"level": "WARNING"},
            "axes": {"level": "WARNING"},
        },
    }
