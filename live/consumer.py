"""The socket: a client names rooms and the last number it saw, and gets every event after it, once, in order.

Client: ``{"subscribe": room, "after": seq | null}``, ``{"unsubscribe": room}``. Server: ``{"subscribed": room,
"last_seq": n, "gap": bool}``, then events as ``live.feed.as_message`` gives them, ``{"heartbeat": true}``, and
``{"error": code, "message": sentence}``. ``after`` null starts now; ``gap`` true means that events have
expired in between and the page must reload what it shows.

Events reach us through the channel layer, which may drop or reorder them. So they are only trusted if they
are the very next one; else the feed in the database is asked.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncJsonWebsocketConsumer
from django.contrib.auth import get_user_model

from .feed import events_after, group_name, last_seq_of
from .rooms import authorise

HEARTBEAT_SECONDS = 15.0
MAX_ROOMS = 20

NOT_SIGNED_IN = 4401
NO_LONGER_ALLOWED = 4403


class LiveConsumer(AsyncJsonWebsocketConsumer):
    heartbeat_seconds = HEARTBEAT_SECONDS

    async def connect(self) -> None:
        self.seen: dict[str, int] = {}  # room → number of the last event sent
        self.busy = asyncio.Lock()  # sending in order is one at a time
        self.pulse: asyncio.Task[None] | None = None
        await self.accept()
        user = self.scope.get("user")
        if user is None or not user.is_authenticated:
            await self.close(NOT_SIGNED_IN)
            return
        self.user_id = user.pk
        self.pulse = asyncio.create_task(self._beat())

    async def disconnect(self, code: int) -> None:
        if self.pulse is not None and self.pulse is not asyncio.current_task():
            self.pulse.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self.pulse
        for room in list(self.seen):
            await self._leave(room)

    async def receive_json(self, content: Any, **kwargs: Any) -> None:
        if isinstance(content, dict) and isinstance(content.get("subscribe"), str):
            await self._subscribe(content["subscribe"], content.get("after"))
        elif isinstance(content, dict) and isinstance(content.get("unsubscribe"), str):
            await self._leave(content["unsubscribe"])
        else:
            await self._refuse("bad_message", "Send {subscribe: room, after: number or null}.")

    async def decode_json(self, text_data: str) -> Any:
        try:
            return await super().decode_json(text_data)
        except ValueError:
            return None

    async def receive(
        self, text_data: str | None = None, bytes_data: bytes | None = None, **kwargs: Any
    ) -> None:
        if not text_data or len(text_data) > 2000:
            await self._refuse("bad_message", "Messages are short texts of JSON.")
            return
        await super().receive(text_data=text_data, **kwargs)

    async def live_event(self, message: dict[str, Any]) -> None:
        """From the channel layer (``live.feed.publish``)."""
        event = message["event"]
        room = event["room"]
        async with self.busy:
            seen = self.seen.get(room)
            if seen is None or event["seq"] <= seen:
                return
            if event["seq"] == seen + 1:
                self.seen[room] = event["seq"]
                await self.send_json(event)
            else:
                await self._catch_up(room)

    # ------------------------------------------------------------ rooms

    async def _subscribe(self, room: str, after: Any) -> None:
        if after is not None and (not isinstance(after, int) or isinstance(after, bool) or after < 0):
            await self._refuse("bad_message", "after is a number from 0, or null.")
        elif len(self.seen) >= MAX_ROOMS and room not in self.seen:
            await self._refuse("too_many_rooms", f"At most {MAX_ROOMS} rooms on one connection.")
        elif not await self._may(room):
            await self._refuse("no_such_room", "There is no such room.")
        else:
            # Joined before the feed is read: what is published in between arrives twice and is sent once.
            await self.channel_layer.group_add(group_name(room), self.channel_name)
            async with self.busy:
                await self._start(room, after)

    async def _start(self, room: str, after: int | None) -> None:
        found = await database_sync_to_async(events_after)(room, after or 0, limit=1)
        start = found["last_seq"] if after is None or after > found["last_seq"] else after
        self.seen[room] = start
        gap = after is not None and found["gap"]
        await self.send_json({"subscribed": room, "last_seq": start, "gap": gap})
        await self._catch_up(room)

    async def _catch_up(self, room: str) -> None:
        while room in self.seen:
            found = await database_sync_to_async(events_after)(room, self.seen[room])
            for event in found["events"]:
                self.seen[room] = event["seq"]
                await self.send_json(event)
            if not found["events"]:
                self.seen[room] = max(self.seen[room], found["last_seq"])
            if self.seen[room] >= found["last_seq"]:
                return

    async def _leave(self, room: str) -> None:
        if self.seen.pop(room, None) is not None:
            await self.channel_layer.group_discard(group_name(room), self.channel_name)

    async def _refuse(self, code: str, message: str) -> None:
        await self.send_json({"error": code, "message": message})

    # ------------------------------------------------------------ heartbeat

    @database_sync_to_async
    def _may(self, *rooms: str) -> bool:
        user = get_user_model()._default_manager.filter(pk=self.user_id).first()
        return user is not None and all(authorise(user, room) for room in rooms)

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(self.heartbeat_seconds)
            if not await self._may(*self.seen):
                with contextlib.suppress(OSError):  # the client has just left by itself
                    await self.close(NO_LONGER_ALLOWED)
                return
            async with self.busy:
                for room in list(self.seen):
                    if await database_sync_to_async(last_seq_of)(room) > self.seen[room]:
                        await self._catch_up(room)  # the channel layer dropped something
                await self.send_json({"heartbeat": True})
