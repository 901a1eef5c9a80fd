"""The admin shows one tenant's records, writes through the services, and says who was faster."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from workspace import panels
from workspace.models import RECORD_TYPES, Change, Label, Member, Membership, Record, Role, Task, Tenant
from workspace.panels import Badge, RecordAction
from workspace.services import Origin, record_create, record_delete, record_update

from .conftest import NOW, person

pytestmark = pytest.mark.django_db


def make(tenant: Tenant, origin: Origin, record_type: str = "task", **values: Any) -> Any:
    title = RECORD_TYPES[record_type].title_field
    return record_create(
        tenant=tenant,
        record_type=record_type,
        values={title: "Fix the door", **values},
        origin=origin,
        now=NOW,
    )


def page(name: str, *args: Any, model: str = "task") -> str:
    return reverse(f"admin:workspace_{model}_{name}", args=args)


@pytest.fixture
def as_alice(client: Client, alice: User) -> Client:
    client.force_login(alice)
    return client


def form_of(client: Client, record: Record, **changes: Any) -> dict[str, Any]:
    """What a browser would send after opening the record's page and changing some fields."""
    form = (
        client.get(page("change", record.pk, model=record._meta.model_name or "")).context["adminform"].form
    )
    sent: dict[str, Any] = {}
    for bound in form:
        value = bound.value()
        if value is None or value is False:
            continue
        if hasattr(bound.field.widget, "decompress"):
            parts = bound.field.widget.decompress(value)
            sent |= {f"{bound.html_name}_{n}": str(part) for n, part in enumerate(parts) if part is not None}
        else:
            sent[bound.html_name] = value
    return sent | changes


# ---------------------------------------------------------------- every type


@pytest.mark.parametrize("record_type", sorted(RECORD_TYPES))
def test_every_type_is_listed_found_added_changed_and_deleted(
    as_alice: Client, tenant: Tenant, origin: Origin, record_type: str
) -> None:
    model = RECORD_TYPES[record_type]
    name = str(model._meta.model_name)
    assert as_alice.get(page("add", model=name)).status_code == 200
    title = model.title_field
    added = as_alice.post(page("add", model=name), {title: "Fresh", "kind": "version", **_choices(model)})
    assert added.status_code == 302, added.context["adminform"].form.errors
    record = model._default_manager.get()
    assert (getattr(record, title), record.tenant, record.revision) == ("Fresh", tenant, 1)
    assert as_alice.get(page("changelist", model=name), {"q": "Fresh"}).context["cl"].result_count == 1
    changed = as_alice.post(
        page("change", record.pk, model=name), form_of(as_alice, record, **{title: "Newer"})
    )
    assert changed.status_code == 302, changed.context["adminform"].form.errors
    record.refresh_from_db()
    assert (getattr(record, title), record.revision) == ("Newer", 2)
    assert Change.objects.filter(record_id=record.pk).latest("id").changes == {
        title: {"from": "Fresh", "to": "Newer"}
    }
    assert as_alice.get(page("history", record.pk, model=name)).status_code == 200
    assert as_alice.get(page("delete", record.pk, model=name)).status_code == 200
    as_alice.post(page("delete", record.pk, model=name), {"post": "yes"})
    record.refresh_from_db()
    assert record.deleted_at is not None
    assert as_alice.get(page("changelist", model=name)).context["cl"].result_count == 0
    assert as_alice.get(page("changelist", model=name), {"deleted": "yes"}).context["cl"].result_count == 1
    assert as_alice.get(page("change", record.pk, model=name)).status_code == 200


def _choices(model: Any) -> dict[str, str]:
    return {
        field.name: str(field.get_default())
        for field in model._meta.concrete_fields
        if field.choices and field.has_default() and field.name != "kind"
    }


def test_lists_do_not_query_per_row(
    as_alice: Client, tenant: Tenant, origin: Origin, django_assert_max_num_queries: Any
) -> None:
    project = make(tenant, origin, "project")
    for _ in range(30):
        make(tenant, origin, project=project)
    with django_assert_max_num_queries(12):
        answer = as_alice.get(page("changelist"))
    assert len(answer.context["cl"].result_list) == 30


# ---------------------------------------------------------------- tenants and roles


