"""Messages on their way: mail in the outbox, Slack over HTTP, tries again, faults that are shown, secrets that are not."""

from __future__ import annotations

import json
import logging
from datetime import timedelta
from smtplib import SMTPResponseException
from typing import Any

import pytest
import responses
from django.core import mail
from django.core.mail.backends.locmem import EmailBackend
from django.db import connection

from integrations.models import LogStatus
from integrations.services.problems import InvalidSettings, NotNow
from monitoring.models import Alert, AlertSettings, Notification
from monitoring.selectors import channel_facts
from monitoring.services.alerts import alert_resolve
from monitoring.services.channels import slack_set
from monitoring.services.notifications import channel_test, notifications_deliver
from tests.integration.monitoring.conftest import MANAGER, Desk
from tests.integration.pages.world import World
from workspace.models import Membership, Role

SLACK = "https://hooks.slack.test/services/T000/B000/very-secret-part"


@pytest.fixture
def slack(world: World) -> str:
    slack_set(tenant=world.tenant, user=world.users[Role.MANAGER], address=SLACK, now=world.now)
    return SLACK


def fired(desk: Desk, **values: Any) -> Alert:
    """An alert on a broken board, its messages queued."""
    world = desk.world
    board = world.integration("Board <b>", status="ERROR", last_success_at=world.now - timedelta(hours=3))
    world.conflict(board)
    for _ in range(3):
        world.log(board, LogStatus.SUCCESS)
    world.log(board, LogStatus.FAILED, message="Access was refused (403) for <card>.")
    desk.look(desk.rule("consecutive_failures", 3, name="Board is down", severity="critical", **values))
    return Alert.objects.get()


def mailed(**values: Any) -> dict[str, Any]:
    return {"channels": ["dashboard", "email"], "roles": [Role.MANAGER], **values}


def test_the_mail_has_the_content_of_the_sources_template(desk: Desk) -> None:
    alert = fired(desk, **mailed())
    assert desk.deliver() == 1
    (message,) = mail.outbox
    assert message.subject == "[Lockstep] Integration alert: Board <b> - CRITICAL"
    assert message.to == [MANAGER]
    for line in (
        "Integration: Board <b>",
        "Status: Failing",
        "Alert: Board is down (Critical) fires",
        "Failures in a row: at least 3; now 3 failures.",
        "- Error rate: 25 % (1 of 4 in the last hour)",
        "- Pending conflicts: 1",
        "Access was refused (403) for <card>.",
        f"The alert: https://hub.example.test/admin/hub/alerts/{alert.pk}/",
        f"The integration: https://hub.example.test/admin/hub/integrations/{alert.integration_id}/",
        f"Its errors: https://hub.example.test/admin/hub/integrations/{alert.integration_id}/logs/?status=bad",
        "This is an automated alert of Lockstep for Harbour Club.",
    ):
        assert line in message.body
    assert "- Last successful sync: " in message.body
    html, kind = message.alternatives[0]
    assert kind == "text/html"
    assert "Board &lt;b&gt;" in html
    assert "&lt;card&gt;" in html
    assert "<card>" not in html
    sent = Notification.objects.get()
    assert (sent.state, sent.recipient, sent.tried_at, sent.error) == ("sent", MANAGER, desk.at, "")


def test_no_secret_is_in_the_mail(desk: Desk) -> None:
    fired(desk, **mailed())
    desk.deliver()
    whole = mail.outbox[0].body + str(mail.outbox[0].alternatives)
    assert "topsecret" not in whole
    assert "key-abcdefgh" not in whole


def test_recovery_says_who_ended_it(desk: Desk) -> None:
    alert = fired(desk, **mailed())
    desk.deliver()
    alert_resolve(alert=alert, user=desk.world.users[Role.MANAGER], now=desk.at, note="Token replaced.")
    desk.look(minutes=1)
    desk.deliver()
    assert mail.outbox[-1].subject == "[Lockstep] Integration alert: Board <b> - CRITICAL (recovered)"
    assert "Board is down (Critical) is over" in mail.outbox[-1].body
    assert "ended by manager" in mail.outbox[-1].body


