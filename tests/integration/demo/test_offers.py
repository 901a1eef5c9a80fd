"""In the demo every system can be connected to its stand-in at a click: the form as it is offered passes its test."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client, override_settings
from django.urls import reverse

from config.demo.offers import offer
from connectors import registry
from integrations import offers
from integrations.models import Integration
from sandbox.testing import RunningSandbox
from workspace.models import Membership, Role, Tenant

pytestmark = pytest.mark.django_db


class Form(HTMLParser):
    """The fields of a page's POST form, as a browser would send them untouched."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.fields: dict[str, str] = {}
        self._text: str | None = None
        self._select: str | None = None
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "input" and given.get("type") not in ("search", "submit") and "name" in given:
            if given.get("type") != "checkbox" or "checked" in given:
                self.fields[given["name"]] = given.get("value", "on")
        elif tag == "textarea":
            self._text = given.get("name")
            self.fields[str(self._text)] = ""
        elif tag == "select":
            self._select = given.get("name")
        elif tag == "option" and self._select and ("selected" in given or self._select not in self.fields):
            self.fields[self._select] = given.get("value", "")

    def handle_data(self, data: str) -> None:
        if self._text is not None:
            self.fields[self._text] += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "textarea":
            self._text = None
        if tag == "select":
            self._select = None


@pytest.fixture
def manager(monkeypatch: pytest.MonkeyPatch, box: RunningSandbox) -> Any:
    tenant = Tenant.objects.create(name="Offers", slug="offers")
    user = User.objects.create_user("maud", is_staff=True)
    Membership.objects.create(user=user, tenant=tenant, role=Role.MANAGER)
    monkeypatch.setattr(offers, "_sources", [offer])
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    with override_settings(LOCKSTEP_SANDBOX_URL=box.root):
        yield client


@pytest.mark.parametrize("slug", registry.slugs())
def test_the_offered_form_connects(manager: Client, slug: str) -> None:
    url = reverse("hub:integration_connect", args=[slug])
    assert "This demo runs a stand-in of it." in manager.get(url).content.decode()
    form = Form(manager.get(url, {"offer": "1"}).content.decode()).fields
    answer = manager.post(url, form)
    assert answer.status_code == 302, answer.content.decode()
    made = Integration.objects.get(tenant__slug="offers")
    assert made.last_check["ok"], made.last_check


def test_without_a_sandbox_nothing_is_offered(manager: Client) -> None:
    with override_settings(LOCKSTEP_SANDBOX_URL="http://127.0.0.1:9"):
        html = manager.get(reverse("hub:integration_connect", args=["trello"])).content.decode()
    assert "This demo runs" not in html
