"""The daily digest: only for who wishes it, only in the morning, only if something waits, once a day (F8)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.core import mail

from integrations.services.problems import NotNow
from monitoring.models import DigestChoice, Notification
from monitoring.services.digests import digest_choose, digests_queue
from monitoring.services.notifications import notifications_deliver
from tests.integration.pages.world import World
from workspace.models import Membership, Role, Tenant

MORNING = datetime(2025, 7, 1, 7, 0, tzinfo=UTC)


@pytest.fixture
def reader(world: World) -> World:
    digest_choose(tenant=world.tenant, user=world.users[Role.REVIEWER], wanted=True)
    return world


def test_what_waits_is_told_by_integration_the_oldest_first(reader: World) -> None:
    desk, board = reader.integration("Desk"), reader.integration("Board <i>")
    reader.conflict(desk, now=MORNING - timedelta(hours=3))
    reader.conflict(board, now=MORNING - timedelta(hours=30))
    reader.conflict(board, now=MORNING - timedelta(hours=1))
    reader.conflict(reader.integration("Foreign", tenant=reader.foreign))
    assert digests_queue(MORNING) == 1
    assert notifications_deliver(MORNING) == 1
    (message,) = mail.outbox
    assert message.to == ["reviewer@harbour.test"]
    assert message.subject == "[Lockstep] Harbour Club: 3 conflicts wait for a decision"
    assert (
        "- Board <i>: 2, the oldest since 30 Jun 2025, 01:00 UTC\n"
        "- Desk: 1, the oldest since 01 Jul 2025, 04:00 UTC"
    ) in message.body
    assert "Decide: https://hub.example.test/admin/hub/conflicts/" in message.body
    assert "Foreign" not in message.body
    assert "Board &lt;i&gt;" in message.alternatives[0][0]


def test_it_comes_once_a_day_and_again_the_next(reader: World) -> None:
    reader.conflict(reader.integration())
    assert [digests_queue(MORNING + timedelta(hours=hours)) for hours in (0, 1, 16, 24)] == [1, 0, 0, 1]


def test_before_seven_of_the_tenants_day_nothing_is_sent(reader: World) -> None:
    Tenant.objects.filter(pk=reader.tenant.pk).update(time_zone="America/New_York")
    reader.conflict(reader.integration())
    assert digests_queue(MORNING + timedelta(hours=3)) == 0  # 06:00 there
    assert digests_queue(MORNING + timedelta(hours=4)) == 1


def test_if_nothing_waits_in_the_morning_nothing_is_sent_that_day(reader: World) -> None:
    assert digests_queue(MORNING) == 0
    reader.conflict(reader.integration())
    assert digests_queue(MORNING + timedelta(hours=5)) == 0
    assert digests_queue(MORNING + timedelta(days=1)) == 1


def test_nobody_gets_one_unasked(world: World) -> None:
    world.conflict(world.integration())
    assert digests_queue(MORNING) == 0
    digest_choose(tenant=world.tenant, user=world.users[Role.REVIEWER], wanted=True)
    digest_choose(tenant=world.tenant, user=world.users[Role.REVIEWER], wanted=False)
    assert digests_queue(MORNING) == 0
    assert not DigestChoice.objects.exists()


def test_who_may_no_longer_review_gets_none(reader: World) -> None:
    reader.conflict(reader.integration())
    Membership.objects.filter(user=reader.users[Role.REVIEWER]).update(role=Role.VIEWER)
    assert digests_queue(MORNING) == 0


def test_somebody_without_an_address_is_told_so(world: World) -> None:
    with pytest.raises(NotNow, match="no e-mail address"):
        digest_choose(tenant=world.foreign, user=world.carol, wanted=True)
    assert not DigestChoice.objects.exists()


def test_what_was_decided_between_queueing_and_sending_is_not_mailed(reader: World) -> None:
    conflict = reader.conflict(reader.integration())
    digests_queue(MORNING)
    conflict.delete()
    notifications_deliver(MORNING)
    assert mail.outbox == []
    assert Notification.objects.get().state == "sent"
