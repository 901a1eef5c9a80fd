"""ConnectWise's document 2026.4 (reads) with write operations rebuilt from a generated client."""

from __future__ import annotations

from tests.contract.specs import SpecSheet

SPEC = SpecSheet("connectwise.json", prefix="/v4_6_release/apis/3.0")
