"""Shapes of the review desk's API. Input and output are apart; none has a side effect."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from conflicts.models import ConflictResolution, MergeRule
from conflicts.services.decisions import BULK_CHOICES, BULK_LIMIT
from integrations.models import ConflictStrategy
from reconcile.model import FieldRule


class ConflictOut(serializers.ModelSerializer[ConflictResolution]):
    integration_name = serializers.CharField(source="integration.name", read_only=True)
    resource_type = serializers.CharField(source="resource", read_only=True)
    conflicted_fields = serializers.SerializerMethodField()
    local_data = serializers.SerializerMethodField()
    external_data = serializers.SerializerMethodField()
    decided_by = serializers.CharField(source="decided_by.username", read_only=True, default=None)

    class Meta:
        model = ConflictResolution
        fields: tuple[str, ...] = (
            "id", "integration", "integration_name", "mapping", "resource_type", "record_type", "record_id",
            "record_title", "external_id", "kind", "group", "status", "reason", "conflicted_fields", "local_data",
            "external_data", "version", "local_revision", "external_version", "strategy", "push_to_external", "pushed_at",
            "decided_by", "decided_at", "created_at", "updated_at", "closed_at",
        )  # fmt: skip
        read_only_fields = fields

    def get_conflicted_fields(self, conflict: ConflictResolution) -> list[str]:
        return [entry["key"] for entry in conflict.fields]

    def get_local_data(self, conflict: ConflictResolution) -> dict[str, Any]:
        return {entry["key"]: entry["local"] for entry in conflict.fields}

    def get_external_data(self, conflict: ConflictResolution) -> dict[str, Any]:
        return {entry["key"]: entry["external"] for entry in conflict.fields}


class ConflictDetail(ConflictOut):
    base_data = serializers.SerializerMethodField()
    lease_user = serializers.CharField(source="lease_user.username", read_only=True, default=None)

    class Meta(ConflictOut.Meta):
        fields = (
            *ConflictOut.Meta.fields, "base_data", "fields", "resolved", "decision_note", "local_changed_at",
            "local_changed_by", "external_changed_at", "external_changed_by", "rule", "lease_user", "lease_until",
        )  # fmt: skip
        read_only_fields = fields

    def get_base_data(self, conflict: ConflictResolution) -> dict[str, Any]:
        return {entry["key"]: entry["base"] for entry in conflict.fields}


class ConflictChoiceIn(serializers.Serializer[Any]):
    choice = serializers.CharField(
        help_text="local, external, base, merged, newest or custom; keep_and_recreate, accept_delete or unlink for a "
        "deletion; link or create for a possible duplicate."
    )
    value = serializers.JSONField(required=False, help_text="For custom (and link): the value to use.")


class ResolveIn(serializers.Serializer[Any]):
    """Versions are those of the conflict as it was shown; anything newer is answered with 409."""

    strategy = serializers.ChoiceField(choices=ConflictStrategy.choices, required=False)
    resolved_data = serializers.DictField(child=serializers.JSONField(allow_null=True), required=False)
    choices = serializers.DictField(child=ConflictChoiceIn(), required=False)
    push_to_external = serializers.BooleanField(default=True)
    version = serializers.IntegerField(min_value=1)
    local_revision = serializers.IntegerField(min_value=0, required=False)
    external_version = serializers.CharField(required=False, allow_blank=True, max_length=300)
    note = serializers.CharField(required=False, allow_blank=True, max_length=500, default="")


class AppliedOut(serializers.Serializer[Any]):
    record_type = serializers.CharField()
    record_id = serializers.UUIDField(allow_null=True)
    updated = serializers.BooleanField(help_text="Whether the record here gets other values.")
    synced_to_external = serializers.BooleanField(help_text="False until a worker has written it there.")


class ResolvedOut(serializers.Serializer[Any]):
    success = serializers.BooleanField()
    conflict_id = serializers.UUIDField()
    status = serializers.CharField()
    applied_changes = AppliedOut()
    conflict = ConflictDetail()


class ConflictVersionIn(serializers.Serializer[Any]):
    version = serializers.IntegerField(min_value=1)
    note = serializers.CharField(required=False, allow_blank=True, max_length=500, default="")


class RevertIn(serializers.Serializer[Any]):
    restore = serializers.ChoiceField(choices=["loser", "local", "external"], default="loser")


class RevertedOut(serializers.Serializer[Any]):
    restored = serializers.DictField(child=serializers.JSONField(allow_null=True))
    new_conflict = serializers.UUIDField(allow_null=True)


class ConflictSeenIn(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    version = serializers.IntegerField(min_value=1)


class ConflictBulkIn(serializers.Serializer[Any]):
    conflicts = serializers.ListField(child=ConflictSeenIn(), allow_empty=False, max_length=BULK_LIMIT)
    choice = serializers.ChoiceField(choices=list(BULK_CHOICES))
    push_to_external = serializers.BooleanField(default=True)
    dry_run = serializers.BooleanField(default=True, help_text="Say false to carry it out.")
    note = serializers.CharField(required=False, allow_blank=True, max_length=500, default="")


class ConflictBulkOut(serializers.Serializer[Any]):
    dry_run = serializers.BooleanField()
    done = serializers.ListField(child=serializers.UUIDField())
    skipped = serializers.DictField(child=serializers.CharField(), help_text="Why, by id.")


class PreviewWriteOut(serializers.Serializer[Any]):
    key = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]
    field = serializers.CharField()
    before = serializers.JSONField(allow_null=True)
    after = serializers.JSONField(allow_null=True)
    problem = serializers.CharField(allow_blank=True)
    note = serializers.CharField(allow_blank=True)


class DecisionPreviewOut(serializers.Serializer[Any]):
    resolved = serializers.DictField(child=serializers.JSONField())
    local = PreviewWriteOut(many=True)
    external = PreviewWriteOut(many=True)
    problems = serializers.ListField(child=serializers.CharField())


class RuleOut(serializers.ModelSerializer[MergeRule]):
    class Meta:
        model = MergeRule
        fields = (
            "id", "integration", "resource", "field", "rule", "separator", "enabled", "position", "hits", "last_hit_at",
            "expires_at", "note", "created_at",
        )  # fmt: skip
        read_only_fields = fields


class RuleIn(serializers.Serializer[Any]):
    integration = serializers.UUIDField(required=False, allow_null=True)
    resource = serializers.CharField(required=False, allow_blank=True, max_length=60)
    field = serializers.CharField(required=False, allow_blank=True, max_length=60)
    rule = serializers.ChoiceField(choices=[rule.value for rule in FieldRule])
    separator = serializers.CharField(required=False, max_length=20, trim_whitespace=False)
    enabled = serializers.BooleanField(required=False)
    position = serializers.IntegerField(required=False, min_value=0)
    expires_at = serializers.DateTimeField(required=False, allow_null=True)
    note = serializers.CharField(required=False, allow_blank=True, max_length=300)


class TrialOut(serializers.Serializer[Any]):
    conflict = serializers.UUIDField(source="conflict.pk")
    key = serializers.CharField()
    winner = serializers.CharField(allow_blank=True, help_text="Empty: the rule would ask a reviewer.")
    value = serializers.JSONField(allow_null=True)
    because = serializers.CharField()
    actual = serializers.CharField(allow_blank=True)
