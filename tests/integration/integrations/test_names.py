"""Names of kinds and fields in settings: what is unknown is refused with what was meant."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User

from connectors import registry
from integrations.models import FieldMap, Integration
from integrations.services.control import integration_create, integration_update
from integrations.services.fieldmaps import field_map_current
from integrations.services.names import kinds_in_force, name_problems
from integrations.services.problems import InvalidSettings
from tests.integration.hub_fixtures import SECRET
from workspace.models import Tenant


def problems(values: dict[str, Any], *chosen: str, connector: str = "github") -> dict[str, list[str]]:
    return name_problems(values, kinds_in_force(registry.get(connector), {}), chosen)


def local(field: str, op: str = "equals", **more: Any) -> dict[str, Any]:
    return {"record_filter": {"local": [{"field": field, "op": op, "value": "done", **more}]}}


def external(field: str, **more: Any) -> dict[str, Any]:
    return {"record_filter": {"external": [{"field": field, "op": "not_equals", "value": "x", **more}]}}


@pytest.mark.parametrize("field", ["stage", "priority", "labels", "labels[0]", "estimate"])
def test_fields_of_the_record_type_are_taken_mapped_or_not(field: str) -> None:
    assert problems(local(field), "issue") == {}


def test_a_misspelt_field_here_is_refused_with_what_was_meant() -> None:
    assert problems(local("stagee"), "issue") == {
        "record_filter": ["local condition 1: A record here (task) has no “stagee”. Did you mean “stage”?"]
    }


def test_where_nothing_is_close_the_fields_are_listed() -> None:
    (said,) = problems(local("xyzzy"), "label")["record_filter"]
    assert said.startswith("local condition 1: A record here (label) has no “xyzzy”. It has: colour, ")


def test_an_unknown_kind_is_refused() -> None:
    assert problems(local("stage", resource="isue"), "issue") == {
        "record_filter": ["local condition 1: This system has no “isue”. Did you mean “issue”?"]
    }


def test_a_field_that_only_one_kind_has_must_say_which_is_meant() -> None:
    assert problems(local("stage"), "label", "issue") == {
        "record_filter": [
            "local condition 1: Label has no “stage” here, so that none of it would take part. Say which kind is meant: "
            '"resource": "issue".'
        ]
    }
    assert problems(local("stage", resource="issue"), "label", "issue") == {}
    assert problems(local("stage", "not_equals"), "label", "issue") == {}


@pytest.mark.parametrize(
    "field", ["title", "hub.status", "hub", "milestone.title", "something_else", "user.login"]
)
def test_external_paths_that_may_well_be_there_are_taken(field: str) -> None:
    assert problems(external(field), "issue") == {}


def test_an_external_path_that_looks_like_a_slip_is_refused() -> None:
    (said,) = problems(external("hub.statsu"), "issue")["record_filter"]
    assert said.startswith("external condition 1: “hub.statsu” is not known. Did you mean “hub.status”?")


def test_rules_by_field_name_keys_of_the_map() -> None:
    assert problems({"merge_rules": {"description": {"rule": "concatenate"}}}, "issue") == {}
    assert problems({"merge_rules": {"descripton": {"rule": "concatenate"}}}, "issue") == {
        "merge_rules": ["The field map has no “descripton”. Did you mean “description”?"]
    }


def test_records_are_recognised_by_texts_that_are_read_from_there() -> None:
    assert problems({"options": {"match": {"issue": ["title"]}}}, "issue") == {}
    assert problems({"options": {"match": {"issue": []}}}, "issue") == {}
    for key in ("due_on", "labels", "description", "nonsense"):
        assert "options.match" in problems({"options": {"match": {"issue": [key]}}}, "issue"), key
    assert problems({"options": {"match": {"isue": ["title"]}}}, "issue") == {
        "options.match": ["This system has no “isue”. Did you mean “issue”?"]
    }


def test_a_saved_map_counts_not_the_connectors_own(integration: Integration) -> None:
    links = [{"key": "headline", "local": "title", "external": "title"}]
    FieldMap.objects.create(
        integration=integration, resource="issue", record_type="task", version=1, is_current=True, links=links
    )
    assert field_map_current(integration=integration, resource="issue")["links"] == links
    kinds = kinds_in_force(registry.get("github"), integration.options, integration)
    assert kinds["issue"].match_choices == {"headline": "title"}
    assert name_problems({"merge_rules": {"title": {"rule": "union"}}}, kinds, ["issue"]) == {
        "merge_rules": ["The field map has no “title”. It has: headline."]
    }


def test_an_unknown_field_is_refused_on_saving_and_nothing_changes(
    integration: Integration, alice: User
) -> None:
    with pytest.raises(InvalidSettings) as refused:
        integration_update(integration=integration, user=alice, **local("stagee"))
    assert "Did you mean “stage”?" in refused.value.errors["record_filter"][0]
    integration.refresh_from_db()
    assert integration.record_filter == {}


def test_what_was_saved_before_does_not_stand_in_the_way_of_other_settings(
    integration: Integration, alice: User
) -> None:
    Integration.objects.filter(pk=integration.pk).update(record_filter=local("stagee")["record_filter"])
    integration.refresh_from_db()
    integration_update(integration=integration, user=alice, batch_size=50)
    integration.refresh_from_db()
    assert integration.batch_size == 50


def test_an_unknown_field_is_refused_for_a_new_one_too(tenant: Tenant, alice: User) -> None:
    with pytest.raises(InvalidSettings) as refused:
        integration_create(
            tenant=tenant,
            user=alice,
            name="Issues",
            connector="github",
            secrets={"token": SECRET},
            options={"repository": "acme/shop"},
            resource_types=["issue"],
            **local("stagee"),
        )
    assert list(refused.value.errors) == ["record_filter"]
    assert not Integration.objects.exists()
