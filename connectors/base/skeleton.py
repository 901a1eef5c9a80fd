"""``bin/new-connector NAME``: a connector, its stand-in and its tests that the contract suite runs at once."""

from __future__ import annotations

import re
import sys
from pathlib import Path

CONNECTOR = '''"""__Name__: cite the API's document and the day it was read."""

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


class __Class__Client(RestClient):
    endpoints = ENDPOINTS

    def whoami(self) -> tuple[str, str]:
        me = self.session.get("/me").body
        return str(me["name"]), str(me["id"])


def open_client(
    base_url: str, settings: Mapping[str, Any], secrets: Mapping[str, Any], environment: Environment
) -> __Class__Client:
    options = SessionOptions(budgets=BUDGETS, limits=LimitHeaders())
    session = ApiSession(base_url or CONNECTOR.default_base_url, Bearer(secrets.get("token")), environment, options)
    return __Class__Client(CONNECTOR, session, settings)


CONNECTOR = Connector(
    key="__slug__",
    name="__Name__",
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
'''

WEBHOOKS = '''"""What __Name__'s webhooks say: each event becomes a hint to read the record again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connectors.base.signatures import HmacScheme
from connectors.base.types import ChangeHint
from connectors.base.webhooks import WebhookHandler


def _task(event: str, payload: Mapping[str, Any]) -> list[ChangeHint]:
    return [ChangeHint("task", str(payload["task_id"]), event, is_delete=event == "task.deleted")]


WEBHOOKS = WebhookHandler(
    scheme=HmacScheme("X-__Class__-Signature"),
    events=dict.fromkeys(("task.created", "task.updated", "task.deleted"), _task),
    event_at="type",
    delivery_at="id",
)
'''

STAND_IN = '''"""A stand-in of __Name__. Make it refuse what the vendor refuses."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sandbox.vendor import ContractFixture, Sheet, SheetField, Vendor
from sandbox.web import Call, Refusal, Reply, route

TOKEN = "__slug__-demo-token"  # noqa: S105


class __Class__(Vendor):
    slug = "__slug__"
    name = "__Name__"

    def seed(self) -> None:
        self.edit("task", None, {"title": "First task"})

    def authenticate(self, call: Call) -> str:
        if call.headers.get("Authorization") != f"Bearer {TOKEN}":
            raise Refusal(401, "Bad credentials")
        return "1"

    @route("GET", "/me")
    def me(self, call: Call) -> Any:
        return {"id": 1, "name": "Robot"}

    @route("GET", "/tasks", query="page per_page updated_since")
    def tasks(self, call: Call) -> Any:
        page, size, since = call.number("page", 1, low=1), call.number("per_page", 30, low=1, high=100), call.moment("updated_since")
        rows = [row for row in self.world.all("task") if since is None or datetime.fromisoformat(row["updated_at"]) >= since]
        return {"tasks": rows[(page - 1) * size : page * size], "pages": max(1, -(-len(rows) // size))}

    @route("GET", "/tasks/<id>")
    def task(self, call: Call, id: str) -> Any:
        return self._found(id)

    @route("POST", "/tasks")
    def create(self, call: Call) -> Any:
        made = self.edit("task", None, call.object(allowed="title", required="title"))
        return Reply(self._found(made), 201)

    @route("PATCH", "/tasks/<id>")
    def update(self, call: Call, id: str) -> Any:
        self.edit("task", id, call.object(allowed="title"))
        return self._found(id)

    @route("DELETE", "/tasks/<id>")
    def delete(self, call: Call, id: str) -> Any:
        self._found(id)
        self.remove("task", id)
        return Reply(None, 204)

    def sheets(self) -> tuple[Sheet, ...]:
        return (Sheet("task", "Tasks", (SheetField("title", "Title"),), title="title"),)

    def edit(self, kind: str, id: str | None, values: Mapping[str, Any], *, actor: str = "") -> str:
        id = id or str(self.world.next_number(kind))
        self.world.put(kind, id, {**(self.world.get(kind, id) or {"id": int(id)}), **values, "updated_at": self.stamp(ms=True)})
        return id

    def remove(self, kind: str, id: str, *, actor: str = "") -> None:
        self.world.drop(kind, id)
        self.world.put("deleted", id, {})

    def contract_fixture(self) -> ContractFixture:
        return ContractFixture(
            base_url="{root}",
            settings={},
            secrets={"token": TOKEN},
            samples={"task": {"title": "From the hub"}},
            edits={"task": {"title": "Changed by the hub"}},
            kinds={"task": "task"},
        )

    def _found(self, id: str) -> dict[str, Any]:
        found = self.world.get("task", id)
        if found is None:
            raise Refusal(410 if self.world.get("deleted", id) is not None else 404, "Not found")
        return found


VENDOR = __Class__
'''

TEST = '''"""What is particular to __Name__; the rest is in tests/contract."""

from __future__ import annotations

from collections.abc import Callable

from tests.sandbox_fixtures import Stand


def test_a_task_carries_its_title(open_stand: Callable[..., Stand]) -> None:
    stand = open_stand("__slug__")
    page = stand.client.list_page("task")
    assert [record.data["title"] for record in page.records] == ["First task"]
'''

README = """# __Name__

How to connect, scopes, limits, quirks, what cannot be synced.
"""


def files_for(slug: str) -> dict[str, str]:
    """Path → content of a new connector. Raises ``ValueError`` for a name that is no module name."""
    if not re.fullmatch(r"[a-z][a-z0-9_]{1,30}", slug) or slug == "base":
        raise ValueError(
            "the name must be lower case letters, digits and _, for instance linear or azure_devops"
        )
    words = [word.capitalize() for word in slug.split("_")]
    made = {
        f"connectors/{slug}/__init__.py": "",
        f"connectors/{slug}/connector.py": CONNECTOR,
        f"connectors/{slug}/webhooks.py": WEBHOOKS,
        f"connectors/{slug}/README.md": README,
        f"sandbox/vendors/{slug}.py": STAND_IN,
        f"tests/connectors/{slug}/__init__.py": "",
        f"tests/connectors/{slug}/test_{slug}.py": TEST,
    }
    names = {"__slug__": slug, "__Name__": " ".join(words), "__Class__": "".join(words)}
    return {path: _named(text, names) for path, text in made.items()}


def _named(text: str, names: dict[str, str]) -> str:
    for placeholder, name in names.items():
        text = text.replace(placeholder, name)
    return text


def main(arguments: list[str], root: Path) -> int:
    """Writes the files; refuses to overwrite any. Answers the exit code."""
    if len(arguments) != 1:
        print("usage: bin/new-connector NAME", file=sys.stderr)
        return 2
    try:
        files = files_for(arguments[0])
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    taken = [path for path in files if (root / path).exists()]
    if taken:
        print(f"already there: {', '.join(taken)}", file=sys.stderr)
        return 1
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text, encoding="utf-8")
        print(path)
    print(
        f"\nNow: add connectors.{arguments[0]} to the independence contract in pyproject.toml, then\n  bin/test tests/contract -k {arguments[0]}"
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:], Path(__file__).resolve().parents[2]))
