"""A stand-in for GitLab (REST v4 below /api/v4), held to the field names of its official client and vendors/gitlab.md."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from sandbox.store import Document
from sandbox.vendor import ContractFixture, Sheet, SheetField
from sandbox.web import Call, Refusal, Reply, Route, route

from . import gitlab_seed as seed
from .gitlab_records import API, PAGES, GitLabRecords
from .gitlab_state import invalid, malformed, missing

HOOK_FLAGS = (
    "push_events issues_events confidential_issues_events merge_requests_events tag_push_events note_events "
    "confidential_note_events job_events pipeline_events wiki_page_events deployment_events releases_events milestone_events "
    "enable_ssl_verification"
)
HOOK_BODY = f"url token signing_token name description custom_webhook_template {HOOK_FLAGS}"


class GitLab(GitLabRecords):
    slug = "gitlab"
    name = "GitLab"
    colour = "#c2410c"
    tagline = "Project acme/webshop: issues, epics, labels, milestones"
    limit_per_minute = 2000
    webhook_retry_delays = ()

    # --- what it is ----------------------------------------------------------------------------------------------

    def seed(self) -> None:
        for id, username, name, level in seed.MEMBERS:
            user = {"id": id, "username": username, "name": name, "state": "active", "level": level}
            self.world.put("user", id, user)
        self.world.put("group", seed.GROUP, {"id": seed.GROUP, "name": "Acme", "path": seed.GROUP_PATH})
        for id, path, name in (
            (seed.PROJECT, seed.PROJECT_PATH, "Webshop"),
            (seed.OTHER_PROJECT, seed.OTHER_PATH, "Handbook"),
        ):
            self.world.put("project", id, self._project_row(id, path, name))
        for name, colour, about, of_group in seed.LABELS:
            self.make_label({"name": name, "color": colour, "description": about}, of_group=of_group)
        for title, of_group, first, last, state in seed.MILESTONES:
            dates = {"start_date": first, "due_date": last}
            self.make_milestone({"title": title, "state": state, **dates}, of_group=of_group)
        self.world.put("board", 1, {"id": 1, "name": "Development"})
        for title, starts, ends, labels in seed.EPICS:
            epic: dict[str, Any] = {"title": title, "labels": list(labels)}
            epic |= {"start_date_fixed": starts, "start_date_is_fixed": bool(starts)}
            epic |= {"due_date_fixed": ends, "due_date_is_fixed": bool(ends)}
            self.make_epic(epic, actor=seed.MEMBERS[1][0], at=seed.START)
        for values in seed.issues():
            self._seed_issue(values)
        self.world.put("refresh", seed.REFRESH_TOKEN, {"token": seed.REFRESH_TOKEN})

    def _project_row(self, id: int, path: str, name: str) -> Document:
        return {
            "id": id,
            "name": name,
            "path": path.rpartition("/")[2],
            "path_with_namespace": path,
            "name_with_namespace": f"Acme / {name}",
            "description": "",
            "web_url": f"{self.root}/{path}",
            "archived": False,
            "issues_enabled": True,
            "level": 40,
        }

    def _seed_issue(self, values: dict[str, Any]) -> None:
        at, by, remarks, state = (values.pop(name) for name in ("at", "by", "remarks", "state"))
        milestone, epic = values.pop("milestone"), values.pop("epic")
        values["milestone_id"] = next(
            (one["id"] for one in self.world.all("milestone") if one["title"] == milestone), None
        )
        values["epic_id"] = (self.world.get("epic", epic) or {}).get("id") if epic else None
        issue = self.make_issue(values, actor=by, at=at)
        moment = (at + timedelta(hours=5)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        if state == "closed":
            issue |= {"state": "closed", "closed_at": moment, "closed_by": by, "updated_at": moment}
            self.world.put("issue", issue["iid"], issue)
        for author, text in remarks:
            self.make_note("issue", issue, text, actor=author, at=moment)

    def authenticate(self, call: Call) -> str:
        self.root = f"{call.request.host_url.rstrip('/')}/{self.slug}"
        token = call.headers.get("PRIVATE-TOKEN") or call.headers.get("Authorization", "").removeprefix(
            "Bearer "
        )
        if token == seed.READ_TOKEN:
            if call.method != "GET":
                words = "The request requires higher privileges than provided by the access token."
                body = {"error": "insufficient_scope", "error_description": words, "scope": "api"}
                raise Refusal(403, words, body=body)
        elif token != seed.TOKEN and self.world.get("access", token) is None:
            raise Refusal(401, "401 Unauthorized")
        return str(seed.ROBOT)

    def check_query(self, call: Call, spec: Route) -> None:
        for name in call.query:
            if spec.query is not None and name not in spec.query:
                raise malformed(f"{name} is not permitted")

    def refuse(self, refusal: Refusal) -> Any:
        return {"message": refusal.message}

    def no_route(self, call: Call, status: int) -> Refusal:
        return Refusal(
            status, "", body={"error": f"{status} {'Not Found' if status == 404 else 'Method Not Allowed'}"}
        )

    def headers(self, call: Call, *, remaining: int) -> dict[str, str]:
        limit = self.trouble.knobs.limit_per_minute or self.limit_per_minute
        left = max(0, remaining)
        reset = int(call.now.timestamp()) // 60 * 60 + 60
        return {
            "RateLimit-Limit": str(limit),
            "RateLimit-Remaining": str(left),
            "RateLimit-Observed": str(limit - left),
            "RateLimit-Reset": str(reset),
            "RateLimit-Name": "throttle_authenticated_api",
        }

    def too_many(self, call: Call, *, retry_after: int) -> Refusal:
        headers = {"Retry-After": str(retry_after), "Content-Type": "text/plain"}
        return Refusal(429, "Retry later", body=b"Retry later\n", headers=headers)

    # --- account, projects, groups -------------------------------------------------------------------------------

    @route("GET", "/oauth/authorize", query=None, auth=False)
    def authorize(self, call: Call) -> Any:
        """Stands for the page where a person grants access: grants at once."""
        code = f"code-{self.world.next_number('code')}"
        self.world.put("refresh", code, {"token": code})
        query = urlencode({"code": code, "state": call.query.get("state", "")})
        return Reply(b"", 302, {"Location": f"{call.query.get('redirect_uri', '')}?{query}"})

    @route("POST", "/oauth/token", auth=False)
    def token(self, call: Call) -> Any:
        """New tokens for a refresh token or a code, each good once."""
        form = call.form
        if (form.get("client_id"), form.get("client_secret")) != seed.APP:
            raise Refusal(401, "", body={"error": "invalid_client"})
        given = form.get("code" if form.get("grant_type") == "authorization_code" else "refresh_token", "")
        if not self.world.drop("refresh", given):
            raise Refusal(400, "", body={"error": "invalid_grant"})
        number, word = self.world.next_number("grant"), secrets.token_hex(8)
        access, refresh = f"access-{number}-{word}", f"refresh-{number}-{word}"
        self.world.put("access", access, {"token": access})
        self.world.put("refresh", refresh, {"token": refresh})
        return {
            "access_token": access,
            "token_type": "Bearer",
            "expires_in": 7200,
            "refresh_token": refresh,
            "scope": "api",
        }

    @route("GET", f"{API}/user")
    def user(self, call: Call) -> Any:
        return {**(self.person(int(call.actor)) or {}), "email": "bot@noreply.example.org", "bot": True}

    @route("GET", f"{API}/metadata")
    def metadata(self, call: Call) -> Any:
        return {"version": "18.6.0-ee", "revision": "4b1c2d3e4f5", "enterprise": True}

    @route("GET", f"{API}/version")
    def version(self, call: Call) -> Any:
        return {"version": "18.6.0-ee", "revision": "4b1c2d3e4f5"}

    @route("GET", f"{API}/personal_access_tokens/self")
    def own_token(self, call: Call) -> Any:
        if not call.headers.get("PRIVATE-TOKEN"):
            raise Refusal(401, "401 Unauthorized")
        scope = "read_api" if call.headers["PRIVATE-TOKEN"] == seed.READ_TOKEN else "api"
        left = self.trouble.knobs.extra.get("token_days", 180)
        last = (self.now() + timedelta(days=left)).date().isoformat()
        return {
            "id": 77,
            "name": "Lockstep",
            "active": True,
            "revoked": False,
            "scopes": [scope],
            "user_id": seed.ROBOT,
            "expires_at": last,
        }

    @route(
        "GET",
        f"{API}/groups",
        query=f"{PAGES} min_access_level all_available search order_by sort top_level_only",
    )
    def groups(self, call: Call) -> Any:
        group = {
            "id": seed.GROUP,
            "name": "Acme",
            "path": seed.GROUP_PATH,
            "full_name": "Acme",
            "full_path": seed.GROUP_PATH,
        }
        return self._page(
            call, [{**group, "web_url": f"{self.root}/groups/{seed.GROUP_PATH}", "parent_id": None}]
        )

    @route(
        "GET",
        f"{API}/projects",
        query=f"{PAGES} membership simple archived search order_by sort min_access_level owned",
    )
    def projects(self, call: Call) -> Any:
        return self._page(call, self.world.all("project"), self._shown_project)

    @route(
        "GET",
        f"{API}/groups/<id>/projects",
        query=f"{PAGES} include_subgroups archived simple search order_by sort",
    )
    def group_projects(self, call: Call, id: str) -> Any:
        self._group(id)
        return self._page(call, self.world.all("project"), self._shown_project)

    @route("GET", f"{API}/projects/<id>")
    def project(self, call: Call, id: str) -> Any:
        return self._shown_project(self._project(id))

    def _shown_project(self, row: Mapping[str, Any]) -> dict[str, Any]:
        shown = {name: value for name, value in row.items() if name != "level"}
        level = self.trouble.knobs.extra.get("access_level", row["level"])
        namespace = {
            "id": seed.GROUP,
            "name": "Acme",
            "path": seed.GROUP_PATH,
            "kind": "group",
            "full_path": seed.GROUP_PATH,
        }
        return {
            **shown,
            "web_url": f"{self.root}/{row['path_with_namespace']}",
            "namespace": namespace,
            "permissions": {
                "project_access": {"access_level": level, "notification_level": 3},
                "group_access": None,
            },
        }

    @route("GET", f"{API}/projects/<id>/members/all", query=f"{PAGES} query user_ids[]")
    def members(self, call: Call, id: str) -> Any:
        self._project(id)
        wanted = call.query_lists.get("user_ids[]")
        rows = [one for one in self.world.all("user") if wanted is None or str(one["id"]) in wanted]
        return self._page(
            call,
            rows,
            lambda one: {**(self.person(one["id"]) or {}), "access_level": one["level"], "expires_at": None},
        )

    @route("GET", f"{API}/projects/<id>/boards", query=PAGES)
    def boards(self, call: Call, id: str) -> Any:
        self._project(id)
        return self._page(call, self.world.all("board"), lambda one: {**one, "lists": self._lists()})

    @route("GET", f"{API}/projects/<id>/boards/<board>/lists", query=PAGES)
    def board_lists(self, call: Call, id: str, board: str) -> Any:
        self._project(id)
        self._one("board", board, "Board")
        return self._page(call, self._lists())

    def _lists(self) -> list[dict[str, Any]]:
        rows = [one for one in self.world.all("label") if one["name"] in seed.BOARD_LABELS]
        return [
            {"id": place + 1, "label": self.shown_label(one), "position": place}
            for place, one in enumerate(rows)
        ]

    # --- hooks ---------------------------------------------------------------------------------------------------

    @route("GET", f"{API}/projects/<id>/hooks", query=PAGES)
    def hooks(self, call: Call, id: str) -> Any:
        self._maintained(id)
        return self._page(call, self.world.all("hook"), self._shown_hook)

    @route("POST", f"{API}/projects/<id>/hooks")
    def create_hook(self, call: Call, id: str) -> Any:
        self._maintained(id)
        given = self._hook_values(self._given(call, HOOK_BODY, "url"))
        number = self.world.next_number("hook")
        hook = {
            "id": number,
            "project_id": seed.PROJECT,
            "push_events": True,
            "alert_status": "executable",
            **given,
        }
        return Reply(
            self._shown_hook(self.world.put("hook", number, {**hook, "created_at": self.stamp(ms=True)})), 201
        )

    @route("PUT", f"{API}/projects/<id>/hooks/<one>")
    def edit_hook(self, call: Call, id: str, one: str) -> Any:
        self._maintained(id)
        hook = self._one("hook", one, "Hook")
        hook |= {**self._hook_values(self._given(call, HOOK_BODY, "url")), "alert_status": "executable"}
        return self._shown_hook(self.world.put("hook", one, hook))

    @route("DELETE", f"{API}/projects/<id>/hooks/<one>")
    def delete_hook(self, call: Call, id: str, one: str) -> Any:
        self._maintained(id)
        if not self.world.drop("hook", one):
            raise missing("Hook")
        return Reply(None, 204)

    def _maintained(self, id: str) -> None:
        self._project(id)
        if self.trouble.knobs.extra.get("access_level", 40) < 40:
            raise Refusal(403, "403 Forbidden")

    def _hook_values(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """A signing token is ignored without a word where the server does not sign yet."""
        for name in HOOK_FLAGS.split():
            if not isinstance(given.get(name, True), bool):
                raise malformed(f"{name} is invalid")
        if not str(given["url"]).startswith(("http://", "https://")):
            raise invalid("url", "is blocked: Only allowed schemes are http, https")
        if self.trouble.knobs.extra.get("signs_webhooks", True):
            if given.get("signing_token") and not str(given["signing_token"]).startswith("whsec_"):
                raise invalid("signing_token", "is invalid")
            return dict(given)
        return {name: value for name, value in given.items() if name != "signing_token"}

    def _shown_hook(self, hook: Mapping[str, Any]) -> dict[str, Any]:
        shown = {name: value for name, value in hook.items() if name not in ("token", "signing_token")}
        return {
            **shown,
            "token_present": bool(hook.get("token")),
            "signing_token_present": bool(hook.get("signing_token")),
        }

    # --- by hand -------------------------------------------------------------------------------------------------

    def sheets(self) -> tuple[Sheet, ...]:
        states = {"opened": "Open", "closed": "Closed"}
        common = (
            SheetField("title", "Title"),
            SheetField("description", "Description", "area"),
            SheetField("state", "State", "choice", states),
        )
        labels = SheetField("label_names", "Labels", "tags")
        return (
            Sheet(
                "issue",
                "Issues",
                (
                    *common,
                    labels,
                    SheetField("due_date", "Due date", "date"),
                    SheetField("weight", "Weight", "number"),
                ),
                "title",
            ),
            Sheet("epic", "Epics", (*common, labels), "title"),
            Sheet(
                "note",
                "Comments",
                (SheetField("parent", "On issue", "number"), SheetField("body", "Comment", "area")),
                "body",
            ),
            Sheet(
                "milestone",
                "Milestones",
                (
                    SheetField("title", "Title"),
                    SheetField("start_date", "Start", "date"),
                    SheetField("due_date", "Due", "date"),
                ),
                "title",
            ),
            Sheet(
                "label",
                "Labels",
                (
                    SheetField("name", "Name"),
                    SheetField("color", "Colour"),
                    SheetField("description", "Description"),
                ),
            ),
        )

    def edit(self, kind: str, id: str | None, values: Mapping[str, Any], *, actor: str = "") -> str:
        by, given = int(actor or seed.MEMBERS[1][0]), dict(values)
        match kind:
            case "issue" | "epic":
                return self._edit_issue(kind, id, given, by)
            case "note":
                if id is not None:
                    return str(
                        self.change_note(self._one("note", id, "Note"), str(given["body"]), actor=by)["id"]
                    )
                parent = self._one("issue", str(given.get("parent")), "Issue")
                return str(self.make_note("issue", parent, str(given["body"]), actor=by)["id"])
            case "milestone":
                if id is None:
                    return str(self.make_milestone(given)["id"])
                return str(self.change_milestone(self._one("milestone", id, "Milestone"), given)["id"])
            case "label":
                if id is None:
                    return str(self.make_label(given)["id"])
                label = self._one("label", id, "Label")
                label |= {name: given[name] for name in ("name", "color", "description") if name in given}
                label["color"] = self.colour_code(label["color"])
                self.world.put("label", id, label)
                self.name_labels_again()
                return id
        raise missing(kind.capitalize())

    def _edit_issue(self, kind: str, id: str | None, given: dict[str, Any], by: int) -> str:
        state = given.pop("state", None)
        if "label_names" in given:
            given["labels"] = given.pop("label_names")
        if id is None:
            made = self.make_issue(given, actor=by) if kind == "issue" else self.make_epic(given, actor=by)
            id = str(made["iid"])
        row = self._one(kind, id, kind.capitalize())
        if state in ("opened", "closed") and state != row["state"]:
            given["state_event"] = "close" if state == "closed" else "reopen"
        self.change_issue(row, given, actor=by, kind=kind)
        return id

    def remove(self, kind: str, id: str, *, actor: str = "") -> None:
        """Without a webhook and without a trace, as GitLab does."""
        if not self.world.drop(kind, id):
            raise missing(kind.capitalize())
        if kind in ("issue", "epic"):
            for note in self.world.where("note", lambda one: one["on"] == kind and str(one["parent"]) == id):
                self.world.drop("note", note["id"])
        if kind == "epic":
            self._forget("epic", int(id), ())
        if kind == "milestone":
            self._forget("milestone", int(id), ())
        if kind == "label":
            self._forget("labels", int(id), ("epic",))

    def _forget(self, name: str, id: int, further: tuple[str, ...]) -> None:
        """Takes what was deleted off the issues that had it."""
        for kind in ("issue", *further):
            for row in self.world.all(kind):
                held = row.get(name)
                if held == id:
                    self.keep(kind, {**row, name: None})
                elif isinstance(held, list) and id in held:
                    self.keep(kind, {**row, name: [one for one in held if one != id]})

    def move(self, iid: str, *, actor: int = 32) -> None:
        """A person moves an issue to the other project: this one is closed and says where it went."""
        issue = self._one("issue", iid, "Issue")
        issue |= {
            "moved_to_id": 99_000 + int(iid),
            "state": "closed",
            "closed_at": self.stamp(ms=True),
            "closed_by": actor,
        }
        issue["updated_at"] = self.stamp(ms=True)
        self.world.put("issue", iid, issue)
        self.tell_issue("close", issue, actor, {})

    def contract_fixture(self) -> ContractFixture:
        text = "As **agreed**:\n\n- first\n- second"
        issue = {
            "title": "Gift wrapping in the basket",
            "description": text,
            "hub.status": "opened/status::in progress",
            "hub.priority": "high",
            "hub.labels": ["checkout", "docs"],
            "hub.assignees": ["33", "34"],
            "hub.milestone": "302",
            "hub.epic": "1",
            "due_date": "2026-12-11",
            "weight": 3,
        }
        dates = {"start_date": "2026-12-01", "due_date": "2026-12-18"}
        epic = {
            "title": "One basket for all devices",
            "description": text,
            "hub.labels": ["checkout"],
            **dates,
        }
        return ContractFixture(
            base_url="{root}/api/v4",
            settings={"project": seed.PROJECT_PATH, "premium": "yes", "group": seed.GROUP_PATH},
            secrets={"token": seed.TOKEN},
            samples={
                "issue": issue,
                "epic": epic,
                "note": {"body": "Looks good to me.", "hub.author": "Mara Jade"},
                "epic_note": {"body": "Numbers are in.", "hub.author": "Mara Jade"},
                "milestone": {"title": "Spring release", "description": text, **dates},
                "label": {"name": "gift", "hub.colour": "#8fbc8f"},
            },
            edits={
                "issue": {"title": "Gift wrapping, paid", "hub.status": "closed", "due_date": "2026-12-14"},
                "epic": {"title": "One basket", "due_date": "2026-12-21"},
                "note": {"body": "Looks good to me, ship it."},
                "epic_note": {"body": "Numbers are in: fine."},
                "milestone": {"due_date": "2026-12-19"},
                "label": {"hub.colour": "#330066"},
            },
            parents={"note": "2", "epic_note": "1"},
            kinds={"issue": "issue", "note": "note", "epic": "epic"},
        )


VENDOR = GitLab
