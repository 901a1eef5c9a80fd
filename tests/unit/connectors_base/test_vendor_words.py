"""What a vendor says of a refusal, when its limit ends, and which page is the last, in the forms vendors use."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from connectors.base.classify import field_of, message_of
from connectors.base.errors import ContractBroken
from connectors.base.limits import LimitHeaders
from connectors.base.paging import Offset, PageSeen

NOW = datetime(2026, 11, 28, 12, 0, tzinfo=UTC)


def test_a_list_of_error_messages_gives_its_first() -> None:
    assert message_of({"errorMessages": ["Issue does not exist."], "errors": {}}) == "Issue does not exist."


def test_errors_by_field_are_said_one_after_the_other_with_their_fields() -> None:
    body = {"errorMessages": [], "errors": {"summary": "Say something.", "duedate": "No such day."}}
    assert message_of(body) == "Say something. No such day. (summary, duedate)"
    assert field_of(body) == "summary, duedate"


def test_a_body_that_says_nothing_gives_no_words() -> None:
    assert message_of({"errors": {"summary": {"code": 7}}}) == ""
    assert message_of({"errors": [{"code": 7}]}) == ""


def test_a_limit_may_end_at_a_written_moment_of_whole_minutes() -> None:
    limits = LimitHeaders(reset_format="iso8601")
    seen = limits.read({"x-ratelimit-limit": "350", "x-ratelimit-reset": "2026-11-28T12:01Z"}, now=NOW)
    assert (seen.limit, seen.reset_after) == (350, 60.0)
    assert limits.read({"x-ratelimit-reset": "soon"}, now=NOW).reset_after is None


def test_a_listing_may_end_where_it_says_that_this_page_is_the_last() -> None:
    pager = Offset("startAt", "maxResults", 50, is_last_path="isLast")
    assert pager.next_token(50, PageSeen({"isLast": False}, {}, [1, 2])) == 52
    assert pager.next_token(50, PageSeen({"isLast": True}, {}, [1, 2])) is None
    with pytest.raises(ContractBroken):
        pager.next_token(None, PageSeen({}, {}, [1, 2]))
