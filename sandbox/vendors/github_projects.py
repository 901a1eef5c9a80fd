"""The GraphQL address of the GitHub stand-in: projects (v2), their fields and items."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

from graphql import DocumentNode

from sandbox.graphql import GraphSurface, is_query
from sandbox.store import Document
from sandbox.vendor import Logged
from sandbox.web import Call, Refusal, Reply, route

from . import github_seed as seed
from .github_items import GitHubItems, refused
from .github_schema import SCHEMA
from .github_shapes import node_id

MAX_PAGE, MAX_NODES, POINTS_AN_HOUR = 100, 500_000, 5000
CONNECTIONS = frozenset({"projectItems", "items", "fields", "projectsV2"})
VALUE_KINDS = {"SINGLE_SELECT": "singleSelectOptionId", "DATE": "date", "NUMBER": "number", "TEXT": "text"}


class GitHubProjects(GitHubItems):
    """Resolvers of the schema; every error comes with status 200, as GitHub does it."""

    _holder: Document

    def __init__(self, *args: Any) -> None:
        self._surface = GraphSurface(self, SCHEMA, describe=_told, rows_of=_rows_of, leaf=0)
        self._points: dict[str, int] = {}
        super().__init__(*args)

    # --- the address ---------------------------------------------------------------------------------------------

    @route("POST", "/graphql")
    def graphql(self, call: Call) -> Reply:
        """Always 200, whatever is wrong; the errors say what."""
        return self._surface.answer(call, check=self._afford)

    def reads_by_post(self, entry: Logged) -> bool:
        return entry.path == "/graphql" and is_query(entry)

    def _afford(self, document: DocumentNode, nodes: int) -> None:
        if nodes > MAX_NODES:
            raise Refusal(
                200, f"This query requests up to {nodes} possible nodes.", code="MAX_NODE_LIMIT_EXCEEDED"
            )

    def point_headers(self, call: Call) -> dict[str, str]:
        """Headers of the GraphQL API, which counts points of its own. One point a document here."""
        hour = str(int(call.now.timestamp()) // 3600)
        self._points = {hour: self._points.get(hour, 0) + 1}
        names = {
            "Limit": POINTS_AN_HOUR,
            "Remaining": max(0, POINTS_AN_HOUR - self._points[hour]),
            "Used": self._points[hour],
            "Reset": (int(hour) + 1) * 3600,
            "Resource": "graphql",
        }
        return {f"X-RateLimit-{name}": str(value) for name, value in names.items()}

    def _may(self, *, writes: bool = False) -> None:
        scopes = self._holder.get("scopes")
        granted = {one.strip() for one in str(scopes or "").split(",")}
        needed = {"project"} if writes else {"project", "read:project"}
        if scopes is not None and not granted & needed:
            words = f"requires one of the following scopes: ['{'project' if writes else 'read:project'}']"
            text = f"Your token has not been granted the required scopes to execute this query. The field {words}."
            raise Refusal(200, text, code="INSUFFICIENT_SCOPES")

    # --- queries -------------------------------------------------------------------------------------------------

    def query_repositoryOwner(self, call: Call, login: str) -> Any:
        people = self.world.where("user", lambda one: one["login"].lower() == login.lower())
        return self._owner(people[0]) if people else None

    def query_node(self, call: Call, id: str) -> Any:
        return self._node(id)

    def query_nodes(self, call: Call, ids: list[str]) -> Any:
        """Those that are not there are null, each with an error of its own."""
        if len(ids) > MAX_PAGE:
            raise Refusal(
                200,
                f"You may not provide more than {MAX_PAGE} node ids; you provided {len(ids)}.",
                code="ARGUMENT_LIMIT",
            )
        found: list[Any] = []
        for id in ids:
            try:
                found.append(self._node(id))
            except Refusal as refusal:
                if refusal.code != "NOT_FOUND":
                    raise
                found.append(refusal)
        return found

    def query_rateLimit(self, call: Call, dryRun: bool = False) -> Any:
        said = {
            name: int(call.reply_headers[f"X-RateLimit-{name.title()}"])
            for name in ("limit", "used", "remaining")
        }
        return {**said, "cost": 1, "nodeCount": 0, "resetAt": self.stamp()}

    def _node(self, id: str) -> Any:
        kind, number = number_in(id)
        match kind:
            case "I":
                rows = self.world.where("issue", lambda one: one["id"] == number)
                if rows:
                    return self._issue_node(rows[0])
            case "PVT":
                self._may()
                project = self.world.get("project", number)
                if project:
                    return self._project_node(project)
            case "PVTI":
                self._may()
                item = self.world.get("project_item", number)
                if item:
                    return self._item_node(item)
            case "O" | "U":
                person = self.world.get("user", number)
                if person:
                    return self._owner(person)
        raise _not_found(id)

    def _owner(self, person: Mapping[str, Any]) -> Document:
        is_org = person.get("type") == "Organization"
        projects = [one for one in self.world.all("project") if one["owner"] == person["id"]]

        def project(number: int) -> Any:
            self._may()
            found = [one for one in projects if one["number"] == number]
            if not found:
                raise Refusal(
                    200, f"Could not resolve to a ProjectV2 with the number {number}.", code="NOT_FOUND"
                )
            return self._project_node(found[0])

        def listed(**page: Any) -> Any:
            self._may()
            order = page.pop("orderBy", None) or {"field": "NUMBER", "direction": "DESC"}
            page.pop("query", None)
            key = {
                "NUMBER": "number",
                "TITLE": "title",
                "CREATED_AT": "created_at",
                "UPDATED_AT": "updated_at",
            }
            rows = sorted(
                projects,
                key=lambda one: (one[key[order["field"]]], one["number"]),
                reverse=order["direction"] == "DESC",
            )
            return _page("projectsV2", [self._project_node(one) for one in rows], **page)

        return {
            "__typename": "Organization" if is_org else "User",
            "id": node_id("O" if is_org else "U", person["id"]),
            "login": person["login"],
            "projectV2": project,
            "projectsV2": listed,
        }

    def _project_node(self, project: Mapping[str, Any]) -> Document:
        def items(archivedStates: list[str], query: str = "", **page: Any) -> Any:
            if query:
                raise Refusal(200, "The stand-in knows no filter of items.", code="UNPROCESSABLE")
            wanted = [one for one in self.world.all("project_item") if one["project"] == project["id"]]
            shown = [
                one for one in wanted if ("ARCHIVED" if one["archived"] else "NOT_ARCHIVED") in archivedStates
            ]
            return _page("items", [self._item_node(one) for one in shown], **page)

        scopes = self._holder.get("scopes")
        return {
            "__typename": "ProjectV2",
            "id": node_id("PVT", project["id"]),
            "fullDatabaseId": str(project["id"]),
            "number": project["number"],
            "title": project["title"],
            "shortDescription": project["short_description"],
            "readme": project["readme"],
            "url": f"{self.root}/ui/orgs/{seed.ORG}/projects/{project['number']}",
            "closed": project["closed"],
            "closedAt": project["updated_at"] if project["closed"] else None,
            "public": False,
            "createdAt": project["created_at"],
            "updatedAt": project["updated_at"],
            "viewerCanUpdate": scopes is None or "project" in [one.strip() for one in str(scopes).split(",")],
            "owner": lambda: self._owner(self.world.get("user", project["owner"]) or {}),
            "field": lambda name: next(
                (_field_node(one) for one in project["fields"] if one["name"].casefold() == name.casefold()),
                None,
            ),
            "fields": lambda **page: _page("fields", [_field_node(one) for one in project["fields"]], **page),
            "items": items,
        }

    def _issue_node(self, issue: Mapping[str, Any]) -> Document:
        def items(includeArchived: bool = True, **page: Any) -> Any:
            self._may()
            rows = self.world.where("project_item", lambda one: one["issue"] == issue["number"])
            shown = [self._item_node(one) for one in rows if includeArchived or not one["archived"]]
            return _page("projectItems", shown, **page)

        def timeline(itemTypes: list[str] | None = None, **page: Any) -> Any:
            """Only of one kind: that the issue was taken out of a project."""
            rows = self.world.where("left_project", lambda one: one["issue"] == issue["number"])
            found = [self._left_node(one) for one in sorted(rows, key=lambda one: str(one["at"]))]
            size = page.pop("last", None)
            if not size:
                return _page("timelineItems", found, **page)
            return {**_page("timelineItems", found, first=MAX_PAGE), "nodes": found[-size:]}

        kind = "PullRequest" if issue["is_pull"] else "Issue"
        repository = {
            "id": node_id("R", issue["repo"]),
            "databaseId": issue["repo"],
            "nameWithOwner": self.full_name,
        }
        return {
            "__typename": kind,
            "id": node_id("PR" if issue["is_pull"] else "I", issue["id"]),
            "number": issue["number"],
            "title": issue["title"],
            "updatedAt": issue["updated_at"],
            "repository": repository,
            "projectItems": items,
            "timelineItems": timeline,
        }

    def _left_node(self, left: Mapping[str, Any]) -> Document:
        project = self.world.get("project", left["project"])
        return {
            "__typename": "RemovedFromProjectV2Event",
            "id": node_id("RFPVTE", left["id"]),
            "createdAt": left["at"],
            "project": self._project_node(project) if project else None,
        }

    def _content(self, item: Mapping[str, Any]) -> Document | None:
        issue = self.world.get("issue", item["issue"]) if item["issue"] else None
        if issue is not None:
            return self._issue_node(issue)
        if item["gone"]:
            return None
        draft = {"id": node_id("DI", item["id"]), "title": item["title"], "updatedAt": item["updated_at"]}
        return {"__typename": "DraftIssue", **draft}

    def _item_node(self, item: Mapping[str, Any]) -> Document:
        content = self._content(item)
        kinds = {"Issue": "ISSUE", "PullRequest": "PULL_REQUEST", "DraftIssue": "DRAFT_ISSUE"}
        project = self.world.get("project", item["project"]) or {}

        def value(name: str) -> Any:
            field = next(
                (one for one in project["fields"] if one["name"].casefold() == name.casefold()), None
            )
            return _value_node(field, item["values"].get(field["id"])) if field else None

        return {
            "__typename": "ProjectV2Item",
            "id": node_id("PVTI", item["id"]),
            "fullDatabaseId": str(item["id"]),
            "type": kinds[content["__typename"]] if content else "REDACTED",
            "isArchived": item["archived"],
            "createdAt": item["created_at"],
            "updatedAt": item["updated_at"],
            "project": lambda: self._project_node(project),
            "content": content,
            "fieldValueByName": value,
        }

    # --- mutations -----------------------------------------------------------------------------------------------

    def _project(self, id: str) -> Document:
        kind, number = number_in(id)
        found = self.world.get("project", number) if kind == "PVT" else None
        if found is None:
            raise _not_found(id)
        return found

    def _item(self, input: Mapping[str, Any]) -> Document:
        self._may(writes=True)
        project, (kind, number) = self._project(input["projectId"]), number_in(input["itemId"])
        found = self.world.get("project_item", number) if kind == "PVTI" else None
        if found is None or found["project"] != project["id"]:
            raise _not_found(input["itemId"])
        return found

    def _field(self, item: Mapping[str, Any], id: str) -> Document:
        for one in self.fields_of(item["project"]).values():
            if one["id"] == id:
                return one
        raise _not_found(id)

    def mutate_addProjectV2ItemById(self, call: Call, input: Document) -> Any:
        self._may(writes=True)
        project, (kind, number) = self._project(input["projectId"]), number_in(input["contentId"])
        rows = self.world.where("issue", lambda one: one["id"] == number) if kind in ("I", "PR") else []
        if not rows:
            raise _not_found(input["contentId"])
        return {"item": self._item_node(self.add_item(rows[0]["number"], int(call.actor), project["id"]))}

    def mutate_updateProjectV2ItemFieldValue(self, call: Call, input: Document) -> Any:
        item = self._item(input)
        field = self._field(item, input["fieldId"])
        kind, given = VALUE_KINDS.get(field["dataType"]), input["value"]
        if kind is None:
            raise refused(f"The field of type {field['dataType'].lower()} is currently not supported.")
        if list(given) != [kind] or given[kind] is None:
            raise refused(
                f"Did not receive a {kind} value to update a field of type {field['dataType'].lower()}"
            )
        value = given[kind]
        if kind == "singleSelectOptionId" and value not in [one["id"] for one in field["options"]]:
            raise refused("The single select option Id does not belong to the field")
        if kind == "date":
            value = _day(value)
        return {"projectV2Item": self._item_node(self.set_value(item, field, value, int(call.actor)))}

    def mutate_clearProjectV2ItemFieldValue(self, call: Call, input: Document) -> Any:
        item = self._item(input)
        field = self._field(item, input["fieldId"])
        return {"projectV2Item": self._item_node(self.set_value(item, field, None, int(call.actor)))}

    def mutate_archiveProjectV2Item(self, call: Call, input: Document) -> Any:
        return {"item": self._item_node(self.archive_item(self._item(input), int(call.actor)))}

    def mutate_unarchiveProjectV2Item(self, call: Call, input: Document) -> Any:
        item = self.archive_item(self._item(input), int(call.actor), archived=False)
        return {"item": self._item_node(item)}

    def mutate_deleteProjectV2Item(self, call: Call, input: Document) -> Any:
        self.remove_item(self._item(input), int(call.actor))
        return {"deletedItemId": input["itemId"]}

    def mutate_createProjectV2(self, call: Call, input: Document) -> Any:
        self._may(writes=True)
        kind, owner = number_in(input["ownerId"])
        if kind not in ("O", "U") or self.world.get("user", owner) is None:
            raise _not_found(input["ownerId"])
        number = (
            max((one["number"] for one in self.world.all("project") if one["owner"] == owner), default=0) + 1
        )
        made = seed.project(
            9000 + self.world.next_number("project"), number, _title(input["title"]), owner, self.stamp()
        )
        self.world.put("project", made["id"], made)
        return {"projectV2": self._project_node(made)}

    def mutate_updateProjectV2(self, call: Call, input: Document) -> Any:
        self._may(writes=True)
        project = self._project(input["projectId"])
        if "title" in input:
            project["title"] = _title(input["title"])
        kept = {"shortDescription": "short_description", "readme": "readme", "closed": "closed"}
        project |= {name: input[given] for given, name in kept.items() if given in input}
        project["updated_at"] = self.stamp()
        self.world.put("project", project["id"], project)
        return {"projectV2": self._project_node(project)}

    def mutate_deleteProjectV2(self, call: Call, input: Document) -> Any:
        self._may(writes=True)
        project = self._project(input["projectId"])
        shown = self._project_node(project)
        self.world.drop("project", project["id"])
        for item in self.world.where("project_item", lambda one: one["project"] == project["id"]):
            self.world.drop("project_item", item["id"])
        return {"projectV2": shown}


def number_in(id: str) -> tuple[str, int]:
    """Kind and number in a node id of the stand-in's; ("", 0) for anything else."""
    kind, _, rest = id.partition("_")
    try:
        return kind, int.from_bytes(base64.urlsafe_b64decode(rest + "=" * (-len(rest) % 4)), "big")
    except (ValueError, binascii.Error):
        return "", 0


