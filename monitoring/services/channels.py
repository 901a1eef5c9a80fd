"""How a message leaves the hub: e-mail through Django, Slack by its incoming webhook. Nothing else talks outward here."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from smtplib import SMTPException, SMTPResponseException
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.mail import EmailMultiAlternatives, get_connection
from django.db import transaction

from connectors.base.auth import NoAuth
from connectors.base.errors import ConfigurationProblem, RateLimited, Retryable, SyncError
from connectors.base.guard import UrlGuard
from connectors.base.session import ApiSession, SessionOptions
from integrations.audit import audit
from integrations.services.clients import deployment_environment
from integrations.services.problems import InvalidSettings
from monitoring.models import AlertSettings
from monitoring.services.rules import rules_ensure
from workspace.models import Tenant

DUMMY = "django.core.mail.backends.dummy.EmailBackend"
MAX_ADDRESS = 500
SLACK_SECONDS = 10.0


class ChannelFault(Exception):
    """Why a message did not leave, in words that may be shown. ``may_pass``: trying again later can help."""

    def __init__(self, message: str, *, may_pass: bool = False) -> None:
        super().__init__(message)
        self.may_pass = may_pass


@dataclass(frozen=True)
class Message:
    """What is said, in every form: mail in text and HTML, and Slack's markup."""

    subject: str
    text: str
    html: str
    slack: str


# -- e-mail ------------------------------------------------------------------------------------------------


def email_fault() -> str:
    """Why no mail can leave at all; "" if it can."""
    if settings.EMAIL_BACKEND == DUMMY:
        return "No mail server is set on this server (EMAIL_HOST), so no e-mail can be sent."
    return ""


def email_send(message: Message, recipient: str) -> None:
    """One mail to one person. Raises ``ChannelFault``."""
    if fault := email_fault():
        raise ChannelFault(fault)
    mail = EmailMultiAlternatives(
        subject=" ".join(message.subject.split()),
        body=message.text,
        to=[recipient],
        headers={"Auto-Submitted": "auto-generated"},
        connection=get_connection(),
    )
    mail.attach_alternative(message.html, "text/html")
    try:
        mail.send()
    except SMTPResponseException as error:
        raise ChannelFault(
            f"The mail server refused the message ({error.smtp_code}).", may_pass=400 <= error.smtp_code < 500
        ) from error
    except (SMTPException, OSError) as error:
        raise ChannelFault(
            f"The mail server could not be reached or hung up ({type(error).__name__}).", may_pass=True
        ) from error


# -- Slack -------------------------------------------------------------------------------------------------


def slack_send(tenant: Tenant, message: Message) -> None:
    """Post into the tenant's channel. Raises ``ChannelFault``, which never holds the address."""
    address = slack_address(tenant)
    if not address:
        raise ChannelFault("No Slack address is set. A manager enters it under Alerts, Channels.")
    try:
        _post(address, {"text": message.slack})
    except RateLimited:
        raise ChannelFault("Slack takes no more messages just now.", may_pass=True) from None
    except Retryable:
        raise ChannelFault("Slack could not be reached, or had a fault of its own.", may_pass=True) from None
    except ConfigurationProblem as error:
        said = error.message if error.status is None else f"Slack refused the address ({error.status})."
        raise ChannelFault(f"{said} Enter the address again.") from None
    except SyncError as error:
        status = f" ({error.status})" if error.status else ""
        raise ChannelFault(f"Slack did not take the message{status}. Enter the address again.") from None


def _post(address: str, body: dict[str, Any]) -> None:
    """Through the same guard as every request of a connector: its own host only, nothing inside a private network."""
    environment = replace(deployment_environment(), timeout_seconds=SLACK_SECONDS)
    parts = urlsplit(address)
    session = ApiSession(
        f"{parts.scheme}://{parts.netloc}", NoAuth(), environment, SessionOptions(follow_redirects=False)
    )
    try:
        session.request("POST", address, json=body, expect_json=False)
    finally:
        session.close()


def slack_address(tenant: Tenant) -> str:
    found = AlertSettings.objects.filter(tenant=tenant).first()
    return str(found.slack_address or "") if found else ""


def slack_set_at(tenant: Tenant) -> datetime | None:
    """When the address was set, None if there is none; decrypts nothing."""
    return AlertSettings.objects.filter(tenant=tenant).values_list("slack_set_at", flat=True).first()


def slack_escape(text: str) -> str:
    """Slack's three signs; a name can then neither link nor call anybody."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def slack_set(*, tenant: Tenant, user: Any, address: str, now: datetime) -> None:
    """Store the webhook's address, or forget it (""). Raises ``InvalidSettings``; the address is in no message of it."""
    address = address.strip()
    if address:
        _check_address(address)
    rules_ensure(tenant)
    stored, at = (address, now) if address else (None, None)
    said = "Slack address set." if address else "Slack address cleared."
    with transaction.atomic():
        # not read first: an address whose key is lost can still be replaced
        AlertSettings.objects.filter(tenant=tenant).update(slack_address=stored, slack_set_at=at)
        audit(AlertSettings(tenant=tenant), "alert_channel.changed", user=user, note=said)


def _check_address(address: str) -> None:
    said = ""
    if len(address) > MAX_ADDRESS or not address.isascii() or not address.isprintable() or " " in address:
        said = "This is no web address."
    elif not urlsplit(address).path.strip("/"):
        said = "This is not the whole address: copy the webhook URL that Slack shows."
    else:
        environment = deployment_environment()
        try:
            UrlGuard(
                address,
                allow_private=environment.allow_private_network,
                allow_http=environment.allow_http,
            )
        except ConfigurationProblem as error:
            said = error.message
    if said:
        raise InvalidSettings({"slack_address": [said]})
