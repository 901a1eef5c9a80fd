"""Linear: cite the API's document and the day it was read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connectors.base.auth import Bearer
from connectors.base.client import Endpoint, RestClient, Since
from connectors.base.connector import Connector, Environment
from connectors.base.limits import LimitHeaders
from connectors.base.paging import PageNumber
from connectors.base.session import ApiSession, SessionOptions
from connectors.base.types import Can, LinkSpec, RateBudget, Resource, SecretField

from .webhooks import WEBHOOKS

BUDGETS = (RateBudget(60, 60),)

TASK = Resource(
    name="task",
    record_type="task",
    label="Tasks",
    can=frozenset({Can.LIST, Can.GET, Can.CREATE, Can.UPDATE, Can.DELETE}),
    links=(LinkSpec("title", "title", required=True),),
)

ENDPOINTS = {
    "task": Endpoint(
        "task",
        list_path="/tasks",
        get_path="/tasks/{id}",
        create_path="/tasks",
        update_path="/tasks/{id}",
        delete_path="/tasks/{id}",
        pager=PageNumber(size_param="per_page", size=100, total_pages_path="pages"),
        since=Since("updated_since", style="iso8601_ms", granularity="ms"),
        rows_at="tasks",
        updated_at="updated_at",
    ),
}


class LinearClient(RestClient):
    endpoints = ENDPOINTS

    def whoami(self) -> tuple[str, str]:
        me = self.session.get("/me").body
        return str(me["name"]), str(me["id"])


def open_client(
    base_url: str, settings: Mapping[str, Any], secrets: Mapping[str, Any], environment: Environment
) -> LinearClient:
    options = SessionOptions(budgets=BUDGETS, limits=LimitHeaders())
    session = ApiSession(base_url or CONNECTOR.default_base_url, Bearer(secrets.get("token")), environment, options)
    return LinearClient(CONNECTOR, session, settings)


CONNECTOR = Connector(
    key="linear",
    name="Linear",
    summary="",
    auth_types=("bearer",),
    secrets=(SecretField("token", "Access token"),),
    settings=(),
    resources=(TASK,),
    open=open_client,
    default_base_url="https://api.example.org",
    budgets=BUDGETS,
    webhooks=WEBHOOKS,
)
