"""Rich text: what people write survives, what is harmful does not (D2, F17, I22, M7)."""

from __future__ import annotations

import re
from html import escape
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconcile.kinds import Kind, ValueProblem, canonical
from reconcile.transforms.adf import adf_damage, adf_to_markdown, markdown_to_adf
from reconcile.transforms.markdown import (
    escape_text,
    html_damage,
    html_to_markdown,
    markdown_to_html,
    markdown_to_plain,
    sanitise_html,
)
from tests.unit.reconcile.test_transforms import BOOK, bound, t

CORPUS = [
    "plain words",
    "two\n\nparagraphs",
    "**bold** and *italic* and `code` and ~~gone~~",
    "# Title\n\ntext",
    "- one\n- two\n  - nested\n- three",
    "1. first\n2. second",
    "> quoted\n> lines",
    "```python\nprint('a < b')\n```",
    "[link](https://example.com/a?b=c&d=e)",
    "line one\\\nline two",
    "| a \\| x | b |\n| --- | --- |\n| 1 | 2 |",
    "a \\* b \\_ c",
    "x < y && z > w",
    "emoji 🎉 and ümläuts",
    "---",
    "````\n```\ninner\n```\n````",
    "***both***",
    "snake_case and 2 * 3 and a | b and [x] and ~ and 1 < 2 > 0 & so on",
    "- item with **bold**\n\n  and a second paragraph\n- next",
    "![picture](https://example.com/a.png)",
]


@pytest.mark.parametrize("text", CORPUS)
@pytest.mark.parametrize("kind", ["html", "adf"])
def test_what_was_sent_once_reads_back_and_sends_the_same_from_then_on(text: str, kind: str) -> None:
    """encode(decode(y)) is a fixpoint after one pass."""
    link = bound(Kind.RICH_TEXT, t("rich_text", format=kind))
    sent = link.outward(canonical(Kind.RICH_TEXT, text), BOOK)
    read = link.inward(sent, BOOK)
    assert link.outward(read, BOOK) == sent
    assert link.inward(link.outward(read, BOOK), BOOK) == read


@pytest.mark.parametrize("text", CORPUS)
def test_markdown_and_plain_vendors_get_the_text_as_it_is(text: str) -> None:
    for options in ({"format": "markdown"}, {"format": "plain"}):
        link = bound(Kind.RICH_TEXT, t("rich_text", **options))
        assert link.outward(text, BOOK) == text and link.inward(text, BOOK) == text


@pytest.mark.parametrize(
    ("html", "markdown"),
    [
        ("<p>Hello <strong>you</strong></p>", "Hello **you**"),
        ("<p>a</p><p>b</p>", "a\n\nb"),
        ("<ul><li>a</li><li>b<ul><li>c</li></ul></li></ul>", "- a\n- b\n  - c"),
        ("<ol><li>a</li><li>b</li></ol>", "1. a\n2. b"),
        ('<a href="https://example.com">x</a>', "[x](https://example.com)"),
        ("a<br>b", "a\\\nb"),
        ("<h2>T</h2>", "## T"),
        ("<pre><code>x = 1\n</code></pre>", "```\nx = 1\n```"),
        ("3 &lt; 4 &amp; 5", "3 < 4 & 5"),
        ("just words", "just words"),
        ("<p>&nbsp;</p>", ""),
    ],
)
def test_html_reads_as_markdown(html: str, markdown: str) -> None:
    assert html_to_markdown(html).strip() == markdown


def test_plain_text_in_an_html_field_reads_like_its_wrapped_form() -> None:
    link = bound(Kind.RICH_TEXT, t("rich_text", format="html"))
    for text in ("a * b_c", "- no list", "1. one", "x < y", "# no title"):
        wrapped = f"<p>{text.replace('<', '&lt;')}</p>"
        assert link.inward(text, BOOK) == link.inward(wrapped, BOOK)


@pytest.mark.parametrize(
    "evil",
    [
        "<script>alert(1)</script>",
        '<img src=x onerror="alert(1)">',
        '<a href="javascript:alert(1)">x</a>',
        "<svg onload=alert(1)>",
        '<p style="background:url(javascript:1)" onclick="x()">p</p>',
        "[x](javascript:alert(1))",
        "[x](data:text/html;base64,PHNjcmlwdD4=)",
        "<iframe src='https://evil.example'></iframe>",
    ],
)
def test_nothing_harmful_survives_to_html(evil: str) -> None:
    for html in (markdown_to_html(evil), markdown_to_html(html_to_markdown(evil)), sanitise_html(evil)):
        tags = " ".join(re.findall(r"<[a-zA-Z/][^>]*>", html)).lower()
        assert not re.search(r"<(script|svg|iframe)|javascript:|data:|\son\w+=|style=", tags)


def test_html_nested_beyond_reason_is_refused_not_crashed() -> None:
    def read() -> str:
        return html_to_markdown("<blockquote>" * 5_000 + "x")

    with pytest.raises(ValueProblem, match="too deeply"):
        read()


def test_what_markdown_cannot_carry_is_named() -> None:
    assert html_damage("<p>ok</p>") is None
    assert html_damage('<video src="x"></video><IFRAME>') == "it holds iframe, video, which would be lost"
    assert html_damage('<td colspan="2">') == "it holds merged table cells, which would be lost"
    assert adf_damage(markdown_to_adf("# ok\n\n- a")) is None
    doc = {
        "type": "doc",
        "content": [{"type": "mediaSingle"}, {"type": "paragraph", "content": [{"type": "mention"}]}],
    }
    assert adf_damage(doc) == "it holds mediaSingle, mention, which would be lost"


