"""Issues and epics in the hub's terms and back. GitLab keeps state, stage, priority and tags in a state and in labels; here
they become one value each, below ``hub``, and are taken apart again when written. All of it is pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from connectors.base.errors import RecordProblem
from connectors.base.hubtext import HubText
from connectors.base.paths import read_path

from .text import read_text, text_to_write

MAX_TITLE = 255
MAX_TEXT = 1_048_576
DEFAULT_PRIORITY_PREFIX = "priority::"
DEFAULT_STAGE_LABELS = ("status::",)
OFF = ("off", "none", "no", "-")
YES = ("1", "true", "yes", "on")
PRIORITY_ORDER = ("urgent", "critical", "high", "medium", "normal", "low")


@dataclass(frozen=True, slots=True)
class Options:
    """How labels stand for priority and stage. ``stages`` are label names, or beginnings of such that end in ``::``."""

    priority_prefix: str = DEFAULT_PRIORITY_PREFIX
    stages: tuple[str, ...] = DEFAULT_STAGE_LABELS
    mutes_mentions: bool = False
    is_premium: bool = False
    group: str = ""

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any]) -> Options:
        prefix = str(settings.get("priority_prefix") or DEFAULT_PRIORITY_PREFIX).strip()
        return cls(
            priority_prefix="" if prefix.lower() in OFF else prefix,
            stages=stage_labels(settings.get("stage_labels")),
            mutes_mentions=is_yes(settings.get("mute_mentions")),
            is_premium=is_yes(settings.get("premium")),
            group=str(settings.get("group") or "").strip().strip("/"),
        )

    def is_priority(self, label: str) -> bool:
        return bool(self.priority_prefix) and label.casefold().startswith(self.priority_prefix.casefold())

    def is_stage(self, label: str) -> bool:
        return self._place(label) >= 0

    def stage_of(self, names: Iterable[str]) -> str:
        """The label that shows the stage, "" if none does; of several the one furthest down the list in the settings."""
        present = [(self._place(name), name) for name in names if self.is_stage(name)]
        return max(present)[1] if present else ""

    def _place(self, label: str) -> int:
        name = label.casefold()
        for place, stage in enumerate(self.stages):
            if name == stage.casefold() or (stage.endswith("::") and name.startswith(stage.casefold())):
                return place
        return -1


def stage_labels(setting: Any) -> tuple[str, ...]:
    """``status::; Doing`` as names; "off" for none, empty for the default."""
    text = str(setting or "").strip()
    if not text:
        return DEFAULT_STAGE_LABELS
    if text.lower() in OFF:
        return ()
    return tuple(part.strip() for part in re.split(r"[;\n]", text) if part.strip())


def is_yes(setting: Any) -> bool:
    return str(setting or "").strip().lower() in YES


def names_of(labels: Any) -> list[str]:
    """Label names; with details GitLab gives objects."""
    rows = labels if isinstance(labels, list) else ()
    found = (row if isinstance(row, str) else read_path(row, "name", None) for row in rows)
    return [name for name in found if isinstance(name, str) and name]


def ids_of(people: Any) -> list[str]:
    rows = people if isinstance(people, list) else ()
    return [str(id) for row in rows if (id := read_path(row, "id", None)) is not None]


def normalised(row: Mapping[str, Any], options: Options) -> dict[str, Any]:
    """The issue or epic with ``description`` as people wrote it and the hub's values below ``hub``. Absent stays absent."""
    hub: dict[str, Any] = {}
    data = {**row, "hub": hub}
    if "description" in row:
        parts = read_text(row["description"], mutes_mentions=options.mutes_mentions)
        data["description"], hub["key"] = parts.text, parts.key
    if "labels" in row:
        names = names_of(row["labels"])
        hub["labels"] = sorted(n for n in names if not options.is_priority(n) and not options.is_stage(n))
        hub["priority"] = priority_of(names, options)
        if "state" in row:
            stage = options.stage_of(names)
            hub["status"] = "closed" if row["state"] == "closed" else f"opened/{stage}" if stage else "opened"
    if "assignees" in row:
        hub["assignees"] = sorted(ids_of(row["assignees"]))
    if "milestone" in row:
        milestone = read_path(row, "milestone.id", None)
        hub["milestone"] = None if milestone is None else str(milestone)
    author = read_path(row, "author.id", None)
    hub["reporter"] = None if author is None else str(author)
    if "epic" in row:
        hub["epic"] = epic_of(row, options)
    if "parent_iid" in row:
        hub["parent"] = None if row["parent_iid"] is None else str(row["parent_iid"])
    return data


