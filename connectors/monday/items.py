"""An item as the hub sees it, and what a change of the hub's fields means for its columns."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from connectors.base.errors import ContractBroken, RecordProblem

from .columns import (
    KEY_TITLE,
    Column,
    priority_label,
    priority_word,
    read_value,
    roles_of,
    write_value,
)

MAX_NAME = 255
BY_GROUP = "group"
FOREIGN_LABEL = "label:"


@dataclass(frozen=True)
class Layout:
    """A board: its columns, which of them plays which role, its groups."""

    board_id: str
    row: Mapping[str, Any]
    columns: dict[str, Column]
    roles: Mapping[str, Column]
    groups: tuple[Mapping[str, Any], ...]

    @classmethod
    def from_row(cls, row: Mapping[str, Any], chosen: Mapping[str, str]) -> Layout:
        rows = [one for one in row.get("columns") or () if isinstance(one, dict) and not one.get("archived")]
        columns = {column.id: column for column in map(Column.from_row, rows)}
        return cls(
            str(row.get("id") or ""),
            row,
            columns,
            roles_of(columns.values(), chosen),
            tuple(one for one in row.get("groups") or () if isinstance(one, dict) and not one.get("deleted")),
        )

    def subitems_board(self) -> str:
        """The hidden board of this one's subitems; "" while there is none."""
        boards = [
            one for column in self.columns.values() if column.type == "subtasks" for one in column.boards
        ]
        return boards[0] if boards else ""

    def key_column(self, wanted: str) -> Column | None:
        """The text column that holds the hub's keys: the chosen one, or the one of our title."""
        if wanted in self.columns:
            return self.columns[wanted]
        texts = (one for one in self.columns.values() if one.type == "text")
        return next((one for one in texts if one.title == KEY_TITLE), None)


# --- reading -----------------------------------------------------------------------------------------------------


def item_data(row: Mapping[str, Any], layout: Layout, main: Layout, stage_from: str) -> dict[str, Any]:
    """The item with its columns by id (``columns.date4``) and the parts the hub knows (``hub.due_on``).

    A part that no column of the board plays is absent, which is not the same as empty.
    """
    values: dict[str, Any] = {}
    rows: dict[str, Mapping[str, Any]] = {}
    for one in row.get("column_values") or ():
        if isinstance(one, dict) and one.get("id"):
            rows[str(one["id"])] = one
            values[str(one["id"])] = read_value(one)
    group, parent = row.get("group") or {}, row.get("parent_item") or {}
    is_subitem = layout.board_id != main.board_id
    hub: dict[str, Any] = {
        "board": main.board_id,
        "parent": str(parent["id"]) if parent.get("id") else None,
        "creator": str(row.get("creator_id") or "") or None,
    }
    if not is_subitem:
        hub["group"] = str(group["id"]) if group.get("id") else None
    for role, column in layout.roles.items():
        if column.id in values:
            hub[role] = _part(role, column, values[column.id])
    if stage_from == BY_GROUP:
        hub.pop("stage", None)
        if not is_subitem:
            hub["stage"] = hub["group"]
    elif "stage" in hub:
        hub["stage"] = _stage(str(hub["stage"] or ""), main)
        hub["is_done"] = bool(rows[layout.roles["stage"].id].get("is_done"))
    kept = ("id", "name", "state", "created_at", "updated_at", "url")
    return {**{name: row.get(name) for name in kept}, "columns": values, "hub": hub}


def _part(role: str, column: Column, value: Any) -> Any:
    match role:
        case "priority":
            return priority_word(value[0] if isinstance(value, list) and value else value or "")
        case "assignees":
            return [one for one in value or () if not one.startswith("team-")]
        case "due_on" | "start_on":
            if column.type == "timeline":
                return (value or {}).get("to" if role == "due_on" else "from")
            return str(value)[:10] if value else None
    return value


def _stage(text: str, main: Layout) -> str | None:
    """The key of the main board's label of that name; a label only subitems have keeps its name."""
    if not text:
        return None
    column = main.roles.get("stage")
    label = column.label_of(text) if column else None
    return label.key if label else FOREIGN_LABEL + text


# --- writing -----------------------------------------------------------------------------------------------------


@dataclass
class ItemWrite:
    """What is to be sent. ``values`` is ``column_values``; ``group`` "" where the item stays in its group."""

    values: dict[str, Any] = field(default_factory=dict)
    name: str | None = None
    group: str = ""
    parent: str = ""
    makes_labels: bool = False


