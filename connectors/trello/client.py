"""The client of one board. Trello keeps the last write and has no versions, so every update reads, compares and then
writes only what is to change."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import quote

from connectors.base.client import Endpoint, RestClient, digest, fingerprint, rows_in
from connectors.base.connector import Connector
from connectors.base.errors import (
    ConfigurationProblem,
    ContractBroken,
    PermissionProblem,
    RecordGone,
    RecordProblem,
    Retryable,
    SyncError,
)
from connectors.base.paging import Walk
from connectors.base.paths import read_path
from connectors.base.session import Answer, ApiSession
from connectors.base.signoff import put_together, ref_of, says_nothing_new, signed
from connectors.base.times import format_instant
from connectors.base.types import (
    Absence,
    AbsenceKind,
    CheckReport,
    Container,
    ExternalRecord,
    Page,
    WebhookRegistration,
)

from . import cards, discovery

MAX_PAGE = 1000
IDS_PER_BATCH = 10
ACTION_PAGES = 5

ENDPOINTS: Mapping[str, Endpoint] = {
    "card": Endpoint(
        "card",
        list_path="/boards/{board}/cards/all",
        get_path="/cards/{id}",
        create_path="/cards",
        update_path="/cards/{id}",
        delete_path="/cards/{id}",
        update_method="PUT",
        list_params={"customFieldItems": True},
        get_params={"customFieldItems": True},
        version_at="dateLastActivity",
        updated_at="dateLastActivity",
        url_at="shortUrl",
        archived_at="closed",
    ),
    "comment": Endpoint(
        "comment",
        list_path="/boards/{board}/actions",
        get_path="/actions/{id}",
        create_path="/cards/{parent}/actions/comments",
        update_path="/cards/{parent}/actions/{id}/comments",
        delete_path="/cards/{parent}/actions/{id}/comments",
        update_method="PUT",
        parent_at="data.card.id",
    ),
    "label": Endpoint(
        "label",
        list_path="/boards/{board}/labels",
        get_path="/labels/{id}",
        create_path="/labels",
        update_path="/labels/{id}",
        delete_path="/labels/{id}",
        update_method="PUT",
        list_params={"limit": MAX_PAGE},
    ),
    "member": Endpoint("member", list_path="/boards/{board}/members"),
}


class TrelloClient(RestClient):
    endpoints = ENDPOINTS
    page_size = MAX_PAGE

    def __init__(self, connector: Connector, session: ApiSession, settings: Mapping[str, Any]) -> None:
        super().__init__(connector, session, settings)
        self.board_id = str(settings.get("board_id") or "")
        self._board: Mapping[str, Any] | None = None
        self._custom: dict[str, cards.CustomField] | None = None
        self._labels: list[Mapping[str, Any]] | None = None

    def variables(self) -> Mapping[str, Any]:
        return {"board": self.board_id}

    def board(self, *, afresh: bool = False) -> Mapping[str, Any]:
        if self._board is None or afresh:
            params = {"fields": "id,name,closed,idOrganization,url"}
            answer = self.session.get(self._path("/boards/{board}"), params=params)
            if not isinstance(answer.body, dict) or "id" not in answer.body:
                raise ContractBroken("The answer holds no board.", exchange=answer.exchange)
            self._board = answer.body
        return self._board

    def full_board_id(self) -> str:
        """The board's long id, also where the settings hold the short one of its address."""
        return self.board_id if len(self.board_id) == 24 else str(self.board()["id"])

    def _custom_fields(self) -> dict[str, cards.CustomField]:
        if self._custom is None:
            answer = self.session.get(self._path("/boards/{board}/customFields"))
            rows = rows_in(answer.body, "", "custom fields")
            self._custom = {row["id"]: cards.CustomField.from_row(row) for row in rows}
        return self._custom

    # --- reading -------------------------------------------------------------------------------------------------

    def is_wanted(self, endpoint: Endpoint, row: Mapping[str, Any]) -> bool:
        if endpoint.name == "card":
            return cards.is_card(row)
        return endpoint.name != "label" or bool(row.get("name"))  # nothing is known by a colour alone

    def to_record(
        self, endpoint: Endpoint, row: Mapping[str, Any], *, answer: Answer | None, parent_id: str | None
    ) -> ExternalRecord:
        record = super().to_record(endpoint, row, answer=answer, parent_id=parent_id)
        match endpoint.name:
            case "card":
                fields = self._custom_fields() if row.get("customFieldItems") else {}
                data = cards.normalised_card(row, fields)
                return dataclasses.replace(record, data=data, container=str(row.get("idBoard") or ""))
            case "comment":
                data = cards.normalised_comment(row)
                changed = data["hub"]["edited"] or row.get("date")
                return dataclasses.replace(
                    record,
                    data=data,
                    version=digest([changed, read_path(row, "data.text", None)])[:16],
                    updated_at=discovery.moment(changed),
                    url=_comment_url(row),
                    container=self.board_id,
                )
            case "label":
                data = {**row, "hub": {"colour": cards.colour_code(row.get("color"))}}
                return dataclasses.replace(
                    record, data=data, version=digest([row.get("name"), row.get("color")])[:16]
                )
        name = row.get("fullName") or row.get("username")
        url = str(row.get("url") or "")
        return dataclasses.replace(record, data={**row, "fullName": name}, url=url)

    def list_page(
        self, resource: str, *, since: datetime | None = None, token: Any = None, parent_id: str | None = None
    ) -> Page:
        if resource == "card":
            return self._cards_page(token)
        if resource == "comment":
            return self._comments_page(since, token, parent_id)
        return super().list_page(resource, token=token)

    def _cards_page(self, token: Any) -> Page:
        """All cards, newest first; ``before`` goes on below the smallest id. There is no filter by change, and not
        every change moves ``dateLastActivity``, so nothing is left out here: the caller compares."""
        walk = Walk.from_token(token)
        endpoint = ENDPOINTS["card"]
        params = {**endpoint.list_params, "limit": self.page_size, "before": walk.token}
        answer = self.session.get(self._path(endpoint.list_path), params=params)
        rows = self.rows(endpoint, answer)
        following = min(str(row["id"]) for row in rows) if len(rows) >= self.page_size else None
        records = [
            self.to_record(endpoint, row, answer=None, parent_id=None)
            for row in rows
            if self.is_wanted(endpoint, row)
        ]
        return Page(records, walk.step(following, fingerprint(rows)), answer.server_time)

    def _comments_page(self, since: datetime | None, token: Any, parent_id: str | None) -> Page:
        """Comments are actions. Since an instant: new ones, and those that later actions say were changed."""
        walk = Walk.from_token(token)
        endpoint = ENDPOINTS["comment"]
        path = (
            self._path("/cards/{id}/actions", id=parent_id) if parent_id else self._path(endpoint.list_path)
        )
        params = {
            "filter": "commentCard,updateComment,deleteComment" if since else "commentCard",
            "limit": self.page_size,
            "before": walk.token,
            "since": format_instant(since, "iso8601_ms", granularity="ms") if since else None,
        }
        answer = self.session.get(path, params=params)
        rows = self.rows(endpoint, answer)
        following = min(str(row["id"]) for row in rows) if len(rows) >= self.page_size else None
        found = {
            row["id"]: self.to_record(endpoint, row, answer=None, parent_id=None)
            for row in rows
            if row["type"] == "commentCard"
        }
        gone = [str(row["data"]["action"]["id"]) for row in rows if row["type"] == "deleteComment"]
        for row in rows:
            if row["type"] == "updateComment" and (id := str(row["data"]["action"]["id"])) not in found:
                try:
                    found[id] = self.get("comment", id)
                except RecordGone:
                    continue  # deleted since: its own action says so
        return Page(list(found.values()), walk.step(following, fingerprint(rows)), answer.server_time, gone)

    def get(self, resource: str, external_id: str, *, parent_id: str | None = None) -> ExternalRecord:
        if resource == "member":
            found = next((one for one in self.walk("member") if one.id == external_id), None)
            if found is None:
                raise RecordGone("This person is not on the board.")
            return dataclasses.replace(found, complete=True)
        record = super().get(resource, external_id, parent_id=parent_id)
        if resource == "card":
            if record.container != self.full_board_id():
                raise RecordGone("The card was moved to another board.")
            if not cards.is_card(record.data):
                raise RecordGone("This is a template or a mirror of another card.")
        if resource == "comment" and record.data.get("type") != "commentCard":
            raise RecordGone("This action is no comment.")
        return record

    def get_many(self, resource: str, external_ids: Sequence[str]) -> dict[str, ExternalRecord]:
        if resource == "card":
            return self._cards_by_id(external_ids)
        if resource in ("member", "label"):
            return {one.id: one for one in self.walk(resource) if one.id in set(external_ids)}
        return super().get_many(resource, external_ids)

    def _cards_by_id(self, external_ids: Sequence[str]) -> dict[str, ExternalRecord]:
        """Ten cards per request."""
        found: dict[str, ExternalRecord] = {}
        board = self.full_board_id()
        for start in range(0, len(external_ids), IDS_PER_BATCH):
            chunk = external_ids[start : start + IDS_PER_BATCH]
            urls = ",".join(f"/cards/{quote(id, safe='')}?customFieldItems=true" for id in chunk)
            answer = self.session.get("/batch", params={"urls": urls}, cost=len(chunk))
            for part in rows_in(answer.body, "", "cards"):
                row = part.get("200") if isinstance(part, dict) else None
                if isinstance(row, dict) and row.get("idBoard") == board and cards.is_card(row):
                    record = self.to_record(ENDPOINTS["card"], row, answer=answer, parent_id=None)
                    found[record.id] = record
        return found

    # --- writing -------------------------------------------------------------------------------------------------

    def create(
        self, resource: str, fields: Mapping[str, Any], *, key: str, parent_id: str | None = None
    ) -> ExternalRecord:
        match resource:
            case "card":
                return self._create_card(fields, key)
            case "comment":
                if not parent_id:
                    raise RecordProblem("A comment needs the card it belongs to.", field="card")
                return super().create(resource, fields, key=key, parent_id=parent_id)
            case "label":
                return self._create_label(fields, key)
        raise self.cannot("create", resource)

    def _create_card(self, fields: Mapping[str, Any], key: str) -> ExternalRecord:
        write = cards.card_write(fields, {})
        if "name" not in write.params:
            raise RecordProblem("A card needs a name.", field="name")
        body = {name: value for name, value in write.params.items() if value is not None and name != "closed"}
        body.setdefault("idList", self._first_list())
        body |= {"urlSource": cards.MARKER + key}
        if write.add_members:
            body["idMembers"] = write.add_members
        if write.add_labels:
            body["idLabels"] = [self._label_id(name) for name in write.add_labels]
        custom = {id: self._custom_body(id, value) for id, value in write.custom.items()}
        answer = self.session.request("POST", "/cards", json=body)
        row = self.record_in(ENDPOINTS["card"], answer)
        try:
            for id, value in custom.items():
                self._set_custom(str(row["id"]), id, value)
            if write.params.get("closed"):
                self.archive("card", str(row["id"]))
            if custom or write.params.get("closed"):
                return self.get("card", str(row["id"]))
        except SyncError as error:
            # the card is there: it must be found by its key and brought up to date, never made again
            raise Retryable(
                f"The card was made, but not completely: {error.message}", ambiguous=True
            ) from error
        whole = {**row, "customFieldItems": []}
        return self.to_record(ENDPOINTS["card"], whole, answer=answer, parent_id=None)

    def _create_label(self, fields: Mapping[str, Any], key: str) -> ExternalRecord:
        """Found by its name, or made: Trello would make a second one of the same name without a word."""
        wanted = str(fields.get("name") or "").casefold()
        same = next((one for one in self.walk("label") if str(one.data["name"]).casefold() == wanted), None)
        self._labels = None
        return same if same is not None else super().create("label", fields, key=key)

    def write_body(
        self, endpoint: Endpoint, fields: Mapping[str, Any], *, current: ExternalRecord | None, key: str = ""
    ) -> Any:
        """The JSON for comments and labels; cards go their own way."""
        if endpoint.name == "comment":
            return {"text": _comment_text(fields, current, key)}
        body: dict[str, Any] = {}
        for path, value in fields.items():
            match path:
                case "name":
                    if not str(value or "").strip():
                        raise RecordProblem("A label needs a name.", field="name")
                    body["name"] = str(value)
                case "hub.colour":
                    body["color"] = cards.colour_name(value)
                case _:
                    raise RecordProblem(f"Trello does not let {path} be written.", field=path)
        if current is None:
            body = {"color": None, **body, "idBoard": self.full_board_id()}
        return body

    def update(
        self,
        resource: str,
        external_id: str,
        fields: Mapping[str, Any],
        *,
        current: ExternalRecord,
        parent_id: str | None = None,
    ) -> ExternalRecord:
        if resource == "card":
            return self._update_card(external_id, fields, current)
        now = self.get(resource, external_id)
        self.refuse_stale(current, now)
        self._labels = None
        if resource == "comment":
            if says_nothing_new(fields, now, "text"):
                return now
            super().update(resource, external_id, fields, current=now, parent_id=now.parent_id)
            return self.get(resource, external_id)  # the answer to a PUT is not the comment as it is listed
        return super().update(resource, external_id, fields, current=now)

    def _update_card(
        self, external_id: str, fields: Mapping[str, Any], current: ExternalRecord
    ) -> ExternalRecord:
        now = self.get("card", external_id)
        self.refuse_stale(current, now, {path: fields[path] for path in cards.untouched_sets(fields)})
        # what is added and removed follows from what the caller saw: others' people and labels stay
        write = cards.card_write(fields, current.data)
        path = self._path("/cards/{id}", id=external_id)
        row: Mapping[str, Any] = now.data
        if write.params:
            row = self.record_in(ENDPOINTS["card"], self.session.request("PUT", path, json=write.params))
        self._send_sets(path, write)
        for id, value in write.custom.items():
            self._set_custom(external_id, id, self._custom_body(id, value))
        if write.needs_read_back or not write.params:
            return self.get("card", external_id)
        whole = {**row, "customFieldItems": now.data.get("customFieldItems", [])}
        record = self.to_record(ENDPOINTS["card"], whole, answer=None, parent_id=None)
        return dataclasses.replace(record, complete=True)

    def _send_sets(self, path: str, write: cards.CardWrite) -> None:
        send = self.session.request
        for id in write.add_members:
            send(
                "POST",
                f"{path}/idMembers",
                json={"value": id},
                is_repeatable=True,
                rules=discovery.THERE_ALREADY,
            )
        for id in write.remove_members:
            send("DELETE", self._path(f"{path}/idMembers/{{id}}", id=id), ok=(404,), expect_json=False)
        for name in write.add_labels:
            value = {"value": self._label_id(name)}
            send("POST", f"{path}/idLabels", json=value, is_repeatable=True, rules=discovery.THERE_ALREADY)
        for id in write.remove_labels:
            send("DELETE", self._path(f"{path}/idLabels/{{id}}", id=id), ok=(404,), expect_json=False)

    def _label_id(self, name: str) -> str:
        """The board's label of that name, made if there is none."""
        if self._labels is None:
            answer = self.session.get(self._path("/boards/{board}/labels"), params={"limit": MAX_PAGE})
            self._labels = rows_in(answer.body, "", "labels")
        for row in self._labels:
            if str(row.get("name") or "").casefold() == name.casefold():
                return str(row["id"])
        body = {"name": name, "color": None, "idBoard": self.full_board_id()}
        # looked up by name first, so a repetition finds what a lost answer left
        made = self.session.request("POST", "/labels", json=body, is_repeatable=True).body
        if not isinstance(made, dict) or "id" not in made:
            raise ContractBroken("The answer holds no label.")
        self._labels = [*self._labels, made]
        return str(made["id"])

    def _custom_body(self, id: str, value: Any) -> dict[str, Any]:
        known = self._custom_fields().get(id)
        if known is None:
            raise RecordProblem("The board has no such custom field.", field=f"custom.{id}")
        return cards.custom_field_body(known, value)

    def _set_custom(self, card_id: str, id: str, body: Mapping[str, Any]) -> None:
        path = self._path("/cards/{id}/customField/{field}/item", id=card_id, field=id)
        self.session.request("PUT", path, json=dict(body), expect_json=False)

    def _first_list(self) -> str:
        chosen = str(self.settings.get("default_list") or "")
        if chosen:
            return chosen
        lists = discovery.containers(self, "list", "")
        if not lists:
            raise RecordProblem("The board has no list to put a card into.", field="idList")
        return lists[0].id

    def archive(self, resource: str, external_id: str, *, current: ExternalRecord | None = None) -> None:
        if resource != "card":
            raise self.cannot("archive", resource)
        self.session.request("PUT", self._path("/cards/{id}", id=external_id), json={"closed": True})

    def delete(
        self,
        resource: str,
        external_id: str,
        *,
        parent_id: str | None = None,
        current: ExternalRecord | None = None,
    ) -> None:
        parent = parent_id or (current.parent_id if current else None)
        super().delete(resource, external_id, parent_id=parent, current=current)

    # --- certainty -----------------------------------------------------------------------------------------------

    def find_by_key(
        self, resource: str, key: str, *, since: datetime, parent_id: str | None = None
    ) -> ExternalRecord | None:
        """Looks through what was made on the board since the intent; a listing's ``since`` goes by creation."""
        if resource == "comment":
            wanted = ref_of(key)
            written = self.walk("comment", since=since, parent_id=parent_id)
            return next((one for one in written if one.data["hub"]["ref"] == wanted), None)
        if resource != "card":
            return None
        before: str | None = None
        while True:
            params = {
                "attachments": True,
                "attachment_fields": "url",
                "fields": "id",
                "limit": self.page_size,
                "since": format_instant(since, "iso8601_ms", granularity="ms"),
                "before": before,
            }
            answer = self.session.get(self._path(ENDPOINTS["card"].list_path), params=params)
            made = self.rows(ENDPOINTS["card"], answer)
            for row in made:
                if cards.key_in(row) == key:
                    return self.get("card", str(row["id"]))
            if len(made) < self.page_size:
                return None
            before = min(str(row["id"]) for row in made)

    def explain_absence(
        self, resource: str, external_ids: Sequence[str], *, parent_id: str | None = None
    ) -> dict[str, Absence]:
        if resource == "card":
            return self._explain_cards(external_ids)
        explained = super().explain_absence(resource, external_ids, parent_id=parent_id)
        unknown = [id for id, absence in explained.items() if absence.kind is AbsenceKind.UNKNOWN]
        if not unknown or not self._is_readable():
            return explained
        gone = Absence(AbsenceKind.DELETED, "Not on the board any more, and the board can be read.")
        if resource == "comment" and parent_id:
            card = self._explain_cards([parent_id])[parent_id]
            if card.kind not in (AbsenceKind.PRESENT, AbsenceKind.ARCHIVED):
                gone = Absence(card.kind, f"Its card: {card.detail}")
        return {**explained, **dict.fromkeys(unknown, gone)}

    def _explain_cards(self, external_ids: Sequence[str]) -> dict[str, Absence]:
        """A 404 means deleted, moved out of sight, or no access; the board's own actions tell which."""
        explained: dict[str, Absence] = {}
        unknown: list[str] = []
        for id in external_ids:
            try:
                record = super().get("card", id)
            except RecordGone:
                unknown.append(id)
            except PermissionProblem as error:
                explained[id] = Absence(AbsenceKind.NO_ACCESS, error.message)
            else:
                explained[id] = self._absence_of_present(record)
        if unknown:
            explained |= self._explain_by_actions(unknown)
        return explained

    def _absence_of_present(self, record: ExternalRecord) -> Absence:
        if record.container != self.full_board_id():
            return Absence(AbsenceKind.MOVED, "Moved to another board.", record)
        if not cards.is_card(record.data):
            return Absence(AbsenceKind.OUT_OF_FILTER, "A template or a mirror of another card.", record)
        return Absence(AbsenceKind.ARCHIVED if record.is_archived else AbsenceKind.PRESENT, record=record)

    def _explain_by_actions(self, external_ids: Sequence[str]) -> dict[str, Absence]:
        if not self._is_readable():
            lost = Absence(AbsenceKind.NO_ACCESS, "The board itself cannot be read.")
            return dict.fromkeys(external_ids, lost)
        found = dict.fromkeys(
            external_ids, Absence(AbsenceKind.UNKNOWN, "The board does not say where it went.")
        )
        before: str | None = None
        for _ in range(ACTION_PAGES):
            params = {"filter": "deleteCard,moveCardFromBoard", "limit": MAX_PAGE, "before": before}
            answer = self.session.get(self._path("/boards/{board}/actions"), params=params)
            rows = rows_in(answer.body, "", "actions")
            for row in rows:
                id = str(read_path(row, "data.card.id", ""))
                if id in found and found[id].kind is AbsenceKind.UNKNOWN:
                    is_delete = row["type"] == "deleteCard"
                    kind = AbsenceKind.DELETED if is_delete else AbsenceKind.MOVED
                    found[id] = Absence(kind, f"{row['type']} on {row.get('date')}")
            if len(rows) < MAX_PAGE or all(one.kind is not AbsenceKind.UNKNOWN for one in found.values()):
                break
            before = min(str(row["id"]) for row in rows)
        return found

    def _is_readable(self) -> bool:
        try:
            return not self.board(afresh=True).get("closed")
        except (RecordGone, PermissionProblem, ConfigurationProblem):
            return False

    def container_token(self) -> str:
        return digest([self.session.base_url, str(self.board(afresh=True)["id"])])

    # --- set-up --------------------------------------------------------------------------------------------------

    def whoami(self) -> tuple[str, str]:
        params = {"fields": "id,username,fullName"}
        me = self.session.get("/members/me", params=params, quota_class="members").body
        if not isinstance(me, dict) or not me.get("id"):
            raise ContractBroken("The answer does not say whose token this is.")
        return str(me.get("fullName") or me.get("username") or ""), str(me["id"])

    def check(self) -> CheckReport:
        return discovery.check(self)

    def containers(self, kind: str = "", parent_id: str = "") -> list[Container]:
        return discovery.containers(self, kind, parent_id)

    def ensure_webhook(self, url: str, secret: str) -> WebhookRegistration | None:
        """One per board. Trello signs with the application's secret, whatever ``secret`` is."""
        return discovery.ensure_webhook(self, url)

    def remove_webhooks(self, url: str) -> int:
        return discovery.remove_webhooks(self, url)


def _comment_url(row: Mapping[str, Any]) -> str:
    link = read_path(row, "data.card.shortLink", None)
    return f"https://trello.com/c/{link}#comment-{row['id']}" if link else ""


def _comment_text(fields: Mapping[str, Any], current: ExternalRecord | None, key: str) -> str:
    return cards.within(put_together(signed(fields, current, "text", key=key), "markdown"), "text")