def priority_of(names: Iterable[str], options: Options) -> str | None:
    """The word after the prefix, lower case; the most urgent if there are several."""
    cut = len(options.priority_prefix)
    words = sorted(name[cut:].strip().casefold() for name in names if options.is_priority(name))
    rank = {word: place for place, word in enumerate(PRIORITY_ORDER)}
    return min(words, key=lambda word: rank.get(word, len(rank))) if words else None


def epic_of(row: Mapping[str, Any], options: Options) -> str | None:
    """The number of the issue's epic if it belongs to the group of the settings, which alone is kept in agreement."""
    epic = row.get("epic")
    if not isinstance(epic, Mapping) or epic.get("iid") is None or not options.group:
        return None
    is_ours = options.group == str(epic.get("group_id") or "")
    path = str(epic.get("url") or epic.get("web_url") or "").partition("/-/")[0]
    is_ours = is_ours or path.casefold().endswith(f"/groups/{options.group}".casefold())
    return str(epic["iid"]) if is_ours else None


@dataclass(slots=True)
class Write:
    """What to send in one request; labels are added and removed, never replaced. ``epic`` and ``parent`` are numbers
    that the client turns into ids."""

    body: dict[str, Any] = field(default_factory=dict)
    add_labels: list[str] = field(default_factory=list)
    remove_labels: list[str] = field(default_factory=list)
    epic: str | None = None
    has_epic: bool = False


def write_of(
    fields: Mapping[str, Any], row: Mapping[str, Any], options: Options, *, kind: str, key: str = ""
) -> Write:
    """The request that carries ``fields`` onto the issue or epic as it is now (``row``; empty for a new one).

    Raises ``RecordProblem`` naming the field for what GitLab cannot hold.
    """
    write = Write()
    for path, value in fields.items():
        match kind, path:
            case _, "title":
                write.body["title"] = title_of(value)
            case _, "description":
                write.body["description"] = description_of(value, key, row.get("description"), options)
            case "issue", "hub.assignees":
                write.body["assignee_ids"] = _assignees(value, options)
            case "issue", "hub.milestone":
                write.body["milestone_id"] = whole_number(value, path) or 0
            case "issue", "due_date":
                write.body["due_date"] = str(value)[:10] if value else ""
            case "issue", "weight":
                write.body["weight"] = _weight(value)
            case ("issue", "hub.epic") | ("epic", "hub.parent"):
                write.epic, write.has_epic = (None if value in (None, "") else str(value)), True
            case "epic", "start_date" | "due_date":
                day = str(value)[:10] if value else None
                write.body |= {f"{path}_fixed": day, f"{path}_is_fixed": True}
            case _, "hub.status" | "hub.labels" | "hub.priority":
                continue  # together, below
            case _:
                raise RecordProblem(f"GitLab does not let {path} be written.", field=path)
    if key and "description" not in fields:
        write.body["description"] = HubText("", key).whole
    if "hub.status" in fields:
        _plan_state(write, fields["hub.status"], row)
    _plan_labels(write, fields, row, options)
    return write


def title_of(value: Any) -> str:
    text = str(value or "").strip()
    if not text:
        raise RecordProblem("GitLab needs a title.", field="title")
    return within(text, MAX_TITLE, "title")


def description_of(value: Any, key: str, present: Any, options: Options) -> str:
    """The description to send; the key that is there stays."""
    parts = HubText(str(value or ""), key or read_text(present).key)
    return within(text_to_write(parts, mutes_mentions=options.mutes_mentions), MAX_TEXT, "description")


