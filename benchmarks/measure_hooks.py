"""Child process: an integration with its records brought in, ready to take webhooks. Prints the receiving path."""

from __future__ import annotations

import sys

import orjson

from benchmarks.hub import make_integration, run_pull, set_up_django


def main() -> None:
    url, secret = sys.argv[1:]
    set_up_django()
    from django.urls import reverse
    from django.utils import timezone

    from integrations.services.credentials import webhook_secret_rows

    integration = make_integration(url)
    integration.webhook_secret = webhook_secret_rows(secret, timezone.now())
    integration.save(update_fields=["webhook_secret"])
    run_pull(integration, full=True)
    path = reverse("api:webhook-receive", args=[integration.id])
    print(orjson.dumps({"path": path}).decode())


if __name__ == "__main__":
    main()
