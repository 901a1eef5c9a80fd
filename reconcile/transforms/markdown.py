"""Markdown ↔ HTML and plain text. HTML that leaves this module is sanitised."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

import nh3
from markdown_it import MarkdownIt
from markdownify import MarkdownConverter

from reconcile.kinds import ValueProblem

TAGS = frozenset(
    [
        "a",
        "abbr",
        "b",
        "blockquote",
        "br",
        "code",
        "dd",
        "del",
        "div",
        "dl",
        "dt",
        "em",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "hr",
        "i",
        "img",
        "ins",
        "kbd",
        "li",
        "ol",
        "p",
        "pre",
        "q",
        "s",
        "samp",
        "small",
        "span",
        "strike",
        "strong",
        "sub",
        "sup",
        "table",
        "tbody",
        "td",
        "tfoot",
        "th",
        "thead",
        "tr",
        "u",
        "ul",
    ]
)
_ATTRIBUTES = {"a": {"href", "title"}, "img": {"src", "alt", "title"}, "ol": {"start"}, "code": {"class"}}
_SCHEMES = {"http", "https", "mailto", "tel"}
_TAG = re.compile(r"</?[a-zA-Z][^<>]*>|&(?:#\d+|#x[0-9a-fA-F]+|[a-zA-Z]+);|<!--")
_LOST = re.compile(
    r"<\s*(iframe|video|audio|object|embed|svg|form|input|details|math|canvas)\b", re.IGNORECASE
)
_MERGED = re.compile(r"\b(?:col|row)span\s*=\s*[\"']?\s*(?!1[\"'\s>])\d", re.IGNORECASE)
_BLANK_LINES = re.compile(r"\n{3,}")


_INLINE = frozenset(
    [
        "a",
        "abbr",
        "b",
        "code",
        "del",
        "em",
        "i",
        "img",
        "ins",
        "s",
        "span",
        "strike",
        "strong",
        "sub",
        "sup",
        "u",
    ]
)
_SPECIAL = re.compile(r"([\\`*\[\]]|(?<![^\W_])_|_(?![^\W_])|<(?=[A-Za-z/!?])|&(?=#?\w+;)|~(?=~)|(?<=~)~)")
_LINE_START = re.compile(
    r"^([^\S\n]*)(#{1,6}(?=\s|$)|[+\-](?=\s|$)|\d{1,9}[.)](?=\s|$)|>|=+(?=\s*$)|[|:\-](?=[|:\- ]*$))",
    re.MULTILINE,
)


def escape_text(text: str, *, before: str = "") -> str:
    """Plain text such that Markdown shows it as it is; signs that mean nothing where they stand stay bare.

    ``before`` stands in front of it on its line: a dash behind it begins no list, a dot behind a number may.
    """
    first, line_end, rest = text.partition("\n") if before else ("", "", text)
    first, rest = _SPECIAL.sub(r"\\\1", first), _SPECIAL.sub(r"\\\1", rest)
    if before.isdigit() and first[:1] in (".", ")"):
        first = f"\\{first}"
    return first + line_end + _LINE_START.sub(_escape_start, rest)


def _escape_start(match: re.Match[str]) -> str:
    space, sign = match.groups()
    return f"{space}{sign[:-1]}\\{sign[-1]}" if sign[0].isdigit() else f"{space}\\{sign}"


@lru_cache(maxsize=1)
def parser() -> MarkdownIt:
    """The one Markdown dialect of this product: CommonMark with tables and strike-through, no raw HTML."""
    return MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])


def sanitise_html(html: str) -> str:
    """Only harmless tags, attributes and link schemes; everything else is removed."""
    return nh3.clean(html, tags=set(TAGS), attributes=_ATTRIBUTES, url_schemes=_SCHEMES, link_rel=None)


def markdown_to_html(text: str) -> str:
    """Safe HTML for showing or sending."""
    return sanitise_html(parser().render(text)).strip()


class _Converter(MarkdownConverter):
    class Options(MarkdownConverter.DefaultOptions):  # type: ignore[name-defined]
        heading_style = "ATX"
        bullets = "-"
        newline_style = "BACKSLASH"
        strip_document = "strip"
        table_infer_header = True

        @staticmethod
        def code_language_callback(element: Any) -> str:
            """The language of a code block, from the class that Markdown renderers give it."""
            code = element.find("code")
            names = (code.get("class") or []) if code is not None else []
            return next((name[9:] for name in names if name.startswith("language-")), "")

    def process_text(self, el: Any, parent_tags: Any = None) -> str:
        self._before = _before_on_line(el).strip()
        return str(super().process_text(el, parent_tags))  # type: ignore[misc]

    def escape(self, text: str, parent_tags: Any) -> str:
        escaped = escape_text(text, before=self._before) if text else ""
        return escaped.replace("|", "\\|") if "td" in parent_tags or "th" in parent_tags else escaped

    def convert_pre(self, el: Any, text: str, parent_tags: Any) -> str:
        if not text.strip("\n"):
            return ""
        text = text.strip("\n")
        fence = "```"
        while fence in text:
            fence += "`"
        return f"\n\n{fence}{self.Options.code_language_callback(el)}\n{text}\n{fence}\n\n"


def _before_on_line(text: Any) -> str:
    """What stands before this text on its line, without its marks."""
    found, node = "", text
    while node is not None and (node is text or node.name in _INLINE):
        before = node.previous_sibling
        while before is not None:
            if before.name is not None and before.name not in _INLINE:
                return found
            shown = "!" if before.name == "img" else before.get_text()
            _, line_end, tail = shown.rpartition("\n")
            found = tail + found
            if line_end:
                return found
            before = before.previous_sibling
        node = node.parent
    return found


def html_to_markdown(html: str) -> str:
    """Sanitised and as Markdown. Raises ValueProblem if it is nested beyond reason."""
    try:
        text = str(_Converter().convert(sanitise_html(html)))
    except RecursionError as exc:
        raise ValueProblem("the text is nested too deeply") from exc
    lines = (line.rstrip() for line in text.replace("\xa0", " ").split("\n"))
    return _BLANK_LINES.sub("\n\n", "\n".join(lines)).strip("\n")


def looks_like_html(text: str) -> bool:
    """False for plain text, which some vendors accept and keep in their HTML fields."""
    return _TAG.search(text) is not None


def html_damage(html: str) -> str | None:
    """What Markdown cannot carry; None if nothing."""
    lost = sorted({name.lower() for name in _LOST.findall(html)})
    if _MERGED.search(html):
        lost.append("merged table cells")
    return f"it holds {', '.join(lost)}, which would be lost" if lost else None


def markdown_to_plain(text: str) -> str:
    """The words without the signs, one paragraph per block."""
    lines: list[str] = []
    for token in parser().parse(text):
        if token.type == "inline":
            lines.append("".join(_words(child) for child in token.children or []))
        elif token.type in ("fence", "code_block"):
            lines.append(token.content.rstrip("\n"))
    return "\n".join(lines)


def _words(token: Any) -> str:
    if token.type in ("softbreak", "hardbreak"):
        return "\n"
    return str(token.content)
