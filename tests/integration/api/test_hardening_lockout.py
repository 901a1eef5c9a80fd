"""Behind our own proxy, too, it is the sender's address that is locked out, not one that the sender makes up."""

from __future__ import annotations

from typing import Any

import pytest
from axes.helpers import get_client_ip_address
from django.contrib.auth.models import User
from django.test import RequestFactory
from rest_framework.test import APIClient

TOKENS = "/api/v1/tokens"
PROXY = "10.0.0.1"


@pytest.fixture(autouse=True)
def behind_a_proxy(settings: Any) -> None:
    """As ``config.settings`` makes it of LOCKSTEP_PROXY_COUNT=1; the proxy appends who has asked it."""
    settings.AXES_ENABLED, settings.LOCKSTEP_PROXY_COUNT, settings.AXES_FAILURE_LIMIT = True, 1, 3
    if hasattr(settings, "AXES_IPWARE_PROXY_COUNT"):
        settings.AXES_IPWARE_PROXY_COUNT = 1
        settings.AXES_IPWARE_META_PRECEDENCE_ORDER = ["HTTP_X_FORWARDED_FOR", "REMOTE_ADDR"]


@pytest.mark.parametrize("header", ["203.0.113.9", "198.51.100.7, 203.0.113.9", "a, b, 203.0.113.9"])
def test_the_address_is_the_one_the_proxy_saw(header: str) -> None:
    request = RequestFactory().get("/", REMOTE_ADDR=PROXY, HTTP_X_FORWARDED_FOR=header)
    assert get_client_ip_address(request) == "203.0.113.9"


def test_a_made_up_address_does_not_get_around_the_lock_out(alice: User) -> None:
    guess = {"username": "alice", "password": "wrong"}
    statuses = [
        APIClient()
        .post(TOKENS, guess, REMOTE_ADDR=PROXY, HTTP_X_FORWARDED_FOR=f"198.51.100.{number}, 203.0.113.9")
        .status_code
        for number in range(5)
    ]
    assert statuses[-1] == 429


def test_a_stranger_elsewhere_does_not_lock_the_owner_out(alice: User) -> None:
    for _ in range(5):
        APIClient().post(
            TOKENS,
            {"username": "alice", "password": "wrong"},
            REMOTE_ADDR=PROXY,
            HTTP_X_FORWARDED_FOR="203.0.113.9",
        )
    own = APIClient().post(
        TOKENS,
        {"username": "alice", "password": "pass-for-tests"},
        REMOTE_ADDR=PROXY,
        HTTP_X_FORWARDED_FOR="192.0.2.4",
    )
    assert own.status_code == 201