def test_another_tenants_records_are_nowhere(
    as_alice: Client, tenant: Tenant, other_tenant: Tenant, system: Origin
) -> None:
    foreign = make(other_tenant, system, title="Foreign task")
    project = make(other_tenant, system, "project", name="Foreign project")
    member = make(other_tenant, system, "member", name="Foreign member")
    make(tenant, system, title="Own")
    for name in ("change", "delete", "history", "badges"):
        assert as_alice.get(page(name, foreign.pk)).status_code == 404, name
    for name in ("restore", "revert", "act", "delete", "change"):
        assert as_alice.post(page(name, foreign.pk), {"post": "yes", "title": "Mine"}).status_code == 404, (
            name
        )
    assert as_alice.get(page("change", uuid4())).status_code == 404
    listed = as_alice.get(page("changelist"))
    assert "Foreign" not in listed.content.decode()
    assert [str(one) for one in listed.context["cl"].result_list] == ["Own"]
    found = as_alice.get(
        reverse("admin:autocomplete"),
        {"app_label": "workspace", "model_name": "task", "field_name": "project", "term": "Foreign"},
    )
    assert found.json()["results"] == []
    data = {"title": "T", "stage": "todo", "priority": "none"}
    refused = as_alice.post(page("add"), {**data, "project": str(project.pk)})
    assert "project" in refused.context["adminform"].form.errors
    refused = as_alice.post(page("add"), {**data, "assignees": [str(member.pk)]})
    assert "there is no member" in str(refused.context["adminform"].form.errors["assignees"])
    assert "Foreign" not in refused.content.decode()
    foreign.refresh_from_db()
    assert (foreign.title, foreign.revision, foreign.deleted_at) == ("Foreign task", 1, None)
    assert Task.objects.filter(tenant=tenant).count() == 1


def test_bulk_deletes_reach_own_records_only(as_alice: Client, other_tenant: Tenant, system: Origin) -> None:
    foreign = make(other_tenant, system)
    data = {"action": "delete_selected", "_selected_action": [str(foreign.pk)], "post": "yes"}
    as_alice.post(page("changelist"), data)
    foreign.refresh_from_db()
    assert foreign.deleted_at is None


@pytest.mark.parametrize(
    ("role", "may_edit"),
    [
        (Role.VIEWER, False),
        (Role.AUDITOR, False),
        (Role.OPERATOR, True),
        (Role.REVIEWER, True),
        (Role.MANAGER, True),
    ],
)
def test_viewers_and_auditors_read_the_others_edit(
    client: Client, tenant: Tenant, system: Origin, role: Role, may_edit: bool
) -> None:
    client.force_login(person("pat", tenant, role))
    task = make(tenant, system)
    assert client.get(page("changelist")).status_code == 200
    assert client.get(page("change", task.pk)).status_code == 200
    assert client.get(page("history", task.pk)).status_code == 200
    assert client.get(page("add")).status_code == (200 if may_edit else 403)
    data = {"title": "Edited", "stage": "todo", "priority": "none", "expected_revision": "1"}
    assert client.post(page("change", task.pk), data).status_code == (302 if may_edit else 403)
    assert client.post(page("delete", task.pk), {"post": "yes"}).status_code == (302 if may_edit else 403)
    task.refresh_from_db()
    assert (task.title == "Edited", task.deleted_at is not None) == (may_edit, may_edit)


def test_whoever_belongs_to_no_tenant_sees_no_records(client: Client, tenant: Tenant, system: Origin) -> None:
    make(tenant, system)
    client.force_login(User.objects.create_user("nobody", is_staff=True))
    assert client.get(page("changelist")).status_code == 403
    assert "You are in no workspace yet" in client.get("/admin/", follow=True).content.decode()


# ---------------------------------------------------------------- saving


