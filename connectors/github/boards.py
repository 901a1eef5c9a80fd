"""The owner's projects (v2) as records: name, README and whether they are closed. They are not made from here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connectors.base.errors import ContractBroken, RecordGone, RecordProblem

from .board import PAGE, PAGE_INFO, Board

_MEMBERS = "id number title readme closed url createdAt updatedAt"


def page_of(board: Board, after: str | None) -> tuple[list[Mapping[str, Any]], str | None]:
    """A page of the owner's projects, open and closed, with the next cursor."""
    text = (
        "query ($owner: String!, $after: String) { repositoryOwner(login: $owner) { ... on ProjectV2Owner { "
        f"projectsV2(first: {PAGE}, after: $after, orderBy: {{ field: NUMBER, direction: ASC }}) {{ "
        f"{PAGE_INFO} nodes {{ {_MEMBERS} }} }} }} }} }}"
    )
    given = board.ask(text, {"owner": board.owner, "after": after})
    rows = [row_of(row) for row in given.rows("repositoryOwner.projectsV2.nodes", "projects")]
    has_more = given.at("repositoryOwner.projectsV2.pageInfo.hasNextPage")
    following = given.at("repositoryOwner.projectsV2.pageInfo.endCursor") if has_more else None
    if has_more and following in (None, "", after):
        raise ContractBroken("The owner's projects do not end.", exchange=given.answer.exchange)
    return rows, following


def one_of(board: Board, number: str) -> Mapping[str, Any]:
    """Raises ``RecordGone`` for a number that the owner has no project of, or none that may be seen."""
    if not number.isdigit():
        raise RecordGone("This is no number of a project.")
    text = (
        "query ($owner: String!, $number: Int!) { repositoryOwner(login: $owner) { ... on ProjectV2Owner { "
        f"projectV2(number: $number) {{ {_MEMBERS} }} }} }} }}"
    )
    found = board.ask(text, {"owner": board.owner, "number": int(number)}).at("repositoryOwner.projectV2")
    if not isinstance(found, dict):
        raise RecordGone("The owner has no such project, or the token may not see it.")
    return row_of(found)


def change(board: Board, row: Mapping[str, Any], fields: Mapping[str, Any]) -> Mapping[str, Any]:
    """The project as it is after the change; ``row`` is what it is now."""
    wanted: dict[str, Any] = {}
    for path, value in fields.items():
        match path:
            case "title" if str(value or "").strip():
                wanted["title"] = str(value).strip()
            case "title":
                raise RecordProblem("A project needs a title.", field=path)
            case "description":
                wanted["readme"] = str(value or "")
            case _:
                raise RecordProblem(f"GitHub does not let {path} be written.", field=path)
    text = (
        "mutation ($in: UpdateProjectV2Input!) { updateProjectV2(input: $in) { "
        f"projectV2 {{ {_MEMBERS} }} }} }}"
    )
    given = board.ask(text, {"in": {"projectId": row["id"], **wanted}}, writes=True)
    return row_of(given.object("updateProjectV2.projectV2", "project"))


def row_of(found: Any) -> Mapping[str, Any]:
    """GraphQL's project with the names that REST gives such members."""
    if not isinstance(found, dict) or not found.get("id"):
        raise ContractBroken("A project came without its id.")
    return {
        **found,
        "description": str(found.get("readme") or "").replace("\r\n", "\n"),
        "updated_at": found.get("updatedAt"),
        "html_url": found.get("url"),
        "hub": {"state": "closed" if found.get("closed") else "open"},
    }
