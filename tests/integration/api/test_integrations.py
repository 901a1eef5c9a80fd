"""Integrations over the API: S1's endpoints, roles, tenants, secrets."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django_celery_beat.models import PeriodicTask
from rest_framework.test import APIClient

from connectors.base.types import Container
from integrations.models import Integration, IntegrationStatus, JobKind, SyncJob, SyncLog
from tests.integration.hub_fixtures import SECRET, FakeClient, make_integration
from workspace.models import Membership, Role, Tenant

AsUser = Callable[[User], APIClient]
LIST = "/api/v1/integrations"
NEW = {
    "name": "Main repo",
    "type": "github",
    "credentials": {"token": SECRET},
    "options": {"repository": "acme/shop"},
    "resource_types": ["issue", "comment"],
    "sync_frequency": "hourly",
}


def test_creating_tests_the_connection_and_shows_the_webhook_secret_once(
    alice: User, as_user: AsUser, fake_client: FakeClient
) -> None:
    response = as_user(alice).post(LIST, NEW)
    body = response.json()
    assert (response.status_code, body["success"], fake_client.checked) == (201, True, 1)
    made = Integration.objects.get()
    assert (made.status, made.created_by) == (IntegrationStatus.ACTIVE, alice)
    assert body["webhook_secret"] == made.webhook_secret[0]["secret"]
    shown = body["integration"]
    assert (
        shown["webhook_endpoint"]
        == f"https://hub.example.test/api/v1/webhooks/integrations/{made.id}/receive"
    )
    assert next(row["hint"] for row in shown["credentials"] if row["name"] == "token") == "set, ends in …x9"
    again = as_user(alice).get(f"{LIST}/{made.id}").content.decode()
    assert body["webhook_secret"] not in again
    assert PeriodicTask.objects.get(name=f"integration:{made.id}").crontab.hour == "*"


def test_no_answer_log_or_audit_entry_holds_a_secret(
    alice: User, as_user: AsUser, fake_client: FakeClient
) -> None:
    from auditlog.models import LogEntry

    client = as_user(alice)
    made = client.post(LIST, NEW).json()["integration"]
    texts = [
        client.get(LIST).content.decode(),
        client.get(f"{LIST}/{made['id']}").content.decode(),
        client.get(f"{LIST}/{made['id']}/export").content.decode(),
        client.put(f"{LIST}/{made['id']}/credentials", {"credentials": {"token": SECRET}}).content.decode(),
        client.get(f"{LIST}/{made['id']}/logs").content.decode(),
        json.dumps(list(LogEntry.objects.values_list("changes", "additional_data", "serialized_data"))),
        json.dumps(list(SyncLog.objects.values_list("message", "exchange", "field_changes"))),
    ]
    assert not [text for text in texts if SECRET in text or "whsec_" in text]


def test_a_failing_test_saves_nothing(alice: User, as_user: AsUser, fake_client: FakeClient) -> None:
    fake_client.ok = False
    response = as_user(alice).post(LIST, NEW)
    body = response.json()
    assert (response.status_code, body["code"]) == (400, "connection_failed")
    assert [line["ok"] for line in body["checks"]] == [True, False]
    assert (
        Integration.objects.count(),
        PeriodicTask.objects.filter(name__startswith="integration:").count(),
    ) == (0, 0)


@pytest.mark.parametrize(
    ("change", "field", "says"),
    [
        ({"type": "myspace"}, "type", "There is no system"),
        ({"base_url": "ftp://x"}, "base_url", "https"),
        ({"base_url": "https://user:pw@api.example.com"}, "base_url", "Credentials"),
        ({"resource_types": ["board"]}, "resource_types", "It has: user, label"),
        ({"sync_frequency": "custom", "crontab": "61 * * * *"}, "crontab", "no crontab"),
        ({"crontab": "daily"}, "crontab", "five fields"),
        ({"retry_policy": {"push": [0]}}, "retry_policy", "no delay"),
        ({"retry_policy": {"pull": [1]}}, "retry_policy", "“pull”"),
        ({"conflict_strategy": "coin_toss"}, "conflict_strategy", "valid choice"),
        ({"credentials": {"pasword": "x"}}, "credentials.pasword", "takes no"),
        ({"credentials": {}}, "options.repository", None),
        ({"options": {}}, "options.repository", "owner/name"),
        ({"options": {"repository": "acme/shop", "token": "x"}}, "options.token", "under credentials"),
        ({"options": {"repository": "acme/shop", "match": 5}}, "options.match", "by kind of record"),
        (
            {"options": {"repository": "acme/shop", "mute_mentions": "rarely"}},
            "options.mute_mentions",
            "no, yes",
        ),
        ({"options": {"repository": "a/b", "mute_mentions": "Yes"}}, "options.mute_mentions", "no, yes"),
        ({"options": {"repository": "a/b", "mute_mentions": ["yes"]}}, "options.mute_mentions", "no, yes"),
        ({"options": {"repository": "acme/shop", "match": {"issue": "title"}}}, "options.match", "by kind"),
        ({"ip_allow_list": ["300.1.1.1"]}, "ip_allow_list", "no address"),
        ({"sync_windows": [{"days": [9], "from": "22:00", "to": "05:00"}]}, "sync_windows", "Monday"),
        ({"record_filter": {"local": [{"field": "stage", "op": "like"}]}}, "record_filter", "“like”"),
        ({"merge_rules": {"title": {"rule": "guess"}}}, "merge_rules", "choose a rule"),
        ({"sync_interval_seconds": 1}, "sync_interval_seconds", "between 30"),
        ({"name": ""}, "name", "blank"),
        ({"colour": "red"}, "colour", "no such setting"),
        ({"owner": 424242}, "owner", "does not exist"),
    ],
)
def test_bad_settings_are_refused_by_field_and_nothing_is_saved(
    alice: User,
    as_user: AsUser,
    fake_client: FakeClient,
    change: dict[str, Any],
    field: str,
    says: str | None,
) -> None:
    response = as_user(alice).post(LIST, NEW | change)
    if says is None:
        assert (
            response.status_code == 201
        )  # an app's credentials are an alternative: no single one is required
        return
    body = response.json()
    assert (response.status_code, body["code"]) == (400, "invalid")
    assert says in " ".join(body["errors"][field])
    assert Integration.objects.count() == 0
    assert body["correlation_id"]


def test_a_private_address_is_refused_where_the_deployment_forbids_it(
    alice: User, as_user: AsUser, fake_client: FakeClient, settings: Any
) -> None:
    settings.LOCKSTEP_ALLOW_PRIVATE_NETWORK = settings.LOCKSTEP_ALLOW_HTTP = False
    for url, says in (
        ("https://169.254.169.254/", "private network"),
        ("http://api.example.com", "https://"),
    ):
        response = as_user(alice).post(LIST, NEW | {"base_url": url})
        assert says in response.json()["errors"]["base_url"][0]


def test_a_name_is_taken_once_per_tenant_whatever_its_case(
    alice: User, carol: User, as_user: AsUser, fake_client: FakeClient
) -> None:
    assert as_user(alice).post(LIST, NEW).status_code == 201
    again = as_user(alice).post(LIST, NEW | {"name": "MAIN REPO"})
    assert again.json()["errors"] == {
        "name": ["An integration of this name exists already; choose another name."]
    }
    assert as_user(carol).post(LIST, NEW).status_code == 201


def test_the_list_holds_the_tenants_own_with_figures(
    alice: User,
    as_user: AsUser,
    integration: Integration,
    carols: Integration,
    django_assert_max_num_queries: Any,
) -> None:
    client = as_user(alice)
    with django_assert_max_num_queries(8):
        rows = client.get(LIST).json()["results"]
    assert [row["name"] for row in rows] == ["Issues"]
    assert rows[0]["word"] == "Healthy"
    assert rows[0]["stats"] == {
        "total_syncs": 0, "success_rate": None, "pending_conflicts": 0, "last_error_count": 0, "mappings": 0, "dead_letters": 0,
    }  # fmt: skip


def test_the_list_costs_the_same_for_many(
    alice: User, as_user: AsUser, tenant: Tenant, django_assert_max_num_queries: Any
) -> None:
    for number in range(12):
        make_integration(tenant, alice, f"Repo {number}")
    client = as_user(alice)
    with django_assert_max_num_queries(8):
        page = client.get(LIST, {"limit": 5}).json()
    assert len(page["results"]) == 5
    following = client.get(page["next"]).json()
    assert len(following["results"]) == 5
    assert {row["id"] for row in page["results"]}.isdisjoint(row["id"] for row in following["results"])


@pytest.mark.parametrize("limit", ["0", "201", "many", "-1"])
def test_a_limit_out_of_range_is_refused(alice: User, as_user: AsUser, limit: str) -> None:
    response = as_user(alice).get(LIST, {"limit": limit})
    assert (response.status_code, list(response.json()["errors"])) == (400, ["limit"])


def test_filters_narrow_and_refuse_unknown_values(
    alice: User, as_user: AsUser, integration: Integration
) -> None:
    client = as_user(alice)
    assert client.get(LIST, {"status": "PAUSED"}).json()["results"] == []
    assert len(client.get(LIST, {"type": "github"}).json()["results"]) == 1
    assert client.get(LIST, {"status": "HAPPY"}).json()["errors"]["status"]


def test_changing_settings_names_the_version_and_keeps_the_schedule_right(
    alice: User, as_user: AsUser, integration: Integration
) -> None:
    client, url = as_user(alice), f"{LIST}/{integration.id}"
    changed = client.put(url, {"sync_frequency": "daily", "conflict_strategy": "manual_review", "version": 1})
    assert changed.status_code == 200
    assert changed.json()["integration"]["version"] == 2
    assert PeriodicTask.objects.get(name=f"integration:{integration.id}").crontab.hour == "2"
    stale = client.patch(url, {"sync_frequency": "weekly", "version": 1})
    assert (stale.status_code, stale.json()["code"], stale.json()["current"]["version"]) == (409, "stale", 2)
    integration.refresh_from_db()
    assert (integration.sync_frequency, integration.version) == ("daily", 2)


def test_status_in_a_put_pauses_and_resumes(olga: User, as_user: AsUser, integration: Integration) -> None:
    client, url = as_user(olga), f"{LIST}/{integration.id}"
    assert client.put(url, {"status": "PAUSED"}).json()["integration"]["status"] == "PAUSED"
    assert PeriodicTask.objects.get(name=f"integration:{integration.id}").enabled is False
    assert client.patch(url, {"status": "ACTIVE"}).json()["integration"]["status"] == "ACTIVE"
    assert PeriodicTask.objects.get(name=f"integration:{integration.id}").enabled is True


def test_an_operator_changes_no_settings(olga: User, as_user: AsUser, integration: Integration) -> None:
    client, url = as_user(olga), f"{LIST}/{integration.id}"
    for change in ({"name": "Mine"}, {"credentials": {"token": "x" * 20}}, {"status": "DISABLED"}):
        assert client.patch(url, change).status_code == 403
    integration.refresh_from_db()
    assert (integration.name, integration.status) == ("Issues", "ACTIVE")


def test_the_system_of_an_integration_stays(alice: User, as_user: AsUser, integration: Integration) -> None:
    response = as_user(alice).patch(f"{LIST}/{integration.id}", {"type": "trello"})
    assert response.json()["errors"] == {"type": ["There is no such setting."]}


def test_deleting_wants_the_name_and_says_what_goes(
    alice: User, as_user: AsUser, integration: Integration, mapping: Any, wakeups: list[Any]
) -> None:
    client, url = as_user(alice), f"{LIST}/{integration.id}"
    refused = client.delete(url)
    assert "typed_name" in refused.json()["errors"]
    assert Integration.objects.for_tenant(integration.tenant).count() == 1
    body = client.delete(f"{url}?typed_name=Issues").json()
    assert (body["success"], body["deleted"]["integration"], body["deleted"]["mappings"]) == (True, True, 1)
    assert client.get(url).status_code == 404
    assert not PeriodicTask.objects.filter(name=f"integration:{integration.id}").exists()
    integration.refresh_from_db()
    assert integration.webhook_secret is None
    assert not hasattr(Integration.objects.get(id=integration.id), "credential")


def test_sync_now_queues_one_job_and_names_the_open_one(
    olga: User, as_user: AsUser, integration: Integration
) -> None:
    client, url = as_user(olga), f"{LIST}/{integration.id}/sync"
    asked = {"direction": "in", "resource_types": ["issue"], "full_sync": True, "reason": "after the move"}
    first = client.post(url, asked)
    job = SyncJob.objects.get()
    assert (first.status_code, first.json()["job_id"], first.json()["status"]) == (202, str(job.id), "queued")
    assert (job.kind, job.resources, job.options) == (
        JobKind.MANUAL,
        ["issue"],
        {"full": True, "direction": "in", "reason": "after the move"},
    )
    assert job.triggered_by == olga
    second = client.post(url, {})
    assert (second.status_code, second.json()["code"]) == (409, "job_already_open")
    assert second.json()["job_id"] == str(job.id)
    assert SyncJob.objects.count() == 1


def test_a_preview_may_run_beside_it(olga: User, as_user: AsUser, integration: Integration) -> None:
    client, url = as_user(olga), f"{LIST}/{integration.id}/sync"
    client.post(url, {})
    assert client.post(url, {"preview": True}).status_code == 202


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"resource_types": ["milestone"]}, "resource_types"),
        ({"direction": "sideways"}, "direction"),
        ({"full_sync": "maybe"}, "full_sync"),
        ({"limit": 5}, "limit"),
        ({"reason": "x" * 301}, "reason"),
    ],
)
def test_a_bad_sync_request_queues_nothing(
    olga: User, as_user: AsUser, integration: Integration, body: Any, field: str
) -> None:
    response = as_user(olga).post(f"{LIST}/{integration.id}/sync", body)
    assert (response.status_code, list(response.json()["errors"])) == (400, [field])
    assert SyncJob.objects.count() == 0


def test_a_paused_integration_does_not_sync(olga: User, as_user: AsUser, integration: Integration) -> None:
    client = as_user(olga)
    client.post(f"{LIST}/{integration.id}/pause", {"reason": "freeze"})
    refused = client.post(f"{LIST}/{integration.id}/sync", {})
    assert (refused.status_code, refused.json()["detail"]) == (409, "It is paused: resume it first.")


@pytest.mark.parametrize("method", ["get", "post"])
def test_a_connection_test_answers_200_with_each_check(
    olga: User, as_user: AsUser, integration: Integration, fake_client: FakeClient, method: str
) -> None:
    fake_client.ok = False
    response = getattr(as_user(olga), method)(f"{LIST}/{integration.id}/test")
    body = response.json()
    assert (response.status_code, body["success"], body["connection_status"]) == (200, False, "FAILED")
    assert body["credentials_valid"] is False
    assert body["checks"][1]["fix"] == "Make a new token."
    integration.refresh_from_db()
    assert integration.last_check["ok"] is False
    assert SyncLog.objects.filter(operation="check", status="failed").count() == 1


def test_settings_can_be_tested_before_they_are_saved(
    alice: User, as_user: AsUser, fake_client: FakeClient
) -> None:
    body = (
        as_user(alice)
        .post(f"{LIST}/test", {key: NEW[key] for key in ("type", "credentials", "options")})
        .json()
    )
    assert (body["success"], Integration.objects.count()) == (True, 0)


def test_enabling_after_an_error_needs_a_passing_test(
    olga: User, as_user: AsUser, integration: Integration, fake_client: FakeClient
) -> None:
    Integration.objects.update(status="ERROR")
    client, url = as_user(olga), f"{LIST}/{integration.id}/enable"
    fake_client.ok = False
    assert client.post(url).json()["code"] == "connection_failed"
    integration.refresh_from_db()
    assert integration.status == "ERROR"
    fake_client.ok = True
    assert client.post(url).json()["integration"]["status"] == "ACTIVE"


def test_containers_come_from_the_other_side(
    olga: User, as_user: AsUser, integration: Integration, fake_client: FakeClient
) -> None:
    fake_client.found = [Container("1", "Shop", "repository"), Container("2", "Sprint", "milestone")]
    rows = as_user(olga).get(f"{LIST}/{integration.id}/containers", {"kind": "milestone"}).json()
    assert [row["name"] for row in rows] == ["Sprint"]


def test_a_draft_may_lack_its_board_until_it_is_enabled(
    alice: User, as_user: AsUser, fake_client: FakeClient
) -> None:
    client = as_user(alice)
    wanted = {
        "name": "Board",
        "type": "trello",
        "credentials": {"api_key": "key-1234567890ab", "token": SECRET},
    }
    refused = client.post(LIST, {**wanted, "status": "ACTIVE"})
    assert refused.status_code == 400
    assert refused.json()["errors"]["options.board_id"][0].startswith("Board is missing.")
    made = client.post(LIST, {**wanted, "status": "DRAFT"})
    assert made.status_code == 201
    address = f"{LIST}/{made.json()['integration']['id']}"
    fake_client.found = [Container("abcd1234", "Relaunch", "board")]
    (row,) = client.get(f"{address}/containers", {"kind": "board"}).json()
    for ask in ("enable", "sync"):
        refused = client.post(f"{address}/{ask}", {"preview": True})
        assert refused.status_code == 400
        assert list(refused.json()["errors"]) == ["options.board_id"]
    assert client.patch(address, {"options": {"board_id": row["id"]}}).status_code == 200
    enabled = client.post(f"{address}/enable").json()["integration"]
    assert (enabled["status"], enabled["options"]) == ("ACTIVE", {"board_id": "abcd1234"})
    taken = client.patch(address, {"options": {}})
    assert taken.status_code == 400


def test_the_catalogue_says_which_settings_are_picked_from_which_kinds(vera: User, as_user: AsUser) -> None:
    rows = as_user(vera).get("/api/v1/connectors").json()
    trello = next(row for row in rows if row["type"] == "trello")
    picks = {field["name"]: field["picks"] for field in trello["options"]}
    assert picks["board_id"] == ["organization", "board"]
    assert picks["default_list"] == []


def test_a_clone_has_the_settings_but_no_secret(
    alice: User, as_user: AsUser, integration: Integration
) -> None:
    body = as_user(alice).post(f"{LIST}/{integration.id}/clone", {"name": "Twin"}).json()["integration"]
    assert (body["status"], body["options"]) == ("DRAFT", {"repository": "acme/shop"})
    assert {row["is_set"] for row in body["credentials"]} == {False}


def test_an_export_can_be_imported_elsewhere(
    alice: User, carol: User, as_user: AsUser, integration: Integration
) -> None:
    exported = as_user(alice).get(f"{LIST}/{integration.id}/export").json()
    made = as_user(carol).post(f"{LIST}/import", {"name": "Brought along", "body": exported})
    assert made.status_code == 201
    assert made.json()["integration"]["options"] == {"repository": "acme/shop"}
    broken = as_user(carol).post(f"{LIST}/import", {"name": "Broken", "body": {"format": 9}})
    assert broken.json()["errors"] == {"body": ["This is no set-up of format 1."]}


def test_a_repeated_post_with_the_same_key_creates_nothing_twice(
    alice: User, as_user: AsUser, fake_client: FakeClient
) -> None:
    client = as_user(alice)
    first = client.post(LIST, NEW, headers={"Idempotency-Key": "k1"})
    second = client.post(LIST, NEW, headers={"Idempotency-Key": "k1"})
    assert (first.status_code, second.status_code) == (201, 201)
    assert second.json() == first.json()
    assert second["Idempotency-Replayed"] == "true"
    other = client.post(LIST, NEW | {"name": "Another"}, headers={"Idempotency-Key": "k1"})
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    assert Integration.objects.count() == 1


# ---------------------------------------------------------------- who may

READS = ["", "/logs", "/field-maps/issue", "/status-maps/issue"]
OPERATES = [
    ("post", "/sync"),
    ("get", "/test"),
    ("post", "/pause"),
    ("post", "/resume"),
    ("post", "/enable"),
    ("get", "/containers"),
]
MANAGES = [
    ("delete", "?typed_name=Issues"),
    ("put", "/credentials"),
    ("post", "/webhook-secret"),
    ("post", "/webhook-registration"),
    ("post", "/clone"),
    ("post", "/disable"),
    ("get", "/export"),
    ("put", "/field-maps/issue"),
    ("put", "/status-maps/issue"),
    ("post", "/status-maps/issue/refresh"),
]


@pytest.mark.parametrize(("method", "path"), [("get", path) for path in READS] + OPERATES + MANAGES)
def test_a_stranger_finds_nothing(
    carol: User, as_user: AsUser, integration: Integration, fake_client: FakeClient, method: str, path: str
) -> None:
    response = getattr(as_user(carol), method)(f"{LIST}/{integration.id}{path}")
    assert (response.status_code, response.json()["code"]) == (404, "not_found")
    integration.refresh_from_db()
    assert (integration.status, integration.deleted_at) == ("ACTIVE", None)


@pytest.mark.parametrize(("method", "path"), OPERATES + MANAGES)
def test_a_viewer_changes_nothing(
    vera: User, as_user: AsUser, integration: Integration, fake_client: FakeClient, method: str, path: str
) -> None:
    response = getattr(as_user(vera), method)(f"{LIST}/{integration.id}{path}")
    assert (response.status_code, response.json()["code"]) == (403, "permission_denied")
    assert (SyncJob.objects.count(), fake_client.checked) == (0, 0)


@pytest.mark.parametrize(("method", "path"), MANAGES)
def test_an_operator_manages_nothing(
    olga: User, as_user: AsUser, integration: Integration, fake_client: FakeClient, method: str, path: str
) -> None:
    assert getattr(as_user(olga), method)(f"{LIST}/{integration.id}{path}").status_code == 403


@pytest.mark.parametrize("path", READS)
def test_a_viewer_reads(vera: User, as_user: AsUser, integration: Integration, path: str) -> None:
    assert as_user(vera).get(f"{LIST}/{integration.id}{path}").status_code == 200


def test_a_viewer_creates_nothing(vera: User, as_user: AsUser, fake_client: FakeClient) -> None:
    assert as_user(vera).post(LIST, NEW).status_code == 403
    assert Integration.objects.count() == 0


def test_without_a_login_it_is_401(db: None) -> None:
    response = APIClient().get(LIST)
    assert (response.status_code, response["WWW-Authenticate"]) == (401, "Token")


def test_the_tenant_is_named_by_header_where_there_are_several(
    alice: User, as_user: AsUser, integration: Integration, carols: Integration, other_tenant: Tenant
) -> None:
    Membership.objects.create(user=alice, tenant=other_tenant, role=Role.VIEWER)
    client = as_user(alice)
    assert client.get(LIST).status_code == 400
    named = client.get(LIST, headers={"X-Tenant-ID": str(other_tenant.id)}).json()["results"]
    assert [row["name"] for row in named] == ["Carol's issues"]
    assert client.post(LIST, NEW, headers={"X-Tenant-ID": str(other_tenant.id)}).status_code == 403


def test_a_foreign_tenant_in_the_header_is_404(alice: User, as_user: AsUser, other_tenant: Tenant) -> None:
    for value in (str(other_tenant.id), "nonsense"):
        assert as_user(alice).get(LIST, headers={"X-Tenant-ID": value}).status_code == 404


def test_a_token_opens_the_api(alice: User, integration: Integration) -> None:
    from knox.models import AuthToken

    _, token = AuthToken.objects.create(alice)
    client = APIClient()
    assert client.get(LIST, headers={"Authorization": f"Token {token}"}).status_code == 200
    assert client.get(LIST, headers={"Authorization": "Token wrong"}).status_code == 401


def test_a_session_post_needs_the_csrf_token(alice: User, integration: Integration) -> None:
    client = APIClient(enforce_csrf_checks=True)
    client.force_login(alice, backend="django.contrib.auth.backends.ModelBackend")
    assert client.post(f"{LIST}/{integration.id}/sync", {}).status_code == 403
    assert SyncJob.objects.count() == 0


def test_malformed_json_is_400_in_the_same_shape(alice: User, as_user: AsUser) -> None:
    response = as_user(alice).post(LIST, b"{oops", content_type="application/json")
    assert (response.status_code, response["Content-Type"]) == (400, "application/problem+json")
    assert set(response.json()) >= {"title", "status", "code", "detail", "errors", "correlation_id"}


def test_the_old_names_of_the_sync_api_answer_alike(
    alice: User, as_user: AsUser, integration: Integration
) -> None:
    client = as_user(alice)
    assert client.get("/api/v1/sync/configs").json() == client.get(LIST).json()
    assert client.get(f"/api/v1/sync/configs/{integration.id}").json()["name"] == "Issues"
    assert client.get("/api/v1/sync/history").status_code == 200
    assert client.get("/api/v1/sync/mappings", {"config_id": str(integration.id)}).status_code == 200
    overview = client.get("/api/v1/sync/status").json()
    assert [(row["name"], row["word"]) for row in overview["integrations"]] == [("Issues", "Healthy")]


@pytest.mark.parametrize("path", ["connectors", "transforms", "templates"])
def test_the_catalogue_can_be_read(vera: User, as_user: AsUser, path: str) -> None:
    assert as_user(vera).get(f"/api/v1/{path}").status_code == 200


def test_a_ready_made_set_up_becomes_a_draft(alice: User, as_user: AsUser) -> None:
    client = as_user(alice)
    template = next(row for row in client.get("/api/v1/templates").json() if row["connector"] == "github")
    body = {"name": "From template", "options": {"repository": "acme/shop"}}
    made = client.post(f"/api/v1/templates/{template['id']}/use", body)
    assert (made.status_code, made.json()["integration"]["status"]) == (201, "DRAFT")
