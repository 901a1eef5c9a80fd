from __future__ import annotations

from tests.integration.hub_fixtures import *  # noqa: F403
