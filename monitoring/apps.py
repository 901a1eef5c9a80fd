from typing import Any

from django.apps import AppConfig
from django.db import connections
from django.db.models.signals import post_migrate

_TABLES = {"django_celery_beat_periodictask", "monitoring_alertrule", "workspace_tenant"}


class MonitoringConfig(AppConfig):
    name = "monitoring"
    verbose_name = "Monitoring"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from monitoring import panels  # models are loaded only now

        panels.register()
        post_migrate.connect(_make_standing_rows, sender=self)


def _make_standing_rows(sender: AppConfig, **kwargs: Any) -> None:
    """The beat entries, and the default rules of the tenants that are there."""
    if not kwargs.get("plan"):
        return  # nothing was migrated: a flush between two tests, or a second start
    if not set(connections[kwargs.get("using", "default")].introspection.table_names()) >= _TABLES:
        return  # one app was migrated alone
    from monitoring.services.rules import rules_ensure
    from monitoring.services.schedules import schedules_ensure

    schedules_ensure()
    rules_ensure()
