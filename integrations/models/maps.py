"""How records correspond: versioned field maps and the status table that people edit."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from workspace.ids import new_id

from .control import Integration


class FieldMap(models.Model):
    """One version of the links of a resource. Saving makes a new version; the newest current one is used.

    ``links`` is a list of ``{key, local, external, transform, direction, required, default, group}``.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    integration = models.ForeignKey(Integration, on_delete=models.CASCADE, related_name="field_maps")
    resource = models.CharField(max_length=60)
    record_type = models.CharField(max_length=30)
    version = models.PositiveIntegerField(default=1)
    is_current = models.BooleanField(default=True)
    links = models.JSONField(default=list)
    note = models.CharField(max_length=300, blank=True, default="")
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )

    class Meta:
        ordering = ["integration", "resource", "-version"]
        constraints = [
            models.UniqueConstraint(fields=["integration", "resource", "version"], name="field_map_version"),
            models.UniqueConstraint(
                fields=["integration", "resource"],
                condition=models.Q(is_current=True),
                name="field_map_one_current",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.resource} ↔ {self.record_type} v{self.version}"


class StatusMap(models.Model):
    """External status, lane, list or state ↔ stage. Many external ones may share a stage; one is the way back."""

    integration = models.ForeignKey(Integration, on_delete=models.CASCADE, related_name="status_maps")
    resource = models.CharField(max_length=60)
    link_key = models.CharField(max_length=60, default="stage")
    external_value = models.CharField(max_length=300)
    external_name = models.CharField(max_length=300, blank=True, default="")
    local_value = models.CharField(max_length=60, blank=True, default="")  # "" = unmapped: the field is held
    is_return = models.BooleanField(default=False)
    is_gone = models.BooleanField(default=False)  # no longer there at the last refresh
    position = models.PositiveIntegerField(default=0)

    class Meta:
        ordering = ["integration", "resource", "position"]
        constraints = [
            models.UniqueConstraint(
                fields=["integration", "resource", "link_key", "external_value"], name="status_map_once"
            ),
            models.UniqueConstraint(
                fields=["integration", "resource", "link_key", "local_value"],
                condition=models.Q(is_return=True),
                name="status_map_one_way_back",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.external_name or self.external_value} → {self.local_value or '—'}"