def test_an_adf_document_reads_as_markdown() -> None:
    doc: dict[str, Any] = {
        "type": "doc", "version": 1,
        "content": [
            {"type": "heading", "attrs": {"level": 2}, "content": [{"type": "text", "text": "T"}]},
            {"type": "paragraph", "content": [
                {"type": "text", "text": "bold ", "marks": [{"type": "strong"}]},
                {"type": "text", "text": "a*b", "marks": [{"type": "link", "attrs": {"href": "https://e.x/"}}]},
                {"type": "hardBreak"},
                {"type": "mention", "attrs": {"id": "1", "text": "@Ada"}},
            ]},
            {"type": "orderedList", "attrs": {"order": 3}, "content": [
                {"type": "listItem", "content": [{"type": "paragraph", "content": [{"type": "text", "text": "x"}]},
                    {"type": "bulletList", "content": [{"type": "listItem", "content": [
                        {"type": "paragraph", "content": [{"type": "text", "text": "y"}]}]}]}]}]},
            {"type": "codeBlock", "attrs": {"language": "py"}, "content": [{"type": "text", "text": "a < b"}]},
            {"type": "panel", "attrs": {"panelType": "info"}, "content": [
                {"type": "paragraph", "content": [{"type": "text", "text": "note"}]}]},
            {"type": "taskList", "content": [{"type": "taskItem", "attrs": {"state": "DONE"}, "content": [{"type": "text", "text": "did"}]}]},
            {"type": "rule"},
        ],
    }  # fmt: skip
    assert adf_to_markdown(doc) == (
        "## T\n\n**bold** [a\\*b](https://e.x/)\\\n@Ada\n\n3. x\n   - y\n\n```py\na < b\n```\n\n> note\n\n- [x] did\n\n---"
    )


def test_markdown_reads_as_an_adf_document() -> None:
    assert markdown_to_adf("- **a** `b`\n") == {
        "type": "doc", "version": 1,
        "content": [{"type": "bulletList", "content": [{"type": "listItem", "content": [{"type": "paragraph", "content": [
            {"type": "text", "text": "a", "marks": [{"type": "strong"}]},
            {"type": "text", "text": " "},
            {"type": "text", "text": "b", "marks": [{"type": "code"}]},
        ]}]}]}],
    }  # fmt: skip
    assert markdown_to_adf("") == {"type": "doc", "version": 1, "content": []}


@pytest.mark.parametrize(
    "junk",
    [{"type": "doc", "content": "x"}, {"type": "doc", "content": [1, {"type": "text"}]}, {"type": "doc"}],
)
def test_a_malformed_adf_document_reads_as_little_as_it_says(junk: Any) -> None:
    assert isinstance(adf_to_markdown(junk), str)


@settings(max_examples=200)
@given(st.text(st.sampled_from(list("ab *_`[]()<>#+-.1\\|~!&\n")), max_size=40))
def test_escaped_text_shows_exactly_what_was_written(text: str) -> None:
    line = " ".join(text.split())
    assert markdown_to_plain(escape_text(line)) == line


@settings(max_examples=200)
@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=60))
def test_plain_words_in_adf_and_html_settle_after_one_pass(text: str) -> None:
    for kind in ("adf", "html"):
        link = bound(Kind.RICH_TEXT, t("rich_text", format=kind))
        read = link.inward(link.outward(canonical(Kind.RICH_TEXT, text), BOOK), BOOK)
        assert link.inward(link.outward(read, BOOK), BOOK) == read


def test_strip_sends_only_the_words() -> None:
    link = bound(Kind.RICH_TEXT, t("rich_text", format="plain", strip=True))
    assert link.outward("# A\n\n**b** [c](https://x.y)\n\n- d", BOOK) == "A\nb c\nd"


@pytest.mark.parametrize(
    ("html", "markdown"),
    [
        ("<p>Told by <strong>her</strong>:</p>", "Told by **her**:"),
        ("<p>a <b>x</b> - y</p>", "a **x** - y"),
        ("<p><b></b>- x</p>", "\\- x"),
        ("<p>a<br>- y</p>", "a\\\n\\- y"),
        ("<p><b>x</b>\n- y</p>", "**x**\n\\- y"),
    ],
)
def test_a_sign_is_escaped_only_where_it_begins_a_line(html: str, markdown: str) -> None:
    assert html_to_markdown(html) == markdown


@given(
    st.lists(
        st.tuples(st.sampled_from(["", "b", "i", "a"]), st.text("-+#>:|1.) x\n=", min_size=1, max_size=6)),
        max_size=5,
    )
)
def test_signs_between_inline_marks_show_as_they_are(parts: list[tuple[str, str]]) -> None:
    """Whatever stands before them on their line: Markdown makes no list, heading or quote of them."""
    html = "".join(
        f"<{tag}>{text}</{tag}>" if tag else text for tag, text in ((t, escape(x)) for t, x in parts)
    )
    shown = markdown_to_html(html_to_markdown(f"<p>{html}</p>"))
    assert not re.search(r"<(ul|ol|li|h\d|blockquote|hr|table|pre)\b", shown), shown


def test_a_sign_in_a_document_of_nodes_is_escaped_only_where_it_begins_a_line() -> None:
    strong = {"type": "text", "text": "x", "marks": [{"type": "strong"}]}
    nodes = [strong, {"type": "text", "text": "- y"}, {"type": "hardBreak"}, {"type": "text", "text": "- z"}]
    document = {"type": "doc", "version": 1, "content": [{"type": "paragraph", "content": nodes}]}
    assert adf_to_markdown(document) == "**x**- y\\\n\\- z"
