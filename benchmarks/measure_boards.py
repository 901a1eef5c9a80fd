"""One process of the board's benchmark: fills a column, moves cards by service, API and by hand, reads, replays."""

from __future__ import annotations

import os
import random
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import django
import orjson

os.environ["LOCKSTEP_API_RATE_USER"] = "1000000/min"
django.setup()

from django.contrib.auth.models import User  # noqa: E402
from django.db import connection, transaction  # noqa: E402
from django.utils import timezone  # noqa: E402
from rest_framework.test import APIClient  # noqa: E402

from boards.core.ranks import between  # noqa: E402
from boards.models import Board  # noqa: E402
from boards.occupancy import stage_counts  # noqa: E402
from boards.selectors import column_page, layout_for  # noqa: E402
from boards.services.actors import Actor, rights_of  # noqa: E402
from boards.services.moves import Card, card_move  # noqa: E402
from boards.services.neighbours import Target  # noqa: E402
from boards.services.opening import board_open  # noqa: E402
from boards.services.snapshots import snapshot_take, state_at  # noqa: E402
from live import feed  # noqa: E402
from workspace import wakeups  # noqa: E402
from workspace.ids import new_id  # noqa: E402
from workspace.models import Membership, OriginKind, Role, Task, Tenant  # noqa: E402
from workspace.services import Origin, RecordWrite, records_write  # noqa: E402


def fill(tenant: Tenant, count: int) -> None:
    origin = Origin(OriginKind.SYSTEM)
    for begin in range(0, count, 5000):
        writes = [
            RecordWrite(None, {"title": f"card {number}", "stage": "backlog"})
            for number in range(begin, min(begin + 5000, count))
        ]
        with transaction.atomic():
            records_write(tenant=tenant, record_type="task", writes=writes, origin=origin, now=timezone.now())


def timed(work: Callable[[], Any], count: int) -> list[float]:
    """Seconds of each of ``count`` runs."""
    found = []
    for _ in range(count):
        started = time.perf_counter()
        work()
        found.append(time.perf_counter() - started)
    return found


def shape(times: list[float]) -> dict[str, float]:
    ordered = sorted(times)
    return {
        "per_second": round(len(times) / sum(times), 1),
        "p50_ms": round(statistics.median(ordered) * 1000, 2),
        "p99_ms": round(ordered[max(0, int(len(ordered) * 0.99) - 1)] * 1000, 2),
    }


def paired(by_hand: list[float], other: list[float], rounds: int) -> float:
    """How fast the other is beside the hand-written statements: the median over the rounds, each with its own ratio."""
    size = len(other) // rounds
    parts = [slice(number * size, (number + 1) * size) for number in range(rounds)]
    found = [statistics.median(by_hand[part]) / statistics.median(other[part]) for part in parts]
    return round(statistics.median(found), 2)