def item_write(
    fields: Mapping[str, Any],
    layout: Layout,
    main: Layout,
    *,
    stage_from: str,
    tags: Mapping[str, int],
    current: Mapping[str, Any] | None,
) -> ItemWrite:
    """Columns for fields. Raises ``RecordProblem`` naming the field where the board has no place for its value."""
    write = ItemWrite()
    held: Mapping[str, Any] = (current or {}).get("columns") or {}
    wanted: dict[str, Any] = {}
    for path, value in fields.items():
        if path == "name":
            write.name = _name(value)
        elif path in ("hub.group", "hub.stage") and (path == "hub.group" or stage_from == BY_GROUP):
            write.group = _group(value, layout, main, path) or write.group
        elif path == "hub.parent":
            write.parent = str(value or "")
        elif path.startswith("columns."):
            column = layout.columns.get(path.removeprefix("columns."))
            if column is None:
                raise RecordProblem("The board has no such column any more.", field=path)
            wanted[column.id] = (column, value, path)
        elif path.startswith("hub."):
            _role(path, value, layout, main, held, wanted)
        else:
            raise RecordProblem(f"monday.com does not let {path} be written.", field=path)
    for id, (column, value, path) in wanted.items():
        write.values[id] = write_value(column, value, tags=tags, field=path)
        if column.type == "dropdown" and value:
            write.makes_labels |= any(column.label_of(str(one)) is None for one in value)
    return write


def _role(
    path: str,
    value: Any,
    layout: Layout,
    main: Layout,
    held: Mapping[str, Any],
    wanted: dict[str, Any],
) -> None:
    """Puts the value for the column that plays the role; ends of one timeline come together there."""
    role = path.removeprefix("hub.")
    column = layout.roles.get(role)
    if column is None:
        if value in (None, "", [], "none"):
            return
        raise RecordProblem(
            f"The board has no column for “{role}”: name one in the integration's setting “Columns”.",
            field=path,
        )
    match role:
        case "stage":
            value = _stage_text(value, main, path)
        case "priority":
            value = priority_label(column, str(value), path) if value not in (None, "", "none") else None
            value = [value] if value and column.type == "dropdown" else value
        case "assignees":
            teams = [one for one in held.get(column.id) or () if str(one).startswith("team-")]
            value = [*(str(one) for one in value or ()), *teams]
        case "due_on" | "start_on" if column.type == "timeline":
            before = wanted[column.id][1] if column.id in wanted else held.get(column.id)
            value = {**(before or {}), "to" if role == "due_on" else "from": value}
        case "due_on" | "start_on":
            clock = str(held.get(column.id) or "").partition("T")[2].rstrip("Z")
            value = f"{str(value)[:10]}T{clock}" if value and clock else value
    wanted[column.id] = (column, value, path)


def _stage_text(value: Any, main: Layout, path: str) -> str | None:
    if value in (None, ""):
        return None
    if str(value).startswith(FOREIGN_LABEL):
        return str(value).removeprefix(FOREIGN_LABEL)
    column = main.roles.get("stage")
    text = next((one.text for one in (column.labels if column else ()) if one.key == str(value)), None)
    if text is None:
        raise RecordProblem("The status column no longer has this label: refresh the status map.", field=path)
    return text


def _name(value: Any) -> str:
    text = " ".join(str(value or "").split())
    if not text:
        raise RecordProblem("An item needs a name.", field="name")
    if len(text) > MAX_NAME:
        raise RecordProblem(f"monday.com takes names of at most {MAX_NAME} characters.", field="name")
    return text


def _group(value: Any, layout: Layout, main: Layout, path: str) -> str:
    if value in (None, ""):
        return ""
    if layout.board_id != main.board_id:
        raise RecordProblem("A subitem is in no group of the board.", field=path)
    if str(value) not in {str(one.get("id")) for one in layout.groups}:
        raise RecordProblem("The board has no such group any more.", field=path)
    return str(value)


def label_names(fields: Mapping[str, Any], layout: Layout) -> list[str]:
    """Names of tags that the write needs the ids of."""
    names: list[str] = []
    role = layout.roles.get("labels")
    for path, value in fields.items():
        column = role if path == "hub.labels" else layout.columns.get(path.removeprefix("columns."))
        if column is not None and column.type == "tags" and isinstance(value, Iterable) and value:
            names += [str(one) for one in value]
    return list(dict.fromkeys(names))


def tags_in(row: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Tags that an item's columns name, with their ids."""
    for one in row.get("column_values") or ():
        for tag in (one.get("tags") if isinstance(one, dict) else None) or ():
            if isinstance(tag, dict) and tag.get("id"):
                yield tag


def board_of(row: Mapping[str, Any]) -> str:
    board = row.get("board")
    found = board.get("id") if isinstance(board, dict) else None
    if not found:
        raise ContractBroken("An item came without its board.")
    return str(found)
