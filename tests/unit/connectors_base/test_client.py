"""What every client does alike: walks, refuses to overwrite what somebody changed, and knows what an absence proves."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connectors.base.auth import NoAuth
from connectors.base.client import RestClient
from connectors.base.connector import Connector, Environment
from connectors.base.errors import PermissionProblem, RecordGone, StaleWrite
from connectors.base.session import ApiSession
from connectors.base.types import AbsenceKind, ExternalRecord, Page

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)


class Shelf(RestClient):
    """A client over a list instead of an API: one book a page, and one that is locked away."""

    def __init__(self, *, sees_all: bool = False) -> None:
        connector = Connector("shelf", "Shelf", "", (), (), (), (), open=lambda *given: self)
        super().__init__(connector, ApiSession("https://shelf.example", NoAuth(), Environment()), {})
        self.books = [
            ExternalRecord("book", str(n), {"title": f"Book {n}", "hub": {"key": f"k{n}"}}, updated_at=NOW)
            for n in range(3)
        ]
        self.asked: list[datetime | None] = []
        self.sees_all = sees_all

    def list_page(
        self, resource: str, *, since: Any = None, token: Any = None, parent_id: str | None = None
    ) -> Page:
        self.asked.append(since)
        at = token or 0
        return Page([self.books[at]], at + 1 if at + 1 < len(self.books) else None)

    def get(self, resource: str, external_id: str, *, parent_id: str | None = None) -> ExternalRecord:
        if external_id == "locked":
            raise PermissionProblem("No.")
        found = next((one for one in self.books if one.id == external_id), None)
        if found is None:
            raise RecordGone("Not found.")
        return found

    def would_see(self, resource: str) -> bool:
        return self.sees_all


def test_a_walk_gives_every_page_and_asks_for_the_same_time_each_time() -> None:
    shelf = Shelf()
    assert [one.id for one in shelf.walk("book", since=NOW)] == ["0", "1", "2"]
    assert shelf.asked == [NOW] * 3


def test_a_create_is_found_among_what_changed_since_a_second_before_the_intent() -> None:
    shelf = Shelf()
    found = shelf.find_among_changes("book", "k1", since=NOW)
    assert found is not None and found.id == "1"
    assert shelf.asked == [NOW - timedelta(seconds=1)] * 2  # no further than needed
    assert shelf.find_among_changes("book", "k9", since=NOW) is None


@pytest.mark.parametrize(("sees_all", "kind"), [(False, AbsenceKind.UNKNOWN), (True, AbsenceKind.DELETED)])
def test_what_is_not_found_is_deleted_only_for_an_account_that_sees_everything(
    sees_all: bool, kind: AbsenceKind
) -> None:
    explained = Shelf(sees_all=sees_all).explain_absence("book", ["1", "9", "locked"])
    assert {id: one.kind for id, one in explained.items()} == {
        "1": AbsenceKind.PRESENT,
        "9": kind,
        "locked": AbsenceKind.NO_ACCESS,
    }


BOOK = ExternalRecord("book", "1", {"title": "Dune", "pages": 412, "lent": None}, version="4")


def test_another_version_is_stale() -> None:
    shelf = Shelf()
    shelf.refuse_stale(BOOK, BOOK)
    shelf.refuse_stale(replace(BOOK, version=None), BOOK)
    with pytest.raises(StaleWrite, match="The book changed in Shelf"):
        shelf.refuse_stale(BOOK, replace(BOOK, version="5"))


@pytest.mark.parametrize(
    ("fields", "now"),
    [
        ({"title": "Dune Messiah"}, {"title": "Dune", "pages": 99}),  # another field changed
        ({"title": "Dune Messiah"}, {"title": "Dune Messiah"}),  # it is there already
        ({"shelf": "A"}, {"shelf": "B"}),  # nobody knew what stood there
    ],
)
def test_a_write_that_overwrites_nobody_s_edit_goes_on(fields: dict[str, Any], now: dict[str, Any]) -> None:
    Shelf().refuse_stale(BOOK, replace(BOOK, data=now, version="5"), fields)


@pytest.mark.parametrize(
    ("fields", "now"),
    [
        ({"title": "Dune Messiah"}, {"title": "Dune, revised"}),
        ({"lent": "Ann"}, {"lent": "Bob"}),  # it was known to be empty
        ({"title": "Dune Messiah"}, {}),
    ],
)
def test_a_write_over_somebody_s_edit_is_stale_and_names_the_field(
    fields: dict[str, Any], now: dict[str, Any]
) -> None:
    with pytest.raises(StaleWrite) as caught:
        Shelf().refuse_stale(BOOK, replace(BOOK, data=now), fields)
    assert caught.value.field in fields
