"""The WSGI application: each stand-in below its slug, the controls below ``/_control``, an index at ``/``."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from werkzeug.wrappers import Request, Response

import sandbox.vendors

from . import control, pages
from .hooks import Sender
from .store import Store
from .vendor import Vendor

MAX_BODY = 8 * 1024 * 1024


def vendor_classes() -> list[type[Vendor]]:
    """``VENDOR`` of every module in ``sandbox/vendors``, by slug."""
    found: list[type[Vendor]] = []
    for module in pkgutil.iter_modules(sandbox.vendors.__path__):
        loaded = importlib.import_module(f"sandbox.vendors.{module.name}")
        if hasattr(loaded, "VENDOR"):
            found.append(loaded.VENDOR)
    return sorted(found, key=lambda vendor: vendor.slug)


def decoded_path(request: Request) -> str:
    """The path, percent-decoded but for ``%2F``: a slash inside a segment must not become a separator."""
    raw = str(request.environ.get("REQUEST_URI") or request.path).split("?", 1)[0]
    if raw.startswith("http"):
        return request.path
    return "%2F".join(unquote(part) for part in re.split("%2[fF]", raw))


class Sandbox:
    """All stand-ins behind one port. A WSGI application, and the handle that tests use in the same process."""

    def __init__(self, folder: Path | None = None, *, clock: Callable[[], datetime] | None = None) -> None:
        self.store = Store(folder)
        self.sender = Sender()
        self.vendors = {vendor.slug: vendor(self.store, self.sender, clock) for vendor in vendor_classes()}

    def vendor(self, slug: str) -> Vendor:
        return self.vendors[slug]

    def close(self) -> None:
        self.sender.close()
        self.store.close()

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        request = Request(environ)
        request.max_content_length = MAX_BODY
        response = self.dispatch(request)
        return response(environ, start_response)

    def dispatch(self, request: Request) -> Response:
        first, _, rest = decoded_path(request).lstrip("/").partition("/")
        if not first:
            return pages.index(request, self)
        if first == "_control":
            return control.serve(request, self, rest)
        vendor = self.vendors.get(first)
        if vendor is None:
            return Response("No such stand-in.\n", status=404, content_type="text/plain")
        if rest == "ui" or rest.startswith("ui/"):
            path = rest[2:].strip("/")
            return vendor.page(request, path) or pages.serve(request, vendor, path)
        return vendor.serve(request, f"/{rest}")
