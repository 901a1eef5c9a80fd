"""Where vendors report: verify the raw bytes, store, answer. The tenant comes from the integration (G1, G2, M6)."""

from __future__ import annotations

import ipaddress
import logging
from typing import Any
from uuid import UUID

import orjson
from django.conf import settings
from django.db import InterfaceError, OperationalError, connection
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.views import APIView

from connectors.base.errors import ConfigurationProblem
from connectors.base.types import BadPayload, BadSignature, BadTimestamp, WebhookRequest
from integrations.correlation import correlation_id
from integrations.models import Integration, IntegrationStatus
from integrations.services.credentials import webhook_secrets, webhook_url
from integrations.services.deliveries import dedupe_key, delivery_store
from integrations.webhooks import webhooks_for

logger = logging.getLogger(__name__)

MAX_DEPTH = 32


class _Refusal(Exception):
    """An answer other than 200; the text tells no secret and echoes nothing of the request."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


@extend_schema(
    summary="Receive a webhook",
    description="For external systems. Signed in the vendor's own way, or with X-Webhook-Signature (hex HMAC-SHA256 of "
    "the raw body) and X-Webhook-Timestamp (epoch seconds, at most five minutes old). HEAD and GET answer handshakes.",
    tags=["webhooks"],
    request=OpenApiTypes.OBJECT,
    auth=[],
    responses={
        200: OpenApiResponse(OpenApiTypes.OBJECT, "{success, delivery_id, status: received|held|duplicate}"),
        **{
            status: OpenApiResponse(OpenApiTypes.OBJECT, said)
            for status, said in {
                400: "Unreadable payload, or out of time",
                401: "Not signed by a known secret",
                403: "Address not allowed, or integration disabled",
                404: "No such integration",
                410: "Integration deleted",
                413: "Too large",
                415: "Compressed bodies are not taken",
                503: "Could not be stored; send it again",
            }.items()
        },
    },
)
class ReceiveWebhook(APIView):
    """Lean on purpose: no content negotiation, no parsers, no authentication classes."""

    authentication_classes = ()
    permission_classes = ()
    throttle_classes = ()
    parser_classes = ()
    http_method_names = ["post", "get", "head"]

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Nothing of what DRF does before a handler is wanted here."""

    def post(self, request: Request, integration_id: UUID) -> HttpResponse:
        return receive(request._request, integration_id)

    @extend_schema(exclude=True)
    def get(self, request: Request, integration_id: UUID) -> HttpResponse:
        return receive(request._request, integration_id)

    @extend_schema(exclude=True)
    def head(self, request: Request, integration_id: UUID) -> HttpResponse:
        return receive(request._request, integration_id)


def receive(request: HttpRequest, integration_id: UUID) -> HttpResponse:
    """The answer to one request of a vendor. Never raises for what the request holds."""
    try:
        return _received(request, integration_id)
    except _Refusal as refusal:
        logger.warning(
            "webhook.refused",
            extra={"integration": str(integration_id), "code": refusal.code, "status": refusal.status},
        )
        return _answer(refusal.status, {"success": False, "code": refusal.code, "detail": refusal.message})
    except (OperationalError, InterfaceError):
        logger.exception("webhook.not_stored", extra={"integration": str(integration_id)})
        answer = _answer(
            503, {"success": False, "code": "unavailable", "detail": "Not stored. Send it again."}
        )
        answer["Retry-After"] = "30"
        return answer
    except Exception:  # the outermost edge: a vendor must get an answer, and send it again
        logger.exception("webhook.failed", extra={"integration": str(integration_id)})
        return _answer(500, {"success": False, "code": "internal", "detail": "Not stored. Send it again."})