def within(text: str, limit: int, name: str) -> str:
    """The text, refused if it is too long: cutting it would lose words on the next way back."""
    if len(text) > limit:
        raise RecordProblem(
            f"GitLab takes at most {limit} characters here; this has {len(text)}.", field=name
        )
    return text


def whole_number(value: Any, name: str) -> int | None:
    if value in (None, ""):
        return None
    if not str(value).isdigit():
        raise RecordProblem(f"{value!r} is no number of GitLab's.", field=name)
    return int(value)


def _assignees(value: Any, options: Options) -> list[int]:
    wanted = [number for one in value or () if (number := whole_number(one, "hub.assignees"))]
    if len(set(wanted)) > 1 and not options.is_premium:
        words = "More than one assignee needs GitLab Premium; say in the settings if the project has it."
        raise RecordProblem(words, field="hub.assignees")
    return sorted(set(wanted)) or [0]


def _weight(value: Any) -> int | None:
    if value in (None, ""):
        return None
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = -1
    if number < 0 or not number.is_integer():
        raise RecordProblem("A weight is a whole number from 0.", field="weight")
    return int(number)


def _plan_state(write: Write, value: Any, row: Mapping[str, Any]) -> None:
    state = str(value or "").partition("/")[0]
    if state not in ("opened", "closed"):
        raise RecordProblem(f"{value!r} is no state on GitLab.", field="hub.status")
    is_now = row.get("state") or "opened"
    if state != is_now:
        write.body["state_event"] = "close" if state == "closed" else "reopen"


def _plan_labels(write: Write, fields: Mapping[str, Any], row: Mapping[str, Any], options: Options) -> None:
    present = names_of(row.get("labels"))
    wanted, unwanted = [], []
    if "hub.labels" in fields:
        wanted += [_label(name, "hub.labels") for name in fields["hub.labels"] or ()]
        unwanted += [name for name in present if not options.is_priority(name) and not options.is_stage(name)]
    if "hub.priority" in fields:
        word = fields["hub.priority"]
        if word and not options.priority_prefix:
            raise RecordProblem("Priority labels are switched off in the settings.", field="hub.priority")
        wanted += [_label(f"{options.priority_prefix}{word}", "hub.priority")] if word else []
        unwanted += [name for name in present if options.is_priority(name)]
    state, _, stage = str(fields.get("hub.status") or "").partition("/")
    if state == "opened":  # a closed one keeps its stage's label, so that reopening finds it again
        if stage and not options.is_stage(stage):
            raise RecordProblem(f"The label {stage!r} shows no stage by the settings.", field="hub.status")
        wanted += [_label(stage, "hub.status")] if stage else []
        unwanted += [name for name in present if options.is_stage(name)]
    kept, has = {name.casefold() for name in wanted}, {name.casefold() for name in present}
    write.add_labels = [name for name in dict.fromkeys(wanted) if name.casefold() not in has]
    write.remove_labels = [name for name in unwanted if name.casefold() not in kept]


def _label(name: Any, field: str) -> str:
    text = str(name or "").strip()
    if "," in text:
        raise RecordProblem("A label's name cannot hold a comma on GitLab.", field=field)
    return text


def dropped(fields: Mapping[str, Any], data: Mapping[str, Any]) -> list[str]:
    """Paths of ``fields`` that the answer does not show: GitLab ignores what the licence or the role does not allow."""
    missing = []
    for path, value in fields.items():
        held = read_path(data, path, None)
        match path:
            case "hub.labels" | "hub.assignees":
                is_there = {str(one).casefold() for one in value or ()} == {
                    str(one).casefold() for one in held or ()
                }
            case "hub.status" | "hub.priority" | "hub.milestone" | "hub.epic" | "due_date":
                is_there = str(value or "").strip().casefold() == str(held or "").casefold()
            case "weight":
                is_there = _weight(value) == held
            case _:
                is_there = True
        if not is_there:
            missing.append(path)
    return missing
