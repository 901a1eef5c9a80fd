"""Integrations, their tests, credentials and templates."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import get_user_model
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from connectors import registry
from connectors.base.connector import Connector
from connectors.base.types import SecretField
from integrations.badges import word_of
from integrations.health import Health, HealthStatus, Verdict
from integrations.models import (
    AuthType,
    ConflictStrategy,
    DeletePolicy,
    Integration,
    IntegrationStatus,
    IntegrationTemplate,
    SyncDirection,
    SyncFrequency,
)
from integrations.registrations import RegistrationState, registration_of
from integrations.services.credentials import credential_summary, webhook_url
from workspace.models import Membership


class CheckLine(serializers.Serializer[Any]):
    name = serializers.CharField()
    ok = serializers.BooleanField()
    detail = serializers.CharField(allow_blank=True)
    fix = serializers.CharField(allow_blank=True)


class CheckAnswer(serializers.Serializer[Any]):
    success = serializers.BooleanField()
    connection_status = serializers.ChoiceField(choices=["OK", "FAILED"])
    response_time = serializers.IntegerField(help_text="Milliseconds")
    api_version = serializers.CharField(allow_blank=True)
    credentials_valid = serializers.BooleanField(allow_null=True)
    account = serializers.CharField(allow_blank=True)
    missing_scopes = serializers.ListField(child=serializers.CharField())
    checks = CheckLine(many=True)
    checked_at = serializers.DateTimeField()


def check_answer(checked: dict[str, Any]) -> dict[str, Any]:
    """``CheckAnswer`` of a stored report."""
    return {
        "success": checked["ok"],
        "connection_status": "OK" if checked["ok"] else "FAILED",
        "response_time": checked["response_ms"],
        **{
            name: checked[name]
            for name in (
                "api_version",
                "credentials_valid",
                "account",
                "missing_scopes",
                "checks",
                "checked_at",
            )
        },
    }


class CredentialLine(serializers.Serializer[Any]):
    name = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]
    is_set = serializers.BooleanField()
    hint = serializers.CharField()
    source = serializers.CharField(allow_blank=True)  # type: ignore[assignment]


class IntegrationStats(serializers.Serializer[Any]):
    total_syncs = serializers.IntegerField()
    success_rate = serializers.FloatField(allow_null=True)
    pending_conflicts = serializers.IntegerField()
    last_error_count = serializers.IntegerField()
    mappings = serializers.IntegerField()
    dead_letters = serializers.IntegerField()


class HealthIndicator(serializers.Serializer[Any]):
    key = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]
    weight = serializers.FloatField()
    unit = serializers.ChoiceField(choices=["%", "ms", "s"])
    value = serializers.FloatField(allow_null=True, help_text="null: not measured, takes nothing.")
    verdict = serializers.ChoiceField(choices=[each.value for each in Verdict], allow_null=True)
    sentence = serializers.CharField()


class HealthOut(serializers.Serializer[Any]):
    score = serializers.IntegerField(help_text="0 to 100")
    status = serializers.ChoiceField(choices=[each.value for each in HealthStatus])
    indicators = HealthIndicator(many=True)


class IntegrationRow(serializers.ModelSerializer[Integration]):
    """As in the list. ``stats`` and ``healths`` come from the view, which reads them for all rows at once."""

    type = serializers.CharField(source="connector")
    word = serializers.SerializerMethodField()
    stats = serializers.SerializerMethodField()
    health = serializers.SerializerMethodField(
        help_text="null where too little was done in the last 24 hours for a score."
    )

    class Meta:
        model = Integration
        fields = [
            "id", "name", "type", "status", "status_reason", "word", "sync_direction", "sync_frequency", "auto_sync",
            "read_only", "environment", "tags", "last_sync_at", "last_success_at", "last_error_at", "last_error",
            "breaker_state", "webhook_silent_since", "version", "created_at", "updated_at", "stats", "health",
        ]  # fmt: skip

    def get_word(self, integration: Integration) -> str:
        return word_of(integration, self._health(integration)).word

    @extend_schema_field(HealthOut(allow_null=True))
    def get_health(self, integration: Integration) -> dict[str, Any] | None:
        health = self._health(integration)
        return None if health is None else dict(HealthOut(health).data)

    def _health(self, integration: Integration) -> Health | None:
        found: Health | None = self.context["healths"].get(integration.id)
        return found

    @extend_schema_field(IntegrationStats)
    def get_stats(self, integration: Integration) -> dict[str, Any]:
        found: dict[str, Any] = self.context["stats"][integration.id]
        return found


class IntegrationOut(IntegrationRow):
    """All settings; credentials only as "set, ends in …x9"."""

    webhook_endpoint = serializers.SerializerMethodField()
    webhook_state = serializers.SerializerMethodField()
    credentials = serializers.SerializerMethodField()
    owner = serializers.IntegerField(source="owner_id", allow_null=True)

    class Meta:
        model = Integration
        fields = [
            *IntegrationRow.Meta.fields, "base_url", "auth_type", "options", "resource_types", "sync_interval_seconds",
            "crontab", "conflict_strategy", "fallback_strategy", "merge_rules", "create_missing_locally",
            "create_missing_externally", "delete_policy", "delete_budget_count", "delete_budget_percent",
            "record_filter", "batch_size", "page_limit", "timeout_seconds", "retry_policy", "sync_windows",
            "ip_allow_list", "batch_fallback", "batch_fallback_seconds", "webhook_registration", "last_webhook_at",
            "webhook_endpoint", "webhook_state", "credentials", "owner",
        ]  # fmt: skip

    def get_webhook_endpoint(self, integration: Integration) -> str:
        return webhook_url(integration)

    @extend_schema_field(serializers.ChoiceField(choices=[each.value for each in RegistrationState]))
    def get_webhook_state(self, integration: Integration) -> str:
        return registration_of(integration).state

    @extend_schema_field(CredentialLine(many=True))
    def get_credentials(self, integration: Integration) -> list[dict[str, Any]]:
        return credential_summary(integration)


@extend_schema_field(OpenApiTypes.INT)
class MemberField(serializers.PrimaryKeyRelatedField[Any]):
    """A user of this tenant; others are not to be found."""

    def get_queryset(self) -> Any:
        view = self.context.get("view")
        tenant = getattr(view, "tenant", None)
        if tenant is None:
            return get_user_model()._default_manager.none()
        ids = Membership.objects.filter(tenant=tenant).values("user_id")
        return get_user_model()._default_manager.filter(id__in=ids)


class SettingsIn(serializers.Serializer[Any]):
    """Everything a person may set. Ranges and what fits together are the service's to check."""

    name = serializers.CharField(required=False, max_length=200)
    base_url = serializers.CharField(required=False, allow_blank=True, max_length=500)
    auth_type = serializers.ChoiceField(choices=AuthType.choices, required=False)
    options = serializers.DictField(required=False)
    resource_types = serializers.ListField(child=serializers.CharField(), required=False)
    sync_direction = serializers.ChoiceField(choices=SyncDirection.choices, required=False)
    sync_frequency = serializers.ChoiceField(choices=SyncFrequency.choices, required=False)
    sync_interval_seconds = serializers.IntegerField(required=False)
    crontab = serializers.CharField(required=False, allow_blank=True, max_length=120)
    auto_sync = serializers.BooleanField(required=False)
    read_only = serializers.BooleanField(required=False)  # type: ignore[assignment]
    conflict_strategy = serializers.ChoiceField(choices=ConflictStrategy.choices, required=False)
    fallback_strategy = serializers.ChoiceField(choices=ConflictStrategy.choices, required=False)
    merge_rules = serializers.DictField(required=False)
    create_missing_locally = serializers.BooleanField(required=False)
    create_missing_externally = serializers.BooleanField(required=False)
    delete_policy = serializers.ChoiceField(choices=DeletePolicy.choices, required=False)
    delete_budget_count = serializers.IntegerField(required=False)
    delete_budget_percent = serializers.IntegerField(required=False)
    record_filter = serializers.DictField(required=False)
    batch_size = serializers.IntegerField(required=False)
    page_limit = serializers.IntegerField(required=False)
    timeout_seconds = serializers.IntegerField(required=False)
    retry_policy = serializers.DictField(required=False)
    sync_windows = serializers.ListField(child=serializers.DictField(), required=False)
    ip_allow_list = serializers.ListField(child=serializers.CharField(), required=False)
    batch_fallback = serializers.BooleanField(required=False)
    batch_fallback_seconds = serializers.IntegerField(required=False)
    environment = serializers.CharField(required=False, allow_blank=True, max_length=40)
    tags = serializers.ListField(child=serializers.CharField(), required=False)
    owner = MemberField(required=False, allow_null=True)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """A misspelt setting is an error, not something to pass over."""
        given = self.initial_data if isinstance(self.initial_data, dict) else {}
        unknown = sorted(set(given) - set(self.fields))
        if unknown:
            raise serializers.ValidationError({name: ["There is no such setting."] for name in unknown})
        return attrs


