"""What a person picks from, the connection test, what became of absent records, and the board's webhooks."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import orjson

from connectors.base.client import digest, failed_check
from connectors.base.errors import (
    ConfigurationProblem,
    ContractBroken,
    PermissionProblem,
    RecordGone,
    SyncError,
)
from connectors.base.graphql import Document
from connectors.base.paths import read_path
from connectors.base.types import (
    Absence,
    AbsenceKind,
    Check,
    CheckReport,
    Container,
    ExternalRecord,
    WebhookRegistration,
)

from . import queries as q
from .columns import Label
from .items import BY_GROUP, FOREIGN_LABEL
from .webhooks import SUBITEM_EVENTS, SUBSCRIBED

if TYPE_CHECKING:
    from .client import MondayClient

BOARDS_PER_PAGE = 100
MAX_PAGES = 50
SKIPPED_BOARDS = frozenset({"sub_items_board", "document", "custom_object"})
DELETED_EVENTS = frozenset({"delete_pulse", "batch_delete_pulses"})
MOVED_EVENTS = frozenset({"move_pulse_from_board", "batch_move_pulses_from_board"})


def check(client: MondayClient) -> CheckReport:
    """Who am I, which version answers, can the board be read."""
    started = time.perf_counter()
    checks: list[Check] = []
    account = account_id = version = ""
    try:
        given = client.api.ask(q.ME)
        me = given.object("me", "account")
        version = str(given.at("version.value") or "")
        account = f"{me.get('name') or ''} · {read_path(me, 'account.name', '') or ''}".strip(" ·")
        account_id = str(me.get("id") or "")
        checks += [Check("reachable", True), Check("authenticated", True, account)]
        if version != q.API_VERSION:
            words = f"Asked for version {q.API_VERSION}, monday.com answered as {version or 'another'}."
            checks.append(
                Check("api_version", False, words, "Update Lockstep: this version is no longer supported.")
            )
        if client.board_id:
            layout = client.main()
            checks.append(Check("may_read", True, f"Board “{layout.row.get('name')}” can be read"))
            checks += _columns(client)
    except SyncError as error:
        checks.append(failed_check(error))
    elapsed = int((time.perf_counter() - started) * 1000)
    return CheckReport(all(one.ok for one in checks), checks, elapsed, account, account_id, version)


def _columns(client: MondayClient) -> Iterator[Check]:
    """Which columns play which parts, so that a person sees what was guessed."""
    layout = client.main()
    named = ", ".join(f"{role} = {column.title}" for role, column in layout.roles.items())
    yield Check("columns", True, named or "No column fits any part; only names are kept in agreement.")
    wanted = client.key_setting
    if wanted and wanted != "auto" and wanted not in layout.columns:
        yield Check(
            "key_column", False, f"The board has no column {wanted}.", "Choose a text column, or “auto”."
        )


def containers(client: MondayClient, kind: str, parent_id: str) -> list[Container]:
    """Kinds: workspace, board; of a board: status (its labels, or its groups where they are the stages), board_group,
    field (columns), tag; user. Without a kind: the boards."""
    match kind:
        case "workspace":
            return [
                Container(str(row.get("id") or "0"), str(row.get("name") or "Main workspace"), kind)
                for row in _pages(client, q.WORKSPACES, {}, "workspaces")
            ]
        case "" | "board":
            return list(_boards(client, parent_id))
        case "user":
            rows = _pages(client, q.USERS, {}, "users")
            return [
                Container(str(row["id"]), str(row.get("name")), kind, extra={"email": row.get("email")})
                for row in rows
            ]
    if kind not in ("status", "board_group", "field", "tag") or not client.board_id:
        return []
    layout = client.main(afresh=True)
    match kind:
        case "board_group":
            return list(_groups(client, kind))
        case "field":
            return [
                Container(one.id, one.title, kind, client.board_id, extra={"type": one.type})
                for one in layout.columns.values()
            ]
        case "tag":
            return [
                Container(str(row["id"]), str(row["name"]), kind, client.board_id)
                for row in client.tag_rows()
            ]
    return list(_groups(client, "status") if client.stage_from == BY_GROUP else _labels(client))


def _boards(client: MondayClient, workspace: str) -> Iterator[Container]:
    variables = {"workspaces": [workspace] if workspace else None}
    for row in _pages(client, q.BOARDS, variables, "boards"):
        if row.get("type") not in SKIPPED_BOARDS:
            extra = {"items": row.get("items_count")}
            parent = str(row["workspace_id"]) if row.get("workspace_id") else None
            yield Container(
                str(row["id"]), str(row.get("name")), "board", parent, str(row.get("url") or ""), extra
            )


def _groups(client: MondayClient, kind: str) -> Iterator[Container]:
    for row in client.main().groups:
        if not row.get("archived"):
            yield Container(str(row.get("id")), str(row.get("title")), kind, client.board_id)


def _labels(client: MondayClient) -> Iterator[Container]:
    """Labels of the status column, and those that only the subitems' column has."""
    column = client.main().roles.get("stage")
    if column is None:
        return
    for label in column.labels:
        if label.is_active:
            yield Container(label.key, label.text, "status", client.board_id, extra=_meaning(label))
    below = client.subitems()
    other = below.roles.get("stage") if below else None
    for label in other.labels if other else ():
        if label.is_active and column.label_of(label.text) is None:
            name = f"{label.text} (subitems)"
            yield Container(
                FOREIGN_LABEL + label.text, name, "status", client.board_id, extra=_meaning(label)
            )


