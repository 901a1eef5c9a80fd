"""Celery tasks: ids in, one service call, nothing decided. Each may run twice without harm."""

from __future__ import annotations

from uuid import UUID

from celery import shared_task

from integrations.models import Integration
from integrations.services.deletion import integration_purge
from sync.services import deliveries, dispatch, drains, jobs, maintenance, outbox, pair_sync, webhooks
from workspace.wakeups import wake, woken


@shared_task(name="sync.drain_changes")
def drain_changes() -> None:
    woken("sync.drain_changes")
    while outbox.changes_drain() == outbox.BATCH:
        pass


@shared_task(name="sync.drain_deliveries")
def drain_deliveries() -> None:
    while deliveries.deliveries_drain() == deliveries.BATCH:
        pass


@shared_task(name="sync.drain_integration")
def drain_integration(integration_id: str) -> None:
    if drains.integration_drain(integration_id=UUID(integration_id))["more"]:
        wake("sync.drain_integration", integration_id=integration_id)


@shared_task(name="sync.reconcile_mapping")
def reconcile_mapping(mapping_id: str) -> None:
    pair_sync.mapping_sync(mapping_id=UUID(mapping_id))


@shared_task(name="sync.run_job")
def run_job(job_id: str) -> None:
    jobs.job_run(job_id=UUID(job_id))


@shared_task(name="sync.start_scheduled")
def start_scheduled(integration_id: str) -> None:
    dispatch.scheduled_start(integration_id=UUID(integration_id))


@shared_task(name="sync.dispatch")
def run_dispatch() -> None:
    dispatch.dispatch()


@shared_task(name="sync.retry_sweep")
def retry_sweep() -> None:
    maintenance.retry_sweep()


@shared_task(name="sync.health_check")
def health_check() -> None:
    maintenance.health_check()
    webhooks.silences_watch()


@shared_task(name="sync.clean_logs")
def clean_logs() -> None:
    maintenance.logs_clean()


@shared_task(name="sync.drift_sweep")
def drift_sweep(integration_id: str = "") -> None:
    if integration_id:
        maintenance.drift_sweep(integration_id=UUID(integration_id))
        return
    for found in Integration.objects.running().values_list("id", flat=True):
        wake("sync.drift_sweep", integration_id=str(found))


@shared_task(name="sync.purge_integration")
def purge_integration(integration_id: str) -> None:
    integration_purge(integration_id=UUID(integration_id))


@shared_task(name="sync.ensure_webhooks")
def ensure_webhooks() -> None:
    webhooks.webhooks_ensure()


@shared_task(name="sync.ensure_webhook")
def ensure_webhook(integration_id: str) -> None:
    webhooks.webhook_ensure(integration_id=UUID(integration_id))
