"""The project (v2) behind the settings: its fields and items, read page-wise and written through GraphQL.

Source: GitHub's public GraphQL schema (npm ``@octokit/graphql-schema`` 15.26; newer are ``archivedStates`` and
``RemovedFromProjectV2Event``) and docs.github.com, “Using the API to manage Projects”, “Rate limits and node limits for
the GraphQL API”, read 2026.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from connectors.base.classify import Reaction
from connectors.base.errors import (
    ConfigurationProblem,
    ContractBroken,
    PermissionProblem,
    RateLimited,
    RecordGone,
    RecordProblem,
)
from connectors.base.graphql import CodeRule, GraphAnswer, GraphApi
from connectors.base.paths import read_path

from .projects import ROLES, ProjectChoice, priority_word
from .session import GRAPHQL, GitHubSession, settle_wait

PAGE = 100  # the most that one query may ask for
PROJECTS_OF_AN_ISSUE = 20
MAX_PAGES_OF_AN_ISSUE = 20

_NO_SCOPE = (
    "The token may not do this with the project: a classic one needs the scope “project” (“read:project” to read only), "
    "a fine-grained one or an app the organisation's permission “Projects”."
)
RULES = (
    CodeRule(Reaction.RATE_LIMITED, codes=("RATE_LIMITED", "RATE_LIMIT")),
    CodeRule(Reaction.RATE_LIMITED, says="rate limit"),
    CodeRule(Reaction.PERMISSION, codes=("INSUFFICIENT_SCOPES", "FORBIDDEN"), message=_NO_SCOPE),
    CodeRule(Reaction.NOT_FOUND, codes=("NOT_FOUND",)),
    CodeRule(Reaction.CONFLICT, says="is archived and cannot be updated"),
    CodeRule(Reaction.RETRY, says="something went wrong while executing your query"),
)

_PROJECT = """
query ($owner: String!, $number: Int!) {
  repositoryOwner(login: $owner) {
    ... on ProjectV2Owner {
      projectV2(number: $number) {
        id title url closed viewerCanUpdate
        fields(first: 100) {
          nodes {
            ... on ProjectV2FieldCommon { id name dataType }
            ... on ProjectV2SingleSelectField { options { id name color } }
          }
        }
      }
    }
  }
}"""
_VALUE = """
fragment Value on ProjectV2ItemFieldValue {
  ... on ProjectV2ItemFieldSingleSelectValue { optionId name }
  ... on ProjectV2ItemFieldDateValue { date }
  ... on ProjectV2ItemFieldNumberValue { number }
}"""
PAGE_INFO = "pageInfo { hasNextPage endCursor }"
_STATES, _LEFT = "archivedStates", "RemovedFromProjectV2Event"


@dataclass(frozen=True, slots=True)
class ProjectField:
    id: str
    name: str
    options: Mapping[str, str] = field(default_factory=dict)  # id → name, in their order
    colours: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Project:
    id: str
    title: str
    url: str
    is_closed: bool
    can_update: bool
    fields: Mapping[str, ProjectField]  # by role


@dataclass(frozen=True, slots=True)
class Place:
    """Where an issue stands: its item, or, with none, when it was last taken out ("" if never, or not known)."""

    item: Mapping[str, Any] | None
    left_at: str = ""


@dataclass(frozen=True, slots=True)
class MovedItem:
    """An item of the walk over the project, with what it says of its issue."""

    item: Mapping[str, Any]
    number: str
    repository_id: str
    issue_updated_at: str


class Board:
    """The chosen project of one client; ``owner`` is the repository's. What is asked once is remembered."""

    def __init__(self, session: GitHubSession, choice: ProjectChoice, owner: str) -> None:
        self.choice = choice
        self.owner = choice.owner or owner
        self._api = GraphApi(session, graphql_path(session.base_url), RULES)
        self._project: Project | None = None
        self._lacks: set[str] = set()  # what an older server turned out not to know
        self._names = dict(choice.fields)
        self._declared = ", ".join(f"${role}: String!" for role in choice.fields)
        values = " ".join(f"{role}: fieldValueByName(name: ${role}) {{ ...Value }}" for role in choice.fields)
        self._fragments = (
            f"fragment Item on ProjectV2Item {{ id isArchived updatedAt project {{ id }} {values} }}{_VALUE}"
        )

    # --- reading -------------------------------------------------------------------------------------------------

    def project(self, *, afresh: bool = False) -> Project:
        """Raises ``ConfigurationProblem`` if it cannot be seen, or lacks a field that the settings name."""
        if self._project is None or afresh:
            try:
                given = self.ask(_PROJECT, {"owner": self.owner, "number": self.choice.number})
            except RecordGone as error:
                raise ConfigurationProblem(self._unseen(), code="missing", exchange=error.exchange) from error
            found = given.at("repositoryOwner.projectV2")
            if not isinstance(found, dict):
                raise ConfigurationProblem(self._unseen(), code="missing", exchange=given.answer.exchange)
            self._project = self._read(found, given)
        return self._project

    def _unseen(self) -> str:
        return (
            f"{self.owner} has no project {self.choice.number}, or the token may not see it: "
            "a classic one needs the scope “read:project”, a fine-grained one or an app the permission “Projects”."
        )

    def _read(self, found: Mapping[str, Any], given: GraphAnswer) -> Project:
        rows = read_path(found, "fields.nodes", None)
        if not isinstance(rows, list) or not found.get("id"):
            raise ContractBroken("The project came without its fields.", exchange=given.answer.exchange)
        by_name = {str(row.get("name")).casefold(): row for row in rows if isinstance(row, dict)}
        fields = {}
        for role, name in self.choice.fields.items():
            row = by_name.get(name.casefold(), {})
            if not row.get("id") or row.get("dataType") != ROLES[role][1]:
                kind = ROLES[role][1].replace("_", " ").lower()
                raise ConfigurationProblem(
                    f"The project “{found.get('title')}” has no {kind} field “{name}” (for {role}).",
                    code="missing",
                )
            options = [one for one in row.get("options") or () if isinstance(one, dict)]
            fields[role] = ProjectField(
                str(row["id"]),
                str(row["name"]),
                {str(one.get("id")): str(one.get("name")) for one in options},
                {str(one.get("id")): str(one.get("color") or "").lower() for one in options},
            )
        return Project(
            str(found["id"]),
            str(found.get("title") or ""),
            str(found.get("url") or ""),
            bool(found.get("closed")),
            found.get("viewerCanUpdate") is not False,
            fields,
        )

    def items_of(self, node_ids: Sequence[str]) -> dict[str, Place]:
        """Where each issue stands in the project: one query for a hundred issues.

        Issues that GraphQL does not show (any more) are not in the answer.
        """
        ours = self.project().id
        found: dict[str, Place] = {}
        for start in range(0, len(node_ids), PAGE):
            given = self._page_of_issues(list(node_ids[start : start + PAGE]))
            for row in given.rows("nodes", "issues"):
                listing = row.get("projectItems") if isinstance(row, dict) else None
                if isinstance(listing, dict) and row.get("id"):
                    item = self._ours_in(str(row["id"]), listing, ours)
                    found[str(row["id"])] = Place(item, "" if item else _left_at(row, ours))
        return found

    def _page_of_issues(self, ids: list[str]) -> GraphAnswer:
        left = (
            ""
            if _LEFT in self._lacks
            else "timelineItems(last: 5, itemTypes: [REMOVED_FROM_PROJECT_V2_EVENT]) { nodes { "
            f"... on {_LEFT} {{ createdAt project {{ id }} }} }} }}"
        )
        query = (
            f"query ($ids: [ID!]!, {self._declared}) {{ nodes(ids: $ids) {{ ... on Issue {{ id {left} projectItems("
            f"first: {PROJECTS_OF_AN_ISSUE}, includeArchived: true) {{ {PAGE_INFO} nodes {{ ...Item }} }} }} }} }} "
            f"{self._fragments}"
        )
        try:
            return self.ask(query, {"ids": ids, **self._names}, partial=True)
        except RecordProblem as error:
            if not left or not any(
                word in error.message for word in (_LEFT, "REMOVED_FROM_PROJECT_V2_EVENT")
            ):
                raise
            self._lacks.add(_LEFT)
            return self._page_of_issues(ids)

    def _ours_in(self, node_id: str, listing: Mapping[str, Any], ours: str) -> Mapping[str, Any] | None:
        """The item of our project in an issue's list of items; further pages only for issues in many projects."""
        query = (
            f"query ($id: ID!, $after: String, {self._declared}) {{ node(id: $id) {{ ... on Issue {{ projectItems("
            f"first: {PAGE}, after: $after, includeArchived: true) {{ {PAGE_INFO} nodes {{ ...Item }} }} }} }} }} "
            f"{self._fragments}"
        )
        for _ in range(MAX_PAGES_OF_AN_ISSUE):
            for row in listing.get("nodes") or ():
                if isinstance(row, dict) and read_path(row, "project.id", None) == ours:
                    return self.item_in(row)
            if not read_path(listing, "pageInfo.hasNextPage", False):
                return None
            after = read_path(listing, "pageInfo.endCursor", None)
            listing = self.ask(query, {"id": node_id, "after": after, **self._names}).object(
                "node.projectItems", "items of an issue"
            )
        raise ContractBroken("An issue's list of projects did not end.")

    def page(self, after: str | None) -> tuple[list[MovedItem], str | None]:
        """A page of the project's items, archived ones too, with the next cursor; those of issues only.

        GitHub orders items by position alone, and its filter ``updated:`` works by whole days on a search index that
        lags: so all are walked, a hundred at a time, and the caller picks by ``updated_at``.
        """
        states = "" if _STATES in self._lacks else f", {_STATES}: [ARCHIVED, NOT_ARCHIVED]"
        query = (
            f"query ($project: ID!, $after: String, {self._declared}) {{ node(id: $project) {{ ... on ProjectV2 {{ "
            f"items(first: {PAGE}, after: $after{states}) {{ {PAGE_INFO} nodes {{ ...Item content {{ "
            f"... on Issue {{ number updatedAt repository {{ databaseId }} }} }} }} }} }} }} }} {self._fragments}"
        )
        try:
            given = self.ask(query, {"project": self.project().id, "after": after, **self._names})
        except RecordProblem as error:
            if not states or _STATES not in error.message:
                raise
            self._lacks.add(_STATES)
            return self.page(after)
        except RecordGone as error:
            raise ConfigurationProblem(self._unseen(), code="missing", exchange=error.exchange) from error
        rows = given.rows("node.items.nodes", "items")
        has_more = given.at("node.items.pageInfo.hasNextPage")
        following = str(given.at("node.items.pageInfo.endCursor") or "") if has_more else None
        if following == "" or (following is not None and following == after):
            raise ContractBroken("The project's items do not end.", exchange=given.answer.exchange)
        return [one for row in rows if (one := self._moved(row)) is not None], following

    def _moved(self, row: Any) -> MovedItem | None:
        number = read_path(row, "content.number", None)
        if not isinstance(row, dict) or not number:
            return None
        return MovedItem(
            self.item_in(row),
            str(number),
            str(read_path(row, "content.repository.databaseId", "")),
            str(read_path(row, "content.updatedAt", "") or ""),
        )

    def item_in(self, row: Mapping[str, Any]) -> Mapping[str, Any]:
        """An item as rows carry it: id, is_archived, updated_at, and its values by role."""
        if not row.get("id"):
            raise ContractBroken("An item of the project came without its id.")
        return {
            "id": str(row["id"]),
            "is_archived": bool(row.get("isArchived")),
            "updated_at": str(row.get("updatedAt") or ""),
            "values": {role: _value_in(role, row.get(role)) for role in self.choice.fields},
        }

    # --- writing -------------------------------------------------------------------------------------------------

    def write(
        self, node_id: str, item: Mapping[str, Any] | None, changes: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        """Sets the item's values (None clears) and answers it as it is then. An issue outside the project is added,
        an archived item restored, as GitHub refuses to change those. All of it may be repeated."""
        project = self.project()
        inputs = {role: self._input(role, value) for role, value in changes.items()}
        if item is None:
            item = self._step("addProjectV2ItemById", {"projectId": project.id, "contentId": node_id})
        if item["is_archived"]:
            item = self._step("unarchiveProjectV2Item", {"projectId": project.id, "itemId": item["id"]})
        calls, declared, variables = [], [], {}
        for role, value in inputs.items():
            place = {"projectId": project.id, "itemId": item["id"], "fieldId": project.fields[role].id}
            name = "clearProjectV2ItemFieldValue" if value is None else "updateProjectV2ItemFieldValue"
            kind = (
                "ClearProjectV2ItemFieldValueInput" if value is None else "UpdateProjectV2ItemFieldValueInput"
            )
            calls.append(f"set_{role}: {name}(input: $to_{role}) {{ projectV2Item {{ ...Item }} }}")
            declared.append(f"$to_{role}: {kind}!")
            variables[f"to_{role}"] = place if value is None else {**place, "value": value}
        if not calls:
            return item
        text = f"mutation ({', '.join(declared)}, {self._declared}) {{ {' '.join(calls)} }} {self._fragments}"
        given = self.ask(text, {**variables, **self._names}, writes=True)
        return self.item_in(given.object(f"set_{list(inputs)[-1]}.projectV2Item", "item"))

    def _step(self, name: str, values: Mapping[str, Any]) -> Mapping[str, Any]:
        kind = f"{name[0].upper()}{name[1:]}Input"
        text = f"mutation ($in: {kind}!, {self._declared}) {{ {name}(input: $in) {{ item {{ ...Item }} }} }} {self._fragments}"
        given = self.ask(text, {"in": dict(values), **self._names}, writes=True)
        return self.item_in(given.object(f"{name}.item", "item"))

    def _input(self, role: str, value: Any) -> Any:
        """A ``ProjectV2FieldValue``; None to clear. Options are looked up once more before a value is refused."""
        if value is None:
            return None
        if role in ("start", "due"):
            return {"date": value}
        if role == "estimate":
            return {"number": value}
        for afresh in (False, True):
            options = self.project(afresh=afresh).fields[role].options
            known = (
                [value]
                if value in options
                else []
                if role == "status"
                else [id for id, name in options.items() if priority_word(name) == value]
            )
            if known:
                return {"singleSelectOptionId": known[0]}
        name = self.project().fields[role].name
        raise RecordProblem(
            f"“{name}” of the project has no option {value!r} (any more): refresh the table of stages."
            if role == "status"
            else f"“{name}” of the project has no option for {value!r}.",
            field=ROLES[role][0],
        )

    # --- asking --------------------------------------------------------------------------------------------------

    def ask(
        self, text: str, variables: Mapping[str, Any], *, partial: bool = False, writes: bool = False
    ) -> GraphAnswer:
        """With ``partial``, nodes that are not there are looked past, and nothing else. A project that may not be read
        is a matter of the settings; one that may not be written concerns the record."""
        try:
            given = self._api.ask(
                text,
                variables,
                headers={"Accept": "application/json"},
                quota_class=GRAPHQL.quota_class,
                is_repeatable=True,
                partial=partial,
            )
        except RateLimited as error:
            settle_wait(error)
            raise
        except PermissionProblem as error:
            if writes:
                raise
            raise ConfigurationProblem(error.message, exchange=error.exchange, code="permission") from error
        other = [one for one in given.errors if one.code != "NOT_FOUND"]
        if other:
            words = (
                _NO_SCOPE if other[0].code in ("FORBIDDEN", "INSUFFICIENT_SCOPES") else other[0].message[:300]
            )
            raise ConfigurationProblem(words, exchange=given.answer.exchange, code="permission")
        return given


def graphql_path(base_url: str) -> str:
    """github.com has it below the API's address, an Enterprise server beside it (``/api/graphql``)."""
    head, is_enterprise, _ = base_url.partition("/api/v3")
    return f"{head}/api/graphql" if is_enterprise else "/graphql"


def _left_at(row: Mapping[str, Any], ours: str) -> str:
    nodes = read_path(row, "timelineItems.nodes", None) or ()
    return max(
        (str(one.get("createdAt") or "") for one in nodes if read_path(one, "project.id", None) == ours),
        default="",
    )


def _value_in(role: str, value: Any) -> Any:
    if not isinstance(value, dict):
        return None
    match role:
        case "status":
            return value.get("optionId")
        case "priority":
            return priority_word(value.get("name"))
        case "start" | "due":
            return value.get("date")
    return value.get("number")
