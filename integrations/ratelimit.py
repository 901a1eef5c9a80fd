"""Rate budgets shared by all workers, per credential and quota class (H6).

Two counters: our own sliding window over the connector's budget, and the vendor's last word (remaining, reset),
which wins where it is stricter, and raises or lowers the limit where it speaks of the same window. Without Redis the
same arithmetic runs in the process.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Protocol

import redis
from django.conf import settings
from django.utils.crypto import salted_hmac

from connectors.base.connector import Gate
from connectors.base.errors import RateLimited
from connectors.base.types import RateBudget
from integrations.slots import ENTER, RETRY_SECONDS, WAITS, Slots
from workspace.ids import new_id

logger = logging.getLogger(__name__)

#: shorter waits are slept: cheaper than giving the pair back and taking it up again
SHORT_WAIT = 0.25
#: a vendor's header that asks for more is believed only so far
LONGEST_RESET = 24 * 3600.0


@dataclass
class Window:
    """Counters of one quota class. Pure: the clock is handed in. The Lua script below says the same."""

    index: int = 0
    count: float = 0.0
    previous: float = 0.0
    vendor_limit: float = 0.0
    vendor_remaining: float = 0.0
    vendor_until: float = 0.0
    vendor_span: float = 0.0

    def take(self, now: float, limit: float, period: float, cost: float, reserve: float) -> float:
        """0.0 if ``cost`` was taken, else the seconds to wait. ``reserve`` requests are left for others."""
        index = math.floor(now / period)
        if index != self.index:
            self.previous = self.count if index == self.index + 1 else 0.0
            self.count, self.index = 0.0, index
        has_vendor = self.vendor_until > now
        if has_vendor and self.vendor_limit > 0 and self.vendor_span <= period * 1.5:
            limit = self.vendor_limit
        room = max(cost, limit - reserve)
        passed = now / period - index
        if has_vendor and self.vendor_remaining - cost < min(reserve, max(0.0, limit - cost)):
            return self.vendor_until - now
        if self.previous * (1 - passed) + self.count + cost > room:
            return max(0.001, self._wait(passed, room, cost) * period)
        self.count += cost
        if has_vendor:
            self.vendor_remaining -= cost
        return 0.0

    def _wait(self, passed: float, room: float, cost: float) -> float:
        """In periods: until enough of the window before has slid out."""
        if self.count + cost <= room:
            return 1 - (room - self.count - cost) / self.previous - passed
        return 1 - passed + max(0.0, 1 - (room - cost) / self.count)

    def give_back(self, now: float, period: float, cost: float) -> None:
        """What was taken a moment ago is not spent after all."""
        if math.floor(now / period) == self.index:
            self.count = max(0.0, self.count - cost)
        if self.vendor_until > now:
            self.vendor_remaining += cost

    def observe(self, now: float, limit: float, remaining: float, reset_after: float) -> None:
        self.vendor_limit, self.vendor_remaining = limit, remaining
        self.vendor_until, self.vendor_span = now + reset_after, reset_after


TAKE = """
local now, limit, period, cost, reserve = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local raw = redis.call('HMGET', KEYS[1], 'index', 'count', 'previous', 'limit', 'remaining', 'until', 'span')
local index, count, previous = tonumber(raw[1] or 0), tonumber(raw[2] or 0), tonumber(raw[3] or 0)
local vlimit, remaining, vuntil, span = tonumber(raw[4] or 0), tonumber(raw[5] or 0), tonumber(raw[6] or 0), tonumber(raw[7] or 0)
local at = math.floor(now / period)
if at ~= index then
  if at == index + 1 then previous = count else previous = 0 end
  count = 0
  index = at
end
local vendor = vuntil > now
if vendor and vlimit > 0 and span <= period * 1.5 then limit = vlimit end
local room = math.max(cost, limit - reserve)
local passed = now / period - index
if vendor and remaining - cost < math.min(reserve, math.max(0, limit - cost)) then return tostring(vuntil - now) end
if previous * (1 - passed) + count + cost > room then
  local wait
  if count + cost <= room then wait = 1 - (room - count - cost) / previous - passed
  else wait = 1 - passed + math.max(0, 1 - (room - cost) / count) end
  return tostring(math.max(0.001, wait * period))
