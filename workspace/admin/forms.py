"""The form of a record: its fields, its sets with names, and the revision that was seen."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from django import forms
from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse
from unfold.widgets import UnfoldAdminSelectWidget

from workspace.kinds import record_spec
from workspace.models import RECORD_TYPES, Label, Record, Tenant

#: labels offered for choice; others can still be typed
OFFERED = 300


class RecordForm(forms.ModelForm):  # type: ignore[type-arg]
    """``request`` is set on the class by the admin; ``overlay`` is what a person entered before a stale save."""

    request: HttpRequest
    expected_revision = forms.IntegerField(required=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        overlay: Mapping[str, Any] | None = getattr(self.request, "record_overlay", None)
        if overlay is not None:
            kwargs["initial"] = {**(kwargs.get("initial") or {}), **overlay}
        super().__init__(*args, **kwargs)
        self.initial["expected_revision"] = self.instance.revision if self.instance.pk else None

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        refused: Mapping[str, list[str]] = getattr(self.request, "record_errors", {})
        for name, sentences in refused.items():
            self.add_error(name if name in self.fields else None, list(sentences))
        return cleaned

    def changed_values(self) -> dict[str, Any]:
        """What the person changed, by field name, for the services."""
        fields = record_spec(type(self.instance).record_type).fields
        return {name: self.cleaned_data.get(name) for name in self.changed_data if name in fields}


class SetFormField(forms.MultipleChoiceField):
    """A set of texts; any text may be a member, the services say what is wrong with it."""

    def valid_value(self, value: Any) -> bool:
        return True

    def has_changed(self, initial: Any, data: Any) -> bool:
        return {str(one) for one in initial or ()} != {str(one) for one in data or ()}


class TagsWidget(forms.SelectMultiple):
    """Chosen texts as tags; new ones can be typed."""

    def __init__(self, attrs: dict[str, Any] | None = None, choices: Iterable[Any] = ()) -> None:
        base = {"class": "unfold-admin-autocomplete", "data-theme": "admin-autocomplete", "data-tags": "true"}
        super().__init__({**base, "data-token-separators": '[","]', **(attrs or {})}, choices)

    def optgroups(self, name: str, value: list[str], attrs: dict[str, Any] | None = None) -> Any:
        known = {str(key) for key, _ in self.choices}
        self.choices = [*self.choices, *((one, one) for one in value if one not in known)]
        return super().optgroups(name, value, attrs)

    class Media:
        extra = "" if settings.DEBUG else ".min"
        js = (
            f"admin/js/vendor/jquery/jquery{extra}.js",
            "admin/js/vendor/select2/select2.full.js",
            "admin/js/jquery.init.js",
            "unfold/js/select2.init.js",
        )
        css = {"screen": ("admin/css/vendor/select2/select2.css", "admin/css/autocomplete.css")}


class PeopleWidget(forms.SelectMultiple):
    """Records by name, found by typing; only those chosen are loaded with the page."""

    def __init__(self, tenant: Tenant, target: str, source: tuple[str, str]) -> None:
        self.tenant, self.target, self.source = tenant, target, source
        super().__init__({"class": "admin-autocomplete", "data-theme": "admin-autocomplete"})

    def build_attrs(self, base_attrs: Any, extra_attrs: Any = None) -> dict[str, Any]:
        model, field = self.source
        return {
            **super().build_attrs(base_attrs, extra_attrs),
            "data-ajax--cache": "true",
            "data-ajax--delay": 250,
            "data-ajax--type": "GET",
            "data-ajax--url": reverse("admin:autocomplete"),
            "data-app-label": "workspace",
            "data-model-name": model,
            "data-field-name": field,
            "data-allow-clear": "true",
            "data-placeholder": "",
        }

    def optgroups(self, name: str, value: list[str], attrs: dict[str, Any] | None = None) -> Any:
        names = titles(self.target, value, self.tenant)
        self.choices = [(one, names.get(one, f"{one} (not here any more)")) for one in value]
        return super().optgroups(name, value, attrs)

    class Media:
        extra = "" if settings.DEBUG else ".min"
        js = (
            f"admin/js/vendor/jquery/jquery{extra}.js",
            "admin/js/vendor/select2/select2.full.js",
            "admin/js/jquery.init.js",
            "admin/js/autocomplete.js",
        )
        css = {"screen": ("admin/css/vendor/select2/select2.css", "admin/css/autocomplete.css")}


#: a relation to the same type, whose autocomplete the widget borrows
_BORROWED = {"task": "reporter", "event": "organiser"}


def set_form_field(db_field: Any, tenant: Tenant) -> SetFormField:
    """The form field of a SetField: people by name, labels and tags as they are."""
    if db_field.of:
        model = db_field.model.record_type
        widget: forms.Widget = PeopleWidget(tenant, db_field.of, (model, _BORROWED[model]))
        return SetFormField(required=False, widget=widget, label=_label(db_field))
    return SetFormField(
        required=False,
        choices=_offered(db_field, tenant),
        widget=TagsWidget(),
        label=_label(db_field),
        help_text="Type a new one and press Enter or comma.",
    )


def _label(db_field: Any) -> str:
    return str(db_field.verbose_name).capitalize()


def _offered(db_field: Any, tenant: Tenant) -> list[tuple[str, str]]:
    if db_field.name != "labels":
        return []
    names: Any = Label._default_manager.filter(tenant=tenant, deleted_at__isnull=True).order_by("name")
    return [(name, name) for name in dict.fromkeys(names.values_list("name", flat=True)[:OFFERED])]


def record_type_field(db_field: Any) -> forms.ChoiceField:
    """The type of the record that a comment stands on."""
    choices = [("", "—"), *((key, str(model._meta.verbose_name)) for key, model in RECORD_TYPES.items())]
    return forms.ChoiceField(
        choices=choices, required=False, widget=UnfoldAdminSelectWidget(choices=choices), label="On"
    )


def titles(record_type: str, ids: Iterable[str], tenant: Tenant) -> dict[str, str]:
    """Names of the tenant's records, deleted ones too, by id; one query."""
    wanted = {one for one in ids if _is_uuid(one)}
    if not wanted:
        return {}
    model: type[Record] = RECORD_TYPES[record_type]
    rows = model._default_manager.filter(tenant=tenant, id__in=wanted).order_by()
    return {str(key): str(title) for key, title in rows.values_list("id", model.title_field)}


def _is_uuid(value: str) -> bool:
    try:
        UUID(value)
    except ValueError:
        return False
    return True
