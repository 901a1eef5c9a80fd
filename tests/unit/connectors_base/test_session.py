"""The session: what it sends, what it refuses, what it makes of answers."""

from __future__ import annotations

import gzip
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
import requests
import responses

from connectors.base.auth import ApiKey, Basic, Bearer, HeaderTemplate, NoAuth, OAuth2, OAuth2Settings
from connectors.base.classify import ErrorRule, Reaction
from connectors.base.connector import Environment, OpenGate
from connectors.base.errors import (
    ConfigurationProblem,
    ContractBroken,
    Exchange,
    PermissionProblem,
    RateLimited,
    RecordGone,
    RecordProblem,
    Retryable,
    StaleWrite,
    SyncError,
)
from connectors.base.session import ApiSession, SessionOptions
from connectors.base.types import RateBudget

BASE = "https://api.example.org/v1"
NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@pytest.fixture
def web() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        yield mock


def session(
    auth: NoAuth | None = None, options: SessionOptions | None = None, **environment: Any
) -> ApiSession:
    return ApiSession(BASE, auth or NoAuth(), Environment(now=lambda: NOW, **environment), options)


def failure(web: responses.RequestsMock, status: int, *, method: str = "GET", **answer: Any) -> SyncError:
    web.add(method, f"{BASE}/x", status=status, **answer)
    with pytest.raises(SyncError) as caught:
        session().request(method, "/x")
    return caught.value


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, RecordProblem),
        (401, ConfigurationProblem),
        (403, PermissionProblem),
        (404, RecordGone),
        (408, Retryable),
        (409, StaleWrite),
        (410, RecordGone),
        (412, StaleWrite),
        (422, RecordProblem),
        (425, Retryable),
        (428, StaleWrite),
        (429, RateLimited),
        (500, Retryable),
        (503, Retryable),
        (418, ContractBroken),
    ],
)
def test_each_status_has_its_reaction(
    web: responses.RequestsMock, status: int, error: type[SyncError]
) -> None:
    caught = failure(web, status, json={})
    assert type(caught) is error
    assert caught.status == status


def test_a_404_is_unproven_and_a_410_is_proof(web: responses.RequestsMock) -> None:
    gone = failure(web, 404, json={})
    assert isinstance(gone, RecordGone)
    assert gone.proven is False
    proven = failure(web, 410, method="DELETE", json={})
    assert isinstance(proven, RecordGone)
    assert proven.proven is True


@pytest.mark.parametrize(
    ("method", "ambiguous"), [("GET", False), ("PUT", False), ("POST", True), ("PATCH", True)]
)
def test_a_server_fault_is_ambiguous_only_where_repeating_does_harm(
    web: responses.RequestsMock, method: str, ambiguous: bool
) -> None:
    caught = failure(web, 502, method=method, body="<html>bad gateway</html>")
    assert isinstance(caught, Retryable)
    assert caught.ambiguous is ambiguous


def test_a_post_with_an_idempotency_key_is_never_ambiguous(web: responses.RequestsMock) -> None:
    web.post(f"{BASE}/x", status=503)
    with pytest.raises(Retryable) as caught:
        session().request("POST", "/x", is_repeatable=True)
    assert caught.value.ambiguous is False


def test_a_refused_connection_was_not_sent_so_it_is_not_ambiguous() -> None:
    environment = Environment(allow_private_network=True, allow_http=True, timeout_seconds=1)
    with pytest.raises(Retryable) as caught:
        ApiSession("http://127.0.0.1:9", NoAuth(), environment).request("POST", "/x", json={})
    assert caught.value.ambiguous is False
    assert caught.value.code == "network"


def test_a_lost_answer_to_a_post_is_ambiguous(web: responses.RequestsMock) -> None:
    web.post(f"{BASE}/x", body=requests.ReadTimeout("read timed out"))
    with pytest.raises(Retryable) as caught:
        session().request("POST", "/x", json={})
    assert caught.value.ambiguous is True
    assert caught.value.code == "timeout"


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("7", 7.0),
        ("Sun, 01 Mar 2026 12:00:30 GMT", 30.0),
        ("Sun, 01 Mar 2026 11:00:00 GMT", 0.0),
        ("soon", None),
    ],
)
def test_retry_after_is_read_in_seconds_and_as_a_date(
    web: responses.RequestsMock, header: str, seconds: float | None
) -> None:
    caught = failure(web, 429, headers={"Retry-After": header})
    assert isinstance(caught, RateLimited)
    assert caught.retry_after == seconds


def test_a_date_in_retry_after_counts_from_the_servers_clock(web: responses.RequestsMock) -> None:
    headers = {"Retry-After": "Sun, 01 Mar 2026 13:00:30 GMT", "Date": "Sun, 01 Mar 2026 13:00:00 GMT"}
    caught = failure(web, 429, headers=headers)
    assert isinstance(caught, RateLimited)
    assert caught.retry_after == 30.0


