"""What the hub adds to an update on monday.com, and how it is taken off again.

Updates are written by the token's account, so the author's name stands below the text; the short reference beside it is
what an interrupted create is found by.
"""

from __future__ import annotations

import re
from html import escape, unescape

from connectors.base.signoff import SignedText

_LINE = re.compile(
    r"\s*(?:<br\s*/?>\s*)*<p[^>]*>\s*(?:<em>)?— (?:(?P<author>[^<\n]{1,400}?), )?via Lockstep · (?P<ref>[0-9a-f]{12})"
    r"\s*(?:</em>)?\s*</p>\s*\Z"
)


def take_apart(body: str | None) -> SignedText:
    """The update without the hub's line."""
    text = body or ""
    found = _LINE.search(text)
    if found is None:
        return SignedText(text)
    return SignedText(text[: found.start()], unescape(found["author"] or "").strip(), found["ref"])


def put_together(parts: SignedText) -> str:
    """The HTML to write."""
    if not parts.ref:
        return parts.text
    name = " ".join(parts.author.split())[:200]
    line = f"{escape(name, quote=False)}, via Lockstep" if name else "via Lockstep"
    return f"{parts.text}<p>— {line} · {parts.ref}</p>"
