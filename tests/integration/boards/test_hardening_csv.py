"""Names of columns are people's words, too: a spreadsheet takes none of them for a formula (M7)."""

from __future__ import annotations

from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from boards.core.layout import plain
from boards.defaults import layout_of
from boards.services.opening import board_open
from tests.integration.hub_fixtures import *  # noqa: F403
from workspace.models import Tenant


def test_a_stage_named_like_a_formula_is_neutralised_in_the_head(tenant: Tenant, alice: User) -> None:
    board = board_open(tenant, "task")
    config = plain(layout_of("task", board.config))
    config["stages"][0]["name"] = "=1+1"
    board.config = config
    board.save()
    client = Client()
    client.force_login(alice, backend="django.contrib.auth.backends.ModelBackend")
    answer = client.get(reverse("boards:metrics_csv", args=[board.pk, "flow"]))
    head = b"".join(answer.streaming_content).decode().splitlines()[0]  # type: ignore[attr-defined]
    assert "'=1+1" in head
