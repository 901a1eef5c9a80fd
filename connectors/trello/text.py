"""What the hub adds to a comment on Trello, and how it is taken off again.

Comments are written by the integration's account, so the author's name stands below the text; the short reference
beside it is what an interrupted create is found by.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

_LINE = re.compile(
    r"(?:\A|\n+)\s*[_*]?— (?:(?P<author>[^\n]{1,200}?), )?via Lockstep · (?P<ref>[0-9a-f]{12})[_*]?\s*\Z"
)


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
    text = (body or "").replace("\r\n", "\n")
    found = _LINE.search(text)
    if found is None:
        return HubText(text)
    return HubText(text[: found.start()], (found["author"] or "").strip(), found["ref"])


def put_together(parts: HubText) -> str:
    """The text to write."""
    if not parts.ref:
        return parts.text
    name = " ".join(parts.author.split())[:200].replace("_", " ")
    line = f"_— {name}, via Lockstep · {parts.ref}_" if name else f"_— via Lockstep · {parts.ref}_"
    return f"{parts.text}\n\n{line}" if parts.text else line
