"""Setting up from the browser: what is picked, what a kind is kept as, how records are recognised."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from connectors.base.errors import PermissionProblem
from connectors.base.types import Check, CheckReport, Container, ExternalRecord, Page
from integrations.models import (
    FieldMap,
    Integration,
    IntegrationStatus,
    JobStatus,
    Mapping,
    StatusMap,
    SyncJob,
)
from integrations.services.fieldmaps import field_map_current
from sync.context import IntegrationContext
from tests.integration.pages.world import World
from workspace.models import Role

BOARD = "5abbe4b7ddc1b351ef961414"
OTHER = "5abbe4b7ddc1b351ef961499"
WHAT = {
    "resource_types": ["card"],
    "sync_direction": "in",
    "create_missing_locally": "on",
    "sync_frequency": "hourly",
    "conflict_strategy": "manual_review",
    "delete_policy": "ask",
}


class Vendor:
    """Stands for Trello: what it lists, or why it will not."""

    last_exchange = None

    def __init__(self) -> None:
        self.rows = [
            Container("o1", "Relaunch team", "organization"),
            Container(BOARD, "Website relaunch", "board", "o1"),
            Container(OTHER, "Newsletter", "board", "o1"),
        ]
        self.refusal = ""
        self.samples: list[dict[str, Any]] = []
        self.asked: list[str] = []

    def check(self) -> CheckReport:
        return CheckReport(True, [Check("reachable", True), Check("authenticated", True)], account="Harbour")

    def containers(self, kind: str = "", parent_id: str = "") -> list[Container]:
        self.asked.append(kind)
        if self.refusal:
            raise PermissionProblem(self.refusal)
        return [row for row in self.rows if kind in ("", row.kind)]

    def list_page(self, resource: str, **asked: Any) -> Page:
        return Page([ExternalRecord(resource, "1", row) for row in self.samples])

    def close(self) -> None:
        return None


@pytest.fixture
def vendor(monkeypatch: pytest.MonkeyPatch) -> Vendor:
    fake = Vendor()
    for module in ("clients", "containers", "statusmaps"):
        monkeypatch.setattr(f"integrations.services.{module}.client_for", lambda *args, **kwargs: fake)
    return fake


def connected(manager: Client, **values: str) -> Integration:
    """A draft of Trello as the wizard's second step leaves it, without a board."""
    given = {"name": "Events", "api_key": "key-1234567890ab", "token": "tok-1234567890ab", **values}
    manager.post(reverse("hub:integration_connect", args=["trello"]), given)
    return Integration.objects.get(name="Events")


def step(integration: Integration, name: str) -> str:
    return reverse("hub:integration_setup", args=[integration.pk, name])


def options_in(html: str, name: str) -> list[tuple[str, str]]:
    """Value and words of each choice of a select."""
    select = re.search(rf'<select[^>]*name="{re.escape(name)}".*?</select>', html, re.S)
    return re.findall(r'<option value="([^"]*)"[^>]*>([^<]*)</option>', select.group()) if select else []


# -- places: picked, not typed -----------------------------------------------------------------------------


def test_a_board_is_picked_from_the_vendors_list_once_the_connection_works(
    world: World, vendor: Vendor
) -> None:
    manager = world.client()
    made = connected(manager)
    assert (made.status, made.options) == (IntegrationStatus.DRAFT, {})
    html = manager.get(step(made, "what")).content.decode()
    assert options_in(html, "options.board_id") == [
        ("", "— choose —"),
        (OTHER, "Newsletter"),
        (BOARD, "Website relaunch"),
    ]
    assert '<optgroup label="Relaunch team">' in html
    manager.post(step(made, "what"), {**WHAT, "options.board_id": BOARD})
    made.refresh_from_db()
    assert made.options == {"board_id": BOARD}
    manager.post(step(made, "review"), {"start": "now"})
    made.refresh_from_db()
    assert made.status == IntegrationStatus.ACTIVE


