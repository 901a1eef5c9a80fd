"""What is particular to Linear; the rest is in tests/contract."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connectors.base.errors import (
    ConfigurationProblem,
    ContractBroken,
    PermissionProblem,
    RateLimited,
    RecordGone,
    RecordProblem,
    StaleWrite,
)
from connectors.base.types import AbsenceKind
from connectors.linear.connector import CONNECTOR, validate
from connectors.linear.records import id_of, put_together, take_apart
from sandbox.vendors import linear_seed as seed
from tests.sandbox_fixtures import Stand

Opener = Callable[..., Stand]
FIRST = seed.uid("issue-0")


def refused(code: str, message: str = "no", status: int = 400, **extensions: Any) -> dict[str, Any]:
    body = {"errors": [{"message": message, "extensions": {"code": code, **extensions}}]}
    return {"status": status, "body": body}


def test_states_are_offered_in_their_order_with_what_they_mean(open_stand: Opener) -> None:
    rows = open_stand("linear").client.containers("status")
    assert [(one.name, one.extra["category"]) for one in rows] == [
        ("Triage", "new"),
        ("Backlog", "backlog"),
        ("Todo", "to_do"),
        ("In Progress", "in_progress"),
        ("In Review", "in_progress"),
        ("Done", "done"),
        ("Canceled", "closed"),
    ]


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        ("team", ["App (APP)", "Website (WEB)"]),
        ("cycle", ["Cycle 12", "Cycle 13", "Cycle 14"]),
        ("project", ["Works without a connection"]),
        ("label", ["Bug", "Design", "Feature", "Offline"]),
        ("nonsense", []),
    ],
)
def test_what_a_person_picks_from(open_stand: Opener, kind: str, names: list[str]) -> None:
    assert sorted(one.name for one in open_stand("linear").client.containers(kind)) == names


def test_only_labels_that_change_are_sent_so_nobody_else_s_are_lost(open_stand: Opener) -> None:
    stand = open_stand("linear")
    issue = stand.client.get("issue", seed.uid("issue-1"))
    assert issue.data["hub"]["labels"] == ["Feature"]
    changed = stand.client.update("issue", issue.id, {"hub.labels": ["Bug", "Tides"]}, current=issue)
    assert changed.data["hub"]["labels"] == ["Bug", "Tides"]
    sent = stand.vendor.requests[-1].body["variables"]["input"]
    assert sorted(sent) == ["addedLabelIds", "removedLabelIds"]
    assert sent["removedLabelIds"] == [seed.uid("label-Feature")]
    assert seed.uid("label-Bug") in sent["addedLabelIds"]


def test_completing_an_issue_dates_it_and_reopening_takes_the_date_away(open_stand: Opener) -> None:
    client = open_stand("linear").client
    issue = client.get("issue", FIRST)
    done = client.update("issue", FIRST, {"hub.stage": seed.uid("state-Done")}, current=issue)
    assert done.data["completedAt"] is not None
    opened = client.update("issue", FIRST, {"hub.stage": seed.uid("state-Todo")}, current=done)
    assert opened.data["completedAt"] is None


def test_an_update_that_changes_nothing_is_not_sent(open_stand: Opener) -> None:
    stand = open_stand("linear")
    issue = stand.client.get("issue", FIRST)
    stand.vendor.requests.clear()
    stand.client.update("issue", FIRST, {"title": issue.data["title"]}, current=issue)
    assert len(stand.vendor.requests) == 1


def test_a_field_that_somebody_changed_meanwhile_is_not_overwritten(open_stand: Opener) -> None:
    stand = open_stand("linear")
    issue = stand.client.get("issue", FIRST)
    stand.vendor.edit("issue", FIRST, {"title": "Theirs"})
    with pytest.raises(StaleWrite):
        stand.client.update("issue", FIRST, {"title": "Ours"}, current=issue)
    changed = stand.client.update("issue", FIRST, {"dueDate": "2026-12-24"}, current=issue)
    assert (changed.data["title"], changed.data["dueDate"]) == ("Theirs", "2026-12-24")


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("hub.assignees", [seed.USERS[1][0], seed.USERS[2][0]]),
        ("hub.estimate", 2.5),
        ("title", " "),
        ("title", "x" * 513),
        ("url", "https://example.org"),
    ],
)
def test_values_linear_has_no_place_for_are_refused_by_name(
    open_stand: Opener, path: str, value: Any
) -> None:
    stand = open_stand("linear")
    issue = stand.client.get("issue", FIRST)
    with pytest.raises(RecordProblem) as caught:
        stand.client.update("issue", FIRST, {path: value}, current=issue)
    assert caught.value.field == path
    assert stand.client.get("issue", FIRST).version == issue.version


def test_the_trash_is_seen_by_a_poll_and_by_a_look(open_stand: Opener) -> None:
    stand = open_stand("linear")
    since = datetime.now(UTC) - timedelta(minutes=1)
    stand.vendor.remove("issue", FIRST)
    page = stand.client.list_page("issue", since=since)
    assert ([one.id for one in page.records], list(page.deleted_ids)) == ([], [FIRST])
    with pytest.raises(RecordGone) as caught:
        stand.client.get("issue", FIRST)
    assert caught.value.proven


def test_an_issue_nobody_knows_is_not_proof_of_a_deletion(open_stand: Opener) -> None:
    missing = seed.uid("never")
    absence = open_stand("linear").client.explain_absence("issue", [missing])[missing]
    assert absence.kind is AbsenceKind.UNKNOWN


def test_an_issue_of_another_team_has_moved(open_stand: Opener) -> None:
    stand = open_stand("linear")
    issue = stand.vendor.world.get("issue", FIRST)
    assert issue is not None
    stand.vendor.world.put("issue", FIRST, {**issue, "team": seed.OTHER_TEAM})
    assert stand.client.explain_absence("issue", [FIRST])[FIRST].kind is AbsenceKind.MOVED
    assert stand.client.get_many("issue", [FIRST]) == {}
    with pytest.raises(RecordGone):
        stand.client.get("issue", FIRST)


def test_a_record_is_created_with_an_id_made_of_its_key(open_stand: Opener) -> None:
    stand = open_stand("linear")
    made = stand.client.create("issue", {"title": "Once"}, key="k1")
    assert made.id == id_of("k1")
    assert uuid.UUID(made.id).version == 4
    with pytest.raises(RecordProblem, match="exists already"):
        stand.client.create("issue", {"title": "Twice"}, key="k1")


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (refused("RATELIMITED", statusCode=429), RateLimited),
        (refused("", type="ratelimited"), RateLimited),
        (refused("AUTHENTICATION_ERROR"), ConfigurationProblem),
        (refused("FORBIDDEN", status=200), PermissionProblem),
        (refused("INPUT_ERROR", "Entity not found: Issue", 200), RecordGone),
        (refused("INPUT_ERROR", "Argument Validation Error"), RecordProblem),
        (refused("GRAPHQL_VALIDATION_FAILED"), ContractBroken),
    ],
)
def test_refusals_are_taken_by_their_meaning(
    open_stand: Opener, answer: dict[str, Any], error: type[Exception]
) -> None:
    stand = open_stand("linear")
    stand.vendor.fail("status", **answer)
    with pytest.raises(error):
        stand.client.get("issue", FIRST)


def test_the_words_for_people_are_shown(open_stand: Opener) -> None:
    stand = open_stand("linear")
    stand.vendor.fail("status", **refused("INPUT_ERROR", userPresentableMessage="The team is full."))
    with pytest.raises(RecordProblem, match="The team is full"):
        stand.client.get("issue", FIRST)


def test_a_comment_carries_its_author_and_loses_the_line_when_read(open_stand: Opener) -> None:
    stand = open_stand("linear")
    fields = {"body": "High water *at noon*.", "hub.author": "Noor Haddad"}
    made = stand.client.create("comment", fields, key="c", parent_id=FIRST)
    kept = stand.vendor.world.get("comment", made.id)
    assert kept is not None
    assert kept["body"] == "High water *at noon*.\n\n_— Noor Haddad, via Lockstep_"
    assert (made.data["body"], made.data["hub"]["author"]) == ("High water *at noon*.", "Noor Haddad")
    assert made.data["hub"]["author_id"] is None
    changed = stand.client.update("comment", made.id, {"body": "At one."}, current=made, parent_id=FIRST)
    assert (changed.data["body"], changed.data["hub"]["author"]) == ("At one.", "Noor Haddad")


@pytest.mark.parametrize("text", ["", "a", "a\n\n— b", "_— x, via Lockstep_ not at the end"])
def test_a_text_without_the_hub_s_line_stays_as_it_is(text: str) -> None:
    assert take_apart(text) == (text, "")
    assert take_apart(put_together(text, "")) == (text, "")


def test_a_webhook_that_was_switched_off_is_switched_on_again(open_stand: Opener) -> None:
    stand = open_stand("linear")
    first = stand.client.ensure_webhook("http://127.0.0.1:9/h", "s1")
    assert first is not None
    hook = stand.vendor.world.get("webhook", first.id)
    assert hook is not None
    stand.vendor.world.put("webhook", first.id, {**hook, "enabled": False})
    second = stand.client.ensure_webhook("http://127.0.0.1:9/h", "s2")
    assert second is not None
    assert (second.id, second.active) == (first.id, True)
    kept = stand.vendor.world.get("webhook", first.id)
    assert kept is not None
    assert (kept["enabled"], kept["secret"], kept["team"]) == (True, "s2", seed.TEAM)


def test_settings_are_refused_with_the_field_and_what_to_do() -> None:
    assert validate({"team_id": seed.TEAM}) == []
    assert [field for field, _ in validate({"team_id": "APP"})] == ["team_id"]


def test_a_granted_token_is_renewed_and_sent_as_bearer() -> None:
    assert CONNECTOR.consent is not None
    assert CONNECTOR.consent.settings.token_url == "https://api.linear.app/oauth/token"
    assert CONNECTOR.consent.scope_separator == ","
