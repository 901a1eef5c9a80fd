"""Run one seed from an empty tenant to rest and judge it; everything is rolled back afterwards."""

from __future__ import annotations

from django.db import transaction

from integrations.models import Mapping
from tests.simulation.oracle import Violation
from tests.simulation.vendor import PROFILES
from tests.simulation.world import DECLARED, World
from workspace.models import Change


class Failure(AssertionError):
    """A seed that broke an invariant: seed, profiles, reason and the end of the trace."""


def profiles_of(seed: int) -> tuple[str, ...]:
    """One to three vendors, by seed, so that every combination comes up."""
    names = sorted(PROFILES)
    count = 1 + seed % 3
    start = seed // 3
    return tuple(
        dict.fromkeys(names[(start + offset * (1 + seed % 2)) % len(names)] for offset in range(count))
    )


def kinds_of(seed: int) -> tuple[str, ...]:
    """As ``profiles_of``, but every other seed meets a kind that a connector declares, in turn, some beside another."""
    if seed % 2:
        return profiles_of(seed)
    declared = sorted(DECLARED)
    others = profiles_of(seed)[:1] if seed % 3 == 0 else ()
    return (declared[seed // 2 % len(declared)], *others)


def run_seed(seed: int, profiles: tuple[str, ...], *, steps: int) -> World:
    """The world after the run. Raises ``Failure``."""
    world = World(seed, profiles)
    with transaction.atomic(), world.physics():
        try:
            world.build()
            for _ in range(steps):
                world.step()
                check_always(world)
            world.settle()
            world.oracle.check(world.tenant.id, world.vendors)
            check_quiet(world)
        except AssertionError as reason:
            tail = "\n".join(world.trace[-60:])
            raise Failure(f"seed {seed} with {', '.join(profiles)}: {reason}\n{tail}") from reason
        finally:
            transaction.set_rollback(True)
    return world


def check_always(world: World) -> None:
    """What holds after every step: cheap safety predicates."""
    rows = list(
        Mapping.objects.filter(tenant=world.tenant).values_list(
            "id", "integration_id", "record_id", "external_id"
        )
    )
    world.oracle.saw_links(world.vendors, rows)
    pairs = [(row[1], row[3]) for row in rows if row[3]]
    if len(pairs) != len(set(pairs)):
        raise Violation("I6 an external record is linked twice")
    for vendor in world.vendors.values():
        # one that a person deleted there before we knew of it is not missed, only made anew
        keys = [card.key for card in vendor.cards.values() if card.key and not card.is_deleted]
        if len(keys) != len(set(keys)):
            raise Violation(f"I7 {vendor.profile.name} holds two records made by one intent")


def check_quiet(world: World) -> None:
    """I10, I17: another look at everything writes nothing, on either side."""
    before = world._activity()
    logged = Change.objects.filter(tenant=world.tenant).count()
    for _ in range(2):
        for integration_id in world.vendors:
            world._poll_fully(integration_id)
        world._settle_once()
    if world._activity() != before or Change.objects.filter(tenant=world.tenant).count() != logged:
        raise Violation(f"I10 a quiet pass wrote something: {before} became {world._activity()}")
