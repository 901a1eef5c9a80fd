"""Logging in: throttled by name and address together, so that nobody can lock another out from afar."""

from __future__ import annotations

import pytest
from django.conf import settings
from django.contrib.auth import get_user_model
from django.http import HttpResponse
from django.test import Client

pytestmark = pytest.mark.django_db
PASSWORD = "right horse battery"


@pytest.fixture(autouse=True)
def alice() -> None:
    get_user_model().objects.create_user("alice", password=PASSWORD, is_staff=True)


def log_in(client: Client, password: str, *, name: str = "alice", address: str = "192.0.2.1") -> HttpResponse:
    response: HttpResponse = client.post(
        "/admin/login/", {"username": name, "password": password}, REMOTE_ADDR=address
    )
    return response


def fail_often(client: Client) -> None:
    for _ in range(settings.AXES_FAILURE_LIMIT):
        log_in(client, "wrong")


def test_the_right_password_leads_in(client: Client) -> None:
    assert log_in(client, PASSWORD).status_code == 302


def test_too_many_wrong_passwords_lock_even_the_right_one_out_for_a_while(client: Client) -> None:
    fail_often(client)
    assert log_in(client, PASSWORD).status_code == 429


def test_the_lock_holds_only_for_that_address(client: Client) -> None:
    fail_often(client)
    assert log_in(client, PASSWORD, address="192.0.2.2").status_code == 302


def test_a_forged_forwarded_header_gives_no_fresh_tries(client: Client) -> None:
    fail_often(client)
    response = client.post(
        "/admin/login/",
        {"username": "alice", "password": PASSWORD},
        REMOTE_ADDR="192.0.2.1",
        HTTP_X_FORWARDED_FOR="198.51.100.7",
    )
    assert response.status_code == 429


def test_pages_forbid_foreign_scripts_and_frames(client: Client) -> None:
    response = client.get("/admin/login/")
    policy = dict(part.strip().split(" ", 1) for part in response["Content-Security-Policy"].split(";"))
    assert policy["script-src"] == "'self' 'unsafe-eval'"
    assert policy["default-src"] == "'self'"
    assert policy["frame-ancestors"] == "'none'"
    assert response["X-Frame-Options"] == "DENY"


def test_the_login_page_loads_nothing_from_elsewhere(client: Client) -> None:
    page = client.get("/admin/login/").content.decode()
    assert "cdn" not in page
    for attribute in ('src="http', "src='http", 'src="//', '<link href="http', '<link href="//'):
        assert attribute not in page
