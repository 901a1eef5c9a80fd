"""What the hub adds to texts over there."""

from __future__ import annotations

import pytest

from connectors.base.hubtext import HubText, take_apart


@pytest.mark.parametrize(
    "parts",
    [
        HubText("A text\n\nof two paragraphs", "key-1", "Mara Jade"),
        HubText("", "key-1"),
        HubText("Only words"),
        HubText("", "", "Mara Jade"),
        HubText("  - a list  \n", "a.b:c"),
    ],
)
def test_the_parts_come_back_as_they_were_put_together(parts: HubText) -> None:
    assert take_apart(parts.whole) == parts


def test_a_name_cannot_break_out_of_its_line() -> None:
    assert HubText("Hi", "", "Mara_\nJade").whole == "Hi\n\n_Written by Mara Jade in Lockstep_"


def test_line_ends_are_made_one_kind_and_what_is_no_text_is_empty() -> None:
    assert take_apart("a\r\nb\rc") == HubText("a\nb\nc")
    assert take_apart(None) == take_apart(17) == HubText("")
