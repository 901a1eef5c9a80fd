"""Where everything lives, and what makes a new version of a record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from connectors.base.client import Endpoint, digest
from connectors.base.paging import Offset, PageAsk, PageSeen
from connectors.base.paths import read_path

API = "/rest/api/3"
AGILE = "/rest/agile/1.0"
PAGE_SIZE = 100
BATCH = 100  # ids of one bulk fetch; more is refused
#: the entity property an issue or comment is made with, by which an interrupted create is found
PROPERTY = "lockstep"

_PAGED = Offset("startAt", "maxResults", 50, is_last_path="isLast")


@dataclass(frozen=True, slots=True)
class UntilEmpty:
    """``users/search`` filters a range after cutting it: a short page says nothing, only an empty one ends."""

    size: int = PAGE_SIZE

    def ask(self, token: Any) -> PageAsk:
        return PageAsk(params={"startAt": token or 0, "maxResults": self.size})

    def next_token(self, token: Any, seen: PageSeen) -> Any | None:
        return int(token or 0) + self.size if seen.rows else None


ENDPOINTS: Mapping[str, Endpoint] = {
    "user": Endpoint("user", list_path=f"{API}/users/search", pager=UntilEmpty(), id_at="accountId"),
    "project": Endpoint(
        "project",
        list_path=f"{API}/project/search",
        get_path=f"{API}/project/{{id}}",
        update_path=f"{API}/project/{{id}}",
        update_method="PUT",
        pager=_PAGED,
        rows_at="values",
        archived_at="archived",
    ),
    "component": Endpoint(
        "component",
        list_path=f"{API}/project/{{project}}/component",
        get_path=f"{API}/component/{{id}}",
        create_path=f"{API}/component",
        update_path=f"{API}/component/{{id}}",
        delete_path=f"{API}/component/{{id}}",
        update_method="PUT",
        pager=_PAGED,
        rows_at="values",
    ),
    "version": Endpoint(
        "version",
        list_path=f"{API}/project/{{project}}/version",
        get_path=f"{API}/version/{{id}}",
        create_path=f"{API}/version",
        update_path=f"{API}/version/{{id}}",
        delete_path=f"{API}/version/{{id}}",
        update_method="PUT",
        pager=_PAGED,
        rows_at="values",
        archived_at="archived",
    ),
    "sprint": Endpoint(
        "sprint",
        list_path=f"{AGILE}/board/{{board}}/sprint",
        get_path=f"{AGILE}/sprint/{{id}}",
        create_path=f"{AGILE}/sprint",
        update_path=f"{AGILE}/sprint/{{id}}",
        delete_path=f"{AGILE}/sprint/{{id}}",
        update_method="POST",  # changes what is given; PUT would empty the rest
        pager=_PAGED,
        rows_at="values",
    ),
    "issue": Endpoint("issue", delete_path=f"{API}/issue/{{id}}", updated_at="fields.updated"),
    "comment": Endpoint(
        "comment",
        list_path=f"{API}/issue/{{parent}}/comment",
        get_path=f"{API}/issue/{{parent}}/comment/{{id}}",
        create_path=f"{API}/issue/{{parent}}/comment",
        update_path=f"{API}/issue/{{parent}}/comment/{{id}}",
        delete_path=f"{API}/issue/{{parent}}/comment/{{id}}",
        update_method="PUT",
        list_params={"orderBy": "created"},
        pager=Offset("startAt", "maxResults", PAGE_SIZE, total_path="total"),
        rows_at="comments",
        updated_at="updated",
    ),
}

#: what makes a new version of a record, beside its time of change
_CONTENT: Mapping[str, tuple[str, ...]] = {
    "issue": (
        "fields.summary",
        "fields.description",
        "fields.status.id",
        "fields.priority.name",
        "fields.labels",
        "fields.duedate",
        "hub",
    ),
    "comment": ("body",),
    "project": ("name", "description", "key", "lead.accountId"),
    "component": ("name", "description", "lead.accountId"),
    "milestone": ("name", "hub"),
}


def version_of(name: str, data: Mapping[str, Any], changed: Any) -> str | None:
    """Jira gives no versions: its time of change (where there is one), and a digest of what people edit."""
    paths = _CONTENT.get(name)
    if paths is None:
        return None
    content = digest([read_path(data, path, None) for path in paths])[:12]
    return f"{changed or ''}#{content}"
