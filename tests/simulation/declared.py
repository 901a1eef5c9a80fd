"""Each connector's own kind of vendor, from what its resources declare: a stand-in in memory proves, loses, lags and
refuses as that API does."""

from __future__ import annotations

from dataclasses import replace

from connectors import registry
from connectors.base.connector import Connector
from connectors.base.types import Can, Resource
from tests.simulation.vendor import Profile

TWO_WAY = {Can.LIST, Can.GET, Can.CREATE, Can.UPDATE}


def declared_profiles() -> dict[str, Profile]:
    """One profile for each different set of abilities among a connector's two-way resources, by name."""
    found: dict[str, Profile] = {}
    for connector in registry.everything():
        seen: set[Profile] = set()
        for resource in connector.resources:
            profile = profile_of(connector, resource)
            if not resource.can >= TWO_WAY or replace(profile, name="") in seen:
                continue
            seen.add(replace(profile, name=""))
            found[profile.name] = profile
    return found


def profile_of(connector: Connector, resource: Resource) -> Profile:
    return Profile(
        f"{connector.key}_{resource.name}",
        create_class=resource.create_class,
        version_check=resource.version_check,
        granularity_seconds=resource.time_granularity.total_seconds(),
        list_lag_seconds=resource.list_lag.total_seconds(),
        incremental=resource.incremental,
        page_size=min(resource.page_size, 5),  # more pages than a vendor would make of so few records
        webhooks=connector.webhooks is not None,
        normalises=True,
        deletes_vanish=not resource.absence_check,
        can_archive=Can.ARCHIVE in resource.can,
    )
