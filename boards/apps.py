from typing import Any

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class BoardsConfig(AppConfig):
    name = "boards"
    verbose_name = "Boards"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from workspace.hooks import register_stage_hook
        from workspace.panels import register_record_panel

        from .panels import moves_panel
        from .services.recording import on_batch

        register_stage_hook(on_batch)
        register_record_panel(moves_panel)
        post_migrate.connect(_make_standing_rows, sender=self)


def _make_standing_rows(sender: AppConfig, **kwargs: Any) -> None:
    if not kwargs.get("plan"):
        return  # nothing was migrated: a flush between two tests, or a second start
    from .services.schedules import schedules_ensure

    schedules_ensure()