class Bench:
    def __init__(self, cards: int, moves: int) -> None:
        self.moves, self.rng = moves, random.Random(4)
        self.tenant = Tenant.objects.create(name="Bench", slug="bench")
        user = User.objects.create_user("bench", is_staff=True)
        Membership.objects.create(user=user, tenant=self.tenant, role=Role.OPERATOR)
        board_open(self.tenant, "task")
        fill(self.tenant, cards)
        self.board = Board.objects.select_related("tenant").get(tenant=self.tenant, record_type="task")
        config = self.board.config
        config["stages"][1]["limit"] = {"soft": 10**5, "hard": 10**6}
        self.board.config = config
        self.board.save()
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")
        self.actor = Actor(user=user, rights=rights_of(user, self.tenant, layout_for(self.board)))
        self.client = APIClient(SERVER_NAME="localhost")
        self.client.force_authenticate(user)
        self.revisions = dict(Task.objects.order_by("pk").values_list("pk", "revision")[:2000])
        self.ids = list(self.revisions)
        self.ends = [str(pk) for pk in self.ids[-2:]]
        for pk in self.ids[-2:]:
            self._one(pk)

    def _one(self, pk: Any, **place: Any) -> None:
        card_move(
            board=self.board, card=Card(pk, self.revisions[pk]), target=Target("todo", **place), actor=self.actor,
            now=timezone.now(),
        )  # fmt: skip
        self.revisions[pk] += 1

    def by_service(self) -> None:
        self._one(self.rng.choice(self.ids[:-2]), after=self.ids[-2], before=self.ids[-1])

    def service_alone(self) -> None:
        """The service's own six statements: what by_hand does, without telling rooms and workers after the commit."""
        told, feed._publish_now = feed._publish_now, lambda events: None
        woken, wakeups._send_once = wakeups._send_once, lambda task: None
        try:
            self.by_service()
        finally:
            feed._publish_now, wakeups._send_once = told, woken

    def by_api(self) -> None:
        pk = self.rng.choice(self.ids[:-2])
        answer = self.client.post(
            "/api/v1/kanban/move",
            {"type": "task", "card": str(pk), "revision": self.revisions[pk], "to": "todo", "after": self.ends[0],
             "before": self.ends[1]},
        )  # fmt: skip
        assert answer.status_code == 200, answer.content
        self.revisions[pk] += 1

    def by_hand(self) -> None:
        """The same six statements written by hand over the same driver; no live events."""
        pk, now, user = self.rng.choice(self.ids[:-2]), timezone.now(), self.actor.user.pk
        wanted = [pk, self.ids[-2], self.ids[-1]]
        with transaction.atomic(), connection.cursor() as cursor:
            run = cursor.execute
            run(
                "SELECT * FROM workspace_task WHERE tenant_id = %s AND id = ANY(%s)", [self.tenant.pk, wanted]
            )
            names = [column.name for column in cursor.description]
            rows = {row[names.index("id")]: dict(zip(names, row, strict=True)) for row in cursor.fetchall()}
            rank = between(rows[self.ids[-2]]["rank"], rows[self.ids[-1]]["rank"], self.rng)
            run(
                "UPDATE workspace_task SET stage='todo', rank=%s, revision=revision+1, updated_at=%s, updated_by_id=%s "
                "WHERE id=%s AND revision=%s", [rank, now, user, pk, self.revisions[pk]],
            )  # fmt: skip
            assert cursor.rowcount == 1
            run(
                "INSERT INTO workspace_change (tenant_id, record_type, record_id, revision, kind, changes, origin, user_id, "
                "correlation_id, note, created_at) VALUES (%s,'task',%s,%s,'update',%s::jsonb,'board',%s,'','',%s)",
                [
                    self.tenant.pk,
                    pk,
                    self.revisions[pk] + 1,
                    orjson.dumps({"stage": {"to": "todo"}}).decode(),
                    user,
                    now,
                ],
            )
            run(
                "UPDATE boards_board SET last_seq = last_seq + 1 WHERE id=%s RETURNING last_seq",
                [self.board.pk],
            )
            seq = cursor.fetchone()[0]
            run(
                "SELECT EXISTS (SELECT 1 FROM boards_cardlock WHERE record_id=%s AND expires_at > %s), (SELECT count(*) FROM "
                "workspace_task WHERE tenant_id=%s AND stage='todo' AND deleted_at IS NULL)", [pk, now, self.tenant.pk],
            )  # fmt: skip
            cursor.fetchone()
            run(
                "INSERT INTO boards_move (tenant_id, board_id, seq, record_id, from_stage, to_stage, from_rank, to_rank, "
                "revision, at, user_id, source, reason, over, override, command_id) VALUES "
                "(%s,%s,%s,%s,%s,'todo',%s,%s,%s,%s,%s,'ui','','',false,%s)",
                [self.tenant.pk, self.board.pk, seq, pk, rows[pk]["stage"], rows[pk]["rank"], rank,
                 self.revisions[pk] + 1, now, user, new_id()],
            )  # fmt: skip
        self.revisions[pk] += 1

    def run(self) -> dict[str, Any]:
        layout = layout_for(self.board)
        first = column_page(self.board, layout, "backlog")
        found: dict[str, Any] = {"by_hand": [], "service_alone": [], "by_service": [], "by_api": []}
        for name in found:
            timed(getattr(self, name), 20)
        rounds = 25
        for _ in range(rounds):  # turn by turn, so that the machine's moods hit all alike
            for name in found:
                found[name] += timed(getattr(self, name), self.moves // rounds)
        result: dict[str, Any] = {name: shape(times) for name, times in found.items()}
        result["ratios"] = {name: paired(found["by_hand"], found[name], rounds) for name in found}
        stage_counts(self.board)
        result["first_page"] = shape(timed(lambda: column_page(self.board, layout, "backlog"), 30))
        result["next_page"] = shape(
            timed(lambda: column_page(self.board, layout, "backlog", cursor=first.next_cursor), 30)
        )
        result["board_api"] = shape(timed(lambda: self.client.get("/api/v1/kanban/board/task"), 15))
        started = time.perf_counter()
        state, seq = state_at(self.board.pk, use_snapshots=False)
        full = time.perf_counter() - started
        snapshot_take(board=self.board, now=timezone.now())
        started = time.perf_counter()
        state_at(self.board.pk)
        result["replay"] = {
            "moves": seq, "cards": len(state), "full_s": round(full, 3),
            "with_snapshot_s": round(time.perf_counter() - started, 3), "moves_per_second": round(seq / full),
        }  # fmt: skip
        return result


if __name__ == "__main__":
    print(orjson.dumps(Bench(int(sys.argv[1]), int(sys.argv[2])).run()).decode())
