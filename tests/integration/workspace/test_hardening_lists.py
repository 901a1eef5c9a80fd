"""What an address may ask of the admin's lists."""

from __future__ import annotations

import time

import pytest
from django.contrib.auth.models import User
from django.test import Client

from tests.integration.hub_fixtures import *  # noqa: F403
from workspace.models import OriginKind, Tenant
from workspace.services import Origin, record_create


def viewer(user: User) -> Client:
    client = Client(raise_request_exception=False)
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def test_a_viewer_makes_the_server_match_no_pattern(tenant: Tenant, alice: User, vera: User, now) -> None:  # type: ignore[no-untyped-def]
    origin = Origin(kind=OriginKind.USER, user=alice)
    record_create(tenant=tenant, record_type="task", values={"title": "a" * 22 + "!"}, origin=origin, now=now)
    started = time.perf_counter()
    status = viewer(vera).get("/admin/workspace/task/", {"title__regex": "^(a+)+$"}).status_code
    assert (status, time.perf_counter() - started < 1.0) == (400, True)


@pytest.mark.parametrize("page", ["workspace/task/?title__iregex=(", "workspace/change/?note__regex=["])
def test_a_broken_pattern_is_refused_too(tenant: Tenant, vera: User, page: str) -> None:
    assert viewer(vera).get(f"/admin/{page}").status_code == 400


@pytest.mark.parametrize("model", ["integration", "mapping", "syncjob", "synclog"])
@pytest.mark.parametrize("key", ["x", "00000000-0000-0000-0000-000000000000", "%00", "9" * 30])
def test_what_is_not_there_is_a_404(tenant: Tenant, vera: User, model: str, key: str) -> None:
    assert viewer(vera).get(f"/admin/integrations/{model}/{key}/change/").status_code == 404
