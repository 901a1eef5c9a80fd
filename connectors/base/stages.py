"""Suggests which stage a lane, list or column stands for: by its name, by synonyms, by the vendor's own hints (B3)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from .types import Container

_WORDS: Mapping[str, tuple[str, ...]] = {
    "backlog": ("backlog", "ideas", "icebox", "someday", "later", "future work", "inbox", "new requests", "requests"),
    "todo": ("to do", "todo", "pending", "ready", "next", "not started", "open", "new", "planned", "waiting list", "queue"),
    "doing": ("in progress", "doing", "working", "started", "active", "in work", "development", "wip", "under way"),
    "review": ("review", "in review", "testing", "qa", "verify", "approval", "under review", "checking"),
    "hold": ("on hold", "hold", "blocked", "waiting", "waiting for", "paused", "stuck", "deferred"),
    "done": ("done", "completed", "complete", "finished", "closed", "delivered", "shipped", "live", "resolved", "archive"),
}  # fmt: skip

_STAGES: Mapping[str, Mapping[str, str]] = {
    "task": {
        "backlog": "backlog",
        "todo": "todo",
        "doing": "in_progress",
        "review": "review",
        "hold": "in_progress",
        "done": "done",
    },
    "waitlist_entry": {
        "backlog": "pending",
        "todo": "pending",
        "doing": "in_progress",
        "review": "in_progress",
        "hold": "on_hold",
        "done": "completed",
    },
}

_OWN_WORDS: Mapping[str, tuple[str, ...]] = {
    "lead": ("new", "contacted", "qualified", "proposal", "negotiation", "won", "lost"),
    "opportunity": ("discovery", "qualification", "proposal", "negotiation", "closed_won", "closed_lost"),
    "customer": ("onboarding", "active", "at_risk", "churned"),
}

#: hints in ``Container.extra``, strongest first: (key, value) → idea
_HINTS: Mapping[tuple[str, str], str] = {
    ("lane_class", "archive"): "done",
    ("lane_class", "backlog"): "backlog",
    ("card_status", "finished"): "done",
    ("card_status", "started"): "doing",
    ("card_status", "notStarted"): "todo",
    ("category", "done"): "done",
    ("category", "indeterminate"): "doing",
    ("category", "new"): "todo",
}


def suggest_stages(containers: Iterable[Container], record_type: str) -> dict[str, str]:
    """``{container id: stage}`` for those that can be guessed; the others are left for a person to say."""
    found = {container.id: _stage_of(container, record_type) for container in containers}
    return {id: stage for id, stage in found.items() if stage}


def _stage_of(container: Container, record_type: str) -> str:
    names = [_plain(part) for part in reversed(container.name.split(":"))]
    stages = _STAGES.get(record_type, {})
    own = _OWN_WORDS.get(record_type) or tuple(dict.fromkeys(stages.values()))
    for name in names:
        for stage in own:
            if name == stage.replace("_", " "):
                return stage
    for name in names:
        idea = _idea_of(name)
        if idea in stages:
            return stages[idea]
    for (key, value), idea in _HINTS.items():
        if container.extra.get(key) == value and idea in stages:
            return stages[idea]
    return ""


def _idea_of(name: str) -> str:
    exact = next((idea for idea, words in _WORDS.items() if name in words), "")
    if exact:
        return exact
    inside = [
        (len(word), idea)
        for idea, words in _WORDS.items()
        for word in words
        if len(word) > 3 and re.search(rf"\b{re.escape(word)}\b", name)
    ]
    return max(inside)[1] if inside else ""


def _plain(text: str) -> str:
    return " ".join(re.sub(r"[^\w ]+|_", " ", text).casefold().split())
