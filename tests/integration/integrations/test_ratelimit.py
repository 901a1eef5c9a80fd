"""Rate budgets: the window, the vendor's word, the reserve; alike in Redis and without it (H6)."""

from __future__ import annotations

import os
import random
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest
import redis

from connectors.base.errors import RateLimited
from connectors.base.types import RateBudget
from integrations.ratelimit import LocalStore, RedisStore, SharedGate, Store, budget_key
from integrations.slots import RETRY_SECONDS, WAITS
from workspace.ids import new_id

BUDGET = RateBudget(requests=100, per_seconds=60, reserve=0.1)


class Clock:
    def __init__(self) -> None:
        self.now = 6_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=["local", pytest.param("redis", marks=pytest.mark.redis)])
def store(request: pytest.FixtureRequest) -> Iterator[Store]:
    if request.param == "local":
        yield LocalStore()
        return
    client = redis.Redis.from_url(os.environ["REDIS_URL"], decode_responses=True)
    yield RedisStore(client)
    client.close()


def gate(store: Store, clock: Clock, key: str, *, person: bool = False) -> SharedGate:
    return SharedGate(key, is_priority=person, store=store, clock=clock, sleep=lambda seconds: None)


@pytest.fixture
def key() -> str:
    return f"test:{new_id().hex}"


def taken(one: SharedGate, most: int = 1000) -> int:
    for number in range(most):
        try:
            one.acquire("default", BUDGET)
        except RateLimited:
            return number
    return most


def test_bulk_work_leaves_a_tenth_to_people(store: Store, clock: Clock, key: str) -> None:
    assert taken(gate(store, clock, key)) == 90
    assert taken(gate(store, clock, key, person=True)) == 10


def test_no_sixty_seconds_hold_more_than_the_budget(store: Store, clock: Clock, key: str) -> None:
    one, sent = gate(store, clock, key, person=True), []
    for _ in range(400):
        clock.now += 0.5
        while taken(one, 1):
            sent.append(clock.now)
    assert max(sum(at - 60 < other <= at for other in sent) for at in sent) <= 101
    assert len(sent) >= 250  # and most of what is allowed is used


def test_the_wait_is_long_enough_and_no_longer_than_the_window(store: Store, clock: Clock, key: str) -> None:
    one = gate(store, clock, key)
    taken(one)
    with pytest.raises(RateLimited) as caught:
        one.acquire("default", BUDGET)
    wait = caught.value.retry_after or 0
    assert 0 < wait <= 121
    clock.now += wait + 0.01
    one.acquire("default", BUDGET)


def test_the_vendors_own_numbers_win(store: Store, clock: Clock, key: str) -> None:
    one = gate(store, clock, key, person=True)
    one.observe("default", limit=5000, remaining=2, reset_after=30)
    assert taken(one) == 2
    with pytest.raises(RateLimited) as caught:
        one.acquire("default", BUDGET)
    assert caught.value.retry_after == pytest.approx(30)
    clock.now += 31
    assert taken(one) > 50


def test_a_larger_plan_is_used_where_the_vendor_says_so(store: Store, clock: Clock, key: str) -> None:
    one = gate(store, clock, key, person=True)
    one.observe("default", limit=300, remaining=300, reset_after=60)
    assert taken(one) == 300


def test_a_429_stops_everyone_with_this_credential(store: Store, clock: Clock, key: str) -> None:
    one, other = gate(store, clock, key, person=True), gate(store, clock, key)
    one.acquire("default", BUDGET)
    one.penalise(20)
    with pytest.raises(RateLimited):
        other.acquire("default", BUDGET)
    clock.now += 21
    other.acquire("default", BUDGET)


def test_quota_classes_are_counted_apart(store: Store, clock: Clock, key: str) -> None:
    one = gate(store, clock, key)
    taken(one)
    one.acquire("search", BUDGET)


def test_a_budget_of_one_request_can_be_spent(store: Store, clock: Clock, key: str) -> None:
    gate(store, clock, key).acquire("default", RateBudget(requests=1, per_seconds=60))


def test_what_is_given_back_was_not_spent(store: Store, clock: Clock, key: str) -> None:
    one = gate(store, clock, key, person=True)
    one.acquire("default", BUDGET, cost=60)
    one.give_back("default", BUDGET, cost=60)
    assert taken(one) == 100


# -- at most so many at once -------------------------------------------------------------------------------


def test_no_more_requests_are_under_way_than_may_be(store: Store, clock: Clock, key: str) -> None:
    one, other = gate(store, clock, key), gate(store, clock, key, person=True)
    with ExitStack() as under_way:
        for holder in (one, other, one):
            under_way.enter_context(holder.slot("default", 3, longest=90))
        with pytest.raises(RateLimited) as caught, other.slot("default", 3, longest=90):
            raise AssertionError("a fourth one is under way")
        assert caught.value.retry_after == RETRY_SECONDS
        with other.slot("search", 3, longest=90):
            pass  # another class is another count
    with other.slot("default", 1, longest=90):
        pass


