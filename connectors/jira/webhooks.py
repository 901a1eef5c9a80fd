"""Jira's webhooks: how each kind proves itself, and what each event hints at.

Source: developer.atlassian.com/cloud/jira/platform/webhooks, vendors/jira.md 8. Texts in payloads are wiki markup, not
ADF, and comments come with a thin issue: every record is read again.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from connectors.base.paths import read_path
from connectors.base.signatures import HmacScheme, check_token
from connectors.base.types import BadSignature, BadTimestamp, ChangeHint, WebhookRequest
from connectors.base.webhooks import Parse, WebhookHandler

SCHEME = HmacScheme(header="X-Hub-Signature", prefix="sha256=")

ISSUE_EVENTS = ("jira:issue_created", "jira:issue_updated", "jira:issue_deleted")
COMMENT_EVENTS = ("comment_created", "comment_updated", "comment_deleted")
VERSION_EVENTS = (
    "jira:version_created",
    "jira:version_updated",
    "jira:version_released",
    "jira:version_unreleased",
    "jira:version_moved",
    "jira:version_deleted",
)
SPRINT_EVENTS = (
    "sprint_created",
    "sprint_updated",
    "sprint_started",
    "sprint_closed",
    "sprint_deleted",
)
PROJECT_EVENTS = ("project_updated", "project_deleted", "project_soft_deleted")
USER_EVENTS = ("user_created", "user_updated", "user_deleted")

#: what an administrator's webhook is registered for
SUBSCRIBED = (
    *ISSUE_EVENTS,
    *COMMENT_EVENTS,
    *VERSION_EVENTS,
    *SPRINT_EVENTS,
    *PROJECT_EVENTS,
    *USER_EVENTS,
)
#: what an app's may be: the document's list
APP_EVENTS = (*ISSUE_EVENTS, *COMMENT_EVENTS)

IGNORED = frozenset(
    {
        "attachment_created",
        "attachment_deleted",
        "board_configuration_changed",
        "board_created",
        "board_deleted",
        "board_updated",
        "filter_created",
        "filter_deleted",
        "filter_updated",
        "issue_property_deleted",
        "issue_property_set",
        "issuelink_created",
        "issuelink_deleted",
        "issuetype_created",
        "issuetype_deleted",
        "issuetype_updated",
        "jira:worklog_updated",
        "jira_expression_evaluation_failed",
        "option_attachments_changed",
        "option_issuelinks_changed",
        "option_subtasks_changed",
        "option_timetracking_changed",
        "option_unassigned_issues_changed",
        "option_voting_changed",
        "option_watching_changed",
        "project_archived",
        "project_created",
        "project_restored_archived",
        "project_restored_deleted",
        "worklog_created",
        "worklog_deleted",
        "worklog_updated",
    }
)
"""Events that change nothing the hub keeps."""


def _issue(event: str, payload: Mapping[str, Any]) -> list[ChangeHint]:
    id = str(payload["issue"]["id"])
    return [ChangeHint("issue", id, event, event == "jira:issue_deleted", _actor(payload, "user"))]


def _comment(event: str, payload: Mapping[str, Any]) -> list[ChangeHint]:
    id, issue = str(payload["comment"]["id"]), str(payload["issue"]["id"])
    actor = _actor(payload, "comment.updateAuthor") or _actor(payload, "comment.author")
    return [ChangeHint("comment", id, event, event == "comment_deleted", actor, issue)]


def _version(event: str, payload: Mapping[str, Any]) -> list[ChangeHint]:
    id = f"version/{payload['version']['id']}"
    return [ChangeHint("milestone", id, event, event == "jira:version_deleted")]


def _sprint(event: str, payload: Mapping[str, Any]) -> list[ChangeHint]:
    id = f"sprint/{payload['sprint']['id']}"
    return [ChangeHint("milestone", id, event, event == "sprint_deleted")]


def _project(event: str, payload: Mapping[str, Any]) -> list[ChangeHint]:
    return [ChangeHint("project", str(payload["project"]["id"]), event, event == "project_deleted")]


def _user(event: str, payload: Mapping[str, Any]) -> list[ChangeHint]:
    id = str(payload["user"]["accountId"])
    return [ChangeHint("user", id, event, event == "user_deleted")]


def _actor(payload: Mapping[str, Any], path: str) -> str:
    return str(read_path(payload, f"{path}.accountId", "") or "")


_EVENTS: Mapping[str, Parse] = {
    **dict.fromkeys(ISSUE_EVENTS, _issue),
    **dict.fromkeys(COMMENT_EVENTS, _comment),
    **dict.fromkeys(VERSION_EVENTS, _version),
    **dict.fromkeys(SPRINT_EVENTS, _sprint),
    **dict.fromkeys(PROJECT_EVENTS, _project),
    **dict.fromkeys(USER_EVENTS, _user),
}


@dataclass(frozen=True)
class JiraWebhooks(WebhookHandler):
    """Stateless; the hub passes everything in."""

    def verify(self, request: WebhookRequest, secrets: Sequence[str], settings: Mapping[str, Any]) -> None:
        """An administrator's webhook signs the body. An app's bears a token of the app, which says nothing of the body,
        and the proof in the address it was registered with; either tells that it is Jira who calls."""
        if request.headers.get("x-hub-signature"):
            return super().verify(request, secrets, settings)
        proof = request.query.get("proof", "")
        if proof:
            return check_token(proof, [token_of(secret) for secret in secrets if secret])
        bearer = request.headers.get("authorization", "")
        if bearer[:7].lower() in ("bearer ",) or bearer[:4].lower() == "jwt ":
            return check_jwt(bearer.partition(" ")[2], secrets, now=request.received_at)
        raise BadSignature("The request bears no signature.")


def token_of(secret: str) -> str:
    """What stands in an app webhook's address: shows that the registering hub knows the secret, and does not tell it."""
    return hmac.new(secret.encode(), b"jira app webhook", hashlib.sha256).hexdigest()


def check_jwt(token: str, secrets: Sequence[str], *, now: datetime) -> None:
    """Raises ``BadSignature`` unless the token is HS256, signed with one of the secrets, and in force (RFC 7519)."""
    parts = token.strip().split(".")
    if len(parts) != 3:
        raise BadSignature("The token cannot be read.")
    try:
        header, claims = (orjson.loads(_segment(part)) for part in parts[:2])
        given = _segment(parts[2])
    except (ValueError, binascii.Error):
        raise BadSignature("The token cannot be read.") from None
    if not isinstance(header, dict) or header.get("alg") != "HS256" or not isinstance(claims, dict):
        raise BadSignature("The token is signed in a way that is not taken.")
    signed = f"{parts[0]}.{parts[1]}".encode()
    matches = [
        hmac.compare_digest(hmac.new(secret.encode(), signed, hashlib.sha256).digest(), given)
        for secret in secrets
        if secret
    ]
    if not any(matches):
        raise BadSignature("The signature does not match.")
    expires = claims.get("exp")
    if not isinstance(expires, int | float) or expires < now.timestamp() - 60:
        raise BadTimestamp("The token has expired or does not say when it does.")


def _segment(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


WEBHOOKS = JiraWebhooks(
    scheme=SCHEME,
    events=_EVENTS,
    ignored=IGNORED,
    event_at="webhookEvent",
    delivery_header="X-Atlassian-Webhook-Identifier",
)
