"""The line below comments that the hub writes."""

from __future__ import annotations

import pytest

from connectors.base.signoff import SignedText, Style, put_together, ref_of, take_apart


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
