"""LeanKit publishes no document: this one was transcribed from its pages, without parameters of queries."""

from __future__ import annotations

from tests.contract.specs import Deviation, SpecSheet

SPEC = SpecSheet(
    "leankit.yaml",
    prefix="/io",
    deviations=(
        Deviation("unknown query parameter", "the transcript names no query parameters"),
        Deviation(
            r"PATCH /card/\{cardId\} body", "a JSON Patch is a list, and the transcript calls it an object"
        ),
    ),
)
