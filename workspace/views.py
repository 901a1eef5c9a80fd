"""Switching between tenants, and the page of a locked-out log-in."""

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
    page = TemplateResponse(request, "admin/locked_out.html", context, status=settings.AXES_HTTP_RESPONSE_CODE)
    page["Retry-After"] = str(round(wait.total_seconds()))
    return page.render()
