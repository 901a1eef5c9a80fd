"""Salesforce through its stand-in: query locators, the bin, duplicates, rules, tokens, the day's limit."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from connectors.base.connector import OpenGate
from connectors.base.errors import (
    AlreadyExists,
    ConfigurationProblem,
    ContractBroken,
    PermissionProblem,
    RateLimited,
    RecordGone,
    RecordProblem,
    Retryable,
    StaleWrite,
)
from connectors.base.types import AbsenceKind, ExternalRecord
from sandbox.vendors import salesforce_seed as seed
from tests.sandbox_fixtures import Stand

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
ROOT = "/services/data/v62.0"


@pytest.fixture
def stand(open_stand: Callable[..., Stand]) -> Stand:
    return open_stand("salesforce")


def walk(stand: Stand, resource: str, since: datetime | None = None) -> Iterator[ExternalRecord]:
    token: Any = None
    for _ in range(60):
        page = stand.client.list_page(resource, since=since, token=token)
        yield from page.records
        token = page.next_token
        if token is None:
            return
    raise AssertionError("no end")


def first(stand: Stand, resource: str) -> ExternalRecord:
    return next(walk(stand, resource))


# --- reading -----------------------------------------------------------------------------------------------------


def test_a_query_is_followed_by_its_locator(stand: Stand) -> None:
    stand.vendor.turn(extra={"batch_size": 2})
    assert len({one.id for one in walk(stand, "lead")}) == 3
    paths = [entry.path for entry in stand.vendor.requests]
    assert paths[0] == f"{ROOT}/query"
    assert paths[1].startswith(f"{ROOT}/query/01g")


def test_a_lost_locator_costs_no_record(stand: Stand) -> None:
    stand.vendor.turn(extra={"batch_size": 2})
    page = stand.client.list_page("opportunity", since=LONG_AGO)
    for locator in list(stand.vendor.world.ids("locator")):
        stand.vendor.world.drop("locator", locator)
    rest = stand.client.list_page("opportunity", since=LONG_AGO, token=page.next_token)
    assert rest.next_token is None
    ids = [one.id for one in (*page.records, *rest.records)]
    assert sorted(ids) == sorted(one["Id"] for one in stand.vendor.world.all("Opportunity"))


@pytest.mark.parametrize(
    "body",
    [
        {"records": []},
        {"records": [], "done": False, "nextRecordsUrl": f"{ROOT}/query/x"},
        {"records": [{"Id": "1"}], "done": False},
        {"records": [{"Id": "1"}], "done": False, "nextRecordsUrl": "https://evil.example/"},
        {"records": [7], "done": True},
        {"records": [{"Name": "no id"}], "done": True},
    ],
)
def test_an_answer_that_does_not_say_where_it_ends_breaks_the_contract(stand: Stand, body: Any) -> None:
    stand.vendor.fail("status", status=200, body=body)
    with pytest.raises(ContractBroken):
        stand.client.list_page("lead")


def test_only_people_are_users(stand: Stand) -> None:
    assert "Automated Process" not in {one.data["Name"] for one in walk(stand, "user")}
    assert {one.data["IsActive"] for one in walk(stand, "user")} == {True, False}


def test_two_hundred_are_read_in_one_request(stand: Stand) -> None:
    ids = [one.id for one in walk(stand, "task")]
    stand.vendor.requests.clear()
    found = stand.client.get_many("task", [*ids, "00T5g0000099999AAA", "no-id"])
    assert set(found) == set(ids)
    assert [entry.path for entry in stand.vendor.requests] == [f"{ROOT}/composite/sobjects/Task"]


def test_a_field_nobody_gave_the_user_is_a_matter_of_rights(open_stand: Callable[..., Stand]) -> None:
    stand = open_stand("salesforce", settings={"more_fields": "Lead.Secret__c"})
    with pytest.raises(PermissionProblem, match="Secret__c"):
        stand.client.list_page("lead")


def test_stages_are_offered_by_their_api_names_and_statuses_apart(stand: Stand) -> None:
    assert [one.id for one in stand.client.containers()][:2] == ["Prospecting", "Qualification"]
    statuses = {(one.id, one.extra["resource"]) for one in stand.client.containers() if one.kind == "status"}
    assert {("Closed - Converted", "lead"), ("Completed", "task")} <= statuses
    fields = {one.id: one.extra["writable"] for one in stand.client.containers("field", "Opportunity")}
    assert fields["StageName"] and not fields["Probability"]


# --- writing -----------------------------------------------------------------------------------------------------


def test_a_create_and_its_reading_back_are_one_request(stand: Stand) -> None:
    made = stand.client.create("account", {"Name": "Wasserwacht"}, key="k/1 ?")
    writes = [entry for entry in stand.vendor.requests if entry.method != "GET"]
    assert [entry.path for entry in writes] == [f"{ROOT}/composite"]
    urls = [part["url"] for part in writes[0].body["compositeRequest"]]
    assert urls[0] == f"{ROOT}/sobjects/Account/{seed.KEY_FIELD}/k%2F1%20%3F"
    again = stand.client.create("account", {"Name": "Wasserwacht"}, key="k/1 ?")
    assert again.id == made.id


def test_without_an_external_id_field_it_is_made_and_read_all_the_same(
    open_stand: Callable[..., Stand],
) -> None:
    stand = open_stand("salesforce", settings={"external_id_field": ""})
    made = stand.client.create("contact", {"LastName": "Neu"}, key="k")
    assert made.data["LastName"] == "Neu"
    assert stand.client.find_by_key("contact", "k", since=LONG_AGO) is None


def test_what_is_missing_in_an_opportunity_is_filled_in(stand: Stand) -> None:
    made = stand.client.create("opportunity", {"Name": "Bare"}, key="bare")
    assert made.data["StageName"] == "Prospecting"
    assert made.data["CloseDate"] > datetime.now(UTC).date().isoformat()


def test_an_update_carries_the_time_it_was_based_on(stand: Stand) -> None:
    record = first(stand, "account")
    stand.client.update("account", record.id, {"Phone": "1"}, current=record)
    sent = next(entry for entry in stand.vendor.requests if entry.method == "PATCH")
    assert sent.headers["if-unmodified-since"] == "Tue, 01 Sep 2026 08:00:00 GMT"
    assert sent.body == {"Phone": "1"}


def test_a_change_between_reading_and_writing_is_refused_by_salesforce(stand: Stand) -> None:
    record = first(stand, "account")
    body = [{"errorCode": "PRECONDITION_FAILED", "message": "modified since"}]
    stand.vendor.fail("status", status=412, method="PATCH", body=body)
    with pytest.raises(StaleWrite):
        stand.client.update("account", record.id, {"Phone": "1"}, current=record)


def test_a_change_within_the_same_second_is_seen_by_comparing(stand: Stand) -> None:
    made = stand.client.create("lead", {"LastName": "Eil", "Company": "Blitz"}, key="eil")
    stand.vendor.edit("Lead", made.id, {"Company": "Donner"})
    with pytest.raises(StaleWrite):
        stand.client.update("lead", made.id, {"Company": "Hagel"}, current=made)
    kept = stand.client.update("lead", made.id, {"Phone": "2"}, current=made)
    assert (kept.data["Company"], kept.data["Phone"]) == ("Donner", "2")


def test_the_only_exact_duplicate_is_named_and_a_doubtful_one_is_not(stand: Stand) -> None:
    there = next(one for one in walk(stand, "lead") if one.data["Email"] == "anke@vogt.example")
    fields = {"LastName": "Vogt", "Company": "Vogt", "Email": "anke@vogt.example"}
    with pytest.raises(AlreadyExists) as refused:
        stand.client.create("lead", fields, key="dup")
    assert refused.value.external_id == there.id
    stand.vendor.edit("Lead", None, {**fields, "LastName": "Zwei"})
    with pytest.raises(AlreadyExists) as unsure:
        stand.client.create("lead", fields, key="dup")
    assert unsure.value.external_id is None


def test_a_duplicate_is_saved_where_that_was_chosen(open_stand: Callable[..., Stand]) -> None:
    stand = open_stand("salesforce", settings={"allow_duplicates": "yes"})
    fields = {"LastName": "Vogt", "Company": "Vogt", "Email": "anke@vogt.example"}
    assert stand.client.create("lead", fields, key="dup").data["LastName"] == "Vogt"


@pytest.mark.parametrize(
    ("resource", "fields", "named"),
    [
        ("opportunity", {"StageName": "Sold"}, "StageName"),
        ("opportunity", {"Name": "x" * 121}, "Name"),
        ("opportunity", {"Probability": 50}, "Probability"),
        ("lead", {"Status": "Closed - Converted"}, "Status"),
        ("lead", {"Company": None}, "Company"),
    ],
)
def test_a_refused_value_names_its_field(
    stand: Stand, resource: str, fields: dict[str, Any], named: str
) -> None:
    record = first(stand, resource)
    with pytest.raises(RecordProblem) as refused:
        stand.client.update(resource, record.id, fields, current=record)
    assert refused.value.field == named


def test_a_rule_of_the_org_is_a_refusal_of_its_field(stand: Stand) -> None:
    fields = {"Name": "Gift", "StageName": "Closed Won"}
    with pytest.raises(RecordProblem, match="needs an amount") as refused:
        stand.client.create("opportunity", fields, key="gift")
    assert refused.value.field == "Amount"
    assert stand.client.find_by_key("opportunity", "gift", since=LONG_AGO) is None


def test_nobody_who_left_can_own_a_record(stand: Stand) -> None:
    gone = next(one.id for one in walk(stand, "user") if not one.data["IsActive"])
    with pytest.raises(RecordProblem) as refused:
        stand.client.create("account", {"Name": "A", "OwnerId": gone}, key="a")
    assert refused.value.field == "OwnerId"


def test_a_locked_row_is_tried_again(stand: Stand) -> None:
    record = first(stand, "task")
    body = [{"errorCode": "UNABLE_TO_LOCK_ROW", "message": "unable to obtain exclusive access", "fields": []}]
    stand.vendor.fail("status", status=400, body=body, method="PATCH")
    with pytest.raises(Retryable):
        stand.client.update("task", record.id, {"Status": "Completed"}, current=record)


def test_completing_a_task_says_when(stand: Stand) -> None:
    record = first(stand, "task")
    done = stand.client.update("task", record.id, {"Status": "Completed"}, current=record)
    assert done.data["IsClosed"] is True
    assert done.data["CompletedDateTime"]


# --- gone --------------------------------------------------------------------------------------------------------


def test_deletions_are_part_of_the_feed(stand: Stand) -> None:
    record = first(stand, "task")
    stand.vendor.remove("Task", record.id)
    page = stand.client.list_page("task", since=LONG_AGO)
    assert page.deleted_ids == [record.id]
    assert record.id not in {one.id for one in page.records}
    with pytest.raises(RecordGone) as gone:
        stand.client.get("task", record.id)
    assert gone.value.proven


def test_the_bin_the_log_a_merge_and_lost_sight_are_told_apart(stand: Stand) -> None:
    world: Any = stand.vendor
    kept, merged, purged = (one.id for one in list(walk(stand, "account"))[:3])
    binned = first(stand, "contact").id
    world.merge("Account", kept, merged)
    world.drop("Account", purged)
    world.purge("Account", purged)
    world.drop("Contact", binned)
    unseen = "0015g0000099999AAA"
    found = stand.client.explain_absence("account", [kept, merged, purged, unseen])
    assert {id: absence.kind for id, absence in found.items()} == {
        kept: AbsenceKind.PRESENT,
        merged: AbsenceKind.MOVED,
        purged: AbsenceKind.DELETED,
        unseen: AbsenceKind.UNKNOWN,
    }
    assert kept in found[merged].detail
    assert stand.client.explain_absence("contact", [binned])[binned].kind is AbsenceKind.DELETED


# --- tokens and limits -------------------------------------------------------------------------------------------


def test_a_spent_session_is_renewed_once(open_stand: Callable[..., Stand]) -> None:
    stand = open_stand("salesforce", secrets={"access_token": "spent"})
    assert first(stand, "lead").id
    assert [(entry.path, entry.status) for entry in stand.vendor.requests] == [
        (f"{ROOT}/query", 401),
        ("/services/oauth2/token", 200),
        (f"{ROOT}/query", 200),
    ]


def test_without_a_refresh_token_the_app_acts_for_itself(open_stand: Callable[..., Stand]) -> None:
    stand = open_stand("salesforce", secrets={"access_token": "", "refresh_token": ""})
    assert first(stand, "lead").id
    assert "grant_type=client_credentials" in stand.vendor.requests[0].body


def test_the_instance_that_a_token_names_is_kept_and_used(open_stand: Callable[..., Stand]) -> None:
    kept: dict[str, Any] = {}

    def refresh(run: Any) -> Any:
        secrets = {
            "client_id": seed.CLIENT_ID,
            "client_secret": seed.CLIENT_SECRET,
            "refresh_token": seed.REFRESH_TOKEN,
        }
        kept.update(run(secrets))
        return kept

    stand = open_stand("salesforce", secrets={"access_token": ""}, refresh_secrets=refresh)
    first(stand, "lead")
    assert kept["instance_url"] == stand.base_url
    moved = open_stand("salesforce", secrets={"instance_url": "http://127.0.0.1:9"})
    with pytest.raises(Retryable):
        moved.client.list_page("lead")


def test_a_withdrawn_grant_asks_for_a_person(open_stand: Callable[..., Stand]) -> None:
    stand = open_stand("salesforce", secrets={"access_token": "", "refresh_token": "withdrawn"})
    with pytest.raises(ConfigurationProblem, match="expired access/refresh token"):
        stand.client.list_page("lead")


def test_the_days_limit_is_a_403_and_is_waited_out(stand: Stand) -> None:
    body = [{"errorCode": "REQUEST_LIMIT_EXCEEDED", "message": "TotalRequests Limit exceeded."}]
    stand.vendor.fail("status", status=403, body=body)
    with pytest.raises(RateLimited) as limited:
        stand.client.list_page("lead")
    assert limited.value.retry_after == 900
    assert not limited.value.ambiguous


def test_what_is_left_of_the_day_is_read_from_every_answer(open_stand: Callable[..., Stand]) -> None:
    seen: list[tuple[int | None, int | None]] = []

    class Gate(OpenGate):
        def observe(
            self, quota_class: str, *, limit: int | None, remaining: int | None, reset_after: float | None
        ) -> None:
            seen.append((limit, remaining))

    stand = open_stand("salesforce", gate=Gate())
    stand.client.list_page("lead")
    assert seen == [(15_000, 14_999)]


def test_an_org_without_the_api_asks_for_a_person(stand: Stand) -> None:
    body = [{"errorCode": "API_DISABLED_FOR_ORG", "message": "API is not enabled for this Organization"}]
    stand.vendor.fail("status", status=403, body=body)
    with pytest.raises(ConfigurationProblem, match="not enabled"):
        stand.client.list_page("lead")


def test_a_version_that_the_org_does_not_offer_fails_the_check(open_stand: Callable[..., Stand]) -> None:
    report = open_stand("salesforce", settings={"api_version": "v99.0"}).client.check()
    assert not report.ok
    assert any(check.name == "version" and not check.ok and check.fix for check in report.checks)


def test_an_error_code_in_a_records_text_is_no_error(stand: Stand) -> None:
    text = 'They saw "UNABLE_TO_LOCK_ROW" and "DUPLICATES_DETECTED" and "ENTITY_IS_DELETED".'
    made = stand.client.create("task", {"Subject": "Look", "Description": text}, key="text")
    assert made.data["Description"] == text
    assert made.id in {one.id for one in walk(stand, "task")}