def test_a_429_without_retry_after_waits_for_the_reset_header(web: responses.RequestsMock) -> None:
    caught = failure(web, 429, headers={"X-RateLimit-Reset": str(int(NOW.timestamp()) + 40)})
    assert isinstance(caught, RateLimited)
    assert caught.retry_after == 40.0


def test_the_refused_field_is_named(web: responses.RequestsMock) -> None:
    caught = failure(
        web, 422, json={"message": "Validation Failed", "errors": [{"field": "title", "code": "missing"}]}
    )
    assert caught.field == "title"
    assert caught.message == "A value was refused (422): Validation Failed (title)"


def test_a_connectors_rule_goes_before_the_table(web: responses.RequestsMock) -> None:
    web.get(f"{BASE}/x", status=403, json={"message": "You have exceeded a secondary rate limit"})
    rule = ErrorRule(Reaction.RATE_LIMITED, status=(403,), body_contains="secondary rate limit")
    with pytest.raises(RateLimited):
        session(options=SessionOptions(rules=(rule,))).get("/x")


def test_an_error_inside_a_200_is_found_by_a_rule(web: responses.RequestsMock) -> None:
    web.get(f"{BASE}/x", json={"error": {"message": "no"}})
    rule = ErrorRule(Reaction.VALIDATION, body_path="error")
    with pytest.raises(RecordProblem):
        session(options=SessionOptions(rules=(rule,))).get("/x")


def test_a_web_page_where_data_is_expected_breaks_the_contract(web: responses.RequestsMock) -> None:
    web.get(f"{BASE}/x", body="<!doctype html><form>", content_type="text/html")
    with pytest.raises(ContractBroken, match="login page"):
        session().get("/x")


def test_a_byte_order_mark_and_an_empty_body_are_fine(web: responses.RequestsMock) -> None:
    web.get(f"{BASE}/x", body=b'\xef\xbb\xbf{"a": 1}')
    web.get(f"{BASE}/y", body=b"")
    assert session().get("/x").body == {"a": 1}
    assert session().get("/y").body is None


def test_an_oversized_answer_is_refused(web: responses.RequestsMock) -> None:
    web.get(f"{BASE}/x", body=b"[" + b"1," * 5000 + b"1]")
    with pytest.raises(ContractBroken, match="larger"):
        session(max_response_bytes=1000).get("/x")


def test_a_compressed_bomb_is_refused_by_its_unpacked_size(web: responses.RequestsMock) -> None:
    packed = gzip.compress(b" " * 3_000_000)
    assert len(packed) < 10_000
    web.get(f"{BASE}/x", body=packed, headers={"Content-Encoding": "gzip"})
    with pytest.raises(ContractBroken, match="larger"):
        session(max_response_bytes=1_000_000).get("/x")


@pytest.mark.parametrize("depth", [65, 900, 5000])
def test_a_deeply_nested_answer_is_refused(web: responses.RequestsMock, depth: int) -> None:
    web.get(f"{BASE}/x", body=b"[" * depth + b"]" * depth)
    with pytest.raises(ContractBroken):
        session().get("/x")


def test_a_redirect_on_the_same_host_is_followed_for_reads(web: responses.RequestsMock) -> None:
    web.get(f"{BASE}/x", status=301, headers={"Location": "/v1/y"})
    web.get(f"{BASE}/y", json={"ok": True})
    assert session().get("/x").body == {"ok": True}


@pytest.mark.parametrize(
    "target",
    ["https://evil.example.com/v1/y", "http://api.example.org/v1/y", "https://api.example.org:8443/y"],
)
def test_a_redirect_elsewhere_is_not_followed(web: responses.RequestsMock, target: str) -> None:
    web.get(f"{BASE}/x", status=302, headers={"Location": target})
    with pytest.raises(ContractBroken, match="another host"):
        session(Bearer("t0ken-abc"), allow_http=True).get("/x")
    assert len(web.calls) == 1


def test_a_write_is_never_redirected(web: responses.RequestsMock) -> None:
    web.post(f"{BASE}/x", status=307, headers={"Location": "/v1/y"})
    with pytest.raises(ContractBroken):
        session().request("POST", "/x", json={})
    assert len(web.calls) == 1


def test_a_next_page_on_another_host_is_refused_without_a_request(web: responses.RequestsMock) -> None:
    with pytest.raises(ContractBroken, match="another host"):
        session().get("https://evil.example.com/v1/x?page=2")
    assert len(web.calls) == 0


