"""/metrics, for those who hold the token or come from an address on the list; without either it is not there."""

from __future__ import annotations

import ipaddress
import secrets

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from integrations.api.webhooks import client_address
from monitoring.metrics import HubCollector


@require_safe
@never_cache
def metrics(request: HttpRequest) -> HttpResponse:
    """Where both a token and a list are set, both must hold."""
    if not settings.LOCKSTEP_METRICS_TOKEN and not settings.LOCKSTEP_METRICS_ALLOW:
        raise Http404("Neither LOCKSTEP_METRICS_TOKEN nor LOCKSTEP_METRICS_ALLOW is set.")
    if settings.LOCKSTEP_METRICS_ALLOW and not _comes_from_the_list(request):
        return HttpResponse("This address is not on the list.\n", status=403, content_type="text/plain")
    if settings.LOCKSTEP_METRICS_TOKEN and not _holds_the_token(request):
        refusal = HttpResponse("A bearer token is needed.\n", status=401, content_type="text/plain")
        refusal["WWW-Authenticate"] = "Bearer"
        return refusal
    registry = CollectorRegistry(auto_describe=False)
    registry.register(HubCollector(timezone.now()))
    return HttpResponse(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


def _comes_from_the_list(request: HttpRequest) -> bool:
    try:
        address = ipaddress.ip_address(client_address(request))
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    return any(address in network for network in settings.LOCKSTEP_METRICS_ALLOW)


def _holds_the_token(request: HttpRequest) -> bool:
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    is_same = secrets.compare_digest(given.strip().encode(), settings.LOCKSTEP_METRICS_TOKEN.encode())
    return scheme.casefold() == "bearer" and is_same
