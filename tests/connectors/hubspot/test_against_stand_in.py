"""HubSpot through its stand-in: search, pipelines, associations, merges, limits, refusals."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connectors import registry
from connectors.base.errors import (
    AlreadyExists,
    ConfigurationProblem,
    ContractBroken,
    PermissionProblem,
    RateLimited,
    RecordProblem,
    Retryable,
    StaleWrite,
)
from connectors.base.types import AbsenceKind, CreateClass, ExternalRecord
from connectors.hubspot import search
from sandbox.vendors import hubspot_seed as seed
from tests.sandbox_fixtures import Stand

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


@pytest.fixture
def stand(open_stand: Callable[..., Stand]) -> Stand:
    return open_stand("hubspot")


def walk(stand: Stand, resource: str, since: datetime | None = None) -> Iterator[ExternalRecord]:
    token: Any = None
    for _ in range(60):
        page = stand.client.list_page(resource, since=since, token=token)
        yield from page.records
        token = page.next_token
        if token is None:
            return
    raise AssertionError("no end")


def deal(stand: Stand, name: str) -> ExternalRecord:
    return next(one for one in walk(stand, "deal") if one.data["properties"]["dealname"] == name)


def same_moment(stand: Stand, kind: str, count: int, moment: str = "2026-11-20T10:00:00.000Z") -> set[str]:
    """Records that an import left, all changed at one time."""
    ids = set()
    for number in range(count):
        id = stand.vendor.edit(kind, None, {"name": f"Imported {number}"})
        row = stand.vendor.world.get(kind, id)
        assert row is not None
        row["properties"]["hs_lastmodifieddate"] = row["updatedAt"] = moment
        stand.vendor.world.put(kind, id, row)
        ids.add(id)
    return ids


# --- reading -----------------------------------------------------------------------------------------------------


def test_a_search_goes_on_past_the_cap_of_results(stand: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "CAP", 6)
    monkeypatch.setattr(search, "LIMIT", 2)
    stand.vendor.turn(extra={"search_cap": 6})
    for number in range(15):
        stand.vendor.edit("companies", None, {"name": f"Company {number}"})
    everyone = {one.id for one in walk(stand, "company")}
    assert {one.id for one in walk(stand, "company", LONG_AGO)} == everyone
    assert len(everyone) == 19


def test_more_records_of_one_moment_than_the_cap_are_walked_by_id(
    stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "CAP", 4)
    monkeypatch.setattr(search, "LIMIT", 2)
    stand.vendor.turn(extra={"search_cap": 4})
    imported = same_moment(stand, "companies", 9)
    since = datetime(2026, 11, 20, tzinfo=UTC)
    found = [one.id for one in walk(stand, "company", since)]
    assert imported <= set(found)
    assert {one.id for one in walk(stand, "company")} == set(found)


def test_a_search_that_does_not_get_on_is_refused() -> None:
    ask = search.first_ask(LONG_AGO)
    for rows, after in (([], "200"), ([{"id": "1"}], "x"), ([{"id": "1"}], "10000")):
        with pytest.raises(ContractBroken):
            search.after_page(ask, rows, after, "lastmodifieddate")


def test_the_index_lags_but_a_record_is_read_from_the_store(stand: Stand) -> None:
    stand.vendor.turn(list_lag_seconds=60)
    made = stand.client.create("task", {"properties.hs_task_subject": "Fresh"}, key="fresh")
    assert made.id not in {one.id for one in walk(stand, "task", LONG_AGO)}
    assert made.id in {one.id for one in walk(stand, "task")}
    assert stand.client.get("task", made.id).id == made.id


def test_contacts_are_searched_by_their_own_name_of_the_time_of_change(stand: Stand) -> None:
    list(walk(stand, "contact", LONG_AGO))
    list(walk(stand, "company", LONG_AGO))
    names = [
        entry.body["filterGroups"][0]["filters"][0]["propertyName"]
        for entry in stand.vendor.requests
        if entry.path.endswith("/search")
    ]
    assert names == ["lastmodifieddate", "hs_lastmodifieddate"]


def test_a_hundred_are_read_in_one_request_with_their_companies(stand: Stand) -> None:
    ids = [one.id for one in walk(stand, "deal")]
    stand.vendor.requests.clear()
    found = stand.client.get_many("deal", [*ids, "404404", "no-id"])
    assert set(found) == set(ids)
    assert [entry.path for entry in stand.vendor.requests] == [
        "/crm/v3/objects/deals/batch/read",
        "/crm/v4/associations/deals/companies/batch/read",
    ]
    whole = {one.id: one.data["hub"]["company"] for one in walk(stand, "deal")}
    assert {id: one.data["hub"]["company"] for id, one in found.items()} == whole


def test_only_deals_of_the_chosen_pipeline_are_kept(open_stand: Callable[..., Stand]) -> None:
    stand = open_stand("hubspot", settings={"pipeline_id": "7342101"})
    assert [one.data["properties"]["dealname"] for one in walk(stand, "deal")] == ["Nordlicht care plan 2027"]
    other = next(
        one["id"] for one in stand.vendor.world.all("deals") if one["properties"]["pipeline"] == "default"
    )
    assert stand.client.explain_absence("deal", [other])[other].kind is AbsenceKind.OUT_OF_FILTER
    assert [one.name for one in stand.client.containers("stage")] == [
        "Discovery",
        "Negotiation",
        "Closed won",
        "Closed lost",
    ]


def test_stages_of_several_pipelines_are_told_apart(stand: Stand) -> None:
    names = {one.id: one.name for one in stand.client.containers() if one.kind == "stage"}
    assert names["closedwon"] == "Sales pipeline: Closed won"
    assert names["19284413"] == "Renewals: Closed won"


def test_further_properties_are_asked_for(open_stand: Callable[..., Stand]) -> None:
    stand = open_stand("hubspot", settings={"more_properties": "contact.favourite_wood, deal.dealtype"})
    assert "favourite_wood" in next(walk(stand, "contact")).data["properties"]
    assert "dealtype" in next(walk(stand, "deal")).data["properties"]


def test_a_dated_version_moves_the_address_of_the_objects(open_stand: Callable[..., Stand]) -> None:
    stand = open_stand("hubspot", settings={"api_version": "2026-03"})
    assert next(walk(stand, "task")).id
    assert stand.vendor.requests[0].path == "/crm/objects/2026-03/tasks"


def test_records_link_to_the_account_they_are_in(stand: Stand) -> None:
    one = next(walk(stand, "company"))
    assert one.url == f"https://app-eu1.hubspot.com/contacts/{seed.PORTAL}/record/0-2/{one.id}"


# --- writing -----------------------------------------------------------------------------------------------------


def test_a_stage_is_sent_with_its_pipeline(stand: Stand) -> None:
    record = deal(stand, "Waiting room")
    moved = stand.client.update("deal", record.id, {"properties.dealstage": "19284412"}, current=record)
    assert stand.vendor.requests[-2].body == {"properties": {"dealstage": "19284412", "pipeline": "7342101"}}
    assert moved.data["properties"]["hs_deal_stage_probability"] == "0.7"


def test_a_stage_that_is_not_there_is_refused_by_name(stand: Stand) -> None:
    record = deal(stand, "Waiting room")
    with pytest.raises(RecordProblem) as refused:
        stand.client.update("deal", record.id, {"properties.dealstage": "gone"}, current=record)
    assert refused.value.field == "properties.dealstage"


def test_a_new_deal_without_a_stage_begins_at_the_first(stand: Stand) -> None:
    made = stand.client.create("deal", {"properties.dealname": "Bar"}, key="bar")
    assert made.data["properties"]["dealstage"] == "appointmentscheduled"
    assert made.data["properties"]["pipeline"] == "default"


def test_a_deals_company_is_put_changed_and_taken_away(stand: Stand) -> None:
    companies = [one.id for one in walk(stand, "company")]
    record = deal(stand, "40 standing desks")
    assert record.data["hub"]["company"] == companies[0]
    moved = stand.client.update("deal", record.id, {"hub.company": companies[1]}, current=record)
    assert moved.data["hub"]["company"] == companies[1]
    bare = stand.client.update("deal", record.id, {"hub.company": None}, current=moved)
    assert bare.data["hub"]["company"] is None


def test_what_others_changed_beside_ours_is_no_reason_to_refuse(stand: Stand) -> None:
    record = deal(stand, "40 standing desks")
    stand.vendor.edit("deals", record.id, {"amount": "99"})
    kept = stand.client.update("deal", record.id, {"properties.dealname": "42 desks"}, current=record)
    assert kept.data["properties"]["amount"] == "99"
    with pytest.raises(StaleWrite):
        stand.client.update("deal", record.id, {"properties.amount": "1"}, current=record)


def test_a_task_without_a_due_date_reads_as_one_until_somebody_sets_it(stand: Stand) -> None:
    made = stand.client.create("task", {"properties.hs_task_subject": "Someday"}, key="someday")
    assert made.data["hub"]["due_at"] is None
    assert made.data["properties"]["hs_timestamp"].endswith("12:00:00.001Z")
    stand.vendor.edit("tasks", made.id, {"hs_timestamp": "2026-12-24T09:00:00.000Z"})
    dated = stand.client.get("task", made.id)
    assert dated.data["hub"]["due_at"] == "2026-12-24T09:00:00.000Z"
    assert (
        stand.client.update("task", made.id, {"hub.due_at": None}, current=dated).data["hub"]["due_at"]
        is None
    )


def test_a_task_has_one_owner(stand: Stand) -> None:
    fields = {"properties.hs_task_subject": "Both", "hub.owners": ["41629779", "41629780"]}
    with pytest.raises(RecordProblem) as refused:
        stand.client.create("task", fields, key="both")
    assert refused.value.field == "hub.owners"


def test_a_note_names_an_author_who_is_no_owner_below_its_text(stand: Stand) -> None:
    where = deal(stand, "Waiting room").id
    fields = {"hub.body": "<p>Hello</p>", "hub.author": "Jo <b> & Co"}
    made = stand.client.create("deal_note", fields, key="n1", parent_id=where)
    assert (made.parent_id, made.data["hub"]["body"]) == (where, "<p>Hello</p>")
    assert made.data["hub"]["author"] == "Jo <b> & Co"
    assert "Jo &lt;b&gt; &amp; Co, via Lockstep" in made.data["properties"]["hs_note_body"]
    changed = stand.client.update("deal_note", made.id, {"hub.body": "<p>Bye</p>"}, current=made)
    assert (changed.data["hub"]["body"], changed.data["hub"]["author"]) == ("<p>Bye</p>", "Jo <b> & Co")


def test_an_address_that_is_there_names_its_contact(open_stand: Callable[..., Stand]) -> None:
    stand = open_stand("hubspot", settings={"key_property": "off"})
    there = next(walk(stand, "contact"))
    for each in (stand, open_stand("hubspot")):
        with pytest.raises(AlreadyExists) as refused:
            each.client.create("contact", {"properties.email": "jana@nordlicht.example"}, key="k")
        assert refused.value.external_id == there.id
    other = list(walk(stand, "contact"))[1]
    with pytest.raises(AlreadyExists, match="^Contact already exists") as refused:
        stand.client.update(
            "contact", other.id, {"properties.email": "jana@nordlicht.example"}, current=other
        )
    assert refused.value.field == "email"


def test_a_refusal_inside_an_answer_of_207_is_a_refusal(stand: Stand) -> None:
    error = {
        "status": "error",
        "category": "VALIDATION_ERROR",
        "message": "bad",
        "context": {"propertyName": ["amount"]},
    }
    body = {"status": "COMPLETE", "results": [], "numErrors": 1, "errors": [error]}
    stand.vendor.fail("status", status=207, body=body, path="upsert")
    with pytest.raises(RecordProblem) as refused:
        stand.client.create("company", {"properties.name": "X"}, key="x")
    assert refused.value.field == "amount"


@pytest.mark.parametrize(
    ("path", "value"), [("email", "no address"), ("hs_lead_status", "WRONG"), ("hs_analytics_source", "X")]
)
def test_a_refused_value_names_its_property(stand: Stand, path: str, value: str) -> None:
    record = next(walk(stand, "contact"))
    with pytest.raises(RecordProblem) as refused:
        stand.client.update("contact", record.id, {f"properties.{path}": value}, current=record)
    assert refused.value.field == path


def test_a_lifecycle_stage_that_was_ignored_is_not_taken_for_written(stand: Stand) -> None:
    record = next(
        one for one in walk(stand, "contact") if one.data["properties"]["lifecyclestage"] == "customer"
    )
    with pytest.raises(RecordProblem, match="forwards only"):
        stand.client.update("contact", record.id, {"properties.lifecyclestage": "lead"}, current=record)


def test_the_key_property_is_made_where_it_is_missing(open_stand: Callable[..., Stand]) -> None:
    stand = open_stand("hubspot", settings={"key_property": "hub_uuid"})
    assert stand.client.find_by_key("deal", "k1", since=LONG_AGO) is None
    made = stand.client.create("deal", {"properties.dealname": "Keyed"}, key="k1")
    found = stand.client.find_by_key("deal", "k1", since=LONG_AGO)
    assert found is not None and found.id == made.id
    body = next(entry.body for entry in stand.vendor.requests if entry.path == "/crm/v3/properties/deals")
    assert (body["name"], body["hasUniqueValue"]) == ("hub_uuid", True)


def test_without_the_right_to_make_it_a_person_is_told(open_stand: Callable[..., Stand]) -> None:
    stand = open_stand("hubspot", settings={"key_property": "hub_uuid"})
    stand.vendor.fail("status", status=403, method="POST", path="/crm/v3/properties")
    with pytest.raises(ConfigurationProblem, match="hub_uuid"):
        stand.client.create("deal", {"properties.dealname": "Keyed"}, key="k1")


def test_without_a_key_nothing_proves_a_create() -> None:
    connector = registry.get("hubspot")
    assert connector.resource("deal", {"key_property": "off"}).create_class is CreateClass.UNPROVABLE
    assert connector.resource("deal", {}).create_class is CreateClass.UPSERT


def test_a_create_that_was_not_finished_is_in_doubt_and_the_same_again_completes_it(stand: Stand) -> None:
    company = next(walk(stand, "company")).id
    fields = {"properties.dealname": "Half", "hub.company": company}
    stand.vendor.fail("status", status=503, path="associations/default")
    with pytest.raises(Retryable) as lost:
        stand.client.create("deal", fields, key="half")
    assert lost.value.ambiguous
    again = stand.client.create("deal", fields, key="half")
    assert again.data["hub"]["company"] == company
    assert sum(one.data["properties"]["dealname"] == "Half" for one in walk(stand, "deal")) == 1


# --- gone --------------------------------------------------------------------------------------------------------


def test_a_merged_record_was_moved_and_an_erased_one_is_for_a_person(stand: Stand) -> None:
    kept, gone = (one.id for one in list(walk(stand, "company"))[:2])
    stand.vendor.merge("companies", kept, gone, actor="")  # type: ignore[attr-defined]
    found = stand.client.explain_absence("company", [gone, "15999999999"])
    assert found[gone].kind is AbsenceKind.MOVED
    assert found[gone].record is not None and found[gone].record.id == kept
    assert found["15999999999"].kind is AbsenceKind.UNKNOWN
    assert gone not in stand.client.get_many("company", [gone])


def test_the_recycle_bin_says_since_when(stand: Stand) -> None:
    record = next(walk(stand, "task"))
    stand.vendor.remove("tasks", record.id)
    absence = stand.client.explain_absence("task", [record.id])[record.id]
    assert absence.kind is AbsenceKind.DELETED
    assert "recycle bin since 20" in absence.detail


# --- limits, rights, set-up --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("policy", "headers", "wait"),
    [
        ("TEN_SECONDLY_ROLLING", {"X-HubSpot-RateLimit-Interval-Milliseconds": "10000"}, 10),
        ("SECONDLY", {}, 1),
        ("DAILY", {"X-HubSpot-RateLimit-Interval-Milliseconds": "10000"}, 3600),
        ("TEN_SECONDLY_ROLLING", {"Retry-After": "4"}, 4),
    ],
)
def test_each_limit_has_its_own_wait(stand: Stand, policy: str, headers: dict[str, str], wait: int) -> None:
    body = {
        "status": "error",
        "message": "limit",
        "errorType": "RATE_LIMIT",
        "policyName": policy,
        "correlationId": "c",
    }
    clean = {"X-HubSpot-RateLimit-Interval-Milliseconds": ""} | headers
    stand.vendor.fail("status", status=429, body=body, headers=clean, path="search")
    with pytest.raises(RateLimited) as limited:
        stand.client.list_page("deal", since=LONG_AGO)
    assert limited.value.retry_after == wait


def test_an_account_that_is_being_moved_asks_for_patience(stand: Stand) -> None:
    stand.vendor.fail("status", status=477, headers={"Retry-After": "60"})
    with pytest.raises(Retryable) as moving:
        stand.client.list_page("deal")
    assert moving.value.retry_after == 60


def test_a_missing_scope_is_named(stand: Stand) -> None:
    body = {"status": "error", "message": "This app hasn't been granted all required scopes", "category": "MISSING_SCOPES"}  # fmt: skip
    stand.vendor.fail("status", status=403, body=body, path="objects/companies")
    report = stand.client.check()
    assert report.ok
    assert list(report.missing_scopes) == ["crm.objects.companies.read"]
    assert report.account_id == str(seed.PORTAL)
    stand.vendor.fail("status", status=403, body=body, path="objects/companies")
    with pytest.raises(PermissionProblem):
        stand.client.list_page("company")


def test_granted_access_is_renewed(open_stand: Callable[..., Stand]) -> None:
    secrets = {
        "token": "",
        "client_id": seed.CLIENT_ID,
        "client_secret": seed.CLIENT_SECRET,
        "refresh_token": seed.REFRESH_TOKEN,
    }
    stand = open_stand("hubspot", secrets=secrets)
    assert next(walk(stand, "deal")).id
    assert stand.vendor.requests[0].path == "/oauth/v1/token"


def test_an_app_that_serves_another_address_is_left_alone(stand: Stand) -> None:
    stand.client.ensure_webhook("https://hub.example.org/one", "")
    with pytest.raises(ConfigurationProblem, match="another address"):
        stand.client.ensure_webhook("https://hub.example.org/two", "")
    assert stand.client.remove_webhooks("https://hub.example.org/two") == 0
    assert stand.client.remove_webhooks("https://hub.example.org/one") == 1


def test_settings_are_refused_with_the_field_and_what_to_do() -> None:
    validate = registry.get("hubspot").validate
    assert validate is not None
    wrong = {
        "api_version": "4",
        "key_property": "Bad Name",
        "more_properties": "ticket.subject",
        "app_id": "x1",
    }
    assert [field for field, _ in validate(wrong)] == list(wrong)
    assert (
        validate({"api_version": "2026-03", "key_property": "off", "more_properties": "deal.dealtype"}) == []
    )


def test_nothing_older_than_the_question_is_asked_for(stand: Stand) -> None:
    since = datetime.now(UTC) + timedelta(hours=1)
    assert list(walk(stand, "deal", since)) == []
