"""Switching between tenants, and the pages that say why there is no page."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.contrib import admin
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

from .access import SESSION_KEY, tenant_named


@login_required
@require_POST
def switch_tenant(request: HttpRequest) -> HttpResponse:
    """Remember the tenant in the session and go back; 404 for one that is not the user's."""
    tenant = tenant_named(request.user, request.POST.get("tenant", ""))
    if tenant is None:
        raise Http404("There is no such tenant.")
    request.session[SESSION_KEY] = str(tenant.pk)
    back = request.POST.get("next", "")
    if not url_has_allowed_host_and_scheme(back, {request.get_host()}, request.is_secure()):
        back = reverse("admin:index")
    return HttpResponseRedirect(back)


def locked_out(
    request: HttpRequest, original_response: HttpResponse | None = None, credentials: Any = None
) -> HttpResponse:
    """What django-axes answers while a name is locked out from an address."""
    wait = timedelta(hours=settings.AXES_COOLOFF_TIME)
    context = {
        **admin.site.each_context(request),
        "title": "Too many attempts",
        "minutes": round(wait.total_seconds() / 60),
    }
    page = TemplateResponse(
        request, "admin/locked_out.html", context, status=settings.AXES_HTTP_RESPONSE_CODE
    )
    page["Retry-After"] = str(round(wait.total_seconds()))
    return page.render()


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """The project's page for 404; what belongs to another tenant looks the same as what never was."""
    return _problem(
        request,
        "Not here",
        "There is nothing at this address, or it is not in the workspace you are in.",
        status=404,
    )


def not_allowed(request: HttpRequest, exception: Exception) -> HttpResponse:
    """The project's page for 403."""
    return _problem(request, "Not allowed", str(exception) or "Your role does not include this.", status=403)


def _problem(request: HttpRequest, title: str, text: str, *, status: int) -> HttpResponse:
    context = {**admin.site.each_context(request), "title": title, "text": text}
    return TemplateResponse(request, "admin/problem.html", context, status=status).render()
