"""The client of one board. monday.com keeps the last write and has no versions, so every update reads, compares and then
writes only what is to change: columns, name and group in one document."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

import orjson

from connectors.base.connector import Connector
from connectors.base.errors import ContractBroken, RecordGone, RecordProblem
from connectors.base.graphql import Document, GraphApi
from connectors.base.paths import MISSING, read_path
from connectors.base.signoff import ref_of, says_nothing_new, signed
from connectors.base.types import Absence, CheckReport, Container, ExternalRecord, WebhookRegistration

from . import discovery
from . import queries as q
from .api import once
from .columns import KEY_TITLE, Column
from .items import ItemWrite, Layout, item_write, label_names
from .reading import MondayReader, MovedAway
from .text import put_together


class MondayClient(MondayReader):
    def __init__(
        self, connector: Connector, api: GraphApi, settings: Mapping[str, Any], *, is_app: bool = False
    ) -> None:
        super().__init__(connector, api, settings)
        self.is_app = is_app
        self.key_setting = str(settings.get("key_column") or "").strip()

    # --- creating ------------------------------------------------------------------------------------------------

    def create(
        self, resource: str, fields: Mapping[str, Any], *, key: str, parent_id: str | None = None
    ) -> ExternalRecord:
        match resource:
            case "item":
                return self._create_item(fields, key)
            case "update":
                return self._create_update(fields, key, parent_id)
            case "group":
                return self._create_group(fields, key)
            case "tag":
                variables = {"board": None, "name": _required(fields, "name", "A tag needs a name.")}
                given = self.api.ask(q.TAG_FOR, variables, headers=once(resource, key))
                return self._record("tag", given.object("create_or_get_tag", "tag"))
        raise self.cannot("create", resource)

    def _create_item(self, fields: Mapping[str, Any], key: str) -> ExternalRecord:
        parent = str(fields.get("hub.parent") or "")
        layout = self._sub_layout() if parent else self.main()
        write = self._write(fields, layout, None)
        if write.name is None:
            raise RecordProblem("An item needs a name.", field="name")
        values = {id: value for id, value in write.values.items() if value not in (None, "", {})}
        if self.key_setting:
            values[self._key_column(layout).id] = key
        variables = {
            "name": write.name,
            "values": orjson.dumps(values).decode(),
            "labels": write.makes_labels,
            **({"parent": parent} if parent else {"board": self.board_id, "group": write.group or None}),
        }
        call = "create_subitem" if parent else "create_item"
        text = q.CREATE_SUBITEM if parent else q.CREATE_ITEM
        # the answer to a repeated key is kept for half an hour only, so a lost one is looked up, not asked for again
        given = self.api.ask(text, variables, headers=once("item", key), is_repeatable=False)
        return self._record("item", given.object(call, "item"))

    def _sub_layout(self) -> Layout:
        layout = self.subitems()
        if layout is None:
            raise RecordProblem(
                "The board has no subitems yet, or they are left out: make its first one in monday.com.",
                field="hub.parent",
            )
        return layout

    def _key_column(self, layout: Layout) -> Column:
        """The column for keys; the hub makes one where the setting asks for it, or on the board of subitems."""
        wanted = "" if self.key_setting == "auto" or layout.board_id != self.board_id else self.key_setting
        found = layout.key_column(wanted)
        if found is None and wanted:
            raise RecordProblem("The column for Lockstep's keys is no longer on the board.", field="")
        if found is None:
            variables = {
                "board": layout.board_id,
                "title": KEY_TITLE,
                "text": "How Lockstep finds what it made; safe to hide.",
            }
            row = self.api.ask(q.CREATE_COLUMN, variables).object("create_column", "column")
            found = Column.from_row(row)
            layout.columns[found.id] = found
        return found

    def _create_update(self, fields: Mapping[str, Any], key: str, parent_id: str | None) -> ExternalRecord:
        item = parent_id or str(fields.get("hub.item") or "")
        if not item:
            raise RecordProblem("An update needs the item it belongs to.", field="hub.item")
        body = put_together(signed(fields, None, "body", key=key))
        answered = str(fields.get("hub.parent") or "").partition(".")[0]
        variables = {"item": item, "body": body, "parent": answered or None}
        given = self.api.ask(q.CREATE_UPDATE, variables, headers=once("update", key), is_repeatable=False)
        row = dict(given.object("create_update", "update"))
        if answered:
            row |= {"id": f"{answered}.{row.get('id')}", "parent_id": answered}
        return self._record("update", {**row, "item_id": row.get("item_id") or item})

    def _create_group(self, fields: Mapping[str, Any], key: str) -> ExternalRecord:
        """A group of that title is taken as it is: titles are how people know groups, and keys are kept half an hour only."""
        title = _required(fields, "title", "A group needs a title.")
        same = next((one for one in self.main(afresh=True).groups if one.get("title") == title), None)
        if same is None:
            variables = {"board": self.board_id, "name": title}
            given = self.api.ask(q.CREATE_GROUP, variables, headers=once("group", key), is_repeatable=True)
            same = given.object("create_group", "group")
            self._layouts.clear()
        return self._record("group", same)

    # --- changing ------------------------------------------------------------------------------------------------

    def update(
        self,
        resource: str,
        external_id: str,
        fields: Mapping[str, Any],
        *,
        current: ExternalRecord,
        parent_id: str | None = None,
    ) -> ExternalRecord:
        now = self.get(resource, external_id, parent_id=parent_id)
        self.refuse_stale(current, now, fields)
        wanted = {
            path: value for path, value in fields.items() if read_path(now.data, path, MISSING) != value
        }
        if not wanted:
            return now
        match resource:
            case "item":
                return self._update_item(now, wanted)
            case "update":
                return self._update_update(now, wanted)
            case "group":
                return self._update_group(now, wanted)
            case "board":
                return self._update_board(now, wanted)
        raise self.cannot("update", resource)

    def _update_item(self, now: ExternalRecord, fields: Mapping[str, Any]) -> ExternalRecord:
        layout = self.layout_of(now.container)
        if layout is None:
            raise MovedAway("The item is on another board now.")
        write = self._write(fields, layout, now.data)
        values = dict(write.values)
        if write.name is not None:
            values["name"] = write.name
        document = Document("mutation", q.ITEM)
        last = ""
        if write.group:
            place = {"item_id": ("ID", now.id), "group_id": ("String!", write.group)}
            last = document.add("move_item_to_group", place, "{ ...ItemParts }")
        if values:
            arguments: dict[str, tuple[str, Any]] = {
                "board_id": ("ID!", now.container),
                "item_id": ("ID", now.id),
                "column_values": ("JSON!", orjson.dumps(values).decode()),
                "create_labels_if_missing": ("Boolean", write.makes_labels),
            }
            last = document.add("change_multiple_column_values", arguments, "{ ...ItemParts }")
        if not last:
            return now
        return self._record("item", self.api.run(document).object(last, "item"))

    def _update_update(self, now: ExternalRecord, fields: Mapping[str, Any]) -> ExternalRecord:
        hub = now.data["hub"]
        if says_nothing_new(fields, now, "body"):
            return now
        body = put_together(signed(fields, now, "body"))
        own = now.id.rpartition(".")[2]
        row = dict(self.api.ask(q.EDIT_UPDATE, {"id": own, "body": body}).object("edit_update", "update"))
        row |= {"id": now.id, "item_id": hub["item"], "parent_id": hub["parent"]}
        return self._record("update", row)

    def _update_group(self, now: ExternalRecord, fields: Mapping[str, Any]) -> ExternalRecord:
        document = Document("mutation")
        last = ""
        for path in fields:
            if path != "title":
                raise RecordProblem(f"monday.com does not let {path} be written.", field=path)
            arguments = {
                "board_id": ("ID!", self.board_id),
                "group_id": ("String!", now.id),
                "group_attribute": ("GroupAttributes!", "title"),
                "new_value": ("String!", _required(fields, "title", "A group needs a title.")),
            }
            last = document.add("update_group", arguments, q.GROUP)
        row = self.api.run(document).object(last, "group")
        self._layouts.clear()
        return self._record("group", row)

    def _update_board(self, now: ExternalRecord, fields: Mapping[str, Any]) -> ExternalRecord:
        document = Document("mutation")
        for path, value in fields.items():
            if path not in ("name", "description"):
                raise RecordProblem(f"monday.com does not let {path} be written.", field=path)
            arguments = {
                "board_id": ("ID!", now.id),
                "board_attribute": ("BoardAttributes!", path),
                "new_value": ("String!", str(value or "")),
            }
            document.add("update_board", arguments)
        self.api.run(document)
        return self.get("board", now.id)

    def _write(
        self, fields: Mapping[str, Any], layout: Layout, current: Mapping[str, Any] | None
    ) -> ItemWrite:
        names = label_names(fields, layout)
        return item_write(
            fields,
            layout,
            self.main(),
            stage_from=self.stage_from,
            tags=self._tag_ids(names),
            current=current,
        )

    def _tag_ids(self, names: Sequence[str]) -> dict[str, int]:
        """Ids of tags by name; those the account does not have are made, all in one document."""
        known = self._tags
        if any(name.casefold() not in known for name in names):
            self.tag_rows()
        missing = [name for name in names if name.casefold() not in known]
        if missing:
            document = Document("mutation")
            aliases = {
                name: document.add("create_or_get_tag", {"tag_name": ("String", name)}, q.TAG)
                for name in missing
            }
            given = self.api.run(document, is_repeatable=True)
            known |= {name.casefold(): given.object(alias, "tag") for name, alias in aliases.items()}
        return {name: _number(known[name.casefold()].get("id")) for name in names}

    # --- taking away ---------------------------------------------------------------------------------------------

    def archive(self, resource: str, external_id: str, *, current: ExternalRecord | None = None) -> None:
        if resource != "item":
            raise self.cannot("archive", resource)
        self.api.ask(q.ARCHIVE_ITEM, {"id": external_id}, is_repeatable=True)

    def delete(
        self,
        resource: str,
        external_id: str,
        *,
        parent_id: str | None = None,
        current: ExternalRecord | None = None,
    ) -> None:
        """Items go to the trash for 30 days. Deleting what is already gone is success."""
        asked: Mapping[str, Callable[[], Any]] = {
            "item": lambda: self.api.ask(q.DELETE_ITEM, {"id": external_id}, is_repeatable=True),
            "update": lambda: self.api.ask(
                q.DELETE_UPDATE, {"id": external_id.rpartition(".")[2]}, is_repeatable=True
            ),
        }
        if resource not in asked:
            raise self.cannot("delete", resource)
        try:
            asked[resource]()
        except RecordGone:
            return

    # --- proving -------------------------------------------------------------------------------------------------

    def find_by_key(
        self, resource: str, key: str, *, since: datetime, parent_id: str | None = None
    ) -> ExternalRecord | None:
        if resource == "item" and self.key_setting:
            return self._item_by_key(key)
        if resource == "update" and parent_id:
            token: Any = None
            while True:
                page = self.list_page("update", token=token, parent_id=parent_id)
                for record in page.records:
                    if record.data["hub"]["ref"] == ref_of(key):
                        return record
                if page.next_token is None:
                    return None
                token = page.next_token
        return None

    def _item_by_key(self, key: str) -> ExternalRecord | None:
        for layout in (self.main(), self.subitems()):
            wanted = self.key_setting if layout is self.main() else ""
            column = layout.key_column(wanted) if layout else None
            if layout is None or column is None:
                continue
            asked = {
                "board": layout.board_id,
                "columns": [{"column_id": column.id, "column_values": [key]}],
            }
            page = self.api.ask(q.BY_KEY, asked).object("items_page_by_column_values", "page of items")
            rows = page.get("items")
            if not isinstance(rows, list):
                raise ContractBroken("The page holds no items.")
            if rows:
                return self._record("item", rows[0])
        return None

    def explain_absence(
        self, resource: str, external_ids: Sequence[str], *, parent_id: str | None = None
    ) -> dict[str, Absence]:
        return discovery.explain_absence(self, resource, external_ids, parent_id)

    def container_token(self) -> str:
        return discovery.container_token(self)

    def check(self) -> CheckReport:
        return discovery.check(self)

    def containers(self, kind: str = "", parent_id: str = "") -> list[Container]:
        return discovery.containers(self, kind, parent_id)

    def ensure_webhook(self, url: str, secret: str) -> WebhookRegistration | None:
        return discovery.ensure_webhook(self, url)

    def remove_webhooks(self, url: str) -> int:
        return discovery.remove_webhooks(self)


def _required(fields: Mapping[str, Any], path: str, words: str) -> str:
    text = str(fields.get(path) or "").strip()
    if not text:
        raise RecordProblem(words, field=path)
    return text


def _number(value: Any) -> int:
    if not str(value).isdigit():
        raise ContractBroken("A tag came without its id.")
    return int(value)
