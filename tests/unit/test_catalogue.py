"""The page about connectors says what they declare."""

from __future__ import annotations

from pathlib import Path

from connectors import catalogue, registry

PAGE = Path(__file__).resolve().parents[2] / "docs" / "connectors.md"


def test_the_page_is_what_the_connectors_declare() -> None:
    assert PAGE.read_text(encoding="utf-8") == catalogue.page(), (
        "run: python -m connectors.catalogue > docs/connectors.md"
    )


def test_every_connector_has_a_section_with_all_its_resources() -> None:
    page = catalogue.page()
    for connector in registry.everything():
        section = page.split(f"\n## {connector.name}\n")[1].split("\n## ")[0]
        assert all(f"(`{resource.name}`)" in section for resource in connector.resources)
