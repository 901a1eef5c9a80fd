"""GitHub's JSON for what the stand-in remembers. Shapes: github/rest-api-description (npm ``@octokit/openapi`` 23.0.2)."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from sandbox.store import Document, World

_USER_LINKS = {
    "followers_url": "/followers",
    "following_url": "/following{/other_user}",
    "gists_url": "/gists{/gist_id}",
    "starred_url": "/starred{/owner}{/repo}",
    "subscriptions_url": "/subscriptions",
    "organizations_url": "/orgs",
    "repos_url": "/repos",
    "events_url": "/events{/privacy}",
    "received_events_url": "/received_events",
}
_REPO_LINKS = {
    "archive_url": "/{archive_format}{/ref}",
    "assignees_url": "/assignees{/user}",
    "blobs_url": "/git/blobs{/sha}",
    "branches_url": "/branches{/branch}",
    "collaborators_url": "/collaborators{/collaborator}",
    "comments_url": "/comments{/number}",
    "commits_url": "/commits{/sha}",
    "compare_url": "/compare/{base}...{head}",
    "contents_url": "/contents/{+path}",
    "contributors_url": "/contributors",
    "deployments_url": "/deployments",
    "downloads_url": "/downloads",
    "events_url": "/events",
    "forks_url": "/forks",
    "git_commits_url": "/git/commits{/sha}",
    "git_refs_url": "/git/refs{/sha}",
    "git_tags_url": "/git/tags{/sha}",
    "hooks_url": "/hooks",
    "issue_comment_url": "/issues/comments{/number}",
    "issue_events_url": "/issues/events{/number}",
    "issues_url": "/issues{/number}",
    "keys_url": "/keys{/key_id}",
    "labels_url": "/labels{/name}",
    "languages_url": "/languages",
    "merges_url": "/merges",
    "milestones_url": "/milestones{/number}",
    "notifications_url": "/notifications{?since,all,participating}",
    "pulls_url": "/pulls{/number}",
    "releases_url": "/releases{/id}",
    "stargazers_url": "/stargazers",
    "statuses_url": "/statuses/{sha}",
    "subscribers_url": "/subscribers",
    "subscription_url": "/subscription",
    "tags_url": "/tags",
    "teams_url": "/teams",
    "trees_url": "/git/trees{/sha}",
}
ROLES = ("pull", "triage", "push", "maintain", "admin")


def node_id(kind: str, number: int) -> str:
    return f"{kind}_{base64.urlsafe_b64encode(number.to_bytes(6, 'big')).decode().rstrip('=')}"


@dataclass(frozen=True)
class Shapes:
    """Renders documents of one world. ``root`` is the stand-in's address, under which API and pages live."""

    world: World
    root: str

    # --- people and repositories -------------------------------------------------------------------------------

    def user(self, id: Any) -> Document | None:
        person = self.world.get("user", id) if id else None
        if person is None:
            return None
        login = person["login"]
        url = f"{self.root}/users/{login}"
        return {
            "login": login,
            "id": person["id"],
            "node_id": node_id("U", person["id"]),
            "avatar_url": f"{self.root}/ui/avatars/{person['id']}",
            "gravatar_id": "",
            "url": url,
            "html_url": f"{self.root}/ui/people/{login}",
            **{name: url + tail for name, tail in _USER_LINKS.items()},
            "type": person.get("type", "User"),
            "site_admin": False,
        }

    def profile(self, id: Any, *, private: bool) -> Document:
        person = self.world.get("user", id) or {}
        base = {**(self.user(id) or {}), "user_view_type": "private" if private else "public"}
        base |= {
            "name": person.get("name"),
            "company": None,
            "blog": "",
            "location": None,
            "email": None,
            "hireable": None,
            "bio": None,
            "public_repos": 0,
            "public_gists": 0,
            "followers": 0,
            "following": 0,
            "created_at": "2020-01-01T00:00:00Z",
            "updated_at": "2025-01-01T00:00:00Z",
        }
        if private:
            numbers = (
                "private_gists",
                "total_private_repos",
                "owned_private_repos",
                "disk_usage",
                "collaborators",
            )
            base |= dict.fromkeys(numbers, 0) | {"two_factor_authentication": True}
        return base

    def organisation(self, login: str, id: int) -> Document:
        url = f"{self.root}/orgs/{login}"
        tails = {
            "repos_url": "/repos",
            "events_url": "/events",
            "hooks_url": "/hooks",
            "issues_url": "/issues",
        }
        tails |= {"members_url": "/members{/member}", "public_members_url": "/public_members{/member}"}
        return {
            "login": login,
            "id": id,
            "node_id": node_id("O", id),
            "url": url,
            **{name: url + tail for name, tail in tails.items()},
            "avatar_url": f"{self.root}/ui/avatars/{id}",
            "description": "Everything for outdoors",
        }

    def repository(self, repo: Mapping[str, Any], role: str, *, full: bool = False) -> Document:
        url, page = f"{self.root}/repos/{repo['full_name']}", f"{self.root}/ui/{repo['full_name']}"
        count = len(
            [one for one in self.world.all("issue") if one["repo"] == repo["id"] and one["state"] == "open"]
        )
        shape = {
            "id": repo["id"],
            "node_id": node_id("R", repo["id"]),
            "name": repo["name"],
            "full_name": repo["full_name"],
            "owner": {**(self.user(repo["owner"]) or {}), "type": "Organization"},
            "private": True,
            "visibility": "private",
            "html_url": page,
            "description": repo["description"],
            "fork": False,
            "url": url,
            **{name: url + tail for name, tail in _REPO_LINKS.items()},
            "git_url": f"git://sandbox/{repo['full_name']}.git",
            "ssh_url": f"git@sandbox:{repo['full_name']}.git",
            "clone_url": f"{page}.git",
            "svn_url": page,
            "mirror_url": None,
            "homepage": None,
            "language": "Python",
            "license": None,
            "topics": [],
            "default_branch": "main",
            "has_issues": repo["has_issues"],
            "archived": repo["archived"],
            "disabled": False,
            "open_issues_count": count,
            "open_issues": count,
            "permissions": {name: ROLES.index(name) <= ROLES.index(role) for name in ROLES},
            "created_at": repo["created_at"],
            "updated_at": repo["updated_at"],
            "pushed_at": repo["updated_at"],
        }
        numbers = ("forks_count", "stargazers_count", "watchers_count", "size", "forks", "watchers")
        shape |= dict.fromkeys(numbers, 0)
        shape |= dict.fromkeys(
            ("has_projects", "has_wiki", "has_pages", "has_downloads", "has_discussions"), False
        )
        return {**shape, "network_count": 0, "subscribers_count": 0} if full else shape

    # --- issues and what belongs to them -----------------------------------------------------------------------

    def label(self, label: Mapping[str, Any], full_name: str) -> Document:
        url = f"{self.root}/repos/{full_name}/labels/{label['name'].replace(' ', '%20')}"
        return {
            "id": label["id"],
            "node_id": node_id("LA", label["id"]),
            "url": url,
            "name": label["name"],
            "color": label["color"],
            "default": False,
            "description": label["description"],
        }

    def milestone(self, milestone: Mapping[str, Any], full_name: str) -> Document:
        url = f"{self.root}/repos/{full_name}/milestones/{milestone['number']}"
        mine = [one for one in self.world.all("issue") if one["milestone"] == milestone["number"]]
        is_open = sum(one["state"] == "open" for one in mine)
        return {
            "url": url,
            "html_url": f"{self.root}/ui/{full_name}/milestone/{milestone['number']}",
            "labels_url": f"{url}/labels",
            "id": milestone["id"],
            "node_id": node_id("MI", milestone["id"]),
            "number": milestone["number"],
            "title": milestone["title"],
            "description": milestone["description"],
            "creator": self.user(milestone["creator"]),
            "open_issues": is_open,
            "closed_issues": len(mine) - is_open,
            "state": milestone["state"],
            "created_at": milestone["created_at"],
            "updated_at": milestone["updated_at"],
            "due_on": milestone["due_on"],
            "closed_at": milestone["closed_at"],
        }

    def issue(self, issue: Mapping[str, Any], full_name: str) -> Document:
        number = issue["number"]
        url = f"{self.root}/repos/{full_name}/issues/{number}"
        people = [person for id in issue["assignees"] if (person := self.user(id))]
        labels = [found for id in issue["labels"] if (found := self.world.get("label", id))]
        milestone = self.world.get("milestone", issue["milestone"]) if issue["milestone"] else None
        children = [one for one in self.world.all("issue") if one["parent"] == number]
        done = sum(one["state"] == "closed" for one in children)
        shape = {
            "url": url,
            "repository_url": f"{self.root}/repos/{full_name}",
            "labels_url": f"{url}/labels{{/name}}",
            "comments_url": f"{url}/comments",
            "events_url": f"{url}/events",
            "html_url": f"{self.root}/ui/{full_name}/{'pull' if issue['is_pull'] else 'issues'}/{number}",
            "id": issue["id"],
            "node_id": node_id("PR" if issue["is_pull"] else "I", issue["id"]),
            "number": number,
            "title": issue["title"],
            "user": self.user(issue["user"]),
            "labels": [self.label(one, full_name) for one in labels],
            "state": issue["state"],
            "state_reason": issue["state_reason"],
            "locked": False,
            "active_lock_reason": None,
            "assignee": people[0] if people else None,
            "assignees": people,
            "milestone": self.milestone(milestone, full_name) if milestone else None,
            "comments": sum(one["issue"] == number for one in self.world.all("comment")),
            "created_at": issue["created_at"],
            "updated_at": issue["updated_at"],
            "closed_at": issue["closed_at"],
            "closed_by": self.user(issue["closed_by"]),
            "author_association": "MEMBER",
            "body": issue["body"],
            "timeline_url": f"{url}/timeline",
            "performed_via_github_app": None,
            "reactions": self._reactions(url),
            "sub_issues_summary": {
                "total": len(children),
                "completed": done,
                "percent_completed": 100 * done // len(children) if children else 0,
            },
        }
        if issue["is_pull"]:
            shape["draft"] = False
            page = f"{self.root}/ui/{full_name}/pull/{number}"
            shape["pull_request"] = {
                "url": f"{self.root}/repos/{full_name}/pulls/{number}",
                "html_url": page,
                "diff_url": f"{page}.diff",
                "patch_url": f"{page}.patch",
                "merged_at": None,
            }
        if issue["parent"]:
            shape["parent_issue_url"] = f"{self.root}/repos/{full_name}/issues/{issue['parent']}"
        return shape

    def comment(self, comment: Mapping[str, Any], issue: Mapping[str, Any], full_name: str) -> Document:
        url = f"{self.root}/repos/{full_name}/issues/comments/{comment['id']}"
        page = f"{self.root}/ui/{full_name}/{'pull' if issue['is_pull'] else 'issues'}/{issue['number']}"
        return {
            "id": comment["id"],
            "node_id": node_id("IC", comment["id"]),
            "url": url,
            "html_url": f"{page}#issuecomment-{comment['id']}",
            "issue_url": f"{self.root}/repos/{full_name}/issues/{issue['number']}",
            "body": comment["body"],
            "user": self.user(comment["user"]),
            "created_at": comment["created_at"],
            "updated_at": comment["updated_at"],
            "author_association": "MEMBER",
            "performed_via_github_app": None,
            "reactions": self._reactions(url),
        }

    @staticmethod
    def _reactions(url: str) -> Document:
        kinds = ("+1", "-1", "laugh", "hooray", "confused", "heart", "rocket", "eyes")
        return {"url": f"{url}/reactions", "total_count": 0, **dict.fromkeys(kinds, 0)}

    # --- webhooks ------------------------------------------------------------------------------------------------

    def hook(self, hook: Mapping[str, Any], full_name: str) -> Document:
        url = f"{self.root}/repos/{full_name}/hooks/{hook['id']}"
        config = {name: value for name, value in hook["config"].items() if name != "secret"}
        return {
            "type": "Repository",
            "id": hook["id"],
            "name": "web",
            "active": hook["active"],
            "events": hook["events"],
            "config": {**config, **({"secret": "********"} if hook["config"].get("secret") else {})},
            "created_at": hook["created_at"],
            "updated_at": hook["updated_at"],
            "url": url,
            "test_url": f"{url}/test",
            "ping_url": f"{url}/pings",
            "deliveries_url": f"{url}/deliveries",
            "last_response": {"code": None, "status": "unused", "message": None},
        }

    @staticmethod
    def delivery(delivery: Mapping[str, Any], *, full: bool = False) -> Document:
        code = delivery["status_code"]
        shape = {
            "id": delivery["id"],
            "guid": delivery["guid"],
            "delivered_at": delivery["delivered_at"],
            "redelivery": delivery["redelivery"],
            "duration": 0.1,
            "status": "OK"
            if 200 <= code < 300
            else "failed to connect"
            if not code
            else f"Invalid HTTP Response: {code}",
            "status_code": code,
            "event": delivery["event"],
            "action": delivery["action"],
            "installation_id": None,
            "repository_id": delivery["repo"],
            "throttled_at": None,
        }
        if full:
            shape |= {
                "url": delivery["url"],
                "request": {"headers": delivery["headers"], "payload": delivery["payload"]},
                "response": {"headers": {}, "payload": ""},
            }
        return shape

    def project(self, project: Mapping[str, Any]) -> Document:
        return {
            "id": project["id"],
            "node_id": node_id("PVT", project["id"]),
            "owner": self.user(project["owner"]),
            "creator": self.user(project["owner"]),
            "title": project["title"],
            "description": None,
            "public": False,
            "closed_at": None,
            "created_at": project["created_at"],
            "updated_at": project["updated_at"],
            "number": project["number"],
            "short_description": None,
            "deleted_at": None,
            "deleted_by": None,
            "state": "open",
        }


def link_header(address: str, query: Iterable[tuple[str, str]], page: int, last: int) -> str:
    """The Link header of a page, "" when there is only one."""
    others = [(name, value) for name, value in query if name != "page"]
    targets = {"prev": page - 1, "next": page + 1, "last": last, "first": 1}
    wanted = {name: at for name, at in targets.items() if 1 <= at <= last}
    if page <= 1:
        wanted.pop("first", None)
    if page >= last:
        wanted.pop("next", None)
        wanted.pop("last", None)
    return ", ".join(
        f'<{address}?{urlencode([*others, ("page", at)])}>; rel="{name}"' for name, at in wanted.items()
    )
