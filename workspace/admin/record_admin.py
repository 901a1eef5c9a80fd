"""The admin of one record type: everything it writes goes through ``workspace.services``."""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from typing import Any

from django.contrib import messages
from django.contrib.admin import SimpleListFilter, action, display
from django.core.exceptions import PermissionDenied
from django.db.models import ForeignKey, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST

from live.feed import last_seq_of, sync_room
from workspace.comments import comment_add
from workspace.fields import SetField
from workspace.kinds import record_spec
from workspace.models import Membership, OriginKind, Record
from workspace.panels import ICONS, Badge, actions_for, badges_for, panels_for
from workspace.services import (
    InvalidRecord,
    Origin,
    RecordMissing,
    StaleRevision,
    record_create,
    record_delete,
    record_restore,
    record_revert_field,
    record_update,
)

from .base import TenantAdmin, tenant_of
from .forms import RecordForm, record_type_field, set_form_field
from .history import before_of, timeline
from .stale import explain


class DeletedFilter(SimpleListFilter):
    """Deleted records are kept, and hidden unless asked for."""

    title = "deleted"
    parameter_name = "deleted"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("yes", "Deleted only"), ("all", "Deleted too")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() == "yes":
            return queryset.filter(deleted_at__isnull=False)
        return queryset if self.value() == "all" else queryset.filter(deleted_at__isnull=True)


