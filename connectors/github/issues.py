"""Issues in the hub's terms and back. GitHub keeps status, reason, stage, priority and tags in three places;
here they become one value each, below ``hub``, and are taken apart again when written. All of it is pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from connectors.base.errors import RecordProblem

from .projects import ProjectChoice, changes_for, priority_word, take_over
from .text import HubText, put_together, take_apart

MAX_TITLE = 256
MAX_BODY = 65_536
DEFAULT_PRIORITY_PREFIX = "priority: "
DEFAULT_STAGE_LABELS = {
    "backlog": "status: backlog",
    "in_progress": "status: in progress",
    "review": "status: in review",
}
REASONS = ("completed", "not_planned", "duplicate")
PRIORITY_ORDER = ("urgent", "critical", "high", "medium", "normal", "low")
OFF = ("off", "none", "no", "-")
NEEDS_TRIAGE = frozenset({"hub.labels", "hub.priority", "hub.status", "hub.assignees", "hub.milestone"})


@dataclass(frozen=True, slots=True)
class Options:
    """How labels stand for priority and stage. ``stages`` maps a stage word to the label's name, in order of work.

    With a ``project`` the stage is its Status, and no label stands for what one of its fields stands for.
    """

    priority_prefix: str = DEFAULT_PRIORITY_PREFIX
    stages: Mapping[str, str] = field(default_factory=lambda: dict(DEFAULT_STAGE_LABELS))
    mutes_mentions: bool = False
    project: ProjectChoice | None = None

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any]) -> Options:
        prefix = str(settings.get("priority_prefix") or DEFAULT_PRIORITY_PREFIX)
        project = ProjectChoice.from_settings(settings)
        if project is not None and "priority" in project.fields:
            prefix = "off"
        return cls(
            priority_prefix="" if prefix.strip().lower() in OFF else prefix,
            stages=stage_labels(settings.get("stage_labels")) if project is None else {},
            project=project,
            mutes_mentions=str(settings.get("mute_mentions") or "").strip().lower()
            in ("1", "true", "yes", "on"),
        )

    def is_priority(self, label: str) -> bool:
        return bool(self.priority_prefix) and label.casefold().startswith(self.priority_prefix.casefold())

    def stage_of(self, label: str) -> str:
        """The stage word that the label stands for, or ""."""
        wanted = label.casefold()
        return next((word for word, name in self.stages.items() if name.casefold() == wanted), "")


def stage_labels(setting: Any) -> dict[str, str]:
    """``in_progress = status: doing; review = status: review`` as a mapping; "off" for none, empty for the default."""
    if isinstance(setting, Mapping):
        return {str(word): str(name) for word, name in setting.items() if name}
    text = str(setting or "").strip()
    if not text:
        return dict(DEFAULT_STAGE_LABELS)
    if text.lower() in OFF:
        return {}
    pairs = (part.partition("=") for part in re.split(r"[;\n]", text))
    return {word.strip(): name.strip() for word, _, name in pairs if word.strip() and name.strip()}


def number_in(url: Any) -> str | None:
    """The number at the end of an issue's address; None if there is no address."""
    tail = str(url or "").rstrip("/").rpartition("/")[2]
    return tail if tail.isdigit() else None


def names_of(labels: Iterable[Any]) -> list[str]:
    """Label names; the document allows objects and bare strings."""
    found = (label if isinstance(label, str) else (label or {}).get("name") for label in labels or ())
    return [name for name in found if name]


def status_of(row: Mapping[str, Any], options: Options) -> str:
    """``open``, ``open/<stage word>``, ``closed/completed``, ``closed/not_planned`` or ``closed/duplicate``.

    With several stage labels the one furthest along counts.
    """
    if row.get("state") == "closed":
        return f"closed/{row.get('state_reason') or 'completed'}"
    present = {options.stage_of(name) for name in names_of(row.get("labels") or ())}
    words = [word for word in options.stages if word in present]
    return f"open/{words[-1]}" if words else "open"


def priority_of(names: Sequence[str], options: Options) -> str | None:
    """The word after the prefix, lower case; the most urgent if there are several."""
    words = sorted(
        name[len(options.priority_prefix) :].strip().casefold() for name in names if options.is_priority(name)
    )
    rank = {word: place for place, word in enumerate(PRIORITY_ORDER)}
    return min(words, key=lambda word: rank.get(word, len(rank))) if words else None


