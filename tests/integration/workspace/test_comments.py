"""Comments where people work: on the record's own page."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from tests.integration.hub_fixtures import *  # noqa: F403
from workspace.models import Comment, Membership, OriginKind, Task, Tenant
from workspace.services import Origin, record_create


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def page(task: Task) -> str:
    return reverse("admin:workspace_task_change", args=[task.pk])


def said(html: str) -> str:
    panel = html[html.index('id="comments"') :]
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", panel[: panel.index("</section>")]))


def test_a_comment_is_written_and_read_on_the_records_page(
    tenant: Tenant, olga: User, vera: User, task: Task, now: Any
) -> None:
    client = signed_in(olga)
    assert "Nobody has commented yet" in said(client.get(page(task)).content.decode())
    answer = client.post(
        f"{page(task).removesuffix('change/')}comment/", {"body": "  Mind the <step>.\n\nThanks! "}
    )
    assert answer["Location"] == page(task) + "#comments"
    made = Comment.objects.get()
    assert (made.on_type, made.on_id, made.body, made.author_name) == (
        "task", task.pk, "Mind the <step>.\n\nThanks!", "olga",
    )  # fmt: skip
    html = signed_in(vera).get(page(task)).content.decode()
    assert "olga" in said(html) and "Mind the &lt;step&gt;." in html and "<step>" not in html
    assert "New comment" not in said(html)  # who only reads does not write


def test_what_cannot_be_written_is_said(
    tenant: Tenant, olga: User, vera: User, carol: User, task: Task
) -> None:
    address = f"{page(task).removesuffix('change/')}comment/"
    html = signed_in(olga).post(address, {"body": "   "}, follow=True).content.decode()
    assert "The comment was not saved." in html
    assert signed_in(vera).post(address, {"body": "x"}).status_code == 403
    assert signed_in(carol).post(address, {"body": "x"}).status_code in (302, 404)  # another tenant's record
    assert Comment.objects.count() == 0


def test_the_latest_fifty_in_order_with_few_queries(
    tenant: Tenant, olga: User, task: Task, now: Any, django_assert_max_num_queries: Any
) -> None:
    for number in range(53):
        values = {
            "on_type": "task", "on_id": str(task.pk), "body": f"note {number:02}", "author_name": "Bo",
            "written_at": now + timedelta(minutes=number),
        }  # fmt: skip
        record_create(
            tenant=tenant, record_type="comment", values=values, origin=Origin(OriginKind.SYNC), now=now
        )
    client = signed_in(olga)
    client.get(page(task))
    with django_assert_max_num_queries(40):
        html = client.get(page(task)).content.decode()
    notes = re.findall(r"note (\d\d)", said(html))
    assert notes == [f"{number:02}" for number in range(3, 53)]
    every = re.search(r'href="([^"]+)">All comments on this record', html)
    assert every is not None and client.get(every[1]).status_code == 200
    assert Membership.objects.filter(user=olga).exists()
