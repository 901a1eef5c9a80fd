"""The running sandbox for these tests."""

from __future__ import annotations

from tests.sandbox_fixtures import *
