"""An admin that cannot forget the tenant: lists, pages, choices and filters all show one tenant's rows."""

from __future__ import annotations

from typing import Any

from django.contrib.admin.filters import RelatedFieldListFilter
from django.db.models import ForeignKey, Model, QuerySet
from django.http import Http404, HttpRequest
from unfold.admin import ModelAdmin

from workspace.models import Tenant


def tenant_of(request: HttpRequest) -> Tenant:
    """The tenant of this page (see ``TenantMiddleware``); 404 without one."""
    tenant: Tenant | None = getattr(request, "tenant", None)
    if tenant is None:
        raise Http404("You belong to no tenant.")
    return tenant


def is_scoped(model: Any) -> bool:
    """Whether rows of this model belong to a tenant."""
    return any(field.name == "tenant" for field in model._meta.concrete_fields)


class TenantFilter(RelatedFieldListFilter):
    """A filter by a related row that offers the tenant's own rows only."""

    def field_choices(self, field: Any, request: HttpRequest, model_admin: Any) -> Any:
        related = field.related_model
        limit = {"tenant": tenant_of(request)}
        if any(one.name == "deleted_at" for one in related._meta.concrete_fields):
            limit["deleted_at__isnull"] = True  # type: ignore[assignment]
        return field.get_choices(include_blank=False, limit_choices_to=limit)


class TenantAdmin(ModelAdmin):
    """Base of every admin whose model has a ``tenant``. The tenant is set on saving, never chosen in a form."""

    list_per_page = 50
    show_full_result_count = False
    exclude: tuple[str, ...] = ("tenant",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        tenant = getattr(request, "tenant", None)
        rows: QuerySet[Any] = super().get_queryset(request)
        return rows.none() if tenant is None else rows.filter(tenant=tenant)

    def formfield_for_foreignkey(
        self, db_field: ForeignKey[Any, Any], request: HttpRequest, **kwargs: Any
    ) -> Any:
        related: Any = db_field.related_model
        if is_scoped(related):
            rows = kwargs.get("queryset")
            rows = related._default_manager.all() if rows is None else rows
            kwargs["queryset"] = rows.filter(tenant=tenant_of(request))
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest | None = None) -> bool:
        """No patterns from the address: matching one can be made to take for ever."""
        is_pattern = lookup.rsplit("__", 1)[-1] in ("regex", "iregex")
        return not is_pattern and bool(super().lookup_allowed(lookup, value, request))

    def get_list_filter(self, request: HttpRequest) -> list[Any]:
        return [self._scoped_filter(one) for one in super().get_list_filter(request)]

    def _scoped_filter(self, one: Any) -> Any:
        if not isinstance(one, str):
            return one
        field: Any = self.model._meta.get_field(one)
        return (one, TenantFilter) if field.is_relation and is_scoped(field.related_model) else one

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        if not change:
            obj.tenant = tenant_of(request)
        super().save_model(request, obj, form, change)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return getattr(request, "tenant", None) is not None and bool(super().has_add_permission(request))

    def _get_obj_does_not_exist_redirect(self, request: HttpRequest, opts: Any, object_id: str) -> Any:
        """Another tenant's object and one that never was look alike: 404."""
        raise Http404(f"There is no {opts.verbose_name} {object_id}.")

    def own(self, request: HttpRequest, object_id: str) -> Model:
        """The tenant's object of that id, else 404."""
        found: Model | None = self.get_object(request, object_id)
        if found is None:
            raise Http404(f"There is no {self.opts.verbose_name} {object_id}.")
        return found
