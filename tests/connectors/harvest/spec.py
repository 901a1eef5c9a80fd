"""Harvest's requests and answers are held to the OpenAPI document made from the vendor's references."""

from __future__ import annotations

from tests.contract.specs import SpecSheet

SPEC = SpecSheet("harvest.yaml")
