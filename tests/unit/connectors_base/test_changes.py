"""Walking a list in the order of change."""

from __future__ import annotations

from typing import Any

import pytest

from connectors.base.changes import ChangeWalk
from connectors.base.errors import ContractBroken

AT = {"id_at": "id", "changed_at": "at"}


def row(id: int, second: int) -> dict[str, Any]:
    return {"id": id, "at": f"2026-03-01T10:00:{second:02d}.000Z"}


def test_a_walk_goes_on_from_the_last_change_and_leaves_out_what_it_gave() -> None:
    first = ChangeWalk.from_token(None, "")
    token = first.token_after([row(1, 1), row(2, 2)], has_more=True, **AT)
    second = ChangeWalk.from_token(token, "")
    assert (second.since, second.page) == ("2026-03-01T10:00:02.000Z", 1)
    rows = [row(2, 2), row(3, 3)]
    assert second.fresh(rows, **AT) == [row(3, 3)]
    assert second.token_after(rows, has_more=False, **AT) is None


def test_many_changes_of_one_instant_are_read_page_by_page() -> None:
    walk = ChangeWalk.from_token({"since": row(1, 5)["at"], "page": 1, "seen": [], "count": 1}, "")
    token = walk.token_after([row(1, 5), row(2, 5)], has_more=True, **AT)
    assert token is not None
    following = ChangeWalk.from_token(token, "")
    assert (following.page, following.seen) == (2, (("1", row(1, 5)["at"]), ("2", row(2, 5)["at"])))


def test_a_record_that_changed_again_is_given_again() -> None:
    walk = ChangeWalk(row(1, 1)["at"], 1, (("1", row(1, 1)["at"]),), 1)
    assert walk.fresh([row(1, 9)], **AT) == [row(1, 9)]


@pytest.mark.parametrize(
    "rows",
    [
        pytest.param([], id="empty"),
        pytest.param([row(1, 5)], id="the same again"),
        pytest.param([row(9, 1)], id="before the edge"),
        pytest.param([row(2, 6), {"id": 3}], id="without a time"),
    ],
)
def test_a_walk_that_does_not_go_forward_breaks_the_contract(rows: list[dict[str, Any]]) -> None:
    walk = ChangeWalk(row(1, 5)["at"], 1, (("1", row(1, 5)["at"]),), 1)
    with pytest.raises(ContractBroken):
        walk.token_after(rows, has_more=True, **AT)
