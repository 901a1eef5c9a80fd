from django.apps import AppConfig


class WorkspaceConfig(AppConfig):
    name = "workspace"
    verbose_name = "Workspace"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from auditlog.registry import auditlog
        from django.contrib.auth import get_user_model

        from live.rooms import register_room

        from .access import may_listen
        from .comments import comments_panel
        from .models import Membership, Tenant
        from .panels import register_record_panel

        register_room(r"tenant:(?P<tenant>[^:]+):.+", may_listen)
        auditlog.register(Membership, include_fields=["role"])
        auditlog.register(Tenant, include_fields=["name", "slug", "time_zone"])
        account = ["username", "email", "first_name", "last_name", "is_active", "is_staff", "is_superuser"]
        auditlog.register(get_user_model(), include_fields=account)
        register_record_panel(comments_panel)
