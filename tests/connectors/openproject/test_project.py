"""What the shared suite cannot know of OpenProject: locks, workflows, schedules, what a 404 means, text that nobody touched."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from connectors.base.errors import (
    AlreadyExists,
    ConfigurationProblem,
    ContractBroken,
    RecordGone,
    RecordProblem,
    StaleWrite,
)
from connectors.base.types import AbsenceKind, ExternalRecord
from connectors.openproject import reading
from connectors.openproject.connector import api_address, validate
from connectors.openproject.packages import Priorities, duration_of, hours_of, id_in
from connectors.openproject.reading import has_more
from integrations.services.statusmaps import status_suggestion
from sandbox.vendors import openproject_seed as seed
from tests.connectors.openproject.spec import SPEC
from tests.sandbox_fixtures import Stand

Opener = Callable[..., Stand]
API = "/openproject/api/v3"


def package_of(stand: Stand, id: str = "5") -> ExternalRecord:
    return stand.client.get("work_package", id)


def sent(stand: Stand, method: str = "PATCH") -> list[Any]:
    return [entry.body for entry in stand.vendor.requests if entry.method == method]


# --- writing ----------------------------------------------------------------------------------------------------------


def test_an_update_bears_the_lock_and_only_what_changed(open_stand: Opener) -> None:
    stand = open_stand("openproject")
    after = stand.client.update(
        "work_package", "5", {"hub.assignees": [], "hub.version": None}, current=package_of(stand)
    )
    assert sent(stand) == [
        {"lockVersion": 0, "_links": {"assignee": {"href": None}, "version": {"href": None}}}
    ]
    assert after.version == "1"
    write = next(entry for entry in stand.vendor.requests if entry.method == "PATCH")
    assert write.query == {"notify": ["false"]}


def test_people_are_told_where_the_settings_say_so(open_stand: Opener) -> None:
    stand = open_stand("openproject", settings={"notify": "yes"})
    stand.client.create("comment", {"hub.text": "Hello"}, key="k", parent_id="5")
    assert [entry.query for entry in stand.vendor.requests if entry.method == "POST"] == [
        {"notify": ["true"]}
    ]


def test_a_lock_that_moved_on_is_a_stale_write(open_stand: Opener) -> None:
    stand = open_stand("openproject")
    seen = package_of(stand)
    stand.vendor.edit("work_package", "5", {"subject": "Changed meanwhile"})
    with pytest.raises(StaleWrite):
        stand.client.update("work_package", "5", {"subject": "Ours"}, current=seen)
    with pytest.raises(StaleWrite):
        stand.client.delete("work_package", "5", current=seen)
    assert package_of(stand).data["subject"] == "Changed meanwhile"


def test_a_status_that_the_workflow_forbids_is_refused_with_those_it_allows(open_stand: Opener) -> None:
    stand = open_stand("openproject")
    with pytest.raises(RecordProblem) as caught:
        stand.client.update("work_package", "5", {"hub.status": "1"}, current=package_of(stand))
    assert caught.value.field == "hub.status"
    assert caught.value.message.endswith("Allowed now: In review, In progress, Closed, Rejected.")
    allowed = stand.client.containers("transition", "5")
    assert [(one.id, one.name) for one in allowed] == [
        ("9", "In review"),
        ("7", "In progress"),
        ("12", "Closed"),
        ("14", "Rejected"),
    ]


def test_a_refused_value_bears_the_name_of_the_mapped_field(open_stand: Opener) -> None:
    stand = open_stand("openproject")
    with pytest.raises(RecordProblem) as caught:
        stand.client.update(
            "work_package",
            "5",
            {"hub.start": "2026-12-21", "hub.due": "2026-12-14"},
            current=package_of(stand),
        )
    assert caught.value.field == "hub.due"
    several = {
        "_type": "Error",
        "errorIdentifier": "urn:openproject-org:api:v3:errors:MultipleErrors",
        "message": "Multiple field constraints have been violated.",
        "_embedded": {
            "errors": [
                {"message": "Subject can't be blank.", "_embedded": {"details": {"attribute": "subject"}}},
                {"message": "Type is not set.", "_embedded": {"details": {"attribute": "type"}}},
            ]
        },
    }
    stand.vendor.fail("status", status=422, body=several, method="PATCH")
    with pytest.raises(RecordProblem) as both:
        stand.client.update("work_package", "5", {"subject": "x"}, current=package_of(stand))
    assert (both.value.field, both.value.message) == (
        "subject, hub.type",
        "Subject can't be blank. Type is not set.",
    )


def test_one_assignee_and_one_category_are_all_there_is(open_stand: Opener) -> None:
    stand = open_stand("openproject")
    for path, value in (
        ("hub.assignees", ["41", "42"]),
        ("hub.labels", ["Books", "Public"]),
        ("hub.labels", ["Nonsense"]),
    ):
        with pytest.raises(RecordProblem) as caught:
            stand.client.update("work_package", "5", {path: value}, current=package_of(stand))
        assert caught.value.field == path
    assert sent(stand) == []


def test_a_group_can_be_assigned(open_stand: Opener) -> None:
    stand = open_stand("openproject")
    after = stand.client.update("work_package", "5", {"hub.assignees": ["50"]}, current=package_of(stand))
    assert sent(stand)[0]["_links"] == {"assignee": {"href": f"{API}/groups/50"}}
    assert after.data["hub"]["assignees"] == ["50"]


def test_a_list_field_holds_several_labels(open_stand: Opener) -> None:
    stand = open_stand("openproject", settings={"labels_field": "customField7"})
    assert package_of(stand, "8").data["hub"]["labels"] == ["budget", "urgent order"]
    after = stand.client.update(
        "work_package", "8", {"hub.labels": ["Press", "volunteers"]}, current=package_of(stand, "8")
    )
    assert after.data["hub"]["labels"] == ["press", "volunteers"]
    with pytest.raises(RecordProblem) as caught:
        stand.client.update("work_package", "8", {"hub.labels": ["strange"]}, current=after)
    assert caught.value.field == "hub.labels"


def test_a_milestone_has_one_day(open_stand: Opener) -> None:
    stand = open_stand("openproject")
    current = package_of(stand, "6")
    assert (current.data["hub"]["start"], current.data["hub"]["due"]) == ("2026-12-18", "2026-12-18")
    stand.client.update("work_package", "6", {"hub.due": "2026-12-21"}, current=current)
    assert sent(stand) == [{"lockVersion": 0, "date": "2026-12-21"}]
    with pytest.raises(RecordProblem):
        stand.client.update(
            "work_package", "6", {"hub.start": "2026-12-21", "hub.due": "2026-12-22"}, current=current
        )


def test_new_work_packages_get_the_type_of_the_settings(open_stand: Opener) -> None:
    stand = open_stand("openproject", settings={"type": "milestone"})
    made = stand.client.create(
        "work_package", {"subject": "Keys handed over", "hub.due": "2026-12-22"}, key="k"
    )
    assert (made.data["hub"]["type"], made.data["date"]) == ("2", "2026-12-22")


def test_a_day_off_is_moved_by_openproject_and_that_is_what_it_holds(open_stand: Opener) -> None:
    stand = open_stand("openproject")
    after = stand.client.update(
        "work_package", "5", {"hub.start": "2026-11-28", "hub.due": "2026-11-29"}, current=package_of(stand)
    )
    assert (after.data["hub"]["start"], after.data["hub"]["due"]) == ("2026-11-30", "2026-11-30")


def test_dates_that_follow_from_children_are_not_written(open_stand: Opener) -> None:
    stand = open_stand("openproject")
    row = stand.vendor.world.get("work_package", "2") or {}
    stand.vendor.world.put("work_package", "2", {**row, "scheduleManually": False})
    with pytest.raises(RecordProblem) as caught:
        stand.client.update("work_package", "2", {"hub.due": "2026-12-22"}, current=package_of(stand, "2"))
    assert caught.value.field == "hub.due"
    assert sent(stand) == []


def test_a_work_package_with_children_is_not_deleted(open_stand: Opener) -> None:
    stand = open_stand("openproject")
    with pytest.raises(RecordProblem):
        stand.client.delete("work_package", "2")
    assert stand.vendor.world.get("work_package", "3") is not None


def test_text_that_nobody_touched_goes_back_as_it_came(open_stand: Opener) -> None:
    stand = open_stand("openproject")
    raw = package_of(stand, "2").data["description"]["raw"]
    assert "<mention" in raw
    assert "##3" in raw
    after = stand.client.update("work_package", "2", {"description.raw": raw}, current=package_of(stand, "2"))
    assert after.data["description"]["raw"] == raw
    assert after.version == "0"  # the same text is no change


def test_a_name_that_is_taken_names_the_one_that_has_it(open_stand: Opener) -> None:
    stand = open_stand("openproject")
    with pytest.raises(AlreadyExists) as caught:
        stand.client.create("version", {"name": "New house open"}, key="k")
    assert caught.value.external_id == "32"


def test_a_versions_state_is_one_of_three(open_stand: Opener) -> None:
    stand = open_stand("openproject")
    for given, held in (("completed", "closed"), ("locked", "locked"), ("active", "open"), (None, "open")):
        current = stand.client.get("version", "32")
        assert stand.client.update("version", "32", {"status": given}, current=current).data["status"] == held


# --- reading ----------------------------------------------------------------------------------------------------------


def test_closed_work_packages_are_listed_as_well(open_stand: Opener) -> None:
    stand = open_stand("openproject")
    assert {"1", "12"} <= {one.id for one in stand.client.list_page("work_package").records}
    listing = next(entry for entry in stand.vendor.requests if entry.path == "/api/v3/work_packages")
    assert orjson.loads(listing.query["filters"][0]) == [{"project": {"operator": "=", "values": ["14"]}}]


def test_changes_are_asked_for_from_an_instant_on(open_stand: Opener) -> None:
    stand = open_stand("openproject")
    since = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)
    page = stand.client.list_page("work_package", since=since)
    assert min(int(one.id) for one in page.records) == 7
    listing = next(entry for entry in stand.vendor.requests if entry.path == "/api/v3/work_packages")
    assert orjson.loads(listing.query["filters"][0])[1] == {
        "updatedAt": {"operator": "<>d", "values": ["2026-07-01T12:00:00.000Z", ""]}
    }


def test_a_change_during_the_walk_makes_it_miss_nothing(
    open_stand: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "PAGE_SIZE", 3)
    stand = open_stand("openproject")
    every = {str(one["id"]) for one in stand.vendor.world.all("work_package")}
    page = stand.client.list_page("work_package")
    seen = {one.id for one in page.records}
    stand.vendor.edit("work_package", "1", {"subject": "Changed meanwhile"})
    while page.next_token is not None:
        page = stand.client.list_page("work_package", token=page.next_token)
        seen |= {one.id for one in page.records}
    assert seen == every


def test_an_answer_that_does_not_say_how_much_there_is_breaks_the_contract() -> None:
    assert has_more({"total": 41, "pageSize": 20}, 2)
    assert not has_more({"total": 40, "pageSize": 20}, 2)
    for body in ({}, {"total": 3}, {"total": "3", "pageSize": 20}, {"total": 3, "pageSize": 0}):
        with pytest.raises(ContractBroken):
            has_more(body, 1)


def test_only_activities_with_a_text_are_comments_and_internal_ones_stay_out(open_stand: Opener) -> None:
    stand = open_stand("openproject")
    stand.vendor.edit("work_package", "5", {"subject": "Changed"})
    row = stand.vendor.world.get("work_package", "5") or {}
    stand.vendor.make_activity(row, "Only for us", actor=41, internal=True)  # type: ignore[attr-defined]
    spoken = stand.vendor.edit("activity", None, {"package": 5, "comment": "For everybody"})
    assert [one.id for one in stand.client.list_page("comment", parent_id="5").records] == [spoken]


def test_an_emptied_comment_is_a_deleted_one(open_stand: Opener) -> None:
    stand = open_stand("openproject")
    id = stand.vendor.edit("activity", None, {"package": 5, "comment": "Hello"})
    stand.vendor.edit("activity", id, {"comment": ""})
    assert stand.client.explain_absence("comment", [id], parent_id="5")[id].kind is AbsenceKind.DELETED


def test_a_comment_bears_its_authors_name_and_loses_it_on_the_way_back(open_stand: Opener) -> None:
    stand = open_stand("openproject")
    made = stand.client.create(
        "comment", {"hub.text": "Hello", "hub.author": "Mara Jade"}, key="k", parent_id="5"
    )
    assert made.data["comment"]["raw"] == "Hello\n\n_Written by Mara Jade in Lockstep_\n\n<!-- lockstep:k -->"
    assert (made.data["hub"]["text"], made.data["hub"]["author"], made.data["hub"]["author_id"]) == (
        "Hello",
        "Mara Jade",
        None,
    )
    edited = stand.client.update("comment", made.id, {"hub.text": "Hello again"}, current=made, parent_id="5")
    assert edited.data["comment"]["raw"].startswith("Hello again\n\n_Written by Mara Jade")


# --- what a 404 means ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("extra", "settings", "kind"),
    [
        ({"admin": True}, {}, AbsenceKind.DELETED),
        ({"admin": False}, {}, AbsenceKind.UNKNOWN),
        ({"admin": False}, {"sees_all": "yes"}, AbsenceKind.DELETED),
    ],
)
def test_a_missing_work_package_was_deleted_only_if_nothing_is_hidden(
    open_stand: Opener, extra: dict[str, Any], settings: dict[str, str], kind: AbsenceKind
) -> None:
    stand = open_stand("openproject", settings=settings)
    stand.vendor.turn(extra={**extra, "hidden": [5]})
    with pytest.raises(RecordGone):
        package_of(stand)
    assert stand.client.explain_absence("work_package", ["5"])["5"].kind is kind


def test_a_work_package_in_another_project_has_moved(open_stand: Opener) -> None:
    stand = open_stand("openproject")
    row = stand.vendor.world.get("work_package", "5") or {}
    stand.vendor.world.put("work_package", "5", {**row, "project": seed.OTHER_PROJECT})
    assert stand.client.explain_absence("work_package", ["5"])["5"].kind is AbsenceKind.MOVED
    assert stand.client.get_many("work_package", ["5", "6"]).keys() == {"6"}


# --- set-up -----------------------------------------------------------------------------------------------------------


def test_the_check_names_account_and_version_and_a_wrong_type(open_stand: Opener) -> None:
    report = open_stand("openproject").client.check()
    assert (report.ok, report.account, report.api_version) == (True, "Lockstep Robot", "17.1.0")
    wrong = open_stand("openproject", settings={"type": "Epic"}).client.check()
    failed = [one for one in wrong.checks if not one.ok]
    assert [(one.name, one.fix) for one in failed] == [("type", "Choose one of Task, Milestone, Bug.")]


def test_an_anonymous_visitor_is_no_account(open_stand: Opener) -> None:
    stand = open_stand("openproject")
    visitor = {"_type": "User", "id": 2, "name": "Anonymous", "_links": {"self": {"href": f"{API}/users/2"}}}
    stand.vendor.fail("status", status=200, body=visitor, path="users/me")
    report = stand.client.check()
    assert not report.ok
    assert [one.name for one in report.checks] == ["authenticated"]


def test_statuses_are_suggested_by_name_and_class(open_stand: Opener) -> None:
    stages = ["backlog", "todo", "in_progress", "review", "done"]
    found = open_stand("openproject").client.containers("status")
    suggested = {one.name: status_suggestion(one.name, str(one.extra["category"]), stages) for one in found}
    assert suggested == {
        "New": "backlog",
        "In progress": "in_progress",
        "In review": "review",
        "On hold": "in_progress",
        "Closed": "done",
        "Rejected": "done",
    }


def test_oauth_renews_and_keeps_the_refresh_token_that_came_back(open_stand: Opener) -> None:
    kept: dict[str, Any] = {"api_key": "", "refresh_token": seed.REFRESH_TOKEN}
    kept |= {"client_id": seed.SECRET[0], "client_secret": seed.SECRET[1]}

    def refresh(exchange: Callable[[Any], Any]) -> Any:
        kept.update(exchange(dict(kept)))
        return kept

    stand = open_stand("openproject", secrets=dict(kept), refresh_secrets=refresh)
    assert package_of(stand).id == "5"
    assert kept["refresh_token"] not in ("", seed.REFRESH_TOKEN)


def test_webhooks_that_an_administrator_added_are_signed(open_stand: Opener) -> None:
    stand = open_stand("openproject")
    assert stand.client.ensure_webhook("http://127.0.0.1:9/h", "s3cret") is None
    stand.vendor.edit("webhook", None, {"url": "http://127.0.0.1:9/h", "secret": "s3cret"})
    stand.vendor.edit("work_package", "5", {"subject": "Told"})
    stand.vendor.sender.flush()
    delivery = stand.vendor.sender.deliveries("openproject")[-1]
    assert delivery.headers["X-OP-Signature"].startswith("sha1=")
    payload = orjson.loads(delivery.body)
    assert (payload["action"], payload["work_package"]["subject"]) == ("work_package:updated", "Told")


def test_everything_asked_for_in_setting_up_fits_the_document(open_stand: Opener) -> None:
    stand = open_stand("openproject", settings={"labels_field": "customField7"})
    for kind in ("project", "type", "status", "priority", "version", "category", "person"):
        assert stand.client.containers(kind), kind
    assert stand.client.containers("transition") == stand.client.containers("nonsense") == []
    stand.client.create("work_package", {"subject": "Tagged", "hub.labels": ["press"]}, key="k")
    problems, counts = SPEC.problems(stand.vendor.requests)
    assert problems == []
    assert counts["requests"] > 8


def test_settings_are_checked_and_addresses_completed() -> None:
    assert validate({"project": "new-library"}) == []
    fields = [name for name, _ in validate({"project": "a/b", "labels_field": "Tags", "site": "x"})]
    assert fields == ["project", "labels_field", "site"]
    assert api_address("https://work.example.com/op/") == "https://work.example.com/op/api/v3"
    with pytest.raises(ConfigurationProblem):
        api_address("")


# --- values -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("duration", "hours"),
    [
        ("PT8H", "8"),
        ("PT7H30M", "7.5"),
        ("P1DT2H", "26"),
        ("P2W", "336"),
        ("PT90S", "0.02"),
        (None, None),
        ("P", None),
        ("8h", None),
    ],
)
def test_durations_are_hours(duration: str | None, hours: str | None) -> None:
    assert hours_of(duration) == hours


def test_hours_become_durations() -> None:
    assert [duration_of(value) for value in ("7.5", 8, None)] == ["PT7H30M", "PT8H", None]
    with pytest.raises(RecordProblem):
        duration_of("soon")


def test_priorities_in_any_language_go_by_their_place() -> None:
    names = ("Niedrig", "Normal", "Hoch", "Sofort")
    rows = [
        {"id": 7 + place, "name": name, "position": place, "isDefault": place == 1}
        for place, name in enumerate(names)
    ]
    known = Priorities(rows)
    assert [known.word(str(7 + place), name) for place, name in enumerate(names)] == [
        "low",
        "normal",
        "high",
        "immediate",
    ]
    assert [known.id_of(word) for word in ("low", "normal", "high", "immediate")] == ["7", "8", "9", "10"]
    with pytest.raises(RecordProblem):
        Priorities(rows[:2]).id_of("immediate")


def test_a_hidden_link_is_no_id() -> None:
    assert id_in("urn:openproject-org:api:v3:undisclosed") is None
    assert id_in("/op/api/v3/users/4") == "4"
    assert id_in(None) is None