@pytest.mark.parametrize(
    ("auth", "name", "value"),
    [
        (Bearer("abc"), "Authorization", "Bearer abc"),
        (Basic("me", "pw"), "Authorization", "Basic bWU6cHc="),
        (ApiKey("X-Key", "k1", prefix="Token "), "X-Key", "Token k1"),
        (ApiKey("sid", "k1", place="cookie"), "Cookie", "sid=k1"),
        (
            HeaderTemplate("Authorization", 'OAuth key="{key}", token="{token}"', {"key": "a", "token": "b"}),
            "Authorization",
            'OAuth key="a", token="b"',
        ),
    ],
)
def test_each_kind_of_auth_sends_its_header(
    web: responses.RequestsMock, auth: NoAuth, name: str, value: str
) -> None:
    web.get(f"{BASE}/x", json={})
    session(auth).get("/x")
    assert web.calls[0].request.headers[name] == value


def test_an_api_key_may_go_into_the_query_and_stays_out_of_the_exchange(web: responses.RequestsMock) -> None:
    web.get(f"{BASE}/x", json={})
    seen: list[Exchange] = []
    session(ApiKey("api_key", "s3cr3t-value", place="query"), on_exchange=seen.append).get(
        "/x", params={"q": "a"}
    )
    assert web.calls[0].request.url == f"{BASE}/x?q=a&api_key=s3cr3t-value"
    assert "s3cr3t-value" not in repr(seen[0])


def test_a_credential_with_a_line_break_is_refused() -> None:
    with pytest.raises(ConfigurationProblem):
        Bearer("abc\r\nX-Evil: 1")


def test_an_exchange_hides_secrets_and_cuts_bodies(web: responses.RequestsMock) -> None:
    seen: list[Exchange] = []
    web.post(
        f"{BASE}/x",
        json={"access_token": "tok-1234567", "text": "z" * 40_000},
        headers={"Set-Cookie": "sid=abc12345"},
    )
    session(Bearer("bearer-987654"), on_exchange=seen.append).request(
        "POST", "/x", json={"password": "hunter22", "title": "A"}
    )
    exchange = seen[0]
    for secret in ("tok-1234567", "abc12345", "bearer-987654", "hunter22"):
        assert secret not in repr(exchange)
    assert exchange.request_body == {"password": "[hidden]", "title": "A"}
    assert exchange.status == 200
    assert len(str(exchange.response_body)) < 17_000


def oauth(secrets: dict[str, Any], web: responses.RequestsMock, **environment: Any) -> ApiSession:
    settings = OAuth2Settings(token_url="https://login.example.org/token")
    return session(OAuth2(settings, secrets), **environment)


def test_an_expired_token_is_renewed_before_the_request_and_the_rotated_one_is_kept(
    web: responses.RequestsMock,
) -> None:
    stored: dict[str, Any] = {
        "client_id": "c",
        "client_secret": "s",
        "refresh_token": "r1",
        "access_token": "old",
        "expires_at": "2026-03-01T11:00:00Z",
    }

    def refresh(run: Any) -> Mapping[str, Any]:
        stored.update(run(stored))
        return stored

    web.post(
        "https://login.example.org/token",
        json={"access_token": "new", "refresh_token": "r2", "expires_in": 3600},
    )
    web.get(f"{BASE}/x", json={})
    oauth(dict(stored), web, refresh_secrets=refresh).get("/x")
    assert web.calls[1].request.headers["Authorization"] == "Bearer new"
    assert stored["refresh_token"] == "r2"
    assert stored["expires_at"] == "2026-03-01T13:00:00+00:00"


def test_the_second_worker_takes_the_first_ones_token_instead_of_spending_the_refresh_token(
    web: responses.RequestsMock,
) -> None:
    mine = {
        "client_id": "c",
        "refresh_token": "r1",
        "access_token": "old",
        "expires_at": "2026-03-01T11:00:00Z",
    }
    theirs = {
        "client_id": "c",
        "refresh_token": "r2",
        "access_token": "new",
        "expires_at": "2026-03-01T13:00:00Z",
    }
    web.get(f"{BASE}/x", json={})
    oauth(mine, web, refresh_secrets=lambda run: run(theirs)).get("/x")
    assert [call.request.url for call in web.calls] == [f"{BASE}/x"]
    assert web.calls[0].request.headers["Authorization"] == "Bearer new"


def test_a_401_renews_once_and_then_gives_up(web: responses.RequestsMock) -> None:
    web.post("https://login.example.org/token", json={"access_token": "again"})
    web.get(f"{BASE}/x", status=401, json={})
    with pytest.raises(ConfigurationProblem):
        oauth({"client_id": "c", "refresh_token": "r", "access_token": "t"}, web).get("/x")
    assert [call.request.method for call in web.calls] == ["GET", "POST", "GET"]


def test_a_refused_refresh_is_a_configuration_problem(web: responses.RequestsMock) -> None:
    web.post("https://login.example.org/token", status=400, json={"error": "invalid_grant"})
    with pytest.raises(ConfigurationProblem, match="invalid_grant"):
        oauth({"client_id": "c", "refresh_token": "r"}, web).get("/x")


