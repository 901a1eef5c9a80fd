"""Numbers and times that no form of ours sends do not break a page."""

from __future__ import annotations

import pytest
from django.urls import reverse

from boards.services.opening import boards_ensure
from tests.integration.pages.world import World

NUMBERS = ["²", "٣", "9" * 5000]


@pytest.mark.parametrize("number", NUMBERS)
def test_a_number_of_other_digits_is_none(world: World, number: str) -> None:
    integration, client = world.integration(), world.client()
    pk = integration.pk
    fields = reverse("hub:field_map", args=[pk, "card"])
    board, task = boards_ensure(world.tenant)[0], world.task()
    conflict = world.task()
    for status in (
        client.get(fields, {"version": number}).status_code,
        client.post(fields, {"based_on": number}).status_code,
        client.post(reverse("hub:settings_save", args=[pk, "what"]), {"version": number}).status_code,
        client.post(reverse("desk:bulk"), {"pick": f"{conflict.pk}:{number}", "choice": "local"}).status_code,
        client.post(reverse("boards:settings", args=[board.pk]), {"version": number, "number-todo": number, "on-todo": "on"}).status_code,
        client.post(reverse("boards:move", args=[board.pk, task.pk]), {"revision": number, "to": "todo"}).status_code,
    ):  # fmt: skip
        assert status < 500


@pytest.mark.parametrize("time", ["0001-01-01T00:00:00+23:00", "9999-12-31T23:59:59-23:59"])
def test_a_time_off_the_calendar_is_no_filter(world: World, time: str) -> None:
    world.log(world.integration())
    for name in ("since", "until"):
        assert world.client().get(reverse("hub:logs"), {name: time}).status_code == 200
    board = boards_ensure(world.tenant)[0]
    assert world.client().get(reverse("boards:board", args=[board.pk]), {"at": time}).status_code == 200
