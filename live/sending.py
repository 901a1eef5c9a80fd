"""Events to the sockets, through the channel layer. A convenience: the feed in the database is the truth.

Calling the layer from ordinary code starts an event loop, a thread and connections to Redis for every event. One
thread per process keeps a loop of its own instead, and whoever publishes does not wait for it.
"""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from collections.abc import Sequence
from typing import Any

from asgiref.sync import async_to_sync
from channels.layers import InMemoryChannelLayer, get_channel_layer

logger = logging.getLogger(__name__)

#: events on their way; beyond that they are left to the feed, which every socket asks at its heartbeat
MOST = 1000
#: for one event; a Redis that does not answer is not waited for
PATIENCE_SECONDS = 10

Addressed = tuple[str, dict[str, Any]]  # group, event

_lock = threading.Lock()
_process = 0
_loop: asyncio.AbstractEventLoop | None = None
_waiting = 0


def send(messages: Sequence[Addressed]) -> None:
    """Send to the groups in this order; never raises."""
    layer = get_channel_layer()
    if layer is None or not messages:
        return
    if isinstance(layer, InMemoryChannelLayer):  # its queues belong to the loop of this process's sockets
        async_to_sync(_send)(layer, messages)
        return
    global _waiting
    loop = _own_loop()
    with _lock:
        if _waiting >= MOST:
            logger.warning("live.send.skipped", extra={"waiting": _waiting})
            return
        _waiting += 1
    asyncio.run_coroutine_threadsafe(_send_one_by_one(layer, messages), loop)


def _own_loop() -> asyncio.AbstractEventLoop:
    """This process's loop: a fork has none of its parent's threads."""
    global _process, _loop, _waiting
    with _lock:
        if _loop is None or _process != os.getpid():
            _process, _waiting = os.getpid(), 0
            _loop = asyncio.new_event_loop()
            threading.Thread(target=_run, args=(_loop,), name="live-sending", daemon=True).start()
        return _loop


def _run(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.set_event_loop(loop)
    loop.run_forever()


async def _send_one_by_one(layer: Any, messages: Sequence[Addressed]) -> None:
    global _waiting
    try:
        await _send(layer, messages)
    finally:
        with _lock:
            _waiting -= 1


async def _send(layer: Any, messages: Sequence[Addressed]) -> None:
    for group, event in messages:
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                await layer.group_send(group, {"type": "live.event", "event": event})
        except Exception:  # the socket is a convenience: the feed in the database is the truth
            logger.warning("live.send.failed", extra={"room": event["room"]}, exc_info=True)
