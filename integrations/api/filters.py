"""Filters of the lists; an unknown value is a 400 with the field's name."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import django_filters as filters  # type: ignore[import-untyped]
from django.core.exceptions import ValidationError
from django.db.models import Q, QuerySet
from django.utils.dateparse import parse_datetime

from integrations.models import Integration, Mapping, SyncJob, SyncLog, WebhookDelivery


def instant_of(text: str) -> datetime | None:
    """A time with its zone; None for anything else, and for times that no calendar here can reckon with."""
    try:
        found = parse_datetime(text)
    except ValueError:
        return None
    return found if found is not None and found.tzinfo is not None and is_reckonable(found) else None


def is_reckonable(moment: datetime) -> bool:
    """False near both ends of the calendar, where another zone or a month's difference falls off it."""
    try:
        return 2 <= moment.astimezone(UTC).year <= 9998
    except (OverflowError, ValueError):
        return False


class InstantFilter(filters.IsoDateTimeFilter):
    """``since`` and ``until`` of the lists."""

    class field_class(filters.IsoDateTimeFilter.field_class):
        def clean(self, value: Any) -> Any:
            found = super().clean(value)
            if found is not None and not is_reckonable(found):
                raise ValidationError("This time is out of range.")
            return found


class IntegrationFilter(filters.FilterSet):
    type = filters.CharFilter(field_name="connector")
    q = filters.CharFilter(field_name="name", lookup_expr="icontains")

    class Meta:
        model = Integration
        fields = ["status"]


class MappingFilter(filters.FilterSet):
    integration = filters.UUIDFilter(field_name="integration_id")
    config_id = filters.UUIDFilter(field_name="integration_id")  # S2's name
    record_id = filters.UUIDFilter()
    external_id = filters.CharFilter()
    is_dead = filters.BooleanFilter()

    class Meta:
        model = Mapping
        fields = ["resource", "record_type", "state"]


class JobFilter(filters.FilterSet):
    integration = filters.UUIDFilter(field_name="integration_id")
    status = filters.MultipleChoiceFilter(choices=SyncJob._meta.get_field("status").choices)

    class Meta:
        model = SyncJob
        fields = ["kind"]


class LogFilter(filters.FilterSet):
    integration = filters.UUIDFilter(field_name="integration_id")
    config_id = filters.UUIDFilter(field_name="integration_id")  # S2's name
    job = filters.UUIDFilter(field_name="job_id")
    mapping = filters.UUIDFilter(field_name="mapping_id")
    record_id = filters.UUIDFilter()
    correlation_id = filters.CharFilter()
    since = InstantFilter(field_name="created_at", lookup_expr="gte")
    until = InstantFilter(field_name="created_at", lookup_expr="lte")
    q = filters.CharFilter(method="search")

    class Meta:
        model = SyncLog
        fields = ["status", "operation", "direction", "method", "resource", "error_code"]

    def search(self, rows: QuerySet[SyncLog], name: str, value: Any) -> QuerySet[SyncLog]:
        return rows.filter(Q(message__icontains=value) | Q(external_id=value))


class DeliveryFilter(filters.FilterSet):
    integration = filters.UUIDFilter(field_name="integration_id")
    event = filters.CharFilter()
    since = InstantFilter(field_name="received_at", lookup_expr="gte")
    until = InstantFilter(field_name="received_at", lookup_expr="lte")

    class Meta:
        model = WebhookDelivery
        fields = ["status"]
