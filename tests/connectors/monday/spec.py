"""monday.com's own schema, and where it is at fault."""

from __future__ import annotations

from tests.contract.specs import SpecSheet

SPEC = SpecSheet("monday.graphql")
