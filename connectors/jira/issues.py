"""Issues in the hub's terms and back: what the site's own field ids, its one assignee, and several versions come to.
All of it is pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from connectors.base.errors import RecordProblem
from connectors.base.paths import read_path

from .text import document_or_refusal

MAX_SUMMARY = 255
MAX_LABEL = 255
STATUS = "fields.status.id"
FIELDS = (
    "summary",
    "description",
    "status",
    "priority",
    "assignee",
    "reporter",
    "labels",
    "components",
    "duedate",
    "parent",
    "issuetype",
    "project",
    "resolution",
    "resolutiondate",
    "fixVersions",
    "created",
    "updated",
)

_SPRINT = "com.pyxis.greenhopper.jira:gh-sprint"
_POINTS = (
    "com.pyxis.greenhopper.jira:jsw-story-points",
    "com.atlassian.jira.plugin.system.customfieldtypes:float",
)
_POINT_NAMES = ("story points", "story point estimate")


@dataclass(frozen=True, slots=True)
class SiteFields:
    """Ids of the custom fields that mean something here; "" where the site has none. ``more`` are read besides."""

    start: str = ""
    sprint: str = ""
    points: str = ""
    more: tuple[str, ...] = ()
    milestone: str = "version"  # what a task's milestone is: its first fix version, or its sprint

    def names(self) -> list[str]:
        return [*FIELDS, *(one for one in (self.start, self.sprint, self.points, *self.more) if one)]

    def ids_of(self, path: str) -> tuple[str, ...]:
        """Jira's names of the field behind a path of ours, as its errors name it."""
        return _JIRA_NAMES.get(path) or {
            "hub.start_on": (self.start,),
            "hub.sprint": (self.sprint,),
            "hub.milestone": ("fixVersions", self.sprint),
            "hub.estimate": (self.points,),
        }.get(path, (path.removeprefix("fields.").partition(".")[0],))


_JIRA_NAMES: Mapping[str, tuple[str, ...]] = {
    "hub.assignees": ("assignee",),
    "hub.version": ("fixVersions",),
    "hub.components": ("components",),
    "hub.parent": ("parent",),
    STATUS: ("status", "transition", "resolution"),
}


def site_fields(rows: Iterable[Mapping[str, Any]], settings: Mapping[str, Any]) -> SiteFields:
    """Finds the sprint, start date and story points among the site's fields; a setting wins."""
    found = {"start": "", "sprint": "", "points": ""}
    for row in rows:
        custom = read_path(row, "schema.custom", None)
        kind, name = read_path(row, "schema.type", None), str(row.get("name") or "").casefold()
        id = str(row.get("id") or "")
        if custom == _SPRINT:
            found["sprint"] = found["sprint"] or id
        elif kind == "date" and name == "start date":
            found["start"] = found["start"] or id
        elif custom in _POINTS and name in _POINT_NAMES:
            found["points"] = found["points"] or id
    return SiteFields(
        start=str(settings.get("start_date_field") or found["start"]),
        sprint=str(settings.get("sprint_field") or found["sprint"]),
        points=str(settings.get("estimate_field") or found["points"]),
        more=words_of(settings.get("more_fields")),
        milestone=str(settings.get("milestone_from") or "version").strip().lower(),
    )


def words_of(value: Any) -> tuple[str, ...]:
    """The words of a setting such as ``customfield_10050, environment``."""
    return tuple(part for part in re.split(r"[,;\s]+", str(value or "")) if part)


def normalised(row: Mapping[str, Any], site: SiteFields) -> dict[str, Any]:
    """The issue with the hub's values below ``hub``. A field that Jira left out stays absent."""
    given = row.get("fields")
    fields: Mapping[str, Any] = given if isinstance(given, Mapping) else {}
    hub: dict[str, Any] = {}
    if "assignee" in fields:
        hub["assignees"] = [one] if (one := read_path(fields, "assignee.accountId", None)) else []
    if "reporter" in fields:
        hub["reporter"] = person(fields["reporter"])
    if "components" in fields:
        hub["components"] = sorted(
            str(one.get("name")) for one in _dicts(fields["components"]) if one.get("name")
        )
    if "fixVersions" in fields:
        versions = [str(one.get("id")) for one in _dicts(fields["fixVersions"])]
        hub["versions"], hub["version"] = versions, f"version/{versions[0]}" if versions else None
    if "parent" in fields or "summary" in fields:  # left out where there is none
        hub["parent"] = _id(read_path(fields, "parent.id", None))
    if site.start in fields:
        hub["start_on"] = fields[site.start]
    if site.points in fields:
        hub["estimate"] = fields[site.points]
    if site.sprint in fields:
        hub["sprint"] = _sprint_of(fields[site.sprint])
    if site.milestone in hub:
        hub["milestone"] = hub[site.milestone]
    return {**row, "hub": hub}