class Recorder(OpenGate):
    def __init__(self) -> None:
        self.taken: list[tuple[str, int, int]] = []
        self.seen: list[tuple[str, int | None, int | None, float | None]] = []

    def acquire(self, quota_class: str, budget: RateBudget, *, cost: int = 1) -> None:
        self.taken.append((quota_class, budget.requests, cost))

    def observe(
        self, quota_class: str, *, limit: int | None, remaining: int | None, reset_after: float | None
    ) -> None:
        self.seen.append((quota_class, limit, remaining, reset_after))


def test_every_window_of_a_budget_is_spent_and_the_vendors_figures_are_passed_on(
    web: responses.RequestsMock,
) -> None:
    gate = Recorder()
    headers = {
        "X-RateLimit-Limit": "100",
        "X-RateLimit-Remaining": "42",
        "X-RateLimit-Reset": str(int(NOW.timestamp()) + 9),
    }
    web.get(f"{BASE}/x", json={}, headers=headers)
    options = SessionOptions(
        budgets=(RateBudget(100, 60), RateBudget(500, 3600), RateBudget(30, 60, "search"))
    )
    api = session(options=options, gate=gate)
    api.get("/x", cost=3)
    api.get("/x", quota_class="search")
    assert gate.taken == [("default/3600s", 500, 3), ("default", 100, 3), ("search", 30, 1)]
    assert gate.seen[0] == ("default", 100, 42, 9.0)


class Hourly(OpenGate):
    """A gate whose hour is used up, and that notes who is under way."""

    def __init__(self) -> None:
        self.balance: Counter[str] = Counter()
        self.slots: list[str] = []
        self.is_full = False

    def acquire(self, quota_class: str, budget: RateBudget, *, cost: int = 1) -> None:
        if budget.per_seconds == 60 and self.is_full:
            raise RateLimited("wait", retry_after=5)
        self.balance[quota_class] += cost

    def give_back(self, quota_class: str, budget: RateBudget, *, cost: int = 1) -> None:
        self.balance[quota_class] -= cost

    @contextmanager
    def slot(self, quota_class: str, at_once: int, *, longest: float) -> Iterator[None]:
        self.slots.append(f"{quota_class} of {at_once}")
        yield
        self.slots.append("back")


def test_a_minute_without_room_takes_nothing_from_the_hour(web: responses.RequestsMock) -> None:
    web.get(f"{BASE}/x", json={})
    gate = Hourly()
    api = session(options=SessionOptions(budgets=(RateBudget(100, 60), RateBudget(500, 3600))), gate=gate)
    api.get("/x", cost=2)
    gate.is_full = True
    with pytest.raises(RateLimited):
        api.get("/x", cost=3)
    assert gate.balance == {"default": 2, "default/3600s": 2}


def test_a_request_is_under_way_as_one_of_its_class_where_the_budget_says_how_many(
    web: responses.RequestsMock,
) -> None:
    web.get(f"{BASE}/x", json={})
    gate = Hourly()
    budgets = (
        RateBudget(100, 60, concurrency=10),
        RateBudget(500, 3600, concurrency=4),
        RateBudget(9, 60, "search"),
    )
    api = session(options=SessionOptions(budgets=budgets), gate=gate)
    for quota_class in ("default", "search", "writes"):  # neither of the others has a figure of its own
        api.get("/x", quota_class=quota_class)
    assert gate.slots == ["default of 4", "back"] * 3
    plain = session(options=SessionOptions(budgets=(RateBudget(9, 60),)), gate=gate)
    plain.get("/x")
    assert len(gate.slots) == 6


def test_an_exhausted_budget_sends_nothing(web: responses.RequestsMock) -> None:
    class Shut(OpenGate):
        def acquire(self, quota_class: str, budget: RateBudget, *, cost: int = 1) -> None:
            raise RateLimited("wait", retry_after=5)

    with pytest.raises(RateLimited):
        session(options=SessionOptions(budgets=(RateBudget(1, 60),)), gate=Shut()).get("/x")
    assert len(web.calls) == 0


def test_the_clock_offset_comes_from_the_date_header(web: responses.RequestsMock) -> None:
    web.get(f"{BASE}/x", json={}, headers={"Date": "Sun, 01 Mar 2026 12:01:30 GMT"})
    api = session()
    answer = api.get("/x")
    assert answer.server_time == datetime(2026, 3, 1, 12, 1, 30, tzinfo=UTC)
    assert api.clock_offset.total_seconds() == 90


def test_a_header_with_a_line_break_never_leaves() -> None:
    with pytest.raises(ConfigurationProblem):
        session().get("/x", headers={"X-A": "1\r\nX-B: 2"})
