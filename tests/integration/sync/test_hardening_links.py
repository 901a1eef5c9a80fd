"""A vendor's word for where a record is becomes a link on our pages: web addresses only (M7)."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from connectors.base.types import ExternalRecord
from sync.services.page_run import external_columns
from sync.work import Work


@pytest.mark.parametrize(
    "url", ["javascript:alert(document.cookie)", " JaVaScRiPt:alert(1)", "data:text/html,x"]
)
def test_only_web_addresses_are_kept(url: str) -> None:
    record = ExternalRecord("issue", "1", {}, url=url)
    before: Any = SimpleNamespace(
        external_url="https://a.example/1", external_updated_at=None, external_parent_id=""
    )
    assert external_columns(record, before)[2] == "https://a.example/1"
    assert external_columns(record)[2] == ""
    run: Any = SimpleNamespace(mapping=before)
    assert Work.external_facts(run, record)["external_url"] == "https://a.example/1"
