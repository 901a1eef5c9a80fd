"""How often somebody may ask the API, counted once for all processes.

DRF's own classes keep a list of every request's time, read and written back whole: at 20 a second most of the time of
a small answer, and two processes overwrite each other's. The window of the rate budgets is one atomic step.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any

import redis
from rest_framework.request import Request
from rest_framework.throttling import AnonRateThrottle, SimpleRateThrottle, UserRateThrottle

from integrations.ratelimit import local_store, shared_store

if TYPE_CHECKING:
    from rest_framework.views import APIView

logger = logging.getLogger(__name__)


class CountedThrottle(SimpleRateThrottle):
    """A sliding window per key; ``wait`` is the seconds until the next request is let through."""

    num_requests: int
    duration: int
    _wait = 0.0

    def allow_request(self, request: Request, view: APIView) -> bool:
        key: Any = self.get_cache_key(request, view) if self.rate is not None else None
        if key is None:
            return True
        asked = (key, time.time(), float(self.num_requests), float(self.duration), 1.0, 0.0)
        try:
            self._wait = shared_store().take(*asked)
        except redis.RedisError:
            logger.warning("throttle.redis.lost")
            self._wait = local_store().take(*asked)
        return self._wait == 0

    def wait(self) -> float:
        return self._wait


class PersonThrottle(CountedThrottle, UserRateThrottle):
    """Who is logged in."""


class StrangerThrottle(CountedThrottle, AnonRateThrottle):
    """Who is not, by address."""
