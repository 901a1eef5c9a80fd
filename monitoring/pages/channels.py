"""Where messages go: the channels with a test each, and a person's own daily digest."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone

from integrations.pages.base import HubAction, HubView
from integrations.services.problems import InvalidSettings, Refused
from monitoring.models import Channel, DigestChoice, NotificationState
from monitoring.selectors import channel_facts
from monitoring.services.channels import email_fault, slack_set, slack_set_at
from monitoring.services.digests import MORNING, digest_choose
from monitoring.services.notifications import channel_test
from workspace.access import Action

OUTWARD = (Channel.EMAIL, Channel.SLACK)


class ChannelsPage(HubView):
    title = "Channels"
    template_name = "monitoring/channels.html"

    def get(self, request: HttpRequest) -> HttpResponse:
        return self.page()

    def page(self, errors: list[str] | None = None, *, status: int = 200) -> HttpResponse:
        user: Any = self.request.user
        context = {
            "facts": {fact.channel: fact for fact in channel_facts(self.tenant)},
            "email_fault": email_fault(),
            "slack_set_at": slack_set_at(self.tenant),
            "errors": errors or [],
            "error_lines": [("Slack address", text) for text in errors or []],
            "has_digest": DigestChoice.objects.filter(tenant=self.tenant, user=user).exists(),
            "morning": MORNING,
            "own_address": user.email,
        }
        return self.render(context=context, status=status)


class SlackSave(ChannelsPage):
    """Set, replace or clear the address of Slack's webhook. What was typed is never shown again, refused or not."""

    action = Action.MANAGE
    http_method_names = ["post", "options"]

    def post(self, request: HttpRequest) -> HttpResponse:
        is_clearing = request.POST.get("do") == "clear"
        address = "" if is_clearing else request.POST.get("address", "")
        if not address.strip() and not is_clearing:
            return self.page(["Paste the address that Slack shows."], status=422)
        try:
            slack_set(tenant=self.tenant, user=request.user, address=address, now=timezone.now())
        except InvalidSettings as refused:
            return self.page(refused.errors["slack_address"], status=422)
        self.say(
            "The Slack address is forgotten." if is_clearing else "The Slack address is set. Send a test."
        )
        return HttpResponseRedirect(reverse("alerts:channels"))


class ChannelTest(HubAction):
    action = Action.MANAGE

    def post(self, request: HttpRequest, channel: str) -> HttpResponse:
        if channel not in OUTWARD:
            raise Http404("There is no such channel.")
        try:
            sent = channel_test(tenant=self.tenant, user=request.user, channel=channel, now=timezone.now())
        except Refused as refused:
            self.say(refused.message, "error")
        else:
            to = f" to {sent.recipient}" if sent.recipient else ""
            if sent.state == NotificationState.SENT:
                self.say(f"A test was sent{to}.")
            else:
                self.say(f"The test was not sent. {sent.error}", "error")
        return self.back(reverse("alerts:channels"))


class DigestSave(HubAction):
    """One's own daily digest of this workspace."""

    action = Action.REVIEW

    def post(self, request: HttpRequest) -> HttpResponse:
        wanted = request.POST.get("wanted") == "1"
        try:
            digest_choose(tenant=self.tenant, user=request.user, wanted=wanted)
        except Refused as refused:
            self.say(refused.message, "error")
        else:
            self.say(
                "The digest will come each morning on which something waits."
                if wanted
                else "No more digests."
            )
        return self.back(reverse("alerts:channels"))
