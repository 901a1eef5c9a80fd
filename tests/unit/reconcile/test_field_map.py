"""Field maps: what is refused when saved (D3), and what a compiled one does."""

from __future__ import annotations

from typing import Any

import pytest

from connectors.base.types import LinkSpec
from reconcile.fieldmap import FieldMapProblem, compile_field_map, link_to_dict, parse_field_map
from reconcile.kinds import Kind, ValueProblem
from reconcile.model import Direction
from tests.unit.reconcile.worlds import KINDS, Book, compiled


def problems(*links: Any, required: tuple[str, ...] = ()) -> list[tuple[str, str]]:
    with pytest.raises(FieldMapProblem) as caught:
        parse_field_map(links, record_kinds=KINDS, required_local=required)
    return [tuple(problem) for problem in caught.value.problems]


@pytest.mark.parametrize(
    ("link", "where", "what"),
    [
        ({"local": "nope", "external": "a"}, "links[0].local", "there is no field 'nope'; choose one of: assignees"),
        ({"external": "a"}, "links[0].local", "is missing"),
        ({"local": "title"}, "links[0].external", "must be a path"),
        ({"local": "title", "external": "a..b"}, "links[0].external", "a name is missing (at character 3)"),
        ({"local": "title", "external": "a", "direction": "up"}, "links[0].direction", "'both', 'in' or 'out'"),
        ({"local": "title", "external": "a", "required": "yes"}, "links[0].required", "true or false"),
        ({"local": "title", "external": "a", "colour": 1}, "links[0].colour", "is not known"),
        ({"local": "title", "external": "a", "transform": "magic"}, "links[0].transform", "there is no transform 'magic'"),
        ({"local": "title", "external": "a", "transform": 5}, "links[0].transform", "must be an object"),
        ({"local": "title", "external": "a", "transform": {"name": "string", "trim": "x"}}, "links[0].transform", "option 'trim' must be a boolean"),
        ({"local": "title", "external": "a", "transform": {"name": "string", "zip": 1}}, "links[0].transform", "has no option 'zip'"),
        ({"local": "due_on", "external": "a", "transform": {"name": "date", "as": "moon"}}, "links[0].transform", "must be one of: date, instant"),
        ({"local": "due_on", "external": "a", "transform": {"name": "date", "zone": "Mars"}}, "links[0].transform", "option 'zone'"),
        ({"local": "due_on", "external": "a", "transform": {"name": "date", "time": "noon"}}, "links[0].transform", "time of day"),
        ({"local": "due_on", "external": "a", "transform": "set"}, "links[0].transform", "cannot fill a date field; use one of:"),
        ({"local": "due_on", "external": ["a", "b"]}, "links[0].transform", "takes one path, not 2"),
        ({"local": "reporter", "external": "a"}, "links[0].transform", "needs the transform 'lookup'"),
        ({"local": "reporter", "external": "a", "transform": "lookup"}, "links[0].transform", "option 'resource' is missing"),
        ({"local": "due_on", "external": "a", "default": "soon"}, "links[0].default", "not a date"),
        ({"local": "stage", "external": "a", "transform": {"name": "enum", "map": {"a": "x", "b": "x"}}}, "links[0].transform", "choose in option 'back' which value to send for 'x' (from a, b)"),
        ({"local": "title", "external": "a", "transform": {"name": "template", "template": "{0}"}}, "links[0].transform", "cannot be turned round"),
        ({"local": "title", "external": "a", "transform": "field_to_comment"}, "links[0].transform", "only sends"),
        ({"local": "title", "external": "a", "transform": {"name": "constant", "value": 1}}, "links[0].transform", "goes one way"),
        ({"local": "title", "external": "a", "transform": {"name": "split_name", "part": "last"}}, "links[0].transform", "cannot be sent back"),
        (17, "links[0]", "must be an object"),
    ],
)  # fmt: skip
def test_a_fault_is_refused_with_its_place_and_what_to_do(link: Any, where: str, what: str) -> None:
    found = problems(link)
    assert any(place == where and what in text for place, text in found), found


def test_all_faults_are_told_at_once() -> None:
    found = problems(
        {"local": "nope", "external": "a"}, {"local": "title", "external": "[", "direction": "x"}
    )
    assert [where for where, _ in found] == ["links[0].local", "links[1].external", "links[1].direction"]


