"""The line the hub puts below a comment: who wrote it, and the short reference an interrupted create is found by.

Comments are written by the integration's account, so the author's name would be lost otherwise.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape, unescape
from typing import Any, Literal

from .errors import RecordProblem
from .paths import read_path
from .types import ExternalRecord

Style = Literal["plain", "markdown", "html"]

_LINE = re.compile(  # from the first line break on: blanks that end the text are the text's
    r"(?:\A|(?:\n|<br\s*/?>|<p>)(?:\s|<br\s*/?>|<p>)*| ?)"
    r"(?:<em>|[_*])?— (?:(?P<author>[^\n<>]{1,200}?), )?via Lockstep · "
    r"(?P<ref>[0-9a-f]{12})(?:</em>|[_*])?(?:\s|</p>)*\Z"
)
_WRAPS: dict[str, tuple[str, str]] = {"plain": ("", ""), "markdown": ("_", "_"), "html": ("<em>", "</em>")}


@dataclass(frozen=True, slots=True)
class SignedText:
    """A text in its parts: as people wrote it, and what the hub put below it ("" where nothing)."""

    text: str
    author: str = ""
    ref: str = ""


def ref_of(key: str) -> str:
    """The short reference of a create's key, as it is shown below the text."""
    return hashlib.sha256(key.encode()).hexdigest()[:12]


def take_apart(body: str | None) -> SignedText:
    """The text without the hub's line, in whichever style the line was written."""
    text = (body or "").replace("\r\n", "\n")
    found = _LINE.search(text)
    if found is None:
        return SignedText(text)
    return SignedText(text[: found.start()], unescape(found["author"] or "").strip(), found["ref"])


def signed(
    fields: Mapping[str, Any], current: ExternalRecord | None, path: str, *, key: str = ""
) -> SignedText:
    """A comment's parts to write: a new one (``current`` None) signed by its key, or what ``fields`` change of one that
    is there. Below what the hub did not write it signs nothing. Raises ``RecordProblem`` for an empty text.

    ``path`` is where the text stands; author and reference stand in ``hub.author`` and ``hub.ref``.
    """
    data: Mapping[str, Any] = current.data if current else {}
    text = str(fields.get(path, read_path(data, path, None)) or "")
    if not text.strip():
        raise RecordProblem("A comment cannot be empty.", field=path)
    ref = str(read_path(data, "hub.ref", None) or "") if current else ref_of(key)
    author = fields.get("hub.author", read_path(data, "hub.author", None)) if ref else ""
    return SignedText(text, str(author or ""), ref)


def says_nothing_new(fields: Mapping[str, Any], now: ExternalRecord, path: str) -> bool:
    """True if only the author's name changes below a comment that the hub did not write: there it cannot be told."""
    return path not in fields and not read_path(now.data, "hub.ref", None)


def put_together(parts: SignedText, style: Style = "plain") -> str:
    """The text to write, with the line two line breaks below."""
    if not parts.ref:
        return parts.text
    name = " ".join(parts.author.split())[:200]
    if style == "html":
        name = escape(name, quote=False)
    elif style == "markdown":
        name = name.replace("_", " ")
    before, after = _WRAPS[style]
    line = (
        f"{before}— {name}, via Lockstep · {parts.ref}{after}"
        if name
        else f"{before}— via Lockstep · {parts.ref}{after}"
    )
    return f"{parts.text}\n\n{line}" if parts.text else line
