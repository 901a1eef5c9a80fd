"""Graph's v1.0 metadata, as paths and schemas of the part that To Do uses."""

from __future__ import annotations

from tests.contract.specs import Deviation, SpecSheet

SPEC = SpecSheet(
    "microsoft_todo.json",
    prefix="/v1.0",
    deviations=(
        Deviation(
            r"^POST /common/oauth2/v2\.0/token: not in the document$",
            "The sign-in service is no part of Graph (Microsoft identity platform, v2.0 endpoints).",
        ),
        Deviation(
            r"^DELETE /me/outlook/masterCategories/[^/ ]+: not in the document$",
            "The derived document lists only the collection; outlookCategory: delete is documented in "
            "microsoft-graph-docs-contrib, api-reference/v1.0/api/outlookcategory-delete.md.",
        ),
    ),
)
