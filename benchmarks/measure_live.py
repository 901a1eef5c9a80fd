"""One process of the live benchmark: moves cards in one thread, and listens as so many clients in another."""

from __future__ import annotations

import asyncio
import statistics
import sys
import threading
import time
from typing import Any

import django
import orjson

django.setup()

from django.conf import settings  # noqa: E402
from django.contrib.auth.models import User  # noqa: E402
from django.db import transaction  # noqa: E402
from django.test import Client  # noqa: E402
from django.utils import timezone  # noqa: E402
from websockets.asyncio.client import connect  # noqa: E402

from boards.models import Board  # noqa: E402
from boards.selectors import layout_for  # noqa: E402
from boards.services.actors import Actor, rights_of  # noqa: E402
from boards.services.moves import Card, card_move  # noqa: E402
from boards.services.neighbours import Target  # noqa: E402
from boards.services.opening import board_open  # noqa: E402
from workspace.models import Membership, OriginKind, Role, Tenant  # noqa: E402
from workspace.services import Origin, RecordWrite, records_write  # noqa: E402

STAGES = ("todo", "in_progress", "review", "backlog")


class Listeners:
    """Clients with a socket each, in a thread with a loop of its own."""

    def __init__(self, address: str, room: str, cookie: str, count: int) -> None:
        self.address, self.room, self.cookie, self.count = address, room, cookie, count
        self.heard: dict[int, list[float]] = {}
        self.out_of_order = 0
        self.ready = threading.Semaphore(0)
        threading.Thread(target=lambda: asyncio.run(self._all()), daemon=True).start()

    async def _all(self) -> None:
        await asyncio.gather(*(self._one() for _ in range(self.count)))

    async def _one(self) -> None:
        headers = {"Cookie": f"{settings.SESSION_COOKIE_NAME}={self.cookie}"}
        async with connect(
            f"ws://{self.address}/ws/live",
            additional_headers=headers,
            origin=f"http://{self.address}",  # type: ignore[arg-type]
        ) as socket:
            await socket.send(orjson.dumps({"subscribe": self.room, "after": None}).decode())
            last = 0
            async for text in socket:
                now = time.time()
                said: dict[str, Any] = orjson.loads(text)
                if "subscribed" in said:
                    self.ready.release()
                elif said.get("type") == "KANBAN_ITEM_MOVED":
                    number = said["payload"]["seq"]
                    self.out_of_order += number <= last
                    last = number
                    self.heard.setdefault(number, []).append(now)


def main(address: str, clients: int, moves: int, pace: float) -> dict[str, Any]:
    tenant = Tenant.objects.create(name="Bench", slug="bench")
    user = User.objects.create_user("bench", is_staff=True)
    Membership.objects.create(user=user, tenant=tenant, role=Role.OPERATOR)
    board_open(tenant, "task")
    with transaction.atomic():
        writes = [RecordWrite(None, {"title": f"card {number}", "stage": "backlog"}) for number in range(40)]
        made = records_write(
            tenant=tenant, record_type="task", writes=writes, origin=Origin(OriginKind.SYSTEM), now=timezone.now()
        )  # fmt: skip
    board = Board.objects.select_related("tenant").get(tenant=tenant, record_type="task")
    actor = Actor(user=user, rights=rights_of(user, tenant, layout_for(board)))
    browser = Client()
    browser.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    listeners = Listeners(address, board.room, browser.cookies[settings.SESSION_COOKIE_NAME].value, clients)
    for _ in range(clients):
        assert listeners.ready.acquire(timeout=60), "not all clients are listening"
    committed: dict[int, float] = {}
    started = time.perf_counter()
    for number in range(moves):
        card, at = made[number % len(made)].record_id, []
        with transaction.atomic():
            transaction.on_commit(lambda at=at: at.append(time.time()))  # type: ignore[misc]  # before the events go out
            done = card_move(
                board=board, card=Card(card), target=Target(STAGES[number // len(made) % 4], edge="top"), actor=actor,
                now=timezone.now(),
            )  # fmt: skip
        committed[done.moves[0].seq] = at[0]
        time.sleep(max(0.0, started + (number + 1) / pace - time.perf_counter()))
    time.sleep(2)
    complete = {number: times for number, times in listeners.heard.items() if len(times) == clients}
    late = sorted(
        (max(complete[number]) - at) * 1000 for number, at in committed.items() if number in complete
    )
    return {
        "moves": moves, "p50_ms": round(statistics.median(late), 1), "p95_ms": round(late[int(len(late) * 0.95) - 1], 1),
        "max_ms": round(late[-1], 1), "missed": moves - len(late), "out_of_order": listeners.out_of_order,
    }  # fmt: skip


if __name__ == "__main__":
    print(orjson.dumps(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4]))).decode())
