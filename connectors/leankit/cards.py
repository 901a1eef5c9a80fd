"""Cards in the hub's terms and back: what is read, the JSON of a create, the JSON Patch of an update. All of it is pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from connectors.base.errors import RecordProblem
from connectors.base.paths import read_path

PRIORITIES = ("low", "normal", "high", "critical")
MARKER = re.compile(r"LS-([0-9A-Za-z_.\-]{1,64})\Z")
LINK_MARKER = "https://lockstep.invalid/created/"
LINK_LABEL = "Lockstep"
DEFAULT_OVERRIDE = "Moved in Lockstep"

_PLAIN_PATHS = {"title": "/title", "description": "/description", "priority": "/priority", "size": "/size"}
_DATES = {"plannedStart": "/plannedStart", "plannedFinish": "/plannedFinish"}
_TOGETHER = (
    "blockedStatus.isBlocked",
    "blockedStatus.reason",
    "externalLinks[0].url",
    "externalLinks[0].label",
)

Op = dict[str, Any]


@dataclass(frozen=True)
class Catalogue:
    """What a board offers: ``types`` by lower-case name, the flags that decide where the marker goes."""

    types: Mapping[str, str] = field(default_factory=dict)
    marks_in_custom_id: bool = True
    override_comment: str = DEFAULT_OVERRIDE

    @classmethod
    def of_board(cls, board: Mapping[str, Any], settings: Mapping[str, Any]) -> Catalogue:
        types = {
            str(row["name"]).casefold(): str(row["id"])
            for row in board.get("cardTypes") or ()
            if row.get("isCardType", True)
        }
        has_header = board.get("isCardIdEnabled", True) is not False or board.get("isHeaderEnabled") is True
        comment = str(settings.get("wip_override") or DEFAULT_OVERRIDE).strip()
        return cls(
            types=types,
            marks_in_custom_id=has_header and not board.get("isAutoIncrementCardIdEnabled"),
            override_comment="" if comment.lower() in ("off", "no", "none") else comment,
        )


# --- reading -----------------------------------------------------------------------------------------------------


def normalised(row: Mapping[str, Any], url: str) -> dict[str, Any]:
    """The card with custom fields by id below ``custom`` and the hub's marker out of sight. Absent stays absent."""
    hub: dict[str, Any] = {"key": key_in(row), "url": url}
    data: dict[str, Any] = {**row, "hub": hub}
    custom_id = row.get("customId")
    if isinstance(custom_id, Mapping):
        value = custom_id.get("value") or None
        data["customId"] = {**custom_id, "value": None if value and MARKER.match(str(value)) else value}
    if isinstance(row.get("externalLinks"), list):
        data["externalLinks"] = [link for link in row["externalLinks"] if not _is_marker(link)]
    if isinstance(row.get("customFields"), list):
        # the list says "id", a single card "fieldId"
        data["custom"] = {
            str(one.get("fieldId") or one.get("id")): one.get("value") for one in row["customFields"]
        }
    return data


def key_in(row: Mapping[str, Any]) -> str:
    """The key of the create that made this card; "" if people made it."""
    custom_id = read_path(row, "customId.value", None)
    found = MARKER.match(str(custom_id or ""))
    if found:
        return found.group(1)
    for link in row.get("externalLinks") or ():
        if _is_marker(link):
            return str(link["url"])[len(LINK_MARKER) :]
    return ""


def _is_marker(link: Any) -> bool:
    return isinstance(link, Mapping) and str(link.get("url") or "").startswith(LINK_MARKER)


def is_archived(row: Mapping[str, Any]) -> bool:
    return bool(read_path(row, "lane.laneClassType", None) == "archive")


# --- writing -----------------------------------------------------------------------------------------------------


