"""Fills an empty database with the demo, over real HTTP against the running sandbox.

Every step looks for what it would make, so a start that was cut short goes on where it stopped. The club comes last:
once its records are here, the demo is complete and never touched again.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from django.utils import timezone

from config.demo import stand_ins
from config.demo.people import CLUB, DEMO, people_ensure
from config.demo.records import club_records_ensure, record_id, records_ensure
from config.demo.story import waitlist_story
from config.demo.systems import SET_UPS, SetUp, set_up_ensure
from config.demo.work import import_ensure, work_off
from config.demo.workshop import workshop_history_ensure
from connectors import registry
from integrations.models import Integration, IntegrationStatus
from integrations.services.control import integration_pause
from integrations.services.schedules import maintenance_schedules_ensure
from workspace.models import Task, Tenant

Say = Callable[[str], None]


def is_complete() -> bool:
    """Whether the last step of an earlier run was reached."""
    return Task.objects.filter(id=record_id("task", "Varnish the oars", CLUB)).exists()


def demo_ensure(say: Say) -> bool:
    """Make what is missing of the demo; False if nothing was. Needs the sandbox. May raise ``RequestException``."""
    if is_complete():
        return False
    started = time.monotonic()
    maintenance_schedules_ensure()
    users = people_ensure()
    tenant = Tenant.objects.get(slug=DEMO)
    records_ensure(tenant, users, timezone.now())
    workshop_history_ensure(tenant, users, timezone.now())
    say("People and their own records are here.")
    running = stand_ins.present()
    for set_up in SET_UPS:
        if set_up.stand_in not in running or set_up.connector not in registry.slugs():
            say(f"{set_up.name}: left out, for want of {set_up.stand_in}.")
            continue
        integration = set_up_ensure(set_up, tenant, users["manager"])
        import_ensure(integration, users["manager"])
        say(f"{set_up.name}: {_pairs(integration)} pairs.")
        _finish(set_up, integration, users["manager"])
    waitlist = Integration.objects.for_tenant(tenant).filter(name=SET_UPS[0].name).first()
    if waitlist is not None:
        waitlist_story(waitlist, users, timezone.now())
    work_off(tenant)
    club_records_ensure(Tenant.objects.get(slug=CLUB), users["club"], timezone.now())
    say(f"The demo is ready after {time.monotonic() - started:.1f} s.")
    return True


def _finish(set_up: SetUp, integration: Integration, user: object) -> None:
    if set_up.pause and integration.status != IntegrationStatus.PAUSED:
        work_off(integration.tenant)
        integration_pause(integration=integration, user=user, reason=set_up.pause)


def _pairs(integration: Integration) -> int:
    return integration.mappings.count()