def _meaning(label: Label) -> dict[str, str]:
    """What a label stands for where its name says nothing: monday.com knows only done and not done."""
    return {"category": "done" if label.is_done else "in_progress"}


def _pages(
    client: MondayClient, query: str, variables: Mapping[str, Any], path: str
) -> Iterator[Mapping[str, Any]]:
    """All rows of a listing by page number; ends with a page that is not full."""
    for page in range(1, MAX_PAGES + 1):
        asked = {**variables, "limit": BOARDS_PER_PAGE, "page": page}
        rows = client.api.ask(query, asked).rows(path, path)
        yield from (row for row in rows if isinstance(row, dict))
        if len(rows) < BOARDS_PER_PAGE:
            return
    raise ContractBroken(f"The listing of {path} did not end.")


# --- absence -----------------------------------------------------------------------------------------------------


def explain_absence(
    client: MondayClient, resource: str, external_ids: Sequence[str], parent_id: str | None
) -> dict[str, Absence]:
    """The trash is evidence of itself; for what is no longer answered at all, the board's activity log is asked."""
    try:
        found = client.read_any(resource, external_ids, parent_id=parent_id)
    except PermissionProblem as error:
        return {id: Absence(AbsenceKind.NO_ACCESS, error.message) for id in external_ids}
    explained = {id: _present(client, resource, found[id]) for id in external_ids if id in found}
    missing = [id for id in external_ids if id not in found]
    if resource == "item":
        explained |= _from_log(client, missing)
    elif resource == "update" and parent_id:
        explained |= _from_item(client, missing, parent_id)
    elif resource in ("group", "update", "tag"):
        kind = AbsenceKind.DELETED if resource == "group" else AbsenceKind.UNKNOWN
        explained |= {id: Absence(kind, "Not on the board any more.") for id in missing}
    return {
        id: explained.get(id, Absence(AbsenceKind.UNKNOWN, "monday.com has no such record."))
        for id in external_ids
    }


def _present(client: MondayClient, resource: str, record: ExternalRecord) -> Absence:
    if record.is_deleted:
        return Absence(AbsenceKind.DELETED, "In the trash.", record)
    if resource == "item" and client.layout_of(record.container) is None:
        return Absence(AbsenceKind.MOVED, "On another board now.", record)
    if record.is_archived:
        return Absence(AbsenceKind.ARCHIVED, "", record)
    return Absence(AbsenceKind.PRESENT, "", record)


