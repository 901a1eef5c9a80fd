"""Conflicts over the API: S1's shape, the three versions, roles, tenants."""

from __future__ import annotations

from typing import Any

import pytest
from rest_framework.test import APIClient

from conflicts.models import ConflictStatus, MergeRule
from tests.integration.pages.world import World
from workspace.models import Role

LIST = "/api/v1/conflicts"


def api(world: World, role: str = Role.REVIEWER) -> APIClient:
    client = APIClient()
    client.force_authenticate(world.carol if role == "carol" else world.users[role])
    return client


def test_the_list_is_the_pending_ones_of_the_tenant(world: World) -> None:
    conflict = world.conflict(world.integration())
    done = world.conflict(world.integration("Two"))
    done.status = ConflictStatus.RESOLVED
    done.save()
    world.conflict(world.integration("Far", tenant=world.foreign))
    (row,) = api(world, Role.VIEWER).get(LIST).json()["results"]
    assert row["id"] == str(conflict.pk)
    assert row["conflicted_fields"] == ["title"]
    assert row["local_data"] == {"title": "Fix front door"}
    assert row["external_data"] == {"title": "Fix door asap"}
    assert [each["id"] for each in api(world).get(f"{LIST}?status=resolved").json()["results"]] == [
        str(done.pk)
    ]
    assert api(world).get(f"{LIST}?status=nonsense").status_code == 400


def test_filters_narrow_the_list_and_s2s_address_answers_alike(world: World) -> None:
    one, two = world.integration("One"), world.integration("Two")
    world.conflict(one)
    wanted = world.conflict(two)
    for address in (
        f"{LIST}?integration={two.pk}",
        f"{LIST}?integration_id={two.pk}",
        f"/api/v1/sync/conflicts?integration={two.pk}",
    ):
        assert [each["id"] for each in api(world).get(address).json()["results"]] == [str(wanted.pk)]
    assert api(world).get(f"{LIST}?field=title").json()["results"] != []
    assert api(world).get(f"{LIST}?field=stage").json()["results"] == []


def test_s2s_addresses_list_by_resolved_and_resolve(world: World) -> None:
    integration = world.integration()
    conflict = world.conflict(integration)
    address = "/api/v1/sync/conflicts"
    assert len(api(world).get(f"{address}?resolved=false").json()["results"]) == 1
    assert api(world).get(f"{address}?resolved=true").json()["results"] == []
    answer = api(world).post(f"{address}/{conflict.pk}/resolve", {"strategy": "local_wins", "version": 1})
    assert (answer.status_code, answer.json()["status"]) == (200, "decided")
    assert len(api(world).get(f"{address}?resolved=true").json()["results"]) == 1
    assert "resolved" in api(world).get(f"{address}?resolved=maybe").json()["errors"]


def test_resolving_in_the_first_documents_shape(world: World) -> None:
    conflict = world.conflict(world.integration())
    body = {
        "strategy": "custom_merge",
        "resolved_data": {"title": "Mend the door"},
        "push_to_external": True,
        "version": 1,
        "local_revision": conflict.local_revision,
        "external_version": "v7",
    }
    answer = api(world).post(f"{LIST}/{conflict.pk}/resolve", body)
    assert answer.status_code == 200, answer.json()
    found = answer.json()
    assert (found["success"], found["conflict_id"], found["status"]) == (True, str(conflict.pk), "decided")
    assert found["applied_changes"] == {
        "record_type": "task",
        "record_id": str(conflict.record_id),
        "updated": True,
        "synced_to_external": False,
    }
    conflict.refresh_from_db()
    assert conflict.resolved == {"title": {"choice": "custom", "value": "Mend the door"}}


@pytest.mark.parametrize(
    ("strategy", "choice"),
    [("local_wins", "local"), ("external_wins", "external"), ("latest_wins", "external")],
)
def test_a_strategy_alone_decides_every_field(world: World, strategy: str, choice: str) -> None:
    conflict = world.conflict(world.integration())
    answer = api(world).post(f"{LIST}/{conflict.pk}/resolve", {"strategy": strategy, "version": 1})
    assert answer.status_code == 200
    conflict.refresh_from_db()
    assert conflict.resolved["title"]["choice"] == choice


def test_a_stale_version_is_409_with_the_current_values(world: World) -> None:
    conflict = world.conflict(world.integration())
    answer = api(world).post(f"{LIST}/{conflict.pk}/resolve", {"strategy": "local_wins", "version": 3})
    assert answer.status_code == 409
    assert answer.json()["code"] == "stale"
    assert answer.json()["current"]["version"] == 1
    conflict.refresh_from_db()
    assert conflict.status == ConflictStatus.PENDING


def test_bad_choices_are_400_by_field(world: World) -> None:
    conflict = world.conflict(world.integration())
    answer = api(world).post(
        f"{LIST}/{conflict.pk}/resolve",
        {"choices": {"title": {"choice": "custom", "value": "x" * 600}}, "version": 1},
    )
    assert answer.status_code == 400
    assert answer.json()["errors"] == {"title": ["The text has 600 characters; at most 500 fit."]}
    assert api(world).post(f"{LIST}/{conflict.pk}/resolve", {"strategy": "local_wins"}).json()["errors"] == {
        "version": ["This field is required."]
    }


