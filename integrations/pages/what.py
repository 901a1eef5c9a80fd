"""The wizard's step “What and how”: where it is, which kinds as what, which way and when (UI 1 step 3)."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.http import HttpRequest

from connectors import registry
from integrations.models import Integration
from integrations.services.control import integration_update
from integrations.services.fieldmaps import record_type_keep, record_types
from integrations.services.problems import InvalidSettings
from integrations.services.validation import unpicked_problems

from .base import HubView
from .forms import BY_KEY, Group, Setting, bind, place_group, read, with_options
from .kinds import resources_of, type_choices
from .settings import offer_places, with_kinds
from .statuses import refresh_statuses

WHAT = Group(
    "what",
    "What and how",
    "",
    (
        *(each for each in BY_KEY["what"].settings if each.name != "record_filter"),
        *(each for each in BY_KEY["when"].settings if each.name == "sync_frequency"),
        *(
            each
            for each in BY_KEY["conflicts"].settings
            if each.name in ("conflict_strategy", "delete_policy")
        ),
    ),
)
#: names of the inputs that say what a kind is kept as
KEPT = "kept."
KEPT_HELP = (
    "Changing it starts the map over. Once records are paired it stays: a pair cannot change its type."
)


def what_save(view: HubView, request: HttpRequest, integration: Integration) -> None:
    """Take over the whole step or, with ``InvalidSettings`` by input, nothing of it; then read the statuses there are."""
    connector = registry.get(integration.connector)
    places, _ = read(place_group(connector), request.POST)
    values, errors = read(WHAT, request.POST)
    values |= with_options({k: v for k, v in places.items() if k in request.POST}, integration.options)
    errors |= unpicked_problems(connector, values.get("options", integration.options))
    if not errors and not values["resource_types"]:
        errors["resource_types"] = ["Choose at least one kind of record."]
    if errors:
        raise InvalidSettings(errors)
    with transaction.atomic():
        integration_update(integration=integration, user=request.user, **values)
        _keep_as(request, integration, request.user)
    for resource in resources_of(integration):
        refresh_statuses(view, integration, resource)


def _keep_as(request: HttpRequest, integration: Integration, user: Any) -> None:
    """What each kind is kept as, where the form says it. Raises ``InvalidSettings`` under the input's name."""
    for resource in resources_of(integration):
        if wanted := request.POST.get(KEPT + resource.name):
            try:
                record_type_keep(
                    integration=integration, resource=resource.name, record_type=wanted, user=user
                )
            except InvalidSettings as refused:
                said = [text for texts in refused.errors.values() for text in texts]
                raise InvalidSettings({KEPT + resource.name: said}) from refused


def what_page(view: HubView, integration: Integration, errors: Any) -> dict[str, Any]:
    data = view.request.POST if errors is not None else None
    group = place_group(registry.get(integration.connector))
    places = bind(group, integration, data=data, errors=errors)
    request = view.request
    offer_places(request, integration, places, home=request.path, is_wanted="type" not in request.GET)
    return {
        "bound": with_kinds(bind(WHAT, integration, data=data, errors=errors), integration),
        "place": group,
        "places": places,
        "kept": bind(kept_group(integration), None, data=data, errors=errors, defaults=kept_now(integration)),
    }


def kept_group(integration: Integration) -> Group:
    """What the kinds are kept as that fit several types of record."""
    resources = registry.get(integration.connector).resources_of(integration.options)
    settings = [
        Setting(KEPT + each.name, f"Keep each {each.label} as", "select", KEPT_HELP, type_choices(each))
        for each in resources
        if each.other_record_types
    ]
    return Group("kept", "Kept as", "", tuple(settings))


def kept_now(integration: Integration) -> dict[str, str]:
    return {KEPT + name: record_type for name, record_type in record_types(integration).items()}