def normalised(row: Mapping[str, Any], options: Options) -> dict[str, Any]:
    """The issue with ``body`` as people wrote it and the hub's values below ``hub``. Absent stays absent."""
    hub: dict[str, Any] = {}
    data = {**row, "hub": hub}
    if "body" in row:
        parts = take_apart(row["body"], mutes_mentions=options.mutes_mentions)
        data["body"], hub["key"] = parts.text, parts.key
    if "labels" in row:
        names = names_of(row["labels"])
        hub["labels"] = sorted(
            name for name in names if not options.is_priority(name) and not options.stage_of(name)
        )
        hub["priority"] = priority_of(names, options)
        if "state" in row:
            hub["status"] = status_of(row, options)
    if "assignees" in row:
        hub["assignees"] = sorted(str(user["id"]) for user in row["assignees"] or ())
    if "milestone" in row:
        hub["milestone"] = str(row["milestone"]["number"]) if row["milestone"] else None
    if "user" in row:
        hub["reporter"] = str(row["user"]["id"]) if row["user"] else None
    hub["parent"] = parent_of(row)
    if options.project is not None:
        take_over(hub, row, options.project)
    return data


def parent_of(row: Mapping[str, Any]) -> str | None:
    """The number of the parent issue if it is in the same repository; GitHub leaves the key out where there is none."""
    url = str(row.get("parent_issue_url") or "")
    here = str(row.get("repository_url") or "").rstrip("/")
    return number_in(url) if url and url.startswith(f"{here}/issues/") else None


@dataclass(slots=True)
class IssueWrite:
    """What to send. ``patch`` goes out in one request; the sets are added to and removed from, never replaced."""

    patch: dict[str, Any] = field(default_factory=dict)
    add_labels: list[str] = field(default_factory=list)
    remove_labels: list[str] = field(default_factory=list)
    add_assignees: list[str] = field(default_factory=list)  # ids
    remove_assignees: list[str] = field(default_factory=list)
    parent: str | None = None
    has_parent: bool = False  # True if ``parent`` is to be written
    project: dict[str, Any] = field(default_factory=dict)  # what changes of the project's item, by role

    @property
    def needs_read_back(self) -> bool:
        return bool(
            self.add_labels
            or self.remove_labels
            or self.add_assignees
            or self.remove_assignees
            or self.has_parent
        )


def issue_write(
    fields: Mapping[str, Any], row: Mapping[str, Any], options: Options, *, key: str = ""
) -> IssueWrite:
    """The requests that carry ``fields`` onto the issue as it is now (``row``; empty for a new one).

    Raises ``RecordProblem`` naming the field for what GitHub cannot hold.
    """
    write = IssueWrite()
    for path, value in fields.items():
        match path:
            case "title":
                write.patch["title"] = _title(value)
            case "body":
                parts = take_apart(row.get("body"))
                whole = put_together(
                    HubText(str(value or ""), key or parts.key, parts.author),
                    mutes_mentions=options.mutes_mentions,
                )
                write.patch["body"] = within(whole, MAX_BODY, "body")
            case "hub.milestone":
                write.patch["milestone"] = whole_number(value, path)
            case "hub.assignees":
                _plan_assignees(write, value, row)
            case "hub.parent":
                write.parent, write.has_parent = (None if value in (None, "") else str(value)), True
            case "hub.status" | "hub.labels" | "hub.priority":
                continue  # together, below
            case _ if options.project is not None and options.project.role_of(path):
                continue  # likewise
            case _:
                raise RecordProblem(f"GitHub does not let {path} be written.", field=path)
    if key and "body" not in fields:
        write.patch["body"] = put_together(HubText("", key))
    if "hub.status" in fields:
        _plan_state(write, fields["hub.status"], row)
    if options.project is not None:
        write.project = changes_for(fields, row, options.project)
        fields = {path: value for path, value in fields.items() if not options.project.role_of(path)}
    _plan_labels(write, fields, row, options)
    return write


