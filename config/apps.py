from django.apps import AppConfig


class ConfigConfig(AppConfig):
    name = "config"
    verbose_name = "Lockstep"

    def ready(self) -> None:
        from config import celery  # noqa: F401 - makes it the current app, so that rooms can wake workers by name
