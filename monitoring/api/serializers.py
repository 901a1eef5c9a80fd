"""Shapes of the alerts' API. Input and output are apart; none has a side effect."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from monitoring.catalogue import PRESETS, spec_of
from monitoring.models import Alert, AlertRule, Channel, Metric, Notification, Severity
from workspace.models import Role


class AlertOut(serializers.ModelSerializer[Alert]):
    integration_name = serializers.CharField(source="integration.name", read_only=True, default=None)
    unit = serializers.SerializerMethodField()
    acknowledged_by = serializers.CharField(source="acknowledged_by.username", read_only=True, default=None)
    resolved_by = serializers.CharField(source="resolved_by.username", read_only=True, default=None)

    class Meta:
        model = Alert
        fields: tuple[str, ...] = (
            "id", "rule", "name", "metric", "severity", "integration", "integration_name", "state", "value", "threshold",
            "unit", "since", "fired_at", "reopened", "acknowledged_at", "acknowledged_by", "resolved_at", "resolved_by",
            "note", "last_notified_at",
        )  # fmt: skip
        read_only_fields = fields

    def get_unit(self, alert: Alert) -> str:
        return spec_of(alert.metric).unit


class NotificationOut(serializers.ModelSerializer[Notification]):
    class Meta:
        model = Notification
        fields = ("channel", "reason", "recipient", "state", "error", "created_at", "tried_at")
        read_only_fields = fields


class AlertDetail(AlertOut):
    notifications = NotificationOut(many=True, read_only=True)

    class Meta(AlertOut.Meta):
        fields = (*AlertOut.Meta.fields, "notifications")
        read_only_fields = fields


class AlertResolveIn(serializers.Serializer[Any]):
    note = serializers.CharField(required=False, allow_blank=True, max_length=300, default="")


class AlertRuleOut(serializers.ModelSerializer[AlertRule]):
    class Meta:
        model = AlertRule
        fields = (
            "id", "name", "preset", "metric", "threshold", "window_minutes", "hold_minutes", "integration", "severity",
            "channels", "recipients", "roles", "cooldown_minutes", "mute_from", "mute_to", "enabled", "fault",
            "evaluated_at", "created_at", "updated_at",
        )  # fmt: skip
        read_only_fields = fields


class AlertRuleIn(serializers.Serializer[Any]):
    """What is left out keeps its value; in a new rule it is the preset's."""

    name = serializers.CharField(max_length=120, required=False)
    metric = serializers.ChoiceField(choices=Metric.choices, required=False)
    threshold = serializers.FloatField(required=False)
    window_minutes = serializers.IntegerField(required=False)
    hold_minutes = serializers.IntegerField(required=False)
    integration = serializers.UUIDField(required=False, allow_null=True, help_text="None: every integration.")
    severity = serializers.ChoiceField(choices=Severity.choices, required=False)
    channels = serializers.ListField(child=serializers.ChoiceField(choices=Channel.choices), required=False)
    recipients = serializers.ListField(child=serializers.EmailField(), required=False)
    roles = serializers.ListField(child=serializers.ChoiceField(choices=Role.choices), required=False)
    cooldown_minutes = serializers.IntegerField(required=False)
    mute_from = serializers.TimeField(required=False, allow_null=True)
    mute_to = serializers.TimeField(required=False, allow_null=True)
    enabled = serializers.BooleanField(required=False)


class AlertRuleNew(AlertRuleIn):
    preset = serializers.ChoiceField(
        choices=[(preset.key, preset.name) for preset in PRESETS], required=False, write_only=True
    )
