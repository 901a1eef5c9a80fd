"""Proposals from sample answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from connectors.generic_rest.discover import fetch_sample, find_pager, find_records, propose, type_of
from tests.sandbox_fixtures import Stand


def test_a_sample_of_the_desk_proposes_its_configuration(open_stand: Callable[..., Stand]) -> None:
    client: Any = open_stand("desk").client
    proposal = fetch_sample(client.session, "/tickets")
    assert proposal.records_path == "data"
    assert proposal.pagination["total_pages_path"] == "meta.pages"
    assert (proposal.id_path, proposal.updated_at_path, proposal.title_path) == (
        "id",
        "updated_at",
        "subject",
    )
    assert proposal.status_path == "state.id"
    assert proposal.assignee_path == "assignees"
    types = {field.path: (field.type, field.format) for field in proposal.fields}
    assert types["updated_at"] == ("datetime", "iso8601_ms")
    assert types["tags"] == ("list", "")
    assert proposal.zone == "UTC"


@pytest.mark.parametrize(
    ("body", "path", "count"),
    [
        ([{"id": 1}], "", 1),
        ({"meta": {"x": [{"a": 1}]}, "results": [{"id": 1}]}, "results", 1),
        ({"result": {"issues": [{"id": 1}, {"id": 2}], "tags": ["a"]}}, "result.issues", 2),
        ({"by_id": {"1": {"id": 1}, "2": {"id": 2}}}, "by_id.*", 2),
        ({"odd.name": [{"id": 1}]}, '"odd.name"', 1),
        ("text", "", 0),
    ],
)
def test_the_list_of_records_is_found(body: Any, path: str, count: int) -> None:
    found, rows = find_records(body)
    assert (found, len(rows)) == (path, count)


@pytest.mark.parametrize(
    ("body", "headers", "kind"),
    [
        ([], {"Link": '<https://x.example.org?page=2>; rel="next"'}, "link_header"),
        ({"@odata.nextLink": "https://x.example.org/next"}, {}, "next_url"),
        ({"links": {"next": "/x?page=2"}}, {}, "next_url"),
        ({"next_cursor": "abc", "has_more": True}, {}, "cursor"),
        ({"meta": {"total_pages": 3}}, {}, "page"),
        ({"offset": 0, "limit": 50, "total": 70}, {}, "offset"),
        ({"data": []}, {}, "none"),
    ],
)
def test_the_pager_is_proposed(body: Any, headers: dict[str, str], kind: str) -> None:
    assert find_pager(body, headers)["kind"] == kind


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["2026-03-01"], ("date", "date")),
        (["2026-03-01T10:00:00Z"], ("datetime", "iso8601")),
        (["2026-03-01T10:00:00.000+0000"], ("datetime", "iso8601_no_colon")),
        (["Sun, 01 Mar 2026 12:00:00 GMT"], ("datetime", "rfc1123")),
        ([1772366400], ("datetime", "epoch_s")),
        ([1772366400000], ("datetime", "epoch_ms")),
        ([1, 2], ("integer", "")),
        ([1, 2.5], ("decimal", "")),
        ([True], ("boolean", "")),
        (["<p>a</p>"], ("html", "")),
        ([1, "a"], ("string", "")),
    ],
)
def test_types_and_time_formats_are_told(values: list[Any], expected: tuple[str, str]) -> None:
    assert type_of(values) == expected


def test_secrets_in_samples_are_masked_and_local_times_ask_for_a_zone() -> None:
    proposal = propose([{"id": 1, "api_token": "abc-123456", "updated": "2026-03-01T10:00:00"}])
    assert "abc-123456" not in repr(proposal)
    assert proposal.zone == ""
