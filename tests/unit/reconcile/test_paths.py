"""The path grammar: reading, writing and refusing."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconcile.paths import MISSING, PathError, compile_path, paths_in


@pytest.mark.parametrize(
    ("path", "data", "expected"),
    [
        ("title", {"title": "A"}, "A"),
        ("customer.name", {"customer": {"name": "Ada"}}, "Ada"),
        ("custom_fields[1].value", {"custom_fields": [{}, {"value": 5}]}, 5),
        ('fields."due.date"', {"fields": {"due.date": 1}}, 1),
        ("fields['a.b'][0]", {"fields": {"a.b": [7]}}, 7),
        ('["odd key"].x', {"odd key": {"x": 1}}, 1),
        ("a[0][1]", {"a": [[1, 2]]}, 2),
        ("title", {}, MISSING),
        ("customer.name", {"customer": {}}, MISSING),
        ("customer.name", {"customer": None}, None),
        ("customer.name", {"customer": "plain"}, MISSING),
        ("list[3]", {"list": [1]}, None),
        ("list[0]", {"list": "text"}, MISSING),
        ("title", {"title": None}, None),
    ],
)
def test_reading_tells_absent_from_empty(path: str, data: Any, expected: Any) -> None:
    assert compile_path(path).read(data) == expected


@pytest.mark.parametrize(
    ("path", "position"),
    [("", 0), ("a..b", 2), ("a.", 1), (".a", 0), ("a[", 1), ("a[x]", 2), ("a[-1]", 2), ("a[99999]", 2), ("a.[0]", 2),
     ("a]b", 1), ('"open', 0), ('""', 0), ("a[0]b", 4), ("a['x'", 1), ("a[]", 2)],
)  # fmt: skip
def test_a_wrong_path_is_refused_with_its_place(path: str, position: int) -> None:
    with pytest.raises(PathError) as caught:
        compile_path(path)
    assert caught.value.position == position


def test_writing_makes_the_containers_on_the_way() -> None:
    data: dict[str, Any] = {}
    compile_path("custom_fields[1].value").write(data, 5)
    compile_path("custom_fields[0].value").write(data, 4)
    compile_path('fields."a.b"').write(data, None)
    assert data == {"custom_fields": [{"value": 4}, {"value": 5}], "fields": {"a.b": None}}


@pytest.mark.parametrize("path", ["a.b", "a[0]", "b.c", "b[0].x"])
def test_writing_through_a_plain_value_is_refused(path: str) -> None:
    data: dict[str, Any] = {"a": "plain", "b": [1]}
    with pytest.raises(PathError):
        compile_path(path).write(data, 1)
    assert data == {"a": "plain", "b": [1]}


KEY = st.text(st.characters(exclude_characters="\"'\x00"), min_size=1, max_size=6)
STEPS = st.lists(KEY | st.integers(0, 5), min_size=1, max_size=5).filter(
    lambda steps: isinstance(steps[0], str)
)


@given(STEPS, st.integers())
def test_what_is_written_is_read_back(steps: list[str | int], value: int) -> None:
    text = "".join(f"[{step}]" if isinstance(step, int) else f'["{step}"]' for step in steps)
    path = compile_path(text)
    assert path.steps == tuple(steps)
    data: dict[str, Any] = {}
    path.write(data, value)
    assert path.read(data) == value


@given(st.text(max_size=20))
def test_any_text_is_a_path_or_a_path_error(text: str) -> None:
    try:
        found = compile_path(text).read({})
    except PathError as error:
        found = error
    assert found is MISSING or 0 <= found.position <= len(text)


def test_the_paths_of_a_document_lead_to_values_lists_and_what_their_first_holds() -> None:
    data = {
        "id": 1,
        "hub": {"status": "x", "due.date": None},
        "labels": [{"name": "a"}],
        "empty": {},
        "n": [],
    }
    assert list(paths_in(data)) == [
        "id",
        "hub.status",
        'hub."due.date"',
        "labels",
        "labels[0].name",
        "empty",
        "n",
    ]
    assert list(paths_in({"a": {"b": {"c": 1}}}, deepest=2)) == []
    assert list(paths_in("no document")) == []


documents = st.recursive(
    st.none() | st.integers() | st.text(max_size=3),
    lambda inside: st.lists(inside, max_size=2) | st.dictionaries(st.text(max_size=4), inside, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(max_size=4), documents, max_size=3))
def test_every_path_of_a_document_reads_something_there(data: dict[str, Any]) -> None:
    for path in paths_in(data):
        assert compile_path(path).read(data) is not MISSING
