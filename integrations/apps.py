from typing import Any

from django.apps import AppConfig
from django.db import connections
from django.db.models.signals import post_migrate

_TABLES = {"django_celery_beat_periodictask", "integrations_integrationtemplate"}


class IntegrationsConfig(AppConfig):
    name = "integrations"
    verbose_name = "Integrations"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from integrations import record_panels  # models are loaded only now
        from integrations.services.schedules import schedules_apply
        from workspace.hooks import register_zone_hook

        record_panels.register()
        register_zone_hook(schedules_apply)
        post_migrate.connect(_make_standing_rows, sender=self)


def _make_standing_rows(sender: AppConfig, **kwargs: Any) -> None:
    """The beat entries without which nothing due is handed out, and the built-in templates."""
    if not kwargs.get("plan"):
        return  # nothing was migrated: a flush between two tests, or a second start
    if not set(connections[kwargs.get("using", "default")].introspection.table_names()) >= _TABLES:
        return  # one app was migrated alone
    from integrations.services.schedules import maintenance_schedules_ensure
    from integrations.services.templates import builtin_templates_ensure

    maintenance_schedules_ensure()
    builtin_templates_ensure()
