"""Salesforce's queries and values, without HTTP."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from connectors import registry
from connectors.base.errors import ConfigurationProblem, RecordProblem
from connectors.base.types import CreateClass
from connectors.salesforce.objects import SOBJECTS, by_ids, listing, record_body, soql_text, with_defaults
from connectors.salesforce.session import base_of
from sandbox.vendors.salesforce_soql import parse
from sandbox.web import Refusal

NOW = datetime(2026, 11, 28, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "literal"),
    [
        ("O'Brien", r"'O\'Brien'"),
        ("back\\slash", r"'back\\slash'"),
        ("two\nlines", r"'two\nlines'"),
        ("' OR Name != '", r"'\' OR Name != \''"),
    ],
)
def test_nothing_in_a_text_ends_its_literal(text: str, literal: str) -> None:
    assert soql_text(text) == literal
    query = parse(f"SELECT Id FROM Lead WHERE Name = {literal}")
    assert [row["Name"] for row in query.rows([{"Name": text}, {"Name": "x"}])] == [text]


def test_a_listing_is_in_the_order_of_change_and_goes_on_behind_a_record() -> None:
    user = SOBJECTS["user"]
    assert listing(user, ["Id"], since=NOW) == (
        "SELECT Id FROM User WHERE UserType = 'Standard' AND SystemModstamp >= 2026-11-28T12:00:00Z ORDER BY SystemModstamp, Id"
    )
    after = ("2026-11-01T10:00:00.000+0000", "005x'y")
    assert listing(SOBJECTS["task"], ["Id"], since=NOW, after=after) == (
        "SELECT Id FROM Task WHERE (SystemModstamp > 2026-11-01T10:00:00Z OR (SystemModstamp = 2026-11-01T10:00:00Z "
        "AND Id > '005x\\'y')) ORDER BY SystemModstamp, Id"
    )


def test_only_what_can_be_merged_is_asked_for_its_master() -> None:
    assert "MasterRecordId" in by_ids(SOBJECTS["lead"], ["a"])
    assert "MasterRecordId" not in by_ids(SOBJECTS["task"], ["a"])


def test_a_new_record_gets_what_salesforce_insists_on() -> None:
    deal = with_defaults("opportunity", {"Name": "A", "CloseDate": None}, now=NOW, first_stage="Prospecting")
    assert deal == {"StageName": "Prospecting", "CloseDate": "2026-12-28", "Name": "A"}
    lead = with_defaults("lead", {"LastName": "B", "Company": None}, now=NOW, first_stage="")
    assert lead == {"Company": "[not provided]", "LastName": "B"}


@pytest.mark.parametrize("owners", [[], ["a", "b"]])
def test_a_task_belongs_to_exactly_one(owners: list[str]) -> None:
    with pytest.raises(RecordProblem) as refused:
        record_body("task", {"hub.owners": owners})
    assert refused.value.field == "hub.owners"


def test_what_is_no_field_is_not_written() -> None:
    with pytest.raises(RecordProblem):
        record_body("lead", {"hub.url": "x"})


def test_an_external_id_field_makes_creates_repeatable() -> None:
    connector = registry.get("salesforce")
    assert connector.resource("lead").create_class is CreateClass.UNPROVABLE
    assert connector.resource("lead", {"external_id_field": "Hub__c"}).create_class is CreateClass.UPSERT


@pytest.mark.parametrize(
    ("entered", "domain", "address"),
    [
        ("", "acme.my.salesforce.com", "https://acme.my.salesforce.com"),
        ("https://login.salesforce.com/", "acme.my.salesforce.com", "https://acme.my.salesforce.com"),
        ("https://proxy.example.org/sf/", "acme.my.salesforce.com", "https://proxy.example.org/sf"),
    ],
)
def test_the_org_is_found_at_its_own_domain(entered: str, domain: str, address: str) -> None:
    assert base_of(entered, {"my_domain": domain}) == address
    if not entered:
        with pytest.raises(ConfigurationProblem):
            base_of(entered, {})


def test_settings_are_refused_with_the_field_and_what_to_do() -> None:
    validate = registry.get("salesforce").validate
    assert validate is not None
    wrong = {
        "my_domain": "https://acme.my.salesforce.com/",
        "external_id_field": "Lockstep_Id",
        "api_version": "62",
        "more_fields": "Case.Subject",
    }
    assert [field for field, _ in validate(wrong)] == list(wrong)
    good = {"my_domain": "acme--dev.sandbox.my.salesforce.com", "more_fields": "Lead.Rating, Task.What.Name"}
    assert validate(good) == []


@pytest.mark.parametrize(
    "text",
    [
        "SELECT FROM Lead",
        "SELECT Id FROM Lead WHERE",
        "SELECT Id FROM Lead WHERE Name LIKE 'x'",
        "DELETE Lead",
        "SELECT Id FROM Lead ;",
    ],
)
def test_the_stand_in_refuses_what_is_no_query(text: str) -> None:
    with pytest.raises(Refusal):
        parse(text)
