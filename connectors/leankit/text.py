"""What the hub adds to a comment in LeanKit, and how it is taken off again.

Comments are written by the integration's account, so the author's name stands below the text; the short reference
beside it is what an interrupted create is found by.
"""

from __future__ import annotations

import html
import re

from connectors.base.signoff import SignedText

_LINE = r"—\s*(?:(?P<author>[^<>]{1,200}?),\s*)?via Lockstep\s*·\s*(?P<ref>[0-9a-f]{12})"
_BLOCK = re.compile(rf"\s*<(?P<tag>p|div)\b[^>]*>(?:<[^>]+>|\s)*{_LINE}(?:<[^>]+>|\s)*</(?P=tag)>\s*\Z")
_PLAIN = re.compile(rf"(?:\A|\n+|<br\s*/?>)\s*{_LINE}\s*\Z")


def take_apart(body: str | None) -> SignedText:
    """The comment without the hub's line."""
    text = (body or "").replace("\r\n", "\n").replace("\xa0", " ")
    found = _BLOCK.search(text) or _PLAIN.search(text)
    if found is None:
        return SignedText(text)
    return SignedText(text[: found.start()], html.unescape(found["author"] or "").strip(), found["ref"])


def put_together(parts: SignedText) -> str:
    """The HTML to write."""
    if not parts.ref:
        return parts.text
    name = html.escape(" ".join(parts.author.split())[:200], quote=False)
    line = f"— {name}, via Lockstep · {parts.ref}" if name else f"— via Lockstep · {parts.ref}"
    text = parts.text
    if text and not re.search(r"</?[a-zA-Z][^>]*>", text):
        text = "<p>" + html.escape(text, quote=False).replace("\n", "<br>") + "</p>"
    return f"{text}<p><em>{line}</em></p>"
