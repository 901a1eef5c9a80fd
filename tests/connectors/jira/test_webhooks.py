"""Jira's webhooks: proofs of both kinds, and each event's hints."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from connectors.base.types import (
    BadPayload,
    BadSignature,
    BadTimestamp,
    ChangeHint,
    UnknownEvent,
    WebhookRequest,
)
from connectors.jira.webhooks import APP_EVENTS, IGNORED, SUBSCRIBED, WEBHOOKS, token_of
from sandbox.vendors import jira_seed as seed
from sandbox.vendors.jira_state import app_token
from tests.sandbox_fixtures import Stand

URL = "https://hub.example.org/h"
ACTOR = {"accountId": seed.ANN, "displayName": "Ann Ode"}
ISSUE = {"id": "10301", "key": "WEB-2", "fields": {"summary": "Checkout with card"}}
COMMENT = {"id": "10700", "body": "plain", "author": ACTOR, "updateAuthor": {"accountId": seed.BEN}}


def request(body: bytes = b"{}", query: dict[str, str] | None = None, **headers: str) -> WebhookRequest:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return WebhookRequest("POST", named, body, query or {}, URL, datetime.now(UTC))


def hints(event: str, **payload: Any) -> list[ChangeHint]:
    return WEBHOOKS.parse(request(), {"timestamp": 1, "webhookEvent": event, **payload}, {})


def test_atlassians_own_example_of_a_signature_is_accepted() -> None:
    signature = "sha256=a4771c39fbe90f317c7824e83ddef3caae9cb3d976c214ace1f2937e133263c9"
    signed = request(b"Hello World!", x_hub_signature=signature)
    WEBHOOKS.verify(signed, ["another", "It's a Secret to Everybody"], {})
    with pytest.raises(BadSignature):
        WEBHOOKS.verify(signed, ["another"], {})
    with pytest.raises(BadSignature):
        WEBHOOKS.verify(
            request(b"Hello World", x_hub_signature=signature), ["It's a Secret to Everybody"], {}
        )


def test_a_request_that_proves_nothing_is_refused() -> None:
    for bare in (request(), request(authorization="Basic eDp5"), request(query={"proof": ""})):
        with pytest.raises(BadSignature):
            WEBHOOKS.verify(bare, ["secret"], {})


def test_an_apps_call_is_known_by_the_proof_in_its_address() -> None:
    WEBHOOKS.verify(request(query={"proof": token_of("secret")}), ["new", "secret"], {})
    with pytest.raises(BadSignature):
        WEBHOOKS.verify(request(query={"proof": token_of("other")}), ["secret"], {})


def test_a_token_signed_with_the_apps_secret_is_taken_while_it_lasts() -> None:
    now = int(datetime.now(UTC).timestamp())
    WEBHOOKS.verify(request(authorization=f"Bearer {app_token(now)}"), ["x", seed.CLIENT_SECRET], {})
    WEBHOOKS.verify(request(authorization=f"JWT {app_token(now)}"), [seed.CLIENT_SECRET], {})
    with pytest.raises(BadTimestamp):
        WEBHOOKS.verify(request(authorization=f"Bearer {app_token(now - 3600)}"), [seed.CLIENT_SECRET], {})
    with pytest.raises(BadSignature):
        WEBHOOKS.verify(request(authorization=f"Bearer {app_token(now)}"), ["x"], {})


@pytest.mark.parametrize(
    "token",
    [
        "",
        "a.b",
        "a.b.c",
        "eyJhbGciOiJub25lIn0.eyJleHAiOjk5OTk5OTk5OTl9.",
        "eyJhbGciOiJIUzUxMiJ9.e30.AAAA",
        "bnVsbA.bnVsbA.AAAA",
    ],
)
def test_a_token_of_another_making_is_refused(token: str) -> None:
    with pytest.raises(BadSignature):
        WEBHOOKS.verify(request(authorization=f"Bearer {token}"), [seed.CLIENT_SECRET], {})


@pytest.mark.parametrize("event", ["jira:issue_created", "jira:issue_updated", "jira:issue_deleted"])
def test_issue_events_name_the_issue_and_who_did_it(event: str) -> None:
    assert hints(event, issue=ISSUE, user=ACTOR) == [
        ChangeHint("issue", "10301", event, event == "jira:issue_deleted", seed.ANN)
    ]


@pytest.mark.parametrize("event", ["comment_created", "comment_updated", "comment_deleted"])
def test_comment_events_name_the_comment_and_its_issue(event: str) -> None:
    assert hints(event, issue=ISSUE, comment=COMMENT) == [
        ChangeHint("comment", "10700", event, event == "comment_deleted", seed.BEN, "10301")
    ]


@pytest.mark.parametrize(
    ("event", "payload", "hint"),
    [
        (
            "jira:version_released",
            {"version": {"id": "10201"}},
            ChangeHint("milestone", "version/10201", "jira:version_released"),
        ),
        (
            "jira:version_deleted",
            {"version": {"id": "1"}},
            ChangeHint("milestone", "version/1", "jira:version_deleted", True),
        ),
        ("sprint_started", {"sprint": {"id": 42}}, ChangeHint("milestone", "sprint/42", "sprint_started")),
        (
            "sprint_deleted",
            {"sprint": {"id": 42}},
            ChangeHint("milestone", "sprint/42", "sprint_deleted", True),
        ),
        ("project_updated", {"project": {"id": 10001}}, ChangeHint("project", "10001", "project_updated")),
        ("user_updated", {"user": {"accountId": seed.BEN}}, ChangeHint("user", seed.BEN, "user_updated")),
    ],
)
def test_events_around_issues_name_what_changed(
    event: str, payload: dict[str, Any], hint: ChangeHint
) -> None:
    assert hints(event, **payload) == [hint]


@pytest.mark.parametrize("event", sorted(IGNORED))
def test_events_that_change_nothing_here_are_ignored_on_purpose(event: str) -> None:
    assert hints(event) == []


def test_unknown_and_broken_events_are_loud() -> None:
    with pytest.raises(UnknownEvent):
        hints("jira:galaxy_created")
    with pytest.raises(BadPayload):
        hints("jira:issue_updated", user=ACTOR)
    with pytest.raises(BadPayload):
        WEBHOOKS.parse(request(), ["list"], {})


def test_no_event_is_both_asked_for_and_ignored() -> None:
    assert IGNORED.isdisjoint(SUBSCRIBED)
    assert set(APP_EVENTS) <= set(SUBSCRIBED)


def test_a_repeated_delivery_keeps_its_id() -> None:
    assert WEBHOOKS.delivery_id(request(x_atlassian_webhook_identifier="ab12")) == "ab12"
    assert WEBHOOKS.delivery_id(request()) is None


def test_a_deleted_issue_takes_its_comments_along_in_events_too(open_stand: Callable[..., Stand]) -> None:
    stand = open_stand("jira")
    stand.client.ensure_webhook("http://127.0.0.1:9/hooks", "secret")
    found = next(one for one in stand.vendor.world.all("issue") if one["key"] == "WEB-3")
    stand.vendor.remove("issue", found["id"])
    stand.vendor.sender.flush()
    sent = stand.vendor.sender.deliveries("jira")
    assert [(one.event, one.headers["X-Atlassian-Webhook-Flow"]) for one in sent] == [
        ("comment_deleted", "Secondary"),
        ("jira:issue_deleted", "Primary"),
    ]
    payload = orjson.loads(sent[1].body)
    assert payload["issue"]["fields"]["description"] == "Over a log-in, too."
