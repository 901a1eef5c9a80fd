"""What every page of the hub shares: sign-in, tenant, role, the theme's context, paging."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, TypeVar
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import admin, messages
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.safestring import SafeString
from django.views.generic import View

from integrations.models import Integration
from live.feed import last_seq_of, sync_room
from workspace.access import Action, may
from workspace.models import Tenant

M = TypeVar("M", bound=Model)

PAGE_SIZE = 50


class HubView(View):
    """A page under ``/admin/hub/``. ``action`` is what a member must be allowed to open it.

    A stranger is sent to the log-in, a member without the right gets 403, and another tenant's object is 404,
    because every look-up goes through ``self.tenant``.
    """

    action: ClassVar[str] = Action.VIEW
    title: ClassVar[str] = ""
    template_name: ClassVar[str] = ""
    #: live events that make the page fetch itself anew
    live_on: ClassVar[tuple[str, ...]] = ()
    tenant: Tenant
    #: the room's last event before anything was read: what happens while the page is made is then told to it
    live_after: int = 0

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not request.user.is_authenticated or not request.user.is_active:
            return redirect_to_login(request.get_full_path(), reverse("admin:login"))
        tenant: Tenant | None = getattr(request, "tenant", None)
        if tenant is None:
            return self.render("hub/no_tenant.html", {"title": "No workspace yet"}, status=403)
        self.tenant = tenant
        if not self.may(self.action):
            raise PermissionDenied(f"Your role in {tenant} does not include this.")
        if self.live_on:
            self.live_after = last_seq_of(sync_room(tenant.pk))
        return super().dispatch(request, *args, **kwargs)

    def may(self, action: str) -> bool:
        return may(self.request.user, self.tenant, action)

    def rights(self) -> dict[str, bool]:
        """What the page may offer; templates leave out what is false."""
        return {action.value: self.may(action) for action in Action}

    def render(
        self, template: str = "", context: dict[str, Any] | None = None, *, status: int = 200
    ) -> TemplateResponse:
        request = self.request
        request.current_app = admin.site.name
        full: dict[str, Any] = {**admin.site.each_context(request), "title": self.title}
        tenant = getattr(self, "tenant", None)
        if tenant is not None:
            full |= {"tenant": tenant, "may": self.rights()}
            if self.live_on:
                full |= {
                    "live_room": sync_room(tenant.pk),
                    "live_after": self.live_after,
                    "live_on": " ".join(self.live_on),
                }
        return TemplateResponse(
            request, template or self.template_name, full | (context or {}), status=status
        )

    # -- look-ups within the tenant -------------------------------------------------------------------------

    def integration(self, pk: UUID) -> Integration:
        row = (
            Integration.objects.for_tenant(self.tenant)
            .select_related("owner", "tenant", "created_by")
            .filter(pk=pk)
            .first()
        )
        if row is None:
            raise Http404("There is no such integration.")
        return row

    def one(self, rows: QuerySet[M], **by: Any) -> M:
        """The tenant's row, or 404."""
        found = rows.filter(tenant=self.tenant, **by).first()
        if found is None:
            raise Http404("It does not exist, or no longer.")
        return found

    # -- answers -------------------------------------------------------------------------------------------

    def back(self, default: str) -> HttpResponseRedirect:
        """Where the form came from (same site only), else ``default``."""
        wanted = self.request.POST.get("next") or self.request.GET.get("next") or ""
        if wanted and url_has_allowed_host_and_scheme(
            wanted, allowed_hosts={self.request.get_host()}, require_https=self.request.is_secure()
        ):
            return HttpResponseRedirect(wanted)
        return HttpResponseRedirect(default)

    def say(self, message: str, level: str = "success") -> None:
        getattr(messages, level)(self.request, message)


class HubAction(HubView):
    """A POST that does one thing and goes back. Works without scripts."""

    http_method_names = ["post", "options"]


def forbidden(message: str) -> PermissionDenied:
    return PermissionDenied(message)


# -- keyset paging -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class KeysetPage:
    """Rows newest first, and the queries of the neighbouring pages ("" where there is none)."""

    rows: Sequence[Any]
    newer: str = ""
    older: str = ""

    @property
    def is_first(self) -> bool:
        return not self.newer

    def __iter__(self) -> Any:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)


def keyset(
    rows: QuerySet[Any],
    request: HttpRequest,
    *,
    size: int = PAGE_SIZE,
    read: Callable[[str], Any] = int,
) -> KeysetPage:
    """One page by primary key, descending; ids rise with time. ``?before=`` goes to older, ``?after=`` to newer.

    A cursor that cannot be read gives the first page.
    """
    before, after = (_read(read, request.GET.get(name, "")) for name in ("before", "after"))
    if after is not None:
        found = list(rows.filter(pk__gt=after).order_by("pk")[: size + 1])
        has_newer, page = len(found) > size, list(reversed(found[:size]))
        has_older = True
    else:
        limited = rows.filter(pk__lt=before) if before is not None else rows
        found = list(limited.order_by("-pk")[: size + 1])
        has_older, page = len(found) > size, found[:size]
        has_newer = before is not None
    link = partial(_cursor_query, request)
    return KeysetPage(
        page,
        newer=link("after", page[0].pk) if page and has_newer else "",
        older=link("before", page[-1].pk) if page and has_older else "",
    )


def _read(read: Callable[[str], Any], text: str) -> Any:
    try:
        return read(text) if text else None
    except ValueError:
        return None


def _cursor_query(request: HttpRequest, name: str, value: Any) -> str:
    kept = [
        (key, each)
        for key, values in request.GET.lists()
        if key not in ("before", "after")
        for each in values
    ]
    return "?" + urlencode([*kept, (name, str(value))])


def filter_words(request: HttpRequest, labels: dict[str, str]) -> list[tuple[str, str]]:
    """The filters in force as (label, value), for "nothing matches"."""
    return [(label, request.GET[name]) for name, label in labels.items() if request.GET.get(name)]


def as_number(text: str, default: int = -1) -> int:
    """A whole number as a form sends it; ``default`` for anything else, be it digits of another script."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 9 else default


def as_uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except (ValueError, AttributeError):
        return None


__all__ = [
    "Action", "HttpResponse", "HubAction", "HubView", "KeysetPage", "SafeString", "as_number", "as_uuid", "filter_words", "forbidden",
    "keyset",
]  # fmt: skip
