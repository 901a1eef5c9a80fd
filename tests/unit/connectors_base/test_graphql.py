"""GraphQL over the session: what a document sends, and what the errors inside an answer mean."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
import responses

from connectors.base.auth import NoAuth
from connectors.base.classify import ErrorRule, Reaction
from connectors.base.connector import Environment
from connectors.base.errors import (
    ConfigurationProblem,
    ContractBroken,
    PermissionProblem,
    RateLimited,
    RecordGone,
    RecordProblem,
    Retryable,
)
from connectors.base.graphql import CodeRule, Document, GraphApi, errors_in
from connectors.base.session import ApiSession, SessionOptions

URL = "https://api.example.org/graphql"
RULES = (
    CodeRule(Reaction.RATE_LIMITED, codes=("TOO_MUCH",)),
    CodeRule(Reaction.REAUTH, codes=("NOT_SIGNED_IN",), message="Sign in again."),
    CodeRule(Reaction.NOT_FOUND, says="not found"),
    CodeRule(Reaction.RETRY, codes=("BUSY",)),
    CodeRule(Reaction.IGNORE, codes=("NO_PHOTO",)),
)


@pytest.fixture
def web() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        yield mock


def api(**options: Any) -> GraphApi:
    environment = Environment(now=lambda: datetime(2026, 3, 1, 12, 0, tzinfo=UTC))
    session = ApiSession("https://api.example.org", NoAuth(), environment)
    return GraphApi(session, "/graphql", RULES, **options)


def error(code: str, message: str = "no", **extensions: Any) -> dict[str, Any]:
    return {"errors": [{"message": message, "extensions": {"code": code, **extensions}}], "data": None}


def answer(web: responses.RequestsMock, body: Any, status: int = 200, **headers: str) -> None:
    web.add("POST", URL, json=body, status=status, headers=headers)


def test_a_document_and_its_variables_travel_in_one_post(web: responses.RequestsMock) -> None:
    answer(web, {"data": {"me": {"id": "1"}}})
    assert api().ask("query ($n: Int) { me { id } }", {"n": 3}).at("me.id") == "1"
    assert orjson.loads(web.calls[0].request.body or b"") == {
        "query": "query ($n: Int) { me { id } }",
        "variables": {"n": 3},
    }


def test_several_calls_go_in_one_document_under_their_aliases() -> None:
    document = Document("mutation")
    first = document.add("rename", {"id": ("ID!", "1"), "name": ("String!", 'a "b"')}, "{ id }")
    second = document.add("drop", {"id": ("ID!", "2")}, "{ id }")
    assert (first, second, len(document)) == ("c0", "c1", 2)
    assert document.text == (
        "mutation ($c0_id: ID!, $c0_name: String!, $c1_id: ID!) "
        "{ c0: rename(id: $c0_id, name: $c0_name) { id } c1: drop(id: $c1_id) { id } }"
    )
    assert document.variables == {"c0_id": "1", "c0_name": 'a "b"', "c1_id": "2"}


def test_a_call_without_arguments_needs_no_variables() -> None:
    document = Document()
    document.add("me", None, "{ id }")
    assert document.text == "query { c0: me { id } }"


def test_an_error_in_a_200_answer_is_judged_by_its_code(web: responses.RequestsMock) -> None:
    answer(web, error("not_signed_in"))
    with pytest.raises(ConfigurationProblem, match="Sign in again"):
        api().ask("{ me { id } }")


def test_a_limit_in_a_200_answer_carries_its_wait(web: responses.RequestsMock) -> None:
    answer(web, error("TOO_MUCH", retry_in_seconds=17))
    with pytest.raises(RateLimited) as caught:
        api(wait_at=("retry_in_seconds",)).ask("mutation { x }")
    assert caught.value.retry_after == 17
    assert not caught.value.ambiguous


def test_a_limit_without_a_wait_ends_when_the_vendor_s_window_does(web: responses.RequestsMock) -> None:
    answer(web, error("TOO_MUCH"), 400, **{"X-RateLimit-Reset": "1772366425"})
    with pytest.raises(RateLimited) as caught:
        api().ask("{ x }")
    assert caught.value.retry_after == 25


def test_words_meant_for_people_are_shown_where_the_vendor_has_them(web: responses.RequestsMock) -> None:
    answer(web, error("X", "Argument Validation Error", shown="The title is too long."))
    with pytest.raises(RecordProblem, match="The title is too long"):
        api(words_at="shown").ask("mutation { x }")


def test_the_header_s_wait_wins_over_the_body_s(web: responses.RequestsMock) -> None:
    answer(web, error("TOO_MUCH", retry_in_seconds=17), **{"Retry-After": "5"})
    with pytest.raises(RateLimited) as caught:
        api(wait_at=("retry_in_seconds",)).ask("{ x }")
    assert caught.value.retry_after == 5


def test_a_limit_that_comes_as_400_is_a_limit(web: responses.RequestsMock) -> None:
    answer(web, error("TOO_MUCH"), 400)
    with pytest.raises(RateLimited):
        api().ask("{ x }")


def test_an_error_of_no_rule_is_the_record_s_problem_unless_said_otherwise(
    web: responses.RequestsMock,
) -> None:
    answer(web, error("NEW_CODE", "no such label"))
    with pytest.raises(RecordProblem, match="no such label"):
        api().ask("mutation { x }")
    with pytest.raises(ContractBroken):
        api(fallback=Reaction.FATAL).ask("{ x }")


def test_what_is_said_counts_where_there_is_no_code(web: responses.RequestsMock) -> None:
    answer(web, {"errors": [{"message": "Entity not found: Issue"}]})
    with pytest.raises(RecordGone):
        api().ask("{ x }")


def test_a_fault_of_a_mutation_may_have_had_its_effect(web: responses.RequestsMock) -> None:
    answer(web, error("BUSY"))
    with pytest.raises(Retryable) as caught:
        api().ask("mutation { x }")
    assert caught.value.ambiguous
    with pytest.raises(Retryable) as caught:
        api().ask("{ x }")
    assert not caught.value.ambiguous
    with pytest.raises(Retryable) as caught:
        api().ask("mutation { x }", is_repeatable=True)
    assert not caught.value.ambiguous


def test_what_concerns_the_whole_request_decides_among_several_errors(web: responses.RequestsMock) -> None:
    rows = [{"message": "bad value"}, {"message": "slow down", "extensions": {"code": "TOO_MUCH"}}]
    answer(web, {"errors": rows, "data": {"a": {"id": "1"}}})
    with pytest.raises(RateLimited):
        api().ask("{ a { id } }", partial=True)


def test_a_partial_answer_is_given_where_it_was_asked_for(web: responses.RequestsMock) -> None:
    rows = [{"message": "not found", "path": ["b"]}]
    answer(web, {"errors": rows, "data": {"a": {"id": "1"}, "b": None}})
    given = api().ask("{ a { id } b { id } }", partial=True)
    assert given.at("a.id") == "1"
    assert [(one.message, one.path) for one in given.errors] == [("not found", ("b",))]
    with pytest.raises(RecordGone):
        api().ask("{ a { id } b { id } }")


def test_an_error_to_look_past_leaves_the_data(web: responses.RequestsMock) -> None:
    answer(web, {**error("NO_PHOTO"), "data": {"me": {"id": "1"}}})
    assert api().ask("{ me { id } }").at("me.id") == "1"


def test_a_refusal_without_errors_is_judged_by_its_status(web: responses.RequestsMock) -> None:
    answer(web, {"message": "no"}, 403)
    with pytest.raises(PermissionProblem):
        api().ask("{ x }")


@pytest.mark.parametrize("body", [{}, {"data": None}, [], "text"])
def test_an_answer_without_data_breaks_the_contract(web: responses.RequestsMock, body: Any) -> None:
    answer(web, body)
    with pytest.raises(ContractBroken):
        api().ask("{ x }")


def test_a_listing_that_is_none_breaks_the_contract(web: responses.RequestsMock) -> None:
    answer(web, {"data": {"boards": None, "items": [{"id": 1}, None], "me": []}})
    given = api().ask("{ x }")
    assert given.rows("items", "items") == [{"id": 1}]
    with pytest.raises(ContractBroken):
        given.rows("boards", "boards")
    with pytest.raises(ContractBroken):
        given.object("me", "account")


def test_errors_are_read_in_every_usual_shape() -> None:
    assert errors_in({"errors": ["Not Authenticated"]})[0].message == "Not Authenticated"
    old = errors_in({"error_code": "ComplexityException", "error_message": "wait", "error_data": {"s": 1}})[0]
    assert (old.code, old.message, old.extensions) == ("ComplexityException", "wait", {"s": 1})
    assert errors_in({"data": {}}) == []
    assert errors_in([1]) == []


def test_the_kind_of_an_error_may_stand_beside_its_message(web: responses.RequestsMock) -> None:
    answer(web, {"data": None, "errors": [{"type": "TOO_MUCH", "message": "Later."}]})
    with pytest.raises(RateLimited):
        api().ask("{ me }")


def test_a_refusal_without_errors_is_judged_by_the_sessions_rules(web: responses.RequestsMock) -> None:
    answer(web, {"message": "You have exceeded a secondary rate limit."}, 403)
    with pytest.raises(PermissionProblem):
        api().ask("{ me }")
    rules = (ErrorRule(Reaction.RATE_LIMITED, status=(403,), body_contains="secondary rate limit"),)
    session = ApiSession("https://api.example.org", NoAuth(), Environment(), SessionOptions(rules=rules))
    with pytest.raises(RateLimited):
        GraphApi(session, "/graphql", RULES).ask("{ me }")