def test_a_stale_save_says_who_when_and_keeps_only_the_persons_own_edits(
    as_alice: Client, tenant: Tenant, origin: Origin, vera: User
) -> None:
    task = make(tenant, origin, description="Old text", rank="a")
    sent = form_of(as_alice, task, title="Alice's title", url="https://alice.test/")
    record_update(
        tenant=tenant, record_type="task", record_id=task.pk, now=NOW,
        values={"title": "Vera's title", "description": "Vera's text", "labels": ["new"]},
        origin=Origin(kind=origin.kind, user=vera),
    )  # fmt: skip
    answer = as_alice.post(page("change", task.pk), sent)
    assert answer.status_code == 409
    text = answer.content.decode()
    assert "changed by Vera at 2025-07-01 10:00:00 UTC" in text
    notice = answer.context["stale_notice"]
    assert notice.clashes == [("title", "Vera's title")]
    assert notice.others == ["description", "labels"]
    task.refresh_from_db()
    assert (task.title, task.url, task.revision) == ("Vera's title", "", 2)
    form = answer.context["adminform"].form
    assert form["title"].value() == "Alice's title"
    assert form["url"].value() == "https://alice.test/"
    assert form["description"].value() == "Vera's text"
    again = {**sent, "description": "Vera's text", "labels": ["new"], "expected_revision": "2"}
    assert form["expected_revision"].value() == 2
    assert as_alice.post(page("change", task.pk), again).status_code == 302
    task.refresh_from_db()
    assert (task.title, task.url, task.description, task.labels) == (
        "Alice's title", "https://alice.test/", "Vera's text", ["new"],
    )  # fmt: skip


def test_what_the_services_refuse_stands_beside_its_field(
    as_alice: Client, tenant: Tenant, origin: Origin
) -> None:
    task = make(tenant, origin)
    answer = as_alice.post(
        page("change", task.pk), form_of(as_alice, task, title="Kept", assignees=["nonsense"])
    )
    assert answer.status_code == 200
    form = answer.context["adminform"].form
    assert form.errors == {"assignees": ["Assignees: 'nonsense' is not the id of a record."]}
    assert form["title"].value() == "Kept"
    task.refresh_from_db()
    assert (task.title, task.revision) == ("Fix the door", 1)


def test_saving_without_a_change_makes_no_revision(as_alice: Client, tenant: Tenant, origin: Origin) -> None:
    member = make(tenant, origin, "member", name="Mia")
    task = make(
        tenant, origin, description="Two\nlines", labels=["a"], assignees=[str(member.pk)], estimate="1.50",
        completed_at="2025-07-01T10:00:00.123456Z", due_on="2025-08-01", reporter=member,
    )  # fmt: skip
    sent = form_of(as_alice, task, description="Two\r\nlines")
    assert as_alice.post(page("change", task.pk), sent).status_code == 302
    task.refresh_from_db()
    assert (task.revision, Change.objects.filter(record_id=task.pk).count()) == (1, 1)


def test_sets_show_names_and_take_new_labels(as_alice: Client, tenant: Tenant, origin: Origin) -> None:
    mia = make(tenant, origin, "member", name="Mia Meyer")
    Label.objects.create(tenant=tenant, name="known", created_at=NOW, updated_at=NOW)
    task = make(tenant, origin, assignees=[str(mia.pk)])
    text = as_alice.get(page("change", task.pk)).content.decode()
    assert f'<option value="{mia.pk}" selected>Mia Meyer</option>' in " ".join(text.split())
    assert '<option value="known">known</option>' in " ".join(text.split())
    as_alice.post(page("change", task.pk), form_of(as_alice, task, labels=["known", "typed"], assignees=[]))
    task.refresh_from_db()
    assert (task.labels, task.assignees) == (["known", "typed"], [])


def test_markup_in_a_record_is_shown_as_text(as_alice: Client, tenant: Tenant, origin: Origin) -> None:
    evil = "<script>alert(1)</script>"
    task = make(tenant, origin, title=evil, description=evil, labels=[evil])
    make(tenant, origin, "member", name=evil)
    for url in (page("changelist"), page("change", task.pk), page("history", task.pk)):
        assert evil not in as_alice.get(url).content.decode()


# ---------------------------------------------------------------- history, restore


def test_the_history_tells_who_what_from_where_and_reverts_a_field(
    as_alice: Client, tenant: Tenant, origin: Origin, monkeypatch: pytest.MonkeyPatch
) -> None:
    integration = uuid4()
    monkeypatch.setattr(panels, "_names", [lambda ids: {integration: "GitHub issues"}])
    mia = make(tenant, origin, "member", name="Mia Meyer")
    task = make(tenant, origin)
    record_update(
        tenant=tenant, record_type="task", record_id=task.pk, values={"reporter": mia, "stage": "in_progress"},
        origin=Origin(kind="sync", integration_id=integration), now=NOW,  # type: ignore[arg-type]
    )  # fmt: skip
    answer = as_alice.get(page("history", task.pk))
    entries = answer.context["timeline"].entries
    assert [(one.what, one.who, one.cause) for one in entries] == [
        ("Changed", "GitHub issues", "Sync"), ("Created", "Alice", "Person in the admin"),
    ]  # fmt: skip
    assert [(one.label, one.before, one.after) for one in entries[0].lines] == [
        ("Reporter", "(empty)", "Mia Meyer"), ("Stage", "Backlog", "In progress"),
    ]  # fmt: skip
    change = entries[0].change.id
    assert as_alice.get(page("revert", task.pk)).status_code == 405
    as_alice.post(page("revert", task.pk), {"change": change, "field": "stage"})
    task.refresh_from_db()
    assert (task.stage, task.reporter_id, task.revision) == ("backlog", mia.pk, 3)
    assert as_alice.post(page("revert", task.pk), {"change": "999999", "field": "stage"}).status_code == 404
    assert as_alice.post(page("revert", task.pk), {"change": "x", "field": "stage"}).status_code == 404


