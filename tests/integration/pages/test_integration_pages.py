"""One integration: tabs, actions by role, settings with their guards, creation from the browser."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.urls import reverse

from connectors import registry
from connectors.base.errors import Retryable
from connectors.base.types import Check, CheckReport, Container
from integrations.models import (
    Credential,
    DeliveryStatus,
    FieldMap,
    Integration,
    IntegrationStatus,
    JobKind,
    JobStatus,
    Mapping,
    MappingState,
    StatusMap,
    SyncJob,
    WebhookDelivery,
    WriteIntent,
)
from tests.integration.pages.world import World
from workspace.models import Role

TABS = ["overview", "jobs", "logs", "mappings", "field-maps", "deliveries", "settings"]


class FakeClient:
    """Stands for the vendor: a passing test, one sample, no request."""

    last_exchange = None

    def __init__(self, ok: bool = True) -> None:
        self.ok = ok

    def check(self) -> CheckReport:
        checks = [
            Check("reachable", True, "It answered."),
            Check("authenticated", self.ok, "The token is wrong.", "Make a new one."),
        ]
        return CheckReport(self.ok, checks, response_ms=12, account="Harbour")

    def containers(self, kind: str = "", parent_id: str = "") -> list[Container]:
        return []

    def close(self) -> None:
        return None


@pytest.fixture
def vendor(monkeypatch: pytest.MonkeyPatch) -> FakeClient:
    fake = FakeClient()
    for module in ("clients", "containers"):
        monkeypatch.setattr(f"integrations.services.{module}.client_for", lambda *args, **kwargs: fake)
    return fake


def tab(integration: Integration, name: str = "overview") -> str:
    return reverse("hub:integration_tab", args=[integration.pk, name])


def do(integration: Integration, action: str) -> str:
    return reverse("hub:integration_do", args=[integration.pk, action])


@pytest.mark.parametrize("name", TABS)
def test_every_tab_opens_empty_and_filled_for_every_role(world: World, name: str) -> None:
    integration = world.integration()
    for role in Role:
        assert world.client(role).get(tab(integration, name)).status_code == 200
    world.job(integration, JobStatus.RUNNING)
    world.log(integration)
    world.pair(integration, held={"stage": {"reason": "unmapped", "detail": "No stage.", "raw": "x"}})
    world.conflict(integration)
    StatusMap.objects.create(
        integration=integration,
        resource="card",
        external_value="l1",
        external_name="To do",
        local_value="todo",
    )
    WebhookDelivery.objects.create(
        tenant=world.tenant,
        integration=integration,
        dedupe_key="id:1",
        event="updateCard",
        body=b"{}",
        received_at=world.now,
    )
    for role in Role:
        html = world.client(role).get(tab(integration, name)).content.decode()
        assert "topsecret" not in html
        assert "key-abcdefgh" not in html


@pytest.mark.parametrize("name", [*TABS, "nonsense"])
def test_another_tenants_integration_is_404_on_every_tab(world: World, name: str) -> None:
    assert world.client("carol").get(tab(world.integration(), name)).status_code == 404


@pytest.mark.parametrize(
    "action", ["sync", "dry-run", "test", "pause", "resume", "enable", "disable", "delete", "rotate-secret"]
)
def test_actions_obey_role_and_tenant(world: World, vendor: FakeClient, action: str) -> None:
    integration = world.integration()
    manager_only = action in ("disable", "delete", "rotate-secret")
    refused = [Role.VIEWER, Role.REVIEWER, Role.AUDITOR, *([Role.OPERATOR] if manager_only else [])]
    for role in refused:
        assert world.client(role).post(do(integration, action)).status_code == 403
    assert world.client("carol").post(do(integration, action)).status_code == 404
    assert world.client().get(do(integration, action)).status_code == 405
    integration.refresh_from_db()
    assert (integration.status, integration.version) == (IntegrationStatus.ACTIVE, 1)
    assert SyncJob.objects.count() == 0


def test_sync_now_queues_a_run_and_a_second_one_leads_to_it(world: World) -> None:
    integration = world.integration()
    operator = world.client(Role.OPERATOR)
    operator.post(do(integration, "sync"))
    job = SyncJob.objects.get()
    assert (job.kind, job.status, job.triggered_by) == (
        JobKind.MANUAL,
        JobStatus.QUEUED,
        world.users[Role.OPERATOR],
    )
    again = operator.post(do(integration, "sync"))
    assert again["Location"] == reverse("hub:job", args=[job.pk])
    assert SyncJob.objects.count() == 1


def test_a_dry_run_opens_its_result_page(world: World) -> None:
    integration = world.integration()
    answer = world.client(Role.OPERATOR).post(do(integration, "dry-run"), follow=True)
    assert SyncJob.objects.get().kind == JobKind.PREVIEW
    assert "What a sync would do now" in answer.content.decode()


def test_pause_and_resume(world: World) -> None:
    integration = world.integration()
    operator = world.client(Role.OPERATOR)
    html = operator.post(do(integration, "pause"), follow=True).content.decode()
    assert "is paused" in html
    assert ">Resume</button>" in html.replace("\n", "")
    operator.post(do(integration, "resume"))
    integration.refresh_from_db()
    assert integration.status == IntegrationStatus.ACTIVE


def test_a_failed_test_shows_each_line_and_what_to_do(world: World, vendor: FakeClient) -> None:
    integration = world.integration()
    vendor.ok = False
    html = world.client(Role.OPERATOR).post(do(integration, "test"), follow=True).content.decode()
    assert "The connection test failed" in html
    assert "The token is wrong." in html
    assert "Make a new one." in html


@pytest.mark.parametrize(("action", "typed"), [("disable", ""), ("delete", "Board")])
def test_the_page_says_what_became_of_the_webhook(
    world: World, monkeypatch: pytest.MonkeyPatch, action: str, typed: str
) -> None:
    def fails(*args: Any, **kwargs: Any) -> Any:
        raise Retryable("It does not answer.", code="timeout")

    monkeypatch.setattr("integrations.services.deliveries.client_for", fails)
    integration = world.integration("Board", webhook_registration={"id": "w", "url": "https://hub.example/w"})
    html = world.client().post(do(integration, action), {"typed_name": typed}, follow=True).content.decode()
    assert "Trello could not be asked to end its webhook: It does not answer. Remove it there." in html
    integration.refresh_from_db()
    assert integration.status == IntegrationStatus.DISABLED


def test_deleting_takes_the_typed_name_and_says_what_goes(world: World) -> None:
    integration = world.integration("Board")
    world.pair(integration)
    manager = world.client()
    html = manager.get(reverse("hub:integration_delete", args=[integration.pk])).content.decode()
    assert "What goes" in html
    wrong = manager.post(do(integration, "delete"), {"typed_name": "board"}, follow=True)
    assert "Type the name of the integration exactly: Board" in wrong.content.decode()
    integration.refresh_from_db()
    assert integration.deleted_at is None
    manager.post(do(integration, "delete"), {"typed_name": "Board"})
    integration.refresh_from_db()
    assert integration.deleted_at is not None
    assert manager.get(tab(integration)).status_code == 404
    assert (
        world.client(Role.OPERATOR).get(reverse("hub:integration_delete", args=[integration.pk])).status_code
        == 403
    )


# -- settings ----------------------------------------------------------------------------------------------


def save(integration: Integration, group: str) -> str:
    return reverse("hub:settings_save", args=[integration.pk, group])


def test_a_group_is_saved_alone_and_raises_the_version(world: World) -> None:
    integration = world.integration()
    answer = world.client().post(
        save(integration, "basics"),
        {"version": "1", "name": "New name", "environment": "staging", "tags": "a, b"},
    )
    assert answer["Location"].endswith("/settings/#basics")
    integration.refresh_from_db()
    assert (integration.name, integration.environment, integration.tags) == (
        "New name",
        "staging",
        ["a", "b"],
    )
    assert integration.version == 2
    assert integration.resource_types == ["card"]


def test_faults_are_named_at_their_field_and_nothing_is_saved(world: World) -> None:
    integration = world.integration()
    answer = world.client().post(
        save(integration, "when"),
        {"version": "1", "sync_frequency": "custom", "sync_interval_seconds": "5", "crontab": "every day",
         "batch_fallback_seconds": "soon", "sync_windows": "{"},
    )  # fmt: skip
    html = answer.content.decode()
    assert answer.status_code == 422
    assert "Enter a whole number." in html
    assert "This is not JSON" in html
    assert 'value="every day"' in html
    integration.refresh_from_db()
    assert (integration.version, integration.crontab) == (1, "")


def test_the_services_own_refusals_are_shown_too(world: World) -> None:
    integration = world.integration()
    world.integration("Taken")
    html = (
        world.client().post(save(integration, "basics"), {"version": "1", "name": "taken"}).content.decode()
    )
    assert "An integration of this name exists already" in html


def test_a_stale_form_is_409_with_both_values(world: World) -> None:
    integration = world.integration()
    manager = world.client()
    manager.post(save(integration, "basics"), {"version": "1", "name": "First", "environment": "production"})
    answer = manager.post(
        save(integration, "basics"), {"version": "1", "name": "Second", "environment": "production"}
    )
    html = answer.content.decode()
    assert answer.status_code == 409
    assert 'value="Second"' in html
    assert "Someone saved “First” here meanwhile." in html
    integration.refresh_from_db()
    assert integration.name == "First"


def test_only_a_manager_saves_settings_and_others_see_them_locked(world: World) -> None:
    integration = world.integration()
    html = world.client(Role.OPERATOR).get(tab(integration, "settings")).content.decode()
    assert "Your role may read these settings" in html
    assert "Replace credentials" not in html
    for role in (Role.VIEWER, Role.OPERATOR, Role.REVIEWER, Role.AUDITOR):
        assert (
            world.client(role).post(save(integration, "basics"), {"version": "1", "name": "x"}).status_code
            == 403
        )
        assert (
            world.client(role).post(save(integration, "credentials"), {"token": "x" * 20}).status_code == 403
        )
    assert (
        world.client("carol").post(save(integration, "basics"), {"version": "1", "name": "x"}).status_code
        == 404
    )
    integration.refresh_from_db()
    assert integration.name == "Waitlist board"


def test_credentials_are_replaced_or_cleared_and_never_shown(world: World) -> None:
    integration = world.integration()
    manager = world.client()
    html = manager.get(tab(integration, "settings")).content.decode()
    assert "set, ends in …x9" in html
    html = manager.post(
        save(integration, "credentials"), {"token": "brandnew-secret-77", "clear.api_key": "1"}, follow=True
    ).content.decode()
    assert "Credentials replaced" in html
    assert "brandnew" not in html
    assert Credential.objects.get(integration=integration).secrets == {"token": "brandnew-secret-77"}
    manager.post(save(integration, "credentials"), {})
    assert Credential.objects.get(integration=integration).secrets == {"token": "brandnew-secret-77"}


def test_a_rotated_webhook_secret_is_shown_exactly_once(world: World) -> None:
    integration = world.integration(
        "Issues", "github", resource_types=["issue"], options={"repository": "acme/shop"}
    )
    manager = world.client()
    first = manager.post(do(integration, "rotate-secret"), follow=True).content.decode()
    assert "whsec_" in first
    assert "shown this once" in first
    assert "whsec_" not in manager.get(tab(integration, "settings")).content.decode()


# -- pairs -------------------------------------------------------------------------------------------------


def test_pairs_are_found_by_title_external_id_and_record_id(world: World) -> None:
    integration = world.integration()
    pair = world.pair(integration, world.task(title="Varnish the oars"), external_id="ABC-1")
    world.pair(integration, world.task(title="Other"))
    client = world.client(Role.VIEWER)
    for text in ("varnish", "ABC-1", str(pair.record_id), str(pair.pk)):
        html = client.get(tab(integration, "mappings") + f"?q={text}").content.decode()
        assert html.count("data-row ") == 1, text
        assert "Varnish the oars" in html
    assert "Nothing matches" in client.get(tab(integration, "mappings") + "?q=zzz").content.decode()


def test_why_a_pair_is_as_it_is(world: World) -> None:
    integration = world.integration()
    pair = world.pair(
        integration,
        state=MappingState.HELD,
        state_reason="stage: no counterpart",
        held={"stage": {"reason": "unmapped", "detail": "“Parked” has no stage.", "raw": "Parked"}},
    )
    address = reverse("hub:mapping", args=[pair.pk])
    html = world.client(Role.VIEWER).get(address).content.decode()
    assert "“Parked” has no stage." in html
    assert "It is never written as empty." in html
    assert "Unlink" not in html
    assert world.client("carol").get(address).status_code == 404


@pytest.mark.parametrize(
    ("action", "needs"),
    [("sync", Role.OPERATOR), ("retry", Role.OPERATOR), ("stop", Role.MANAGER), ("unlink", Role.MANAGER)],
)
def test_actions_on_a_pair_obey_role_and_tenant(world: World, action: str, needs: str) -> None:
    pair = world.pair(world.integration())
    address = reverse("hub:mapping_do", args=[pair.pk, action])
    for role in (Role.VIEWER, Role.REVIEWER, Role.AUDITOR):
        assert world.client(role).post(address).status_code == 403
    if needs == Role.MANAGER:
        assert world.client(Role.OPERATOR).post(address).status_code == 403
    assert world.client("carol").post(address).status_code == 404
    pair.refresh_from_db()
    assert (pair.state, pair.dirty_at) == (MappingState.SYNCED, None)
    assert world.client(needs).post(address).status_code == 302
    if action == "unlink":
        assert not Mapping.objects.live().filter(pk=pair.pk).exists()
    elif action == "stop":
        pair.refresh_from_db()
        assert pair.state == MappingState.STOPPED
    else:
        pair.refresh_from_db()
        assert (pair.priority, pair.dirty_at is not None) == (0, True)


def test_a_create_in_doubt_is_settled_on_its_page(world: World) -> None:
    integration = world.integration()
    pair = world.pair(integration, external_id=None, state=MappingState.IN_DOUBT)
    WriteIntent.objects.create(mapping=pair, kind="create", key="k1", state="in_doubt", created_at=world.now)
    page, found = (reverse(f"hub:{name}", args=[pair.pk]) for name in ("mapping", "mapping_found"))
    operator, manager = world.client(Role.OPERATOR), world.client(Role.MANAGER)
    assert "It is not there, send it again" in operator.get(page).content.decode()
    assert "Its id there" not in operator.get(page).content.decode()
    assert "send it again" not in world.client(Role.VIEWER).get(page).content.decode()
    assert operator.post(found, {"external_id": "77"}).status_code == 403
    assert world.client("carol").post(found, {"external_id": "77"}).status_code == 404
    nameless = manager.post(found, {"external_id": " "}, follow=True).content.decode()
    assert "Give the id of the external record" in nameless
    manager.post(found, {"external_id": "77"})
    pair.refresh_from_db()
    assert (pair.external_id, pair.state) == ("77", MappingState.PENDING)
    assert [row.state for row in pair.intents.all()] == ["settled"]
    late = manager.post(found, {"external_id": "78"}, follow=True).content.decode()
    assert "No create of this record is in doubt." in late


def test_what_did_not_arrive_is_sent_again_from_its_page(world: World) -> None:
    pair = world.pair(world.integration(), external_id=None, state=MappingState.IN_DOUBT)
    WriteIntent.objects.create(mapping=pair, kind="create", key="k1", state="in_doubt", created_at=world.now)
    again = reverse("hub:mapping_do", args=[pair.pk, "create-again"])
    assert world.client(Role.VIEWER).post(again).status_code == 403
    world.client(Role.OPERATOR).post(again)
    pair.refresh_from_db()
    assert (pair.state, pair.intents.get().state) == (MappingState.PENDING, "failed")


def test_many_deletions_are_let_go_on_by_typing_their_number(world: World) -> None:
    one, two = world.integration("One"), world.integration("Two")
    waiting = [world.pair(one, state=MappingState.QUARANTINED) for _ in range(3)]
    other = world.pair(two, state=MappingState.QUARANTINED)
    world.pair(one)
    manager = world.client(Role.MANAGER)
    shown = manager.get(f"/admin/hub/mappings/?state=quarantined&integration={one.pk}").content.decode()
    assert "3 deletions wait" in shown and "Type 3 to let all of them go on" in shown
    operator = world.client(Role.OPERATOR)
    assert (
        "let all of them go on" not in operator.get("/admin/hub/mappings/?state=quarantined").content.decode()
    )
    form = {"integration": str(one.pk), "count": "2"}
    assert operator.post("/admin/hub/mappings/release", form).status_code == 403
    said = manager.post("/admin/hub/mappings/release", form, follow=True).content.decode()
    assert "Nothing was released: 3 deletions wait now" in said
    said = manager.post("/admin/hub/mappings/release", {**form, "count": "3"}, follow=True).content.decode()
    assert "3 deletions go on" in said
    states = dict(
        Mapping.objects.filter(pk__in=[pair.pk for pair in [*waiting, other]]).values_list("pk", "state")
    )
    assert states == {**{pair.pk: "pending" for pair in waiting}, other.pk: "quarantined"}


def test_a_deletion_in_quarantine_is_let_go_on_by_a_manager(world: World) -> None:
    pair = world.pair(world.integration(), state=MappingState.QUARANTINED, state_reason="21 deletions today.")
    page, act = reverse("hub:mapping", args=[pair.pk]), reverse("hub:mapping_do", args=[pair.pk, "release"])
    assert "Let the deletion go on" not in world.client(Role.OPERATOR).get(page).content.decode()
    assert world.client(Role.OPERATOR).post(act).status_code == 403
    assert "Let the deletion go on" in world.client(Role.MANAGER).get(page).content.decode()
    world.client(Role.MANAGER).post(act)
    pair.refresh_from_db()
    assert (pair.state, pair.dirty_reason) == (MappingState.PENDING, "released")


# -- maps --------------------------------------------------------------------------------------------------


def link_rows(*rows: tuple[str, str]) -> dict[str, Any]:
    return {
        "key": ["" for _ in rows],
        "local": [local for local, _ in rows],
        "external": [external for _, external in rows],
        "direction": ["both" for _ in rows],
        "transform": ["" for _ in rows],
        "options": ["" for _ in rows],
        "default": ["" for _ in rows],
        "group": ["" for _ in rows],
        "required": ["0"],
        "based_on": "0",
    }


def test_a_field_map_is_saved_as_a_new_version(world: World) -> None:
    integration = world.integration()
    address = reverse("hub:field_map", args=[integration.pk, "card"])
    assert world.client().get(address).status_code == 200
    rows = link_rows(("title", "name"), ("description", "desc"), ("", ""))
    answer = world.client().post(address, {**rows, "do": "save", "note": "Two fields only"})
    assert answer.status_code == 302
    saved = FieldMap.objects.get()
    assert [(link["local"], link["external"], link["required"]) for link in saved.links] == [
        ("title", "name", True),
        ("description", "desc", False),
    ]
    stale = world.client().post(address, {**rows, "do": "save"})
    assert stale.status_code == 409
    assert FieldMap.objects.count() == 1


def test_a_faulty_map_is_refused_at_its_row(world: World) -> None:
    integration = world.integration()
    address = reverse("hub:field_map", args=[integration.pk, "card"])
    rows = link_rows(("title", "name"), ("due_on", "a..b"))
    answer = world.client().post(address, {**rows, "do": "save"})
    assert answer.status_code == 422
    assert "is not a path" in answer.content.decode()
    assert FieldMap.objects.count() == 0


def test_a_preview_runs_on_local_records_even_if_the_other_side_cannot_be_asked(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*args: Any, **kwargs: Any) -> Any:
        raise Retryable("It does not answer.", code="timeout")

    monkeypatch.setattr("integrations.pages.maps.client_for", fails)
    integration = world.integration()
    world.task(title="Varnish the oars")
    address = reverse("hub:field_map", args=[integration.pk, "card"])
    html = world.client().post(address, {**link_rows(("title", "name")), "do": "preview"}).content.decode()
    assert "No sample could be read from the other side" in html
    assert "Varnish the oars" in html
    assert FieldMap.objects.count() == 0


def test_only_a_manager_edits_maps(world: World) -> None:
    integration = world.integration()
    for address in (
        reverse("hub:field_map", args=[integration.pk, "card"]),
        reverse("hub:status_map_save", args=[integration.pk, "card"]),
    ):
        assert world.client(Role.OPERATOR).post(address, {}).status_code == 403
        assert world.client("carol").post(address, {}).status_code == 404
    assert world.client().get(reverse("hub:field_map", args=[integration.pk, "nonsense"])).status_code == 404


def test_a_status_map_is_saved_and_its_faults_are_said(world: World) -> None:
    integration = world.integration()
    address = reverse("hub:status_map_save", args=[integration.pk, "card"])
    rows = {
        "link_key": "stage",
        "external_value": ["l1", "l2"],
        "external_name": ["To do", "Parked"],
        "local_value": ["todo", "todo"],
        "is_return": ["l1"],
        "do": "save",
    }
    world.client().post(address, rows)
    assert [
        (row.external_value, row.local_value, row.is_return) for row in StatusMap.objects.order_by("position")
    ] == [
        ("l1", "todo", True),
        ("l2", "todo", False),
    ]
    html = world.client().post(address, {**rows, "is_return": []}, follow=True).content.decode()
    assert "as the way back" in html


# -- deliveries --------------------------------------------------------------------------------------------


def test_a_delivery_is_replayed_by_an_operator_of_the_tenant_only(world: World) -> None:
    integration = world.integration()
    row = WebhookDelivery.objects.create(
        tenant=world.tenant, integration=integration, dedupe_key="id:1", event="updateCard", body=b"{}",
        received_at=world.now, status=DeliveryStatus.FAILED,
    )  # fmt: skip
    address = reverse("hub:delivery_replay", args=[row.pk])
    assert world.client(Role.VIEWER).post(address).status_code == 403
    assert world.client("carol").post(address).status_code == 404
    row.refresh_from_db()
    assert row.status == DeliveryStatus.FAILED
    world.client(Role.OPERATOR).post(address)
    row.refresh_from_db()
    assert row.status == DeliveryStatus.RECEIVED


# -- creation ----------------------------------------------------------------------------------------------


def test_an_integration_is_made_tested_and_started_from_the_browser(world: World, vendor: FakeClient) -> None:
    manager = world.client()
    assert "Trello" in manager.get(reverse("hub:integration_new")).content.decode()
    address = reverse("hub:integration_connect", args=["trello"])
    assert manager.get(address).status_code == 200
    answer = manager.post(
        address,
        {"name": "Events", "base_url": "", "options.board_id": "abcd1234", "api_key": "key-1234567890ab",
         "token": "tok-1234567890ab", "app_secret": ""},
    )  # fmt: skip
    made = Integration.objects.get()
    assert made.status == IntegrationStatus.DRAFT
    assert made.options == {"board_id": "abcd1234"}
    assert answer["Location"] == reverse("hub:integration_setup", args=[made.pk, "test"])
    assert "It answered." in manager.get(answer["Location"]).content.decode()
    what = reverse("hub:integration_setup", args=[made.pk, "what"])
    assert manager.get(what).status_code == 200
    values = {"resource_types": ["card"], "sync_direction": "in", "create_missing_locally": "on",
              "sync_frequency": "hourly", "conflict_strategy": "manual_review", "delete_policy": "ask"}  # fmt: skip
    assert manager.post(what, {**values, "resource_types": []}).status_code == 422
    answer = manager.post(what, values)
    review = reverse("hub:integration_setup", args=[made.pk, "review"])
    assert answer["Location"] == review
    html = manager.get(review).content.decode()
    assert "Into Lockstep only" in html
    manager.post(review, {"start": "now"})
    made.refresh_from_db()
    assert (made.status, made.sync_direction, made.conflict_strategy) == (
        IntegrationStatus.ACTIVE,
        "in",
        "manual_review",
    )


def test_starting_paused_leaves_it_paused(world: World, vendor: FakeClient) -> None:
    made = world.integration(status="DRAFT")
    world.client().post(reverse("hub:integration_setup", args=[made.pk, "review"]), {"start": "paused"})
    made.refresh_from_db()
    assert made.status == IntegrationStatus.PAUSED


def test_a_failing_connection_keeps_the_draft_and_says_why(world: World, vendor: FakeClient) -> None:
    vendor.ok = False
    made = world.integration(status="DRAFT")
    answer = world.client().post(
        reverse("hub:integration_setup", args=[made.pk, "review"]), {"start": "now"}, follow=True
    )
    assert "The token is wrong." in answer.content.decode()
    made.refresh_from_db()
    assert made.status == IntegrationStatus.DRAFT


def test_what_is_missing_is_named_and_the_typed_values_kept_but_no_secret(world: World) -> None:
    answer = world.client().post(
        reverse("hub:integration_connect", args=["trello"]),
        {
            "name": "",
            "options.board_id": "abcd1234",
            "api_key": "key-1234567890ab",
            "token": "tok-1234567890ab",
        },
    )
    html = answer.content.decode()
    assert answer.status_code == 422
    assert "This is missing; give a name." in html
    assert 'value="abcd1234"' in html
    assert "tok-1234567890ab" not in html
    assert Integration.objects.count() == 0


def test_only_a_manager_connects_systems(world: World) -> None:
    for role in (Role.VIEWER, Role.OPERATOR, Role.REVIEWER, Role.AUDITOR):
        assert world.client(role).get(reverse("hub:integration_new")).status_code == 403
        assert (
            world.client(role).post(reverse("hub:integration_connect", args=["trello"]), {}).status_code
            == 403
        )
    assert world.client().get(reverse("hub:integration_connect", args=["nonsense"])).status_code == 404
    draft = world.integration(status="DRAFT")
    assert (
        world.client("carol").get(reverse("hub:integration_setup", args=[draft.pk, "what"])).status_code
        == 404
    )


@pytest.mark.parametrize(
    ("name", "budget"),
    [("overview", 20), ("jobs", 16), ("logs", 16), ("mappings", 18), ("deliveries", 16), ("settings", 18)],
)
def test_tabs_keep_their_query_budgets(
    world: World, name: str, budget: int, django_assert_max_num_queries: Any
) -> None:
    integration = world.integration()
    for _ in range(40):
        world.pair(integration)
        world.log(integration)
        world.job(integration)
    client = world.client()
    client.get(tab(integration, name))
    with django_assert_max_num_queries(budget):
        client.get(tab(integration, name))


def test_a_system_is_named_by_what_it_is_there_for(world: World) -> None:
    html = world.client().get(reverse("hub:integration_new")).content.decode()
    assert html.count("anything by configuration") == 1  # Generic REST alone
    assert all(word in html for word in (">Issue<", ">Time entry<", ">Item<", ">Deal<"))
    names = re.findall(r'hub-card__name"><a href="[^"]+">([^<]+)<', html)
    assert names == sorted(names, key=str.casefold) and len(names) == len(registry.slugs())


def test_what_has_few_values_is_chosen_not_typed(world: World) -> None:
    html = world.client().get(reverse("hub:integration_connect", args=["toggl"])).content.decode()
    plan = html.split('name="options.plan"')[1].split("</select>")[0]
    assert re.findall(r'value="(\w+)"', plan) == ["free", "starter", "premium", "enterprise"]


@pytest.mark.parametrize(("stored", "shown"), [("yes", "yes"), ("no", "no"), ("", "no")])
def test_a_choice_shows_what_is_stored_and_else_the_usual_one(
    world: World, stored: object, shown: str
) -> None:
    options = {"repository": "acme/shop", "mute_mentions": stored}
    integration = world.integration(connector="github", resource_types=["issue"], options=options)
    html = world.client().get(tab(integration, "settings")).content.decode()
    choice = html.split('name="options.mute_mentions"')[1].split("</select>")[0]
    selected = re.findall(r'value="(\w+)" selected', choice) or re.findall(r'value="(\w+)"', choice)
    assert selected[0] == shown