def _from_log(client: MondayClient, ids: Sequence[str]) -> dict[str, Absence]:
    """What the activity log says of items that are not answered any more; nothing where it says nothing."""
    wanted = [id for id in ids if id.isdigit()]
    if not wanted:
        return {}
    boards = client.api.ask(q.LOGS, {"board": client.our_boards(), "items": wanted}).rows("boards", "boards")
    explained: dict[str, Absence] = {}
    for row in (row for board in boards for row in read_path(board, "activity_logs", None) or ()):
        event = str(row.get("event") or "")
        kind = (
            AbsenceKind.DELETED
            if event in DELETED_EVENTS
            else AbsenceKind.MOVED
            if event in MOVED_EVENTS
            else None
        )
        id = _item_in(row.get("data"))
        if kind is not None and id in wanted:
            explained.setdefault(id, Absence(kind, f"The board's activity log says {event}."))
    return explained


def _item_in(data: Any) -> str:
    """The item a log entry is about; its data is JSON in a text."""
    try:
        facts = orjson.loads(data) if isinstance(data, str) else {}
    except orjson.JSONDecodeError:
        return ""
    found = (facts.get("pulse_id") or facts.get("item_id")) if isinstance(facts, dict) else None
    return str(found or "")


def _from_item(client: MondayClient, ids: Sequence[str], item_id: str) -> dict[str, Absence]:
    """An update that is gone while its item is still there was deleted."""
    rows = client.api.ask(q.ITEM_STATE, {"ids": [item_id.partition(".")[0]]}).rows("items", "items")
    if not any(isinstance(row, dict) and row.get("state") == "active" for row in rows):
        return {}
    return {id: Absence(AbsenceKind.DELETED, "Not among its item's updates any more.") for id in ids}


def container_token(client: MondayClient) -> str:
    """Account, person and board by number: names may change."""
    given = client.api.ask(q.ACCOUNT)
    me = given.object("me", "account")
    return digest([str(read_path(me, "account.id", "")), str(me.get("id")), client.board_id])


# --- webhooks ----------------------------------------------------------------------------------------------------


def ensure_webhook(client: MondayClient, url: str) -> WebhookRegistration | None:
    """One webhook per event, for an app's token: those it made can be told from others', and are signed.

    With a personal token neither is so: None, and a person registers by hand.
    """
    if not client.is_app:
        return None
    below = client.subitems()
    wanted = {*SUBSCRIBED, *(SUBITEM_EVENTS if below else ())}
    present = {str(row.get("event")): str(row.get("id")) for row in _webhooks(client)}
    document = Document("mutation")
    aliases = {}
    for event in sorted(wanted - present.keys()):
        arguments = {
            "board_id": ("ID!", client.board_id),
            "url": ("String!", url),
            "event": ("WebhookEventType!", event),
        }
        aliases[event] = document.add("create_webhook", arguments, "{ id board_id }")
    if aliases:
        made = client.api.run(document)
        present |= {event: str(made.object(alias, "webhook").get("id")) for event, alias in aliases.items()}
    events = sorted(wanted & present.keys())
    return WebhookRegistration(min(present[event] for event in events), url, events)


def remove_webhooks(client: MondayClient) -> int:
    """Takes all of the app's webhooks on the board away; they are one registration of ours."""
    if not client.is_app:
        return 0
    rows = [row for row in _webhooks(client) if row.get("event") in {*SUBSCRIBED, *SUBITEM_EVENTS}]
    document = Document("mutation")
    for row in rows:
        document.add("delete_webhook", {"id": ("ID!", str(row.get("id")))}, "{ id }")
    if rows:
        with contextlib.suppress(RecordGone):
            client.api.run(document)
    return 1 if rows else 0


def _webhooks(client: MondayClient) -> list[Mapping[str, Any]]:
    if not client.board_id:
        raise ConfigurationProblem("Choose the board first.", code="missing")
    return client.api.ask(q.WEBHOOKS, {"board": client.board_id}).rows("webhooks", "webhooks")