def test_two_links_may_not_fill_the_same_field_or_write_the_same_path() -> None:
    a, b = {"local": "title", "external": "a"}, {"local": "title", "external": "b"}
    assert "already filled from 'a'" in problems(a, b)[0][1]
    assert "already written from 'title'" in problems(a, {"local": "url", "external": "a"})[0][1]
    both = parse_field_map([{**a, "direction": "in"}, {**b, "direction": "out"}], record_kinds=KINDS)
    assert [link.key for link in both.links] == ["title", "title:b"]


def test_a_field_that_must_be_filled_needs_a_link_that_fills_it() -> None:
    found = problems(
        {"local": "url", "external": "u"},
        {"local": "title", "external": "t", "direction": "out"},
        required=("title",),
    )
    assert found == [
        ("links", "'title' must be filled but nothing comes in for it: add a link or a constant")
    ]


def test_many_to_one_is_fine_one_way_or_with_a_chosen_return_value() -> None:
    transform = {"name": "enum", "map": {"a": "x", "b": "x"}}
    assert compiled({"local": "stage", "external": "s", "transform": transform, "direction": "in"}).keys == (
        "stage",
    )
    assert compiled(
        {"local": "stage", "external": "s", "transform": {**transform, "back": {"x": "b"}}}
    ).keys == ("stage",)


def test_a_connectors_default_links_and_their_saved_form_are_the_same_map() -> None:
    specs = [
        LinkSpec("title", "name", required=True),
        LinkSpec(
            "due_on", "due", {"name": "date", "as": "instant"}, direction="in", group="dates", key="deadline"
        ),
        LinkSpec("url", ("a", "b"), {"name": "join"}, default="-"),
    ]
    direct = parse_field_map(specs, record_kinds=KINDS)
    assert direct == parse_field_map([link_to_dict(spec) for spec in specs], record_kinds=KINDS)
    assert [link.key for link in direct.links] == ["title", "deadline", "url"]
    assert direct.links[1].direction is Direction.IN and direct.groups == {"dates": ("deadline",)}


def test_reading_leaves_out_what_the_answer_does_not_say() -> None:
    fm = compiled(
        {"local": "title", "external": "fields.summary"},
        {"local": "url", "external": ["host", "path"], "transform": {"name": "join", "separator": "/"}},
    )
    assert fm.read_external({"fields": {}, "host": "h"}) == {}
    assert fm.read_external({"fields": {"summary": None}, "host": "h", "path": "p"}) == {
        "title": None,
        "url": ["h", "p"],
    }


def test_writes_go_by_path_and_several_paths_get_their_parts() -> None:
    fm = compiled(
        {"local": "title", "external": "fields.summary"},
        {"local": "url", "external": ["host", "path"], "transform": {"name": "join", "separator": "/"}},
    )
    assert fm.external_writes({"title": "A", "url": ["h", "p"]}) == {
        "fields.summary": "A",
        "host": "h",
        "path": "p",
    }
    assert fm.external_writes({"url": ["h"]}) == {"host": "h", "path": None}


def test_local_values_are_read_by_field_and_named_when_they_do_not_fit() -> None:
    fm = compiled(
        {"local": "title", "external": "t"}, {"local": "due_on", "external": "d", "key": "deadline"}
    )
    assert fm.read_local({"title": "", "due_on": "2025-07-01", "url": "ignored"}) == {
        "title": None,
        "deadline": "2025-07-01",
    }
    assert fm.local_fields({"deadline": "2025-07-01"}) == {"due_on": "2025-07-01"}
    with pytest.raises(ValueProblem, match=r"^due_on: "):
        fm.read_local({"due_on": "soon"})


def test_a_default_stands_in_for_an_empty_value_from_there() -> None:
    fm = compiled({"local": "priority", "external": "p", "default": "none"})
    assert fm.inward("priority", None, Book()) == "none" and fm.inward("priority", "high", Book()) == "high"


def test_a_constant_comes_in_whatever_the_vendor_says() -> None:
    fm = compiled(
        {
            "local": "stage",
            "external": "-",
            "direction": "in",
            "transform": {"name": "constant", "value": "todo"},
        }
    )
    assert fm.read_external({}) == {"stage": "todo"}


def test_a_field_map_has_an_upper_size() -> None:
    kinds = {f"f{number}": Kind.TEXT for number in range(300)}
    with pytest.raises(FieldMapProblem, match="at most 200"):
        parse_field_map([{"local": name, "external": name} for name in kinds], record_kinds=kinds)


def test_a_map_compiles_from_what_was_parsed() -> None:
    fm = compile_field_map(parse_field_map([{"local": "labels", "external": "tags"}], record_kinds=KINDS))
    assert fm.links["labels"].transform == "set" and fm.keys == ("labels",) and fm.groups == {}