class RecordAdmin(TenantAdmin):
    form = RecordForm
    exclude = ("tenant", "created_at", "updated_at")
    actions = ("restore_selected",)
    list_filter_submit = True
    change_form_before_template = "workspace/record_form_top.html"
    change_form_outer_after_template = "workspace/record_panels.html"

    class Media:
        css = {"all": ("workspace/records.css",)}
        js = ("live/live.js", "workspace/record.js")

    # ------------------------------------------------------------ lists

    def get_list_display(self, request: HttpRequest) -> list[Any]:
        return [*super().get_list_display(request), "sync_state", "updated_at"]

    def get_list_filter(self, request: HttpRequest) -> list[Any]:
        return [*super().get_list_filter(request), DeletedFilter]

    def get_list_select_related(self, request: HttpRequest) -> list[str]:
        return [name for name in self.list_display if name in self._reference_names()]

    def _reference_names(self) -> set[str]:
        fields = self.model._meta.concrete_fields
        return {field.name for field in fields if isinstance(field, ForeignKey)}

    def get_autocomplete_fields(self, request: HttpRequest) -> list[str]:
        return sorted(name for name, spec in self._spec().values.items() if name in self._reference_names())

    def _spec(self) -> Any:
        return record_spec(self.model.record_type)

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        if request.resolver_match and request.resolver_match.url_name == "autocomplete":
            queryset = queryset.filter(deleted_at__isnull=True)
        found: tuple[Any, bool] = super().get_search_results(request, queryset, search_term)
        return found

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """The page's badges are asked for once, for all its rows."""
        page = super().get_changelist_instance(request)
        badges = badges_for(self.model.record_type, [record.pk for record in page.result_list])
        for record in page.result_list:
            record.sync_badges = badges[record.pk]
        return page

    @display(description="Sync")
    def sync_state(self, record: Any) -> SafeString:
        return badges_html(record, getattr(record, "sync_badges", []))

    # ------------------------------------------------------------ the form

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        names = [name for name in self._spec().fields if name not in ("rank", "external_sync_enabled")]
        return [(None, {"fields": names}), ("Sync", {"fields": ["external_sync_enabled"]})]

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, change, **kwargs)
        form.request = request
        return form

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if isinstance(db_field, SetField):
            return set_form_field(db_field, tenant_of(request))
        if db_field.name == "on_type":
            return record_type_field(db_field)
        return super().formfield_for_dbfield(db_field, request, **kwargs)

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "user":
            members = Membership.objects.filter(tenant=tenant_of(request)).values("user_id")
            kwargs["queryset"] = db_field.related_model._default_manager.filter(pk__in=members)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """A deleted record can be read and restored, not edited."""
        alive = obj is None or obj.deleted_at is None
        return alive and bool(super().has_change_permission(request, obj))

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: Any = None,
    ) -> Any:
        """Saves; what the services refuse comes back as errors in the form, with the person's input kept."""
        try:
            return super().changeform_view(request, object_id, form_url, extra_context)
        except InvalidRecord as refused:
            request.record_errors = refused.errors  # type: ignore[attr-defined]
            return super().changeform_view(request, object_id, form_url, extra_context)
        except RecordMissing as missing:
            raise Http404(str(missing)) from missing
        except _StaleForm as late:
            notice, overlay = explain(late.stale, late.form, late.revision)
            again = copy(request)
            again.method = "GET"
            again.record_overlay = overlay  # type: ignore[attr-defined]
            context = {**(extra_context or {}), "stale_notice": notice}
            response = super().changeform_view(again, object_id, form_url, context)
            response.status_code = 409
            return response

    def render_change_form(self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any) -> Any:
        record = context.get("original")
        if record is not None:
            tenant = tenant_of(request)
            room = sync_room(tenant.pk)
            context |= {
                "record": record,
                "badges_html": badges_html(
                    record, badges_for(record.record_type, [record.pk])[record.pk], detailed=True
                ),
                "record_panels": panels_for(request, record),
                "record_actions": actions_for(request, record),
                "can_restore": record.deleted_at is not None and self.has_delete_permission(request, record),
                "live_room": room,
                "live_after": last_seq_of(room),
                "record_urls": {
                    name: self._url(name, record) for name in ("restore", "act", "badges", "history")
                },
            }
        return super().render_change_form(request, context, *args, **kwargs)

    def _url(self, name: str, record: Record) -> str:
        return reverse(f"admin:workspace_{self.opts.model_name}_{name}", args=[record.pk])

    # ------------------------------------------------------------ writing

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        tenant, values = tenant_of(request), form.changed_values()
        if not change:
            saved = record_create(
                tenant=tenant, record_type=obj.record_type, values=values, origin=origin_of(request),
                now=timezone.now(), record_id=obj.pk,
            )  # fmt: skip
        else:
            expected = form.cleaned_data.get("expected_revision")
            try:
                saved = record_update(
                    tenant=tenant, record_type=obj.record_type, record_id=obj.pk, values=values,
                    origin=origin_of(request), now=timezone.now(), expected_revision=expected,
                )  # fmt: skip
            except StaleRevision as stale:
                raise _StaleForm(stale, form, expected if expected is not None else obj.revision) from stale
        obj.__dict__.update(saved.__dict__)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Records have no related rows of their own."""

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        _delete(request, obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        for record in queryset:
            _delete(request, record)

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """Deleting keeps the row and takes nothing else with it."""
        names = [str(record) for record in objs]
        allowed = self.has_delete_permission(request)
        missing = set() if allowed else {self.opts.verbose_name}
        return names, {self.opts.verbose_name_plural: len(names)}, missing, []

    @action(description="Restore selected", permissions=["delete"])
    def restore_selected(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        restored = 0
        for record in queryset.filter(deleted_at__isnull=False):
            _restore(request, record)
            restored += 1
        self.message_user(request, f"{restored} restored.", messages.SUCCESS)

    def get_actions(self, request: HttpRequest) -> Any:
        found = super().get_actions(request)
        for one in actions_for(request):
            found[f"record_{one.key}"] = (_bulk(one), f"record_{one.key}", one.label)
        return found

    # ------------------------------------------------------------ further pages

    def get_urls(self) -> list[URLPattern]:
        own: list[tuple[str, Callable[..., HttpResponse]]] = [
            ("restore", require_POST(self.restore_view)),
            ("revert", require_POST(self.revert_view)),
            ("act", require_POST(self.act_view)),
            ("comment", require_POST(self.comment_view)),
            ("badges", self.badges_view),
        ]
        name = self.opts.model_name
        made = [
            path(f"<path:object_id>/{key}/", self.admin_site.admin_view(view), name=f"workspace_{name}_{key}")
            for key, view in own
        ]
        return [*made, *super().get_urls()]

    def _visible(self, request: HttpRequest, object_id: str) -> Any:
        record = self.own(request, object_id)
        if not self.has_view_permission(request, record):
            raise PermissionDenied
        return record

    def history_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        record = self._visible(request, object_id)
        can_edit = self.has_change_permission(request, record)
        context = {
            **self.admin_site.each_context(request),
            "title": f"History of {record}",
            "record": record,
            "opts": self.opts,
            "timeline": timeline(record, tenant_of(request), before=before_of(request), can_edit=can_edit),
            "revert_url": self._url("revert", record),
            "change_url": self._url("change", record),
            **(extra_context or {}),
        }
        return TemplateResponse(request, "workspace/record_history.html", context)

    def revert_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        record = self._visible(request, object_id)
        if not self.has_change_permission(request, record):
            raise PermissionDenied
        change, field = request.POST.get("change", ""), request.POST.get("field", "")
        if not (change.isascii() and change.isdigit() and len(change) < 19):
            raise Http404("There is no such change.")
        try:
            record_revert_field(
                tenant=tenant_of(request), record_type=record.record_type, record_id=record.pk, change_id=int(change),
                field=field, origin=origin_of(request, note=f"Reverted change {change}"), now=timezone.now(),
            )  # fmt: skip
            self.message_user(request, "The field has its earlier value again.", messages.SUCCESS)
        except RecordMissing as missing:
            raise Http404(str(missing)) from missing
        except InvalidRecord as refused:
            self.message_user(request, f"Not reverted. {refused}", messages.ERROR)
        except StaleRevision as later:
            said = f"Not reverted, so that a later edit is not lost: {later}."
            self.message_user(request, said, messages.ERROR)
        return HttpResponseRedirect(self._url("history", record))

    def restore_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        record = self._visible(request, object_id)
        if not self.has_delete_permission(request, record):
            raise PermissionDenied
        _restore(request, record)
        self.message_user(request, f"{record} is back.", messages.SUCCESS)
        return HttpResponseRedirect(self._url("change", record))

    def act_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        record = self._visible(request, object_id)
        wanted = request.POST.get("action", "")
        chosen = next((one for one in actions_for(request, record) if one.key == wanted), None)
        if chosen is None:
            raise PermissionDenied
        run_action(request, chosen, [record])
        return HttpResponseRedirect(self._url("change", record))

    def comment_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        record = self._visible(request, object_id)
        if not self.has_change_permission(request, record) or record.deleted_at is not None:
            raise PermissionDenied
        body = request.POST.get("body", "")
        try:
            comment_add(
                tenant=tenant_of(request),
                record=record,
                body=body,
                origin=origin_of(request),
                now=timezone.now(),
            )
        except InvalidRecord as refused:
            said = " ".join(message for messages_ in refused.errors.values() for message in messages_)
            self.message_user(request, f"The comment was not saved. {said}", messages.ERROR)
        return HttpResponseRedirect(self._url("change", record) + "#comments")

    def badges_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        record = self._visible(request, object_id)
        found = badges_for(record.record_type, [record.pk])[record.pk]
        return HttpResponse(badges_html(record, found, detailed=True))


class _StaleForm(Exception):
    def __init__(self, stale: StaleRevision, form: RecordForm, revision: int) -> None:
        super().__init__(str(stale))
        self.stale, self.form, self.revision = stale, form, revision


def origin_of(request: HttpRequest, note: str = "") -> Origin:
    """A person at work in the admin."""
    correlation = str(getattr(request, "correlation_id", "") or "")[:64]
    return Origin(kind=OriginKind.USER, user=request.user, correlation_id=correlation, note=note)  # type: ignore[arg-type]


def badges_html(record: Record, badges: list[Badge], *, detailed: bool = False) -> SafeString:
    shown = badges or [
        Badge("Not synced", reason="" if record.external_sync_enabled else "Switched off here.")
    ]
    context = {"badges": [(badge, ICONS.get(badge.kind, "remove")) for badge in shown], "detailed": detailed}
    return render_to_string("workspace/badges.html", context)


def run_action(request: HttpRequest, chosen: Any, records: list[Any]) -> None:
    try:
        messages.success(request, chosen.run(request, records))
    except ValueError as refused:
        messages.error(request, str(refused))


def _bulk(chosen: Any) -> Callable[[Any, HttpRequest, QuerySet[Any]], None]:
    def run(model_admin: Any, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        records = [record for record in queryset if chosen.applies(request, record)]
        if records:
            run_action(request, chosen, records)
        else:
            messages.warning(request, f"{chosen.label}: it applies to none of these.")

    return run


def _delete(request: HttpRequest, record: Any) -> None:
    record_delete(
        tenant=tenant_of(request), record_type=record.record_type, record_id=record.pk, origin=origin_of(request),
        now=timezone.now(),
    )  # fmt: skip


def _restore(request: HttpRequest, record: Any) -> None:
    record_restore(
        tenant=tenant_of(request), record_type=record.record_type, record_id=record.pk, origin=origin_of(request),
        now=timezone.now(),
    )  # fmt: skip