def test_a_list_that_cannot_be_read_is_typed_and_says_why(world: World, vendor: Vendor) -> None:
    manager = world.client()
    made = connected(manager)
    vendor.refusal = "The token may not list boards."
    html = manager.get(step(made, "what")).content.decode()
    assert "The token may not list boards." in html
    assert re.search(r'<input[^>]*name="options.board_id"', html)
    manager.post(step(made, "what"), {**WHAT, "options.board_id": "abcd1234"})
    made.refresh_from_db()
    assert made.options == {"board_id": "abcd1234"}


def test_typing_stays_possible_beside_the_list(world: World, vendor: Vendor) -> None:
    manager = world.client()
    made = connected(manager)
    html = manager.get(step(made, "what") + "?type=1").content.decode()
    assert re.search(r'<input[^>]*name="options.board_id"', html)
    assert vendor.asked == []


def test_what_was_typed_before_stays_a_choice(world: World, vendor: Vendor) -> None:
    manager = world.client()
    made = connected(manager, **{"options.board_id": "abcd1234"})
    html = manager.get(step(made, "what")).content.decode()
    assert ("abcd1234", "abcd1234 (as typed)") in options_in(html, "options.board_id")
    assert '<option value="abcd1234" selected>' in html


def test_a_long_list_is_searched_without_scripts(world: World, vendor: Vendor) -> None:
    vendor.rows += [Container(f"{n:024x}", f"Board {n}", "board") for n in range(20)]
    manager = world.client()
    made = connected(manager, **{"options.board_id": BOARD})
    assert 'name="find"' in manager.get(step(made, "what")).content.decode()
    html = manager.get(step(made, "what") + "?find=board 1").content.decode()
    names = [words for _, words in options_in(html, "options.board_id")]
    assert names == ["— choose —", "Board 1", *(f"Board {n}" for n in range(10, 20)), "Website relaunch"]


def test_a_short_list_has_no_search(world: World, vendor: Vendor) -> None:
    manager = world.client()
    assert 'name="find" form' not in manager.get(step(connected(manager), "what")).content.decode()


def test_the_step_asks_for_the_board_and_saves_nothing_without(world: World, vendor: Vendor) -> None:
    manager = world.client()
    made = connected(manager)
    answer = manager.post(step(made, "what"), {**WHAT, "options.board_id": ""})
    assert answer.status_code == 422
    assert "Board is missing." in answer.content.decode()
    made.refresh_from_db()
    assert (made.options, made.sync_direction) == ({}, "both")


@pytest.mark.parametrize("start", ["now", "paused", "dry-run"])
def test_a_draft_without_its_board_starts_nothing_and_names_the_field(
    world: World, vendor: Vendor, start: str
) -> None:
    manager = world.client()
    made = connected(manager)
    answer = manager.post(step(made, "review"), {"start": start})
    assert answer.status_code == 422
    assert "<strong>options.board_id</strong>: Board is missing." in answer.content.decode()
    made.refresh_from_db()
    assert made.status == IntegrationStatus.DRAFT
    assert not SyncJob.objects.exists()


def test_the_settings_tab_picks_on_demand_and_asks_nobody_before(world: World, vendor: Vendor) -> None:
    made = world.integration()
    manager = world.client()
    address = reverse("hub:integration_tab", args=[made.pk, "settings"])
    html = manager.get(address).content.decode()
    assert f"{address}?pick=1#f-options-board_id" in html
    assert vendor.asked == []
    html = manager.get(f"{address}?pick=1").content.decode()
    assert (BOARD, "Website relaunch") in options_in(html, "options.board_id")
    manager.post(
        reverse("hub:settings_save", args=[made.pk, "connection"]),
        {"version": str(made.version), "base_url": "", "options.board_id": BOARD},
    )
    made.refresh_from_db()
    assert made.options == {"board_id": BOARD}


def test_only_who_may_change_settings_has_the_vendor_asked(world: World, vendor: Vendor) -> None:
    made = world.integration()
    address = reverse("hub:integration_tab", args=[made.pk, "settings"])
    html: Any = world.client("viewer").get(f"{address}?pick=1").content.decode()
    assert vendor.asked == []
    assert options_in(html, "options.board_id") == []