def test_everybody_whom_the_rule_names_gets_one_mail_of_their_own(desk: Desk) -> None:
    users = desk.world.users
    users[Role.OPERATOR].email = MANAGER.upper()  # the same person in another role
    users[Role.OPERATOR].save(update_fields=["email"])
    users[Role.REVIEWER].is_active = False
    users[Role.REVIEWER].save(update_fields=["is_active"])
    roles = [Role.MANAGER, Role.OPERATOR, Role.REVIEWER, Role.VIEWER]
    fired(desk, **mailed(roles=roles, recipients=["ops@harbour.test"]))
    desk.deliver()
    assert sorted(message.to[0].lower() for message in mail.outbox) == [
        MANAGER, "ops@harbour.test", "viewer@harbour.test",
    ]  # fmt: skip


def test_a_strangers_tenant_is_not_mailed(desk: Desk) -> None:
    desk.world.carol.email = "carol@elsewhere.test"
    desk.world.carol.save(update_fields=["email"])
    fired(desk, **mailed())
    desk.deliver()
    assert [message.to for message in mail.outbox] == [[MANAGER]]


def test_a_mail_server_that_hangs_up_is_tried_again_and_then_given_up(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuses(self: Any, messages: Any) -> int:
        raise SMTPResponseException(451, b"try later, user=ops password=hunter2")

    monkeypatch.setattr(EmailBackend, "send_messages", refuses)
    fired(desk, **mailed())
    waits = []
    for _ in range(6):
        assert desk.deliver() == 1
        assert desk.deliver() == 0
        row = Notification.objects.get()
        if row.next_attempt_at is not None:
            waits.append((row.next_attempt_at - desk.at) / timedelta(minutes=1))
            desk.at = row.next_attempt_at
    assert waits == [1, 2, 4, 8, 16]
    assert (row.state, row.error) == ("failed", "The mail server refused the message (451).")
    (email, _) = channel_facts(desk.world.tenant)
    assert email.error == "The mail server refused the message (451)."
    monkeypatch.undo()
    channel_test(
        tenant=desk.world.tenant,
        user=desk.world.users[Role.MANAGER],
        channel="email",
        now=desk.at + timedelta(1),
    )
    assert channel_facts(desk.world.tenant)[0].error == ""  # a success clears the fault


def test_a_refusal_for_good_is_not_tried_again(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuses(self: Any, messages: Any) -> int:
        raise SMTPResponseException(550, b"no such user")

    monkeypatch.setattr(EmailBackend, "send_messages", refuses)
    fired(desk, **mailed())
    desk.deliver()
    assert Notification.objects.get().state == "failed"


def test_without_a_mail_server_the_channel_says_so(desk: Desk, settings: Any) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.dummy.EmailBackend"
    fired(desk, **mailed())
    desk.deliver()
    assert "EMAIL_HOST" in Notification.objects.get().error


def test_nobody_with_an_address_is_a_fault_of_the_channel(desk: Desk) -> None:
    Membership.objects.filter(role=Role.AUDITOR).update(role=Role.VIEWER)
    fired(desk, **mailed(roles=[Role.AUDITOR]))
    assert Notification.objects.get().error == "Nobody whom this rule names has an e-mail address."


def test_one_message_that_fails_stops_no_other(desk: Desk, slack: str) -> None:
    fired(desk, **mailed(channels=["dashboard", "email", "slack"]))
    with responses.RequestsMock() as web:
        web.post(SLACK, status=500)
        assert desk.deliver() == 2
    assert len(mail.outbox) == 1
    waiting = Notification.objects.get(channel="slack")
    assert (waiting.state, waiting.error) == (
        "waiting",
        "Slack could not be reached, or had a fault of its own.",
    )


def test_a_message_that_a_worker_holds_is_taken_by_no_other(desk: Desk) -> None:
    fired(desk, **mailed())
    Notification.objects.update(lease_until=desk.at + timedelta(minutes=1))
    assert desk.deliver() == 0
    assert notifications_deliver(desk.at + timedelta(minutes=2)) == 1  # that worker is gone


# -- Slack -------------------------------------------------------------------------------------------------


def test_slack_is_told_in_its_own_markup_with_names_escaped(desk: Desk, slack: str) -> None:
    alert = fired(desk, channels=["dashboard", "slack"])
    with responses.RequestsMock() as web:
        web.post(SLACK, body="ok", content_type="text/plain")
        desk.deliver()
        text = json.loads(web.calls[0].request.body)["text"]
    assert ":rotating_light: *Critical: Board is down* fires · Board &lt;b&gt;" in text
    assert "Access was refused (403) for &lt;card&gt;." in text
    assert f"https://hub.example.test/admin/hub/alerts/{alert.pk}/" in text
    assert Notification.objects.get().state == "sent"


def test_without_an_address_slack_is_a_fault_that_names_the_way_out(desk: Desk) -> None:
    fired(desk, channels=["dashboard", "slack"])
    assert (
        Notification.objects.get().error
        == "No Slack address is set. A manager enters it under Alerts, Channels."
    )


@pytest.mark.parametrize(
    ("status", "state", "said"),
    [
        (404, "failed", "Slack did not take the message (404). Enter the address again."),
        (401, "failed", "Slack refused the address (401). Enter the address again."),
        (429, "waiting", "Slack takes no more messages just now."),
        (503, "waiting", "Slack could not be reached, or had a fault of its own."),
        (302, "failed", "Slack did not take the message (302). Enter the address again."),
    ],
)
def test_slacks_refusals_in_words_that_never_hold_the_address(
    desk: Desk, slack: str, caplog: pytest.LogCaptureFixture, status: int, state: str, said: str
) -> None:
    fired(desk, channels=["dashboard", "slack"])
    with caplog.at_level(logging.DEBUG), responses.RequestsMock() as web:
        web.post(SLACK, status=status, headers={"Location": "http://169.254.169.254/"})
        desk.deliver()
        assert len(web.calls) == 1  # a redirect is not followed
    row = Notification.objects.get()
    assert (row.state, row.error) == (state, said)
    assert "very-secret-part" not in caplog.text
    assert "very-secret-part" not in row.error


def test_the_address_is_encrypted_at_rest(world: World, slack: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT slack_address FROM monitoring_alertsettings WHERE slack_address IS NOT NULL")
        (stored,) = cursor.fetchone()
    assert "very-secret-part" not in str(bytes(stored) if isinstance(stored, memoryview) else stored)
    assert AlertSettings.objects.get(tenant=world.tenant).slack_address == SLACK


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("https://hooks.slack.test", "This is not the whole address"),
        ("not an address", "This is no web address."),
        ("http://hooks.slack.test/services/x", "must start with https://"),
        ("https://127.0.0.1/services/x", "private network"),
        ("https://[::1]/services/x", "private network"),
        ("https://metadata.internal/services/x", "private network"),
        ("https://user:word@hooks.slack.test/services/x", "Credentials do not belong"),
    ],
)
def test_an_address_that_may_not_be_reached_is_refused_without_repeating_it(
    world: World, settings: Any, address: str, said: str
) -> None:
    settings.LOCKSTEP_ALLOW_HTTP = settings.LOCKSTEP_ALLOW_PRIVATE_NETWORK = False
    with pytest.raises(InvalidSettings) as refused:
        slack_set(tenant=world.tenant, user=None, address=address, now=world.now)
    assert said in refused.value.errors["slack_address"][0]
    assert "services/x" not in refused.value.message
    assert not AlertSettings.objects.filter(slack_address__isnull=False).exists()


def test_a_name_that_leads_into_a_private_network_is_stopped_when_connecting(
    desk: Desk, slack: str, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.LOCKSTEP_ALLOW_PRIVATE_NETWORK = False
    inside = [(2, 1, 6, "", ("10.0.0.7", 443))]
    monkeypatch.setattr("connectors.base.guard.socket.getaddrinfo", lambda *a, **k: inside)
    fired(desk, channels=["dashboard", "slack"])
    desk.deliver()
    row = Notification.objects.get()
    assert row.state == "failed"
    assert "private network" in row.error


# -- tests -------------------------------------------------------------------------------------------------


def test_a_test_goes_to_whoever_asks_for_it_and_is_remembered(world: World) -> None:
    sent = channel_test(tenant=world.tenant, user=world.users[Role.MANAGER], channel="email", now=world.now)
    assert (sent.state, sent.recipient) == ("sent", MANAGER)
    assert mail.outbox[0].subject == "[Lockstep] Test message of Harbour Club"
    assert channel_facts(world.tenant)[0].last_at == world.now


def test_a_test_of_somebody_without_an_address_is_refused(world: World) -> None:
    with pytest.raises(NotNow, match="no e-mail address"):
        channel_test(tenant=world.tenant, user=world.carol, channel="email", now=world.now)
    assert not Notification.objects.exists()


def test_a_test_that_fails_says_why(world: World, slack: str) -> None:
    with responses.RequestsMock() as web:
        web.post(SLACK, status=404)
        sent = channel_test(
            tenant=world.tenant, user=world.users[Role.MANAGER], channel="slack", now=world.now
        )
    assert (sent.state, sent.error) == (
        "failed",
        "Slack did not take the message (404). Enter the address again.",
    )
