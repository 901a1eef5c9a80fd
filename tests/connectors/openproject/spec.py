"""The document that every OpenProject 17 serves at /api/v3/spec.json."""

from __future__ import annotations

from tests.contract.specs import Deviation, SpecSheet

SPEC = SpecSheet(
    "openproject.json",
    deviations=(
        Deviation(
            r"^POST /api/v3/work_packages body: _links: \"(self|schema|author|ancestors|priority|status)\" is a required property",
            "the body is described by the model that is read; its example and the write model of PATCH and the forms have none of these",
        ),
        Deviation(
            r"^GET /api/v3/work_packages 200: _type: \"WorkPackageCollection\" is not one of",
            "the general collection's name stands in the schema; the product and the document's own prose say WorkPackageCollection",
        ),
        Deviation(
            r"/available_assignees 200: _embedded\.elements\.\d+(: \"avatar\" is a required|\._type: \"Group\" is not one of)",
            "the schema has users only; the work package's assignee may be a group by its description in the same document",
        ),
    ),
)