CREDENTIALS_HELP = 'By name, as the connector lists them. A value is a text or {"env": "NAME"}.'


class IntegrationCreateIn(SettingsIn):
    name = serializers.CharField(max_length=200)
    type = serializers.CharField(max_length=40)
    credentials = serializers.DictField(required=False, help_text=CREDENTIALS_HELP)
    status = serializers.ChoiceField(
        choices=[("ACTIVE", "Active"), ("DRAFT", "Setup incomplete")],
        required=False,
        help_text="ACTIVE (the default) needs a passing connection test.",
    )


class IntegrationUpdateIn(SettingsIn):
    status = serializers.ChoiceField(
        choices=[IntegrationStatus.ACTIVE, IntegrationStatus.PAUSED, IntegrationStatus.DISABLED],
        required=False,
    )
    version = serializers.IntegerField(
        required=False, help_text="The version you edited; a newer one answers 409."
    )
    credentials = serializers.DictField(
        required=False, help_text=f"{CREDENTIALS_HELP} null clears; those not named stay."
    )


class DraftCheckIn(SettingsIn):
    type = serializers.CharField(max_length=40)
    credentials = serializers.DictField(required=False, help_text=CREDENTIALS_HELP)


class IntegrationCreated(serializers.Serializer[Any]):
    success = serializers.BooleanField()
    integration = IntegrationOut()
    webhook_secret = serializers.CharField(help_text="Shown this once.")


