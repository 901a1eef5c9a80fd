"""Records as the API shows and takes them: the common facts beside ``values`` by field name."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers


class SyncStateOut(serializers.Serializer[Any]):
    mapping_id = serializers.UUIDField()
    integration_id = serializers.UUIDField()
    integration = serializers.CharField()
    resource = serializers.CharField()
    external_id = serializers.CharField(allow_null=True)
    external_url = serializers.CharField(allow_blank=True)
    state = serializers.CharField()
    word = serializers.CharField()
    reason = serializers.CharField(allow_blank=True)
    is_pending = serializers.BooleanField()
    last_synced_at = serializers.DateTimeField(allow_null=True)
    last_error = serializers.CharField(allow_blank=True)


class RecordOut(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    type = serializers.CharField()
    title = serializers.CharField()
    revision = serializers.IntegerField()
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()
    deleted_at = serializers.DateTimeField(allow_null=True)
    external_sync_enabled = serializers.BooleanField()
    last_external_sync_at = serializers.DateTimeField(allow_null=True)
    values = serializers.DictField(help_text="Canonical values by field name")
    sync = SyncStateOut(many=True)


class RecordIn(serializers.Serializer[Any]):
    values = serializers.DictField(help_text="By field name; only what is to be set.")
    external_sync_enabled = serializers.BooleanField(required=False)


class RecordUpdateIn(RecordIn):
    values = serializers.DictField(
        required=False, default=dict, help_text="By field name; only what is to change."
    )
    revision = serializers.IntegerField(
        required=False,
        min_value=1,
        help_text="The revision you edited, here or as If-Match; a newer one answers 409.",
    )


class RevisionIn(serializers.Serializer[Any]):
    revision = serializers.IntegerField(required=False, min_value=1)


class ChangeOut(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    revision = serializers.IntegerField()
    kind = serializers.CharField()
    changes = serializers.DictField()
    origin = serializers.CharField()
    user = serializers.CharField(allow_null=True)
    integration_id = serializers.UUIDField(allow_null=True)
    note = serializers.CharField(allow_blank=True)
    created_at = serializers.DateTimeField()


class RetriedOut(serializers.Serializer[Any]):
    retried = serializers.IntegerField()
    sync = SyncStateOut(many=True)


class SyncOverviewRow(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    name = serializers.CharField()
    type = serializers.CharField()
    status = serializers.CharField()
    word = serializers.CharField()
    last_sync_at = serializers.DateTimeField(allow_null=True)
    last_success_at = serializers.DateTimeField(allow_null=True)
    last_error = serializers.CharField(allow_blank=True)
    pending_conflicts = serializers.IntegerField()
    mappings = serializers.IntegerField()
    dead_letters = serializers.IntegerField()


class SyncOverview(serializers.Serializer[Any]):
    running_jobs = serializers.IntegerField()
    integrations = SyncOverviewRow(many=True)