def test_a_long_history_has_pages(as_alice: Client, tenant: Tenant, origin: Origin) -> None:
    task = make(tenant, origin)
    for n in range(60):
        record_update(
            tenant=tenant,
            record_type="task",
            record_id=task.pk,
            values={"rank": f"r{n}"},
            origin=origin,
            now=NOW,
        )
    first = as_alice.get(page("history", task.pk)).context["timeline"]
    second = as_alice.get(page("history", task.pk), {"before": first.older}).context["timeline"]
    revisions = [one.change.revision for one in (*first.entries, *second.entries)]
    assert revisions == list(range(61, 0, -1))
    assert second.older is None


def test_deleted_records_are_read_only_until_restored(
    as_alice: Client, tenant: Tenant, origin: Origin
) -> None:
    task = make(tenant, origin)
    record_delete(tenant=tenant, record_type="task", record_id=task.pk, origin=origin, now=NOW)
    assert as_alice.post(page("change", task.pk), {"title": "x"}).status_code == 403
    assert as_alice.get(page("restore", task.pk)).status_code == 405
    as_alice.post(page("restore", task.pk))
    task.refresh_from_db()
    assert task.deleted_at is None


def test_several_are_deleted_and_restored_from_the_list(
    as_alice: Client, tenant: Tenant, origin: Origin
) -> None:
    ids = [str(make(tenant, origin).pk) for _ in range(3)]
    as_alice.post(
        page("changelist"), {"action": "delete_selected", "_selected_action": ids[:2], "post": "yes"}
    )
    assert Task.objects.filter(deleted_at__isnull=False).count() == 2
    as_alice.post(
        page("changelist") + "?deleted=yes", {"action": "restore_selected", "_selected_action": ids[:2]}
    )
    assert Task.objects.filter(deleted_at__isnull=True).count() == 3


# ---------------------------------------------------------------- what higher rooms show


