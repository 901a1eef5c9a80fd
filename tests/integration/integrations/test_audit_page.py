"""The audit log of a tenant: who may read it, what is in it, and that it is nobody else's."""

from __future__ import annotations

import re
from typing import Any

from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from rest_framework.test import APIClient

from boards.services.opening import board_open
from integrations.models import Integration, SyncLog
from integrations.services.control import integration_pause
from integrations.services.logs import log_write
from workspace.models import Membership, Role, Tenant

AUDIT = "/admin/hub/audit/"


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def said(client: Client, **query: str) -> str:
    html = client.get(AUDIT, query).content.decode()
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html))


def test_managers_and_auditors_read_it_and_the_sidebar_says_so(
    tenant: Tenant, alice: User, otto: User, olga: User, vera: User
) -> None:
    for user in (alice, otto):
        html = signed_in(user).get(AUDIT).content.decode()
        assert f'href="{AUDIT}"' in html
        assert "periodictask" not in html  # schedules span tenants
    for user in (olga, vera):
        assert signed_in(user).get(AUDIT).status_code == 403
        assert f'href="{AUDIT}"' not in signed_in(user).get(reverse("hub:dashboard")).content.decode()


def test_acts_of_the_tenant_newest_first_and_nobody_elses(
    tenant: Tenant, alice: User, carol: User, integration: Integration, carols: Integration
) -> None:
    integration_pause(integration=integration, user=alice, reason="while we move")
    integration_pause(integration=carols, user=carol, reason="secret of the others")
    text = said(signed_in(alice))
    assert re.search(r"alice integration\.status .{0,60}Status: ACTIVE → PAUSED while we move", text)
    assert "secret of the others" not in text
    assert "secret of the others" in said(signed_in(carol))
    assert "Nothing matches" in said(signed_in(alice), act="token")
    assert "while we move" in said(signed_in(alice), act="integration", by="alice", q="while we", since="1h")
    assert "while we move" not in said(signed_in(alice), by="olga")


def test_a_role_a_board_and_the_tenant_itself_leave_entries(
    tenant: Tenant, alice: User, vera: User, as_user: Any
) -> None:
    client = signed_in(alice)
    member = Membership.objects.get(user=vera)
    client.post(
        reverse("admin:workspace_membership_change", args=[member.pk]),
        {"role": Role.OPERATOR},
    )
    assert Membership.objects.get(user=vera).role == Role.OPERATOR
    board = board_open(tenant, "task")
    config = board.config | {"limit_by": "estimate"}
    api: APIClient = as_user(alice)
    assert api.put("/api/v1/kanban/config/task", {"version": 1, "config": config}).status_code == 200
    text = said(client)
    assert re.search(r"alice membership\.changed vera in Harbour .{0,60}Role: viewer → operator", text)
    assert re.search(r"alice board\.configured Tasks .{0,80}Config version: 1 → 2 limit_by", text)


def test_reading_it_out_as_csv_is_an_act_too(
    tenant: Tenant, otto: User, integration: Integration, alice: User
) -> None:
    integration_pause(integration=integration, user=alice, reason="=SUM(A1)")
    answer = signed_in(otto).get("/admin/hub/audit.csv", {"act": "integration"})
    lines = b"".join(answer.streaming_content).decode().splitlines()  # type: ignore[attr-defined]
    assert lines[0].startswith("Time (UTC),By,Act,On")
    assert any("integration.status" in line and "'=SUM(A1)" in line for line in lines[1:])
    assert "audit.exported" in said(signed_in(otto))


def test_the_sync_log_is_exported_under_its_filters(
    tenant: Tenant, vera: User, integration: Integration, carols: Integration
) -> None:
    log_write(
        integration=integration,
        operation="update",
        message="=cmd",
        field_changes={"local": {"title": {"to": "x"}}},
    )
    log_write(integration=integration, operation="update", status="failed", message="refused")
    log_write(integration=carols, operation="update", message="not yours")
    answer = signed_in(vera).get("/admin/hub/logs.csv", {"operation": "update"})
    text = b"".join(answer.streaming_content).decode()  # type: ignore[attr-defined]
    assert text.splitlines()[0].startswith("No.,Time (UTC),Integration,Outcome")
    assert "'=cmd" in text and "refused" in text and "not yours" not in text
    failed = signed_in(vera).get("/admin/hub/logs.csv", {"status": "failed", "operation": "update"})
    assert len(b"".join(failed.streaming_content).decode().splitlines()) == 2  # type: ignore[attr-defined]


def test_a_log_is_cleared_only_by_its_integrations_name(
    tenant: Tenant, alice: User, olga: User, integration: Integration
) -> None:
    for message in ("one", "two"):
        log_write(integration=integration, operation="update", message=message)
    mine = SyncLog.objects.filter(integration=integration, message__in=("one", "two"))
    address = f"/admin/hub/integrations/{integration.pk}/logs/clear"
    assert signed_in(olga).post(address, {"typed_name": integration.name}).status_code == 403
    signed_in(alice).post(address, {"typed_name": "something else"})
    assert mine.count() == 2
    signed_in(alice).post(address, {"typed_name": integration.name})
    assert mine.count() == 0
    assert "log rows deleted" in said(signed_in(alice), act="logs")
