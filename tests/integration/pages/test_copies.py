"""Ready-made set-ups, duplicates, exports and imports from the browser."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from integrations.models import FieldMap, Integration, IntegrationStatus, IntegrationTemplate, StatusMap
from integrations.services.credentials import integration_secrets
from integrations.services.fieldmaps import field_map_current, record_type_keep
from integrations.services.templates import LOOK_FIRST, builtin_templates_ensure
from tests.integration.pages.world import World
from workspace.models import Role

NEW = reverse("hub:integration_new")
IMPORT = reverse("hub:integration_import")
CONNECT = reverse("hub:integration_connect", args=["trello"])
SECRETS = {"api_key": "key-1234567890ab", "token": "tok-1234567890ab"}


@pytest.fixture
def templates(db: None) -> None:
    builtin_templates_ensure()


@pytest.fixture(autouse=True)
def quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    """No vendor is asked when a draft is saved."""
    monkeypatch.setattr("integrations.pages.create.connection_check", lambda **asked: {"ok": True})


def board(world: World) -> Integration:
    """A LeanKit integration with all that travels: settings, a map of another type, a status table."""
    made = world.integration(
        "Waitlist",
        "leankit",
        base_url="https://acme.leankit.com",
        options={"board_id": "1490772554"},
        sync_direction="in",
    )
    record_type_keep(integration=made, resource="card", record_type="task", user=None)
    Integration.objects.filter(pk=made.pk).update(
        record_filter={"local": [{"field": "due_on", "op": "not_empty", "resource": "card"}]}
    )
    StatusMap.objects.create(
        integration=made, resource="card", link_key="stage", external_value="7", local_value="done"
    )
    made.refresh_from_db()
    return made


def exported(world: World, made: Integration) -> dict[str, Any]:
    answer = world.client().get(reverse("hub:integration_export", args=[made.pk]))
    assert answer["Content-Disposition"] == 'attachment; filename="waitlist.lockstep.json"'
    body: dict[str, Any] = json.loads(answer.content)
    return body


def upload(body: Any, name: str = "") -> dict[str, Any]:
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    return {"file": SimpleUploadedFile("set-up.json", text, "application/json"), "name": name}


# -- ready-made --------------------------------------------------------------------------------------------


def test_the_wizard_begins_with_ready_made_set_ups(world: World, templates: None) -> None:
    html = world.client().get(NEW).content.decode()
    ours = IntegrationTemplate.objects.get(name="Trello board ↔ tasks")
    every = IntegrationTemplate.objects.get(name=LOOK_FIRST.name)
    assert f'href="{CONNECT}?template={ours.pk}"' in html
    html = world.client().get(f"{NEW}?template={every.pk}").content.decode()
    assert "You begin with" in html
    assert f'href="{CONNECT}?template={every.pk}"' in html


def test_a_ready_made_set_up_fills_the_draft(world: World, templates: None) -> None:
    every = IntegrationTemplate.objects.get(name=LOOK_FIRST.name)
    html = world.client().get(f"{CONNECT}?template={every.pk}").content.decode()
    assert f'<option value="{every.pk}" selected>' in html
    world.client().post(CONNECT, {"name": "Look", "template": str(every.pk), **SECRETS})
    made = Integration.objects.get()
    assert (made.connector, made.status) == ("trello", IntegrationStatus.DRAFT)
    assert (made.read_only, made.sync_frequency, made.create_missing_locally) == (True, "manual", False)
    assert integration_secrets(made) == SECRETS


def test_only_set_ups_that_fit_are_offered_and_taken(world: World, templates: None) -> None:
    for row in IntegrationTemplate.objects.exclude(connector__in=["", "trello"]):
        foreign = row
    theirs = IntegrationTemplate.objects.create(tenant=world.foreign, name="Theirs", connector="trello")
    html = world.client().get(CONNECT).content.decode()
    for row in (foreign, theirs):
        assert f'value="{row.pk}"' not in html
        answer = world.client().post(CONNECT, {"name": "Look", "template": str(row.pk), **SECRETS})
        assert answer.status_code == 422
        assert "This set-up is not offered any more" in answer.content.decode()
    assert not Integration.objects.exists()


def test_without_one_every_choice_is_the_persons(world: World, templates: None) -> None:
    world.client().post(CONNECT, {"name": "Mine", "template": "", **SECRETS})
    assert Integration.objects.get().read_only is False


# -- duplicate ---------------------------------------------------------------------------------------------


def test_a_duplicate_is_a_draft_with_settings_and_maps_and_asks_for_credentials(world: World) -> None:
    made = board(world)
    world.pair(made)
    address = reverse("hub:integration_duplicate", args=[made.pk])
    answer = world.client().post(address, {"name": "Waitlist (copy)"})
    copy = Integration.objects.get(name="Waitlist (copy)")
    assert answer["Location"] == reverse("hub:integration_tab", args=[copy.pk, "settings"]) + "#credentials"
    assert (copy.status, copy.sync_direction, copy.options) == ("DRAFT", "in", {"board_id": "1490772554"})
    assert (copy.record_filter, integration_secrets(copy)) == (made.record_filter, {})
    assert field_map_current(integration=copy, resource="card")["record_type"] == "task"
    assert StatusMap.objects.filter(integration=copy).count() == 1
    assert copy.mappings.count() == 0


def test_a_duplicate_needs_a_name_of_its_own(world: World) -> None:
    made = board(world)
    address = reverse("hub:integration_duplicate", args=[made.pk])
    answer = world.client().post(address, {"name": "Waitlist"}, follow=True)
    assert "An integration of this name exists already" in answer.content.decode()
    assert Integration.objects.count() == 1


# -- export and import -------------------------------------------------------------------------------------


def test_an_export_holds_the_set_up_and_no_secret(world: World) -> None:
    made = board(world)
    body = exported(world, made)
    assert body["settings"]["options"] == {"board_id": "1490772554"}
    assert [row["record_type"] for row in body["field_maps"]] == ["task"]
    text = json.dumps(body)
    assert all(str(secret) not in text for secret in integration_secrets(made).values())


def test_an_export_is_imported_as_a_draft_with_everything(world: World) -> None:
    body = exported(world, board(world))
    answer = world.client().post(IMPORT, upload(body, "Brought along"))
    made = Integration.objects.get(name="Brought along")
    assert answer["Location"] == reverse("hub:integration_tab", args=[made.pk, "settings"]) + "#credentials"
    assert (made.status, made.sync_direction) == (IntegrationStatus.DRAFT, "in")
    assert made.record_filter == body["settings"]["record_filter"]
    assert field_map_current(integration=made, resource="card")["record_type"] == "task"
    assert StatusMap.objects.filter(integration=made, local_value="done").count() == 1
    assert integration_secrets(made) == {}


def test_the_name_in_the_file_is_taken_where_none_is_given(world: World) -> None:
    body = {**exported(world, board(world)), "name": "From the file"}
    world.client().post(IMPORT, upload(body))
    assert Integration.objects.filter(name="From the file").exists()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (b"{", "<strong>file</strong>: This is no JSON file."),
        (b"[" * 100_000, "<strong>file</strong>: This is no JSON file."),
        (b"[]", "<strong>file</strong>: This is JSON, but no set-up."),
        (b" " * (1024 * 1024 + 1), "<strong>file</strong>: The file is too large"),
        ({"format": 9}, "<strong>body</strong>: This is no set-up of format 1."),
        ({"connector": "nonsense"}, "<strong>type</strong>: There is no system “nonsense”."),
        ({"settings": {"batch_size": 0}}, "<strong>batch_size</strong>: This must be between 1 and 1000."),
        (
            {"field_maps": [{"resource": "card", "links": [{"local": "nonsense", "external": "x"}]}]},
            "<strong>body.field_maps[0].links[0].local</strong>",
        ),
        ({"field_maps": [{"resource": "crad", "links": []}]}, "<strong>body.field_maps[0].resource</strong>"),
        ({"field_maps": ["x"]}, "<strong>body.field_maps[0]</strong>: A row needs resource and links."),
    ],
)
def test_what_is_wrong_with_a_file_is_said_and_nothing_is_made(world: World, change: Any, said: str) -> None:
    body = exported(world, board(world))
    body["settings"]["record_filter"] = {}
    broken = change if isinstance(change, bytes) else {**body, **change}
    if isinstance(broken, dict) and "settings" in change:
        broken["settings"] = {**body["settings"], **change["settings"]}
    answer = world.client().post(IMPORT, upload(broken, "Broken"))
    assert answer.status_code == 422
    assert said in answer.content.decode()
    assert Integration.objects.count() == 1
    assert FieldMap.objects.count() == 1


def test_a_missing_file_is_said(world: World) -> None:
    answer = world.client().post(IMPORT, {"name": "Nothing"})
    assert "Choose the file that an export made." in answer.content.decode()


def test_only_a_manager_of_the_tenant_copies(world: World) -> None:
    made = board(world)
    duplicate = reverse("hub:integration_duplicate", args=[made.pk])
    export = reverse("hub:integration_export", args=[made.pk])
    for role in (Role.VIEWER, Role.OPERATOR, Role.REVIEWER, Role.AUDITOR):
        assert world.client(role).post(duplicate, {"name": "Twin"}).status_code == 403
        assert world.client(role).get(export).status_code == 403
        assert world.client(role).get(IMPORT).status_code == 403
    assert world.client("carol").post(duplicate, {"name": "Twin"}).status_code == 404
    assert world.client("carol").get(export).status_code == 404
    assert (
        "Export"
        not in world.client(Role.OPERATOR)
        .get(reverse("hub:integration_tab", args=[made.pk, "settings"]))
        .content.decode()
    )
    assert Integration.objects.count() == 1
