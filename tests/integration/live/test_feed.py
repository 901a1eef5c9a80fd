"""A room's events have numbers without holes; polling and the socket tell the same."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Callable, Coroutine
from datetime import timedelta
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from asgiref.testing import ApplicationCommunicator
from django.contrib.auth.models import AnonymousUser, User
from django.db import connection, connections, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from live.consumer import LiveConsumer
from live.feed import (
    events_after,
    events_expire,
    publish,
    sync_room,
)
from live.gathering import gathered, let_go, publish_many
from live.models import LiveEvent, LiveRoom
from workspace.models import Membership, Role, Tenant

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def tenant() -> Tenant:
    return Tenant.objects.create(name="Harbour", slug="harbour")


@pytest.fixture
def vera(tenant: Tenant) -> User:
    user = User.objects.create_user("vera", is_staff=True)
    Membership.objects.create(user=user, tenant=tenant, role=Role.VIEWER)
    return user


@pytest.fixture
def room(tenant: Tenant) -> str:
    return sync_room(tenant.pk)


def tell(room: str, *numbers: int) -> None:
    for number in numbers:
        publish(room, "n", {"n": number})


def numbers(events: list[dict[str, Any]]) -> list[int]:
    return [event["payload"]["n"] for event in events]


def many(room: str, *ids: str, count: int = 0, what: str = "card") -> None:
    publish_many(room, "many", {"type": what}, count=count or len(ids), ids=list(ids))


def payloads(room: str) -> list[dict[str, Any]]:
    return [event["payload"] for event in events_after(room, 0)["events"]]


# ---------------------------------------------------------------- feed and polling


def test_many_pages_of_a_run_are_told_at_once_and_the_first_without_waiting(room: str) -> None:
    with gathered():
        many(room, "a")
        assert payloads(room) == [{"type": "card", "count": 1, "ids": ["a"]}]
        many(room, "b", "c")
        many(room, "d")
        many(room, "m", what="member")
        assert len(payloads(room)) == 1
    assert payloads(room)[1:] == [
        {"type": "card", "count": 3, "ids": ["b", "c", "d"]}, {"type": "member", "count": 1, "ids": ["m"]},
    ]  # fmt: skip


def test_gathered_events_drop_no_id_that_was_named_alone(room: str) -> None:
    with gathered():
        let_go()
        many(room, *(f"a{n}" for n in range(100)), count=500)
        many(room, *(f"b{n}" for n in range(100)), count=500)
        many(room, "c")
    first, second = payloads(room)
    assert (first["count"], len(first["ids"])) == (1000, 100)
    assert second == {"type": "card", "count": 1, "ids": ["c"]}


def test_what_is_gathered_is_told_before_a_wait_and_when_the_run_fails(room: str) -> None:
    def run() -> None:
        with gathered():
            let_go()
            many(room, "a")
            let_go()
            assert len(payloads(room)) == 1
            many(room, "b")
            with transaction.atomic():
                many(room, "c")
                raise RuntimeError

    with pytest.raises(RuntimeError):
        run()
    assert [payload["ids"] for payload in payloads(room)] == [["a"], ["b"]]


def test_what_is_rolled_back_is_not_told(room: str) -> None:
    def fail() -> None:
        with transaction.atomic():
            tell(room, 1)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    tell(room, 2)
    assert [(event["seq"], event["payload"]) for event in events_after(room, 0)["events"]] == [(1, {"n": 2})]


def test_expired_events_leave_a_gap_that_is_told(room: str) -> None:
    tell(room, 1, 2, 3)
    LiveEvent.objects.filter(seq__lte=2).update(created_at=timezone.now() - timedelta(days=8))
    assert events_expire(timezone.now() - timedelta(days=7), batch=1) == 2
    assert events_after(room, 0)["gap"] is True
    assert numbers(events_after(room, 0)["events"]) == [3]
    assert events_after(room, 2)["gap"] is False
    assert events_after(room, 3) == {"events": [], "last_seq": 3, "gap": False}
    assert events_after(room, 9)["gap"] is True, "the numbers have begun anew"
    tell(room, 4)
    assert LiveEvent.objects.latest("id").seq == 4


def test_polling_tells_the_same_as_the_feed(client: Client, vera: User, room: str) -> None:
    tell(room, 1, 2)
    client.force_login(vera)
    start = client.get("/admin/hub/events", {"room": room}).json()
    assert start == {"events": [], "last_seq": 2, "gap": False}
    assert client.get("/admin/hub/events", {"room": room, "after": "1"}).json() == events_after(room, 1)


def test_polling_is_for_members_who_ask_properly(client: Client, vera: User, room: str) -> None:
    assert client.get("/admin/hub/events", {"room": room}).status_code == 401
    client.force_login(vera)
    other = Tenant.objects.create(name="Hill", slug="hill")
    assert client.get("/admin/hub/events", {"room": sync_room(other.pk)}).status_code == 404
    assert client.get("/admin/hub/events").status_code == 404
    assert client.get("/admin/hub/events", {"room": room, "after": "x"}).status_code == 400
    assert client.post("/admin/hub/events", {"room": room}).status_code == 405


# ---------------------------------------------------------------- the socket


class Socket:
    """A client on the consumer; the heartbeat is long, so that only tests that want it see it.

    (``channels.testing`` has a communicator too, but cannot be imported without daphne.)
    """

    def __init__(self, user: Any, heartbeat: float = 60) -> None:
        consumer = type("Consumer", (LiveConsumer,), {"heartbeat_seconds": heartbeat})
        scope = {"type": "websocket", "path": "/ws/live", "headers": [], "subprotocols": [], "user": user}
        self.wire = ApplicationCommunicator(consumer.as_asgi(), scope)

    async def connect(self) -> None:
        await self.wire.send_input({"type": "websocket.connect"})
        assert (await self.wire.receive_output(timeout=5))["type"] == "websocket.accept"

    async def __aenter__(self) -> Socket:
        await self.connect()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.wire.send_input({"type": "websocket.disconnect", "code": 1000})
        await self.wire.wait(timeout=5)

    async def send_text(self, text: str) -> None:
        await self.wire.send_input({"type": "websocket.receive", "text": text})

    async def ask(self, **message: Any) -> dict[str, Any]:
        await self.send_text(json.dumps(message))
        return await self.receive()

    async def receive(self) -> dict[str, Any]:
        message = await self.wire.receive_output(timeout=5)
        assert message["type"] == "websocket.send", message
        found: dict[str, Any] = json.loads(message["text"])
        return found

    async def numbers(self, count: int) -> list[int]:
        return numbers([await self.receive() for _ in range(count)])

    async def hears_nothing(self) -> bool:
        return bool(await self.wire.receive_nothing(0.05))

    async def closed_with(self) -> int:
        while True:
            message = await self.wire.receive_output(timeout=5)
            if message["type"] == "websocket.close":
                return int(message["code"])


tell_later = sync_to_async(tell)


def run(scene: Callable[[], Coroutine[Any, Any, None]]) -> None:
    async def play() -> None:
        try:
            await asyncio.wait_for(scene(), 30)
        finally:
            await sync_to_async(connections.close_all)()  # those of the thread that queries for the loop

    asyncio.run(play())


def test_a_client_gets_what_it_missed_and_then_what_happens(vera: User, room: str) -> None:
    tell(room, 1, 2, 3)

    async def scene() -> None:
        async with Socket(vera) as socket:
            assert await socket.ask(subscribe=room, after=1) == {
                "subscribed": room,
                "last_seq": 1,
                "gap": False,
            }
            assert await socket.numbers(2) == [2, 3]
            await tell_later(room, 4, 5)
            assert await socket.numbers(2) == [4, 5]
            assert await socket.hears_nothing()

    run(scene)


def test_a_client_without_a_number_starts_now(vera: User, room: str) -> None:
    tell(room, 1, 2)

    async def scene() -> None:
        async with Socket(vera) as socket:
            assert (await socket.ask(subscribe=room))["last_seq"] == 2
            await tell_later(room, 3)
            assert await socket.numbers(1) == [3]

    run(scene)


def test_more_than_a_page_of_missed_events_arrives_whole(vera: User, room: str) -> None:
    LiveRoom.objects.create(name=room, last_seq=450)
    LiveEvent.objects.bulk_create(
        LiveEvent(room=room, seq=seq, type="n", payload={"n": seq}, created_at=timezone.now())
        for seq in range(1, 451)
    )

    async def scene() -> None:
        async with Socket(vera) as socket:
            await socket.ask(subscribe=room, after=0)
            assert await socket.numbers(450) == list(range(1, 451))

    run(scene)


def test_events_that_arrive_late_twice_or_never_are_sent_once_and_in_order(vera: User, room: str) -> None:
    async def scene() -> None:
        async with Socket(vera) as socket:
            await socket.ask(subscribe=room, after=0)
            await sync_to_async(LiveRoom.objects.create)(name=room, last_seq=3)
            events = [
                LiveEvent(room=room, seq=seq, type="n", payload={"n": seq}, created_at=timezone.now())
                for seq in (1, 2, 3)
            ]
            await sync_to_async(LiveEvent.objects.bulk_create)(events)
            for seq in (2, 1, 1, 3):  # the layer's order; the first makes the consumer ask the feed
                event = {"room": room, "seq": seq, "type": "n", "payload": {"n": seq}}
                await socket.wire.send_input({"type": "live.event", "event": event})
            assert await socket.numbers(3) == [1, 2, 3]
            assert await socket.hears_nothing()

    run(scene)


def test_the_heartbeat_brings_what_the_channel_layer_dropped(vera: User, room: str) -> None:
    async def scene() -> None:
        async with Socket(vera, heartbeat=0.05) as socket:
            await socket.ask(subscribe=room, after=0)
            await sync_to_async(LiveRoom.objects.create)(name=room, last_seq=1)
            await sync_to_async(LiveEvent.objects.create)(
                room=room, seq=1, type="n", payload={"n": 1}, created_at=timezone.now()
            )
            while (message := await socket.receive()) == {"heartbeat": True}:
                pass
            assert message["payload"] == {"n": 1}
            assert await socket.receive() == {"heartbeat": True}

    run(scene)


def test_other_tenants_rooms_are_not_there(vera: User) -> None:
    other = sync_room(Tenant.objects.create(name="Hill", slug="hill").pk)
    tell(other, 1)

    async def scene() -> None:
        async with Socket(vera) as socket:
            assert (await socket.ask(subscribe=other, after=0))["error"] == "no_such_room"
            await tell_later(other, 2)
            assert await socket.hears_nothing()

    run(scene)


def test_a_membership_that_ends_closes_the_socket(vera: User, room: str) -> None:
    async def scene() -> None:
        async with Socket(vera, heartbeat=0.05) as socket:
            await socket.ask(subscribe=room, after=0)
            await sync_to_async(Membership.objects.all().delete)()
            assert await socket.closed_with() == 4403

    run(scene)


def test_a_stranger_is_turned_away() -> None:
    async def scene() -> None:
        async with Socket(AnonymousUser()) as socket:
            assert await socket.closed_with() == 4401

    run(scene)


@pytest.mark.parametrize(
    "text",
    ["", "no json", "[]", '"x"', '{"subscribe": 3}', "x" * 3000, '{"subscribe": "ROOM", "after": -1}',
     '{"subscribe": "ROOM", "after": "1"}', '{"subscribe": "ROOM", "after": true}'],
)  # fmt: skip
def test_a_bad_message_is_answered_and_the_socket_stays(vera: User, room: str, text: str) -> None:
    async def scene() -> None:
        async with Socket(vera) as socket:
            await socket.send_text(text.replace("ROOM", room))
            assert (await socket.receive())["error"] == "bad_message"
            assert (await socket.ask(subscribe=room))["subscribed"] == room

    run(scene)


def test_a_connection_has_a_bounded_number_of_rooms(vera: User, tenant: Tenant) -> None:
    async def scene() -> None:
        async with Socket(vera) as socket:
            for number in range(20):
                assert "subscribed" in await socket.ask(subscribe=f"tenant:{tenant.pk}:r{number}")
            assert (await socket.ask(subscribe=f"tenant:{tenant.pk}:more"))["error"] == "too_many_rooms"

    run(scene)


def test_the_events_of_a_transaction_are_written_together_and_those_taken_back_are_not() -> None:
    with CaptureQueriesContext(connection) as asked, transaction.atomic():
        publish("room:b", "one", {"n": 1})
        with contextlib.suppress(ZeroDivisionError), transaction.atomic():
            publish("room:b", "never", {})
            raise ZeroDivisionError
        with transaction.atomic():
            publish("room:a", "within", {"n": 2})
        publish("room:b", "two", {"n": 3})
        publish("room:a", "three", {"n": 4})
    found = LiveEvent.objects.order_by("room", "seq").values_list("room", "seq", "type")
    assert list(found) == [
        ("room:a", 1, "three"), ("room:a", 2, "within"), ("room:b", 1, "one"), ("room:b", 2, "two"),
    ]  # fmt: skip
    # numbers and events of the whole transaction, then of the savepoint that was kept
    assert sum("INSERT" in query["sql"] for query in asked) == 4
