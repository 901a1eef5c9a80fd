"""What may be reached (M4)."""

from __future__ import annotations

import ipaddress
import socket
from typing import Any

import pytest

from connectors.base.auth import NoAuth
from connectors.base.connector import Environment
from connectors.base.errors import ConfigurationProblem
from connectors.base.guard import UrlGuard, is_public
from connectors.base.session import ApiSession


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1",
        "240.0.0.1", "255.255.255.255", "::1", "::", "fe80::1", "fc00::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1",
        "64:ff9b::a00:1", "2002:7f00:1::", "ff02::1",
    ],
)  # fmt: skip
def test_private_and_special_addresses_are_not_public(address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", ["8.8.8.8", "93.184.216.34", "2606:2800:220:1:248:1893:25c8:1946"])
def test_ordinary_addresses_are_public(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize(
    "url",
    [
        "http://api.example.org", "https://127.0.0.1", "https://localhost/x", "https://[::1]/", "https://user:pw@api.example.org",
        "ftp://api.example.org", "https://", "api.example.org", "https://169.254.169.254/latest", "https://db.internal",
        "https://api.example.org:99999",
    ],
)  # fmt: skip
def test_unfit_base_addresses_are_refused(url: str) -> None:
    with pytest.raises(ConfigurationProblem):
        UrlGuard(url, allow_private=False, allow_http=False)


def test_a_name_that_resolves_to_a_private_address_is_refused_when_connecting(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def resolve(host: Any, port: Any, *args: Any, **options: Any) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("10.0.0.7", port))]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    with pytest.raises(ConfigurationProblem, match="private network"):
        ApiSession("https://innocent.example.org", NoAuth(), Environment(timeout_seconds=1)).get("/x")


def test_one_private_address_among_public_ones_is_enough_to_refuse(monkeypatch: pytest.MonkeyPatch) -> None:
    def resolve(host: Any, port: Any, *args: Any, **options: Any) -> list[Any]:
        return [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, port)) for one in ("93.184.216.34", "127.0.0.1")
        ]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    with pytest.raises(ConfigurationProblem, match="private network"):
        ApiSession("https://innocent.example.org", NoAuth(), Environment(timeout_seconds=1)).get("/x")
