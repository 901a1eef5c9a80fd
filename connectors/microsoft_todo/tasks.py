"""Tasks, lists and categories in the hub's terms and back. All of it is pure.

Source: Microsoft Graph v1.0, resource todoTask and its metadata (read 2026-11).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime, time
from html import escape, unescape
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from connectors.base.errors import RecordGone, RecordProblem
from connectors.base.paths import read_path
from connectors.base.times import parse_instant

from .zones import iana_zone

APPLICATION = "Lockstep"
STATUSES: Mapping[str, tuple[str, str, str]] = {
    # Graph's word → (as the hub shows it, our stage, class for the suggestion)
    "notStarted": ("Not started", "todo", "new"),
    "inProgress": ("In progress", "in_progress", "indeterminate"),
    "waitingOnOthers": ("Waiting on others", "review", "indeterminate"),
    "deferred": ("Deferred", "backlog", "backlog"),
    "completed": ("Completed", "done", "done"),
}
IMPORTANCES = ("low", "normal", "high")
COLOURS: tuple[str, ...] = (
    "#e74856", "#ff8c00", "#ffab45", "#fff100", "#47d041", "#30c6cc", "#73aa24", "#00bcf2", "#8764b8", "#f495bf", "#a0aeb2",
    "#004b60", "#b1adab", "#5d5a58", "#000000", "#750b1c", "#ca5010", "#ab620d", "#c19c00", "#004b1c", "#004b50", "#0b6a0b",
    "#002050", "#32145a", "#5c005c",
)  # fmt: skip
"""What Outlook shows for preset0 to preset24."""

_TAG = re.compile(r"<\s*/?\s*([a-zA-Z][a-zA-Z0-9]*)[^>]*>")
_BREAK = re.compile(r"<\s*br\s*/?\s*>", re.IGNORECASE)
_PARAGRAPH_ENDS = re.compile(r"<\s*/\s*p\s*>\s*(?=<\s*p\b)", re.IGNORECASE)


# --- ids ---------------------------------------------------------------------------------------------------------


def task_id(list_id: str, id: str) -> str:
    """A task's id in the hub: Graph reads a task only by its list and its own id."""
    return f"{list_id}:{id}"


def parts_of(external_id: str) -> tuple[str, str]:
    """The list's and the task's own id. Raises ``RecordGone`` for what is no id of a task."""
    list_id, _, id = external_id.partition(":")
    if not list_id or not id:
        raise RecordGone("This is no id of a task: it names no list.")
    return list_id, id


# --- reading -----------------------------------------------------------------------------------------------------


def normalised(row: Mapping[str, Any], list_id: str, zone: str) -> dict[str, Any]:
    """The task with its list, days and key below ``hub``. Graph leaves out what is empty, so absent means empty here."""
    data: dict[str, Any] = {**row, "categories": row.get("categories") or []}
    body = row.get("body")
    if isinstance(body, Mapping):
        data["body"] = {**body, "content": _readable(body)}
    else:
        data["body"] = {"content": "", "contentType": "text"}
    data["hub"] = {
        "list": list_id,
        "start_on": day_of(row.get("startDateTime"), zone),
        "due_on": day_of(row.get("dueDateTime"), zone),
        "completed_at": _moment_of(row.get("completedDateTime"), zone),
        "url": f"https://to-do.office.com/tasks/id/{row.get('id')}/details",
    }
    if isinstance(row.get("linkedResources"), list):
        data["hub"]["key"] = key_in(row)
    return data


def _readable(body: Mapping[str, Any]) -> str:
    """The body as HTML reads it: plain text that looks like mark-up is spelled out."""
    content = str(body.get("content") or "")
    if body.get("contentType") == "text" and "<" in content:
        return "<p>" + escape(content, quote=False).replace("\r\n", "\n").replace("\n", "<br>") + "</p>"
    return content


def key_in(row: Mapping[str, Any]) -> str:
    """The key of the create that made this task; "" if people made it."""
    for one in row.get("linkedResources") or ():
        if isinstance(one, Mapping) and one.get("applicationName") == APPLICATION and one.get("externalId"):
            return str(one["externalId"])
    return ""


def day_of(value: Any, zone: str) -> str | None:
    """The calendar day of a dateTimeTimeZone. Midnight in its own zone is that day; other times count in ``zone``."""
    moment = _local(value)
    if moment is None:
        return None
    if moment.time() == time(0):
        return moment.date().isoformat()
    given = _zone(value)
    return moment.replace(tzinfo=given).astimezone(_zone_named(zone) or given).date().isoformat()


def _moment_of(value: Any, zone: str) -> str | None:
    moment = _local(value)
    if moment is None:
        return None
    if moment.time() == time(0):  # a day: To Do keeps no time of completion
        return moment.isoformat() + "Z"
    found = parse_instant(moment.replace(tzinfo=_zone(value)))
    return None if found is None else found.isoformat().replace("+00:00", "Z")