class IntegrationAnswer(serializers.Serializer[Any]):
    success = serializers.BooleanField()
    integration = IntegrationOut()


WITHDRAWN_HELP = "What became of the webhook at the vendor; empty where it had none of ours."


class IntegrationDisabled(IntegrationAnswer):
    webhook = serializers.CharField(allow_blank=True, help_text=WITHDRAWN_HELP)


class DeletedCounts(serializers.Serializer[Any]):
    integration = serializers.BooleanField()
    mappings = serializers.IntegerField()
    logs = serializers.IntegerField()
    conflicts = serializers.IntegerField()
    jobs = serializers.IntegerField()
    deliveries = serializers.IntegerField()


class IntegrationDeleted(serializers.Serializer[Any]):
    success = serializers.BooleanField()
    deleted = DeletedCounts()
    webhook = serializers.CharField(allow_blank=True, help_text=WITHDRAWN_HELP)


class CredentialsIn(serializers.Serializer[Any]):
    credentials = serializers.DictField(help_text=f"{CREDENTIALS_HELP} null clears; those not named stay.")


class CredentialsOut(serializers.Serializer[Any]):
    credentials = CredentialLine(many=True)


class SecretOut(serializers.Serializer[Any]):
    webhook_endpoint = serializers.CharField(allow_blank=True)
    webhook_secret = serializers.CharField(help_text="Shown this once.")


class CloneIn(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=200)


class ReasonIn(serializers.Serializer[Any]):
    reason = serializers.CharField(required=False, allow_blank=True, max_length=500, default="")


class ContainerOut(serializers.Serializer[Any]):
    id = serializers.CharField()
    name = serializers.CharField()
    kind = serializers.CharField()
    parent_id = serializers.CharField(allow_null=True)
    url = serializers.CharField(allow_blank=True)


class TemplateOut(serializers.ModelSerializer[IntegrationTemplate]):
    class Meta:
        model = IntegrationTemplate
        fields = ["id", "name", "connector", "description", "body"]


class TemplateUseIn(SettingsIn):
    name = serializers.CharField(max_length=200)
    type = serializers.CharField(max_length=40, required=False, allow_blank=True)
    credentials = serializers.DictField(required=False, help_text=CREDENTIALS_HELP)


class ImportIn(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=200)
    body = serializers.DictField(help_text="What an export answered.")
    credentials = serializers.DictField(required=False, help_text=CREDENTIALS_HELP)


class FieldOut(serializers.Serializer[Any]):
    name = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]
    help = serializers.CharField(allow_blank=True)
    secret = serializers.BooleanField()
    required = serializers.BooleanField()  # type: ignore[assignment]
    choices = serializers.SerializerMethodField()

    def get_choices(self, field: SecretField) -> list[str]:
        """The only values that make sense, the usual one first; empty where any does."""
        return [value for value, _ in field.choices]

    picks = serializers.ListField(
        child=serializers.CharField(),
        help_text="Kinds for `/containers`, outermost first: the value is the id of one of the last.",
    )


class ResourceOut(serializers.Serializer[Any]):
    name = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]
    record_type = serializers.CharField()
    can = serializers.ListField(child=serializers.CharField())


class ConnectorOut(serializers.Serializer[Any]):
    type = serializers.CharField()
    name = serializers.CharField()
    summary = serializers.CharField()
    auth_types = serializers.ListField(child=serializers.CharField())
    credentials = FieldOut(many=True)
    options = FieldOut(many=True)
    resource_types = ResourceOut(many=True)
    default_base_url = serializers.CharField(allow_blank=True)
    token_url = serializers.CharField(allow_blank=True)
    docs_url = serializers.CharField(allow_blank=True)


def connector_out(connector: Connector) -> dict[str, Any]:
    """``ConnectorOut`` of a declaration."""
    return {
        "type": connector.key,
        "name": connector.name,
        "summary": connector.summary,
        "auth_types": list(connector.auth_types),
        "credentials": connector.secrets,
        "options": connector.settings,
        "resource_types": [
            {
                "name": resource.name,
                "label": resource.label,
                "record_type": resource.record_type,
                "can": sorted(resource.can),
            }
            for resource in connector.resources
        ],
        "default_base_url": connector.default_base_url,
        "token_url": connector.token_url,
        "docs_url": connector.docs_url,
    }


def every_connector() -> list[dict[str, Any]]:
    return [connector_out(connector) for connector in registry.everything()]
