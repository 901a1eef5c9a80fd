from django.apps import AppConfig


class WorkspaceConfig(AppConfig):
    name = "workspace"
    verbose_name = "Workspace"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from live.rooms import register_room

        from .access import may_listen

        register_room(r"tenant:(?P<tenant>[^:]+):.+", may_listen)
