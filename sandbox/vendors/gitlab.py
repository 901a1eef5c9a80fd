"""A stand-in for GitLab (REST v4 below /api/v4), held to the field names of its official client and vendors/gitlab.md."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from sandbox.store import Document
from sandbox.vendor import ContractFixture, Sheet, SheetField
from sandbox.web import Call, Refusal, Reply, Route, route

from . import gitlab_seed as seed
from .gitlab_state import GitLabState, invalid, malformed, missing

API = "/api/v4"
PAGES = "page per_page"
ISSUE_LIST = (
    f"{PAGES} iids[] state labels scope assignee_id milestone order_by sort search created_after updated_after updated_before "
    "confidential issue_type with_labels_details"
)
EPIC_LIST = (
    f"{PAGES} state labels order_by sort search created_after updated_after updated_before include_ancestor_groups "
    "include_descendant_groups"
)
ISSUE_BODY = "title description confidential assignee_ids milestone_id labels due_date epic_id weight issue_type created_at iid"
ISSUE_EDIT = (
    "title description confidential assignee_ids milestone_id labels add_labels remove_labels state_event due_date epic_id "
    "weight issue_type discussion_locked updated_at"
)
EPIC_BODY = "title description labels color confidential start_date_fixed start_date_is_fixed due_date_fixed due_date_is_fixed parent_id"
HOOK_FLAGS = (
    "push_events issues_events confidential_issues_events merge_requests_events tag_push_events note_events "
    "confidential_note_events job_events pipeline_events wiki_page_events deployment_events releases_events milestone_events "
    "enable_ssl_verification"
)
HOOK_BODY = f"url token signing_token name description custom_webhook_template {HOOK_FLAGS}"


class GitLab(GitLabState):
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

    # --- helpers of handlers -------------------------------------------------------------------------------------

    def _page(self, call: Call, rows: Iterable[Any], show: Any = None) -> Reply:
        """The page asked for, with GitLab's headers; sizes above 100 are cut to 100."""
        found = list(rows)
        size = min(100, self._number(call, "per_page", 20))
        page = self._number(call, "page", 1)
        if page * size > 50_000:
            raise Refusal(405, "", body={"error": "Offset pagination has a maximum allowed offset of 50000."})
        last = max(1, -(-len(found) // size))
        part = found[(page - 1) * size : page * size]
        following = str(page + 1) if page < last else ""
        links = [(1, "first"), (last, "last"), *([(page + 1, "next")] if following else [])]
        query = [
            (name, value) for name, values in call.query_lists.items() for value in values if name != "page"
        ]
        address = call.address()
        headers = {
            "X-Page": str(page),
            "X-Per-Page": str(size),
            "X-Next-Page": following,
            "X-Prev-Page": str(page - 1) if page > 1 else "",
            "Link": ", ".join(
                f'<{address}?{urlencode([*query, ("page", to)])}>; rel="{rel}"' for to, rel in links
            ),
        }
        if len(found) <= 10_000:
            headers |= {"X-Total": str(len(found)), "X-Total-Pages": str(last)}
        return Reply([show(one) if show else one for one in part], headers=headers)

    def _number(self, call: Call, name: str, default: int) -> int:
        text = call.query.get(name, str(default))
        if not text.isdigit() or int(text) < 1:
            raise malformed(f"{name} does not have a valid value")
        return int(text)

    def _moment(self, call: Call, name: str) -> datetime | None:
        text = call.query.get(name)
        try:
            return datetime.fromisoformat(text) if text else None
        except ValueError:
            raise malformed(f"{name} is invalid") from None

    def _given(self, call: Call, allowed: str, required: str = "") -> dict[str, Any]:
        body = call.json
        if not isinstance(body, dict):
            raise malformed("The body is invalid")
        for name in body:
            if name not in allowed.split():
                raise malformed(f"{name} is not permitted")
        for name in required.split():
            if body.get(name) in (None, ""):
                raise malformed(f"{name} is missing")
        if call.method == "PUT" and not body:
            raise malformed(
                f"{', '.join(allowed.split())} are missing, at least one parameter must be provided"
            )
        return body

    def _project(self, id: str, *, writes: bool = False) -> Document:
        found = next(
            (one for one in self.world.all("project") if id in (str(one["id"]), one["path_with_namespace"])),
            None,
        )
        if found is None:
            raise missing("Project")
        if writes and found["archived"]:
            raise Refusal(403, "403 Forbidden - The project is archived")
        return found

    def _group(self, id: str) -> None:
        if id not in (str(seed.GROUP), seed.GROUP_PATH):
            raise missing("Group")

    def _epics_of(self, id: str) -> None:
        self._group(id)
        if not self.is_premium:
            raise Refusal(403, "403 Forbidden")

    def _one(self, kind: str, id: str, what: str) -> Document:
        found = self.world.get(kind, id)
        if found is None:
            raise missing(what)
        return found

    def _note(self, kind: str, parent: Document, id: str) -> Document:
        note = self._one("note", id, "Note")
        if (note["on"], note["parent"]) != (kind, parent["iid"]):
            raise missing("Note")
        return note

    def _unmodified(self, call: Call, row: Mapping[str, Any]) -> None:
        """Deleting with If-Unmodified-Since is refused where the record changed later."""
        until = call.headers.get("If-Unmodified-Since")
        try:
            edge = datetime.fromisoformat(until) if until else None
        except ValueError:
            edge = None
        if edge and datetime.fromisoformat(row["updated_at"]) > edge:
            raise Refusal(412, "412 Precondition Failed")

    def _listed(self, call: Call, rows: Iterable[Document]) -> list[Document]:
        """State, change, names and order, as issues and epics share them."""
        state = call.query.get("state", "all")
        if state not in ("opened", "closed", "all"):
            raise malformed("state does not have a valid value")
        after, before = self._moment(call, "updated_after"), self._moment(call, "updated_before")
        names = [name for name in call.query.get("labels", "").split(",") if name]
        found = []
        for one in self.visible(rows, "updated_at"):
            at = datetime.fromisoformat(one["updated_at"])
            if state not in ("all", one["state"]) or (after and at < after) or (before and at > before):
                continue
            if not set(names) <= set(self.label_names(one["labels"])):
                continue
            found.append(one)
        order = call.query.get("order_by", "created_at")
        if order not in ("created_at", "updated_at", "title") or call.query.get("sort", "desc") not in (
            "asc",
            "desc",
        ):
            raise malformed("order_by does not have a valid value")
        return sorted(
            found, key=lambda one: (one[order], one["iid"]), reverse=call.query.get("sort", "desc") == "desc"
        )

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

    # --- issues --------------------------------------------------------------------------------------------------

    @route("GET", f"{API}/projects/<id>/issues", query=ISSUE_LIST)
    def issues(self, call: Call, id: str) -> Any:
        project = self._project(id)
        iids = call.query_lists.get("iids[]")
        rows = [
            one
            for one in self.world.all("issue")
            if one["project_id"] == project["id"] and (iids is None or str(one["iid"]) in iids)
        ]
        return self._page(call, self._listed(call, rows), self.shown_issue)

    @route("POST", f"{API}/projects/<id>/issues")
    def create_issue(self, call: Call, id: str) -> Any:
        self._project(id, writes=True)
        issue = self.make_issue(self._given(call, ISSUE_BODY, "title"), actor=int(call.actor))
        return Reply(self.shown_issue(issue), 201)

    @route("GET", f"{API}/projects/<id>/issues/<iid>")
    def issue(self, call: Call, id: str, iid: str) -> Any:
        return self.shown_issue(self._issue(id, iid))

    def _issue(self, id: str, iid: str, *, writes: bool = False) -> Document:
        self._project(id, writes=writes)
        return self._one("issue", iid, "Issue")

    @route("PUT", f"{API}/projects/<id>/issues/<iid>")
    def edit_issue(self, call: Call, id: str, iid: str) -> Any:
        issue = self._issue(id, iid, writes=True)
        return self.shown_issue(
            self.change_issue(issue, self._given(call, ISSUE_EDIT), actor=int(call.actor))
        )

    @route("DELETE", f"{API}/projects/<id>/issues/<iid>")
    def delete_issue(self, call: Call, id: str, iid: str) -> Any:
        issue = self._issue(id, iid, writes=True)
        self._unmodified(call, issue)
        self.remove("issue", iid)
        return Reply(None, 204)

    # --- notes ---------------------------------------------------------------------------------------------------

    @route("GET", f"{API}/projects/<id>/issues/<iid>/notes", query=f"{PAGES} order_by sort")
    def notes(self, call: Call, id: str, iid: str) -> Any:
        return self._notes(call, self._issue(id, iid))

    def _notes(self, call: Call, parent: Document) -> Any:
        order, way = call.query.get("order_by", "created_at"), call.query.get("sort", "desc")
        if order not in ("created_at", "updated_at") or way not in ("asc", "desc"):
            raise malformed("order_by does not have a valid value")
        rows = sorted(self.notes_of(parent), key=lambda one: (one[order], one["id"]), reverse=way == "desc")
        return self._page(call, rows, self.shown_note)

    def _new_note(self, call: Call, kind: str, parent: Document) -> Any:
        body = self.text(self._given(call, "body created_at internal confidential", "body")["body"], "body")
        text, commands = self.without_commands(body)
        if commands:
            self._commands(parent, body)
            self.world.put(kind, parent["iid"], parent)
        if not text.strip():
            if not commands:
                raise invalid("note", "can't be blank")
            return Reply(
                {"commands_changes": dict.fromkeys(commands, True), "summary": ["Commands applied"]}, 202
            )
        return Reply(self.shown_note(self.make_note(kind, parent, text, actor=int(call.actor))), 201)

    def _changed_note(self, call: Call, note: Document) -> Any:
        if note["author"] != int(call.actor) and not self.trouble.knobs.extra.get("may_edit_notes", True):
            raise Refusal(403, "403 Forbidden")
        text = self.text(self._given(call, "body", "body")["body"], "body")
        return self.shown_note(self.change_note(note, self.without_commands(text)[0], actor=int(call.actor)))

    @route("POST", f"{API}/projects/<id>/issues/<iid>/notes")
    def create_note(self, call: Call, id: str, iid: str) -> Any:
        return self._new_note(call, "issue", self._issue(id, iid, writes=True))

    @route("GET", f"{API}/projects/<id>/issues/<iid>/notes/<note>")
    def note(self, call: Call, id: str, iid: str, note: str) -> Any:
        return self.shown_note(self._note("issue", self._issue(id, iid), note))

    @route("PUT", f"{API}/projects/<id>/issues/<iid>/notes/<note>")
    def edit_note(self, call: Call, id: str, iid: str, note: str) -> Any:
        return self._changed_note(call, self._note("issue", self._issue(id, iid, writes=True), note))

    @route("DELETE", f"{API}/projects/<id>/issues/<iid>/notes/<note>")
    def delete_note(self, call: Call, id: str, iid: str, note: str) -> Any:
        found = self._note("issue", self._issue(id, iid, writes=True), note)
        self._unmodified(call, found)
        self.world.drop("note", note)
        return Reply(None, 204)

    @route("GET", f"{API}/groups/<id>/epics/<epic>/notes", query=f"{PAGES} order_by sort")
    def epic_notes(self, call: Call, id: str, epic: str) -> Any:
        return self._notes(call, self._epic_by_id(id, epic))

    @route("POST", f"{API}/groups/<id>/epics/<epic>/notes")
    def create_epic_note(self, call: Call, id: str, epic: str) -> Any:
        return self._new_note(call, "epic", self._epic_by_id(id, epic))

    @route("GET", f"{API}/groups/<id>/epics/<epic>/notes/<note>")
    def epic_note(self, call: Call, id: str, epic: str, note: str) -> Any:
        return self.shown_note(self._note("epic", self._epic_by_id(id, epic), note))

    @route("PUT", f"{API}/groups/<id>/epics/<epic>/notes/<note>")
    def edit_epic_note(self, call: Call, id: str, epic: str, note: str) -> Any:
        return self._changed_note(call, self._note("epic", self._epic_by_id(id, epic), note))

    @route("DELETE", f"{API}/groups/<id>/epics/<epic>/notes/<note>")
    def delete_epic_note(self, call: Call, id: str, epic: str, note: str) -> Any:
        self._unmodified(call, self._note("epic", self._epic_by_id(id, epic), note))
        self.world.drop("note", note)
        return Reply(None, 204)

    def _epic_by_id(self, group: str, id: str) -> Document:
        """Notes go by the epic's id, everything else by its number."""
        self._epics_of(group)
        found = next((one for one in self.world.all("epic") if str(one["id"]) == id), None)
        if found is None:
            raise missing("Epic")
        return dict(found)

    # --- epics ---------------------------------------------------------------------------------------------------

    @route("GET", f"{API}/groups/<id>/epics", query=EPIC_LIST)
    def epics(self, call: Call, id: str) -> Any:
        self._epics_of(id)
        return self._page(call, self._listed(call, self.world.all("epic")), self.shown_epic)

    @route("POST", f"{API}/groups/<id>/epics")
    def create_epic(self, call: Call, id: str) -> Any:
        self._epics_of(id)
        return Reply(
            self.shown_epic(self.make_epic(self._given(call, EPIC_BODY, "title"), actor=int(call.actor))), 201
        )

    @route("GET", f"{API}/groups/<id>/epics/<iid>")
    def epic(self, call: Call, id: str, iid: str) -> Any:
        self._epics_of(id)
        return self.shown_epic(self._one("epic", iid, "Epic"))

    @route("PUT", f"{API}/groups/<id>/epics/<iid>")
    def edit_epic(self, call: Call, id: str, iid: str) -> Any:
        self._epics_of(id)
        given = self._given(call, f"{EPIC_BODY} add_labels remove_labels state_event")
        return self.shown_epic(
            self.change_issue(self._one("epic", iid, "Epic"), given, actor=int(call.actor), kind="epic")
        )

    @route("DELETE", f"{API}/groups/<id>/epics/<iid>")
    def delete_epic(self, call: Call, id: str, iid: str) -> Any:
        self._epics_of(id)
        self._unmodified(call, self._one("epic", iid, "Epic"))
        self.remove("epic", iid)
        return Reply(None, 204)

    # --- milestones ----------------------------------------------------------------------------------------------

    @route(
        "GET",
        f"{API}/projects/<id>/milestones",
        query=f"{PAGES} iids[] title state search include_parent_milestones",
    )
    def milestones(self, call: Call, id: str) -> Any:
        self._project(id)
        takes_all, state = call.query.get("include_parent_milestones") == "true", call.query.get("state", "")
        rows = self.world.where(
            "milestone", lambda one: (takes_all or not one["of_group"]) and state in ("", one["state"])
        )
        return self._page(call, rows, self.shown_milestone)

    @route("POST", f"{API}/projects/<id>/milestones")
    def create_milestone(self, call: Call, id: str) -> Any:
        self._project(id, writes=True)
        given = self._given(call, "title description start_date due_date", "title")
        return Reply(self.shown_milestone(self.make_milestone(given)), 201)

    def _milestone(self, id: str, *, of_group: bool) -> Document:
        found = self._one("milestone", id, "Milestone")
        if found["of_group"] is not of_group:
            raise missing("Milestone")
        return found

    @route("GET", f"{API}/projects/<id>/milestones/<one>")
    def milestone(self, call: Call, id: str, one: str) -> Any:
        self._project(id)
        return self.shown_milestone(self._milestone(one, of_group=False))

    @route("PUT", f"{API}/projects/<id>/milestones/<one>")
    def edit_milestone(self, call: Call, id: str, one: str) -> Any:
        self._project(id, writes=True)
        given = self._given(call, "title description start_date due_date state_event")
        return self.shown_milestone(self.change_milestone(self._milestone(one, of_group=False), given))

    @route("DELETE", f"{API}/projects/<id>/milestones/<one>")
    def delete_milestone(self, call: Call, id: str, one: str) -> Any:
        self._project(id, writes=True)
        self._unmodified(call, self._milestone(one, of_group=False))
        self.remove("milestone", one)
        return Reply(None, 204)

    @route("PUT", f"{API}/groups/<id>/milestones/<one>")
    def edit_group_milestone(self, call: Call, id: str, one: str) -> Any:
        self._group(id)
        given = self._given(call, "title description start_date due_date state_event")
        return self.shown_milestone(self.change_milestone(self._milestone(one, of_group=True), given))

    # --- labels --------------------------------------------------------------------------------------------------

    @route("GET", f"{API}/projects/<id>/labels", query=f"{PAGES} with_counts include_ancestor_groups search")
    def labels(self, call: Call, id: str) -> Any:
        self._project(id)
        takes_all, counts = (
            call.query.get("include_ancestor_groups", "true") == "true",
            call.flag("with_counts"),
        )
        rows = self.world.where("label", lambda one: takes_all or not one["of_group"])
        return self._page(
            call, sorted(rows, key=lambda one: one["name"]), lambda one: self.shown_label(one, counts=counts)
        )

    @route("POST", f"{API}/projects/<id>/labels")
    def create_label(self, call: Call, id: str) -> Any:
        self._project(id, writes=True)
        return Reply(
            self.shown_label(
                self.make_label(self._given(call, "name color description priority", "name color"))
            ),
            201,
        )

    @route("GET", f"{API}/projects/<id>/labels/<one>")
    def label(self, call: Call, id: str, one: str) -> Any:
        self._project(id)
        return self.shown_label(self._one("label", one, "Label"))

    @route("PUT", f"{API}/projects/<id>/labels/<one>")
    def edit_label(self, call: Call, id: str, one: str) -> Any:
        self._project(id, writes=True)
        label, given = (
            self._one("label", one, "Label"),
            self._given(call, "new_name color description priority"),
        )
        if label["of_group"]:
            raise missing("Label")
        if "new_name" in given:
            label["name"] = self.title(given["new_name"])
        if "color" in given:
            label["color"] = self.colour_code(given["color"])
        label |= {name: given[name] for name in ("description", "priority") if name in given}
        return self.shown_label(self.world.put("label", label["id"], label))

    @route("DELETE", f"{API}/projects/<id>/labels/<one>")
    def delete_label(self, call: Call, id: str, one: str) -> Any:
        self._project(id, writes=True)
        if self._one("label", one, "Label")["of_group"]:
            raise missing("Label")
        self.remove("label", one)
        return Reply(None, 204)

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
                return str(self.world.put("label", id, label)["id"])
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
        changed = self.change_issue(row, given, actor=by, kind=kind)
        shown = {**changed, "label_names": self.label_names(changed["labels"])}
        self.world.put(kind, id, shown)
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
                    self.world.put(kind, row["iid"], {**row, name: None})
                elif isinstance(held, list) and id in held:
                    self.world.put(kind, row["iid"], {**row, name: [one for one in held if one != id]})

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
