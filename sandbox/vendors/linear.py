"""A stand-in for Linear's GraphQL API, held to the vendor's schema."""

from __future__ import annotations

import hmac
import uuid
from collections.abc import Iterator, Mapping
from typing import Any

import orjson
from graphql import DocumentNode

from sandbox.graphql import GraphSurface, is_query
from sandbox.hooks import Sender
from sandbox.store import Document, Store
from sandbox.vendor import ContractFixture, Logged
from sandbox.web import Call, Refusal, Reply, route

from . import linear_seed as seed
from .linear_schema import SCHEMA
from .linear_state import CODES, LinearState, not_found

MAX_POINTS = 10_000
HOURLY = 2500


class Linear(LinearState):
    slug = "linear"
    name = "Linear"
    colour = "#5e6ad2"
    tagline = "Team “App”: issues, comments, labels, cycles"
    webhook_retry_delays = (60.0, 3600.0, 21_600.0)

    def __init__(self, store: Store, sender: Sender, clock: Any = None) -> None:
        self._surface = GraphSurface(self, SCHEMA, describe=_told, rows_of=_rows_of, leaf=0.1)
        super().__init__(store, sender, clock)

    # --- the address ---------------------------------------------------------------------------------------------

    def authenticate(self, call: Call) -> str:
        """A personal key comes bare; with “Bearer” it is refused."""
        if call.headers.get("Authorization", "") != seed.TOKEN:
            raise Refusal(401, "Authentication required, not authenticated", code="AUTHENTICATION_ERROR")
        return seed.ROBOT

    def refuse(self, refusal: Refusal) -> Any:
        return {"errors": [_told(refusal)]}

    def headers(self, call: Call, *, remaining: int) -> dict[str, str]:
        reset = str(int(call.now.timestamp() * 1000) + 3_600_000)
        return {
            "X-RateLimit-Requests-Limit": str(HOURLY),
            "X-RateLimit-Requests-Remaining": str(max(0, min(HOURLY, remaining))),
            "X-RateLimit-Requests-Reset": reset,
        }

    def too_many(self, call: Call, *, retry_after: int) -> Refusal:
        """A refusal for too many requests has the status 400."""
        return Refusal(400, "Rate limit exceeded", code="RATELIMITED")

    @route("POST", "/graphql")
    def graphql(self, call: Call) -> Reply:
        reply = self._surface.answer(call, check=self._afford)
        if reply.body.get("errors") and not reply.body.get("data"):
            reply.status = 400 if all(_is_input(one) for one in reply.body["errors"]) else 200
        return reply

    def _afford(self, document: DocumentNode, points: int) -> None:
        """A property is a tenth of a point, an object one; a connection multiplies by what is asked for."""
        if points > MAX_POINTS:
            raise Refusal(400, f"Query too complex ({points})", code="INPUT_ERROR")

    def reads_by_post(self, entry: Logged) -> bool:
        """Queries are POSTs too; the suite asks which of them write."""
        return is_query(entry)

    # --- queries -------------------------------------------------------------------------------------------------

    def query_viewer(self, call: Call) -> Any:
        return self.shown("user", call.actor)

    def query_organization(self, call: Call) -> Any:
        return seed.ORGANIZATION

    def query_team(self, call: Call, id: str) -> Any:
        return self.shown("team", id)

    def query_teams(self, call: Call, **page: Any) -> Any:
        return self.page_of("team", self.world.all("team"), **page)

    def query_user(self, call: Call, id: str) -> Any:
        return self.shown("user", id)

    def query_project(self, call: Call, id: str) -> Any:
        return self.shown("project", id)

    def query_cycle(self, call: Call, id: str) -> Any:
        return self.shown("cycle", id)

    def query_issueLabel(self, call: Call, id: str) -> Any:
        return self.shown("label", id)

    def query_issue(self, call: Call, id: str) -> Any:
        return self.shown("issue", id)

    def query_comment(self, call: Call, id: str | None = None, hash: str | None = None) -> Any:
        return self.shown("comment", id)

    def query_users(self, call: Call, **page: Any) -> Any:
        return self.listed("user", **page)

    def query_projects(self, call: Call, **page: Any) -> Any:
        return self.listed("project", **page)

    def query_cycles(self, call: Call, **page: Any) -> Any:
        return self.listed("cycle", **page)

    def query_issueLabels(self, call: Call, **page: Any) -> Any:
        return self.listed("label", **page)

    def query_issues(self, call: Call, **page: Any) -> Any:
        return self.listed("issue", **page)

    def query_comments(self, call: Call, **page: Any) -> Any:
        return self.listed("comment", **page)

    def query_webhooks(self, call: Call, **page: Any) -> Any:
        return self.page_of("webhook", self.world.all("webhook"), **page)

    # --- mutations -----------------------------------------------------------------------------------------------

    def mutate_issueCreate(self, call: Call, input: Document) -> Any:
        return self.done("issue", self.make_issue(input, actor=call.actor))

    def mutate_issueUpdate(self, call: Call, id: str, input: Document) -> Any:
        return self.done("issue", self.change_issue(self.one("issue", id), input, actor=call.actor))

    def mutate_issueArchive(self, call: Call, id: str, trash: bool | None = None) -> Any:
        issue = self.put_away(self.one("issue", id), trashed=bool(trash), actor=call.actor)
        return {"success": True, "lastSyncId": 1, "entity": self.shown("issue", issue["id"])}

    def mutate_issueDelete(self, call: Call, id: str, permanentlyDelete: bool | None = None) -> Any:
        issue = self.put_away(self.one("issue", id), trashed=True, actor=call.actor)
        return {"success": True, "lastSyncId": 1, "entity": self.shown("issue", issue["id"])}

    def mutate_commentCreate(self, call: Call, input: Document) -> Any:
        return self.done("comment", self.make_comment(input, actor=call.actor))

    def mutate_commentUpdate(self, call: Call, id: str, input: Document) -> Any:
        comment = self.one("comment", id)
        if comment["user"] != call.actor:
            raise Refusal(200, "You can only edit your own comments", code="FORBIDDEN")
        comment |= {"body": self.text(input.get("body"), "body"), "editedAt": self.stamp(ms=True)}
        return self.done("comment", self.keep("comment", comment, "update", actor=call.actor))

    def mutate_commentDelete(self, call: Call, id: str) -> Any:
        return self.drop("comment", id, actor=call.actor)

    def mutate_issueLabelCreate(self, call: Call, input: Document) -> Any:
        name = self.text(input["name"], "name")
        if any(one["name"].casefold() == name.casefold() for one in self.world.all("label")):
            raise _invalid("A label with this name exists already")
        made = {
            "id": self.new_id("label", input), "name": name, "color": input.get("color") or "#bec2c8", "isGroup": False,
            "description": input.get("description"), "team": input.get("teamId"), "createdAt": self.stamp(ms=True),
        }  # fmt: skip
        return self.done("label", self.keep("label", made, "create", actor=call.actor))

    def mutate_issueLabelUpdate(self, call: Call, id: str, input: Document) -> Any:
        label = {
            **self.one("label", id),
            **{name: value for name, value in input.items() if value is not None},
        }
        return self.done("label", self.keep("label", label, "update", actor=call.actor))

    def mutate_issueLabelDelete(self, call: Call, id: str) -> Any:
        return self.drop("label", id, actor=call.actor)

    def mutate_cycleUpdate(self, call: Call, id: str, input: Document) -> Any:
        return self.done(
            "cycle", self.keep("cycle", {**self.one("cycle", id), **input}, "update", actor=call.actor)
        )

    def mutate_projectCreate(self, call: Call, input: Document) -> Any:
        made = {
            "id": self.new_id("project", input), "name": self.text(input["name"], "name"), "description": input.get("description") or "",
            "content": input.get("content"), "startDate": input.get("startDate"), "targetDate": input.get("targetDate"),
            "lead": input.get("leadId"), "teams": input["teamIds"], "createdAt": self.stamp(ms=True),
        }  # fmt: skip
        return self.done("project", self.keep("project", made, "create", actor=call.actor))

    def mutate_projectUpdate(self, call: Call, id: str, input: Document) -> Any:
        given = {("lead" if name == "leadId" else name): value for name, value in input.items()}
        return self.done(
            "project", self.keep("project", {**self.one("project", id), **given}, "update", actor=call.actor)
        )

    def mutate_projectDelete(self, call: Call, id: str) -> Any:
        gone = {**self.one("project", id), "trashed": True, "archivedAt": self.stamp(ms=True)}
        self.keep("project", gone, "remove", actor=call.actor)
        return {"success": True, "lastSyncId": 1, "entity": self.shown("project", id)}

    def mutate_webhookCreate(self, call: Call, input: Document) -> Any:
        if not input.get("teamId") and not input.get("allPublicTeams"):
            raise _invalid("Either teamId or allPublicTeams is required")
        id = str(uuid.UUID(int=self.world.next_number("webhook"), version=4))
        secret = input.get("secret") or f"lin_wh_{id}"
        made = {"enabled": True, **input, "id": id, "secret": secret, "team": input.get("teamId")}
        self.world.put("webhook", id, made)
        return {"success": True, "lastSyncId": 1, "webhook": self.shown("webhook", id)}

    def mutate_webhookUpdate(self, call: Call, id: str, input: Document) -> Any:
        self.world.put("webhook", id, {**self.one("webhook", id), **input})
        return {"success": True, "lastSyncId": 1, "webhook": self.shown("webhook", id)}

    def mutate_webhookDelete(self, call: Call, id: str) -> Any:
        if not self.world.drop("webhook", id):
            raise not_found("Webhook")
        return {"success": True, "lastSyncId": 1, "entityId": id}

    # --- webhooks ------------------------------------------------------------------------------------------------

    def subscriptions(self, event: str) -> Iterator[Mapping[str, Any]]:
        for hook in self.world.all("webhook"):
            if hook["enabled"] and event in hook["resourceTypes"]:
                yield hook

    def sign(self, subscription: Mapping[str, Any], body: bytes, *, event: str) -> dict[str, str]:
        signature = hmac.new(str(subscription["secret"]).encode(), body, "sha256").hexdigest()
        delivery = str(uuid.UUID(int=self.world.next_number("delivery"), version=4))
        return {
            "Linear-Signature": signature,
            "Linear-Event": event,
            "Linear-Delivery": delivery,
            "Linear-Timestamp": str(orjson.loads(body)["webhookTimestamp"]),
        }

    # --- tests ---------------------------------------------------------------------------------------------------

    def contract_fixture(self) -> ContractFixture:
        issue = {
            "title": "Tide heights in the summary",
            "description": "The summary should say *how high*.",
            "hub.stage": seed.uid("state-Todo"),
            "hub.priority": 2,
            "hub.assignees": [seed.USERS[1][0]],
            "hub.labels": ["Feature"],
            "dueDate": "2026-12-18",
            "hub.estimate": 3,
            "hub.project": seed.uid("project-offline"),
        }
        return ContractFixture(
            base_url="{root}",
            settings={"team_id": seed.TEAM},
            secrets={"token": seed.TOKEN},
            samples={
                "issue": issue,
                "comment": {"body": "A word from the hub", "hub.author": "Noor Haddad"},
                "label": {"name": "Accessibility", "color": "#6cc3e0"},
                "project": {
                    "name": "Winter release",
                    "content": "All that must be in.",
                    "targetDate": "2027-01-29",
                },
            },
            edits={
                "issue": {"title": "Tide heights in the daily summary"},
                "comment": {"body": "Another word"},
                "label": {"name": "Accessible"},
                "project": {"name": "Winter release 2027"},
            },
            parents={"comment": seed.uid("issue-1")},
            kinds={"issue": "issue", "comment": "comment"},
        )


def _told(refusal: Refusal) -> dict[str, Any]:
    """An entry of ``errors`` as Linear writes it."""
    code = refusal.code or "INTERNAL_SERVER_ERROR"
    extensions = {
        "type": CODES.get(code, "unknown"),
        "code": code,
        "statusCode": 429 if code == "RATELIMITED" else refusal.status,
        "userError": code == "INPUT_ERROR",
        "userPresentableMessage": refusal.message,
    }
    return {"message": refusal.field or refusal.message, "extensions": extensions}


def _invalid(words: str) -> Refusal:
    return Refusal(200, words, code="INPUT_ERROR", field="Argument Validation Error")


def _is_input(error: Mapping[str, Any]) -> bool:
    return str(error["extensions"]["code"]).startswith("GRAPHQL")


def _rows_of(name: str, arguments: Mapping[str, Any]) -> int:
    first = arguments.get("first")
    return (
        int(str(first)) if str(first).isdigit() else 50 if name.endswith("s") and "filter" in arguments else 1
    )


VENDOR = Linear
