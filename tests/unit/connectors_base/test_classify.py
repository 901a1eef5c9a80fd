"""What an error's body says, in the shapes that vendors use."""

from __future__ import annotations

from connectors.base.classify import field_of, message_of


def test_messages_by_field_name_the_fields() -> None:
    body = {"message": {"title": ["can't be blank", "is odd"], "due_date": "is over"}}
    assert message_of(body) == "title can't be blank, is odd; due_date is over (title, due_date)"
    assert field_of(body) == "title, due_date"


def test_a_plain_message_names_no_field() -> None:
    assert message_of({"message": "404 Project Not Found"}) == "404 Project Not Found"
    assert field_of({"message": "404 Project Not Found"}) is None
