"""Receives webhooks as a configuration says: verification, handshake, events."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from connectors.base.paths import MISSING, read_path
from connectors.base.signatures import GENERIC, HmacScheme, check_token
from connectors.base.types import (
    BadPayload,
    BadSignature,
    ChangeHint,
    UnknownEvent,
    WebhookAnswer,
    WebhookRequest,
)

from .declare import Config, holds
from .templates import fill_text


def webhooks_for(settings: Mapping[str, Any]) -> GenericWebhooks | None:
    """The webhook side of ``settings["config"]``; without a ``webhook`` block the hub's own scheme is spoken."""
    config = settings.get("config")
    return GenericWebhooks(config) if isinstance(config, Mapping) else None


def scheme_of(declared: Config, id_header: str = "") -> HmacScheme:
    return HmacScheme(
        header=declared["header"],
        algorithm=declared["algorithm"],
        encoding=declared["encoding"],
        prefix=declared.get("prefix", ""),
        payload=declared.get("payload_template", "{body}"),
        separator=declared.get("signature_list_separator", ""),
        key=declared.get("signature_key", ""),
        timestamp_key=declared.get("timestamp_key", "t"),
        timestamp_header=declared.get("timestamp_header", ""),
        timestamp_format=declared.get("timestamp_format", "epoch_s"),
        tolerance_seconds=declared.get("tolerance_seconds", 300),
        id_header=id_header,
        secret_encoding=declared.get("secret_encoding", "utf8"),
    )


class GenericWebhooks:
    def __init__(self, config: Config) -> None:
        self._resources: Config = config.get("resources", {})
        self._config: Config = config.get("webhook", {})

    def handshake(self, request: WebhookRequest, secrets: Sequence[str]) -> WebhookAnswer | None:
        """Answers a challenge; its values are those of the body, the query (``query.x``) and headers (``header.x``)."""
        declared = self._config.get("handshake")
        if not declared or request.method != declared.get("method", request.method):
            return None
        body = _json(request.body)
        view = (
            {**body, "query": dict(request.query), "header": dict(request.headers)}
            if isinstance(body, dict)
            else {"query": dict(request.query), "header": dict(request.headers)}
        )
        if not holds({"exists": True, **declared["when"]}, view):
            return None
        reply = declared["reply"]
        headers = {}
        if (
            (echo := reply.get("header_echo"))
            and (value := request.headers.get(echo.lower()))
            and "\n" not in value
            and "\r" not in value
        ):
            headers[echo] = value
        values = {**_flat(view), "value": str(read_path(view, declared["when"]["path"], ""))}
        text = fill_text(reply["body_template"], values) if reply.get("body_template") else ""
        return WebhookAnswer(reply.get("status", 200), text.encode(), headers=headers)

    def verify(self, request: WebhookRequest, secrets: Sequence[str], settings: Mapping[str, Any]) -> None:
        declared = self._config.get("verification")
        if declared is None:
            GENERIC.verify(request, secrets)
            return
        match declared["kind"]:
            case "hmac":
                scheme_of(declared, self._config.get("event_id", {}).get("header", "")).verify(
                    request, secrets
                )
            case "token":
                check_token(
                    request.headers.get(declared["header"].lower(), ""),
                    secrets,
                    prefix=declared.get("prefix", ""),
                )
            case "basic":
                _check_basic(request, secrets)
            case "none" if declared.get("acknowledge_insecure"):
                return
            case _:
                raise BadSignature("This webhook has no way to prove where it comes from.")

    def delivery_id(self, request: WebhookRequest) -> str | None:
        declared = self._config.get("event_id", {} if self._config else {"header": "X-Webhook-Id"})
        if "header" in declared:
            return request.headers.get(declared["header"].lower()) or None
        found = read_path(_json(request.body), declared["path"], None) if "path" in declared else None
        return str(found) if isinstance(found, str | int) else None

    def event_name(self, request: WebhookRequest, payload: Any) -> str:
        declared = self._config.get("event_name", {} if self._config else {"header": "X-Webhook-Event"})
        if "header" in declared:
            return request.headers.get(declared["header"].lower(), "")
        events = self._events(payload)
        found = read_path(events[0], declared["path"], "") if "path" in declared and events else ""
        return found if isinstance(found, str) else ""

    def parse(self, request: WebhookRequest, payload: Any, settings: Mapping[str, Any]) -> list[ChangeHint]:
        hints = [hint for event in self._events(payload) if (hint := self._hint(request, event)) is not None]
        return list(dict.fromkeys(hints))

    def _events(self, payload: Any) -> list[Any]:
        found = read_path(payload, self._config.get("events_path", ""), MISSING)
        if found is MISSING or not isinstance(found, dict | list):
            raise BadPayload("The payload holds no event where the configuration looks for it.")
        return found if isinstance(found, list) else [found]

    def _hint(self, request: WebhookRequest, event: Any) -> ChangeHint | None:
        named = self._config.get("event_name", {})
        name = (
            request.headers.get(named["header"].lower(), "")
            if "header" in named
            else str(read_path(event, named["path"], "") or "")
            if "path" in named
            else ""
        )
        if name in self._config.get("ignored_events", ()):
            return None
        resource = self._resource(name)
        record_id = (
            read_path(event, self._config["record_id_path"], None)
            if "record_id_path" in self._config
            else None
        )
        parent = (
            read_path(event, self._config["parent_id_path"], None)
            if "parent_id_path" in self._config
            else None
        )
        actor = (
            read_path(event, self._config["actor_id_path"], None) if "actor_id_path" in self._config else None
        )
        is_child = bool(self._resources.get(resource, {}).get("parent"))
        return ChangeHint(
            resource=resource,
            external_id="" if record_id is None else str(record_id),
            event=name,
            is_delete=name in self._config.get("deleted_events", ()),
            actor_id="" if actor is None else str(actor),
            parent_id=str(parent) if is_child and parent is not None else "",
        )

    def _resource(self, name: str) -> str:
        by_event: Mapping[str, str] = self._config.get("resource_by_event", {})
        if name in by_event:
            return by_event[name]
        if by_event or len(self._resources) != 1:
            raise UnknownEvent(name or "(no event name)")
        return str(next(iter(self._resources)))


def _check_basic(request: WebhookRequest, secrets: Sequence[str]) -> None:
    """Each secret is ``user:password``; both are compared in one go."""
    given = request.headers.get("authorization", "")
    expected = ["Basic " + base64.b64encode(secret.encode()).decode() for secret in secrets if secret]
    check_token(given, expected)


def _json(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return None


def _flat(view: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in view.items():
        if isinstance(value, Mapping) and not prefix.count("."):
            flat |= _flat(value, f"{prefix}{name}.")
        elif isinstance(value, str | int | float | bool):
            flat[f"{prefix}{name}"] = value
    return flat
