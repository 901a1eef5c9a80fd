"""Every event GitHub documents for what the hub keeps, by its payload."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest

from connectors.base.types import BadPayload, BadSignature, ChangeHint, UnknownEvent, WebhookRequest
from connectors.github.webhooks import CHANGES, DELETIONS, IGNORED, LOOK_AGAIN, SCHEME, WEBHOOKS

PAYLOADS = Path(__file__).parent / "payloads"
SETTINGS = {"repository": "Codertocat/Hello-World"}
SENDER = "21031067"
EVENTS = (
    "issue_comment",
    "sub_issues",
    "projects_v2_item",
    "issues",
    "label",
    "milestone",
    "repository",
    "ping",
)


def event_of(name: str) -> str:
    return next(event for event in EVENTS if name.startswith(event))


def received(name: str, *, secret: str = "a secret", **headers: str) -> tuple[WebhookRequest, Any]:
    body = (PAYLOADS / f"{name}.json").read_bytes()
    sent = {
        "x-github-event": event_of(name),
        "x-github-delivery": "72d3162e-cc78-11e3-81ab-4c9367dc0958",
        "x-hub-signature-256": SCHEME.sign(secret, body),
        **headers,
    }
    request = WebhookRequest("POST", sent, body, {}, "https://hub.example.org/h", datetime.now(UTC))
    return request, orjson.loads(body)


def hints(name: str, settings: dict[str, str] | None = None) -> list[ChangeHint]:
    request, payload = received(name)
    return WEBHOOKS.parse(request, payload, SETTINGS if settings is None else settings)


def names(prefix: str) -> list[str]:
    return sorted(path.stem for path in PAYLOADS.glob(f"{prefix}_*.json"))


@pytest.mark.parametrize("action", sorted(CHANGES["issues"]))
def test_a_change_of_an_issue_hints_at_the_issue(action: str) -> None:
    assert hints(f"issues_{action}") == [ChangeHint("issue", "1", f"issues.{action}", actor_id=SENDER)]


@pytest.mark.parametrize("action", ["deleted", "transferred"])
def test_an_issue_that_left_is_nominated_for_deletion(action: str) -> None:
    assert hints(f"issues_{action}") == [
        ChangeHint("issue", "1", f"issues.{action}", is_delete=True, actor_id=SENDER)
    ]


@pytest.mark.parametrize("action", ["created", "edited", "deleted"])
def test_a_comment_hints_at_itself_and_its_issue(action: str) -> None:
    expected = ChangeHint("comment", "492700400", f"issue_comment.{action}", action == "deleted", SENDER, "1")
    assert hints(f"issue_comment_{action}") == [expected]


def test_a_comment_on_a_pull_request_is_ignored() -> None:
    assert hints("issue_comment_created_on_pull_request") == []


@pytest.mark.parametrize("action", ["created", "edited", "deleted"])
def test_a_label_hints_at_itself_by_its_number(action: str) -> None:
    expected = ChangeHint("label", "1362934389", f"label.{action}", action == "deleted", SENDER)
    assert hints(f"label_{action}") == [expected]


@pytest.mark.parametrize("action", ["created", "edited", "opened", "closed", "deleted"])
def test_a_milestone_hints_at_itself(action: str) -> None:
    assert hints(f"milestone_{action}") == [
        ChangeHint("milestone", "1", f"milestone.{action}", action == "deleted", SENDER)
    ]


@pytest.mark.parametrize("action", sorted(CHANGES["sub_issues"]))
def test_a_parent_link_hints_at_both_issues(action: str) -> None:
    assert [(hint.resource, hint.external_id) for hint in hints(f"sub_issues_{action}")] == [
        ("issue", "1"),
        ("issue", "3"),
    ]


@pytest.mark.parametrize(
    "name", ["repository_renamed", "repository_archived", "repository_transferred", "repository_deleted"]
)
def test_a_change_of_the_repository_asks_for_a_poll(name: str) -> None:
    assert [(hint.resource, hint.external_id, hint.is_delete) for hint in hints(name)] == [
        ("issue", "", False)
    ]


@pytest.mark.parametrize(
    "name",
    [
        "ping",
        "issues_locked",
        "issues_unlocked",
        "issues_pinned",
        "issues_unpinned",
        "projects_v2_item_edited",
    ],
)
def test_what_changes_nothing_here_is_ignored_on_purpose(name: str) -> None:
    assert hints(name) == []


def test_another_repositorys_event_is_ignored() -> None:
    assert hints("issues_edited", {"repository": "acme/webshop"}) == []
    assert hints("issues_edited", {"owner": "codertocat", "repo": "hello-world"}) != []


def test_an_unknown_event_or_action_is_loud() -> None:
    request, payload = received("issues_opened")
    with pytest.raises(UnknownEvent, match="issues.exploded"):
        WEBHOOKS.parse(request, {**payload, "action": "exploded"}, SETTINGS)
    request, payload = received("issues_opened", **{"x-github-event": "gollum"})
    with pytest.raises(UnknownEvent):
        WEBHOOKS.parse(request, payload, SETTINGS)


def test_a_payload_without_its_parts_or_of_another_shape_is_bad() -> None:
    request, payload = received("issues_opened")
    del payload["issue"]
    for broken in (payload, ["issue"], None):
        with pytest.raises(BadPayload):
            WEBHOOKS.parse(request, broken, SETTINGS)


def test_the_signature_proves_the_raw_bytes_under_any_of_the_secrets() -> None:
    request, _ = received("issues_opened", secret="new")
    WEBHOOKS.verify(request, ["newer", "new"], SETTINGS)
    for secrets in ([], ["old"], [""]):
        with pytest.raises(BadSignature):
            WEBHOOKS.verify(request, secrets, SETTINGS)


def test_githubs_own_example_of_a_signature_verifies() -> None:
    """docs.github.com, "Validating webhook deliveries", testing the signature."""
    known = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    headers = {"x-hub-signature-256": known}
    request = WebhookRequest(
        "POST", headers, b"Hello, World!", {}, "https://hub.example.org/h", datetime.now(UTC)
    )
    WEBHOOKS.verify(request, ["It's a Secret to Everybody"], {})


def test_a_repeated_delivery_has_the_same_id_and_an_event_its_name() -> None:
    request, payload = received("issues_labeled")
    assert WEBHOOKS.delivery_id(request) == "72d3162e-cc78-11e3-81ab-4c9367dc0958"
    assert WEBHOOKS.event_name(request, payload) == "issues.labeled"
    request, payload = received("ping")
    assert WEBHOOKS.event_name(request, payload) == "ping"


def test_every_handled_action_has_a_payload_here() -> None:
    have = {path.stem for path in PAYLOADS.glob("*.json")}
    handled = {
        f"{event}_{action}"
        for table in (CHANGES, DELETIONS)
        for event, actions in table.items()
        for action in actions
    }
    assert handled <= have
    assert not set(LOOK_AGAIN) & (set(CHANGES) | set(DELETIONS))
    assert not {(event, action) for event, actions in IGNORED.items() for action in actions or ()} & {
        (event, action)
        for table in (CHANGES, DELETIONS, LOOK_AGAIN)
        for event, actions in table.items()
        for action in actions
    }
