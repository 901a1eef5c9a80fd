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
    ),
)
