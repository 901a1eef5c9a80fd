"""Tenants and their members. Managers look after their own tenant; the platform operator after all."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.auth import get_user_model
from django.db.models import QuerySet
from django.http import Http404, HttpRequest
from unfold.admin import ModelAdmin
from unfold.widgets import UnfoldAdminTextInputWidget

from workspace.hooks import zone_hooks
from workspace.models import Membership, Role, Tenant

from .base import TenantAdmin, tenant_of


@admin.register(Tenant)
class TenantAdminPage(ModelAdmin):
    list_display = ("name", "slug", "time_zone", "created_at")
    search_fields = ("name", "slug")
    fields = ("name", "slug", "time_zone")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Tenant]:
        rows: QuerySet[Tenant] = super().get_queryset(request)
        if request.user.is_superuser:
            return rows
        tenant = getattr(request, "tenant", None)
        return rows.filter(pk=tenant.pk) if tenant else rows.none()

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return () if request.user.is_superuser else ("slug",)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """A tenant goes only with everything it holds: not by a click."""
        return False

    def save_model(self, request: HttpRequest, obj: Tenant, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        for hook in zone_hooks if "time_zone" in form.changed_data else ():
            hook(obj)

    def _get_obj_does_not_exist_redirect(self, request: HttpRequest, opts: Any, object_id: str) -> Any:
        raise Http404(f"There is no tenant {object_id}.")


class MembershipForm(forms.ModelForm):  # type: ignore[type-arg]
    """Whom: by user name or e-mail address, so that nobody browses other tenants' people."""

    tenant: Tenant
    by: Any  # who adds
    account = forms.CharField(
        label="User",
        help_text="User name or e-mail address.",
        widget=UnfoldAdminTextInputWidget,
        max_length=254,
    )

    class Meta:
        model = Membership
        fields = ("role",)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            del self.fields["account"]

    def clean_account(self) -> str:
        name: str = self.cleaned_data["account"].strip()
        users = get_user_model()._default_manager
        found = list(users.filter(username=name)[:1]) or list(
            users.filter(email__iexact=name).exclude(email="")[:2]
        )
        if len(found) != 1 or not may_add(self.by, found[0]):
            raise forms.ValidationError(
                "There is no account of that name. Ask the platform operator to make one."
            )
        if Membership.objects.filter(user=found[0], tenant=self.tenant).exists():
            raise forms.ValidationError(f"{found[0]} is a member already.")
        self.instance.user = found[0]
        return name

    def clean_role(self) -> str:
        role: str = self.cleaned_data["role"]
        if self.instance.pk and role != Role.MANAGER and is_last_manager(self.instance):
            raise forms.ValidationError("This is the last manager. Make somebody else a manager first.")
        return role


def may_add(by: Any, account: Any) -> bool:
    """A membership changes what its user's requests mean (the page that opens, the tenant left out of a request), so
    people who work elsewhere only come in through somebody who manages them there too, or the platform operator."""
    if by.is_superuser:
        return True
    managed = Membership.objects.filter(user=by, role=Role.MANAGER).values("tenant_id")
    elsewhere = Membership.objects.filter(user=account)
    return not account.is_superuser and (
        not elsewhere.exists() or elsewhere.filter(tenant_id__in=managed).exists()
    )


def is_last_manager(member: Membership) -> bool:
    stored = Membership.objects.filter(tenant_id=member.tenant_id, role=Role.MANAGER)
    return stored.filter(pk=member.pk).exists() and stored.count() == 1


@admin.register(Membership)
class MembershipAdmin(TenantAdmin):
    form = MembershipForm
    list_display = ("user", "role", "created_at")
    list_filter = ("role",)
    list_select_related = ("user",)
    search_fields = ("user__username", "user__first_name", "user__last_name", "user__email")
    exclude = ()

    def get_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return ("user", "role") if obj else ("account", "role")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return ("user",) if obj else ()

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, change, **kwargs)
        form.tenant, form.by = tenant_of(request), request.user
        return form

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if not obj.user.is_staff:  # members work in the admin
            obj.user.is_staff = True
            obj.user.save(update_fields=["is_staff"])

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        if is_last_manager(obj):
            self.message_user(
                request, f"{obj.user} stays: the last manager cannot be removed.", messages.ERROR
            )
            return
        super().delete_model(request, obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        for member in queryset:
            self.delete_model(request, member)
