"""What a GraphQL schema lets the contract suite notice."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.vendor import Logged
from tests.contract.graphql_spec import GraphSpec

SPEC = GraphSpec(
    """
    enum State { open closed }
    interface Value { id: ID! }
    type Text implements Value { id: ID! text: String }
    type Number implements Value { id: ID! number: Float! }
    type Task { id: ID! title: String! state: State! values: [Value!]! parent: Task }
    input Filter { state: State }
    type Query { tasks(filter: Filter, limit: Int!): [Task!]! }
    type Mutation { drop(id: ID!): Task }
    """
)
QUERY = "query ($f: Filter) { tasks(filter: $f, limit: 2) { id state values { id ... on Text { text } ... on Number { number } } } }"
TASK = {"id": "1", "state": "open", "values": [{"id": "a", "text": None}, {"id": "b", "number": 2}]}


def entry(query: str, variables: Any, answer: Any, status: int = 200) -> Logged:
    return Logged("POST", "/v2", {}, {}, {"query": query, "variables": variables}, status, answer)


def problems(query: str = QUERY, variables: Any = None, data: Any = None, **more: Any) -> list[str]:
    return SPEC.entry_problems(entry(query, variables, {"data": data or {"tasks": [TASK]}, **more}))


def test_what_fits_has_no_problems() -> None:
    assert problems(variables={"f": {"state": "open"}}) == []


@pytest.mark.parametrize(
    ("query", "variables", "said"),
    [
        ("query { tasks(limit: 2) { nope } }", None, "Cannot query field 'nope'"),
        ("query { tasks { id } }", None, "argument 'limit'"),
        ('query { tasks(limit: "2") { id } }', None, "Int cannot represent"),
        (QUERY, {"f": {"state": "ajar"}}, "does not exist in 'State'"),
        (QUERY, {"f": {"stat": "open"}}, "not defined by type 'Filter'"),
        (QUERY, {"g": 1}, "g is not declared"),
        (QUERY, "{}", "no object"),
        ("query { tasks(", None, "Syntax Error"),
    ],
)
def test_a_wrong_document_or_variable_is_noticed(query: str, variables: Any, said: str) -> None:
    found = problems(query, variables)
    assert len(found) == 1
    assert said in found[0]


@pytest.mark.parametrize(
    ("task", "said"),
    [
        ({**TASK, "state": "ajar"}, "'ajar' is none of State"),
        ({**TASK, "id": None}, "null where ID! does not allow it"),
        ({**TASK, "title": "x"}, "title: was not asked for"),
        ({"id": "1", "state": "open"}, "values: is missing"),
        ({**TASK, "values": {}}, "values: no list"),
        ({**TASK, "values": [{"id": "b", "number": "2"}]}, "'2' is no Float"),
        ({**TASK, "values": [{"id": "b", "colour": "2"}]}, "colour: was not asked for"),
    ],
)
def test_an_answer_that_the_schema_does_not_know_is_noticed(task: Any, said: str) -> None:
    assert any(said in one for one in problems(data={"tasks": [task]}))


def test_nulls_are_allowed_where_errors_came_along() -> None:
    assert problems(data={"tasks": None}, errors=[{"message": "no"}]) == []


def test_refusals_by_status_and_requests_of_another_kind_are_left_alone() -> None:
    assert SPEC.entry_problems(entry("query { nope }", None, None, 401)) == []
    assert SPEC.entry_problems(Logged("POST", "/oauth/token", {}, {}, {"code": "x"}, 200, {})) == []


def test_an_answer_without_data_and_errors_is_noticed() -> None:
    assert SPEC.entry_problems(entry(QUERY, None, [])) == ["answer: neither data nor errors"]