def test_a_preview_writes_nothing(world: World) -> None:
    conflict = world.conflict(world.integration())
    answer = api(world).post(f"{LIST}/{conflict.pk}/preview", {"strategy": "local_wins", "version": 1})
    assert answer.json()["external"][0]["after"] == "Fix front door"
    conflict.refresh_from_db()
    assert conflict.status == ConflictStatus.PENDING


def test_ignore_reopen_and_bulk(world: World) -> None:
    conflict = world.conflict(world.integration())
    assert api(world).post(f"{LIST}/{conflict.pk}/ignore", {"version": 1}).json()["status"] == "ignored"
    assert api(world).post(f"{LIST}/{conflict.pk}/reopen").json()["status"] == "pending"
    seen = [{"id": str(conflict.pk), "version": 3}]
    dry = api(world).post(f"{LIST}/bulk", {"conflicts": seen, "choice": "local"}).json()
    assert dry == {"dry_run": True, "done": [str(conflict.pk)], "skipped": {}}
    done = api(world).post(f"{LIST}/bulk", {"conflicts": seen, "choice": "local", "dry_run": False}).json()
    assert done["done"] == [str(conflict.pk)]
    conflict.refresh_from_db()
    assert conflict.status == ConflictStatus.DECIDED
    again = api(world).post(f"{LIST}/{conflict.pk}/revert", {})
    assert (again.status_code, again.json()["code"]) == (409, "conflict_problem")


@pytest.mark.parametrize("role", [Role.VIEWER, Role.OPERATOR, Role.AUDITOR])
@pytest.mark.parametrize("act", ["resolve", "preview", "ignore", "reopen", "revert"])
def test_roles_that_do_not_review_may_not_act(world: World, role: str, act: str) -> None:
    conflict = world.conflict(world.integration())
    body: dict[str, Any] = {"strategy": "local_wins", "version": 1}
    assert api(world, role).post(f"{LIST}/{conflict.pk}/{act}", body).status_code == 403
    assert api(world, role).get(f"{LIST}/{conflict.pk}").status_code == 200
    conflict.refresh_from_db()
    assert (conflict.status, conflict.version) == (ConflictStatus.PENDING, 1)


@pytest.mark.parametrize("act", ["", "/resolve", "/preview", "/ignore", "/reopen", "/revert"])
def test_another_tenants_conflict_is_404(world: World, act: str) -> None:
    conflict = world.conflict(world.integration())
    stranger = api(world, "carol")
    address = f"{LIST}/{conflict.pk}{act}"
    answer = (
        stranger.post(address, {"strategy": "local_wins", "version": 1}) if act else stranger.get(address)
    )
    assert answer.status_code == 404
    conflict.refresh_from_db()
    assert conflict.status == ConflictStatus.PENDING


def test_rules_are_made_changed_tried_and_deleted(world: World) -> None:
    world.conflict(world.integration())
    client = api(world)
    made = client.post("/api/v1/merge-rules", {"rule": "prefer_local", "field": "title"})
    assert made.status_code == 201
    address = f"/api/v1/merge-rules/{made.json()['id']}"
    assert client.patch(address, {"enabled": False}).json()["enabled"] is False
    assert client.post(f"{address}/simulate").json() == []
    assert api(world, "carol").patch(address, {"enabled": True}).status_code == 404
    assert api(world, Role.VIEWER).delete(address).status_code == 403
    assert client.delete(address).status_code == 204
    assert MergeRule.objects.count() == 0


@pytest.mark.parametrize(
    ("names", "at", "said"),
    [
        ({"field": "titel"}, "field", "The field map has no “titel”. Did you mean “title”?"),
        ({"field": "title", "resource": "cart"}, "resource", "What is connected has no “cart”. Did you mean “card”?"),
        ({"field": "due_on", "resource": "label"}, "field", "The field map has no “due_on”."),
    ],
)  # fmt: skip
def test_a_rule_for_a_field_or_kind_that_nothing_has_is_refused(
    world: World, names: dict[str, str], at: str, said: str
) -> None:
    world.integration()
    client = api(world)
    answer = client.post("/api/v1/merge-rules", {"rule": "prefer_local", **names})
    assert answer.status_code == 400
    assert said in str(answer.json()), at
    assert MergeRule.objects.count() == 0
    made = client.post("/api/v1/merge-rules", {"rule": "prefer_local", "field": "title"}).json()
    assert client.patch(f"/api/v1/merge-rules/{made['id']}", names).status_code == 400
    assert MergeRule.objects.get().field == "title"


def test_a_rule_for_another_tenants_integration_is_404(world: World) -> None:
    foreign = world.integration(tenant=world.foreign)
    answer = api(world).post("/api/v1/merge-rules", {"rule": "prefer_local", "integration": str(foreign.pk)})
    assert answer.status_code == 404
    assert MergeRule.objects.count() == 0
