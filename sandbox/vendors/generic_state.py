"""What the customer desk remembers and checks; its API is in ``generic``."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

import orjson

from sandbox.store import Document
from sandbox.vendor import Sheet, SheetField, Vendor
from sandbox.web import Call, Refusal, Reply

MAX_PAGE = 100
STATES = {1: "New", 2: "Planned", 3: "Working", 4: "Checking", 5: "Solved"}
PRIORITIES = ("none", "P4", "P3", "P2", "P1")
WRITABLE = "subject body state_id priority starts_on due_on assignee_ids tags external_key"
READ_ONLY = "id number revision state assignees created_at updated_at created_by updated_by url comment_count"


class DeskState(Vendor):
    """Tickets, comments and people, the checks of their values, and the hooks that tell of changes."""

    # --- first records -------------------------------------------------------------------------------------------------

    def seed(self) -> None:
        people = (
            ("7", "Noor Haddad", "noor@example.org"),
            ("8", "Tilda Behrens", "tilda@example.org"),
            ("9", "Aiko Mori", "aiko@example.org"),
        )
        for id, name, email in people:
            self.world.put(
                "person",
                id,
                {
                    "id": int(id),
                    "name": name,
                    "email": email,
                    "active": True,
                    "updated_at": "2026-01-05T08:00:00.000Z",
                },
            )
        start = self.now() - timedelta(days=9)
        rows: tuple[tuple[str, str, int, str, list[str], list[str]], ...] = (
            ("Printer on floor 2 jams", "Paper gets stuck in **tray 3**.", 1, "P3", ["7"], ["hardware"]),
            (
                "New laptop for Aiko",
                "Arrives on Monday.\n\n- order\n- set up",
                2,
                "P4",
                ["8"],
                ["hardware", "onboarding"],
            ),
            (
                "Customer cannot log in",
                "Sees *error 403* since the update.",
                3,
                "P1",
                ["7", "9"],
                ["login", "urgent"],
            ),
            ("Invoice template shows old logo", "", 4, "P4", [], ["billing"]),
            ("Archive the 2024 tickets", "Keep the numbers.", 5, "none", ["9"], []),
        )
        for position, (subject, body, state, priority, assignees, tags) in enumerate(rows):
            values = {
                "subject": subject,
                "body": body,
                "state_id": state,
                "priority": priority,
                "assignee_ids": assignees,
                "tags": tags,
            }
            self._make(values, actor="7", at=start + timedelta(hours=20 * position))

    def subscriptions(self, event: str) -> Iterable[Mapping[str, Any]]:
        return self.world.where("hook", lambda hook: "*" in hook["events"] or event in hook["events"])

    def sign(self, subscription: Mapping[str, Any], body: bytes, *, event: str) -> dict[str, str]:
        timestamp = str(int(self.now().timestamp()))
        signature = hmac.new(
            str(subscription["secret"]).encode(), timestamp.encode() + b"." + body, hashlib.sha256
        ).hexdigest()
        return {"Desk-Signature": f"t={timestamp},v1={signature}"}

    # --- hand edits -------------------------------------------------------------------------------------------------

    def sheets(self) -> tuple[Sheet, ...]:
        states = {str(id): name for id, name in STATES.items()}
        priorities = {name: name for name in PRIORITIES}
        ticket = Sheet(
            "ticket",
            "Tickets",
            (
                SheetField("id", "No.", "show"),
                SheetField("subject", "Subject"),
                SheetField("body", "Text", "area"),
                SheetField("state_id", "State", "choice", states),
                SheetField("priority", "Priority", "choice", priorities),
                SheetField("due_on", "Due", "date"),
                SheetField("tags", "Tags", "tags"),
                SheetField("updated_at", "Changed", "show"),
            ),
            title="subject",
        )
        comment = Sheet(
            "comment",
            "Comments",
            (
                SheetField("ticket_id", "Ticket", "number"),
                SheetField("author.name", "By", "show"),
                SheetField("body", "Text", "area"),
            ),
            title="body",
        )
        return ticket, comment

    def edit(self, kind: str, id: str | None, values: Mapping[str, Any], *, actor: str = "") -> str:
        by = actor or "7"
        if kind == "comment":
            if id is None:
                return str(self._make_comment(int(values.get("ticket_id") or 0), values, actor=by)["id"])
            found = {
                **(self.world.get("comment", id) or {}),
                "body": values["body"],
                "updated_at": self.stamp(ms=True),
            }
            self.world.put("comment", id, found)
            self._tell("comment.updated", "comment", id, ticket=found["ticket_id"], actor=by)
            return id
        allowed = {name: value for name, value in values.items() if name in WRITABLE.split()}
        if id is None:
            return str(self._make(allowed, actor=by)["id"])
        self._change(self._ticket(id), allowed, actor=by)
        return id

    def remove(self, kind: str, id: str, *, actor: str = "") -> None:
        if kind == "comment":
            found = self.world.get("comment", id) or {}
            self.world.drop("comment", id)
            self._tell("comment.deleted", "comment", id, ticket=found.get("ticket_id", 0), actor=actor)
            return
        self.world.drop("ticket", id)
        self.world.put("deleted", id, {"id": id, "at": self.stamp()})
        self._tell("ticket.deleted", "ticket", id, actor=actor)

    # --- inside -----------------------------------------------------------------------------------------------------

    def _ticket(self, id: str) -> Document:
        found = self.world.get("ticket", id)
        if found is None:
            if self.world.get("deleted", id):
                raise Refusal(410, "This ticket was deleted.", code="gone")
            raise Refusal(404, "No such ticket.", code="not_found")
        return found

    def _comment(self, ticket: int, id: int) -> Document:
        found = self.world.get("comment", id)
        if found is None or found["ticket_id"] != ticket:
            raise Refusal(404, "No such comment.", code="not_found")
        return found

    def _shown(self, ticket: Document) -> Document:
        shown = {name: value for name, value in ticket.items() if name not in ("state_id", "assignee_ids")}
        shown["state"] = {"id": ticket["state_id"], "name": STATES[ticket["state_id"]]}
        people = [self.world.get("person", id) for id in ticket["assignee_ids"]]
        shown["assignees"] = [{"id": one["id"], "name": one["name"]} for one in people if one]
        return shown

    def _answer(self, ticket: Document, status: int = 200) -> Reply:
        return Reply({"data": self._shown(ticket)}, status, {"ETag": etag(ticket)})

    def _check_version(self, call: Call, ticket: Document) -> None:
        wanted = call.headers.get("If-Match")
        if wanted is not None and wanted not in (etag(ticket), "*"):
            raise Refusal(412, "The ticket changed meanwhile.", code="stale")

    def _make(self, values: Mapping[str, Any], *, actor: str, at: datetime | None = None) -> Document:
        id = self.world.next_number("ticket")
        moment = (at or self.now()).astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        blank: Document = {
            "id": id, "number": f"T-{id}", "subject": "", "body": "", "state_id": 1, "priority": "none", "starts_on": None, "due_on": None,
            "assignee_ids": [], "tags": [], "external_key": None, "created_at": moment, "updated_at": moment, "created_by": actor,
            "updated_by": actor, "url": f"https://desk.example.org/tickets/{id}", "revision": 1,
        }  # fmt: skip
        made = {**blank, **self._checked(values)}
        if not made["subject"]:
            raise Refusal(422, "subject is required", code="missing_field", field="subject")
        self.world.put("ticket", id, made)
        self._tell("ticket.created", "ticket", str(id), actor=actor)
        return made

    def _change(self, found: Document, values: Mapping[str, Any], *, actor: str) -> Document:
        checked = self._checked(values)
        if all(found.get(name) == value for name, value in checked.items()):
            return found
        changed = {
            **found,
            **checked,
            "updated_at": self.stamp(ms=True),
            "updated_by": actor,
            "revision": found["revision"] + 1,
        }
        self.world.put("ticket", found["id"], changed)
        self._tell("ticket.updated", "ticket", str(found["id"]), actor=actor)
        return changed

    def _checked(self, values: Mapping[str, Any]) -> Document:
        checked: Document = {}
        for name, value in values.items():
            match name:
                case "state_id":
                    if value not in STATES and not (
                        isinstance(value, str) and value.isdigit() and int(value) in STATES
                    ):
                        raise Refusal(422, "state_id is not a state", code="invalid", field=name)
                    checked[name] = int(value)
                case "priority":
                    if value not in PRIORITIES:
                        raise Refusal(422, "priority is not a priority", code="invalid", field=name)
                    checked[name] = value
                case "starts_on" | "due_on":
                    checked[name] = self._day(value, name)
                case "assignee_ids":
                    checked[name] = self._people(value)
                case "tags":
                    if not isinstance(value, list) or not all(isinstance(tag, str) for tag in value):
                        raise Refusal(422, "tags must be a list of texts", code="invalid", field=name)
                    checked[name] = list(
                        dict.fromkeys(
                            tag.lower() if self.trouble.knobs.is_normalising else tag for tag in value
                        )
                    )
                case _:
                    checked[name] = (
                        None if value is None and name == "external_key" else self._text(value, name)
                    )
        return checked

    def _text(self, value: Any, name: str) -> str:
        if not isinstance(value, str) and value is not None:
            raise Refusal(422, f"{name} must be a text", code="invalid", field=name)
        if name == "subject" and len(value or "") > 250:
            raise Refusal(422, "subject is too long", code="too_long", field=name)
        return (value or "").strip() if self.trouble.knobs.is_normalising else value or ""

    def _day(self, value: Any, name: str) -> str | None:
        if value in (None, ""):
            return None
        try:
            return date.fromisoformat(str(value)).isoformat()
        except ValueError:
            raise Refusal(422, f"{name} must be a date", code="invalid", field=name) from None

    def _people(self, value: Any) -> list[str]:
        ids = [str(one) for one in value] if isinstance(value, list) else None
        if ids is None or any(self.world.get("person", id) is None for id in ids):
            raise Refusal(422, "assignee_ids must name people", code="invalid", field="assignee_ids")
        return ids

    def _make_comment(self, ticket: int, values: Mapping[str, Any], *, actor: str) -> Document:
        if self.world.get("ticket", ticket) is None:
            raise Refusal(422, "ticket_id is not a ticket", code="invalid", field="ticket_id")
        id, person = self.world.next_number("comment"), self.world.get("person", actor)
        made: Document = {
            "id": id, "ticket_id": ticket, "body": self._text(values.get("body"), "body"), "external_key": values.get("external_key"),
            "author": {"id": int(actor or 1), "name": person["name"] if person else "Lockstep robot"},
            "created_at": self.stamp(ms=True), "updated_at": self.stamp(ms=True),
        }  # fmt: skip
        self.world.put("comment", id, made)
        self._tell("comment.created", "comment", str(id), ticket=ticket, actor=actor)
        return made

    def _listed(self, call: Call) -> list[Document]:
        rows = self.visible(self.world.all("ticket"), "updated_at")
        if (state := call.query.get("state")) is not None:
            rows = [row for row in rows if str(row["state_id"]) == state]
        if (key := call.query.get("external_key")) is not None:
            rows = [row for row in rows if row["external_key"] == key]
        if call.choice("sort", "id", "id updated_at") == "updated_at":
            rows = sorted(rows, key=lambda row: (row["updated_at"], row["id"]))
        return [self._shown(row) for row in self._since(call, rows)]

    def _since(self, call: Call, rows: list[Document]) -> list[Document]:
        since = call.moment("updated_since")
        return (
            rows
            if since is None
            else [row for row in rows if datetime.fromisoformat(row["updated_at"]) >= since]
        )

    def _numbered(self, call: Call, rows: list[Document]) -> dict[str, Any]:
        size, page = call.number("per_page", 20, low=1, high=MAX_PAGE), call.number("page", 1, low=1)
        pages = max(1, -(-len(rows) // size))
        return {
            "data": rows[(page - 1) * size : page * size],
            "meta": {"page": page, "pages": pages, "total": len(rows)},
        }

    def _cursor_position(self, cursor: str | None) -> int:
        if cursor is None:
            return 0
        try:
            return int(cursor.removeprefix("c"), 16)
        except ValueError:
            raise Refusal(400, "The cursor is not valid.", code="bad_cursor") from None

    def _tell(self, event: str, kind: str, id: str, *, ticket: int = 0, actor: str = "") -> None:
        number = self.world.next_number("event")
        payload = {
            "id": f"evt_{number}", "type": event, "at": self.stamp(ms=True), "actor": {"id": actor},
            "object": {"kind": kind, "id": int(id)}, "ticket_id": ticket or int(id),
        }  # fmt: skip
        self.emit(event, payload)


def etag(ticket: Document) -> str:
    return f'"{ticket["id"]}-{ticket["revision"]}"'


def request_digest(value: Any) -> str:
    return hashlib.sha256(orjson.dumps(value, option=orjson.OPT_SORT_KEYS)).hexdigest()
