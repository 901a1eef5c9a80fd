from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.core.cache import cache

from integrations.models import LogStatus, Operation
from monitoring.models import Alert, AlertRule
from monitoring.services.evaluation import evaluate_rules
from monitoring.services.notifications import notifications_deliver
from monitoring.services.rules import rules_ensure
from tests.integration.pages.world import World, make_world
from workspace.models import Role

MANAGER = "manager@harbour.test"


@pytest.fixture
def world(db: None) -> World:
    """Every role has an address; nothing of the shared counters is left from another test."""
    cache.clear()
    made = make_world()
    for role, user in made.users.items():
        user.email = f"{role}@harbour.test"
        user.save(update_fields=["email"])
    return made


@pytest.fixture
def desk(world: World) -> Desk:
    return Desk(world)


class Desk:
    """Rules at work in the world's tenant, on a clock that the test moves."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.at: datetime = world.now

    def rule(self, metric: str = "dead_letters", threshold: float = 1, **values: Any) -> AlertRule:
        return AlertRule.objects.create(
            tenant=self.world.tenant,
            **{
                "name": f"Rule on {metric}",
                "metric": metric,
                "threshold": threshold,
                "channels": ["dashboard"],
                **values,
            },
        )

    def look(self, *rules: AlertRule, minutes: float = 0) -> None:
        """Time goes on, then the rules (all of the tenant's) are compared with what is."""
        self.at += timedelta(minutes=minutes)
        wanted = rules or tuple(AlertRule.objects.filter(tenant=self.world.tenant, enabled=True))
        evaluate_rules(self.world.tenant, list(wanted), self.at)

    def deliver(self) -> int:
        return notifications_deliver(self.at)

    def defaults(self) -> dict[str, AlertRule]:
        rules_ensure(self.world.tenant)
        return {rule.preset: rule for rule in AlertRule.objects.filter(tenant=self.world.tenant)}

    def alerts(self) -> list[tuple[str, str]]:
        """(name, state), oldest first."""
        rows = Alert.objects.filter(tenant=self.world.tenant).order_by("pk")
        return list(rows.values_list("name", "state"))

    def failed_runs(self, integration: Any, count: int) -> None:
        for _ in range(count):
            self.world.log(
                integration,
                LogStatus.FAILED,
                operation=Operation.BULK_SYNC,
                message="The service has a fault (503).",
            )


__all__ = ["MANAGER", "Desk", "Role"]
