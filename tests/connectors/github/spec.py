"""GitHub's own document, and where it is at fault."""

from __future__ import annotations

from tests.contract.specs import SpecSheet

SPEC = SpecSheet("github.json")
