"""Cards, comments and labels in the hub's terms and back. All of it is pure.

Trello's PUT replaces whole lists of people and labels, so those are added and removed one by one; scalars go together
in one request.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from connectors.base.errors import RecordProblem
from connectors.base.signoff import take_apart

MAX_TEXT = 16_384
MARKER = "https://lockstep.invalid/created/"
SKIPPED_ROLES = ("mirror", "link", "board", "separator")

COLOURS: Mapping[str, str] = {
    "green": "#4bce97", "yellow": "#f5cd47", "orange": "#fea362", "red": "#f87168", "purple": "#9f8fef", "blue": "#579dff",
    "sky": "#6cc3e0", "lime": "#94c748", "pink": "#e774bb", "black": "#8590a2",
}  # fmt: skip
"""Trello's names of label colours as the board shows them."""

_ID = re.compile(r"[0-9a-fA-F]{24}\Z")


@dataclass(frozen=True)
class CustomField:
    id: str
    kind: str  # text, number, date, checkbox, list
    options: Mapping[str, str] = field(default_factory=dict)  # id → text

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> CustomField:
        options = {
            one["id"]: str((one.get("value") or {}).get("text") or "") for one in row.get("options") or ()
        }
        return cls(row["id"], row["type"], options)


@dataclass(slots=True)
class CardWrite:
    """What to send: ``params`` in one request, people and labels one by one, custom fields one by one."""

    params: dict[str, Any] = field(default_factory=dict)
    add_members: list[str] = field(default_factory=list)
    remove_members: list[str] = field(default_factory=list)
    add_labels: list[str] = field(default_factory=list)  # names
    remove_labels: list[str] = field(default_factory=list)  # ids
    custom: dict[str, Any] = field(default_factory=dict)

    @property
    def needs_read_back(self) -> bool:
        return bool(
            self.add_members or self.remove_members or self.add_labels or self.remove_labels or self.custom
        )


# --- reading -----------------------------------------------------------------------------------------------------


def is_card(row: Mapping[str, Any]) -> bool:
    """False for templates, and for mirrors and links, which are other cards' shadows."""
    return not row.get("isTemplate") and row.get("cardRole") not in SKIPPED_ROLES


def normalised_card(row: Mapping[str, Any], fields: Mapping[str, CustomField]) -> dict[str, Any]:
    """The card with custom fields by id below ``custom``. Absent stays absent."""
    data: dict[str, Any] = {**row, "hub": {"key": key_in(row)}}
    if isinstance(row.get("customFieldItems"), list):
        found = dict.fromkeys(fields)
        for item in row["customFieldItems"]:
            found[item["idCustomField"]] = _field_value(item, fields.get(item["idCustomField"]))
        data["custom"] = found
    return data


def _field_value(item: Mapping[str, Any], known: CustomField | None) -> Any:
    if item.get("idValue"):
        return known.options.get(item["idValue"], item["idValue"]) if known else item["idValue"]
    return next(iter((item.get("value") or {}).values()), None)


def key_in(row: Mapping[str, Any]) -> str:
    """The key of the create that made this card; "" if people made it, or the row shows no attachments."""
    for one in row.get("attachments") or ():
        url = str(one.get("url") or "")
        if url.startswith(MARKER):
            return url[len(MARKER) :]
    return ""


def normalised_comment(row: Mapping[str, Any]) -> dict[str, Any]:
    data = row.get("data") or {}
    parts = take_apart(data.get("text"))
    creator = row.get("memberCreator") or {}
    hub = {
        "ref": parts.ref,
        "author": parts.author or creator.get("fullName") or creator.get("username"),
        # what was written in the hub has its author there; the account is only the messenger
        "author_id": None if parts.ref else row.get("idMemberCreator"),
        "edited": data.get("dateLastEdited"),
    }
    return {**row, "text": parts.text, "hub": hub}


def colour_code(name: Any) -> str | None:
    """``#rrggbb`` of a label's colour; None for a label without one. Light and dark shades count as their colour."""
    return COLOURS.get(str(name).split("_")[0]) if name else None


def colour_name(value: Any) -> str | None:
    """The colour of Trello's that comes nearest to ``#rrggbb``; a name of Trello's stays."""
    text = str(value or "").strip().lower()
    if not text:
        return None
    if text in COLOURS:
        return text
    if not re.fullmatch(r"#?[0-9a-f]{6}", text):
        raise RecordProblem("A colour is six hexadecimal digits, or a name of Trello's.", field="hub.colour")
    wanted = _rgb(text)
    return min(
        COLOURS, key=lambda name: sum((a - b) ** 2 for a, b in zip(wanted, _rgb(COLOURS[name]), strict=True))
    )


