"""The hub of ``hub.py`` with its vendor, on the real database, under a clock that tests move."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User

from connectors import registry
from integrations.models import Integration
from sync.runtime import use_runtime
from tests.integration.sync.hub import Clock, Hub
from tests.integration.sync.vendor import Vendor, VendorClient, connector_of
from workspace.models import Membership, Role, Tenant


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def vendor(clock: Clock) -> Vendor:
    return Vendor(now=lambda: clock.at)


@pytest.fixture
def hub(db: None, clock: Clock, vendor: Vendor, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """Both ways, creating on both sides, everything to review unless a test says otherwise."""
    tenant = Tenant.objects.create(name="Harbour", slug="harbour")
    person = User.objects.create_user("rita")
    Membership.objects.create(user=person, tenant=tenant, role=Role.MANAGER)
    integration = Integration.objects.create(
        tenant=tenant,
        name="Board",
        connector="fake",
        status="ACTIVE",
        resource_types=["member", "card", "remark"],
        conflict_strategy="manual_review",
        create_missing_externally=True,
        delete_policy="delete",
    )
    hub = Hub(tenant, integration, vendor, clock, person, vendors={integration.id: vendor})
    real = registry.get
    monkeypatch.setattr(registry, "get", lambda slug: connector_of(vendor) if slug == "fake" else real(slug))
    with use_runtime(
        now=clock.now,
        chance=lambda: 0.0,
        open_client=lambda integration, priority: VendorClient(hub.vendors[integration.id]),
        point=hub.point,
        reads_ahead=False,
    ):
        yield hub


@pytest.fixture
def linked(hub: Hub) -> Callable[..., tuple[Any, Any]]:
    """``task, card = linked(name="Paint")``: a pair that is in sync."""

    def make(**data: Any) -> tuple[Any, Any]:
        card = hub.vendor.add("card", **{"name": "Paint the boat", **data})
        hub.sync()
        hub.clock.wait(minutes=10)
        return hub.record(card), card

    return make
