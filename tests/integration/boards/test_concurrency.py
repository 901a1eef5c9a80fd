"""Many at once on PostgreSQL, with real connections: nothing lost, nothing doubled, no deadlock."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection, connections
from django.utils import timezone

from boards.models import Board, Move
from boards.selectors import layout_for
from boards.services.actors import Actor, rights_of
from boards.services.checks import verify
from boards.services.errors import BoardError
from boards.services.moves import Card, cards_move
from boards.services.neighbours import Target
from boards.services.opening import board_open
from boards.services.snapshots import snapshot_take, state_at
from tests.integration.boards.conftest import configure
from workspace.models import Membership, OriginKind, Role, Task, Tenant
from workspace.services import Origin, record_create, record_update

pytestmark = [pytest.mark.postgres, pytest.mark.django_db(transaction=True)]

PEOPLE = 50


class Crowd:
    def __init__(self, tenant: Tenant) -> None:
        self.tenant = tenant
        self.board = board_open(tenant, "task")
        user = User.objects.create_user("u", is_staff=True)
        Membership.objects.create(user=user, tenant=tenant, role=Role.OPERATOR)
        self.actor = Actor(user=user, rights=rights_of(user, tenant, layout_for(self.board)))

    def tasks(self, count: int, stage: str = "backlog") -> list[Any]:
        origin = Origin(OriginKind.SYSTEM)
        return [
            record_create(
                tenant=self.tenant, record_type="task", values={"title": str(number), "stage": stage}, origin=origin,
                now=timezone.now(),
            )
            for number in range(count)
        ]  # fmt: skip

    def move(self, cards: list[Card], stage: str, **place: Any) -> str:
        board = Board.objects.select_related("tenant").get(pk=self.board.pk)
        try:
            cards_move(
                board=board, cards=cards, target=Target(stage, **place), actor=self.actor, now=timezone.now()
            )
        except BoardError as refused:
            return refused.code
        return "moved"

    def at_once(self, jobs: list[Callable[[], Any]], threads: int) -> list[Any]:
        """Run them in so many threads, all starting at the same moment."""
        gate = Barrier(threads)

        def run(share: list[Callable[[], Any]]) -> list[Any]:
            try:
                gate.wait(30)
                return [job() for job in share]
            finally:
                connections.close_all()

        with ThreadPoolExecutor(threads) as pool:
            found = list(pool.map(run, [jobs[number::threads] for number in range(threads)]))
        return [answer for answers in found for answer in answers]

    def check(self) -> None:
        board = Board.objects.get(pk=self.board.pk)
        report = verify(board, timezone.now())
        assert report.ok, report.as_dict()
        assert board.last_seq == Move.objects.filter(board=board).count()


@pytest.fixture
def crowd(tenant: Tenant) -> Crowd:
    assert connection.vendor == "postgresql"
    return Crowd(tenant)


def test_of_fifty_people_who_fill_the_last_place_exactly_one_wins(crowd: Crowd) -> None:
    configure(crowd.board, limits={"review": {"soft": None, "hard": 1}})
    cards = crowd.tasks(PEOPLE)
    jobs = [lambda card=card: crowd.move([Card(card.pk, 1)], "review") for card in cards]
    answers = Counter(crowd.at_once(jobs, PEOPLE))
    assert answers == {"moved": 1, "column_full": PEOPLE - 1}
    assert Task.objects.filter(stage="review").count() == 1
    crowd.check()


def test_of_two_people_with_the_same_card_one_is_told_to_look_again(crowd: Crowd) -> None:
    for card in crowd.tasks(15):
        stages = ("todo", "review")
        jobs = [lambda stage=stage, card=card: crowd.move([Card(card.pk, 1)], stage) for stage in stages]
        assert sorted(crowd.at_once(jobs, 2)) == ["moved", "stale"]
    crowd.check()


def test_moves_into_the_same_gap_bulk_moves_and_sync_do_not_get_in_each_others_way(crowd: Crowd) -> None:
    cards = crowd.tasks(30)
    one, two = crowd.tasks(2, "todo")
    rng = random.Random(5)

    def single(card: Any) -> str:
        revision = Task.objects.get(pk=card.pk).revision
        return crowd.move([Card(card.pk, revision)], "todo", after=one.pk, before=two.pk)

    def bulk() -> str:
        chosen = Task.objects.filter(pk__in=[card.pk for card in rng.sample(cards, 4)])
        return crowd.move([Card(card.pk, card.revision) for card in chosen], rng.choice(["review", "done"]))

    def sync(card: Any) -> str:
        try:
            record_update(
                tenant=crowd.tenant, record_type="task", record_id=card.pk, values={"stage": "in_progress"},
                origin=Origin(OriginKind.SYNC), now=timezone.now(),
            )  # fmt: skip
        except Exception as error:
            return type(error).__name__
        return "synced"

    jobs: list[Callable[[], Any]] = []
    for number, card in enumerate(cards):
        jobs.append(lambda card=card: single(card))
        jobs.append(bulk if number % 3 else lambda card=card: sync(card))
    jobs += [lambda: str(bool(snapshot_take(board=crowd.board, now=timezone.now())))] * 8
    rng.shuffle(jobs)
    answers = Counter(crowd.at_once(jobs, 8))
    assert set(answers) <= {"moved", "stale", "synced", "StaleRevision", "True", "False"}
    assert answers["moved"] > 10
    crowd.check()
    assert state_at(crowd.board.pk)[0] == state_at(crowd.board.pk, use_snapshots=False)[0]
