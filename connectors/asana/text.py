"""Asana's rich text and general HTML, both ways.

Asana takes a small strict XML in ``<body>``, without paragraphs: line breaks are line breaks of the text itself.
Source: developers.asana.com/docs/rich-text (read 2026).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape
from html.parser import HTMLParser

_SAME = frozenset(
    {"strong", "em", "u", "s", "code", "ol", "ul", "li", "blockquote", "h1", "h2", "table", "tr", "td"}
)
_RENAMED = {
    "b": "strong",
    "i": "em",
    "del": "s",
    "strike": "s",
    "th": "td",
    **dict.fromkeys(("h3", "h4", "h5", "h6"), "h2"),
}
_BLOCKS = frozenset({"ul", "ol", "li", "blockquote", "h1", "h2", "pre", "table", "tr", "td", "hr"})
_LINKS = ("http://", "https://", "mailto:")
_TABLE_PARTS = frozenset({"table", "tr", "ol", "ul"})  # hold elements only: their white space is no text
_BREAKING = ("<hr/>", *(f"<{name}>" for name in _BLOCKS), *(f"</{name}>" for name in _BLOCKS))
_VOID = frozenset({"hr", "img", "br"})


class _ToAsana(HTMLParser):
    """Writes what Asana takes; of anything else only the words."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.out: list[str] = []
        self.open: list[str] = []  # written tags, "" for one that is left out

    def handle_starttag(self, tag: str, attrs: Sequence[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        match tag:
            case "br":
                self.out.append("\n")
            case "hr":
                self._trim()
                self.out.append("<hr/>")
            case "img":
                self._image(values)
            case "p":
                self.open.append("p")
            case "a" if values.get("href", "").startswith(_LINKS):
                self._start("a", f'<a href="{escape(values["href"])}">')
            case "code" if "pre" in self.open:
                self.open.append("")
            case "pre":
                self._start("pre", "<pre>")
            case _:
                name = _RENAMED.get(tag, tag)
                self._start(name, f"<{name}>") if name in _SAME else self.open.append("")

    def _start(self, name: str, text: str) -> None:
        if name in _BLOCKS:
            self._trim()
        self.open.append(name)
        self.out.append(text)

    def _image(self, values: dict[str, str]) -> None:
        source, words = values.get("src", ""), values.get("alt") or values.get("src", "")
        if source.startswith(_LINKS):  # pictures must be attachments there: a link to this one stays
            self.out.append(f'<a href="{escape(source)}">{escape(words, quote=False)}</a>')

    def handle_endtag(self, tag: str) -> None:
        if tag in _VOID or not self.open:
            return
        name = self.open.pop()
        if name == "p":
            self.out.append("\n\n")
        elif name:
            if name in _BLOCKS:
                self._trim(only_line_breaks=name == "pre")
            self.out.append(f"</{name}>")

    def handle_data(self, data: str) -> None:
        inside = self.open[-1] if self.open else ""
        if "pre" not in self.open:
            if not data.strip() and (inside in _TABLE_PARTS or not [one for one in self.open if one]):
                return
            data = re.sub(r"\s*\n\s*", " ", data)
            if not self.out or self.out[-1].endswith(("\n", *_BREAKING)):
                data = data.lstrip(" ")
        self.out.append(escape(data, quote=False))

    def _trim(self, *, only_line_breaks: bool = False) -> None:
        """No empty lines before a block and at its end: the block breaks the line by itself."""
        while self.out and not self.out[-1].startswith("<"):
            text = self.out.pop().rstrip("\n" if only_line_breaks else None)
            if text:
                self.out.append(text)
                return


def to_asana(html: str | None) -> str:
    """General HTML as Asana takes it."""
    writer = _ToAsana()
    writer.feed(html or "")
    writer.close()
    for name in reversed(writer.open):  # what was not closed
        writer.out.append(f"</{name}>" if name and name != "p" else "")
    return f"<body>{''.join(writer.out).strip()}</body>"


class _FromAsana(HTMLParser):
    """Gathers runs of words between blocks, and makes paragraphs and breaks of their line breaks."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.out: list[str] = []
        self.run: list[str] = []
        self.blocks: list[str] = []

    def handle_starttag(self, tag: str, attrs: Sequence[tuple[str, str | None]]) -> None:
        if tag == "body":
            return
        values = {name: value or "" for name, value in attrs}
        if tag in _BLOCKS:
            self._flush()
            self.out.append(f"<{tag}>")
            if tag not in _VOID:
                self.blocks.append(tag)
        elif tag == "a":
            self.run.append(f'<a href="{escape(values.get("href", ""))}">')
        elif tag == "img":
            source, words = escape(values.get("src", "")), escape(values.get("alt", ""))
            self.run.append(f'<img src="{source}" alt="{words}">' if source else "")
        else:
            self.run.append(f"<{tag}>")

    def handle_endtag(self, tag: str) -> None:
        if tag == "body" or tag in _VOID:
            return
        if tag in _BLOCKS:
            self._flush()
            self.out.append(f"</{tag}>")
            if self.blocks:
                self.blocks.pop()
        else:
            self.run.append(f"</{tag}>")

    def handle_data(self, data: str) -> None:
        self.run.append(escape(data, quote=False))

    def _flush(self) -> None:
        text = "".join(self.run)
        self.run = []
        inside = self.blocks[-1] if self.blocks else ""
        if inside == "pre":
            self.out.append(text)
            return
        text = text.strip("\n") if inside else text.strip()
        if not text.strip():
            return
        if inside in ("", "blockquote"):
            parts = [part for part in re.split(r"\n\s*\n", text) if part.strip()]
            self.out += [f"<p>{part.strip().replace(chr(10), '<br>')}</p>" for part in parts]
        else:
            self.out.append(text.replace("\n", "<br>"))


def from_asana(body: str | None) -> str:
    """Asana's rich text as general HTML; "" for an empty one."""
    reader = _FromAsana()
    reader.feed(body or "")
    reader.close()
    reader._flush()
    return "".join(reader.out)
