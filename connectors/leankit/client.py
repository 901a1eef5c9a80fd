"""The client of one board. Cards carry a version, so LeanKit itself refuses a write that is based on an old reading."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from connectors.base.client import Endpoint, RestClient, digest, fingerprint, rows_in
from connectors.base.connector import Connector
from connectors.base.errors import (
    ContractBroken,
    PermissionProblem,
    RecordGone,
    RecordProblem,
    Retryable,
)
from connectors.base.paging import Offset, Walk
from connectors.base.paths import read_path
from connectors.base.session import Answer, ApiSession
from connectors.base.signoff import ref_of, says_nothing_new, signed
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
from .text import put_together, take_apart

PAGE_SIZE = 200
USERS_PAGE = 100
COMMENTS_PAGE = 400
IDS_PER_REQUEST = 100
MAX_RESTARTS = 3

LIST_PARAMS: Mapping[str, Any] = {
    "select": "cards",
    "lane_class_types": "backlog,active,archive",
    "include": "customFields,parentCards",
}

ENDPOINTS: Mapping[str, Endpoint] = {
    "card": Endpoint(
        "card",
        list_path="/card",
        get_path="/card/{id}",
        create_path="/card",
        update_path="/card/{id}",
        delete_path="/card/{id}",
        get_params={"excludeComments": True},
        write_params={"returnFullRecord": True},
        rows_at="cards",
        version_at="version",
        updated_at="updatedOn",
        updated_by_at="updatedBy.fullName",  # a single card says it, the list does not
    ),
    "comment": Endpoint(
        "comment",
        list_path="/card/{parent}/comment",
        create_path="/card/{parent}/comment",
        update_path="/card/{parent}/comment/{id}",
        delete_path="/card/{parent}/comment/{id}",
        update_method="PUT",
        list_params={"sortBy": "oldest"},
        pager=Offset(limit=COMMENTS_PAGE, total_path="pageMeta.totalRecords"),
        rows_at="comments",
    ),
    "user": Endpoint(
        "user",
        list_path="/board/{board}/user",
        list_params={"sortBy": "name", "sortDir": "asc"},
        pager=Offset(limit=USERS_PAGE, total_path="pageMeta.totalRecords"),
        rows_at="boardUsers",
        id_at="userId",
    ),
}


class LeanKitClient(RestClient):
    endpoints = ENDPOINTS

    def __init__(self, connector: Connector, session: ApiSession, settings: Mapping[str, Any]) -> None:
        super().__init__(connector, session, settings)
        self.board_id = str(settings.get("board_id") or "")
        self.site = session.base_url.removesuffix("/io")
        self._board: Mapping[str, Any] | None = None

    def variables(self) -> Mapping[str, Any]:
        return {"board": self.board_id}

    def board(self, *, afresh: bool = False) -> Mapping[str, Any]:
        """The board with its lanes, card types and users; asked for once per client."""
        if self._board is None or afresh:
            answer = self.session.get(self._path("/board/{board}"))
            if not isinstance(answer.body, dict) or "id" not in answer.body:
                raise ContractBroken("The answer holds no board.", exchange=answer.exchange)
            self._board = answer.body
        return self._board

    def catalogue(self) -> cards.Catalogue:
        return cards.Catalogue.of_board(self.board(), self.settings)

    # --- reading -------------------------------------------------------------------------------------------------

    def to_record(
        self, endpoint: Endpoint, row: Mapping[str, Any], *, answer: Answer | None, parent_id: str | None
    ) -> ExternalRecord:
        record = super().to_record(endpoint, row, answer=answer, parent_id=parent_id)
        match endpoint.name:
            case "card":
                url = f"{self.site}/card/{record.id}"
                return dataclasses.replace(
                    record,
                    data=cards.normalised(row, url),
                    url=url,
                    container=str(read_path(row, "board.id", "") or ""),
                    is_archived=cards.is_archived(row) and not self._keeps_archived(),
                )
            case "comment":
                return self._comment_record(record, row, parent_id)
        name = row.get("fullName") or " ".join(
            part for part in (row.get("firstName"), row.get("lastName")) if part
        )
        data = {**row, "fullName": name or row.get("emailAddress")}
        return dataclasses.replace(record, data=data, container=self.board_id)

    def _keeps_archived(self) -> bool:
        return str(self.settings.get("archived_cards") or "").strip().lower() in ("yes", "keep", "true")

    def _comment_record(
        self, record: ExternalRecord, row: Mapping[str, Any], parent_id: str | None
    ) -> ExternalRecord:
        parts = take_apart(row.get("text"))
        creator = row.get("createdBy") or {}
        hub = {
            "ref": parts.ref,
            "author": parts.author or creator.get("fullName"),
            # what was written in the hub has its author there; the account is only the messenger
            "author_id": None if parts.ref or not creator else str(creator.get("id")),
        }
        parent = parent_id or str(row.get("cardId") or "")
        return dataclasses.replace(
            record,
            data={**row, "text": parts.text, "hub": hub},
            version=digest(row.get("text"))[:16],  # LeanKit does not say when a comment was edited
            parent_id=parent or None,
            url=f"{self.site}/card/{parent}" if parent else "",
            container=self.board_id,
        )

    def list_page(
        self, resource: str, *, since: datetime | None = None, token: Any = None, parent_id: str | None = None
    ) -> Page:
        if resource == "card":
            return self._cards_page(since, token)
        if resource == "comment" and not parent_id:
            raise self.cannot("list without its card a", resource)
        return super().list_page(resource, token=token, parent_id=parent_id)

    def _cards_page(self, since: datetime | None, token: Any) -> Page:
        """One page by offset. Offsets run over a moving set: when it shrinks meanwhile, rows have moved up past the
        offset unseen, so the walk starts over. ``since`` stays what it was at the start of the walk."""
        walk = Walk.from_token(token)
        at = walk.token or {"offset": 0, "total": 0, "restarts": 0}
        params = {
            **LIST_PARAMS,
            "board": self.board_id,
            "sort": "activity",
            "offset": at["offset"],
            "limit": PAGE_SIZE,
            "since": format_instant(since) if since else None,
        }
        answer = self.session.get("/card", params=params)
        rows = self.rows(ENDPOINTS["card"], answer)
        total = _total(answer)
        records = [self.to_record(ENDPOINTS["card"], row, answer=None, parent_id=None) for row in rows]
        if total < at["total"]:
            return Page(records, self._start_over(at), answer.server_time)
        reached = at["offset"] + len(rows)
        if reached < total:
            if not rows:
                raise ContractBroken("An empty page came where LeanKit says there is more.")
            following = {"offset": reached, "total": total, "restarts": at["restarts"]}
            return Page(records, walk.step(following, fingerprint(rows)), answer.server_time)
        walk.step(None, fingerprint(rows))
        deleted = self._deleted_since(since) if since else []
        return Page(records, None, answer.server_time, deleted)

    def _start_over(self, at: Mapping[str, Any]) -> Any:
        if at["restarts"] >= MAX_RESTARTS:
            raise Retryable("Cards keep leaving the board while it is listed; the listing is not complete.")
        return Walk().step({"offset": 0, "total": 0, "restarts": at["restarts"] + 1}, "")

    def _deleted_since(self, since: datetime) -> list[str]:
        """Ids of cards deleted since then. The shape of this answer is not documented; both likely ones are read."""
        found: list[str] = []
        while True:
            params = {
                "board": self.board_id,
                "since": format_instant(since),
                "deleted": True,
                "offset": len(found),
                "limit": PAGE_SIZE,
            }
            answer = self.session.get("/card", params=params)
            body = answer.body if isinstance(answer.body, dict) else {}
            rows = body.get("cardIds")
            if not isinstance(rows, list):
                rows = rows_in(answer.body, "cards", "deleted cards")
            found += [str(row["id"] if isinstance(row, Mapping) else row) for row in rows]
            if not rows or len(found) >= int(read_path(body, "pageMeta.totalRecords", 0) or 0):
                return list(dict.fromkeys(found))

    def get(self, resource: str, external_id: str, *, parent_id: str | None = None) -> ExternalRecord:
        if resource == "card":
            record = super().get(resource, external_id)
            if record.container != self.board_id:
                raise RecordGone("The card was moved to another board.")
            return record
        if resource == "comment" and not parent_id:
            raise self.cannot("read without its card a", resource)
        for record in self.walk(resource, parent_id=parent_id):
            if record.id == external_id:
                return dataclasses.replace(record, complete=True)
        raise RecordGone(f"There is no such {resource}.", proven=resource == "comment")

    def get_many(self, resource: str, external_ids: Sequence[str]) -> dict[str, ExternalRecord]:
        if resource == "user":
            wanted = set(external_ids)
            return {one.id: one for one in self.walk("user") if one.id in wanted}
        if resource != "card":
            return {}
        present, _ = self._cards_by_id(external_ids)
        return {one.id: one for one in present if one.container == self.board_id}

    def _cards_by_id(
        self, external_ids: Sequence[str]
    ) -> tuple[list[ExternalRecord], dict[str, Mapping[str, Any]]]:
        """Cards of any board by their ids, and what LeanKit says of those it does not show."""
        present: list[ExternalRecord] = []
        hidden: dict[str, Mapping[str, Any]] = {}
        for start in range(0, len(external_ids), IDS_PER_REQUEST):
            chunk = ",".join(external_ids[start : start + IDS_PER_REQUEST])
            params = {**LIST_PARAMS, "select": "both", "cards": chunk, "limit": PAGE_SIZE}
            answer = self.session.get("/card", params=params)
            rows = self.rows(ENDPOINTS["card"], answer)
            present += [self.to_record(ENDPOINTS["card"], row, answer=None, parent_id=None) for row in rows]
            for row in read_path(answer.body, "inaccessibleCards", None) or ():
                hidden[str(row["id"])] = row
        return present, hidden

    # --- writing -------------------------------------------------------------------------------------------------

    def create(
        self, resource: str, fields: Mapping[str, Any], *, key: str, parent_id: str | None = None
    ) -> ExternalRecord:
        if resource == "comment" and not parent_id:
            raise RecordProblem("A comment needs the card it belongs to.", field="card")
        return super().create(resource, fields, key=key, parent_id=parent_id)

    def write_body(
        self, endpoint: Endpoint, fields: Mapping[str, Any], *, current: ExternalRecord | None, key: str = ""
    ) -> Any:
        match endpoint.name:
            case "card":
                return cards.create_body(fields, self.board_id, self.catalogue(), key=key)
            case "comment":
                return {"text": _comment_text(fields, current, key)}
        raise self.cannot("write", endpoint.name)

    def update(
        self,
        resource: str,
        external_id: str,
        fields: Mapping[str, Any],
        *,
        current: ExternalRecord,
        parent_id: str | None = None,
    ) -> ExternalRecord:
        if resource == "comment":
            return self._update_comment(external_id, fields, current, parent_id or current.parent_id)
        if resource != "card":
            raise self.cannot("write", resource)
        ops = cards.patch_ops(fields, current.data, self.catalogue())
        return self._patch(external_id, ops, current) if ops else self.get(resource, external_id)

    def _patch(
        self, external_id: str, ops: Sequence[cards.Op], current: ExternalRecord | None
    ) -> ExternalRecord:
        """Sends the operations, guarded by the version they are based on. Answers the card as it is then."""
        version = current.version if current is not None else None
        guard = [{"op": "test", "path": "/version", "value": version}] if version else []
        endpoint = ENDPOINTS["card"]
        answer = self.session.request(
            "PATCH", self._path(endpoint.update_path, id=external_id), json=[*guard, *ops]
        )
        row = self.record_in(endpoint, answer)
        return self.to_record(endpoint, row, answer=answer, parent_id=None)

    def _update_comment(
        self, external_id: str, fields: Mapping[str, Any], current: ExternalRecord, parent_id: str | None
    ) -> ExternalRecord:
        """Read, compare, write: comments have no version."""
        now = self.get("comment", external_id, parent_id=parent_id)
        self.refuse_stale(current, now)
        if says_nothing_new(fields, now, "text"):
            return now
        return super().update("comment", external_id, fields, current=now, parent_id=parent_id)

    def archive(self, resource: str, external_id: str, *, current: ExternalRecord | None = None) -> None:
        """Moves the card to an archive lane."""
        if resource != "card":
            raise self.cannot("archive", resource)
        lane = str(self.settings.get("archive_lane") or "") or discovery.archive_lane(self.board())
        if not lane:
            raise RecordProblem("The board has no archive lane.", field="lane.id")
        ops = cards.patch_ops({"lane.id": lane}, current.data if current else {}, self.catalogue())
        self._patch(external_id, ops, current)

    # --- certainty -----------------------------------------------------------------------------------------------

    def find_by_key(
        self, resource: str, key: str, *, since: datetime, parent_id: str | None = None
    ) -> ExternalRecord | None:
        if resource == "comment":
            wanted = ref_of(key)
            return next(
                (
                    one
                    for one in self.walk("comment", parent_id=parent_id)
                    if one.data["hub"]["ref"] == wanted
                ),
                None,
            )
        if resource != "card":
            return None
        params = {**LIST_PARAMS, "board": self.board_id, "customIds": f"LS-{key}", "limit": PAGE_SIZE}
        answer = self.session.get("/card", params=params)
        for row in self.rows(ENDPOINTS["card"], answer):
            if cards.key_in(row) == key:
                return self.to_record(ENDPOINTS["card"], row, answer=None, parent_id=None)
        return self._find_by_link(key, since)

    def _find_by_link(self, key: str, since: datetime) -> ExternalRecord | None:
        """Links cannot be searched for: what changed since the intent is looked through."""
        token = None
        while True:
            page = self.list_page("card", since=since, token=token)
            for record in page.records:
                if record.data["hub"]["key"] == key:
                    return record
            token = page.next_token
            if token is None:
                return None

    def explain_absence(
        self, resource: str, external_ids: Sequence[str], *, parent_id: str | None = None
    ) -> dict[str, Absence]:
        if resource == "card":
            return self._explain_cards(external_ids)
        if resource == "comment":
            return self._explain_comments(external_ids, parent_id)
        return super().explain_absence(resource, external_ids, parent_id=parent_id)

    def _explain_cards(self, external_ids: Sequence[str]) -> dict[str, Absence]:
        """LeanKit tells deleted from hidden when asked for cards by id, so nothing has to be guessed."""
        present, hidden = self._cards_by_id(external_ids)
        found = {
            id: Absence(AbsenceKind.UNKNOWN, "LeanKit says nothing of this card.") for id in external_ids
        }
        for id, row in hidden.items():
            if row.get("isDeleted"):
                found[id] = Absence(AbsenceKind.DELETED, "Deleted in LeanKit.")
            elif row.get("hasAccess") is False:
                found[id] = Absence(AbsenceKind.NO_ACCESS, "The account may not see this card any more.")
        for record in present:
            if record.container != self.board_id:
                found[record.id] = Absence(AbsenceKind.MOVED, "Moved to another board.", record)
            else:
                kind = AbsenceKind.ARCHIVED if record.is_archived else AbsenceKind.PRESENT
                found[record.id] = Absence(kind, record=record)
        return found

    def _explain_comments(self, external_ids: Sequence[str], parent_id: str | None) -> dict[str, Absence]:
        try:
            listed = {one.id: one for one in self.walk("comment", parent_id=parent_id)}
        except (RecordGone, PermissionProblem):
            card = self._explain_cards([parent_id])[parent_id] if parent_id else Absence(AbsenceKind.UNKNOWN)
            kind = card.kind if card.kind is not AbsenceKind.PRESENT else AbsenceKind.UNKNOWN
            return {id: Absence(kind, f"Its card: {card.detail or card.kind}") for id in external_ids}
        gone = Absence(AbsenceKind.DELETED, "Its card is there, the comment is not.")
        return {
            id: Absence(AbsenceKind.PRESENT, record=listed[id]) if id in listed else gone
            for id in external_ids
        }

    def container_token(self) -> str:
        board = self.board(afresh=True)
        return digest([self.site, str(board.get("organizationId") or ""), str(board["id"])])

    # --- set-up --------------------------------------------------------------------------------------------------

    def whoami(self) -> tuple[str, str]:
        me = self.session.get("/user/me").body
        if not isinstance(me, dict) or not me.get("id"):
            raise ContractBroken("The answer does not say whose token this is.")
        return str(me.get("fullName") or me.get("emailAddress") or ""), str(me["id"])

    def check(self) -> CheckReport:
        return discovery.check(self)

    def containers(self, kind: str = "", parent_id: str = "") -> list[Container]:
        return discovery.containers(self, kind, parent_id)

    def ensure_webhook(self, url: str, secret: str) -> WebhookRegistration | None:
        """Registers or repairs the board's automation. The secret is written each time: LeanKit never shows it."""
        return discovery.ensure_webhook(self, url, secret)

    def remove_webhooks(self, url: str) -> int:
        return discovery.remove_webhooks(self, url)


def _total(answer: Answer) -> int:
    total = read_path(answer.body, "pageMeta.totalRecords", None)
    if not isinstance(total, int) or isinstance(total, bool):
        raise ContractBroken("The listing does not say how many cards there are.", exchange=answer.exchange)
    return total


def _comment_text(fields: Mapping[str, Any], current: ExternalRecord | None, key: str) -> str:
    return put_together(signed(fields, current, "text", key=key))