def _page(
    name: str,
    rows: list[Document],
    first: int | None = None,
    last: int | None = None,
    after: str | None = None,
    before: str | None = None,
) -> Document:
    """A page of a connection; cursors are places."""
    if first is None:
        raise refused(
            f"You must provide a `first` or `last` value to properly paginate the `{name}` connection."
        )
    if not 1 <= first <= MAX_PAGE:
        raise refused(
            f"Requesting {first} records on the `{name}` connection exceeds the `first` limit of {MAX_PAGE} records."
        )
    if last is not None or before is not None:
        raise refused("The stand-in walks forward only.")
    start = 0
    if after:
        kind, start = number_in(after)
        if kind != "cursor":
            raise refused(f"`{after}` does not appear to be a valid cursor.")
    shown = rows[start : start + first]
    end = start + len(shown)
    info = {
        "hasNextPage": end < len(rows),
        "hasPreviousPage": start > 0,
        "startCursor": node_id("cursor", start) if shown else None,
        "endCursor": node_id("cursor", end) if shown else None,
    }
    return {"nodes": shown, "pageInfo": info, "totalCount": len(rows)}


def _field_node(field: Mapping[str, Any]) -> Document:
    base = {"id": field["id"], "name": field["name"], "dataType": field["dataType"]}
    if field["dataType"] != "SINGLE_SELECT":
        return {"__typename": "ProjectV2Field", **base}
    rows: Iterable[Document] = field["options"]
    return {
        "__typename": "ProjectV2SingleSelectField",
        **base,
        "options": lambda names=None: [
            {**one, "description": ""} for one in rows if names is None or one["name"] in names
        ],
    }


