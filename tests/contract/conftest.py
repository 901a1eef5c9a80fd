"""The running sandbox for these tests; what is said to it is held to the vendors' own documents."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator

import pytest

from sandbox.testing import RunningSandbox
from sandbox.vendor import Logged
from tests.conftest import TALLY
from tests.contract.specs import SpecSheet, sheet_of, specs_folder
from tests.sandbox_fixtures import Stand, box, opened_stands, running

__all__ = ["box", "open_stand", "running"]


@pytest.fixture
def open_stand(box: RunningSandbox, request: pytest.FixtureRequest) -> Iterator[Callable[..., Stand]]:
    """As in ``tests.sandbox_fixtures``; at the end every request and answer must fit the vendor's document, if there
    is one at hand."""
    heard: dict[str, list[Logged]] = {}

    def listen_to(stand: Stand) -> None:
        if stand.vendor.slug not in heard:
            log = heard[stand.vendor.slug] = []
            stand.vendor.listeners[:] = [log.append]

    with opened_stands(box, listen_to) as make:
        yield make
    for slug, log in heard.items():
        box.vendor(slug).listeners.clear()
        _hold_to_document(slug, log, request.config)


def _hold_to_document(slug: str, log: list[Logged], config: pytest.Config) -> None:
    sheet: SpecSheet | None = sheet_of(slug)
    folder = specs_folder()
    if sheet is None or folder is None or not (folder / sheet.document).is_file():
        return
    problems, counts = sheet.problems(list(log))
    tally: dict[str, Counter[str]] = config.stash.setdefault(TALLY, {})
    tally.setdefault(slug, Counter()).update(counts + Counter(failed=len(problems)))
    assert problems == [], f"{sheet.document} does not allow:\n" + "\n".join(problems)