def test_badges_panels_and_actions_of_higher_rooms(
    as_alice: Client,
    client: Client,
    tenant: Tenant,
    origin: Origin,
    vera: User,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[int] = []
    done: list[list[str]] = []

    def badges(record_type: str, ids: Any) -> dict[Any, list[Badge]]:
        asked.append(len(ids))
        return {one: [Badge("Conflict", "bad", "GitHub", "/admin/hub/conflicts/")] for one in ids}

    def act(request: Any, records: Any) -> str:
        done.append([str(one) for one in records])
        return f"{len(records)} will be synced."

    monkeypatch.setattr(panels, "_badges", [badges])
    monkeypatch.setattr(panels, "_panels", [lambda request, record: f"<p>Panel of {record.pk}</p>"])
    monkeypatch.setattr(panels, "_actions", {"sync": RecordAction("sync", "Sync now", act)})
    tasks = [make(tenant, origin) for _ in range(3)]
    listed = as_alice.get(page("changelist")).content.decode()
    assert (asked, listed.count("GitHub: Conflict")) == ([3], 3)
    shown = as_alice.get(page("change", tasks[0].pk)).content.decode()
    assert f"<p>Panel of {tasks[0].pk}</p>" in shown
    assert "Sync now" in shown
    as_alice.post(page("act", tasks[0].pk), {"action": "sync"})
    ids = [str(task.pk) for task in tasks]
    as_alice.post(page("changelist"), {"action": "record_sync", "_selected_action": ids})
    assert [len(one) for one in done] == [1, 3]
    client.force_login(vera)
    assert "Sync now" not in client.get(page("change", tasks[0].pk)).content.decode()
    assert client.post(page("act", tasks[0].pk), {"action": "sync"}).status_code == 403
    assert len(done) == 2


# ---------------------------------------------------------------- members, tenants, accounts


def test_a_manager_looks_after_the_members_of_the_own_tenant(
    as_alice: Client, alice: User, tenant: Tenant, carol: User
) -> None:
    own = Membership.objects.get(user=alice)
    foreign = Membership.objects.get(user=carol)
    url = reverse("admin:workspace_membership_add")
    assert as_alice.post(url, {"account": "nobody", "role": "viewer"}).status_code == 200
    newcomer = User.objects.create_user("nina", email="nina@example.test")
    assert as_alice.post(url, {"account": "NINA@example.test", "role": "operator"}).status_code == 302
    made = Membership.objects.get(user=newcomer)
    assert (made.tenant, made.role) == (tenant, "operator")
    newcomer.refresh_from_db()
    assert newcomer.is_staff
    change = "admin:workspace_membership_change"
    assert as_alice.get(reverse(change, args=[foreign.pk])).status_code == 404
    refused = as_alice.post(reverse(change, args=[own.pk]), {"role": "viewer"})
    assert "last manager" in str(refused.context["adminform"].form.errors)
    as_alice.post(reverse("admin:workspace_membership_delete", args=[own.pk]), {"post": "yes"})
    assert Membership.objects.filter(pk=own.pk, role="manager").exists()


def test_tenants_and_accounts_are_the_platform_operators(
    as_alice: Client, client: Client, tenant: Tenant, other_tenant: Tenant, vera: User
) -> None:
    change = "admin:workspace_tenant_change"
    assert as_alice.get(reverse(change, args=[tenant.pk])).status_code == 200
    assert as_alice.get(reverse(change, args=[other_tenant.pk])).status_code == 404
    assert as_alice.get(reverse("admin:workspace_tenant_add")).status_code == 403
    as_alice.post(reverse(change, args=[tenant.pk]), {"name": "Port", "slug": "stolen", "time_zone": "UTC"})
    tenant.refresh_from_db()
    assert (tenant.name, tenant.slug) == ("Port", "harbour")
    assert as_alice.get(reverse("admin:auth_user_changelist")).status_code == 403
    client.force_login(vera)
    assert client.get(reverse("admin:workspace_membership_changelist")).status_code == 403
    client.force_login(User.objects.create_superuser("root"))
    assert client.get(reverse("admin:workspace_tenant_change", args=[other_tenant.pk])).status_code == 200
    assert client.get(reverse("admin:auth_user_change", args=[vera.pk])).status_code == 200
    assert client.get(reverse("admin:auth_user_add")).status_code == 200


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("Berlin", "“Berlin” is no time zone. Did you mean Europe/Berlin?"),
        ("europe/berlin", "“europe/berlin” is no time zone. Did you mean Europe/Berlin?"),
        ("new york", "“new york” is no time zone. Did you mean America/New_York?"),
        ("../etc/passwd", "“../etc/passwd” is no time zone. Give its full name, for example Europe/Berlin"),
        ("GMT+25", "“GMT+25” is no time zone. Give its full name, for example Europe/Berlin"),
    ],
)
def test_a_tenants_time_zone_has_to_be_one(as_alice: Client, tenant: Tenant, name: str, said: str) -> None:
    url = reverse("admin:workspace_tenant_change", args=[tenant.pk])
    answer = as_alice.post(url, {"name": "Harbour", "time_zone": name})
    (error,) = answer.context["adminform"].form.errors["time_zone"]
    assert error.startswith(said)
    tenant.refresh_from_db()
    assert tenant.time_zone == "UTC"


def test_the_list_of_changes_is_the_tenants_and_read_only(
    as_alice: Client, tenant: Tenant, other_tenant: Tenant, origin: Origin, system: Origin
) -> None:
    make(tenant, origin, "member", name="Mia")
    make(other_tenant, system)
    url = reverse("admin:workspace_change_changelist")
    rows = list(as_alice.get(url).context["cl"].result_list)
    assert [row.tenant_id for row in rows] == [tenant.pk]
    assert as_alice.post(reverse("admin:workspace_change_change", args=[rows[0].pk]), {}).status_code == 403
    assert as_alice.get(reverse("admin:workspace_change_add")).status_code == 403
    assert Member.objects.count() == 1
