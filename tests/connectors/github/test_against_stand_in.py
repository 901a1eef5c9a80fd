"""The connector on its stand-in, over HTTP: what the shared suite cannot know of GitHub."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from connectors.base.errors import (
    AlreadyExists,
    ConfigurationProblem,
    ContractBroken,
    RateLimited,
    RecordGone,
    RecordProblem,
    Retryable,
    StaleWrite,
)
from connectors.base.types import AbsenceKind, ExternalRecord
from sandbox.testing import RunningSandbox
from tests.connectors.github.spec import SPEC
from tests.sandbox_fixtures import Stand

READER = {"token": "sandbox-github-reader"}


@pytest.fixture
def stand(open_stand: Callable[..., Stand]) -> Stand:
    return open_stand("github")


def all_of(stand: Stand, resource: str, **options: Any) -> list[ExternalRecord]:
    found, token = [], None
    while True:
        page = stand.client.list_page(resource, token=token, **options)
        found += page.records
        token = page.next_token
        if token is None:
            return found


def sent(stand: Stand) -> list[tuple[str, str]]:
    return [(one.method, one.path.removeprefix("/repos/acme/webshop")) for one in stand.vendor.requests]


# --- reading -------------------------------------------------------------------------------------------------------


def test_pull_requests_and_their_comments_are_no_records(stand: Stand) -> None:
    assert {issue.id for issue in all_of(stand, "issue")}.isdisjoint({"21", "42", "63", "84", "105", "126"})
    stand.vendor.edit("comment", None, {"issue": 21, "body": "Looks good"})
    assert "21" not in {comment.parent_id for comment in all_of(stand, "comment")}
    with pytest.raises(RecordGone, match="pull request"):
        stand.client.get("issue", "21")


def test_an_issue_that_changes_during_the_walk_makes_no_other_be_missed(stand: Stand) -> None:
    first = stand.client.list_page("issue")
    stand.vendor.edit("issue", first.records[0].id, {"title": "Moved to the end of the list"})
    second = stand.client.list_page("issue", token=first.next_token)
    assert second.next_token is None
    seen = [issue.id for issue in (*first.records, *second.records)]
    assert len(set(seen)) == 120
    assert seen.count(first.records[0].id) == 2  # once as it was, once as it is now


def test_many_changes_within_one_second_are_all_listed(stand: Stand) -> None:
    moment = "2026-03-01T10:00:00Z"
    with stand.vendor.world.lock:
        for issue in stand.vendor.world.all("issue"):
            stand.vendor.world.put("issue", issue["number"], {**issue, "updated_at": moment})
    ids = [issue.id for issue in all_of(stand, "issue", since=datetime(2026, 3, 1, 10, tzinfo=UTC))]
    assert len(ids) == len(set(ids)) == 120


def test_a_listing_that_never_ends_is_noticed(stand: Stand) -> None:
    rows = stand.client.session.get("/repos/acme/webshop/issues").body  # type: ignore[attr-defined]
    rows.reverse()
    link = {"Link": '<http://127.0.0.1/x?page=2>; rel="next"'}
    stand.vendor.fail("status", status=200, body=rows, headers=link, count=50)
    with pytest.raises(ContractBroken):
        all_of(stand, "issue")


def test_a_renamed_repository_is_still_read_and_a_write_says_what_to_do(stand: Stand) -> None:
    before = stand.client.container_token()
    stand.vendor.edit("repository", "101", {"name": "shop"})
    issue = stand.client.get("issue", "1")
    assert len(all_of(stand, "issue")) == 120
    assert stand.client.container_token() == before
    with pytest.raises(ConfigurationProblem, match="renamed"):
        stand.client.update("issue", "1", {"title": "New"}, current=issue)


# --- writing -------------------------------------------------------------------------------------------------------


def test_labels_added_meanwhile_by_others_stay(stand: Stand) -> None:
    issue = stand.client.get("issue", "2")
    stand.vendor.requests.clear()
    labels = [*issue.data["hub"]["labels"], "mobile"]
    after = stand.client.update("issue", "2", {"hub.labels": labels}, current=issue)
    assert after.data["hub"]["labels"] == sorted(labels)
    assert sent(stand) == [("GET", "/issues/2"), ("POST", "/issues/2/labels"), ("GET", "/issues/2")]
    assert stand.vendor.requests[1].body == {"labels": ["mobile"]}


def test_a_change_within_the_same_second_is_stale_and_nothing_is_written(stand: Stand) -> None:
    seen = stand.client.update("issue", "1", {"title": "Ours"}, current=stand.client.get("issue", "1"))
    stand.vendor.edit("issue", "1", {"title": "Theirs"}, actor="ben-o")
    with pytest.raises(StaleWrite):
        stand.client.update("issue", "1", {"title": "Ours again"}, current=seen)
    assert stand.client.get("issue", "1").data["title"] == "Theirs"


def test_people_milestone_and_parent_are_written_and_cleared(stand: Stand) -> None:
    issue = stand.client.get("issue", "2")
    fields = {"hub.assignees": ["1003"], "hub.milestone": "1", "hub.parent": "4"}
    after = stand.client.update("issue", "2", fields, current=issue)
    assert {name: after.data["hub"][name] for name in ("assignees", "milestone", "parent")} == {
        "assignees": ["1003"],
        "milestone": "1",
        "parent": "4",
    }
    cleared = {"hub.assignees": [], "hub.milestone": None, "hub.parent": None}
    after = stand.client.update("issue", "2", cleared, current=after)
    assert [after.data["hub"][name] for name in ("assignees", "milestone", "parent")] == [[], None, None]


def test_the_reason_of_a_closed_issue_can_be_changed(stand: Stand) -> None:
    issue = stand.client.get("issue", "3")
    assert issue.data["hub"]["status"] == "closed/completed"
    after = stand.client.update("issue", "3", {"hub.status": "closed/duplicate"}, current=issue)
    assert after.data["hub"]["status"] == "closed/duplicate"


def test_a_created_issue_can_be_closed_from_the_start(stand: Stand) -> None:
    made = stand.client.create(
        "issue", {"title": "Done already", "hub.status": "closed/completed"}, key="k-1"
    )
    assert made.data["hub"]["status"] == "closed/completed"
    assert made.data["body"] == ""


def test_without_the_right_to_triage_labels_are_refused_before_anything_is_made(
    open_stand: Callable[..., Stand],
) -> None:
    reader = open_stand("github", secrets=READER)
    with pytest.raises(RecordProblem) as caught:
        reader.client.create("issue", {"title": "Mine", "hub.labels": ["bug"]}, key="k-2")
    assert caught.value.field == "hub.labels"
    assert all(method == "GET" for method, _ in sent(reader))
    assert reader.client.create("issue", {"title": "Mine"}, key="k-3").data["title"] == "Mine"


def test_a_milestone_that_is_silently_dropped_is_a_problem_naming_it(
    open_stand: Callable[..., Stand],
) -> None:
    reader = open_stand("github", secrets=READER)
    made = reader.client.create("issue", {"title": "Mine"}, key="k-4")
    with pytest.raises(RecordProblem) as caught:
        reader.client.update("issue", made.id, {"hub.milestone": "2"}, current=made)
    assert caught.value.field == "hub.milestone"


def test_a_person_who_cannot_be_assigned_is_refused(stand: Stand) -> None:
    with pytest.raises(RecordProblem) as caught:
        stand.client.update("issue", "2", {"hub.assignees": ["4711"]}, current=stand.client.get("issue", "2"))
    assert caught.value.field == "hub.assignees"


def test_a_create_that_fails_half_way_is_ambiguous_and_found_by_its_key(stand: Stand) -> None:
    stand.vendor.fail("status", status=502, method="PATCH")
    with pytest.raises(Retryable) as caught:
        stand.client.create("issue", {"title": "Half", "hub.status": "closed/completed"}, key="k-5")
    assert caught.value.ambiguous
    found = stand.client.find_by_key("issue", "k-5", since=datetime.now(UTC) - timedelta(minutes=1))
    assert found is not None
    assert (found.data["title"], found.data["body"]) == ("Half", "")


def test_archiving_closes_as_not_planned_and_leaves_closed_ones_alone(stand: Stand) -> None:
    stand.client.archive("issue", "2")
    assert stand.client.get("issue", "2").data["hub"]["status"] == "closed/not_planned"
    stand.client.archive("issue", "3")
    assert stand.client.get("issue", "3").data["hub"]["status"] == "closed/completed"


def test_a_label_that_is_there_is_taken_over_and_renamed_by_its_number(stand: Stand) -> None:
    made = stand.client.create("label", {"name": "BUG", "hub.colour": "#00ff00"}, key="k-6")
    assert (made.id, made.data["name"], made.data["color"]) == ("3001", "BUG", "00ff00")
    renamed = stand.client.update("label", made.id, {"name": "defect / fault"}, current=made)
    assert renamed.id == made.id
    stand.client.delete("label", made.id)
    with pytest.raises(RecordGone) as gone:
        stand.client.get("label", made.id)
    assert gone.value.proven


def test_a_milestone_of_that_title_is_named_by_the_refusal(stand: Stand) -> None:
    with pytest.raises(AlreadyExists) as caught:
        stand.client.create("milestone", {"title": "v1.2 Search"}, key="k-7")
    assert caught.value.external_id == "3"


def test_a_due_date_stays_the_day_it_is(stand: Stand) -> None:
    now = stand.client.get("milestone", "2")
    after = stand.client.update("milestone", "2", {"hub.due_on": "2026-03-01"}, current=now)
    assert after.data["hub"]["due_on"] == "2026-03-01"
    assert (
        stand.client.update("milestone", "2", {"hub.due_on": None}, current=after).data["hub"]["due_on"]
        is None
    )


def test_a_comment_carries_its_author_and_only_its_writers_may_be_renamed(stand: Stand) -> None:
    made = stand.client.create("comment", {"body": "Hi"}, key="k-8", parent_id="1")
    assert (made.data["hub"]["author"], made.data["hub"]["author_id"]) == ("lockstep-bot", "1000")
    theirs = all_of(stand, "comment", parent_id="1")[0]
    assert theirs.data["hub"]["author"] == "ben-o"
    edited = stand.client.update("comment", theirs.id, {"body": "Better"}, current=theirs)
    assert (edited.data["body"], edited.data["hub"]["author"]) == ("Better", "ben-o")
    with pytest.raises(RecordProblem) as caught:
        stand.client.update("comment", theirs.id, {"hub.author": "Ann"}, current=edited)
    assert caught.value.field == "hub.author"


# --- what became of it ---------------------------------------------------------------------------------------------


def test_deleted_moved_and_unknown_issues_are_told_apart(stand: Stand) -> None:
    stand.vendor.remove("issue", "5")
    stand.vendor.edit("issue", "7", {"transfer": True})
    explained = stand.client.explain_absence("issue", ["1", "5", "7", "21", "9999"])
    assert {number: absence.kind for number, absence in explained.items()} == {
        "1": AbsenceKind.PRESENT,
        "5": AbsenceKind.DELETED,
        "7": AbsenceKind.MOVED,
        "21": AbsenceKind.OUT_OF_FILTER,
        "9999": AbsenceKind.UNKNOWN,
    }


def test_switched_off_issues_are_a_configuration_problem_and_no_deletion(stand: Stand) -> None:
    stand.vendor.edit("repository", "101", {"has_issues": False})
    with pytest.raises(ConfigurationProblem, match="switched off"):
        stand.client.get("issue", "1")
    assert not stand.client.check().ok


def test_an_archived_repository_can_be_read_but_says_so_on_writing(stand: Stand) -> None:
    issue = stand.client.get("issue", "1")
    stand.vendor.edit("repository", "101", {"archived": True})
    with pytest.raises(ConfigurationProblem, match="archived"):
        stand.client.update("issue", "1", {"title": "No"}, current=issue)
    assert stand.client.get("issue", "1").data["title"] == issue.data["title"]


# --- limits --------------------------------------------------------------------------------------------------------


def test_the_primary_limit_waits_for_its_reset(stand: Stand) -> None:
    stand.vendor.turn(limit_per_minute=1)
    stand.client.get("milestone", "1")
    with pytest.raises(RateLimited) as caught:
        stand.client.get("milestone", "1")
    assert caught.value.status == 403
    assert 0 < (caught.value.retry_after or 0) <= 60


def test_the_secondary_limit_waits_a_minute_unless_told_otherwise(stand: Stand) -> None:
    body = {"message": "You have exceeded a secondary rate limit. Please wait a few minutes."}
    stand.vendor.fail("status", status=403, body=body, headers={"X-RateLimit-Remaining": "4000"})
    with pytest.raises(RateLimited) as caught:
        stand.client.get("milestone", "1")
    assert caught.value.retry_after == 60
    stand.vendor.fail("status", status=403, body=body, headers={"Retry-After": "9"})
    with pytest.raises(RateLimited) as caught:
        stand.client.get("milestone", "1")
    assert caught.value.retry_after == 9


# --- setting up ----------------------------------------------------------------------------------------------------


def test_the_check_says_which_rights_are_missing(open_stand: Callable[..., Stand]) -> None:
    report = open_stand("github", secrets=READER).client.check()
    failed = {check.name: check.fix for check in report.checks if not check.ok}
    assert set(failed) == {"may_write", "webhooks"}
    assert all(failed.values())


def test_a_webhook_is_repaired_and_its_deliveries_are_signed(stand: Stand, box: RunningSandbox) -> None:
    url = "http://127.0.0.1:9/hooks"
    first = stand.client.ensure_webhook(url, "one")
    assert first is not None
    with stand.vendor.world.lock:
        hook = stand.vendor.world.get("hook", first.id)
        assert hook is not None
        stand.vendor.world.put("hook", first.id, {**hook, "active": False, "events": ["push"]})
    again = stand.client.ensure_webhook(url, "two")
    assert again == first
    stand.vendor.edit("issue", "1", {"labels": ["bug"], "title": "Several changes"})
    events = [delivery.event for delivery in box.deliveries("github")]
    assert events[0] == "ping"
    assert "issues.edited" in events
    assert "issues.labeled" in events


def test_an_app_signs_for_its_own_token(open_stand: Callable[..., Stand], stand: Stand) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    stand.vendor.world.put("app", "42", {"public_key": public.decode(), "installation": 77})
    secrets = {"token": "", "app_id": "42", "installation_id": "77", "private_key": pem.decode()}
    app = open_stand("github", secrets=secrets)
    assert app.client.check().ok
    assert app.client.containers("owner")[0].name == "acme"
    assert [method for method, path in sent(app) if path.endswith("access_tokens")] == ["POST"]
    wrong = open_stand("github", secrets={**secrets, "app_id": "43"})
    with pytest.raises(ConfigurationProblem):
        wrong.client.get("issue", "1")


# --- the published document ----------------------------------------------------------------------------------------


def test_requests_and_answers_hold_to_githubs_own_document(stand: Stand) -> None:
    client = stand.client
    client.check()
    for kind in ("", "milestone", "label", "assignee", "project"):
        client.containers(kind)
    for resource, fields in stand.fixture.samples.items():
        parent = stand.fixture.parents.get(resource)
        made = client.create(resource, fields, key=f"spec-{resource}", parent_id=parent)
        made = client.update(resource, made.id, stand.fixture.edits[resource], current=made, parent_id=parent)
        client.list_page(resource, since=datetime(2025, 1, 1, tzinfo=UTC))
        if resource in ("comment", "label", "milestone"):
            client.delete(resource, made.id)
    cleared = {
        "hub.assignees": [],
        "hub.labels": [],
        "hub.priority": None,
        "hub.parent": None,
        "hub.milestone": None,
    }
    client.update("issue", "2", cleared, current=client.get("issue", "2"))
    client.ensure_webhook("http://127.0.0.1:9/hooks", "s")
    client.ensure_webhook("http://127.0.0.1:9/hooks", "s")
    client.remove_webhooks("http://127.0.0.1:9/hooks")
    assert SPEC.problems(stand.vendor.requests)[0] == []