def test_a_full_house_is_waited_out_briefly(store: Store, clock: Clock, key: str) -> None:
    waits: list[float] = []
    first = ExitStack()

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 3:
            first.close()

    first.enter_context(gate(store, clock, key).slot("default", 1, longest=90))
    second = SharedGate(key, is_priority=False, store=store, clock=clock, sleep=sleep)
    with second.slot("default", 1, longest=90):
        assert waits == list(WAITS[:3])


def test_a_slot_is_given_back_when_the_request_fails(store: Store, clock: Clock, key: str) -> None:
    one = gate(store, clock, key)
    for _ in range(3):
        with pytest.raises(ConnectionError), one.slot("default", 1, longest=90):
            raise ConnectionError
    with one.slot("default", 1, longest=90):
        pass


def test_the_slot_of_a_dead_worker_ends_by_itself(store: Store, clock: Clock, key: str) -> None:
    assert store.enter(f"{key}:default:slots", clock.now, "died", 1, clock.now + 90)
    one = gate(store, clock, key)
    clock.now += 89
    with pytest.raises(RateLimited), one.slot("default", 1, longest=90):
        pass
    clock.now += 1
    with one.slot("default", 1, longest=90):
        pass


def test_workers_side_by_side_never_pass_the_limit(store: Store, clock: Clock, key: str) -> None:
    lock, under_way, most, done = threading.Lock(), 0, 0, 0

    def work(number: int) -> None:
        nonlocal under_way, most, done
        one = SharedGate(key, is_priority=False, store=store, clock=clock, sleep=lambda seconds: None)
        for _ in range(50):
            try:
                with one.slot("default", 3, longest=90):
                    with lock:
                        under_way += 1
                        most = max(most, under_way)
                    with lock:
                        under_way -= 1
                        done += 1
            except RateLimited:
                continue

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    assert 1 <= most <= 3 and done > 0
    with ExitStack() as all_free:
        for _ in range(3):
            all_free.enter_context(gate(store, clock, key).slot("default", 3, longest=90))


@pytest.mark.redis
def test_slots_in_redis_and_without_it_are_given_alike(clock: Clock) -> None:
    client = redis.Redis.from_url(os.environ["REDIS_URL"], decode_responses=True)
    local, shared, chance, key = LocalStore(), RedisStore(client), random.Random(11), f"test:{new_id().hex}"
    now = clock.now
    for _ in range(1000):
        now += chance.choice([0, 0.5, 2])
        holder, at_once = f"h{chance.randrange(6)}", chance.choice([1, 2, 4])
        if chance.random() < 0.5:
            until = now + chance.choice([1.0, 5.0])
            assert shared.enter(key, now, holder, at_once, until) == local.enter(
                key, now, holder, at_once, until
            )
        else:
            local.leave(key, holder)
            shared.leave(key, holder)
    client.close()


@pytest.mark.redis
def test_the_script_and_the_fallback_decide_alike(clock: Clock) -> None:
    client = redis.Redis.from_url(os.environ["REDIS_URL"], decode_responses=True)
    local, shared, chance, key = LocalStore(), RedisStore(client), random.Random(7), f"test:{new_id().hex}"
    now = clock.now
    for _ in range(2000):
        now += chance.choice([0, 0.01, 0.4, 3, 70])
        if chance.random() < 0.05:
            seen = (
                float(chance.choice([0, 50, 200])),
                float(chance.randrange(20)),
                chance.choice([1.0, 40.0, 300.0]),
            )
            local.observe(key, now, *seen)
            shared.observe(key, now, *seen)
        if chance.random() < 0.1:
            local.give_back(key, now, 10.0, 2.0)
            shared.give_back(key, now, 10.0, 2.0)
        asked = 20.0, 10.0, float(chance.choice([1, 3])), chance.choice([0.0, 2.0])
        assert shared.take(key, now, *asked) == pytest.approx(local.take(key, now, *asked), abs=1e-6)
    client.close()


def test_the_key_names_no_secret_and_survives_a_token_refresh() -> None:
    one = budget_key("github", "https://x", {"client_id": "abc", "access_token": "old"})
    assert one == budget_key("github", "https://x", {"client_id": "abc", "access_token": "new"})
    assert one != budget_key("github", "https://x", {"client_id": "other"})
    assert "abc" not in one


def test_a_process_keeps_no_more_counters_than_it_has_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LocalStore, "MOST", 3)
    store = LocalStore()
    taken = [store.take(key, 600.0, 1, 60, 1, 0) for key in ("a", "b", "c", "a", "d", "a", "b")]
    assert [wait == 0 for wait in taken] == [
        True,
        True,
        True,
        False,
        True,
        False,
        True,
    ]  # "b" was forgotten for "d"
