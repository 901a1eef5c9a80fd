"""Texts on GitLab. A line that begins with a slash and a word would be carried out as a command ("quick action") instead
of kept, so it goes out with a backslash before it, which nobody sees, and comes back without."""

from __future__ import annotations

import re

from connectors.base.hubtext import HubText, muted, take_apart, unmuted

_FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,})")
_COMMAND = re.compile(r"^(\s*)/(?=[A-Za-z])")
_ESCAPED = re.compile(r"^(\s*)\\/(?=[A-Za-z])")
_SIGNS = "#!"  # issues and merge requests


def read_text(text: object, *, mutes_mentions: bool = False) -> HubText:
    """The parts of a text as GitLab gives it, commands as people typed them."""
    parts = take_apart(text)
    words = _outside_code(parts.text, _ESCAPED, r"\1/")
    if mutes_mentions:
        words = unmuted(words, _SIGNS)
    return HubText(words, parts.key, parts.author)


def text_to_write(parts: HubText, *, mutes_mentions: bool = False) -> str:
    """The text to send: nothing in it is carried out, and nobody is notified where mentions are muted."""
    words = _outside_code(parts.text, _COMMAND, r"\1\\/")
    if mutes_mentions:
        words = muted(words, _SIGNS)
    return HubText(words, parts.key, parts.author).whole


def _outside_code(text: str, pattern: re.Pattern[str], replacement: str) -> str:
    """Replaces at the beginning of each line that is not in a fenced code block."""
    if "/" not in text:
        return text
    lines, fence = text.split("\n"), ""
    for at, line in enumerate(lines):
        mark = _FENCE.match(line)
        if fence:
            if mark and mark.group(1).startswith(fence):
                fence = ""
        elif mark:
            fence = mark.group(1)
        else:
            lines[at] = pattern.sub(replacement, line)
    return "\n".join(lines)
