"""What nobody sends by mistake is refused by the API, never a 500."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import pytest
from django.contrib.auth.models import User
from django.test import Client
from rest_framework.test import APIClient

from integrations.models import Integration
from workspace.models import Task

AsUser = Callable[[User], APIClient]
V1 = "/api/v1"
LISTS = ["integrations", "mappings", "jobs", "logs", "webhooks/deliveries", "conflicts", "records/task"]
EARLY, LATE = "0001-01-01T00:00:00+23:00", "9999-12-31T23:59:59-23:59"


@pytest.mark.parametrize("page", LISTS)
@pytest.mark.parametrize("position", ["abc", "", "\x00", "2025-13-45"])
def test_a_made_up_cursor_is_a_404(alice: User, as_user: AsUser, page: str, position: str) -> None:
    cursor = base64.b64encode(urlencode({"p": position}).encode()).decode()
    assert as_user(alice).get(f"{V1}/{page}", {"cursor": cursor}).status_code == 404


@pytest.mark.parametrize("page", LISTS)
@pytest.mark.parametrize("limit", ["²", "٣", "9" * 5000])
def test_a_limit_of_other_digits_is_a_400(alice: User, as_user: AsUser, page: str, limit: str) -> None:
    assert as_user(alice).get(f"{V1}/{page}", {"limit": limit}).status_code == 400


@pytest.mark.parametrize(
    ("page", "name"),
    [
        ("logs", "since"), ("logs", "until"), ("webhooks/deliveries", "since"), ("conflicts", "until"),
        ("records/task", "updated_since"), ("kanban/state/task", "at"), ("kanban/metrics/task", "until"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("time", [EARLY, LATE, "0001-01-02T00:00:00Z"])
def test_a_time_off_the_calendar_is_a_400(
    alice: User, as_user: AsUser, page: str, name: str, time: str
) -> None:
    assert as_user(alice).get(f"{V1}/{page}", {name: time}).status_code == 400


@pytest.mark.parametrize("revision", ["²", "9" * 5000])
def test_a_revision_of_other_digits_is_a_400(alice: User, as_user: AsUser, task: Task, revision: str) -> None:
    url = f"{V1}/records/task/{task.pk}"
    assert as_user(alice).patch(url, {"values": {}}, HTTP_IF_MATCH=revision).status_code == 400
    assert as_user(alice).delete(url, HTTP_IF_MATCH=revision).status_code == 400


BODIES = ["[" * 900 + "]" * 900, '{"a":' * 900 + "1" + "}" * 900, '{"name": 1e400}', '{"name": NaN}', '{"name": ' + "1" * 5000 + "}", '{"type": "\\ud800", "name": "x"}']  # fmt: skip


@pytest.mark.parametrize("body", BODIES)
def test_json_that_cannot_be_kept_is_a_400(alice: User, as_user: AsUser, body: str) -> None:
    client = as_user(alice)
    assert client.post(f"{V1}/integrations", body, content_type="application/json").status_code == 400
    assert Client().post(f"{V1}/tokens", body, content_type="application/json").status_code == 400


@pytest.mark.parametrize("value", ["x", "²", 2**63, str(2**80)])
def test_a_user_who_cannot_be_is_a_field_error(alice: User, as_user: AsUser, value: Any) -> None:
    made = as_user(alice).post(f"{V1}/records/member", {"values": {"name": "A", "user": value}})
    assert made.status_code == 400


@pytest.mark.parametrize("rows", [None, True, 3])
def test_an_import_of_another_shape_is_a_400(
    alice: User, as_user: AsUser, integration: Integration, rows: Any
) -> None:
    client = as_user(alice)
    body = client.get(f"{V1}/integrations/{integration.pk}/export").json() | {"status_maps": rows}
    assert client.post(f"{V1}/integrations/import", {"name": "Copy", "body": body}).status_code == 400


@pytest.mark.parametrize("value", [True, 3, {}, []])
def test_a_preview_says_of_each_sample_what_is_wrong(
    vera: User, as_user: AsUser, integration: Integration, value: Any
) -> None:
    asked = {"links": [{"local": "title", "external": "title"}], "local_samples": [{"title": value}]}
    url = f"{V1}/integrations/{integration.pk}/field-maps/issue/preview"
    assert as_user(vera).post(url, asked).status_code == 200


@pytest.mark.parametrize("path", ["/api/docs/", f"{V1}/tokens", f"{V1}/records/task/%s", f"{V1}/kanban/config/task", f"{V1}/jobs/dead-letters/requeue"])  # fmt: skip
def test_options_is_answered(alice: User, as_user: AsUser, task: Task, path: str) -> None:
    client = as_user(alice)
    client.raise_request_exception = False
    assert client.options(path.replace("%s", str(task.pk))).status_code in (200, 405)