def test_one_that_runs_cannot_lose_its_board(world: World, vendor: Vendor) -> None:
    made = world.integration()
    answer = world.client().post(
        reverse("hub:settings_save", args=[made.pk, "connection"]),
        {"version": str(made.version), "base_url": "", "options.board_id": ""},
    )
    assert answer.status_code == 422
    assert "Board is missing." in answer.content.decode()
    made.refresh_from_db()
    assert made.options == {"board_id": "abcd1234"}


# -- kept as another type of record ------------------------------------------------------------------------


def leankit(world: World, **values: Any) -> Integration:
    given = {"base_url": "https://acme.leankit.com", "options": {"board_id": "1490772554"}, **values}
    return world.integration("Waitlist", "leankit", **given)


def kept_as(integration: Integration) -> str:
    return reverse("hub:kept_as", args=[integration.pk, "card"])


def type_of(integration: Integration) -> str:
    return str(field_map_current(integration=integration, resource="card")["record_type"])


def test_the_wizard_keeps_a_kind_as_another_type_with_the_links_for_it(world: World, vendor: Vendor) -> None:
    vendor.rows = [Container("1490772554", "Waitlist", "board"), Container("7", "Doing", "lane")]
    made = leankit(world, status="DRAFT")
    manager = world.client()
    html = manager.get(step(made, "what")).content.decode()
    assert options_in(html, "kept.card") == [("waitlist_entry", "Waitlist entry"), ("task", "Task")]
    answer = manager.post(step(made, "what"), {**WHAT, "kept.card": "task"})
    assert answer.status_code == 302
    assert type_of(made) == "task"
    links = {link["local"] for link in field_map_current(integration=made, resource="card")["links"]}
    assert {"title", "due_on"} <= links
    row = StatusMap.objects.get(integration=made, external_value="7")
    assert (row.external_name, row.local_value) == ("Doing", "in_progress")
    assert "Card ↔ task" in manager.get(step(made, "review")).content.decode()
    assert "Card ↔ task" in manager.get(step(made, "what")).content.decode()


def test_a_type_that_does_not_fit_is_refused_and_nothing_of_the_step_is_saved(
    world: World, vendor: Vendor
) -> None:
    made = leankit(world, status="DRAFT")
    answer = world.client().post(step(made, "what"), {**WHAT, "kept.card": "lead"})
    assert answer.status_code == 422
    assert "Card fits: task, waitlist_entry." in answer.content.decode()
    made.refresh_from_db()
    assert (made.sync_direction, type_of(made)) == ("both", "waitlist_entry")


def test_saving_a_map_keeps_the_type_it_is_kept_as(world: World, vendor: Vendor) -> None:
    made = leankit(world)
    manager = world.client()
    manager.post(kept_as(made), {"record_type": "task"})
    address = reverse("hub:field_map", args=[made.pk, "card"])
    html = manager.get(address).content.decode()
    assert "Card ↔ task" in html
    assert '<option value="due_on" ' in html
    assert 'value="customer_name"' not in html
    row = {name: [""] for name in ("key", "transform", "options", "default", "group")}
    rows = {**row, "local": ["title"], "external": ["title"], "direction": ["both"], "required": ["0"]}
    answer = manager.post(address, {**rows, "based_on": "1", "do": "save"})
    assert answer.status_code == 302
    assert type_of(made) == "task"
    assert FieldMap.objects.get(integration=made, is_current=True).version == 2


