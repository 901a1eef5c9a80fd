"""Switching between tenants."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
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