def _rgb(text: str) -> tuple[int, ...]:
    plain = text.lstrip("#")
    return tuple(int(plain[at : at + 2], 16) for at in (0, 2, 4))


# --- writing -----------------------------------------------------------------------------------------------------


def card_write(fields: Mapping[str, Any], current: Mapping[str, Any]) -> CardWrite:
    """The requests that carry ``fields`` onto the card as it was read (``current``; empty for a new one)."""
    write = CardWrite()
    for path, value in fields.items():
        match path:
            case "name":
                write.params["name"] = _name(value)
            case "desc":
                write.params["desc"] = within(str(value or ""), path)
            case "idList":
                write.params["idList"] = list_of(value)
            case "due" | "start":
                write.params[path] = value or None
            case "dueComplete" | "closed":
                write.params[path] = bool(value)
            case "pos":
                write.params["pos"] = value
            case "idMembers":
                _plan_members(write, value, current)
            case "labels":
                _plan_labels(write, value, current)
            case _ if (id := custom_field_of(path)) is not None:
                write.custom[id] = value
            case _:
                raise RecordProblem(f"Trello does not let {path} be written.", field=path)
    return write


def _name(value: Any) -> str:
    if not str(value or "").strip():
        raise RecordProblem("A card needs a name.", field="name")
    return within(str(value), "name")


def within(text: str, name: str) -> str:
    """The text, refused if it is too long: cutting it would lose words on the next way back."""
    if len(text) > MAX_TEXT:
        raise RecordProblem(
            f"Trello takes at most {MAX_TEXT} characters here; this has {len(text)}.", field=name
        )
    return text


def list_of(value: Any) -> str:
    """The list's id. A stage that no list is chosen for comes here as a word, which Trello would not understand."""
    text = str(value or "")
    if not _ID.match(text):
        raise RecordProblem(
            f"No list is chosen for {text or 'an empty stage'}: complete the status map.", field="idList"
        )
    return text


def _plan_members(write: CardWrite, value: Any, current: Mapping[str, Any]) -> None:
    wanted, present = [str(one) for one in value or ()], [str(one) for one in current.get("idMembers") or ()]
    write.add_members = [one for one in wanted if one not in present]
    write.remove_members = [one for one in present if one not in wanted]


def _plan_labels(write: CardWrite, value: Any, current: Mapping[str, Any]) -> None:
    """By name, whatever the case. Labels without a name are none of the hub's business and stay."""
    wanted = list(dict.fromkeys(str(one) for one in value or ()))
    present: Sequence[Mapping[str, Any]] = [one for one in current.get("labels") or () if one.get("name")]
    kept = {one.casefold() for one in wanted}
    has = {str(one["name"]).casefold() for one in present}
    write.add_labels = [one for one in wanted if one.casefold() not in has]
    write.remove_labels = [str(one["id"]) for one in present if str(one["name"]).casefold() not in kept]


def custom_field_of(path: str) -> str | None:
    """The field's id in ``custom.5ab1…`` or ``custom."5ab1…"``."""
    found = re.fullmatch(r"""custom(?:\.|\."|\[')([0-9a-fA-F]{24})(?:"|'\])?""", path)
    return found.group(1) if found else None


def custom_field_body(known: CustomField, value: Any) -> dict[str, Any]:
    """The JSON that sets or clears a custom field; all inner values are texts."""
    if value in (None, ""):
        return {"value": "", "idValue": ""}
    if known.kind == "list":
        text = str(value)
        id = next(
            (id for id, name in known.options.items() if text == id or text.casefold() == name.casefold()),
            None,
        )
        if id is None:
            raise RecordProblem(f"The field has no option {text!r}.", field=f"custom.{known.id}")
        return {"idValue": id}
    if known.kind == "checkbox":
        return {"value": {"checked": "true" if str(value).lower() in ("true", "1", "yes") else "false"}}
    return {"value": {known.kind: str(value)}}


def untouched_sets(fields: Iterable[str]) -> list[str]:
    """The paths among ``fields`` that are written as whole values, so that a stale one would overwrite."""
    return [path for path in fields if path not in ("idMembers", "labels")]
