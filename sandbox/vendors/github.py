"""A stand-in for GitHub's REST API: one repository with issues, comments, labels, milestones and webhooks.

Held to github/rest-api-description (npm ``@octokit/openapi`` 23.0.2). Stricter than GitHub in one point: unknown query
parameters are refused, where GitHub ignores them, so that a misspelt one is noticed.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import unquote

from werkzeug.wrappers import Request, Response

from sandbox.store import Document
from sandbox.vendor import ContractFixture, Sheet, SheetField
from sandbox.web import Call, Refusal, Reply, route

from . import github_app, github_seed, github_ui
from .github_projects import GitHubProjects
from .github_shapes import link_header
from .github_state import unprocessable

API_VERSIONS = ("2022-11-28", "2026-03-10")
PAGED = "per_page page"
R = "/repos/<owner>/<name>"
ISSUE_KEYS = "title body assignee state state_reason duplicate_issue_id milestone labels assignees issue_field_values type"
HOOK_EVENTS = {"issues", "issue_comment", "label", "milestone", "sub_issues", "repository", "push", "*"}


class GitHub(GitHubProjects):
    slug = "github"
    name = "GitHub"
    colour = "#1f2328"
    tagline = "Issues of acme/webshop"

    # --- manners ---------------------------------------------------------------------------------------------------

    def __init__(self, *args: Any) -> None:
        self._used: dict[str, int] = {}
        super().__init__(*args)

    def seed(self) -> None:
        github_seed.plant(self.world)
        self._used = {}

    def serve(self, request: Request, path: str) -> Response:
        self.root = request.host_url.rstrip("/") + f"/{self.slug}"
        by_number = re.match(r"/repositories/(\d+)(/.*)?$", path)
        repo = self.world.get("repository", by_number.group(1)) if by_number else None
        if by_number and repo:
            path = f"/repos/{repo['full_name']}{by_number.group(2) or ''}"
        response = super().serve(request, path)
        if request.method == "GET" and response.status_code == 200:
            tag = f'W/"{hashlib.sha256(response.get_data()).hexdigest()}"'
            response.headers["ETag"] = tag
            if request.headers.get("If-None-Match") == tag:
                return Response(status=304, headers={"ETag": tag})
        return response

    def page(self, request: Request, path: str) -> Response | None:
        self.root = request.host_url.rstrip("/") + f"/{self.slug}"
        return github_ui.serve(self, request, path)

    def authenticate(self, call: Call) -> str:
        if not call.headers.get("User-Agent"):
            text = "Request forbidden by administrative rules. Please make sure your request has a User-Agent header."
            raise Refusal(403, text)
        version = call.headers.get("X-GitHub-Api-Version")
        if version and version not in API_VERSIONS:
            raise Refusal(400, f"API version '{version}' is not supported.")
        accept = call.headers.get("Accept", "*/*")
        if not re.search(r"\*/\*|json", accept):
            raise Refusal(415, "Must accept 'application/json'")
        scheme, _, token = call.headers.get("Authorization", "").partition(" ")
        if not token:
            raise Refusal(401, "Requires authentication")
        holder = self.world.get("token", token) if scheme.lower() in ("bearer", "token") else None
        expires = holder.get("expires_at") if holder else None
        if holder is None or (expires and datetime.fromisoformat(expires) <= self.now()):
            raise Refusal(401, "Bad credentials")
        if holder.get("scopes") is not None:
            call.reply_headers["X-OAuth-Scopes"] = holder["scopes"]
        self._holder = holder
        return str(holder["user"])

    def refuse(self, refusal: Refusal) -> Any:
        if refusal.status == 200:  # a document that is refused as a whole
            return {"errors": [{"type": refusal.code, "message": refusal.message}]}
        url = "https://docs.github.com/rest"
        if refusal.code in ("unknown_parameter", "unknown_field", "missing_field", "missing_parameter"):
            detail = {
                "resource": "Request",
                "field": refusal.field,
                "code": "invalid",
                "message": refusal.message,
            }
            return {
                "message": f"Invalid request.\n\n{refusal.message}",
                "errors": [detail],
                "documentation_url": url,
                "status": "422",
            }
        return {
            "message": refusal.message or "Something went wrong",
            "documentation_url": url,
            "status": str(refusal.status),
        }

    def headers(self, call: Call, *, remaining: int) -> dict[str, str]:
        if call.path == "/graphql":
            return self.point_headers(call)
        moment = int(call.now.timestamp())
        asked = self.trouble.knobs.limit_per_minute
        if asked:
            limit, left, reset = asked, max(0, remaining), moment - moment % 60 + 60
        else:
            hour = str(moment // 3600)
            self._used = {hour: self._used.get(hour, 0) + 1}
            limit, left, reset = 5000, max(0, 5000 - self._used[hour]), moment - moment % 3600 + 3600
        names = {"Limit": limit, "Remaining": left, "Used": limit - left, "Reset": reset, "Resource": "core"}
        return {"X-GitHub-Media-Type": "github.v3; format=json"} | {
            f"X-RateLimit-{name}": str(value) for name, value in names.items()
        }

    def too_many(self, call: Call, *, retry_after: int) -> Refusal:
        """The primary limit: no Retry-After, the reset is in the headers. GraphQL says it with status 200."""
        if call.path == "/graphql":
            call.reply_headers["X-RateLimit-Remaining"] = "0"
            return Refusal(200, "API rate limit exceeded for this user.", code="RATE_LIMITED")
        return Refusal(403, "API rate limit exceeded for this user.")

    def needs(self, role: str) -> None:
        """GitHub hides what one may not manage behind a 404."""
        if not self.has_role(self._holder["role"], role):
            raise Refusal(404, "Not Found")

    @property
    def may_triage(self) -> bool:
        return self.has_role(self._holder["role"], "triage")

    def _opened(
        self, call: Call, owner: str, name: str, *, writes: bool = False, issues: bool = True
    ) -> Document:
        """The repository asked for. A former name redirects, as GitHub does."""
        wanted = f"{owner}/{name}".lower()
        for repo in self.world.all("repository"):
            if wanted in repo["old_names"]:
                tail = call.path.split("/", 4)[4] if call.path.count("/") > 3 else ""
                target = f"{self.root}/repositories/{repo['id']}{'/' + tail if tail else ''}"
                query = call.request.query_string.decode()
                target += f"?{query}" if query else ""
                raise self._moved(target, 301 if call.method == "GET" else 307)
            if wanted == repo["full_name"].lower():
                if writes and repo["archived"]:
                    raise Refusal(403, "Repository was archived so is read-only.")
                if issues and not repo["has_issues"] and "/issues" in call.path:
                    raise Refusal(410, "Issues are disabled for this repo")
                return dict(repo)
        raise Refusal(404, "Not Found")

    def _moved(self, target: str, status: int) -> Refusal:
        body = {"message": "Moved Permanently" if status == 301 else "Temporary Redirect", "url": target}
        return Refusal(
            status,
            headers={"Location": target},
            body={**body, "documentation_url": "https://docs.github.com/rest"},
        )

    def _paged(self, call: Call, rows: Iterable[Document], render: Any) -> Reply:
        found = list(rows)
        size = call.number("per_page", 30, low=1, high=100, clamp=True)
        page = call.number("page", 1, low=1, clamp=True)
        last = max(1, -(-len(found) // size))
        query = [(name, value) for name, values in call.query_lists.items() for value in values]
        link = link_header(f"{self.root}{call.path}", query, page, last)
        body = [render(one) for one in found[(page - 1) * size : page * size]]
        return Reply(body, headers={"Link": link} if link else {})

    # --- who, where --------------------------------------------------------------------------------------------

    @route("GET", "/user")
    def get_me(self, call: Call) -> Any:
        if self._holder.get("is_app"):
            raise Refusal(403, "Resource not accessible by integration")
        return self.shapes.profile(call.actor, private=True)

    @route("GET", "/users/<login>")
    def get_user(self, call: Call, login: str) -> Any:
        found = self.world.where("user", lambda one: one["login"].lower() == login.lower())
        if not found:
            raise Refusal(404, "Not Found")
        return self.shapes.profile(found[0]["id"], private=False)

    @route("GET", "/user/orgs", query=PAGED)
    def list_orgs(self, call: Call) -> Any:
        return self._paged(
            call, [{}], lambda _: self.shapes.organisation(github_seed.ORG, github_seed.ORG_ID)
        )

    @route("GET", "/user/repos", query=f"visibility affiliation type sort direction since before {PAGED}")
    def list_repos(self, call: Call) -> Any:
        return self._paged(
            call, self.world.all("repository"), lambda one: self.shapes.repository(one, self._holder["role"])
        )

    @route("GET", "/installation/repositories", query=PAGED)
    def list_installed(self, call: Call) -> Any:
        if not self._holder.get("is_app"):
            raise Refusal(
                403, "You must authenticate with an installation access token in order to list repositories."
            )
        rows = [self.shapes.repository(one, self._holder["role"]) for one in self.world.all("repository")]
        return {"total_count": len(rows), "repositories": rows}

    @route("POST", "/app/installations/<int:number>/access_tokens", auth=False)
    def make_app_token(self, call: Call, number: int) -> Any:
        return Reply(github_app.installation_token(self, call, number), 201)

    @route("GET", "/orgs/<org>/projectsV2", query="q before after per_page")
    def list_projects(self, call: Call, org: str) -> Any:
        if org.lower() != github_seed.ORG:
            raise Refusal(404, "Not Found")
        ours = [one for one in self.world.all("project") if one["owner"] == github_seed.ORG_ID]
        return [self.shapes.project(one) for one in ours]

    @route("GET", "/rate_limit")
    def get_rate_limit(self, call: Call) -> Any:
        said = call.reply_headers
        core = {
            name: int(said[f"X-RateLimit-{name.title()}"]) for name in ("limit", "used", "remaining", "reset")
        }
        search = {"limit": 30, "used": 0, "remaining": 30, "reset": core["reset"]}
        return {"resources": {"core": core, "search": search}, "rate": core}

    @route("GET", R)
    def get_repo(self, call: Call, owner: str, name: str) -> Any:
        return self.shapes.repository(
            self._opened(call, owner, name, issues=False), self._holder["role"], full=True
        )

    @route("GET", f"{R}/assignees", query=PAGED)
    def list_assignees(self, call: Call, owner: str, name: str) -> Any:
        self._opened(call, owner, name)
        return self._paged(call, self.assignable(), lambda one: self.shapes.user(one["id"]))

    # --- issues ------------------------------------------------------------------------------------------------

    @route(
        "GET",
        f"{R}/issues",
        query=f"milestone state assignee type creator mentioned labels sort direction since {PAGED}",
    )
    def list_issues(self, call: Call, owner: str, name: str) -> Any:
        repo = self._opened(call, owner, name)
        kind = "issue" if repo["id"] == github_seed.REPO_ID else "handbook_issue"
        state, since = call.choice("state", "open", "open closed all"), call.moment("since")
        rows = self.visible(self.world.all(kind), "updated_at")
        rows = [one for one in rows if state in ("all", one["state"])]
        rows = [one for one in rows if since is None or datetime.fromisoformat(one["updated_at"]) >= since]
        rows = [one for one in rows if self._matches(one, call.query)]
        by = call.choice("sort", "created", "created updated comments")
        order = {"created": "created_at", "updated": "updated_at"}.get(by)
        is_down = call.choice("direction", "desc", "asc desc") == "desc"
        counts = {one["number"]: 0 for one in rows}
        for comment in self.world.all("comment") if order is None else ():
            counts[comment["issue"]] = counts.get(comment["issue"], 0) + 1
        rows.sort(
            key=lambda one: (one[order] if order else counts[one["number"]], one["number"]), reverse=is_down
        )
        return self._paged(call, rows, lambda one: self.shapes.issue(one, repo["full_name"]))

    def _matches(self, issue: Mapping[str, Any], query: Mapping[str, str]) -> bool:
        people = {person["id"]: person["login"] for person in self.world.all("user")}
        labels = {label["id"]: label["name"].casefold() for label in self.world.all("label")}
        wanted = {part.strip().casefold() for part in query.get("labels", "").split(",") if part.strip()}
        if not wanted <= {labels.get(id) for id in issue["labels"]}:
            return False
        milestone = query.get("milestone")
        if (milestone == "*" and not issue["milestone"]) or (milestone == "none" and issue["milestone"]):
            return False
        if milestone and milestone not in ("*", "none") and str(issue["milestone"]) != milestone:
            return False
        if "creator" in query and people.get(issue["user"]) != query["creator"]:
            return False
        assignee, assigned = query.get("assignee"), {people.get(id) for id in issue["assignees"]}
        if assignee in (None, "*", "none"):
            return assignee is None or bool(assigned) == (assignee == "*")
        return assignee in assigned

    @route("POST", f"{R}/issues")
    def create_issue(self, call: Call, owner: str, name: str) -> Any:
        repo = self._opened(call, owner, name, writes=True)
        body = call.object(allowed=ISSUE_KEYS, required="title")
        issue = self.make_issue(body, int(call.actor), may_triage=self.may_triage)
        return Reply(self.shapes.issue(issue, repo["full_name"]), 201)

    def _issue(
        self, call: Call, owner: str, name: str, number: int, *, writes: bool = False
    ) -> tuple[Document, str]:
        repo = self._opened(call, owner, name, writes=writes)
        if repo["id"] != github_seed.REPO_ID:
            issue = self.world.get("handbook_issue", number)
        else:
            issue = self.world.get("issue", number)
            moved = self.world.get("moved", number)
            if moved:
                target = f"{self.root}/repositories/{moved['repo']}/issues/{moved['to']}"
                raise self._moved(target, 301 if call.method == "GET" else 307)
            if self.world.get("gone", number):
                raise Refusal(410, "This issue was deleted")
        if issue is None:
            raise Refusal(404, "Not Found")
        return issue, repo["full_name"]

    @route("GET", f"{R}/issues/<int:number>")
    def get_issue(self, call: Call, owner: str, name: str, number: int) -> Any:
        issue, full_name = self._issue(call, owner, name, number)
        return self.shapes.issue(issue, full_name)

    @route("PATCH", f"{R}/issues/<int:number>")
    def update_issue(self, call: Call, owner: str, name: str, number: int) -> Any:
        issue, full_name = self._issue(call, owner, name, number, writes=True)
        values = call.object(allowed=ISSUE_KEYS)
        if not self.may_triage and issue["user"] != int(call.actor):
            raise Refusal(403, "Must have admin rights to Repository.")
        after = self.change_issue(number, values, int(call.actor), may_triage=self.may_triage)
        return self.shapes.issue(after, full_name)

    # --- labels and people of an issue -------------------------------------------------------------------------

    def _labels_of(self, issue: Mapping[str, Any], full_name: str) -> list[Document]:
        return [
            self.shapes.label(one, full_name)
            for id in issue["labels"]
            if (one := self.world.get("label", id))
        ]

    def _set_labels(self, issue: Document, ids: list[int], call: Call, full_name: str) -> list[Document]:
        names = [(self.world.get("label", id) or {})["name"] for id in ids]
        return self._labels_of(
            self.change_issue(issue["number"], {"labels": names}, int(call.actor)), full_name
        )

    @route("GET", f"{R}/issues/<int:number>/labels", query=PAGED)
    def list_issue_labels(self, call: Call, owner: str, name: str, number: int) -> Any:
        issue, full_name = self._issue(call, owner, name, number)
        return self._paged(call, self._labels_of(issue, full_name), lambda one: one)

    @route("POST", f"{R}/issues/<int:number>/labels")
    def add_issue_labels(self, call: Call, owner: str, name: str, number: int) -> Any:
        issue, full_name = self._issue(call, owner, name, number, writes=True)
        names = call.json.get("labels") if isinstance(call.json, dict) else call.json
        if not isinstance(names, list) or not names:
            raise unprocessable("Label", "labels")
        if not self.may_triage:
            raise Refusal(403, "Must have triage rights to Repository.")
        ids = [self._label_id(one, makes=True) for one in names]
        return self._set_labels(issue, list(dict.fromkeys([*issue["labels"], *ids])), call, full_name)

    @route("PUT", f"{R}/issues/<int:number>/labels")
    def set_issue_labels(self, call: Call, owner: str, name: str, number: int) -> Any:
        issue, full_name = self._issue(call, owner, name, number, writes=True)
        names = call.json.get("labels") if isinstance(call.json, dict) else call.json
        if not isinstance(names, list):
            raise unprocessable("Label", "labels")
        self.needs("triage")
        return self._set_labels(issue, [self._label_id(one, makes=True) for one in names], call, full_name)

    @route("DELETE", f"{R}/issues/<int:number>/labels/<path:label>")
    def remove_issue_label(self, call: Call, owner: str, name: str, number: int, label: str) -> Any:
        issue, full_name = self._issue(call, owner, name, number, writes=True)
        found = self.find_label(unquote(label))
        if found is None or found["id"] not in issue["labels"]:
            raise Refusal(404, "Label does not exist")
        self.needs("triage")
        return self._set_labels(issue, [id for id in issue["labels"] if id != found["id"]], call, full_name)

    @route("POST", f"{R}/issues/<int:number>/assignees")
    def add_assignees(self, call: Call, owner: str, name: str, number: int) -> Any:
        return Reply(self._assign(call, owner, name, number, is_adding=True), 201)

    @route("DELETE", f"{R}/issues/<int:number>/assignees")
    def remove_assignees(self, call: Call, owner: str, name: str, number: int) -> Any:
        return self._assign(call, owner, name, number, is_adding=False)

    def _assign(self, call: Call, owner: str, name: str, number: int, *, is_adding: bool) -> Document:
        """Who may not assign is ignored without a word."""
        issue, full_name = self._issue(call, owner, name, number, writes=True)
        ids = self._people(call.object(allowed="assignees", required="assignees")["assignees"])
        if self.may_triage:
            wanted = (
                [*issue["assignees"], *ids]
                if is_adding
                else [id for id in issue["assignees"] if id not in ids]
            )
            logins = [(self.world.get("user", id) or {})["login"] for id in wanted]
            issue = self.change_issue(number, {"assignees": logins}, int(call.actor))
        return self.shapes.issue(issue, full_name)

    # --- sub-issues --------------------------------------------------------------------------------------------

    @route("GET", f"{R}/issues/<int:number>/sub_issues", query=PAGED)
    def list_sub_issues(self, call: Call, owner: str, name: str, number: int) -> Any:
        _, full_name = self._issue(call, owner, name, number)
        rows = self.world.where("issue", lambda one: one["parent"] == number)
        return self._paged(call, rows, lambda one: self.shapes.issue(one, full_name))

    @route("POST", f"{R}/issues/<int:number>/sub_issues")
    def add_sub_issue(self, call: Call, owner: str, name: str, number: int) -> Any:
        parent, full_name = self._issue(call, owner, name, number, writes=True)
        body = call.object(allowed="sub_issue_id replace_parent", required="sub_issue_id")
        child = self._child(body["sub_issue_id"])
        self.needs("triage")
        if child["parent"] not in (None, number) and not body.get("replace_parent"):
            raise unprocessable("Issue", "sub_issue_id", message="Sub-issue already has a parent")
        if child["number"] == number or parent["parent"] == child["number"]:
            raise unprocessable("Issue", "sub_issue_id", message="An issue cannot be its own parent")
        self.set_parent(child, number, int(call.actor))
        return Reply(self.shapes.issue(parent, full_name), 201)

    @route("DELETE", f"{R}/issues/<int:number>/sub_issue")
    def remove_sub_issue(self, call: Call, owner: str, name: str, number: int) -> Any:
        parent, full_name = self._issue(call, owner, name, number, writes=True)
        child = self._child(call.object(allowed="sub_issue_id", required="sub_issue_id")["sub_issue_id"])
        if child["parent"] != number:
            raise Refusal(404, "Not Found")
        self.needs("triage")
        self.set_parent(child, None, int(call.actor))
        return self.shapes.issue(parent, full_name)

    def _child(self, id: Any) -> Document:
        found = self.world.where("issue", lambda one: one["id"] == id)
        if not isinstance(id, int) or not found:
            raise Refusal(404, "The provided sub-issue does not exist")
        return dict(found[0])

    # --- comments ----------------------------------------------------------------------------------------------

    def _comment_shape(self, comment: Mapping[str, Any]) -> Document:
        return self.shapes.comment(comment, self.world.get("issue", comment["issue"]) or {}, self.full_name)

    @route("GET", f"{R}/issues/comments", query=f"sort direction since {PAGED}")
    def list_comments(self, call: Call, owner: str, name: str) -> Any:
        self._opened(call, owner, name)
        since = call.moment("since")
        order = {"created": "created_at", "updated": "updated_at"}[
            call.choice("sort", "created", "created updated")
        ]
        is_down = call.choice("direction", "asc", "asc desc") == "desc"
        rows = self.visible(self.world.all("comment"), "updated_at")
        rows = [one for one in rows if since is None or datetime.fromisoformat(one["updated_at"]) >= since]
        rows.sort(key=lambda one: (one[order], one["id"]), reverse=is_down)
        return self._paged(call, rows, self._comment_shape)

    @route("GET", f"{R}/issues/<int:number>/comments", query=f"since {PAGED}")
    def list_issue_comments(self, call: Call, owner: str, name: str, number: int) -> Any:
        self._issue(call, owner, name, number)
        since = call.moment("since")
        rows = [one for one in self.world.all("comment") if one["issue"] == number]
        rows = [one for one in rows if since is None or datetime.fromisoformat(one["updated_at"]) >= since]
        return self._paged(call, rows, self._comment_shape)

    @route("POST", f"{R}/issues/<int:number>/comments")
    def create_comment(self, call: Call, owner: str, name: str, number: int) -> Any:
        self._issue(call, owner, name, number, writes=True)
        body = call.object(allowed="body")
        return Reply(self._comment_shape(self.make_comment(number, body.get("body"), int(call.actor))), 201)

    def _comment(self, call: Call, owner: str, name: str, id: int, *, writes: bool = False) -> Document:
        self._opened(call, owner, name, writes=writes)
        comment = self.world.get("comment", id)
        if comment is None:
            raise Refusal(404, "Not Found")
        if writes and comment["user"] != int(call.actor) and not self.has_role(self._holder["role"], "push"):
            raise Refusal(403, "Must have admin rights to Repository.")
        return comment

    @route("GET", f"{R}/issues/comments/<int:id>")
    def get_comment(self, call: Call, owner: str, name: str, id: int) -> Any:
        return self._comment_shape(self._comment(call, owner, name, id))

    @route("PATCH", f"{R}/issues/comments/<int:id>")
    def update_comment(self, call: Call, owner: str, name: str, id: int) -> Any:
        self._comment(call, owner, name, id, writes=True)
        return self._comment_shape(
            self.change_comment(id, call.object(allowed="body").get("body"), int(call.actor))
        )

    @route("DELETE", f"{R}/issues/comments/<int:id>")
    def remove_comment(self, call: Call, owner: str, name: str, id: int) -> Any:
        self._comment(call, owner, name, id, writes=True)
        self.delete_comment(id, int(call.actor))
        return Reply(None, 204)

    # --- labels and milestones ---------------------------------------------------------------------------------

    @route("GET", f"{R}/labels", query=PAGED)
    def list_labels(self, call: Call, owner: str, name: str) -> Any:
        repo = self._opened(call, owner, name)
        return self._paged(
            call, self.world.all("label"), lambda one: self.shapes.label(one, repo["full_name"])
        )

    @route("POST", f"{R}/labels")
    def create_label(self, call: Call, owner: str, name: str) -> Any:
        repo = self._opened(call, owner, name, writes=True)
        self.needs("push")
        label = self.make_label(
            call.object(allowed="name color description", required="name"), int(call.actor)
        )
        return Reply(self.shapes.label(label, repo["full_name"]), 201)

    def _label(self, label: str) -> Document:
        found = self.find_label(unquote(label))
        if found is None:
            raise Refusal(404, "Not Found")
        return found

    @route("GET", f"{R}/labels/<path:label>")
    def get_label(self, call: Call, owner: str, name: str, label: str) -> Any:
        return self.shapes.label(self._label(label), self._opened(call, owner, name)["full_name"])

    @route("PATCH", f"{R}/labels/<path:label>")
    def update_label(self, call: Call, owner: str, name: str, label: str) -> Any:
        repo = self._opened(call, owner, name, writes=True)
        self.needs("push")
        values = call.object(allowed="new_name color description")
        return self.shapes.label(
            self.change_label(self._label(label), values, int(call.actor)), repo["full_name"]
        )

    @route("DELETE", f"{R}/labels/<path:label>")
    def remove_label(self, call: Call, owner: str, name: str, label: str) -> Any:
        self._opened(call, owner, name, writes=True)
        self.needs("push")
        self.delete_label(self._label(label), int(call.actor))
        return Reply(None, 204)

    @route("GET", f"{R}/milestones", query=f"state sort direction {PAGED}")
    def list_milestones(self, call: Call, owner: str, name: str) -> Any:
        repo = self._opened(call, owner, name)
        state = call.choice("state", "open", "open closed all")
        rows = [one for one in self.world.all("milestone") if state in ("all", one["state"])]
        call.choice("sort", "due_on", "due_on completeness")
        is_down = call.choice("direction", "asc", "asc desc") == "desc"
        rows.sort(key=lambda one: (one["due_on"] or "9", one["number"]), reverse=is_down)
        return self._paged(call, rows, lambda one: self.shapes.milestone(one, repo["full_name"]))

    @route("POST", f"{R}/milestones")
    def create_milestone(self, call: Call, owner: str, name: str) -> Any:
        repo = self._opened(call, owner, name, writes=True)
        self.needs("push")
        values = call.object(allowed="title state description due_on", required="title")
        return Reply(
            self.shapes.milestone(self.make_milestone(values, int(call.actor)), repo["full_name"]), 201
        )

    def _milestone(self, number: int) -> Document:
        found = self.world.get("milestone", number)
        if found is None:
            raise Refusal(404, "Not Found")
        return found

    @route("GET", f"{R}/milestones/<int:number>")
    def get_milestone(self, call: Call, owner: str, name: str, number: int) -> Any:
        return self.shapes.milestone(self._milestone(number), self._opened(call, owner, name)["full_name"])

    @route("PATCH", f"{R}/milestones/<int:number>")
    def update_milestone(self, call: Call, owner: str, name: str, number: int) -> Any:
        repo = self._opened(call, owner, name, writes=True)
        self.needs("push")
        self._milestone(number)
        values = call.object(allowed="title state description due_on")
        return self.shapes.milestone(
            self.change_milestone(number, values, int(call.actor)), repo["full_name"]
        )

    @route("DELETE", f"{R}/milestones/<int:number>")
    def remove_milestone(self, call: Call, owner: str, name: str, number: int) -> Any:
        self._opened(call, owner, name, writes=True)
        self.needs("push")
        self.delete_milestone(number, int(call.actor))
        return Reply(None, 204)

    # --- webhooks ------------------------------------------------------------------------------------------------

    @route("GET", f"{R}/hooks", query=PAGED)
    def list_hooks(self, call: Call, owner: str, name: str) -> Any:
        repo = self._opened(call, owner, name)
        self.needs("admin")
        return self._paged(call, self.world.all("hook"), lambda one: self.shapes.hook(one, repo["full_name"]))

    def _hook_values(self, values: Mapping[str, Any], before: Mapping[str, Any]) -> Document:
        config = {
            "content_type": "form",
            "insecure_ssl": "0",
            **before.get("config", {}),
            **(values.get("config") or {}),
        }
        events = values.get("events", before.get("events", ["push"]))
        if not str(config.get("url") or "").startswith(("http://", "https://")):
            raise unprocessable("Hook", "url")
        if config["content_type"] not in ("json", "form"):
            raise unprocessable("Hook", "content_type")
        if not isinstance(events, list) or not set(events) <= HOOK_EVENTS:
            raise unprocessable("Hook", "events")
        return {
            "config": config,
            "events": events,
            "active": bool(values.get("active", before.get("active", True))),
        }

    @route("POST", f"{R}/hooks")
    def create_hook(self, call: Call, owner: str, name: str) -> Any:
        repo = self._opened(call, owner, name, issues=False)
        self.needs("admin")
        body = call.object(allowed="name config events active", required="config")
        if body.get("name", "web") != "web":
            raise unprocessable("Hook", "name")
        values = self._hook_values(body, {})
        same = [
            one
            for one in self.world.all("hook")
            if one["config"] == values["config"] and one["events"] == values["events"]
        ]
        if same:
            raise unprocessable("Hook", "url", message="Hook already exists on this repository")
        id = 60_000 + self.world.next_number("hook")
        hook = {"id": id, **values, "created_at": self.stamp(), "updated_at": self.stamp()}
        self.world.put("hook", id, hook)
        self._ping(hook, int(call.actor))
        return Reply(self.shapes.hook(hook, repo["full_name"]), 201)

    def _ping(self, hook: Mapping[str, Any], actor: int) -> None:
        payload = {
            "zen": "Keep it logically awesome.",
            "hook_id": hook["id"],
            "hook": self.shapes.hook(hook, self.full_name),
        }
        payload |= {
            "repository": self.shapes.repository(self.repo(), "admin"),
            "sender": self.shapes.user(actor),
        }
        if self.trouble.knobs.webhooks_on:
            self.deliver(hook, "ping", "", payload, self._guid())

    def _hook(self, call: Call, owner: str, name: str, id: int) -> tuple[Document, str]:
        repo = self._opened(call, owner, name, issues=False)
        self.needs("admin")
        hook = self.world.get("hook", id)
        if hook is None:
            raise Refusal(404, "Not Found")
        return hook, repo["full_name"]

    @route("GET", f"{R}/hooks/<int:id>")
    def get_hook(self, call: Call, owner: str, name: str, id: int) -> Any:
        return self.shapes.hook(*self._hook(call, owner, name, id))

    @route("PATCH", f"{R}/hooks/<int:id>")
    def update_hook(self, call: Call, owner: str, name: str, id: int) -> Any:
        hook, full_name = self._hook(call, owner, name, id)
        values = call.object(allowed="config events add_events remove_events active")
        hook |= {**self._hook_values(values, hook), "updated_at": self.stamp()}
        self.world.put("hook", id, hook)
        return self.shapes.hook(hook, full_name)

    @route("DELETE", f"{R}/hooks/<int:id>")
    def remove_hook(self, call: Call, owner: str, name: str, id: int) -> Any:
        self._hook(call, owner, name, id)
        self.world.drop("hook", id)
        return Reply(None, 204)

    @route("POST", f"{R}/hooks/<int:id>/pings")
    def ping_hook(self, call: Call, owner: str, name: str, id: int) -> Any:
        self._ping(self._hook(call, owner, name, id)[0], int(call.actor))
        return Reply(None, 204)

    @route("GET", f"{R}/hooks/<int:id>/deliveries", query="per_page cursor status")
    def list_deliveries(self, call: Call, owner: str, name: str, id: int) -> Any:
        self._hook(call, owner, name, id)
        rows = [one for one in reversed(self.world.all("delivery")) if one["hook"] == id]
        if "cursor" in call.query:
            rows = [one for one in rows if str(one["id"]) < call.query["cursor"]]
        size = call.number("per_page", 30, low=1, high=100, clamp=True)
        link = {}
        if len(rows) > size:
            target = f"{self.root}{call.path}?per_page={size}&cursor={rows[size - 1]['id']}"
            link = {"Link": f'<{target}>; rel="next"'}
        return Reply([self.shapes.delivery(one) for one in rows[:size]], headers=link)

    def _delivery(self, call: Call, owner: str, name: str, id: int, number: int) -> tuple[Document, Document]:
        hook, _ = self._hook(call, owner, name, id)
        found = self.world.get("delivery", number)
        if found is None or found["hook"] != id:
            raise Refusal(404, "Not Found")
        return hook, found

    @route("GET", f"{R}/hooks/<int:id>/deliveries/<int:number>")
    def get_delivery(self, call: Call, owner: str, name: str, id: int, number: int) -> Any:
        return self.shapes.delivery(self._delivery(call, owner, name, id, number)[1], full=True)

    @route("POST", f"{R}/hooks/<int:id>/deliveries/<int:number>/attempts")
    def redeliver(self, call: Call, owner: str, name: str, id: int, number: int) -> Any:
        hook, found = self._delivery(call, owner, name, id, number)
        self.deliver(hook, found["event"], found["action"] or "", found["payload"], found["guid"], again=True)
        return Reply({}, 202)

    # --- people at the page ------------------------------------------------------------------------------------

    def sheets(self) -> tuple[Sheet, ...]:
        state = SheetField("state", "State", "choice", {"open": "Open", "closed": "Closed"})
        issue = (SheetField("title", "Title"), SheetField("body", "Body", "area"), state)
        return (
            Sheet("issue", "Issues", issue, title="title"),
            Sheet("comment", "Comments", (SheetField("body", "Body", "area"),), title="body"),
            Sheet(
                "milestone",
                "Milestones",
                (SheetField("title", "Title"), SheetField("description", "Description", "area")),
            ),
            Sheet("label", "Labels", (SheetField("name", "Name"), SheetField("color", "Colour"))),
            Sheet(
                "project_item", "Items of the project", (SheetField("issue", "Issue", "show"),), title="id"
            ),
        )

    def edit(self, kind: str, id: str | None, values: Mapping[str, Any], *, actor: str = "") -> str:
        """As through the web page. ``actor`` is a login or number; labels and assignees are names.

        ``{"kind": "repository", "values": {"name": …}}`` renames; ``values`` of an issue may hold ``transfer: true``.
        """
        who = self._actor(actor)
        match kind, id:
            case "issue", None:
                return str(self.make_issue(values, who)["number"])
            case "issue", str() if values.get("transfer"):
                self.transfer_issue(int(id), who)
            case "issue", str():
                self.change_issue(int(id), values, who)
            case "comment", None:
                return str(self.make_comment(int(values["issue"]), values.get("body"), who)["id"])
            case "comment", str():
                self.change_comment(int(id), values.get("body"), who)
            case "label", None:
                return str(self.make_label(values, who)["id"])
            case "label", str():
                renamed = {"new_name": values["name"]} if "name" in values else {}
                self.change_label(self.world.get("label", id) or {}, {**values, **renamed}, who)
            case "milestone", None:
                return str(self.make_milestone(values, who)["number"])
            case "milestone", str():
                self.change_milestone(int(id), values, who)
            case "project_item", _:
                return self._edit_item(id, values, who)
            case "org_hook", None:
                made = {"active": True, "events": ["projects_v2_item"], "target": "organization"}
                config = {"url": values["url"], "content_type": "json", "secret": values.get("secret", "")}
                number = 61_000 + self.world.next_number("org_hook")
                self.world.put("org_hook", number, {"id": number, **made, "config": config})
                return str(number)
            case "repository", _:
                self._change_repository(values, who)
                return str(github_seed.REPO_ID)
            case _:
                raise NotImplementedError(kind)
        return id or ""

    def _edit_item(self, id: str | None, values: Mapping[str, Any], actor: int) -> str:
        """``issue`` puts an issue's item into the project; ``archived``, and the fields by their names."""
        item = (
            self.add_item(int(values["issue"]), actor) if id is None else self.world.get("project_item", id)
        )
        if item is None:
            raise Refusal(404, "Not Found")
        if "archived" in values:
            item = self.archive_item(item, actor, archived=bool(values["archived"]))
        named = {name: value for name, value in values.items() if name not in ("issue", "archived")}
        return str(self.set_by_name(item, named, actor)["id"])

    def _change_repository(self, values: Mapping[str, Any], actor: int) -> None:
        repo = self.repo()
        if "name" in values and values["name"] != repo["name"]:
            repo["old_names"] = [*repo["old_names"], repo["full_name"].lower()]
            before = repo["name"]
            repo |= {"name": values["name"], "full_name": f"{github_seed.ORG}/{values['name']}"}
            self.world.put("repository", repo["id"], repo)
            self.tell("repository", "renamed", actor, {"changes": {"repository": {"name": {"from": before}}}})
        repo |= {name: bool(values[name]) for name in ("archived", "has_issues") if name in values}
        self.world.put("repository", repo["id"], repo)

    def _actor(self, actor: str) -> int:
        for person in self.world.all("user"):
            if actor and actor in (person["login"], str(person["id"])):
                return int(person["id"])
        return github_seed.PEOPLE[0][0]

    def remove(self, kind: str, id: str, *, actor: str = "") -> None:
        who = self._actor(actor)
        match kind:
            case "issue":
                self.delete_issue(int(id), who)
            case "comment":
                self.delete_comment(int(id), who)
            case "milestone":
                self.delete_milestone(int(id), who)
            case "label":
                self.delete_label(self.world.get("label", id) or {}, who)
            case "project_item":
                self.remove_item(self.world.get("project_item", id) or {}, who)
            case _:
                raise NotImplementedError(kind)

    def contract_fixture(self) -> ContractFixture:
        issue: dict[str, Any] = {
            "title": "A light that blinks",
            "body": "It blinks **twice**.\n\n- once\n- again\n",
            "hub.status": "open/in_progress",
            "hub.priority": "high",
            "hub.labels": ["bug", "mobile"],
            "hub.assignees": ["1001", "1003"],
            "hub.milestone": "2",
            "hub.parent": "1",
        }
        changed = {
            "title": "A light that stays on",
            "body": "Solved.",
            "hub.status": "closed/completed",
            "hub.labels": ["bug", "mobile", "search"],
        }
        return ContractFixture(
            base_url="{root}",
            settings={"repository": "acme/webshop"},
            secrets={"token": "sandbox-github-token"},
            samples={
                "issue": issue,
                "comment": {"body": "Seen on my phone.", "hub.author": "Noor Haddad"},
                "milestone": {
                    "title": "v2.0",
                    "description": "All new.",
                    "state": "open",
                    "hub.due_on": "2026-01-30",
                },
                "label": {"name": "packaging", "hub.colour": "#0e8a16"},
            },
            edits={
                "issue": changed,
                "comment": {"body": "Seen on two phones."},
                "milestone": {
                    "title": "v2.1",
                    "description": "Newer.",
                    "state": "closed",
                    "hub.due_on": "2026-02-27",
                },
                "label": {"name": "parcels", "hub.colour": "#006b75"},
            },
            parents={"comment": "1"},
            kinds={"issue": "issue", "comment": "comment"},
        )


VENDOR = GitHub
