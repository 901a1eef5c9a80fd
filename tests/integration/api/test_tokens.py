"""Programs log in with a token: issued for a password, listed, revoked."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from auditlog.models import LogEntry
from django.conf import settings
from django.contrib.auth.models import User
from django.test import override_settings
from django.utils import timezone
from knox.models import AuthToken
from rest_framework.test import APIClient

from integrations.models import Integration

TOKENS = "/api/v1/tokens"
LIST = "/api/v1/integrations"
GOOD = {"username": "alice", "password": "pass-for-tests"}


def issued(**more: Any) -> dict[str, Any]:
    response = APIClient().post(TOKENS, {**GOOD, **more})
    assert response.status_code == 201, response.content
    body: dict[str, Any] = response.json()
    return body


def bearing(token: str) -> APIClient:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Token {token}")
    return client


def test_a_name_and_its_password_give_a_token_that_opens_the_api(
    alice: User, integration: Integration
) -> None:
    body = issued()
    assert set(body) == {"id", "token", "created_at", "expires_at"}
    assert body["token"].startswith(body["id"])
    assert [row["name"] for row in bearing(body["token"]).get(LIST).json()["results"]] == ["Issues"]


def test_the_answer_is_not_cached_and_the_text_is_stored_nowhere(alice: User) -> None:
    response = APIClient().post(TOKENS, GOOD)
    assert response["Cache-Control"] == "no-store"
    text = response.json()["token"]
    stored = [str(row) for row in AuthToken.objects.values()] + [
        str(row) for row in LogEntry.objects.values()
    ]
    assert [row for row in stored if text in row] == []


@pytest.mark.parametrize(
    "given", [{"username": "alice", "password": "wrong"}, {"username": "nobody", "password": "wrong"}]
)
def test_a_wrong_password_and_an_unknown_name_are_answered_alike(alice: User, given: dict[str, str]) -> None:
    response = APIClient().post(TOKENS, given)
    assert (response.status_code, response.json()["code"]) == (401, "wrong_credentials")
    assert response.json()["detail"] == "The name or the password is wrong."
    assert AuthToken.objects.count() == 0


def test_somebody_who_left_gets_no_token_and_theirs_ends(alice: User, integration: Integration) -> None:
    client = bearing(issued()["token"])
    User.objects.filter(pk=alice.pk).update(is_active=False)
    assert client.get(LIST).status_code == 401
    assert APIClient().post(TOKENS, GOOD).status_code == 401


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"username": "alice"}, "password"),
        ({"password": "x"}, "username"),
        ({**GOOD, "expires_in_days": 0}, "expires_in_days"),
        ({**GOOD, "expires_in_days": 4000}, "expires_in_days"),
        ({**GOOD, "expires_in_days": "soon"}, "expires_in_days"),
    ],
)
def test_a_malformed_request_is_400_and_names_the_field(
    alice: User, given: dict[str, Any], field: str
) -> None:
    response = APIClient().post(TOKENS, given)
    assert (response.status_code, list(response.json()["errors"])) == (400, [field])
    assert AuthToken.objects.count() == 0


def test_a_token_lives_a_year_unless_asked_otherwise(alice: User) -> None:
    issued()
    issued(expires_in_days=7)
    lives = [row.expiry - row.created for row in AuthToken.objects.order_by("created")]
    assert [round(life / timedelta(days=1)) for life in lives] == [365, 7]


def test_an_expired_token_opens_nothing_and_is_not_listed(alice: User, integration: Integration) -> None:
    old, other = issued()["token"], issued()["token"]
    AuthToken.objects.filter(token_key=old[:15]).update(expiry=timezone.now() - timedelta(seconds=1))
    assert bearing(old).get(LIST).status_code == 401
    assert [row["id"] for row in bearing(other).get(TOKENS).json()] == [other[:15]]


def test_neither_a_token_nor_a_session_makes_further_tokens(alice: User) -> None:
    client = bearing(issued()["token"])
    assert client.post(TOKENS, {}).status_code == 400
    signed_in = APIClient()
    signed_in.force_login(alice, backend="django.contrib.auth.backends.ModelBackend")
    assert signed_in.post(TOKENS, {}).status_code == 400
    assert AuthToken.objects.count() == 1


def test_tokens_are_listed_newest_first_without_their_text(alice: User) -> None:
    first, second = issued(), issued()
    rows = bearing(first["token"]).get(TOKENS).json()
    assert [(row["id"], row["is_current"]) for row in rows] == [(second["id"], False), (first["id"], True)]
    assert {name for row in rows for name in row} == {"id", "created_at", "expires_at", "is_current"}


def test_a_revoked_token_opens_nothing_any_more_and_others_stay(
    alice: User, integration: Integration
) -> None:
    lost, kept = issued(), issued()
    assert bearing(kept["token"]).delete(f"{TOKENS}/{lost['id']}").status_code == 204
    assert bearing(lost["token"]).get(LIST).status_code == 401
    assert bearing(kept["token"]).get(LIST).status_code == 200


def test_a_token_can_end_itself(alice: User) -> None:
    client = bearing(issued()["token"])
    assert client.delete(f"{TOKENS}/current").status_code == 204
    assert client.get(TOKENS).status_code == 401


def test_a_session_has_no_current_token(alice: User) -> None:
    client = APIClient()
    client.force_login(alice, backend="django.contrib.auth.backends.ModelBackend")
    assert client.delete(f"{TOKENS}/current").status_code == 404
    assert client.get(TOKENS).json() == []


def test_somebody_elses_tokens_are_neither_listed_nor_revoked(alice: User, carol: User) -> None:
    hers = issued()
    _, text = AuthToken.objects.create(carol)
    client = bearing(text)
    assert [row["id"] for row in client.get(TOKENS).json()] == [text[:15]]
    assert client.delete(f"{TOKENS}/{hers['id']}").status_code == 404
    assert bearing(hers["token"]).get(TOKENS).status_code == 200


def test_strangers_may_neither_list_nor_revoke(db: None) -> None:
    assert APIClient().get(TOKENS).status_code == 401
    assert APIClient().delete(f"{TOKENS}/0123456789abcde").status_code == 401


def test_issuing_and_revoking_are_in_the_audit_log(alice: User) -> None:
    body = issued()
    bearing(body["token"]).delete(f"{TOKENS}/{body['id']}")
    entries = LogEntry.objects.filter(additional_data__act__startswith="token.").order_by("id")
    assert [(row.actor, row.additional_data["act"], row.additional_data["note"]) for row in entries] == [
        (alice, "token.issued", f"{body['id']}…, for 365 days"),
        (alice, "token.revoked", f"{body['id']}…"),
    ]


@override_settings(AXES_ENABLED=True, AXES_FAILURE_LIMIT=3)
def test_guessing_is_stopped_with_a_problem_that_says_how_long_to_wait(alice: User) -> None:
    client = APIClient()
    answers = [client.post(TOKENS, {**GOOD, "password": f"guess{n}"}) for n in range(4)]
    last = client.post(TOKENS, GOOD)
    assert 429 in {answer.status_code for answer in answers}
    assert (last.status_code, last.json()["code"]) == (429, "locked_out")
    assert last["Retry-After"] == str(round(settings.AXES_COOLOFF_TIME * 3600))
    assert AuthToken.objects.count() == 0
