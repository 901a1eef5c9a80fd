"""Requests under way: at most so many at once per credential and quota class, counted by all workers (H6).

Whoever holds a slot gives it back; one whose worker died in the middle ends by itself. Without Redis the same
arithmetic runs in the process.
"""

from __future__ import annotations

from dataclasses import dataclass, field

#: seconds after which a full house is looked at again: most requests end within a fraction of a second
WAITS = (0.05, 0.1, 0.2, 0.4, 0.8)
#: and then the caller gives its work back for this long
RETRY_SECONDS = 1.0


@dataclass
class Slots:
    """Who holds a slot, and when it ends by itself. Pure: the clock is handed in. The Lua script below says the same."""

    ends: dict[str, float] = field(default_factory=dict)

    def enter(self, now: float, holder: str, at_once: int, until: float) -> bool:
        """True if the holder got one of the ``at_once`` slots."""
        self.ends = {name: end for name, end in self.ends.items() if end > now}
        if len(self.ends) >= at_once:
            return False
        self.ends[holder] = until
        return True

    def leave(self, holder: str) -> None:
        self.ends.pop(holder, None)


ENTER = """
local now, holder, at_once, until_ = ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4]
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
if redis.call('ZCARD', KEYS[1]) >= at_once then return 0 end
redis.call('ZADD', KEYS[1], until_, holder)
redis.call('EXPIRE', KEYS[1], math.max(redis.call('TTL', KEYS[1]), math.ceil(tonumber(until_) - tonumber(now)) + 60))
return 1
"""
