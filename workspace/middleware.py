"""``request.tenant``: the tenant whose pages the signed-in user sees (None without one)."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from .access import page_tenant


class TenantMiddleware:
    """After authentication; costs one query per request of a signed-in user, none for others."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        signed_in = hasattr(request, "user") and request.user.is_authenticated
        request.tenant = page_tenant(request) if signed_in else None  # type: ignore[attr-defined]
        return self.get_response(request)
