"""Jobs, mappings, logs, deliveries and maps."""

from __future__ import annotations

from collections.abc import Mapping as Context
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from integrations.badges import job_word, mapping_word
from integrations.models import (
    JobAttempt,
    Mapping,
    StatusMap,
    SyncDirection,
    SyncJob,
    SyncLog,
    WebhookDelivery,
)
from integrations.services.deliveries import body_as_text
from integrations.services.jobs import REASON_LENGTH
from workspace.access import Action


def may_see_payloads(context: Context[str, Any]) -> bool:
    """Requests and answers are for managers and auditors."""
    return bool(context["view"].may(Action.READ_PAYLOADS))


class SyncIn(serializers.Serializer[Any]):
    direction = serializers.ChoiceField(
        choices=SyncDirection.choices,
        required=False,
        help_text="“in” reads the other side and makes nothing there, “out” reads nothing. Never more than the integration does.",
    )
    resource_types = serializers.ListField(child=serializers.CharField(), required=False, default=list)
    full_sync = serializers.BooleanField(required=False, default=False)
    preview = serializers.BooleanField(
        required=False, default=False, help_text="A dry run: nothing is written."
    )
    reason = serializers.CharField(
        required=False, allow_blank=True, max_length=REASON_LENGTH, help_text="Why, for the log of the run."
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if "limit" in self.initial_data:
            said = (
                "A sync has no limit. Name resource_types to do less, or see with preview what it would do."
            )
            raise serializers.ValidationError({"limit": [said]})
        return attrs


class SyncOut(serializers.Serializer[Any]):
    success = serializers.BooleanField()
    job_id = serializers.UUIDField()
    status = serializers.CharField()
    estimated_duration = serializers.IntegerField(allow_null=True, help_text="Seconds, by the last runs")


class JobOut(serializers.ModelSerializer[SyncJob]):
    integration = serializers.UUIDField(source="integration_id")
    integration_name = serializers.CharField(source="integration.name")
    word = serializers.SerializerMethodField()
    triggered_by = serializers.SerializerMethodField()

    class Meta:
        model = SyncJob
        fields = [
            "id", "integration", "integration_name", "kind", "status", "status_reason", "word", "resources", "options",
            "progress", "total_records", "success_count", "noop_count", "error_count", "conflict_count", "result",
            "error_code", "error_message", "attempts", "max_retries", "correlation_id", "triggered_by",
            "cancel_requested", "run_at", "created_at", "started_at", "finished_at",
        ]  # fmt: skip

    def get_word(self, job: SyncJob) -> str:
        return job_word(job.status, failed=job.error_count).word

    def get_triggered_by(self, job: SyncJob) -> str | None:
        return job.triggered_by.get_username() if job.triggered_by else None


class AttemptOut(serializers.ModelSerializer[JobAttempt]):
    exchange = serializers.SerializerMethodField()

    class Meta:
        model = JobAttempt
        fields = [
            "number", "outcome", "error_code", "error_message", "http_status", "exchange", "next_attempt_at",
            "started_at", "ended_at",
        ]  # fmt: skip

    @extend_schema_field(OpenApiTypes.OBJECT)
    def get_exchange(self, attempt: JobAttempt) -> Any:
        return attempt.exchange if may_see_payloads(self.context) else None


class JobDetail(JobOut):
    attempt_rows = AttemptOut(many=True)

    class Meta:
        model = SyncJob
        fields = [*JobOut.Meta.fields, "attempt_rows"]


class MappingOut(serializers.ModelSerializer[Mapping]):
    integration = serializers.UUIDField(source="integration_id")
    word = serializers.SerializerMethodField()
    is_pending = serializers.SerializerMethodField()

    class Meta:
        model = Mapping
        fields = [
            "id", "integration", "resource", "record_type", "record_id", "external_id", "external_parent_id",
            "external_url", "container", "state", "word", "state_reason", "is_pending", "is_dead", "attempts", "method",
            "error_code", "last_error", "next_attempt_at", "last_synced_at", "last_in_at", "last_out_at", "created_at",
        ]  # fmt: skip

    def get_word(self, mapping: Mapping) -> str:
        return mapping_word(mapping.state).word

    def get_is_pending(self, mapping: Mapping) -> bool:
        return mapping.dirty_at is not None


class MappingDetail(MappingOut):
    attempt_rows = AttemptOut(many=True)

    class Meta:
        model = Mapping
        fields = [
            *MappingOut.Meta.fields, "base_local", "base_external", "provenance", "held", "local_revision",
            "external_version", "field_map_version", "attempt_rows",
        ]  # fmt: skip


class MappingLinkIn(serializers.Serializer[Any]):
    integration = serializers.UUIDField()
    resource = serializers.CharField(max_length=60)
    record_type = serializers.CharField(max_length=30)
    record_id = serializers.UUIDField()
    external_id = serializers.CharField(max_length=300)
    external_parent_id = serializers.CharField(max_length=300, required=False, allow_blank=True, default="")


class LogOut(serializers.ModelSerializer[SyncLog]):
    integration = serializers.UUIDField(source="integration_id")
    job = serializers.UUIDField(source="job_id", allow_null=True)
    mapping = serializers.UUIDField(source="mapping_id", allow_null=True)

    class Meta:
        model = SyncLog
        fields = [
            "id", "integration", "job", "mapping", "operation", "direction", "method", "resource", "record_type",
            "record_id", "external_id", "status", "message", "records_processed", "records_succeeded",
            "records_failed", "error_code", "http_status", "duration_ms", "retry_count", "correlation_id",
            "created_at",
        ]  # fmt: skip


class LogDetail(LogOut):
    """Payload and trace only for those who may read them; the redaction happened when they were written."""

    exchange = serializers.SerializerMethodField()
    error_trace = serializers.SerializerMethodField()

    class Meta:
        model = SyncLog
        fields = [*LogOut.Meta.fields, "field_changes", "exchange", "error_trace"]

    @extend_schema_field(OpenApiTypes.OBJECT)
    def get_exchange(self, log: SyncLog) -> Any:
        return log.exchange if may_see_payloads(self.context) else None

    def get_error_trace(self, log: SyncLog) -> str | None:
        return log.error_trace if may_see_payloads(self.context) else None


class DeliveryOut(serializers.ModelSerializer[WebhookDelivery]):
    integration = serializers.UUIDField(source="integration_id")

    class Meta:
        model = WebhookDelivery
        fields = [
            "id", "integration", "event", "status", "outcome", "hints", "duplicates", "attempts", "correlation_id",
            "received_at", "processed_at",
        ]  # fmt: skip


class DeliveryDetail(DeliveryOut):
    headers = serializers.SerializerMethodField()
    body = serializers.SerializerMethodField()

    class Meta:
        model = WebhookDelivery
        fields = [*DeliveryOut.Meta.fields, "dedupe_key", "headers", "body"]

    @extend_schema_field(OpenApiTypes.OBJECT)
    def get_headers(self, delivery: WebhookDelivery) -> Any:
        return delivery.headers if may_see_payloads(self.context) else None

    def get_body(self, delivery: WebhookDelivery) -> str | None:
        return body_as_text(delivery) if may_see_payloads(self.context) else None


class ReplayIn(serializers.Serializer[Any]):
    integration = serializers.UUIDField()
    since = serializers.DateTimeField()
    until = serializers.DateTimeField()
    statuses = serializers.ListField(child=serializers.CharField(), required=False)


class ReplayedOut(serializers.Serializer[Any]):
    replayed = serializers.IntegerField()


class DeadLetterOut(serializers.Serializer[Any]):
    mappings = MappingOut(many=True)
    jobs = JobOut(many=True)
    next = serializers.CharField(allow_null=True)


class RequeueIn(serializers.Serializer[Any]):
    mapping_ids = serializers.ListField(
        child=serializers.UUIDField(), required=False, default=list, max_length=1000
    )
    job_ids = serializers.ListField(
        child=serializers.UUIDField(), required=False, default=list, max_length=1000
    )
    integration = serializers.UUIDField(required=False, help_text="All dead letters of this integration.")


class RequeuedOut(serializers.Serializer[Any]):
    mappings = serializers.IntegerField()
    jobs = serializers.IntegerField()
    skipped = serializers.IntegerField()


class FieldMapOut(serializers.Serializer[Any]):
    resource = serializers.CharField()
    record_type = serializers.CharField()
    version = serializers.IntegerField(help_text="0: the connector's own defaults")
    links = serializers.ListField(child=serializers.DictField())
    note = serializers.CharField(allow_blank=True)


class FieldMapIn(serializers.Serializer[Any]):
    links = serializers.ListField(child=serializers.DictField(), allow_empty=False)
    record_type = serializers.CharField(required=False, allow_blank=True, default="")
    note = serializers.CharField(required=False, allow_blank=True, max_length=300, default="")
    version = serializers.IntegerField(
        required=False, help_text="The version you edited; a newer one answers 409."
    )


class PreviewIn(serializers.Serializer[Any]):
    links = serializers.ListField(child=serializers.DictField(), allow_empty=False)
    record_type = serializers.CharField(required=False, allow_blank=True, default="")
    samples = serializers.ListField(
        child=serializers.DictField(), required=False, default=list, max_length=25
    )
    local_samples = serializers.ListField(
        child=serializers.DictField(), required=False, default=list, max_length=25
    )


class PreviewCell(serializers.Serializer[Any]):
    key = serializers.CharField()
    local = serializers.CharField()
    external = serializers.ListField(child=serializers.CharField())
    transform = serializers.CharField()
    raw = serializers.JSONField(allow_null=True)
    value = serializers.JSONField(allow_null=True)
    problem = serializers.CharField(allow_blank=True)


class PreviewOut(serializers.Serializer[Any]):
    inward = serializers.ListField(child=PreviewCell(many=True))
    outward = serializers.ListField(child=PreviewCell(many=True))


class StatusRow(serializers.ModelSerializer[StatusMap]):
    class Meta:
        model = StatusMap
        fields = ["link_key", "external_value", "external_name", "local_value", "is_return", "is_gone"]


class StatusRowIn(serializers.Serializer[Any]):
    external_value = serializers.CharField(max_length=300)
    external_name = serializers.CharField(max_length=300, required=False, allow_blank=True, default="")
    local_value = serializers.CharField(max_length=60, required=False, allow_blank=True, default="")
    is_return = serializers.BooleanField(required=False, default=False)
    is_gone = serializers.BooleanField(required=False, default=False)


class StatusMapIn(serializers.Serializer[Any]):
    link_key = serializers.CharField(required=False, default="stage")
    rows = StatusRowIn(many=True)


class StatusMapOut(serializers.Serializer[Any]):
    resource = serializers.CharField()
    rows = StatusRow(many=True)
