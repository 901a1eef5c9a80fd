"""Keeps requests away from places they must not reach (M4).

Scheme, host and port are checked before each request, redirect and next-page address; the resolved address is
checked when the connection is made and that very address is used, so that a second DNS answer cannot slip in.
"""

from __future__ import annotations

import ipaddress
import socket
from typing import Any
from urllib.parse import urlsplit

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError
from urllib3.poolmanager import PoolManager
from urllib3.util import connection as urllib3_connection

from .errors import ConfigurationProblem, ContractBroken

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class ForbiddenAddress(OSError):
    """The host resolves to an address that may not be reached."""


def is_public(address: Address) -> bool:
    """False for loopback, private, link-local, carrier-grade, reserved, multicast and metadata addresses."""
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)
        if inner is not None:
            return is_public(inner)
        if address in ipaddress.ip_network("64:ff9b::/96"):
            return is_public(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
    return address.is_global and not address.is_multicast and not address.is_reserved


def resolve_public(host: str, port: int, *, allow_private: bool) -> list[str]:
    """Addresses of the host. Raises ``ForbiddenAddress`` if any of them may not be reached."""
    infos = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM)
    addresses = list(dict.fromkeys(str(info[4][0]).split("%")[0] for info in infos))
    if not allow_private and not all(is_public(ipaddress.ip_address(address)) for address in addresses):
        raise ForbiddenAddress("this address is inside a private network")
    return addresses


class UrlGuard:
    """Holds the one origin a client may talk to. ``check`` raises for anything else."""

    def __init__(self, base_url: str, *, allow_private: bool, allow_http: bool) -> None:
        self.allow_private = allow_private
        self.allow_http = allow_http
        self.origin = self._origin(base_url)
        self.check_target(base_url)

    def check(self, url: str, *, hint: str = "next page or redirect") -> None:
        """Same scheme, host and port as the base address. Raises ``ContractBroken``."""
        try:
            origin = self._origin(url)
        except ConfigurationProblem as error:
            raise ContractBroken(f"The {hint} address is unusable: {error.message}") from error
        if origin != self.origin:
            raise ContractBroken(f"The {hint} leads to another host ({origin[1]}); it was not followed.")

    def check_target(self, url: str) -> None:
        """Scheme and literal addresses; names are checked when connecting. Raises ``ConfigurationProblem``."""
        scheme, host, _ = self._origin(url)
        if scheme == "http" and not self.allow_http:
            raise ConfigurationProblem("The address must start with https://", code="auth")
        if self.allow_private:
            return
        if host == "localhost" or host.endswith((".localhost", ".local", ".internal")):
            raise ConfigurationProblem("Addresses inside a private network are not allowed here.")
        try:
            literal = ipaddress.ip_address(host)
        except ValueError:
            return
        if not is_public(literal):
            raise ConfigurationProblem("Addresses inside a private network are not allowed here.")

    @staticmethod
    def _origin(url: str) -> tuple[str, str, int]:
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError as error:
            raise ConfigurationProblem("The address cannot be read.") from error
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ConfigurationProblem("The address must be a full https:// address.")
        if parts.username is not None or parts.password is not None:
            raise ConfigurationProblem("Credentials do not belong into the address.")
        return (
            parts.scheme,
            parts.hostname.lower(),
            port or (443 if parts.scheme == "https" else 80),
        )


def _connect(conn: HTTPConnection, allow_private: bool) -> socket.socket:
    """Opens the socket to an address that was checked just now."""
    try:
        addresses = resolve_public(conn._dns_host, conn.port or 0, allow_private=allow_private)
    except socket.gaierror as error:
        raise NewConnectionError(conn, f"host name unknown: {error}") from error
    failure: OSError | None = None
    for address in addresses:
        try:
            return urllib3_connection.create_connection(
                (address, conn.port or 0),
                conn.timeout,
                source_address=conn.source_address,
                socket_options=conn.socket_options,
            )
        except TimeoutError as error:
            raise ConnectTimeoutError(conn, "connection timed out") from error
        except OSError as error:
            failure = error
    raise NewConnectionError(conn, f"connection refused: {failure}")


def _guarded(kind: type[Any], allow_private: bool) -> type[Any]:
    return type(
        f"Guarded{kind.__name__}",
        (kind,),
        {"_new_conn": lambda self: _connect(self, allow_private)},
    )


class GuardedAdapter(HTTPAdapter):
    """An adapter whose every new connection goes to a checked address. It never retries by itself."""

    def __init__(self, *, allow_private: bool, pool_size: int = 16) -> None:
        self._allow_private = allow_private
        super().__init__(pool_connections=4, pool_maxsize=pool_size, max_retries=0)

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        super().init_poolmanager(*args, **options)
        manager: PoolManager = self.poolmanager
        plain = type(
            "GuardedHTTPPool",
            (HTTPConnectionPool,),
            {"ConnectionCls": _guarded(HTTPConnection, self._allow_private)},
        )
        secure = type(
            "GuardedHTTPSPool",
            (HTTPSConnectionPool,),
            {"ConnectionCls": _guarded(HTTPSConnection, self._allow_private)},
        )
        manager.pool_classes_by_scheme = {"http": plain, "https": secure}
