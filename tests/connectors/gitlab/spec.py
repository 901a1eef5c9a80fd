"""The field names of GitLab's official Go client, written as an OpenAPI document; GitLab's own is far larger."""

from __future__ import annotations

from tests.contract.specs import Deviation, SpecSheet

SPEC = SpecSheet(
    "gitlab.json",
    prefix="/api/v4",
    deviations=(
        Deviation(
            r"^GET /personal_access_tokens/self: not in the document",
            "the document leaves this address out; docs.gitlab.com/api/personal_access_tokens, “Get details on self”",
        ),
        Deviation(
            r"(closed_by|assignee|milestone|epic|group_access): null is not of type \"object\"",
            "the document is made from Go structs, whose pointers to objects may be nil; docs.gitlab.com/api/issues shows null",
        ),
        Deviation(
            r"permissions\.project_access\.notification_level: 3 is not",
            "a number in docs.gitlab.com/api/projects; the Go client gives the levels names of its own",
        ),
    ),
)