def test_the_preview_reads_records_of_the_type_it_is_kept_as(
    world: World, vendor: Vendor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("integrations.pages.maps.client_for", lambda *args, **kwargs: vendor)
    made = leankit(world)
    world.task(title="Varnish the oars")
    manager = world.client()
    manager.post(kept_as(made), {"record_type": "task"})
    row = {name: [""] for name in ("key", "transform", "options", "default", "group")}
    rows = {**row, "local": ["title"], "external": ["title"], "direction": ["both"]}
    html = manager.post(
        reverse("hub:field_map", args=[made.pk, "card"]), {**rows, "based_on": "1", "do": "preview"}
    )
    assert "Varnish the oars" in html.content.decode()


def test_the_map_offers_the_paths_of_their_records_once_samples_were_read(
    world: World, vendor: Vendor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("integrations.pages.maps.client_for", lambda *args, **kwargs: vendor)
    made = leankit(world)
    vendor.samples = [{"title": "Oars", "customFields": [{"label": "<b>"}], "odd": {"due.date": 1}}]
    address = reverse("hub:field_map", args=[made.pk, "card"])
    manager = world.client()
    before = re.findall(r'<datalist id="paths">(.*?)</datalist>', manager.get(address).content.decode())[0]
    assert '<option value="title">' in before
    assert "customFields" not in before
    row = {name: [""] for name in ("key", "transform", "options", "default", "group")}
    rows = {**row, "local": ["customer_name"], "external": ["title"], "direction": ["both"]}
    html = manager.post(address, {**rows, "based_on": "0", "do": "preview"}).content.decode()
    after = re.findall(r'<datalist id="paths">(.*?)</datalist>', html)[0]
    for path in ("title", "customFields", "customFields[0].label", "odd.&quot;due.date&quot;"):
        assert f'<option value="{path}">' in after


def test_a_draft_without_its_board_says_so_where_samples_are_wanted(world: World, vendor: Vendor) -> None:
    made = leankit(world, status="DRAFT", options={})
    row = {name: [""] for name in ("key", "transform", "options", "default", "group")}
    rows = {**row, "local": ["customer_name"], "external": ["title"], "direction": ["both"]}
    address = reverse("hub:field_map", args=[made.pk, "card"])
    html = world.client().post(address, {**rows, "based_on": "0", "do": "preview"}).content.decode()
    assert "Board is missing." in html


def test_changing_the_type_starts_the_status_table_over(world: World, vendor: Vendor) -> None:
    made = leankit(world)
    StatusMap.objects.create(integration=made, resource="card", link_key="stage", external_value="9")
    vendor.rows = [Container("7", "Doing", "lane")]
    world.client().post(kept_as(made), {"record_type": "task"})
    assert list(StatusMap.objects.values_list("external_value", "local_value")) == [("7", "in_progress")]


def test_a_type_stays_while_pairs_stand_and_the_page_says_why(world: World, vendor: Vendor) -> None:
    made = leankit(world)
    world.pair(made)
    Mapping.objects.update(record_type="waitlist_entry")
    manager = world.client()
    html = manager.get(reverse("hub:integration_tab", args=[made.pk, "field-maps"])).content.decode()
    assert "1 pair keeps Card as waitlist entry" in html
    answer = manager.post(kept_as(made), {"record_type": "task"}, follow=True)
    assert "a pair cannot change its type" in answer.content.decode()
    assert type_of(made) == "waitlist_entry"
    assert not FieldMap.objects.exists()
    Mapping.objects.all().delete()
    manager.post(kept_as(made), {"record_type": "task"})
    assert type_of(made) == "task"


def test_a_type_stays_while_a_run_is_under_way(world: World, vendor: Vendor) -> None:
    made = leankit(world)
    job = world.job(made, JobStatus.RUNNING)
    manager = world.client()
    answer = manager.post(kept_as(made), {"record_type": "task"}, follow=True)
    assert "A run is under way" in answer.content.decode()
    assert type_of(made) == "waitlist_entry"
    SyncJob.objects.filter(pk=job.pk).update(status=JobStatus.SUCCEEDED)
    manager.post(kept_as(made), {"record_type": "task"})
    assert type_of(made) == "task"


def test_only_a_manager_of_the_tenant_changes_the_type(world: World) -> None:
    made = leankit(world)
    assert world.client(Role.OPERATOR).post(kept_as(made), {"record_type": "task"}).status_code == 403
    assert world.client("carol").post(kept_as(made), {"record_type": "task"}).status_code == 404
    assert not FieldMap.objects.exists()


# -- recognising what is on both sides ---------------------------------------------------------------------


def recognise(integration: Integration) -> str:
    return reverse("hub:settings_save", args=[integration.pk, "recognise"])


def matched_by(integration: Integration, resource: str = "card") -> tuple[str, ...]:
    """What the engine goes by."""
    integration.refresh_from_db()
    return IntegrationContext(integration).resource(resource).match_on


def test_how_records_are_recognised_is_chosen_in_the_wizard_and_goes_back_there(
    world: World, vendor: Vendor
) -> None:
    made = world.integration(status="DRAFT", resource_types=["card", "member", "comment"])
    manager = world.client()
    review = step(made, "review")
    html = manager.get(review).content.decode()
    assert "Recognise existing records by: Card" in html
    assert 'name="match.comment"' not in html
    assert re.search(r'name="match.member" value="name" *>', html)
    chosen = {"version": str(made.version), "next": f"{review}#recognise", "match.card": ["title"]}
    answer = manager.post(recognise(made), {**chosen, "match.member": ["name"]})
    assert answer["Location"] == f"{review}#recognise"
    assert (matched_by(made), matched_by(made, "member")) == (("title",), ("name",))
    assert made.options == {"board_id": "abcd1234", "match": {"card": ["title"], "member": ["name"]}}
    assert re.search(r'name="match.card" value="title" checked', manager.get(review).content.decode())


def test_none_is_a_choice_and_the_usual_one_is_not_written_down(world: World, vendor: Vendor) -> None:
    made = world.integration(resource_types=["card", "label"])
    manager = world.client()
    assert matched_by(made, "label") == ("name",)
    manager.post(recognise(made), {"version": str(made.version)})
    assert matched_by(made, "label") == ()
    manager.post(recognise(made), {"version": str(made.version), "match.label": ["name"]})
    assert matched_by(made, "label") == ("name",)
    assert "match" not in made.options


def test_a_field_that_cannot_be_compared_is_refused(world: World, vendor: Vendor) -> None:
    made = world.integration()
    answer = world.client().post(recognise(made), {"version": str(made.version), "match.card": ["due_on"]})
    assert answer.status_code == 422
    assert "Card, for recognising, has no “due_on”." in answer.content.decode()
    assert matched_by(made) == ()


def test_a_filter_with_a_misspelt_field_is_refused_at_its_input(world: World, vendor: Vendor) -> None:
    made = world.integration()
    answer = world.client().post(
        reverse("hub:settings_save", args=[made.pk, "what"]),
        {"version": str(made.version), "resource_types": ["card"], "sync_direction": "both",
         "record_filter": '{"local": [{"field": "stagee", "op": "equals", "value": "done"}]}'},
    )  # fmt: skip
    assert answer.status_code == 422
    assert "has no “stagee”. Did you mean “stage”?" in answer.content.decode()
    made.refresh_from_db()
    assert made.record_filter == {}


# -- a schedule and its windows ----------------------------------------------------------------------------


def when(integration: Integration, frequency: str) -> dict[str, str]:
    return {
        "version": str(integration.version),
        "auto_sync": "on",
        "sync_frequency": frequency,
        "sync_interval_seconds": "300",
        "batch_fallback_seconds": "3600",
        "sync_windows": '[{"days": [0, 1, 2, 3, 4, 5, 6], "from": "20:00", "to": "23:00"}]',
    }


def test_a_schedule_outside_its_windows_is_refused_at_their_input(world: World) -> None:
    made = world.integration()
    address = reverse("hub:settings_save", args=[made.pk, "when"])
    answer = world.client().post(address, when(made, "daily"))
    assert answer.status_code == 422
    assert "The schedule (daily at 02:00) never falls into a window" in answer.content.decode()
    made.refresh_from_db()
    assert made.sync_windows == []


def test_saving_windows_says_when_the_next_run_is(world: World) -> None:
    made = world.integration()
    address = reverse("hub:settings_save", args=[made.pk, "when"])
    html = world.client().post(address, when(made, "hourly"), follow=True).content.decode()
    assert re.search(r"The next run within the windows begins on \w+, \d\d \w+, at 2[0-2]:00 \(UTC\)\.", html)
