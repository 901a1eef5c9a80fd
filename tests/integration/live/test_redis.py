"""The channel layer on a real Redis: what our settings make of its client."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import pytest
from channels.layers import channel_layers

#: turns of the event loop before the socket leaves: connecting, sending and reading all lie within
TURNS = 60


@pytest.mark.redis
def test_a_socket_that_leaves_at_any_moment_ends() -> None:
    async def leave(layer: Any, channel: str, turns: int) -> None:
        waiting = asyncio.create_task(layer.receive(channel))
        for _ in range(turns):
            await asyncio.sleep(0)
        waiting.cancel()
        done, _ = await asyncio.wait([waiting], timeout=3)
        assert done, f"still waits for news, left after {turns} turns"
        with contextlib.suppress(asyncio.CancelledError):
            await waiting

    async def all_of_them() -> None:
        layer = channel_layers.make_backend("default")  # of its own: a layer belongs to one event loop
        for turns in range(TURNS):
            await leave(layer, await layer.new_channel(), turns)
            await layer.close_pools()

    asyncio.run(all_of_them())
