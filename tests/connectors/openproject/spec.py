"""The document that every OpenProject 17 serves at /api/v3/spec.json."""

from __future__ import annotations

from tests.contract.specs import SpecSheet

SPEC = SpecSheet("openproject.json", prefix="")