def _title(value: Any) -> str:
    text = str(value or "").strip()
    if not text:
        raise RecordProblem("An issue needs a title.", field="title")
    return within(text, MAX_TITLE, "title")


def within(text: str, limit: int, name: str) -> str:
    """The text, refused if it is too long: cutting it would lose words on the next way back."""
    if len(text) > limit:
        raise RecordProblem(
            f"GitHub takes at most {limit} characters here; this has {len(text)}.", field=name
        )
    return text


def whole_number(value: Any, name: str) -> int | None:
    if value in (None, ""):
        return None
    if not str(value).isdigit():
        raise RecordProblem(f"{value!r} is no number of GitHub's.", field=name)
    return int(value)


def _plan_assignees(write: IssueWrite, value: Any, row: Mapping[str, Any]) -> None:
    wanted = [str(one) for one in value or ()]
    present = [str(user["id"]) for user in row.get("assignees") or ()]
    if len(set(wanted)) > 10:
        raise RecordProblem("GitHub takes at most ten assignees.", field="hub.assignees")
    write.add_assignees = [one for one in wanted if one not in present]
    write.remove_assignees = [one for one in present if one not in wanted]


def _plan_state(write: IssueWrite, value: Any, row: Mapping[str, Any]) -> None:
    state, _, detail = str(value or "").partition("/")
    if state not in ("open", "closed") or (state == "closed" and detail not in REASONS):
        raise RecordProblem(f"{value!r} is no state of an issue.", field="hub.status")
    is_now = row.get("state", "open")
    if state == "closed" and (is_now != "closed" or (row.get("state_reason") or "completed") != detail):
        write.patch |= {"state": "closed", "state_reason": detail}
    elif state == "open" and is_now == "closed":
        write.patch |= {"state": "open", "state_reason": "reopened"}


def _plan_labels(
    write: IssueWrite, fields: Mapping[str, Any], row: Mapping[str, Any], options: Options
) -> None:
    present = names_of(row.get("labels") or ())
    wanted, unwanted = [], []
    if "hub.labels" in fields:
        wanted += [str(name) for name in fields["hub.labels"] or ()]
        unwanted += [name for name in present if not options.is_priority(name) and not options.stage_of(name)]
    if "hub.priority" in fields:
        word = fields["hub.priority"]
        if word and not options.priority_prefix:
            raise RecordProblem("Priority labels are switched off in the settings.", field="hub.priority")
        wanted += [f"{options.priority_prefix}{word}"] if word else []
        unwanted += [name for name in present if options.is_priority(name)]
    state, _, word = str(fields.get("hub.status") or "").partition("/")
    if state == "open":  # a closed issue keeps its stage label, so that reopening finds it again
        if word and word not in options.stages:
            raise RecordProblem(f"No label is set up for the stage {word!r}.", field="hub.status")
        wanted += [options.stages[word]] if word else []
        unwanted += [name for name in present if options.stage_of(name)]
    kept = {name.casefold() for name in wanted}
    has = {name.casefold() for name in present}
    write.add_labels = [name for name in dict.fromkeys(wanted) if name.casefold() not in has]
    write.remove_labels = [name for name in unwanted if name.casefold() not in kept]


def dropped(fields: Mapping[str, Any], data: Mapping[str, Any]) -> list[str]:
    """Paths of ``fields`` that the answer does not show: GitHub ignores some without a word if rights are missing."""
    hub = data["hub"]
    missing = []
    for path, value in fields.items():
        match path:
            case "hub.labels":
                is_there = {str(one).casefold() for one in value or ()} == {
                    one.casefold() for one in hub.get("labels", ())
                }
            case "hub.assignees":
                is_there = {str(one) for one in value or ()} == set(hub.get("assignees", ()))
            case "hub.priority" if "board" in hub:
                is_there = hub.get("priority") in (priority_word(value), str(value or "").strip().casefold())
            case "hub.priority":
                is_there = str(value or "").strip().casefold() == (hub.get("priority") or "")
            case "hub.milestone" | "hub.parent":
                is_there = str(value or "") == (hub.get(path[4:]) or "")
            case "hub.status":
                is_there = str(value) == hub.get("status")
            case _:
                is_there = True
        if not is_there:
            missing.append(path)
    return missing
