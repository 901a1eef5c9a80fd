"""What the hub adds to a comment in LeanKit, and how it is taken off again.

Comments are written by the integration's account, so the author's name stands below the text; the short reference
beside it is what an interrupted create is found by.
"""

from __future__ import annotations

import hashlib
import html
import re
from dataclasses import dataclass

_LINE = r"—\s*(?:(?P<author>[^<>]{1,200}?),\s*)?via Lockstep\s*·\s*(?P<ref>[0-9a-f]{12})"
_BLOCK = re.compile(rf"\s*<(?P<tag>p|div)\b[^>]*>(?:<[^>]+>|\s)*{_LINE}(?:<[^>]+>|\s)*</(?P=tag)>\s*\Z")
_PLAIN = re.compile(rf"(?:\A|\n+|<br\s*/?>)\s*{_LINE}\s*\Z")


@dataclass(frozen=True, slots=True)
class HubText:
    """A comment in its parts: ``text`` as people wrote it, and what the hub put below it ("" where nothing)."""

    text: str
    author: str = ""
    ref: str = ""


def ref_of(key: str) -> str:
    """The short reference of a create's key, as it is shown below the comment."""
    return hashlib.sha256(key.encode()).hexdigest()[:12]


def take_apart(body: str | None) -> HubText:
    """The comment without the hub's line."""
    text = (body or "").replace("\r\n", "\n").replace("\xa0", " ")
    found = _BLOCK.search(text) or _PLAIN.search(text)
    if found is None:
        return HubText(text)
    return HubText(text[: found.start()], html.unescape(found["author"] or "").strip(), found["ref"])


def put_together(parts: HubText) -> str:
    """The HTML to write."""
    if not parts.ref:
        return parts.text
    name = html.escape(" ".join(parts.author.split())[:200], quote=False)
    line = f"— {name}, via Lockstep · {parts.ref}" if name else f"— via Lockstep · {parts.ref}"
    text = parts.text
    if text and not re.search(r"</?[a-zA-Z][^>]*>", text):
        text = "<p>" + html.escape(text, quote=False).replace("\n", "<br>") + "</p>"
    return f"{text}<p><em>{line}</em></p>"
