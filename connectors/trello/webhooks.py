"""Trello's webhooks: HMAC-SHA1 over body and address, and what each action hints at.

Source: developer.atlassian.com/cloud/trello/guides/rest-api/webhooks and …/action-types (vendors/trello.md, 8).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from connectors.base.paths import read_path
from connectors.base.signatures import HmacScheme
from connectors.base.types import BadPayload, ChangeHint, UnknownEvent, WebhookAnswer, WebhookRequest

SCHEME = HmacScheme(header="X-Trello-Webhook", algorithm="sha1", encoding="base64", payload="{body}{url}")

CARD_EVENTS = frozenset(
    {
        "createCard",
        "updateCard",
        "copyCard",
        "emailCard",
        "convertToCardFromCheckItem",
        "moveCardToBoard",
        "moveCardFromBoard",
        "addMemberToCard",
        "removeMemberFromCard",
        "addLabelToCard",
        "removeLabelFromCard",
        "updateCustomFieldItem",
        "deleteCard",
    }
)
COMMENT_EVENTS = frozenset({"commentCard", "copyCommentCard", "updateComment", "deleteComment"})
LABEL_EVENTS = frozenset({"createLabel", "updateLabel", "deleteLabel"})
MEMBER_EVENTS = frozenset(
    {
        "addMemberToBoard",
        "removeMemberFromBoard",
        "makeAdminOfBoard",
        "makeNormalMemberOfBoard",
        "makeObserverOfBoard",
        "memberJoinedTrello",
        "updateMember",
    }
)
LOOK_AGAIN = frozenset({"updateList", "moveListFromBoard", "moveListToBoard", "updateBoard"})
"""Many cards may look different afterwards: poll them."""

IGNORED = frozenset(
    {
        "addAttachmentToCard",
        "deleteAttachmentFromCard",
        "addChecklistToCard",
        "removeChecklistFromCard",
        "updateChecklist",
        "copyChecklist",
        "createCheckItem",
        "updateCheckItem",
        "updateCheckItemStateOnCard",
        "deleteCheckItem",
        "createList",
        "createBoard",
        "copyBoard",
        "createCustomField",
        "updateCustomField",
        "deleteCustomField",
        "addToOrganizationBoard",
        "removeFromOrganizationBoard",
        "addAdminToBoard",
        "addBoardsPinnedToMember",
        "disablePlugin",
        "enablePlugin",
        "disablePowerUp",
        "enablePowerUp",
        "voteOnCard",
        "addReaction",
        "removeReaction",
        "unconfirmedBoardInvitation",
        "deleteBoardInvitation",
        "createBoardInvitation",
        "createBoardPreference",
    }
)
"""Actions that change nothing the hub keeps."""


class TrelloWebhooks:
    """Stateless; the hub passes everything in."""

    def handshake(self, request: WebhookRequest, secrets: Sequence[str]) -> WebhookAnswer | None:
        """While a webhook is made, Trello sends an unsigned HEAD and wants 200."""
        return WebhookAnswer() if request.method == "HEAD" else None

    def verify(self, request: WebhookRequest, secrets: Sequence[str], settings: Mapping[str, Any]) -> None:
        SCHEME.verify(request, secrets)

    def delivery_id(self, request: WebhookRequest) -> str | None:
        """The action's id, which stays the same when a delivery is repeated."""
        try:
            found = read_path(orjson.loads(request.body), "action.id", None)
        except orjson.JSONDecodeError:
            return None
        return found if isinstance(found, str) and found else None

    def event_name(self, request: WebhookRequest, payload: Any) -> str:
        return str(read_path(payload, "action.type", "") or "") if isinstance(payload, dict) else ""

    def parse(self, request: WebhookRequest, payload: Any, settings: Mapping[str, Any]) -> list[ChangeHint]:
        if not isinstance(payload, dict) or not isinstance(payload.get("action"), dict):
            raise BadPayload("The payload holds no action.")
        event = self.event_name(request, payload)
        if event in IGNORED:
            return []
        try:
            return _hints(event, payload["action"])
        except (KeyError, TypeError) as error:
            raise BadPayload(f"{event} came without {error}.") from error


def _hints(event: str, action: Mapping[str, Any]) -> list[ChangeHint]:
    actor, data = str(action.get("idMemberCreator") or ""), action["data"]
    if event in CARD_EVENTS:
        return [ChangeHint("card", data["card"]["id"], event, event == "deleteCard", actor)]
    if event in COMMENT_EVENTS:
        # a new comment is its own action; later actions name it
        comment = action["id"] if event in ("commentCard", "copyCommentCard") else data["action"]["id"]
        return [ChangeHint("comment", comment, event, event == "deleteComment", actor, data["card"]["id"])]
    if event in LABEL_EVENTS:
        label = ChangeHint("label", data["label"]["id"], event, event == "deleteLabel", actor)
        # cards show the label's name, and Trello tells of the label only
        return [label] if event == "createLabel" else [label, ChangeHint("card", event=event, actor_id=actor)]
    if event in MEMBER_EVENTS:
        return [ChangeHint("member", event=event, actor_id=actor)]
    if event in LOOK_AGAIN:
        return [ChangeHint("card", event=event, actor_id=actor)]
    raise UnknownEvent(event or "(no event name)")


WEBHOOKS = TrelloWebhooks()
