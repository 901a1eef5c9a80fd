"""The API's document: valid, complete, and readable without the internet."""

from __future__ import annotations

import warnings
from io import StringIO
from typing import Any

import pytest
import yaml
from django.core.management import call_command
from django.test import Client
from openapi_spec_validator import validate


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    out = StringIO()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        call_command("spectacular", "--validate", "--fail-on-warn", stdout=out)
    return dict(yaml.safe_load(out.getvalue()))


def test_the_document_is_valid_openapi_31(document: dict[str, Any]) -> None:
    validate(document)
    assert document["openapi"].startswith("3.1")


def test_it_names_the_endpoints_of_the_sources(document: dict[str, Any]) -> None:
    wanted = {
        "/api/v1/integrations": {"get", "post"},
        "/api/v1/integrations/{id}": {"get", "put", "patch", "delete"},
        "/api/v1/integrations/{id}/sync": {"post"},
        "/api/v1/integrations/{id}/logs": {"get"},
        "/api/v1/integrations/{id}/test": {"get", "post"},
        "/api/v1/webhooks/integrations/{integration_id}/receive": {"post"},
        "/api/v1/tasks/{record_id}/complete": {"post"},
        "/api/v1/tasks/{record_id}/reopen": {"post"},
        "/api/v1/tasks/{record_id}/retry": {"post"},
        "/api/v1/sync/status": {"get"},
    }
    assert {path: wanted[path] - set(document["paths"].get(path, {})) for path in wanted} == {
        path: set() for path in wanted
    }


def test_the_page_and_the_document_are_served_from_here(client: Client, db: None) -> None:
    page = client.get("/api/docs/").content.decode()
    assert "//cdn" not in page
    assert "<script>" not in page  # the content policy allows no inline script
    assert client.get("/api/schema/").status_code == 200
