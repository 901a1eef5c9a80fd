"""Django's Redis cache, keeping its client: by default each call makes one anew, which takes as long as Redis's answer."""

from __future__ import annotations

from typing import Any

from django.core.cache.backends.redis import RedisCache, RedisCacheClient


class _KeptClient(RedisCacheClient):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._clients: dict[int, Any] = {}

    def get_client(self, key: Any = None, *, write: bool = False) -> Any:
        pool = self._get_connection_pool(write)  # type: ignore[attr-defined]
        found = self._clients.get(id(pool))
        if found is None:
            found = self._clients[id(pool)] = super().get_client(key, write=write)
        return found


class KeptRedisCache(RedisCache):
    """The clients are safe between threads, and their pools notice a fork."""

    def __init__(self, server: Any, params: dict[str, Any]) -> None:
        super().__init__(server, params)
        self._class = _KeptClient