def _local(value: Any) -> datetime | None:
    if not isinstance(value, Mapping) or not isinstance(value.get("dateTime"), str):
        return None
    try:
        return datetime.fromisoformat(re.sub(r"(\.\d{6})\d*Z?$", r"\1", value["dateTime"]).removesuffix("Z"))
    except ValueError:
        return None


def _zone(value: Mapping[str, Any]) -> ZoneInfo:
    return _zone_named(str(value.get("timeZone") or "UTC")) or ZoneInfo("UTC")


def _zone_named(name: str) -> ZoneInfo | None:
    try:
        return ZoneInfo(iana_zone(name))
    except (ZoneInfoNotFoundError, ValueError):
        return None


# --- writing -----------------------------------------------------------------------------------------------------


def task_body(
    fields: Mapping[str, Any], zone: str, current: Mapping[str, Any] | None, *, key: str = ""
) -> dict[str, Any]:
    """The JSON of a create (``current`` None) or update."""
    body: dict[str, Any] = {}
    for path, value in fields.items():
        body |= _member(path, value, zone, current)
    if current is None:
        if "title" not in body:
            raise RecordProblem("A task needs a title.", field="title")
        link = {"applicationName": APPLICATION, "displayName": body["title"], "externalId": key}
        body["linkedResources"] = [link]
    return body


def _member(path: str, value: Any, zone: str, current: Mapping[str, Any] | None) -> dict[str, Any]:
    match path:
        case "title":
            if not str(value or "").strip():
                raise RecordProblem("A task needs a title.", field="title")
            return {"title": str(value)}
        case "body.content":
            return {"body": _written(str(value or ""), current)}
        case "status":
            return {"status": _one_of(value, STATUSES, "notStarted", path)}
        case "importance":
            return {"importance": _one_of(value, IMPORTANCES, "normal", path)}
        case "categories":
            return {"categories": [str(one) for one in value or ()]}
        case "hub.due_on":
            return {"dueDateTime": _midnight(value, zone, path)}
        case "hub.start_on":
            return {"startDateTime": _midnight(value, zone, path)}
        case "isReminderOn":
            return {"isReminderOn": bool(value)}
        case "reminderDateTime" if value is None or isinstance(value, Mapping):
            return {"reminderDateTime": value}
        case "hub.list":
            return {}  # where it is made
    raise RecordProblem(f"Microsoft To Do does not let {path} be written.", field=path)


def _one_of(value: Any, known: Any, empty: str, path: str) -> str:
    text = str(value) if value not in (None, "") else empty
    if text not in known:
        raise RecordProblem(f"{text!r} is no {path} of Microsoft To Do: complete the map.", field=path)
    return text


def _midnight(value: Any, zone: str, path: str) -> dict[str, str] | None:
    if value in (None, ""):
        return None
    try:
        day = date.fromisoformat(str(value)[:10])
    except ValueError:
        raise RecordProblem(f"{value!r} is not a date such as 2026-07-01.", field=path) from None
    return {"dateTime": f"{day.isoformat()}T00:00:00.0000000", "timeZone": zone}


def _written(html: str, current: Mapping[str, Any] | None) -> dict[str, str]:
    """Plain text where nothing is formatted and the task holds no HTML yet, as To Do's own apps write it."""
    was_html = current is not None and read_path(current, "body.contentType", "text") == "html"
    if was_html or any(tag.lower() not in ("p", "br") for tag in _TAG.findall(html)):
        return {"content": html, "contentType": "html"}
    text = _PARAGRAPH_ENDS.sub("\n\n", _BREAK.sub("\n", html)) if _TAG.search(html) else html
    return {"content": unescape(_TAG.sub("", text)).strip(), "contentType": "text"}


# --- categories --------------------------------------------------------------------------------------------------


def colour_code(preset: Any) -> str | None:
    """``#rrggbb`` of preset0 … preset24; None for a category without a colour."""
    found = re.fullmatch(r"preset(\d+)", str(preset or ""))
    return COLOURS[int(found[1])] if found and int(found[1]) < len(COLOURS) else None


def preset_of(value: Any) -> str:
    """Outlook's preset that comes nearest to ``#rrggbb``; "none" for no colour."""
    text = str(value or "").strip().lower()
    if not text:
        return "none"
    if not re.fullmatch(r"#[0-9a-f]{6}", text):
        raise RecordProblem("A colour is # and six hexadecimal digits.", field="hub.colour")
    wanted = _rgb(text)
    distances = [sum((a - b) ** 2 for a, b in zip(wanted, _rgb(one), strict=True)) for one in COLOURS]
    return f"preset{distances.index(min(distances))}"


def _rgb(text: str) -> tuple[int, ...]:
    return tuple(int(text[at : at + 2], 16) for at in (1, 3, 5))
