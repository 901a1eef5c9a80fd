"""What the hub adds to a Markdown text over there, and how it is taken off again: a hidden key, by which an interrupted
create is found, the line that names the author of a comment written here, and mentions that notify nobody."""

from __future__ import annotations

import re
from dataclasses import dataclass

_KEY = re.compile(r"(?:\n\n)?<!-- lockstep:([A-Za-z0-9_.:\-]+) -->")
_AUTHOR = re.compile(r"(?:\n\n)?_Written by (.{1,200}?) in Lockstep_\Z")
_MENTION = re.compile(r"(?<![\w`/@])@(?=[A-Za-z0-9])")
_MUTE = "\u200b"  # zero-width space: "@" no longer touches the name, the eye sees no difference


@dataclass(frozen=True, slots=True)
class HubText:
    """A text in its parts. ``text`` is what people wrote; ``key`` and ``author`` are "" where there is none."""

    text: str
    key: str = ""
    author: str = ""

    @property
    def whole(self) -> str:
        """The text to write; ``take_apart`` gives these parts again."""
        pieces = [self.text] if self.text else []
        if self.author:
            name = " ".join(self.author.replace("_", " ").split())[:200]
            pieces.append(f"_Written by {name} in Lockstep_")
        if self.key:
            pieces.append(f"<!-- lockstep:{self.key} -->")
        return "\n\n".join(pieces)


def take_apart(text: object) -> HubText:
    """The parts of a text from over there, line ends as LF. What is no text counts as empty."""
    rest = text.replace("\r\n", "\n").replace("\r", "\n") if isinstance(text, str) else ""
    key = author = ""
    found = _KEY.search(rest)
    if found:
        key = found.group(1)
        rest = rest[: found.start()] + rest[found.end() :]
    signed = _AUTHOR.search(rest)
    if signed:
        author = signed.group(1)
        rest = rest[: signed.start()]
    return HubText(rest, key, author)


def muted(text: str, signs: str = "#") -> str:
    """The text with names after "@" and numbers after any of ``signs`` kept from notifying and linking."""
    quoted = re.escape(signs)
    reference = re.compile(rf"(?<![\w`/&{quoted}])([{quoted}])(?=\d)")
    return reference.sub(rf"\1{_MUTE}", _MENTION.sub(f"@{_MUTE}", text))


def unmuted(text: str, signs: str = "#") -> str:
    """The text as it was before ``muted``."""
    return re.sub(rf"(?<=[@{re.escape(signs)}]){_MUTE}", "", text)
