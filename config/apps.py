import gc

from django.apps import AppConfig


class ConfigConfig(AppConfig):
    name = "config"
    verbose_name = "Lockstep"

    def ready(self) -> None:
        from django.conf import settings

        from config import celery  # noqa: F401 - makes it the current app, so that rooms can wake workers by name

        if settings.EMBEDDED:
            from config.demo.offers import offer
            from integrations.offers import offers_from

            offers_from(offer)

        # A page of records is some 50,000 short-lived objects without cycles: looking at all of them after every 700
        # took a quarter of an import. What is loaded by now stays for good, so it need not be looked at either.
        gc.freeze()
        gc.set_threshold(50_000, 20, 20)
