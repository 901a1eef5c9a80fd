"""Errors that come as a list, and what a token's answer says beside the token."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import responses

from connectors.base.auth import OAuth2, OAuth2Settings
from connectors.base.classify import field_of, message_of
from connectors.base.connector import Environment
from connectors.base.session import ApiSession

ERRORS = [
    {
        "errorCode": "REQUIRED_FIELD_MISSING",
        "message": "Required fields are missing",
        "fields": ["Name", "Stage"],
    },
    {"errorCode": "OTHER", "message": "Something else", "fields": []},
]


def test_the_first_error_of_a_list_is_the_message_and_names_the_fields() -> None:
    assert message_of(ERRORS) == "Required fields are missing (Name, Stage)"
    assert field_of(ERRORS) == "Name, Stage"


def test_a_list_of_messages_names_no_field() -> None:
    assert field_of({"errors": ["Name is too long"]}) is None
    assert message_of([]) == ""


@responses.activate
def test_what_a_connector_keeps_of_the_tokens_answer_is_stored_with_the_secrets() -> None:
    answer = {"access_token": "fresh", "instance_url": "https://acme.example.org", "id": "not kept"}
    responses.post("https://login.example.org/token", json=answer)
    responses.get("https://api.example.org/x", json={})
    kept: dict[str, Any] = {}

    def refresh(run: Any) -> Any:
        kept.update(run({"client_id": "c", "client_secret": "s", "refresh_token": "r"}))
        return kept

    settings = OAuth2Settings(token_url="https://login.example.org/token", keeps=("instance_url", "absent"))
    environment = Environment(
        now=lambda: datetime(2026, 3, 1, tzinfo=UTC), refresh_secrets=refresh, allow_private_network=True
    )
    session = ApiSession("https://api.example.org", OAuth2(settings, {"refresh_token": "r"}), environment)
    session.get("/x")
    assert kept["instance_url"] == "https://acme.example.org"
    assert "absent" not in kept and "id" not in kept
