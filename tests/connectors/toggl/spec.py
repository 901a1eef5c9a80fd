"""Toggl Track's requests and answers are held to the document written from the vendor's references."""

from __future__ import annotations

from tests.contract.specs import SpecSheet

SPEC = SpecSheet("toggl.json")
