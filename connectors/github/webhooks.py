"""GitHub's webhooks: proof of origin, and what each event hints at.

Events and actions: github/rest-api-description, webhooks document of npm ``@octokit/openapi-webhooks`` 12.1.0.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from connectors.base.paths import read_path
from connectors.base.signatures import HmacScheme
from connectors.base.types import BadPayload, ChangeHint, UnknownEvent, WebhookAnswer, WebhookRequest

from .issues import number_in
from .projects import project_in

SCHEME = HmacScheme(header="X-Hub-Signature-256", prefix="sha256=")

SUBSCRIBED = ("issues", "issue_comment", "label", "milestone", "repository", "sub_issues")
"""Events the hub registers for."""

CHANGES: Mapping[str, frozenset[str]] = {
    "issues": frozenset(
        [
            "opened",
            "edited",
            "closed",
            "reopened",
            "labeled",
            "unlabeled",
            "assigned",
            "unassigned",
            "milestoned",
            "demilestoned",
            "typed",
            "untyped",
        ]
    ),
    "issue_comment": frozenset({"created", "edited"}),
    "label": frozenset({"created", "edited"}),
    "milestone": frozenset({"created", "edited", "opened", "closed"}),
    "sub_issues": frozenset(
        {"parent_issue_added", "parent_issue_removed", "sub_issue_added", "sub_issue_removed"}
    ),
}
DELETIONS: Mapping[str, frozenset[str]] = {
    "issues": frozenset({"deleted", "transferred"}),
    "issue_comment": frozenset({"deleted"}),
    "label": frozenset({"deleted"}),
    "milestone": frozenset({"deleted"}),
}
LOOK_AGAIN: Mapping[str, frozenset[str]] = {
    # the repository itself changed: poll, and let the container check say what is up
    "repository": frozenset({"renamed", "transferred", "archived", "unarchived", "deleted", "edited"}),
}
IGNORED: Mapping[str, frozenset[str] | None] = {
    "ping": None,
    "issues": frozenset({"locked", "unlocked", "pinned", "unpinned"}),
    "issue_comment": frozenset({"pinned", "unpinned"}),
    "repository": frozenset({"created", "privatized", "publicized"}),
    "issue_dependencies": None,
    "projects_v2": None,
    "projects_v2_item": None,
    "projects_v2_status_update": None,
    "installation": None,
    "installation_repositories": None,
    "installation_target": None,
    "meta": None,
}
"""Events that change nothing the hub keeps; None stands for every action."""

ITEM_EVENT = "projects_v2_item"
ITEM_CHANGES = frozenset({"created", "edited", "converted", "archived", "restored", "deleted"})
ITEM_IGNORED = frozenset({"reordered"})
"""Items of projects: only webhooks of organisations and apps bring them, and only a chosen project makes them count."""

_SUBJECTS = {
    "issues": ("issue", "issue", "number"),
    "label": ("label", "label", "id"),
    "milestone": ("milestone", "milestone", "number"),
}


class GitHubWebhooks:
    """Stateless; the hub passes everything in."""

    def handshake(self, request: WebhookRequest, secrets: Sequence[str]) -> WebhookAnswer | None:
        """GitHub has none: its ``ping`` is an ordinary, signed event."""
        return None

    def verify(self, request: WebhookRequest, secrets: Sequence[str], settings: Mapping[str, Any]) -> None:
        SCHEME.verify(request, secrets)

    def delivery_id(self, request: WebhookRequest) -> str | None:
        """The GUID, which stays the same when a delivery is repeated."""
        return request.headers.get("x-github-delivery") or None

    def event_name(self, request: WebhookRequest, payload: Any) -> str:
        event = request.headers.get("x-github-event", "")
        action = payload.get("action") if isinstance(payload, dict) else None
        return f"{event}.{action}" if action else event

    def parse(self, request: WebhookRequest, payload: Any, settings: Mapping[str, Any]) -> list[ChangeHint]:
        if not isinstance(payload, dict):
            raise BadPayload(
                "The payload is no JSON object; set the webhook's content type to application/json."
            )
        event, action = request.headers.get("x-github-event", ""), str(payload.get("action") or "")
        name = self.event_name(request, payload)
        if event == ITEM_EVENT and project_in(settings.get("project")):
            return _item_hints(name, action, payload, settings)
        if event in IGNORED and (IGNORED[event] is None or action in (IGNORED[event] or ())):
            return []
        is_delete = action in DELETIONS.get(event, ())
        if not is_delete and action not in CHANGES.get(event, ()) and action not in LOOK_AGAIN.get(event, ()):
            raise UnknownEvent(name)
        if event not in LOOK_AGAIN and not _is_ours(payload, settings):
            return []
        try:
            return _hints(event, name, payload, is_delete)
        except (KeyError, TypeError, AttributeError) as error:
            raise BadPayload(f"{name} came without its usual parts.") from error


def _is_ours(payload: Mapping[str, Any], settings: Mapping[str, Any]) -> bool:
    """False for another repository's event, as organisation and app webhooks bring them."""
    wanted = (
        str(settings.get("repository") or f"{settings.get('owner', '')}/{settings.get('repo', '')}")
        .strip()
        .lower()
    )
    came_from = str((payload.get("repository") or {}).get("full_name") or "").lower()
    return not came_from or wanted in ("", "/") or wanted == came_from


def _item_hints(
    name: str, action: str, payload: Mapping[str, Any], settings: Mapping[str, Any]
) -> list[ChangeHint]:
    """A poll of the issues: the event names the item and the issue by node ids only, and the project at times."""
    if action in ITEM_IGNORED:
        return []
    if action not in ITEM_CHANGES:
        raise UnknownEvent(name)
    item, chosen = payload.get("projects_v2_item"), project_in(settings.get("project"))
    if not isinstance(item, dict):
        raise BadPayload(f"{name} came without its usual parts.")
    number = read_path(payload, "changes.field_value.project_number", None)
    if item.get("content_type") != "Issue" or (number is not None and chosen and number != chosen[1]):
        return []
    return [ChangeHint("issue", event=name, actor_id=str(read_path(payload, "sender.id", "") or ""))]


def _hints(event: str, name: str, payload: Mapping[str, Any], is_delete: bool) -> list[ChangeHint]:
    actor = str((payload.get("sender") or {}).get("id") or "")
    if event in LOOK_AGAIN:
        return [ChangeHint(resource="issue", event=name, actor_id=actor)]
    if event == "sub_issues":
        numbers = [
            str(payload[part]["number"]) for part in ("parent_issue", "sub_issue") if payload.get(part)
        ]
        return [ChangeHint("issue", number, name, actor_id=actor) for number in numbers]
    if event == "issue_comment":
        if payload["issue"].get("pull_request"):
            return []
        comment = payload["comment"]
        parent = number_in(comment.get("issue_url")) or str(payload["issue"]["number"])
        return [ChangeHint("comment", str(comment["id"]), name, is_delete, actor, parent)]
    resource, part, id_at = _SUBJECTS[event]
    subject = payload[part]
    if subject.get("pull_request"):
        return []
    return [ChangeHint(resource, str(subject[id_at]), name, is_delete, actor)]


WEBHOOKS = GitHubWebhooks()
