"""Pagers end on a positive sign and notice walks that go wrong."""

from __future__ import annotations

from typing import Any

import pytest

from connectors.base.errors import ContractBroken
from connectors.base.paging import (
    CursorToken,
    LinkHeader,
    NextUrl,
    Offset,
    PageNumber,
    PageSeen,
    Walk,
    parse_links,
)


def seen(
    body: Any = None, rows: int = 2, url: str = "https://api.example.org/v1/x", **headers: str
) -> PageSeen:
    return PageSeen(
        body or {},
        {name.replace("_", "-"): value for name, value in headers.items()},
        [{"id": n} for n in range(rows)],
        url,
    )


def test_pages_are_counted_up_to_the_total() -> None:
    pager = PageNumber(total_pages_path="meta.pages")
    assert pager.ask(None).params == {"page": 1}
    assert pager.next_token(None, seen({"meta": {"pages": 2}})) == 2
    assert pager.next_token(2, seen({"meta": {"pages": 2}})) is None


def test_pages_from_zero_end_at_the_same_count() -> None:
    pager = PageNumber(start=0, total_pages_path="pages", size_param="n", size=2)
    assert pager.ask(None).params == {"page": 0, "n": 2}
    assert pager.next_token(1, seen({"pages": 2})) is None


def test_a_short_page_ends_where_nothing_else_tells() -> None:
    pager = PageNumber(size=2)
    assert pager.next_token(None, seen(rows=2)) == 2
    assert pager.next_token(2, seen(rows=1)) is None


def test_an_empty_page_does_not_end_what_says_there_is_more() -> None:
    pager = PageNumber(has_more_path="more")
    assert pager.next_token(None, seen({"more": True}, rows=0)) == 2


def test_a_missing_total_breaks_the_contract_instead_of_ending_the_walk() -> None:
    with pytest.raises(ContractBroken):
        PageNumber(total_pages_path="meta.pages").next_token(None, seen({"meta": {}}))
    with pytest.raises(ContractBroken):
        Offset(has_more_path="more").next_token(None, seen({}))


def test_an_offset_moves_by_the_rows_that_came() -> None:
    pager = Offset(limit=100, total_path="total")
    assert pager.next_token(None, seen({"total": 150}, rows=60)) == 60
    assert pager.next_token(60, seen({"total": 150}, rows=90)) is None


def test_an_empty_page_before_the_total_is_no_end() -> None:
    with pytest.raises(ContractBroken):
        Offset(limit=100, total_path="total").next_token(100, seen({"total": 150}, rows=0))


def test_a_cursor_comes_from_body_header_or_last_row() -> None:
    assert CursorToken(path="next").next_token(None, seen({"next": "c2"})) == "c2"
    assert CursorToken(path="next").next_token("c2", seen({"next": None})) is None
    assert CursorToken(header="X-Next").next_token(None, seen(x_next="c3")) == "c3"
    assert CursorToken(last_record_field="id", size=2).next_token(None, seen(rows=2)) == 1
    assert CursorToken(last_record_field="id", size=2).next_token(None, seen(rows=1)) is None


def test_the_same_cursor_twice_breaks_the_contract() -> None:
    with pytest.raises(ContractBroken):
        CursorToken(path="next").next_token("c2", seen({"next": "c2"}))


def test_more_without_a_cursor_breaks_the_contract() -> None:
    with pytest.raises(ContractBroken):
        CursorToken(path="next", has_more_path="more").next_token("c1", seen({"more": True, "next": ""}))


def test_link_headers_with_several_relations_and_commas_in_addresses_are_read() -> None:
    value = '<https://api.example.org/x?a=1,2&page=2>; rel="next", <https://api.example.org/x?page=9>; title="a, b"; rel="last prev"'
    assert parse_links(value) == {
        "next": "https://api.example.org/x?a=1,2&page=2",
        "last": "https://api.example.org/x?page=9",
        "prev": "https://api.example.org/x?page=9",
    }
    assert LinkHeader().next_token(None, seen(link=value)) == "https://api.example.org/x?a=1,2&page=2"
    assert LinkHeader().next_token(None, seen(link='</x>; rel="first"')) is None


def test_relative_next_addresses_are_resolved() -> None:
    assert (
        NextUrl("next").next_token(None, seen({"next": "/v1/x?page=2"}))
        == "https://api.example.org/v1/x?page=2"
    )
    assert NextUrl("next").next_token(None, seen({"next": None})) is None
    with pytest.raises(ContractBroken):
        NextUrl("next").next_token(None, seen({"next": 7}))


def test_a_repeated_page_breaks_the_walk_even_after_others() -> None:
    first = Walk().step("b", "A")
    second = Walk.from_token(first).step("c", "B")
    with pytest.raises(ContractBroken, match="same page"):
        Walk.from_token(second).step(None, "A")


def test_an_endless_walk_is_stopped() -> None:
    with pytest.raises(ContractBroken, match="did not end"):
        Walk("x", 9).step("y", "f", max_pages=10)


def test_empty_pages_are_not_taken_for_repeats() -> None:
    token = Walk().step("b", "")
    assert Walk.from_token(token).step("c", "") == {"at": "c", "pages": 2, "seen": []}


def test_a_last_page_header_that_did_not_come_leaves_it_to_the_short_page() -> None:
    pager = PageNumber(size=2, last_page_header="Last-Page")
    assert pager.next_token(None, PageSeen([], {"last-page": "false"}, [1])) == 2
    assert pager.next_token(None, PageSeen([], {"last-page": "true"}, [1, 2])) is None
    assert pager.next_token(None, PageSeen([], {}, [1, 2])) == 2
    assert pager.next_token(None, PageSeen([], {}, [1])) is None