end
redis.call('HSET', KEYS[1], 'index', index, 'count', count + cost, 'previous', previous)
if vendor then redis.call('HINCRBYFLOAT', KEYS[1], 'remaining', -cost) end
redis.call('EXPIRE', KEYS[1], math.ceil(math.max(period * 2, vuntil - now)) + 60)
return '0'
"""


GIVE_BACK = """
local now, period, cost = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local raw = redis.call('HMGET', KEYS[1], 'index', 'count', 'until')
if not raw[1] then return end
if math.floor(now / period) == tonumber(raw[1]) then
  redis.call('HSET', KEYS[1], 'count', math.max(0, tonumber(raw[2] or 0) - cost))
end
if tonumber(raw[3] or 0) > now then redis.call('HINCRBYFLOAT', KEYS[1], 'remaining', cost) end
"""


class Store(Protocol):
    """Where the counters of a key live."""

    def take(
        self, key: str, now: float, limit: float, period: float, cost: float, reserve: float
    ) -> float: ...

    def give_back(self, key: str, now: float, period: float, cost: float) -> None: ...

    def observe(self, key: str, now: float, limit: float, remaining: float, reset_after: float) -> None: ...

    def enter(self, key: str, now: float, holder: str, at_once: int, until: float) -> bool: ...

    def leave(self, key: str, holder: str) -> None: ...


class LocalStore:
    """Counters of this process: tests, and the fallback while Redis is away. Those used longest ago are forgotten."""

    MOST = 10_000

    def __init__(self) -> None:
        self._windows: OrderedDict[str, Window] = OrderedDict()
        self._slots: dict[str, Slots] = {}
        self._lock = threading.Lock()

    def take(self, key: str, now: float, limit: float, period: float, cost: float, reserve: float) -> float:
        with self._lock:
            return self._window(key).take(now, limit, period, cost, reserve)

    def give_back(self, key: str, now: float, period: float, cost: float) -> None:
        with self._lock:
            self._window(key).give_back(now, period, cost)

    def observe(self, key: str, now: float, limit: float, remaining: float, reset_after: float) -> None:
        with self._lock:
            self._window(key).observe(now, limit, remaining, reset_after)

    def enter(self, key: str, now: float, holder: str, at_once: int, until: float) -> bool:
        with self._lock:
            return self._slots.setdefault(key, Slots()).enter(now, holder, at_once, until)

    def leave(self, key: str, holder: str) -> None:
        with self._lock:
            held = self._slots.get(key)
            if held is not None:
                held.leave(holder)
                if not held.ends:
                    del self._slots[key]

    def _window(self, key: str) -> Window:
        found = self._windows.setdefault(key, Window())
        self._windows.move_to_end(key)
        if len(self._windows) > self.MOST:  # strangers' addresses are as many as they like
            self._windows.popitem(last=False)
        return found


class RedisStore:
    """Counters shared by all workers; each call is one atomic script."""

    def __init__(self, client: redis.Redis) -> None:
        self._redis = client
        self._take = client.register_script(TAKE)
        self._give_back = client.register_script(GIVE_BACK)
        self._enter = client.register_script(ENTER)

    def take(self, key: str, now: float, limit: float, period: float, cost: float, reserve: float) -> float:
        answer: Any = self._take(keys=[key], args=[now, limit, period, cost, reserve])
        return float(answer)

    def give_back(self, key: str, now: float, period: float, cost: float) -> None:
        self._give_back(keys=[key], args=[now, period, cost])

    def enter(self, key: str, now: float, holder: str, at_once: int, until: float) -> bool:
        return bool(self._enter(keys=[key], args=[now, holder, at_once, until]))

    def leave(self, key: str, holder: str) -> None:
        self._redis.zrem(key, holder)

    def observe(self, key: str, now: float, limit: float, remaining: float, reset_after: float) -> None:
        with self._redis.pipeline() as pipe:
            values: dict[Any, Any] = {
                "limit": limit,
                "remaining": remaining,
                "until": now + reset_after,
                "span": reset_after,
            }
            pipe.hset(key, mapping=values)
            pipe.expire(key, math.ceil(reset_after) + 7200)
            pipe.execute()


_local = LocalStore()


@lru_cache(maxsize=1)
def _redis_store() -> RedisStore | None:
    """None where the settings name no Redis that answers; asked once per process."""
    try:
        client = redis.Redis.from_url(
            settings.BUDGET_URL, socket_timeout=1, socket_connect_timeout=1, decode_responses=True
        )
        client.ping()
    except (redis.RedisError, ValueError, OSError):
        logger.warning("budget.redis.absent")
        return None
    return RedisStore(client)


def shared_store() -> Store:
    return _redis_store() or _local


def local_store() -> Store:
    """This process's own, for while Redis is away."""
    return _local