def _value_node(field: Mapping[str, Any], value: Any) -> Document | None:
    if value is None:
        return None
    id = f"{field['id']}_value"
    match field["dataType"]:
        case "SINGLE_SELECT":
            option = next(one for one in field["options"] if one["id"] == value)
            return {
                "__typename": "ProjectV2ItemFieldSingleSelectValue", "id": id, "optionId": value, "name": option["name"],
            }  # fmt: skip
        case "DATE":
            return {"__typename": "ProjectV2ItemFieldDateValue", "id": id, "date": value}
        case "NUMBER":
            return {"__typename": "ProjectV2ItemFieldNumberValue", "id": id, "number": value}
    return {"__typename": "ProjectV2ItemFieldTextValue", "id": id, "text": value}


def _day(value: Any) -> str:
    try:
        return date.fromisoformat(value).isoformat()
    except (TypeError, ValueError):
        raise refused(f"{value!r} is no date") from None


def _title(value: Any) -> str:
    title = str(value or "").strip()
    if not title:
        raise refused("Title can't be blank")
    return title


def _not_found(id: str) -> Refusal:
    return Refusal(200, f"Could not resolve to a node with the global id of '{id}'", code="NOT_FOUND")


def _told(refusal: Refusal) -> dict[str, Any]:
    """An entry of ``errors`` as GitHub writes it: the kind stands beside the message, but for faults of the document."""
    if refusal.code.startswith("GRAPHQL"):
        return {"message": refusal.message, "extensions": {"code": "undefinedField"}}
    return {"type": refusal.code or "INTERNAL", "message": refusal.message}


def _rows_of(name: str, arguments: Mapping[str, Any]) -> int:
    first = arguments.get("first")
    return int(str(first)) if name in CONNECTIONS and str(first).isdigit() else 1
