"""JSON Patch as LeanKit takes it: four operations on known paths, everything else refused."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sandbox.store import Document
from sandbox.web import Refusal

from .leankit_state import PRIORITIES, LeanKitState, day, invalid

OPERATIONS = ("add", "replace", "remove", "test")
STALE = "Optimistic concurrency check failed"
_LISTS = {"tags": "tags", "assignedUserIds": "assignedUserIds"}


def apply_patch(
    state: LeanKitState, card: Document, ops: Any, version_header: str | None
) -> tuple[dict[str, Any], str]:
    """The checked changes of the operations and the WIP comment. Raises ``Refusal``."""
    if not isinstance(ops, list) or not ops or not all(isinstance(op, dict) for op in ops):
        raise Refusal(400, "The body must be an array of JSON Patch operations")
    if version_header is not None and version_header != str(card["version"]):
        raise Refusal(428, STALE)
    after = {**card, "tags": list(card["tags"]), "assignedUserIds": list(card["assignedUserIds"])}
    after["customFields"] = dict(card["customFields"])
    names: set[str] = set()
    wip_comment = ""
    for op in ops:
        name, rest = _checked(op)
        names.add(name)
        if op["op"] == "test":
            if name != "version":
                raise invalid("test is supported for /version only", name)
            if op.get("value") != str(card["version"]):
                raise Refusal(428, STALE)
        elif name == "wipOverrideComment":
            wip_comment = _text(op.get("value"), name)
        else:
            _apply(state, after, name, rest, op)
    if "blockReason" in names and "isBlocked" not in names:
        raise invalid("blockReason must be specified with isBlocked", "blockReason")
    return {name: value for name, value in after.items() if card.get(name) != value}, wip_comment


def _checked(op: Mapping[str, Any]) -> tuple[str, str]:
    if set(op) - {"op", "path", "value"} or op.get("op") not in OPERATIONS:
        raise invalid("op must be one of add, replace, remove, test", "op")
    path = op.get("path")
    if not isinstance(path, str) or not path.startswith("/"):
        raise invalid("path must start with /", "path")
    if op["op"] != "remove" and "value" not in op:
        raise invalid("value is required", "value")
    name, _, rest = path[1:].partition("/")
    return name, rest


def _apply(state: LeanKitState, after: dict[str, Any], name: str, rest: str, op: Mapping[str, Any]) -> None:
    value, is_remove = op.get("value"), op["op"] == "remove"
    if name in _LISTS:
        _apply_to_list(state, after[name], name, rest, op)
        return
    if name == "customFields":
        _apply_custom_field(state, after, rest, value, is_remove)
        return
    if rest:
        raise invalid(f"unknown path /{name}/{rest}", name)
    match name:
        case "title":
            title = "" if is_remove else _text(value, name)
            if not title.strip():
                raise invalid("title is required", name)
            after[name] = title.strip() if state.trouble.knobs.is_normalising else title
        case "description":
            after[name] = None if is_remove else state.rich(_text(value, name))
        case "priority":
            if value not in PRIORITIES:
                raise invalid('Invalid request: Failed "enum" criteria (pointer: #/priority)', name)
            after[name] = value
        case "size":
            if not isinstance(value, int) or isinstance(value, bool) or value < 0:
                raise invalid("size must be a whole number", name)
            after[name] = value
        case "plannedStart" | "plannedFinish":
            after[name] = None if is_remove else day(_text(value, name), name)
        case "laneId":
            after[name] = state.lane_for_cards(value)["id"]
        case "customId":
            if state.board(after["boardId"])["isAutoIncrementCardIdEnabled"]:
                raise invalid("customId is assigned by the board", name)
            after[name] = None if is_remove else _text(value, name) or None
        case "externalLink":
            after[name] = None if is_remove else link(value)
        case "typeId":
            after[name] = card_type(state, after["boardId"], value)
        case "isBlocked":
            if not isinstance(value, bool):
                raise invalid("isBlocked must be a boolean", name)
            after[name] = value
        case "blockReason":
            after[name] = _text(value, name)
        case "parentCardId":
            after["parentCardIds"] = [] if is_remove else [state.card(_text(value, name))["id"]]
        case "index":
            if not isinstance(value, int):
                raise invalid("index must be a whole number", name)
            after[name] = value
        case _:
            raise invalid(f"unknown path /{name}", name)


def _apply_to_list(
    state: LeanKitState, members: list[str], name: str, rest: str, op: Mapping[str, Any]
) -> None:
    value = op.get("value")
    if op["op"] == "remove" and not rest:
        if value in members:
            members.remove(str(value))
        return
    place = len(members) if rest == "-" else int(rest) if rest.isdigit() else -1
    if place < 0 or place > len(members):
        raise invalid(f"/{name}/{rest} is no place in the list", name)
    if op["op"] == "remove":
        del members[place : place + 1]
        return
    text = _text(value, name)
    if name == "assignedUserIds" and state.world.get("user", text) is None:
        raise invalid("User not found on this board", name)
    if op["op"] == "replace" and place < len(members):
        members[place] = text
    elif text not in members:
        members.insert(place, text)


def _apply_custom_field(
    state: LeanKitState, after: dict[str, Any], rest: str, value: Any, is_remove: bool
) -> None:
    if is_remove or not (rest == "-" or rest.isdigit()):
        raise invalid("customFields are written by add or replace with fieldId and value", "customFields")
    after["customFields"] = {**after["customFields"], **custom_fields(state, after["boardId"], [value])}


def custom_fields(state: LeanKitState, board_id: str, given: Any) -> dict[str, Any]:
    """Checked ``[{fieldId, value}]`` by id."""
    found: dict[str, Any] = {}
    if not isinstance(given, list):
        raise invalid("customFields must be an array", "customFields")
    for one in given:
        field = state.world.get("field", str(one.get("fieldId"))) if isinstance(one, dict) else None
        if field is None or field["boardId"] != board_id or set(one) - {"fieldId", "value"}:
            raise invalid("custom field not found", "customFields")
        value = one.get("value")
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if field["type"] == "number" and value is not None and not is_number:
            raise invalid(f"{field['label']} must be a number", "customFields")
        if field["type"] == "choice" and value is not None and value not in field["choices"]:
            raise invalid(f"{field['label']} has no choice {value}", "customFields")
        found[field["id"]] = value
    return found


def link(value: Any) -> dict[str, str]:
    if not isinstance(value, dict) or set(value) - {"label", "url"}:
        raise invalid("externalLink must be an object with label and url", "externalLink")
    url = _text(value.get("url"), "externalLink")
    if not url.startswith(("http://", "https://")):
        raise invalid("externalLink.url must be an address", "externalLink")
    return {"label": _text(value.get("label") or "", "externalLink"), "url": url}


def card_type(state: LeanKitState, board_id: str, value: Any) -> str:
    found = state.world.get("type", str(value))
    if not isinstance(value, str) or found is None or found["boardId"] != board_id or not found["isCardType"]:
        raise invalid("Card type not found", "typeId")
    return value


def _text(value: Any, name: str) -> str:
    if not isinstance(value, str):
        raise invalid(f"{name} must be a string", name)
    return value