def person(user: Any) -> str | None:
    """The account id of somebody who can be a member; None for apps and portal customers."""
    if not isinstance(user, Mapping) or user.get("accountType", "atlassian") != "atlassian":
        return None
    return _id(user.get("accountId"))


def _sprint_of(value: Any) -> str | None:
    """The sprint the issue is in now; closed ones stay in the list for the record."""
    open_ones = [one for one in _dicts(value) if one.get("state") != "closed"]
    return f"sprint/{open_ones[-1].get('id')}" if open_ones else None


def _dicts(value: Any) -> list[Mapping[str, Any]]:
    return [one for one in value if isinstance(one, Mapping)] if isinstance(value, list) else []


def _id(value: Any) -> str | None:
    return None if value in (None, "") else str(value)


@dataclass(slots=True)
class IssueWrite:
    """What to send: ``fields`` and ``update`` in one edit, the status by a transition, the sprint by its own call."""

    fields: dict[str, Any] = field(default_factory=dict)
    update: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    status: str = ""
    sprint: str | None = None
    has_sprint: bool = False

    @property
    def edits(self) -> dict[str, Any]:
        parts = {"fields": self.fields, "update": self.update}
        return {name: part for name, part in parts.items() if part}


def issue_write(changes: Mapping[str, Any], seen: Mapping[str, Any], site: SiteFields) -> IssueWrite:
    """The requests that carry ``changes`` onto the issue as the caller saw it (``seen``; empty for a new one).

    Raises ``RecordProblem`` naming the field for what Jira cannot hold.
    """
    write = IssueWrite()
    for path, value in changes.items():
        match path:
            case "fields.summary":
                write.fields["summary"] = _summary(value)
            case "fields.description":
                write.fields["description"] = document_or_refusal(value, path)
            case "fields.status.id":
                write.status = str(value or "")
            case (
                "fields.priority.name"
                | "fields.priority.id"
                | "fields.issuetype.name"
                | "fields.issuetype.id"
            ):
                _, name, key = path.split(".")
                write.fields[name] = {key: str(value)} if value else None
            case "hub.assignees":
                write.fields["assignee"] = _assignee(value)
            case "hub.parent":
                write.fields["parent"] = {"id": str(value)} if value else None
            case "hub.start_on":
                write.fields[_known(site.start, path, "start date")] = value or None
            case "hub.estimate":
                write.fields[_known(site.points, path, "story points")] = value
            case "hub.version" | "hub.sprint" | "hub.milestone":
                kind = site.milestone if path == "hub.milestone" else path.removeprefix("hub.")
                _plan_milestone(write, kind, value, seen, path)
            case "fields.labels":
                wanted = sorted({_label(one) for one in value or ()})
                _deltas(write, "labels", wanted, read_path(seen, path, None) or [], lambda one: one)
            case "hub.components":
                present = read_path(seen, path, None) or []
                _deltas(
                    write, "components", [str(one) for one in value or ()], present, lambda one: {"name": one}
                )
            case _:
                write.fields[_plain_name(path)] = value
    return write


def _plain_name(path: str) -> str:
    """A field a person mapped as it stands: a date, a text, a custom field."""
    head, _, name = path.partition(".")
    if head != "fields" or not re.fullmatch(r"duedate|environment|customfield_\d+", name):
        raise RecordProblem(f"Jira does not let {path} be written.", field=path)
    return name


def _known(id: str, path: str, what: str) -> str:
    if not id:
        raise RecordProblem(f"The site has no field for the {what}; name it in the settings.", field=path)
    return id


def _summary(value: Any) -> str:
    text = " ".join(str(value or "").split())
    if not text:
        raise RecordProblem("An issue needs a summary.", field="fields.summary")
    if len(text) > MAX_SUMMARY:
        raise RecordProblem(
            f"Jira takes at most {MAX_SUMMARY} characters here; this has {len(text)}.", field="fields.summary"
        )
    return text


def _assignee(value: Any) -> dict[str, str] | None:
    people = [str(one) for one in value or ()]
    if len(people) > 1:
        raise RecordProblem("Jira takes one assignee.", field="hub.assignees")
    return {"accountId": people[0]} if people else None


def _label(value: Any) -> str:
    """Jira's labels have no spaces."""
    text = "-".join(str(value).split())
    if len(text) > MAX_LABEL:
        raise RecordProblem(f"Jira takes labels of at most {MAX_LABEL} characters.", field="fields.labels")
    return text


