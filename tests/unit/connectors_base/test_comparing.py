"""Reading before writing, making nothing twice that has a name, and listings of several walks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from connectors.base.auth import NoAuth
from connectors.base.comparing import ComparingClient
from connectors.base.connector import Connector, Environment
from connectors.base.errors import AlreadyExists, RecordGone, StaleWrite
from connectors.base.session import ApiSession
from connectors.base.types import ExternalRecord, Page


class Shelf(ComparingClient):
    """A client over a dict instead of an API."""

    known_by = {"book": ("title",)}

    def __init__(self, books: dict[str, dict[str, Any]]) -> None:
        self.books = books
        self.listings = 0
        connector = Connector("shelf", "Shelf", "", (), (), (), (), open=lambda *given: self)
        super().__init__(connector, ApiSession("https://shelf.example", NoAuth(), Environment()), {})

    def get(self, resource: str, external_id: str, *, parent_id: str | None = None) -> ExternalRecord:
        return ExternalRecord(resource, external_id, dict(self.books[external_id]))

    def list_page(
        self, resource: str, *, since: Any = None, token: Any = None, parent_id: str | None = None
    ) -> Page:
        """One book a page."""
        self.listings += 1
        ids = sorted(self.books)
        at = token or 0
        records = [self.get(resource, ids[at])] if at < len(ids) else []
        for record in records:
            self.remember_home(resource, record.id, record.data.get("room"))
        return Page(records, at + 1 if at + 1 < len(ids) else None)


@pytest.fixture
def shelf() -> Shelf:
    return Shelf(
        {"1": {"title": "Dune", "pages": 412, "room": "7"}, "2": {"title": "Emma", "pages": 474, "room": "8"}}
    )


def test_a_field_that_somebody_else_changed_is_not_written_over(shelf: Shelf) -> None:
    seen = shelf.get("book", "1")
    shelf.books["1"]["pages"] = 500
    with pytest.raises(StaleWrite) as caught:
        shelf.update("book", "1", {"pages": 600}, current=seen)
    assert caught.value.field == "pages"


@pytest.mark.parametrize("fields", [{"title": "Dune II"}, {"pages": 500}, {"unseen": 1}])
def test_other_fields_the_same_value_and_unseen_ones_are_no_obstacle(
    shelf: Shelf, fields: Mapping[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[Any] = []
    monkeypatch.setattr(
        "connectors.base.client.RestClient.update",
        lambda self, resource, id, fields, *, current, parent_id=None: written.append(
            (fields, current.data["pages"])
        ),
    )
    seen = shelf.get("book", "1")
    shelf.books["1"]["pages"] = 500
    shelf.update("book", "1", fields, current=seen)
    assert written == [(fields, 500)]  # over what was just read


def test_what_is_there_already_is_answered_and_not_made_again(shelf: Shelf) -> None:
    assert shelf.create("book", {"title": "dune ", "pages": 412}, key="k").id == "1"


def test_what_is_there_and_differs_is_named(shelf: Shelf) -> None:
    with pytest.raises(AlreadyExists) as caught:
        shelf.create("book", {"title": "Dune", "pages": 1}, key="k")
    assert (caught.value.external_id, caught.value.field) == ("1", "title")


def test_the_home_of_a_record_is_looked_up_once(shelf: Shelf) -> None:
    assert shelf.home_of("book", "2") == "8"
    assert shelf.home_of("book", "1") == "7"
    assert shelf.listings == 2
    with pytest.raises(RecordGone):
        shelf.home_of("book", "3")


def test_legs_are_walked_one_after_the_other_and_may_come_and_go(shelf: Shelf) -> None:
    asked: list[Any] = []

    def fetch(leg: str, token: Any) -> Page:
        asked.append((leg, token))
        return Page(
            [ExternalRecord("book", f"{leg}{token or 0}", {})], 1 if leg == "a" and token is None else None
        )

    page = shelf.in_legs(["b", "a", "c"], None, fetch)
    page = shelf.in_legs(["b", "a", "c"], page.next_token, fetch)
    assert page.next_token == {"leg": "b", "at": None}
    page = shelf.in_legs(["a", "c"], page.next_token, fetch)  # b is gone meanwhile
    assert page.next_token is None
    assert asked == [("a", None), ("a", 1), ("c", None)]
    assert shelf.in_legs([], None, fetch).records == []
