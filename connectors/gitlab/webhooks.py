"""GitLab's webhooks: proof of origin, and what each event hints at.

Headers and payloads: gitlabhq/gitlabhq doc/user/project/integrations/webhooks.md; signing: gitlab-org/gitlab merge requests
230944 and 231325 (2026): the form of Standard Webhooks.
"""

from __future__ import annotations

import base64
import binascii
import dataclasses
import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from connectors.base.paths import read_path
from connectors.base.signatures import HmacScheme, check_token
from connectors.base.types import (
    BadPayload,
    BadSignature,
    BadTimestamp,
    ChangeHint,
    UnknownEvent,
    WebhookAnswer,
    WebhookRequest,
)

KEY_PREFIX = "whsec_"
SCHEME = HmacScheme(
    header="webhook-signature",
    encoding="base64",
    prefix="v1,",
    payload="{id}.{timestamp}.{body}",
    timestamp_header="webhook-timestamp",
    id_header="webhook-id",
    secret_encoding="base64",  # noqa: S106
)

HANDLED = ("issue", "work_item", "note", "milestone")
IGNORED = frozenset(
    [
        "push",
        "tag_push",
        "merge_request",
        "wiki_page",
        "pipeline",
        "build",
        "deployment",
        "release",
        "feature_flag",
        "emoji",
        "access_token",
        "vulnerability",
        "member",
        "project",
        "subgroup",
        "group",
    ]
)
"""Kinds of events that change nothing the hub keeps."""
_OTHER_NOTES = (
    "Commit",
    "MergeRequest",
    "Snippet",
    "Vulnerability",
    "DesignManagement::Design",
    "WikiPage::Meta",
)
_NOTES = {"Issue": ("note", "issue"), "WorkItem": ("note", "issue"), "Epic": ("epic_note", "epic")}


def signing_token(secret: str) -> str:
    """The key in the only form GitLab takes: ``whsec_`` and 32 bytes in base64, made from the hub's secret."""
    if secret.startswith(KEY_PREFIX):
        return secret
    return KEY_PREFIX + base64.b64encode(hashlib.sha256(secret.encode()).digest()).decode()


class GitLabWebhooks:
    """Stateless; the hub passes everything in."""

    def handshake(self, request: WebhookRequest, secrets: Sequence[str]) -> WebhookAnswer | None:
        """GitLab has none: its test is an ordinary event."""
        return None

    def verify(self, request: WebhookRequest, secrets: Sequence[str], settings: Mapping[str, Any]) -> None:
        """The signature where there is one; else the token in clear text, which proves the sender but not the body."""
        if "webhook-signature" in request.headers:
            _verify_signatures(request, [key for one in secrets if one and (key := _key_of(one))])
            return
        check_token(request.headers.get("x-gitlab-token", ""), secrets)

    def delivery_id(self, request: WebhookRequest) -> str | None:
        """Stays the same when a delivery is repeated; older servers only number the event."""
        for name in ("idempotency-key", "webhook-id", "x-gitlab-event-uuid"):
            if value := request.headers.get(name):
                return value
        return None

    def event_name(self, request: WebhookRequest, payload: Any) -> str:
        kind = str(read_path(payload, "object_kind", "") or "") if isinstance(payload, dict) else ""
        action = str(read_path(payload, "object_attributes.action", "") or "") if kind else ""
        return f"{kind}.{action}" if action else kind or request.headers.get("x-gitlab-event", "")

    def parse(self, request: WebhookRequest, payload: Any, settings: Mapping[str, Any]) -> list[ChangeHint]:
        if not isinstance(payload, dict):
            raise BadPayload("The payload is no JSON object; leave the webhook's custom template empty.")
        kind, name = str(payload.get("object_kind") or ""), self.event_name(request, payload)
        if kind in IGNORED:
            return []
        if kind not in HANDLED:
            raise UnknownEvent(name or "(no event name)")
        subject = payload.get("object_attributes")
        if not isinstance(subject, dict):
            raise BadPayload(f"{name} came without its object_attributes.")
        actor = str(read_path(payload, "user.id", "") or "")
        if kind == "note":
            return _note_hints(name, payload, subject, settings, actor)
        is_epic = kind == "work_item" and str(subject.get("type") or "") == "Epic"
        if not is_epic and not _is_ours(payload, settings):
            return []
        if kind == "milestone":
            return [ChangeHint("milestone", _number(subject, "id", name), name, actor_id=actor)]
        resource = "epic" if is_epic else "issue"
        return [ChangeHint(resource, _number(subject, "iid", name), name, actor_id=actor)]


def _verify_signatures(request: WebhookRequest, keys: Sequence[str]) -> None:
    """The header may list several signatures, apart by spaces; one that fits is enough."""
    for one in request.headers["webhook-signature"].split():
        try:
            return SCHEME.verify(
                dataclasses.replace(request, headers={**request.headers, "webhook-signature": one}), keys
            )
        except BadTimestamp:
            raise
        except BadSignature:
            continue
    raise BadSignature("The signature does not match.")


def _note_hints(
    name: str, payload: Mapping[str, Any], subject: Mapping[str, Any], settings: Mapping[str, Any], actor: str
) -> list[ChangeHint]:
    about = str(subject.get("noteable_type") or "")
    if about in _OTHER_NOTES or subject.get("system") or subject.get("internal"):
        return []
    if about not in _NOTES:
        raise UnknownEvent(f"{name} on {about or 'nothing'}")
    resource, part = _NOTES[about]
    if resource == "note" and not _is_ours(payload, settings):
        return []
    parent = payload.get(part) or payload.get("work_item")
    if not isinstance(parent, dict):
        raise BadPayload(f"{name} came without the {part} it is about.")
    number, above = _number(subject, "id", name), _number(parent, "iid", name)
    return [ChangeHint(resource, number, name, actor_id=actor, parent_id=above)]


def _is_ours(payload: Mapping[str, Any], settings: Mapping[str, Any]) -> bool:
    """False for another project's event, as a group's webhook brings them."""
    wanted = str(settings.get("project") or "").strip().strip("/").casefold()
    id = read_path(payload, "project.id", None)
    path = str(read_path(payload, "project.path_with_namespace", "") or "").casefold()
    return not wanted or (id is None and not path) or wanted in (str(id), path)


def _number(part: Mapping[str, Any], name: str, event: str) -> str:
    value = part.get(name)
    if not isinstance(value, int | str) or value == "":
        raise BadPayload(f"{event} came without its {name}.")
    return str(value)


def _key_of(secret: str) -> str:
    key = signing_token(secret).removeprefix(KEY_PREFIX)
    try:
        base64.b64decode(key, validate=True)
    except (ValueError, binascii.Error):
        return ""
    return key


WEBHOOKS = GitLabWebhooks()
