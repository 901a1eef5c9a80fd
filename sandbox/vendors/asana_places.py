"""Asana's answers as such, and its people, projects, sections and tags."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sandbox.web import Call, Refusal, Reply, route

from . import asana_seed as seed
from .asana_state import COLOURS, AsanaState, bad, day, missing

API = "/api/1.0"
ONE = "opt_fields opt_pretty"
MANY = "opt_fields opt_pretty limit offset"
COMPACT = (
    "gid",
    "resource_type",
    "resource_subtype",
    "name",
    "text",
    "created_at",
    "created_by",
    "target",
    "active",
    "resource",
)


class AsanaPlaces(AsanaState):
    # --- answers -------------------------------------------------------------------------------------------------

    def _given(self, call: Call, allowed: str, required: str = "") -> dict[str, Any]:
        body = call.json
        if (
            not isinstance(body, dict)
            or not isinstance(body.get("data"), dict)
            or set(body) - {"data", "options"}
        ):
            raise bad('Could not parse request data, invalid JSON: the body must be {"data": {…}}')
        data: dict[str, Any] = body["data"]
        for name in data:
            if name not in allowed.split():
                raise bad(f"{name}: Cannot write this property")
        for name in required.split():
            if data.get(name) in (None, ""):
                raise bad(f"{name}: Missing input")
        return data

    def _single(self, call: Call, row: Mapping[str, Any], status: int = 200) -> Reply:
        return Reply({"data": chosen(row, call.query.get("opt_fields"), row.keys())}, status)

    def _page(self, call: Call, rows: Sequence[Mapping[str, Any]]) -> Any:
        """Pages by an opaque ``offset``; without ``limit`` the whole list, as long as it is small."""
        fields = call.query.get("opt_fields")
        if "limit" not in call.query:
            if len(rows) > 1000:
                raise bad(
                    "The result is too large. You should use pagination (may require specifying a workspace)!"
                )
            return {"data": [chosen(row, fields, COMPACT) for row in rows]}
        try:
            limit = call.number("limit", 20, low=1, high=100)
            start = int(call.query["offset"].removeprefix("eyJ0eXAi.")) if "offset" in call.query else 0
        except (Refusal, ValueError):
            raise bad(
                "offset: Your pagination token is invalid, or limit: Must be between 1 and 100"
            ) from None
        page = [chosen(row, fields, COMPACT) for row in rows[start : start + limit]]
        offset = f"eyJ0eXAi.{start + limit}"
        more = {"offset": offset, "path": call.path, "uri": call.address(limit=limit, offset=offset)}
        return {"data": page, "next_page": more if start + limit < len(rows) else None}

    # --- people, containers --------------------------------------------------------------------------------------

    @route("POST", "/-/oauth_token", auth=False, query=None)
    def token(self, call: Call) -> Any:
        form = call.form
        is_known = form.get("client_id") == seed.CLIENT_ID and form.get("client_secret") == seed.CLIENT_SECRET
        if (
            form.get("grant_type") != "refresh_token"
            or form.get("refresh_token") != seed.REFRESH_TOKEN
            or not is_known
        ):
            raise Refusal(
                400,
                "",
                body={"error": "invalid_grant", "error_description": "The code has expired or is invalid."},
            )
        return {"access_token": seed.APP_TOKEN, "token_type": "bearer", "expires_in": 3600}

    @route("GET", f"{API}/users", query=MANY + " workspace team")
    def users(self, call: Call) -> Any:
        self._workspace(call.query.get("workspace", ""))
        return self._page(call, [self._shown_user(one) for one in self.world.all("user")])

    @route("GET", f"{API}/users/<gid>", query=ONE + " workspace")
    def user(self, call: Call, gid: str) -> Any:
        found = self.one("user", call.actor if gid == "me" else gid)
        return self._single(call, self._shown_user(found))

    def _shown_user(self, user: Mapping[str, Any]) -> dict[str, Any]:
        return {**user, "resource_type": "user", "workspaces": [self._workspace(seed.WORKSPACE[0])]}

    def _workspace(self, gid: str) -> dict[str, Any]:
        if gid != seed.WORKSPACE[0]:
            raise missing("workspace", gid)
        return {"gid": gid, "resource_type": "workspace", "name": seed.WORKSPACE[1], "is_organization": True}

    @route("GET", f"{API}/workspaces", query=MANY)
    def workspaces(self, call: Call) -> Any:
        return self._page(call, [self._workspace(seed.WORKSPACE[0])])

    @route("GET", f"{API}/workspaces/<gid>/teams", query=MANY)
    def teams(self, call: Call, gid: str) -> Any:
        self._workspace(gid)
        return self._page(call, [{"gid": seed.TEAM[0], "resource_type": "team", "name": seed.TEAM[1]}])

    @route("GET", f"{API}/projects", query=MANY + " workspace team archived")
    def projects(self, call: Call) -> Any:
        self._workspace(call.query.get("workspace", ""))
        rows = [self._shown_project(one) for one in self.world.all("project")]
        if "archived" in call.query:
            rows = [one for one in rows if one["archived"] == call.flag("archived")]
        return self._page(call, rows)

    def _shown_project(self, project: Mapping[str, Any]) -> dict[str, Any]:
        return {
            **project,
            "resource_type": "project",
            "owner": self.named("user", project["owner"]),
            "workspace": self._workspace(seed.WORKSPACE[0]),
            "team": {"gid": seed.TEAM[0], "resource_type": "team", "name": seed.TEAM[1]},
            "permalink_url": f"https://app.asana.com/0/{project['gid']}",
        }

    def _project_values(self, given: Mapping[str, Any]) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for name, value in given.items():
            match name:
                case "name":
                    values[name] = self.text(value, name)
                case "html_notes":
                    values[name] = self.html(value, name)
                case "archived":
                    values[name] = bool(value)
                case "due_on" | "start_on":
                    values[name] = day(value, name)
                case "owner":
                    values[name] = self.one("user", value, "owner")["gid"] if value else None
        return values

    @route("POST", f"{API}/projects", query=ONE)
    def create_project(self, call: Call) -> Any:
        given = self._given(
            call, "name html_notes archived due_on start_on owner workspace team", "name workspace"
        )
        self._workspace(given["workspace"])
        if given.get("team") != seed.TEAM[0]:
            raise bad("team: Missing input")
        blank = {
            "html_notes": "<body></body>",
            "archived": False,
            "completed": False,
            "due_on": None,
            "start_on": None,
            "owner": call.actor,
        }
        project = {
            "gid": self.new_gid(),
            **blank,
            **self._project_values(given),
            "modified_at": self.stamp(ms=True),
        }
        self.world.put("project", str(project["gid"]), project)
        return self._single(call, self._shown_project(project), 201)

    @route("GET", f"{API}/projects/<gid>", query=ONE)
    def project(self, call: Call, gid: str) -> Any:
        return self._single(call, self._shown_project(self.one("project", gid)))

    @route("PUT", f"{API}/projects/<gid>", query=ONE)
    def update_project(self, call: Call, gid: str) -> Any:
        project = self.one("project", gid)
        values = self._project_values(self._given(call, "name html_notes archived due_on start_on owner"))
        after = {**project, **values, "modified_at": self.stamp(ms=True)}
        self.world.put("project", gid, after)
        self.tell(
            "project", {"gid": gid}, "changed", call.actor, change={"field": "name", "action": "changed"}
        )
        return self._single(call, self._shown_project(after))

    @route("GET", f"{API}/projects/<gid>/sections", query=MANY)
    def sections(self, call: Call, gid: str) -> Any:
        self.one("project", gid)
        rows = self.world.where("section", lambda one: one["project"] == gid)
        return self._page(call, [{**_named(one), "resource_type": "section"} for one in rows])

    @route("GET", f"{API}/projects/<gid>/custom_field_settings", query=MANY)
    def field_settings(self, call: Call, gid: str) -> Any:
        self.one("project", gid)
        rows = self.world.all("custom_field") if gid == seed.PROJECT else []
        return self._page(
            call,
            [
                {"gid": f"9{one['gid'][1:]}", "resource_type": "custom_field_setting", "is_important": True,
                 "custom_field": {**one, "resource_type": "custom_field"}}
                for one in rows
            ],
        )  # fmt: skip

    # --- tags ----------------------------------------------------------------------------------------------------

    @route("GET", f"{API}/workspaces/<gid>/tags", query=MANY)
    def tags(self, call: Call, gid: str) -> Any:
        self._workspace(gid)
        return self._page(call, [_shown_tag(one) for one in self.world.all("tag")])

    @route("GET", f"{API}/tags/<gid>", query=ONE)
    def tag(self, call: Call, gid: str) -> Any:
        return self._single(call, _shown_tag(self.one("tag", gid)))

    @route("POST", f"{API}/tags", query=ONE)
    def create_tag(self, call: Call) -> Any:
        given = self._given(call, "name color notes workspace", "name workspace")
        self._workspace(given["workspace"])
        tag = {
            "gid": self.new_gid(),
            "name": self.text(given["name"], "name"),
            "color": _colour(given.get("color")),
        }
        self.world.put("tag", str(tag["gid"]), tag)
        return self._single(call, _shown_tag(tag), 201)

    @route("PUT", f"{API}/tags/<gid>", query=ONE)
    def update_tag(self, call: Call, gid: str) -> Any:
        tag, given = self.one("tag", gid), self._given(call, "name color notes")
        if "name" in given:
            tag["name"] = self.text(given["name"], "name")
        if "color" in given:
            tag["color"] = _colour(given["color"])
        self.world.put("tag", gid, tag)
        return self._single(call, _shown_tag(tag))

    @route("DELETE", f"{API}/tags/<gid>", query=ONE)
    def delete_tag(self, call: Call, gid: str) -> Any:
        self.one("tag", gid)
        self.world.drop("tag", gid)
        for task in self.world.where("task", lambda one: gid in one["tags"]):
            self.world.put("task", task["gid"], {**task, "tags": [one for one in task["tags"] if one != gid]})
        return {"data": {}}


def chosen(row: Mapping[str, Any], fields: str | None, default: Iterable[str]) -> dict[str, Any]:
    """The row with what ``opt_fields`` asks for; gid and resource_type always come along."""
    if not fields:
        return {name: row[name] for name in default if name in row}
    picked: dict[str, Any] = {name: row[name] for name in ("gid", "resource_type") if name in row}
    deeper: dict[str, list[str]] = {}
    for path in fields.split(","):
        name, _, rest = path.strip().partition(".")
        deeper.setdefault(name, []).extend([rest] if rest else [])
    for name, rests in deeper.items():
        if name in row:
            picked[name] = _inside(row[name], ",".join(rests))
    return picked


def _inside(value: Any, fields: str) -> Any:
    if isinstance(value, list):
        return [_inside(one, fields) for one in value]
    if not isinstance(value, dict):
        return value
    if fields:
        return chosen(value, fields, ())
    return (
        {name: value[name] for name in ("gid", "resource_type") if name in value} if "gid" in value else value
    )


def _named(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: row[name] for name in ("gid", "name")}


def _shown_tag(tag: Mapping[str, Any]) -> dict[str, Any]:
    return {**tag, "resource_type": "tag", "permalink_url": f"https://app.asana.com/0/{tag['gid']}"}


def _colour(value: Any) -> str | None:
    if value in (None, "none"):
        return None
    if value not in COLOURS:
        raise bad(f"color: Not a valid color: {value}")
    return str(value)
