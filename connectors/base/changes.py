"""Walks a list that the vendor gives in the order of change, going on from the last change seen instead of by page
number: what changes during the walk moves to the end, and page numbers would then skip as many others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .errors import ContractBroken
from .paging import MAX_PAGES
from .paths import read_path
from .times import parse_instant


@dataclass(frozen=True, slots=True)
class ChangeWalk:
    """Where a walk stands. ``since`` is what to ask the vendor for ("" for all), ``page`` the page within it, from 1.

    ``seen`` are id and time of the rows already given that the vendor will give again; ``count`` are the pages so far.
    """

    since: str = ""
    page: int = 1
    seen: tuple[tuple[str, str], ...] = ()
    count: int = 0

    @classmethod
    def from_token(cls, token: Any, since: str) -> ChangeWalk:
        """From the token of the page before; without one it begins at ``since``."""
        if token is None:
            return cls(since)
        seen = tuple((str(id), str(at)) for id, at in token["seen"])
        return cls(str(token["since"]), int(token["page"]), seen, int(token["count"]))

    def fresh(
        self, rows: Sequence[Mapping[str, Any]], *, id_at: str, changed_at: str
    ) -> list[Mapping[str, Any]]:
        """The rows that were not given before. Raises ``ContractBroken`` where the vendor ignored ``since``."""
        first = parse_instant(read_path(rows[0], changed_at, None)) if rows else None
        edge = parse_instant(self.since)
        if first and edge and self.page == 1 and first < edge:
            raise ContractBroken("The listing is not limited to what changed.")
        return [row for row in rows if _mark(row, id_at, changed_at) not in self.seen]

    def token_after(
        self, rows: Sequence[Mapping[str, Any]], *, has_more: bool, id_at: str, changed_at: str
    ) -> dict[str, Any] | None:
        """The next page's token (JSON), None at the end. Raises ``ContractBroken`` when the walk does not go forward."""
        if not has_more:
            return None
        if not self.fresh(rows, id_at=id_at, changed_at=changed_at):
            raise ContractBroken("The same or an empty page came where the API says there is more.")
        if self.count + 1 >= MAX_PAGES:
            raise ContractBroken(f"The listing did not end after {MAX_PAGES} pages.")
        last = str(read_path(rows[-1], changed_at, None) or "")
        reached, edge = parse_instant(last), parse_instant(self.since)
        if reached is None or (edge is not None and reached < edge):
            raise ContractBroken("The listing is not in the order of change.")
        seen = [mark for row in rows if (mark := _mark(row, id_at, changed_at))[1] == last]
        if edge is not None and reached == edge:
            page, seen = self.page + 1, [*self.seen, *seen]
        else:
            page = 1
        return {"since": last, "page": page, "seen": [list(one) for one in seen], "count": self.count + 1}


def _mark(row: Mapping[str, Any], id_at: str, changed_at: str) -> tuple[str, str]:
    return str(read_path(row, id_at, None)), str(read_path(row, changed_at, None) or "")
