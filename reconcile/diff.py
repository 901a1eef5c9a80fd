"""Differences for people to read: by word, by set member, by JSON path. Results are data; the page escapes them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from difflib import SequenceMatcher
from typing import NamedTuple

from reconcile.model import JSON

_TOKENS = re.compile(r"\n|[^\S\n]+|\w+|[^\w\s]")
_WORD_LIMIT = 1_500  # tokens per side; above it lines are compared first
_LINE_LIMIT = 5_000

Op = tuple[str, str]  # ("equal" | "insert" | "delete", text)


class SetDiff(NamedTuple):
    added: list[str]
    removed: list[str]
    kept: list[str]


class JsonChange(NamedTuple):
    """``path`` in our path grammar; ``op`` is "insert", "delete" or "replace"."""

    path: str
    op: str
    before: JSON
    after: JSON


def word_diff(before: str, after: str) -> list[Op]:
    """Pieces that, without the inserted ones, give ``before`` and, without the deleted ones, ``after``."""
    if before == after:
        return [("equal", before)] if before else []
    old, new = _TOKENS.findall(before), _TOKENS.findall(after)
    if len(old) <= _WORD_LIMIT and len(new) <= _WORD_LIMIT:
        return _joined(_compared(old, new))
    return _joined(_by_lines(before.splitlines(keepends=True), after.splitlines(keepends=True)))


def _compared(old: list[str], new: list[str]) -> list[Op]:
    ops: list[Op] = []
    for tag, a1, a2, b1, b2 in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if tag == "equal":
            ops.append(("equal", "".join(old[a1:a2])))
            continue
        ops.append(("delete", "".join(old[a1:a2])))
        ops.append(("insert", "".join(new[b1:b2])))
    return ops


def _by_lines(old: list[str], new: list[str]) -> list[Op]:
    if len(old) > _LINE_LIMIT or len(new) > _LINE_LIMIT:
        return [("delete", "".join(old)), ("insert", "".join(new))]
    ops: list[Op] = []
    for tag, a1, a2, b1, b2 in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        was, now = "".join(old[a1:a2]), "".join(new[b1:b2])
        was_words, now_words = _TOKENS.findall(was), _TOKENS.findall(now)
        if tag == "equal":
            ops.append(("equal", was))
        elif tag == "replace" and len(was_words) <= _WORD_LIMIT and len(now_words) <= _WORD_LIMIT:
            ops.extend(_compared(was_words, now_words))
        else:
            ops += [("delete", was), ("insert", now)]
    return ops


def _joined(ops: list[Op]) -> list[Op]:
    joined: list[Op] = []
    for op, text in ops:
        if not text:
            continue
        if joined and joined[-1][0] == op:
            joined[-1] = (op, joined[-1][1] + text)
        else:
            joined.append((op, text))
    return joined


def set_diff(before: JSON, after: JSON) -> SetDiff:
    """Members added, removed and kept, each sorted; None counts as empty."""
    old, new = set(before or ()), set(after or ())
    return SetDiff(sorted(new - old), sorted(old - new), sorted(old & new))


def json_diff(before: JSON, after: JSON, path: str = "") -> list[JsonChange]:
    """Every leaf that differs, with its path; lists compare by position."""
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        changes: list[JsonChange] = []
        for key in sorted({*before, *after}):
            changes += _member_diff(before, after, key, _step(path, key))
        return changes
    if isinstance(before, list) and isinstance(after, list):
        changes = []
        old: dict[object, JSON] = dict(enumerate(before))
        new: dict[object, JSON] = dict(enumerate(after))
        for number in range(max(len(before), len(after))):
            changes += _member_diff(old, new, number, f"{path}[{number}]")
        return changes
    if before == after and isinstance(before, bool) == isinstance(after, bool):
        return []
    return [JsonChange(path, "replace", before, after)]


def _member_diff(
    before: Mapping[object, JSON], after: Mapping[object, JSON], key: object, path: str
) -> list[JsonChange]:
    if key not in before:
        return [JsonChange(path, "insert", None, after[key])]
    if key not in after:
        return [JsonChange(path, "delete", before[key], None)]
    return json_diff(before[key], after[key], path)


def _step(path: str, key: str) -> str:
    name = str(key)
    if not name or re.search(r"[.\[\]\"']", name):
        quote = "'" if '"' in name else '"'
        name = f"{quote}{name}{quote}"
    return f"{path}.{name}" if path else name