def create_body(
    fields: Mapping[str, Any], board_id: str, catalogue: Catalogue, *, key: str
) -> dict[str, Any]:
    """The JSON of a create; the key goes where it can be searched for and disturbs least."""
    body: dict[str, Any] = {}
    lane = lane_of(fields["lane.id"]) if fields.get("lane.id") else ""
    body["destination"] = {"laneId": lane} if lane else {"boardId": board_id}
    for path, value in fields.items():
        if value in (None, "", []) or path in ("lane.id", *_TOGETHER) or path.startswith("hub."):
            continue
        body |= _create_member(path, value, catalogue, body)
    if fields.get("blockedStatus.isBlocked"):
        body["blockReason"] = str(fields.get("blockedStatus.reason") or "Blocked")
    if fields.get("externalLinks[0].url"):
        body["externalLink"] = _link(fields, {})
    if lane and catalogue.override_comment:
        body["wipOverrideComment"] = catalogue.override_comment
    if not body.get("title"):
        raise RecordProblem("A card needs a title.", field="title")
    if "customId" not in body and catalogue.marks_in_custom_id:
        body["customId"] = f"LS-{key}"
    elif "externalLink" not in body:
        body["externalLink"] = {"label": LINK_LABEL, "url": LINK_MARKER + key}
    else:
        raise RecordProblem(
            "This board leaves no place for a marker: header and external link are both in use.",
            field="externalLinks[0].url",
        )
    return body


def _create_member(path: str, value: Any, catalogue: Catalogue, body: Mapping[str, Any]) -> dict[str, Any]:
    match path:
        case "title" | "description" | "plannedStart" | "plannedFinish":
            return {path: str(value)}
        case "priority":
            return {path: _priority(value)}
        case "size":
            return {path: _whole(value, path)}
        case "tags":
            return {path: [str(one) for one in value]}
        case "assignedUsers" | "assignedUsers[0].id":
            return {"assignedUserIds": _ids(value)}
        case "customId.value":
            return {"customId": str(value)}
        case "type.id":
            return {"typeId": str(value)}
        case "type.title":
            return {"typeId": _type_id(value, catalogue)}
        case "parentCards[0].cardId":
            return {"connections": {"parents": [str(value)]}}
    field_id = custom_field_of(path)
    if field_id is None:
        raise RecordProblem(f"LeanKit does not let {path} be written.", field=path)
    return {"customFields": [*body.get("customFields", []), {"fieldId": field_id, "value": value}]}


def patch_ops(fields: Mapping[str, Any], current: Mapping[str, Any], catalogue: Catalogue) -> list[Op]:
    """The operations that carry ``fields`` onto the card as it was read (``current``); only what differs."""
    ops: list[Op] = []
    for path, value in fields.items():
        if path not in _TOGETHER and not path.startswith("hub."):
            ops += _ops_for(path, value, current, catalogue)
    if "blockedStatus.isBlocked" in fields or "blockedStatus.reason" in fields:
        ops += _block_ops(fields, current)
    if "externalLinks[0].url" in fields or "externalLinks[0].label" in fields:
        ops += _link_ops(fields, current)
    return ops


def _ops_for(path: str, value: Any, current: Mapping[str, Any], catalogue: Catalogue) -> list[Op]:
    if path in _PLAIN_PATHS:
        return [_replace(_PLAIN_PATHS[path], _plain_value(path, value))]
    if path in _DATES:
        return [_replace(_DATES[path], str(value))] if value else [{"op": "remove", "path": _DATES[path]}]
    match path:
        case "lane.id":
            override = catalogue.override_comment
            comment = [_replace("/wipOverrideComment", override)] if override else []
            return [_replace("/laneId", lane_of(value)), *comment]
        case "tags":
            return _set_ops("/tags", [str(one) for one in value or ()], _texts(current.get("tags")))
        case "assignedUsers":
            return _set_ops("/assignedUserIds", _ids(value), _ids(current.get("assignedUsers")))
        case "assignedUsers[0].id":
            return _first_assignee_ops(value, _ids(current.get("assignedUsers")))
        case "customId.value":
            return [_replace("/customId", str(value or ""))]
        case "type.id":
            return [_replace("/typeId", str(value))]
        case "type.title":
            return [_replace("/typeId", _type_id(value, catalogue))]
        case "parentCards[0].cardId":
            return [
                _replace("/parentCardId", str(value)) if value else {"op": "remove", "path": "/parentCardId"}
            ]
    field_id = custom_field_of(path)
    if field_id is None:
        raise RecordProblem(f"LeanKit does not let {path} be written.", field=path)
    return [{"op": "add", "path": "/customFields/-", "value": {"fieldId": field_id, "value": value}}]


