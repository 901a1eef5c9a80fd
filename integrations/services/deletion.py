"""Delete integrations, and remove what is left of them (B5)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils import timezone

from integrations.audit import audit
from integrations.models import (
    Credential,
    FieldMap,
    Integration,
    IntegrationStatus,
    JobStatus,
    StatusMap,
    SyncJob,
    SyncLog,
    WebhookDelivery,
)
from integrations.models import (
    Mapping as PairMapping,
)
from integrations.models.jobs import OPEN_JOB_STATUSES
from integrations.services.control import integration_disable
from integrations.services.deliveries import Withdrawn
from integrations.services.problems import InvalidSettings
from integrations.services.schedules import schedule_remove
from integrations.services.status import integration_announce
from workspace.wakeups import wake


@dataclass(frozen=True, slots=True)
class Deleted:
    """Counts of what goes, and what became of the vendor's webhook."""

    counts: dict[str, int]
    webhook: Withdrawn


def integration_delete_preview(integration: Integration) -> dict[str, int]:
    """What goes with it: counts of pairs, log rows, conflicts, jobs and deliveries."""
    conflicts = getattr(integration, "conflicts", None)  # of the review desk, a room above
    return {
        "mappings": PairMapping.objects.filter(integration=integration).count(),
        "logs": SyncLog.objects.filter(integration=integration).count(),
        "conflicts": conflicts.count() if conflicts is not None else 0,
        "jobs": SyncJob.objects.filter(integration=integration).count(),
        "deliveries": WebhookDelivery.objects.filter(integration=integration).count(),
    }


def integration_delete(
    *, integration: Integration, typed_name: str, user: Any, now: datetime | None = None
) -> Deleted:
    """Delete after the name was typed. Records on both sides stay.

    It is switched off first and the vendor's webhook ended, while there are credentials to do so with. Then secrets and
    schedule go at once; the rows go in a worker, so that a large one does not hold up the request.
    """
    if typed_name.strip() != integration.name:
        raise InvalidSettings(
            {"typed_name": [f"Type the name of the integration exactly: {integration.name}"]}
        )
    now = now or timezone.now()
    counts = integration_delete_preview(integration)
    withdrawn = integration_disable(integration=integration, user=user, reason="Being deleted.", now=now)
    with transaction.atomic():
        integration.status = IntegrationStatus.DISABLED
        integration.deleted_at = now
        integration.webhook_secret = None
        integration.save(update_fields=["status", "deleted_at", "webhook_secret", "updated_at"])
        Credential.objects.filter(integration=integration).delete()
        schedule_remove(integration)
        jobs = SyncJob.objects.filter(integration=integration, status__in=OPEN_JOB_STATUSES)
        jobs.exclude(status=JobStatus.RUNNING).update(
            status=JobStatus.CANCELLED, status_reason="The integration was deleted.", finished_at=now
        )
        jobs.filter(status=JobStatus.RUNNING).update(cancel_requested=True)
        audit(
            integration,
            "integration.deleted",
            user=user,
            note=", ".join([*(f"{n} {what}" for what, n in counts.items()), withdrawn.words]).removesuffix(
                ", "
            ),
        )
        integration_announce(integration, "integration.deleted")
        wake("sync.purge_integration", integration_id=str(integration.id))
    return Deleted(counts, withdrawn)


def integration_purge(*, integration_id: Any, chunk: int = 2000) -> int:
    """Remove the rows of a deleted integration, in short transactions; how many. The row itself stays (410)."""
    integration = Integration.objects.filter(id=integration_id, deleted_at__isnull=False).first()
    if integration is None:
        return 0
    removed = 0
    for model in (SyncLog, WebhookDelivery, PairMapping, SyncJob, FieldMap, StatusMap):
        rows: Any = model._default_manager.filter(integration=integration)
        while ids := list(rows.order_by("pk").values_list("pk", flat=True)[:chunk]):
            removed += rows.filter(pk__in=ids).delete()[0]
    for relation in ("conflicts", "cursors", "merge_rule_rows", "alerts", "alert_rules", "alert_watches"):
        left = getattr(integration, relation, None)
        removed += left.all().delete()[0] if left is not None else 0
    return removed


def integrations_purge() -> int:
    """Remove what is left of all deleted integrations, should a worker's wake-up have been lost."""
    deleted = Integration.objects.filter(deleted_at__isnull=False).values_list("id", flat=True)
    return sum(integration_purge(integration_id=integration_id) for integration_id in list(deleted))
