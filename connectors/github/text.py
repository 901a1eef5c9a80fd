"""What the hub adds to a text on GitHub, and how it is taken off again: a hidden key, an author's line, muted mentions."""

from __future__ import annotations

import re
from dataclasses import dataclass

_KEY = re.compile(r"(?:\n\n)?<!-- lockstep:([A-Za-z0-9_.:\-]+) -->")
_AUTHOR = re.compile(r"(?:\n\n)?_Written by (.{1,200}?) in Lockstep_\Z")
_MENTION = re.compile(r"(?<![\w`/@])@(?=[A-Za-z0-9])")
_REFERENCE = re.compile(r"(?<![\w`/&#])#(?=\d)")
_MUTED = re.compile("(?<=[@#])\u200b")
_MUTE = "\u200b"  # zero-width space: "@" no longer touches the name, the eye sees no difference


@dataclass(frozen=True, slots=True)
class HubText:
    """A body in its parts. ``text`` is what people wrote; ``key`` and ``author`` are "" where there is none."""

    text: str
    key: str = ""
    author: str = ""


def take_apart(body: str | None, *, mutes_mentions: bool = False) -> HubText:
    """The text without the hub's additions; line ends as LF (the web form sends CRLF).

    The parts put together again by ``put_together`` give the same text, byte by byte.
    """
    text = (body or "").replace("\r\n", "\n").replace("\r", "\n")
    key = author = ""
    found = _KEY.search(text)
    if found:
        key = found.group(1)
        text = text[: found.start()] + text[found.end() :]
    signed = _AUTHOR.search(text)
    if signed:
        author = signed.group(1)
        text = text[: signed.start()]
    if mutes_mentions:
        text = _MUTED.sub("", text)
    return HubText(text, key, author)


def put_together(parts: HubText, *, mutes_mentions: bool = False) -> str:
    """The body to write."""
    text = parts.text
    if mutes_mentions:
        text = _REFERENCE.sub("#" + _MUTE, _MENTION.sub("@" + _MUTE, text))
    pieces = [text] if text else []
    if parts.author:
        name = " ".join(parts.author.split())[:200].replace("_", " ")
        pieces.append(f"_Written by {name} in Lockstep_")
    if parts.key:
        pieces.append(f"<!-- lockstep:{parts.key} -->")
    return "\n\n".join(pieces)