def _deltas(write: IssueWrite, name: str, wanted: list[str], present: list[str], shape: Any) -> None:
    """Adds and removes one by one: what others added since stays."""
    steps = [{"add": shape(one)} for one in wanted if one not in present]
    steps += [{"remove": shape(one)} for one in present if one not in wanted]
    if steps:
        write.update[name] = steps


def _plan_milestone(write: IssueWrite, kind: str, value: Any, seen: Mapping[str, Any], path: str) -> None:
    given, _, id = str(value or "").partition("/")
    if given and given != kind:
        raise RecordProblem(f"Here a task's milestone is its {kind}, not its {given}.", field=path)
    if kind == "sprint":
        write.sprint, write.has_sprint = id or None, True
    else:
        _plan_version(write, id or None, seen)


def _plan_version(write: IssueWrite, wanted: str | None, seen: Mapping[str, Any]) -> None:
    """Changes the first fix version; further ones stay."""
    present = [str(one) for one in read_path(seen, "hub.versions", None) or ()]
    steps: list[dict[str, Any]] = []
    if present and present[0] != wanted:
        steps.append({"remove": {"id": present[0]}})
    if wanted is not None and wanted not in present:
        steps.append({"add": {"id": wanted}})
    if steps:
        write.update["fixVersions"] = steps


# --- the workflow ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Step:
    """One transition that is open now: its id, where it leads, and the fields it wants filled."""

    id: str
    target: str
    target_name: str
    target_category: str
    wants: Mapping[str, Mapping[str, Any]]


def steps_of(rows: Iterable[Any]) -> list[Step]:
    """The transitions of an answer that can be taken; looped and unavailable ones are left out."""
    found = []
    for row in rows:
        if not isinstance(row, Mapping) or row.get("isAvailable") is False or not row.get("id"):
            continue
        asked = row.get("fields")
        wants = {
            str(name): one
            for name, one in (asked.items() if isinstance(asked, Mapping) else ())
            if isinstance(one, Mapping) and one.get("required") and not one.get("hasDefaultValue")
        }
        found.append(
            Step(
                id=str(row["id"]),
                target=str(read_path(row, "to.id", "") or ""),
                target_name=str(read_path(row, "to.name", "") or ""),
                target_category=str(read_path(row, "to.statusCategory.key", "") or ""),
                wants=wants,
            )
        )
    return found


def step_to(steps: list[Step], wanted: str, *, current: str, route: tuple[str, ...]) -> Step:
    """The transition to the wanted status, or the next one along the route a person gave.

    Of several the one that asks for least. Raises ``RecordProblem`` where no step leads there.
    """
    direct = sorted((one for one in steps if one.target == wanted), key=lambda one: len(one.wants))
    if direct:
        return direct[0]
    names = ", ".join(dict.fromkeys(one.target_name for one in steps)) or "none"
    if wanted in route and current in route:
        here, there = route.index(current), route.index(wanted)
        way = route[here + 1 : there] if here < there else tuple(reversed(route[there + 1 : here]))
        for stop in reversed(way):  # as far along as one step leads
            towards = [one for one in steps if one.target == stop]
            if towards:
                return min(towards, key=lambda one: len(one.wants))
    raise RecordProblem(
        f"The workflow has no step from here to this status; it leads to: {names}.", field=STATUS
    )


def step_fields(step: Step, row: Mapping[str, Any], *, resolution: str) -> dict[str, Any]:
    """What to send along: a resolution where the step wants one. Raises ``RecordProblem`` if it wants what is not there."""
    filled: dict[str, Any] = {}
    missing = []
    for name, one in step.wants.items():
        if read_path(row, f"fields.{name}", None) not in (None, "", [], {}):
            continue
        if name == "resolution":
            filled[name] = {"id": _resolution_id(one, resolution)}
        else:
            missing.append(str(one.get("name") or name))
    if missing:
        wanted = ", ".join(sorted(missing))
        raise RecordProblem(f"Jira wants these filled in before {step.target_name}: {wanted}.", field=STATUS)
    return filled


def _resolution_id(wanted: Mapping[str, Any], resolution: str) -> str:
    allowed = _dicts(wanted.get("allowedValues"))
    for name in (resolution, "Done", "Fixed"):
        for one in allowed:
            if name and str(one.get("name") or "").casefold() == name.casefold():
                return str(one.get("id") or "")
    if not allowed:
        raise RecordProblem("Jira wants a resolution and offers none.", field=STATUS)
    return str(allowed[0].get("id") or "")