def _received(request: HttpRequest, integration_id: UUID) -> HttpResponse:
    now = timezone.now()
    integration = _integration(integration_id)
    _check_sender(request, integration)
    incoming = WebhookRequest(
        method=request.method or "POST",
        headers={name.lower(): value for name, value in request.headers.items()},
        body=_read(request),
        query=request.GET.dict(),
        url=webhook_url(integration),
        received_at=now,
    )
    side = webhooks_for(integration.connector, integration.options)
    try:
        secrets = webhook_secrets(integration, now=now)
    except ConfigurationProblem as error:
        raise _Refusal(503, "unavailable", "The secret cannot be read on this server.") from error
    try:
        greeting = side.handshake(incoming, secrets)
        if greeting is not None:
            return HttpResponse(
                greeting.body,
                status=greeting.status,
                content_type=greeting.content_type,
                headers=dict(greeting.headers),
            )
        if incoming.method != "POST":
            raise _Refusal(405, "method", "Only POST is taken here.")
        side.verify(incoming, secrets, integration.options)
        payload = _parsed(incoming.body)
        key = dedupe_key(side.delivery_id(incoming), incoming.body)
        event = side.event_name(incoming, payload)
    except BadTimestamp as error:
        raise _Refusal(400, "timestamp", str(error)) from error
    except BadSignature as error:
        raise _Refusal(401, "signature", str(error)) from error
    except BadPayload as error:
        raise _Refusal(400, "payload", str(error)) from error
    stored = delivery_store(
        integration=integration,
        key=key,
        event=event,
        headers=incoming.headers,
        body=incoming.body,
        correlation_id=correlation_id(),
        now=now,
    )
    return _answer(200, {"success": True, "delivery_id": stored.id, "status": stored.status})


#: written out, since making the same statement anew for each delivery cost more than running it
_INTEGRATION = (
    "SELECT id, tenant_id, connector, status, options, webhook_secret, ip_allow_list, deleted_at "
    "FROM integrations_integration WHERE id = %s"
)


def _integration(integration_id: UUID) -> Integration:
    key = Integration._meta.pk.get_db_prep_value(integration_id, connection)
    found = next(iter(Integration.objects.raw(_INTEGRATION, [key])), None)
    if found is None:
        raise _Refusal(404, "unknown", "There is no such integration.")
    if found.deleted_at is not None:
        raise _Refusal(410, "gone", "This integration was deleted; stop sending.")
    if found.status == IntegrationStatus.DISABLED:
        raise _Refusal(403, "disabled", "This integration is disabled.")
    return found


def _check_sender(request: HttpRequest, integration: Integration) -> None:
    if not integration.ip_allow_list:
        return
    try:
        address = ipaddress.ip_address(client_address(request))
    except ValueError:
        raise _Refusal(403, "address", "The sender's address is not allowed.") from None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    if not any(address in ipaddress.ip_network(entry, strict=False) for entry in integration.ip_allow_list):
        raise _Refusal(403, "address", "The sender's address is not allowed.")


def client_address(request: HttpRequest) -> str:
    """The sender, as seen by the outermost of our own proxies; a header nobody vouches for is not believed."""
    proxies: int = settings.LOCKSTEP_PROXY_COUNT
    if proxies:
        hops = [hop.strip() for hop in request.headers.get("X-Forwarded-For", "").split(",") if hop.strip()]
        if len(hops) >= proxies:
            return hops[-proxies]
    return str(request.META.get("REMOTE_ADDR", ""))


def _read(request: HttpRequest) -> bytes:
    """The raw body. Size is checked before and while reading; compressed ones could unfold to anything."""
    limit: int = settings.LOCKSTEP_WEBHOOK_MAX_BYTES
    if request.headers.get("Content-Encoding", "identity").strip().lower() not in ("", "identity"):
        raise _Refusal(415, "encoding", "Compressed bodies are not taken; send it plain.")
    declared = request.headers.get("Content-Length", "")
    if declared.isdigit() and int(declared) > limit:
        raise _Refusal(413, "too_large", f"At most {limit} bytes are taken.")
    try:
        body = request.read(limit + 1)
    except OSError as error:
        raise _Refusal(400, "payload", "The body ended early.") from error
    if len(body) > limit:
        raise _Refusal(413, "too_large", f"At most {limit} bytes are taken.")
    return body


def _parsed(body: bytes) -> Any:
    """The payload as JSON. Raises ``BadPayload`` for anything else, or nesting nobody needs."""
    if body.count(b"[") + body.count(b"{") > MAX_DEPTH and _is_deep(body):
        raise BadPayload("The payload is nested too deeply.")
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise BadPayload("The payload is not JSON.") from error


def _is_deep(body: bytes) -> bool:
    """Counts open brackets outside of texts, before any parser sees them."""
    depth, inside, escaped = 0, False, False
    for byte in body:
        if inside:
            if escaped:
                escaped = False
            elif byte == 0x5C:
                escaped = True
            elif byte == 0x22:
                inside = False
        elif byte == 0x22:
            inside = True
        elif byte in (0x5B, 0x7B):
            depth += 1
            if depth > MAX_DEPTH:
                return True
        elif byte in (0x5D, 0x7D):
            depth -= 1
    return False


def _answer(status: int, body: dict[str, Any]) -> HttpResponse:
    return HttpResponse(orjson.dumps(body), status=status, content_type="application/json")
