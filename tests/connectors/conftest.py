"""The running sandbox for these tests."""

from __future__ import annotations

from tests.sandbox_fixtures import box, open_stand, running

__all__ = ["box", "open_stand", "running"]
