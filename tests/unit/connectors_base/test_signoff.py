"""The line below comments that the hub writes."""

from __future__ import annotations

import pytest

from connectors.base.errors import RecordProblem
from connectors.base.signoff import (
    SignedText,
    Style,
    put_together,
    ref_of,
    says_nothing_new,
    signed,
    take_apart,
)
from connectors.base.types import ExternalRecord


@pytest.mark.parametrize("style", ["plain", "markdown", "html"])
@pytest.mark.parametrize("author", ["Noor Haddad", "", "Smith & Sons"])
@pytest.mark.parametrize("text", ["A word.", "Two\n\nparagraphs", ""])
def test_what_was_put_together_comes_apart_again(style: Style, author: str, text: str) -> None:
    parts = SignedText(text, author, ref_of("key-1"))
    assert take_apart(put_together(parts, style)) == parts


def test_a_text_without_the_line_stays_as_it_is() -> None:
    assert take_apart("— just a dash, via nothing") == SignedText("— just a dash, via nothing")
    assert take_apart(None) == SignedText("")
    assert put_together(SignedText("as it is")) == "as it is"


def test_the_line_is_found_where_a_vendor_wrapped_it_in_a_paragraph() -> None:
    ref = ref_of("key-1")
    body = f"<p>Hello</p><p><em>— Noor, via Lockstep · {ref}</em></p>"
    assert take_apart(body) == SignedText("<p>Hello</p>", "Noor", ref)


def test_the_line_names_the_author_and_the_reference() -> None:
    assert put_together(SignedText("Hi", "Noor", "0123456789ab"), "markdown") == (
        "Hi\n\n_— Noor, via Lockstep · 0123456789ab_"
    )


def test_blanks_that_end_the_text_stay_the_text_s() -> None:
    parts = SignedText("Two blanks  ", "Noor", ref_of("k"))
    for style in ("plain", "markdown"):
        assert take_apart(put_together(parts, style)) == parts


def comment(text: str, author: str = "", ref: str = "") -> ExternalRecord:
    return ExternalRecord("comment", "1", {"text": text, "hub": {"author": author, "ref": ref}})


def test_a_new_comment_is_signed_by_its_key() -> None:
    made = signed({"text": "Hello", "hub.author": "Noor"}, None, "text", key="k")
    assert made == SignedText("Hello", "Noor", ref_of("k"))


def test_what_is_not_changed_stays_as_it_stands() -> None:
    now = comment("Hello", "Noor", "0123456789ab")
    assert signed({"text": "Bye"}, now, "text") == SignedText("Bye", "Noor", "0123456789ab")
    assert signed({"hub.author": "Ida"}, now, "text") == SignedText("Hello", "Ida", "0123456789ab")


def test_below_what_others_wrote_nothing_is_signed() -> None:
    theirs = comment("Hello", "Their Name")
    assert signed({"text": "Bye", "hub.author": "Ida"}, theirs, "text") == SignedText("Bye")
    assert says_nothing_new({"hub.author": "Ida"}, theirs, "text")
    assert not says_nothing_new({"text": "Bye"}, theirs, "text")
    assert not says_nothing_new({"hub.author": "Ida"}, comment("Hello", "Noor", "0123456789ab"), "text")


def test_an_empty_comment_is_refused_by_its_field() -> None:
    with pytest.raises(RecordProblem) as caught:
        signed({"text": "  "}, None, "text", key="k")
    assert caught.value.field == "text"
