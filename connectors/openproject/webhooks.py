"""OpenProject's webhooks: proof of origin, and what each event hints at.

Names and payloads: opf/openproject ``modules/webhooks`` and the fixtures of zulip/zulip ``zerver/webhooks/openproject``. The
signature: ``request_webhook_service.rb`` there. There is neither a time nor a delivery's id in it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from connectors.base.paths import read_path
from connectors.base.signatures import HmacScheme
from connectors.base.types import BadPayload, ChangeHint, UnknownEvent, WebhookRequest
from connectors.base.webhooks import WebhookHandler

from .packages import id_in

SCHEME = HmacScheme(header="X-OP-Signature", algorithm="sha1", prefix="sha1=")
IGNORED = frozenset(
    [
        "time_entry:created",
        "time_entry:updated",
        "attachment:created",
        "work_package_comment:internal_comment",
    ]
)


@dataclass(frozen=True)
class OpenProjectWebhooks(WebhookHandler):
    """Events of another project are left out, as far as the payload says where it comes from."""

    def parse(self, request: WebhookRequest, payload: Any, settings: Mapping[str, Any]) -> list[ChangeHint]:
        if not isinstance(payload, dict):
            raise BadPayload("The payload is no JSON object.")
        event = self.event_name(request, payload)
        if event in self.ignored:
            return []
        match event.split(":")[0]:
            case "work_package" if event in ("work_package:created", "work_package:updated"):
                return _package(event, _part(payload, "work_package", event), settings)
            case "project" if event in ("project:created", "project:updated"):
                return [ChangeHint("project", _id(_part(payload, "project", event), event), event)]
            case "work_package_comment" if event == "work_package_comment:comment":
                return _comment(event, _part(payload, "activity", event), settings)
        raise UnknownEvent(event or "(no event name)")


def _part(payload: Mapping[str, Any], name: str, event: str) -> Mapping[str, Any]:
    found = payload.get(name)
    if not isinstance(found, dict):
        raise BadPayload(f"The payload of {event} lacks {name!r}.")
    return found


def _id(part: Mapping[str, Any], event: str) -> str:
    id = part.get("id")
    if not isinstance(id, int | str) or id == "":
        raise BadPayload(f"The payload of {event} lacks an id.")
    return str(id)


def _package(event: str, package: Mapping[str, Any], settings: Mapping[str, Any]) -> list[ChangeHint]:
    id = _id(package, event)
    return [ChangeHint("work_package", id, event)] if _is_ours(package, settings) else []


def _comment(event: str, activity: Mapping[str, Any], settings: Mapping[str, Any]) -> list[ChangeHint]:
    package = read_path(activity, "_embedded.workPackage", None)
    above = id_in(read_path(activity, "_links.workPackage.href", None)) or str(
        read_path(package, "id", "") or ""
    )
    if not above:
        raise BadPayload(f"The payload of {event} does not say which work package it is about.")
    if isinstance(package, dict) and not _is_ours(package, settings):
        return []
    actor = id_in(read_path(activity, "_links.user.href", None)) or ""
    return [ChangeHint("comment", _id(activity, event), event, actor_id=actor, parent_id=above)]


def _is_ours(package: Mapping[str, Any], settings: Mapping[str, Any]) -> bool:
    wanted = str(settings.get("project") or "").strip().casefold()
    id = id_in(read_path(package, "_links.project.href", None))
    name = str(read_path(package, "_embedded.project.identifier", "") or "").casefold()
    return not wanted or wanted in (id, name) or (not wanted.isdigit() and not name) or id is None


WEBHOOKS = OpenProjectWebhooks(scheme=SCHEME, event_at="action", ignored=IGNORED)