def _replace(path: str, value: Any) -> Op:
    return {"op": "replace", "path": path, "value": value}


def _plain_value(path: str, value: Any) -> Any:
    match path:
        case "title":
            if not str(value or "").strip():
                raise RecordProblem("A card needs a title.", field="title")
            return str(value)
        case "priority":
            return _priority(value)
        case "size":
            return _whole(value or 0, path)
    return str(value or "")


def _set_ops(path: str, wanted: Sequence[str], present: Sequence[str]) -> list[Op]:
    """Adds and removes one by one, so that what somebody else adds meanwhile is not lost."""
    removed = [{"op": "remove", "path": path, "value": one} for one in present if one not in wanted]
    added = [{"op": "add", "path": f"{path}/-", "value": one} for one in wanted if one not in present]
    return [*removed, *added]


def _first_assignee_ops(value: Any, present: Sequence[str]) -> list[Op]:
    """Our one assignee among several people: the first is exchanged, the others stay."""
    wanted = str(value) if value else ""
    if present and present[0] == wanted:
        return []
    gone = {*present[:1], wanted} & set(present)
    ops: list[Op] = [
        {"op": "remove", "path": "/assignedUserIds", "value": one} for one in present if one in gone
    ]
    if wanted:
        ops.append({"op": "add", "path": "/assignedUserIds/0", "value": wanted})
    return ops


def _block_ops(fields: Mapping[str, Any], current: Mapping[str, Any]) -> list[Op]:
    """Both in one request: LeanKit refuses one without the other."""
    is_blocked = fields.get("blockedStatus.isBlocked", read_path(current, "blockedStatus.isBlocked", False))
    reason = fields.get("blockedStatus.reason", read_path(current, "blockedStatus.reason", ""))
    return [_replace("/isBlocked", bool(is_blocked)), _replace("/blockReason", str(reason or ""))]


def _link_ops(fields: Mapping[str, Any], current: Mapping[str, Any]) -> list[Op]:
    link = _link(fields, current)
    if not link["url"]:
        return [{"op": "remove", "path": "/externalLink"}]
    return [{"op": "add", "path": "/externalLink", "value": link}]


def _link(fields: Mapping[str, Any], current: Mapping[str, Any]) -> dict[str, str]:
    url = fields.get("externalLinks[0].url", read_path(current, "externalLinks[0].url", ""))
    label = fields.get("externalLinks[0].label", read_path(current, "externalLinks[0].label", ""))
    return {"label": str(label or url or ""), "url": str(url or "")}


def lane_of(value: Any) -> str:
    """The lane's id. A stage that no lane is chosen for comes here as a word, which LeanKit would not understand."""
    text = str(value or "")
    if not text.isdigit():
        raise RecordProblem(
            f"No lane is chosen for {text or 'an empty stage'}: complete the status map.", field="lane.id"
        )
    return text


def custom_field_of(path: str) -> str | None:
    """The field's id in ``custom.123`` or ``custom."123"``."""
    found = re.fullmatch(r"""custom(?:\.(\d+)|\."(\d+)"|\['(\d+)'\])""", path)
    return next(group for group in found.groups() if group) if found else None


def _priority(value: Any) -> str:
    if value not in PRIORITIES:
        raise RecordProblem(f"{value!r} is no priority of LeanKit's.", field="priority")
    return str(value)


def _whole(value: Any, path: str) -> int:
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = -1
    if number < 0 or number != int(number):
        raise RecordProblem("LeanKit takes a whole number here.", field=path)
    return int(number)


def _type_id(value: Any, catalogue: Catalogue) -> str:
    found = catalogue.types.get(str(value or "").casefold())
    if found is None:
        raise RecordProblem(f"The board has no card type {value!r}.", field="type.title")
    return found


def _texts(value: Any) -> list[str]:
    return [str(one) for one in value or ()]


def _ids(value: Any) -> list[str]:
    """Ids from a list of ids or of objects, or from one id."""
    many = value if isinstance(value, list | tuple) else [value] if value else []
    return [str(one["id"] if isinstance(one, Mapping) else one) for one in many]
