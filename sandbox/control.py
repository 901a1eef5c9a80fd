"""``/_control``: how tests and people make a stand-in misbehave, start over, and tell what it received."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import orjson
from werkzeug.wrappers import Request, Response

from .faults import Fault

if TYPE_CHECKING:
    from .app import Sandbox
    from .vendor import Vendor


def serve(request: Request, sandbox: Sandbox, path: str) -> Response:
    """See ``sandbox/README.md`` for the calls."""
    slug, _, action = path.strip("/").partition("/")
    if not slug:
        return _json({"vendors": sorted(sandbox.vendors)})
    vendor = sandbox.vendors.get(slug)
    if vendor is None:
        return _json({"message": f"no stand-in {slug!r}"}, 404)
    try:
        body = orjson.loads(request.get_data()) if request.get_data() else {}
        return _act(vendor, request.method, action, body, request.host_url.rstrip("/") + f"/{vendor.slug}")
    except (
        orjson.JSONDecodeError,
        TypeError,
        KeyError,
        ValueError,
        NotImplementedError,
    ) as error:
        return _json({"message": f"{type(error).__name__}: {error}"}, 400)


def _connect(vendor: Vendor, root: str) -> dict[str, Any]:
    """What a hub is told to connect here: ``{connector, base_url, settings, secrets}``; empty if nobody can."""
    fixture = vendor.contract_fixture()
    if fixture is None:
        return {}
    told = {
        "connector": fixture.slug or vendor.slug,
        "base_url": fixture.base_url,
        "settings": dict(fixture.settings),
        "secrets": dict(fixture.secrets),
    }
    filled: dict[str, Any] = orjson.loads(orjson.dumps(told).replace(b"{root}", root.encode()))
    return filled


def _act(vendor: Vendor, method: str, action: str, body: dict[str, Any], root: str) -> Response:
    match method, action:
        case "GET", "":
            return _json(vendor.trouble.as_dict())
        case "PATCH", "":
            vendor.turn(**body)
            return _json(vendor.trouble.as_dict())
        case "POST", "fail":
            vendor.trouble.add(Fault(**body))
            return _json(vendor.trouble.as_dict())
        case "POST", "reset":
            vendor.reset()
            return _json({"reset": vendor.slug})
        case "GET", "connect":
            return _json(_connect(vendor, root))
        case "GET", "log":
            return _json([asdict(entry) for entry in vendor.requests])
        case "DELETE", "log":
            vendor.requests.clear()
            return _json([])
        case "GET", "deliveries":
            return _json([delivery.as_dict() for delivery in vendor.sender.deliveries(vendor.slug)])
        case "POST", "flush":
            return _json({"flushed": vendor.sender.flush(float(body.get("seconds", 10)))})
        case "POST", "edit":
            with vendor.world.lock:
                made = vendor.edit(
                    body["kind"],
                    body.get("id"),
                    body.get("values", {}),
                    actor=body.get("actor", ""),
                )
            return _json({"id": made})
        case "POST", "remove":
            with vendor.world.lock:
                vendor.remove(body["kind"], str(body["id"]), actor=body.get("actor", ""))
            return _json({"removed": body["id"]})
        case "GET", _ if action.startswith("world/"):
            return _json(vendor.world.all(action.removeprefix("world/")))
    return _json({"message": f"no control {method} {action!r}"}, 404)


def _json(value: Any, status: int = 200) -> Response:
    return Response(orjson.dumps(value, default=str), status=status, content_type="application/json")
