"""Every connector's default links pass the checks that a person's field map has to pass (D3)."""

from __future__ import annotations

import pytest

from connectors import registry
from reconcile.fieldmap import compile_field_map, parse_field_map
from workspace.kinds import record_kinds


@pytest.mark.parametrize("slug", registry.slugs())
def test_default_links_are_a_valid_field_map_for_every_record_type_they_name(slug: str) -> None:
    for resource in registry.get(slug).resources:
        for record_type in (resource.record_type, *resource.other_record_types):
            links = resource.links_for(record_type)
            field_map = parse_field_map(links, record_kinds=record_kinds(record_type))
            assert compile_field_map(field_map).keys