def budget_key(connector: str, base_url: str, secrets: dict[str, Any]) -> str:
    """One key for all integrations that spend the same credential; tells nothing about it."""
    spent = repr((connector, base_url, sorted((k, str(v)) for k, v in secrets.items() if k not in _ROTATING)))
    return "budget:" + salted_hmac("integrations.ratelimit", spent).hexdigest()[:32]


_ROTATING = frozenset({"access_token", "refresh_token", "expires_at"})


class SharedGate(Gate):
    """The gate of one client. People's own edits may use the reserve, all else leaves it (H6)."""

    def __init__(
        self,
        key: str,
        *,
        is_priority: bool,
        store: Store | None = None,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._key = key
        self._is_priority = is_priority
        self._store = store or shared_store()
        self._clock = clock
        self._sleep = sleep
        self._last = threading.local()

    def acquire(self, quota_class: str, budget: RateBudget, *, cost: int = 1) -> None:
        self._last.quota_class = quota_class
        reserve = 0.0 if self._is_priority else max(0.0, budget.reserve) * budget.requests
        wait = self._take(quota_class, budget, cost, reserve)
        if 0 < wait <= SHORT_WAIT:
            self._sleep(wait)
            wait = self._take(quota_class, budget, cost, reserve)
        if wait > 0:
            raise RateLimited("The request budget is used up for the moment.", retry_after=wait)

    def give_back(self, quota_class: str, budget: RateBudget, *, cost: int = 1) -> None:
        self._store_call("give_back", quota_class, self._clock(), float(budget.per_seconds), float(cost))

    @contextmanager
    def slot(self, quota_class: str, at_once: int, *, longest: float) -> Iterator[None]:
        name, holder = f"{quota_class}:slots", new_id().hex
        for wait in (*WAITS, None):
            now = self._clock()
            if self._store_call("enter", name, now, holder, at_once, now + longest):
                break
            if wait is None:
                said = f"{at_once} requests with these credentials are under way, as many as may be at once."
                raise RateLimited(said, retry_after=RETRY_SECONDS)
            self._sleep(wait)
        try:
            yield
        finally:
            self._store_call("leave", name, holder)

    def observe(
        self, quota_class: str, *, limit: int | None, remaining: int | None, reset_after: float | None
    ) -> None:
        if remaining is None or not reset_after or reset_after <= 0:
            return
        reset = min(reset_after, LONGEST_RESET)
        self._store_call("observe", quota_class, self._clock(), float(limit or 0), float(remaining), reset)

    def penalise(self, seconds: float) -> None:
        """The vendor said 429: nobody spends this credential's last used class until then."""
        quota_class = getattr(self._last, "quota_class", "default")
        self._store_call(
            "observe", quota_class, self._clock(), 0.0, 0.0, min(max(seconds, 0.5), LONGEST_RESET)
        )

    def _take(self, quota_class: str, budget: RateBudget, cost: int, reserve: float) -> float:
        taken = self._store_call(
            "take",
            quota_class,
            self._clock(),
            float(budget.requests),
            float(budget.per_seconds),
            float(cost),
            reserve,
        )
        return float(taken or 0.0)

    def _store_call(self, method: str, quota_class: str, *args: float | str) -> Any:
        key = f"{self._key}:{quota_class}"
        try:
            return getattr(self._store, method)(key, *args)
        except redis.RedisError:
            logger.warning("budget.redis.lost")
            return getattr(_local, method)(key, *args)
