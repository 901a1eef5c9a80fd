"""The line the hub puts below a comment on Jira, and how it is taken off again. All of it is ADF, left as it came."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from connectors.base.errors import RecordProblem

_LINE = re.compile(r"— (?P<author>[^\n]{1,200}), via Lockstep")
MAX_TEXT = 32_767


@dataclass(frozen=True, slots=True)
class Signed:
    """A comment in its parts: the document as people wrote it, and the author named below it ("" where none)."""

    document: Any
    author: str = ""


def take_apart(document: Any) -> Signed:
    """The document without the hub's line; the very same object where there is none."""
    content = document.get("content") if isinstance(document, Mapping) else None
    if not isinstance(content, list) or not content:
        return Signed(document)
    found = _LINE.fullmatch(_only_emphasis(content[-1]))
    if found is None:
        return Signed(document)
    return Signed({**document, "content": content[:-1]}, found["author"])


def put_together(parts: Signed) -> Any:
    """The document to write."""
    author = " ".join(parts.author.split())[:200]
    if not author or not isinstance(parts.document, Mapping):
        return parts.document
    text = {"type": "text", "text": f"— {author}, via Lockstep", "marks": [{"type": "em"}]}
    content = [*(parts.document.get("content") or ()), {"type": "paragraph", "content": [text]}]
    return {**parts.document, "content": content}


def _only_emphasis(node: Any) -> str:
    """The text of a paragraph that is one run in italics; "" for anything else."""
    runs = node.get("content") if isinstance(node, Mapping) and node.get("type") == "paragraph" else None
    if not isinstance(runs, list) or len(runs) != 1 or not isinstance(runs[0], Mapping):
        return ""
    marks = runs[0].get("marks")
    is_em = isinstance(marks, list) and [mark.get("type") for mark in marks if isinstance(mark, Mapping)] == [
        "em"
    ]
    return str(runs[0].get("text") or "") if is_em else ""


def is_empty(document: Any) -> bool:
    """True where the document holds nothing to read."""
    if isinstance(document, Mapping):
        content = document.get("content")
        if isinstance(content, list) and content:
            return all(is_empty(node) for node in content)
        return document.get("type") in ("doc", "paragraph") and not document.get("text")
    return not document


def document_or_refusal(value: Any, field: str) -> Any:
    """The ADF document to send, None for an empty one. Raises ``RecordProblem`` for what is no document."""
    if is_empty(value):
        return None
    if not isinstance(value, Mapping) or value.get("type") != "doc":
        raise RecordProblem("Jira takes a document (ADF) here, not plain text.", field=field)
    return value
