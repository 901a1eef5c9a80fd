"""The comments on a record, on the record's own page: they are read there, and written (E12)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models import F
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.safestring import SafeString, mark_safe

from .access import Action, may
from .models import Comment, Member, Record, Tenant
from .panels import badges_for
from .services import Origin, record_create

#: the latest ones; all are in the list of comments
SHOWN = 50


def comments_panel(request: HttpRequest, record: Record) -> SafeString | str:
    """Oldest first, each with how its sync stands; three queries for any number."""
    if record.record_type == "comment":
        return ""
    rows: Any = Comment.objects.filter(
        tenant_id=record.tenant_id, on_type=record.record_type, on_id=record.pk, deleted_at__isnull=True
    )
    rows = rows.select_related("author", "created_by")
    latest = list(rows.order_by(F("written_at").desc(nulls_last=True), "-created_at")[: SHOWN + 1])
    badges = badges_for("comment", [row.pk for row in latest])
    context = {
        "record": record,
        "lines": [(row, badges.get(row.pk, ())) for row in reversed(latest[:SHOWN])],
        "has_more": len(latest) > SHOWN,
        "every": f"{reverse('admin:workspace_comment_changelist')}?on_id__exact={record.pk}",
        "add": reverse(f"admin:workspace_{record._meta.model_name}_comment", args=[record.pk]),
        "may_write": record.deleted_at is None and may(request.user, record.tenant, Action.EDIT_RECORDS),
    }
    return mark_safe(render_to_string("workspace/comments.html", context, request))  # noqa: S308 (our own template)


def comment_add(*, tenant: Tenant, record: Record, body: str, origin: Origin, now: datetime) -> Any:
    """A comment on the record by the person of ``origin``. Raises ``InvalidRecord``."""
    user: Any = origin.user
    member = Member.objects.filter(tenant=tenant, user=user, deleted_at__isnull=True).first()
    values = {
        "on_type": record.record_type, "on_id": str(record.pk), "body": body.strip(),
        "author": str(member.pk) if member is not None else None,
        "author_name": user.get_full_name() or user.get_username(), "written_at": now,
    }  # fmt: skip
    return record_create(tenant=tenant, record_type="comment", values=values, origin=origin, now=now)
