"""Where each resource lives. Service and project tickets have the same shape below two addresses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connectors.base.classify import ErrorRule, Reaction
from connectors.base.client import Endpoint
from connectors.base.paging import CursorToken, PageNumber

from .discovery import PAGE_SIZE

#: pages by id: nothing is missed or seen twice when records come and go meanwhile
FORWARD = CursorToken("pageId", last_record_field="id", size_param="pageSize", size=PAGE_SIZE)
#: tickets come with a request for each one's description, so their pages are small
TICKET_PAGE = 50
FORWARD_TICKETS = CursorToken("pageId", last_record_field="id", size_param="pageSize", size=TICKET_PAGE)
FORWARD_HEADER = {"pagination-type": "forward-only"}
NUMBERED = PageNumber("page", size_param="pageSize", size=PAGE_SIZE)
TICKETS = {"ticket": "service", "project_ticket": "project"}
NOTES = {"note": "ticket", "project_note": "project_ticket"}
TASKS = {"ticket_task": "ticket", "project_ticket_task": "project_ticket"}
CHILDREN = {**NOTES, **TASKS}
WRITABLE: Mapping[str, tuple[str, ...]] = {
    "company": ("name", "phoneNumber", "website"),
    "project": ("name", "description", "estimatedStart", "estimatedEnd", "manager.id"),
}
#: what is in use cannot be deleted: no use in reading and trying again
IN_USE = (ErrorRule(Reaction.VALIDATION, status=(409,)),)


def _endpoint(name: str, path: str, pager: Any = FORWARD, **more: Any) -> Endpoint:
    one = f"{path}/{{id}}"
    return Endpoint(
        name,
        list_path=path,
        get_path=one,
        create_path=path,
        update_path=one,
        delete_path=one,
        pager=pager,
        updated_by_at="_info.updatedBy",
        **more,
    )


ENDPOINTS: Mapping[str, Endpoint] = {
    **{name: _endpoint(name, f"/{space}/tickets", FORWARD_TICKETS) for name, space in TICKETS.items()},
    **{
        name: _endpoint(
            name, f"/{TICKETS[parent]}/tickets/{{parent}}/{what}", NUMBERED, list_params={"orderBy": "id asc"}
        )
        for what, table in (("notes", NOTES), ("tasks", TASKS))
        for name, parent in table.items()
    },
    "member": _endpoint("member", "/system/members"),
    "company": _endpoint("company", "/company/companies"),
    "project": _endpoint("project", "/project/projects"),
}
