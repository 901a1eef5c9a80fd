"""A stand-in for OpenProject (API v3 below /api/v3), held to the document that the product serves and vendors/openproject.md."""

from __future__ import annotations

import base64
import binascii
import secrets
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

import orjson

from sandbox.store import Document
from sandbox.vendor import ContractFixture, Sheet, SheetField
from sandbox.web import Call, Refusal, Reply, Route, route

from . import openproject_seed as seed
from .openproject_shapes import API as FULL
from .openproject_state import OpenProjectState, error, missing, refused

API = "/api/v3"
LIST = "offset pageSize filters sortBy select groupBy showSums timestamps"
PACKAGE_BODY = "subject description scheduleManually startDate dueDate date estimatedTime ignoreNonWorkingDays lockVersion _links _meta"
_LINKS = "type status priority project version category assignee responsible parent"


class OpenProject(OpenProjectState):
    slug = "openproject"
    name = "OpenProject"
    colour = "#1a67a3"
    tagline = "Project “New library”: work packages, comments, versions"
    webhook_retry_delays = ()

    # --- what it is ----------------------------------------------------------------------------------------------

    def seed(self) -> None:
        for id, first, last, login, is_admin in seed.USERS:
            names = {"firstName": first, "lastName": last, "name": f"{first} {last}", "login": login}
            user = {
                "_type": "User",
                "id": id,
                **names,
                "email": f"{login}@library.example",
                "status": "active",
                "admin": is_admin,
            }
            self.world.put("user", id, user)
        self.world.put("user", seed.GROUP[0], {"_type": "Group", "id": seed.GROUP[0], "name": seed.GROUP[1]})
        self._seed_lists()
        self.make_project(
            {"name": "New library", "identifier": "new-library", "description": "The library moves."},
            id=seed.PROJECT,
        )
        self.make_project({"name": "Reading club", "identifier": "reading-club"}, id=seed.OTHER_PROJECT)
        for id, name, start, end, status in seed.VERSIONS:
            self.make_version({"name": name, "startDate": start, "endDate": end, "status": status}, id=id)
        for values in seed.packages():
            at, by, remarks = (values.pop(name) for name in ("at", "by", "remarks"))
            kind, day = values["type"], values["dueDate"]
            if kind == 2:
                values = {
                    name: value for name, value in values.items() if name not in ("startDate", "dueDate")
                } | {"date": day}
            package = self.make_package(values, actor=by, at=at)
            for author, text in remarks:
                self.make_activity(package, text, actor=author, at=package["createdAt"])
        self.world.put("refresh", seed.REFRESH_TOKEN, {"token": seed.REFRESH_TOKEN})

    def _seed_lists(self) -> None:
        made = {"createdAt": "2026-01-05T08:00:00.000Z", "updatedAt": "2026-01-05T08:00:00.000Z"}
        for place, (id, name, is_milestone) in enumerate(seed.TYPES):
            row = {
                "_type": "Type",
                "id": id,
                "name": name,
                "color": "#1A67A3",
                "position": place + 1,
                "isDefault": place == 0,
            }
            self.world.put("type", id, {**row, "isMilestone": is_milestone, **made})
        for place, (id, name, is_closed) in enumerate(seed.STATUSES):
            row = {
                "_type": "Status",
                "id": id,
                "name": name,
                "isClosed": is_closed,
                "color": "#1098AD",
                "isDefault": place == 0,
            }
            more = {
                "isReadonly": False,
                "excludedFromTotals": False,
                "defaultDoneRatio": 0,
                "position": place + 1,
            }
            self.world.put("status", id, {**row, **more})
        for place, (id, name) in enumerate(seed.PRIORITIES):
            row = {
                "_type": "Priority",
                "id": id,
                "name": name,
                "position": place + 1,
                "isDefault": id == 8,
                "isActive": True,
            }
            self.world.put("priority", id, row)
        for id, name in seed.CATEGORIES:
            self.world.put("category", id, {"_type": "Category", "id": id, "name": name})
        for id, name in seed.TAGS:
            self.world.put("tag", id, {"_type": "CustomOption", "id": id, "name": name})

    def authenticate(self, call: Call) -> str:
        if call.method != "GET":
            kind = call.headers.get("Content-Type", "")
            if not kind:
                raise Refusal(406, "Missing content-type header", body=b"Missing content-type header")
            if kind.partition(";")[0].strip() != "application/json":
                words = f"Expected CONTENT-TYPE to be `application/json` but got `{kind}`."
                raise error(415, "TypeNotSupported", words)
        scheme, _, given = call.headers.get("Authorization", "").partition(" ")
        token = given if scheme == "Bearer" else _basic(given) if scheme == "Basic" else ""
        if token != seed.API_KEY and (not token or self.world.get("access", token) is None):
            raise error(401, "Unauthenticated", "You did not provide the correct credentials.")
        return str(seed.ROBOT)

    def check_query(self, call: Call, spec: Route) -> None:
        for name in call.query:
            if spec.query is not None and name not in spec.query:
                raise error(400, "InvalidQuery", f"The parameter {name} does not exist.")

    def refuse(self, refusal: Refusal) -> Any:
        return error(refusal.status, "InternalServerError", refusal.message).body

    def no_route(self, call: Call, status: int) -> Refusal:
        return missing() if status == 404 else error(405, "MethodNotAllowed", "Method not allowed")

    # --- helpers of handlers -------------------------------------------------------------------------------------

    def _given(self, call: Call, allowed: str) -> dict[str, Any]:
        try:
            body = orjson.loads(call.raw)
        except orjson.JSONDecodeError:
            body = None
        if not isinstance(body, dict):
            raise error(400, "InvalidRequestBody", "The request body was not a single JSON object.")
        for name in body:
            if name not in allowed.split():
                raise error(
                    422,
                    "PropertyIsReadOnly",
                    f"{name} was attempted to be written but is not writable.",
                    name,
                )
        return body

    def _filters(self, call: Call, allowed: str) -> list[tuple[str, str, list[str]]]:
        """(name, operator, values) of the JSON in ``filters``; the names in camel case or with underscores."""
        text = call.query.get("filters")
        if text is None:
            return [("status", "o", [])]
        try:
            rows = orjson.loads(text)
            found = [
                (name, str(one["operator"]), one.get("values") or [])
                for row in rows
                for name, one in row.items()
            ]
        except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError):
            raise error(400, "InvalidQuery", "Filters has an invalid format.") from None
        for name, _, values in found:
            if name not in allowed.split() or not isinstance(values, list):
                raise error(400, "InvalidQuery", f"Filters {name} filter does not exist.")
        return found

    def _page(self, call: Call, rows: list[Any], path: str, kind: str = "Collection") -> dict[str, Any]:
        """One page; ``offset`` counts pages, sizes above 1000 are cut."""
        page, size = self._whole(call, "offset", 1), min(1000, self._whole(call, "pageSize", 20))
        found = self.collection(rows[(page - 1) * size : page * size], path, kind=kind)
        found |= {"total": len(rows), "pageSize": size, "offset": page}
        kept = {name: value for name, value in call.query.items() if name not in ("offset", "pageSize")}

        def at(offset: Any, page_size: Any = size) -> str:
            return f"{FULL}{path}?{urlencode({**kept, 'offset': offset, 'pageSize': page_size})}"

        found["_links"] = {
            "self": {"href": at(page)},
            "jumpTo": {"href": at("{offset}"), "templated": True},
            "changeSize": {"href": at(page, "{size}"), "templated": True},
        }
        if page * size < len(rows):
            found["_links"]["nextByOffset"] = {"href": at(page + 1)}
        return found

    def _whole(self, call: Call, name: str, default: int) -> int:
        text = call.query.get(name, str(default))
        if not text.isdigit() or int(text) < 1:
            raise error(400, "InvalidQuery", f"{name} must be a number above 0.")
        return int(text)

    def _one(self, kind: str, id: str) -> Document:
        found = self.world.get(kind, id)
        if found is None or (
            kind == "work_package" and found["id"] in self.trouble.knobs.extra.get("hidden", ())
        ):
            raise missing()
        return found

    def _project(self, id: str) -> Document:
        found = next(
            (one for one in self.world.all("project") if id in (str(one["id"]), one["identifier"])), None
        )
        if found is None:
            raise missing()
        return dict(found)

    def _package_values(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Values of a write by the names of the world; only the href of a link is read."""
        values = {
            name: value
            for name, value in body.items()
            if name not in ("_links", "_meta", "lockVersion", "description")
        }
        if "description" in body:
            values["description"] = (
                body["description"].get("raw") if isinstance(body["description"], dict) else None
            )
        links = body.get("_links") or {}
        for name in _LINKS.split():
            if name in links:
                values[name] = self._target(links[name], name)
        if "customField7" in links:
            values["tags"] = [self._target(one, "customField7") for one in links["customField7"]]
        return values

    def _target(self, link: Any, attribute: str) -> int | None:
        href = link.get("href", False) if isinstance(link, dict) else False
        if href is None:
            return None
        tail = str(href).rpartition("/")[2]
        if not str(href).startswith(f"{FULL}/") or not tail.isdigit():
            raise error(422, "ResourceTypeMismatch", f"The link of {attribute} does not fit.", attribute)
        return int(tail)

    # --- the instance --------------------------------------------------------------------------------------------

    @route("GET", "/oauth/authorize", query=None, auth=False)
    def authorize(self, call: Call) -> Any:
        """Stands for the page where a person grants access: grants at once."""
        code = f"code-{self.world.next_number('code')}"
        self.world.put("refresh", code, {"token": code})
        query = urlencode({"code": code, "state": call.query.get("state", "")})
        return Reply(b"", 302, {"Location": f"{call.query.get('redirect_uri', '')}?{query}"})

    @route("POST", "/oauth/token", auth=False)
    def token(self, call: Call) -> Any:
        form = call.form
        if (form.get("client_id"), form.get("client_secret")) != seed.SECRET:
            raise Refusal(401, "", body={"error": "invalid_client"})
        given = form.get("code" if form.get("grant_type") == "authorization_code" else "refresh_token", "")
        if not self.world.drop("refresh", given):
            raise Refusal(400, "", body={"error": "invalid_grant"})
        access, refresh = (f"{kind}-{secrets.token_hex(12)}" for kind in ("access", "refresh"))
        self.world.put("access", access, {"token": access})
        self.world.put("refresh", refresh, {"token": refresh})
        return {
            "access_token": access,
            "token_type": "Bearer",
            "expires_in": 7200,
            "refresh_token": refresh,
            "scope": "api_v3",
        }

    @route("GET", API)
    def instance(self, call: Call) -> Any:
        names = "configuration memberships priorities relations statuses time_entries types userPreferences workPackages"
        links = {name: {"href": f"{FULL}/{name}"} for name in names.split()}
        links |= {"self": {"href": FULL}, "user": self.link("user", seed.ROBOT)}
        return {"_type": "Root", "instanceName": "Library", "coreVersion": "17.1.0", "_links": links}

    @route("GET", f"{API}/users/<id>")
    def user(self, call: Call, id: str) -> Any:
        shown = self.shown_user(self._one("user", call.actor if id == "me" else id), to_self=id == "me")
        if id == "me":
            shown["admin"] = self.trouble.knobs.extra.get("admin", shown["admin"])
        return shown

    def _small(self, kind: str, path: str) -> Any:
        return self.collection([self.shown_small(kind, one) for one in self.world.all(kind)], path)

    @route("GET", f"{API}/statuses")
    def statuses(self, call: Call) -> Any:
        return self._small("status", "/statuses")

    @route("GET", f"{API}/priorities")
    def priorities(self, call: Call) -> Any:
        return self._small("priority", "/priorities")

    # --- projects ------------------------------------------------------------------------------------------------

    @route("GET", f"{API}/projects", query="filters sortBy select offset pageSize")
    def projects(self, call: Call) -> Any:
        rows = list(self.world.all("project"))
        for name, _, values in self._filters(call, "active id name_and_identifier"):
            if name == "active":
                rows = [one for one in rows if one["active"] is ("t" in values)]
        return self._page(call, [self.shown_project(one) for one in rows], "/projects")

    @route("POST", f"{API}/projects")
    def create_project(self, call: Call) -> Any:
        return Reply(self.shown_project(self.make_project(self._project_values(call))), 201)

    def _project_values(self, call: Call) -> dict[str, Any]:
        body = self._given(call, "name identifier description active public _links")
        values = {name: value for name, value in body.items() if name not in ("description", "_links")}
        if "description" in body:
            values["description"] = self.raw(body["description"].get("raw"))
        return values

    @route("GET", f"{API}/projects/<id>")
    def project(self, call: Call, id: str) -> Any:
        return self.shown_project(self._project(id))

    @route("PATCH", f"{API}/projects/<id>")
    def edit_project(self, call: Call, id: str) -> Any:
        return self.shown_project(self.change_project(self._project(id), self._project_values(call)))

    @route("GET", f"{API}/projects/<id>/types")
    def types(self, call: Call, id: str) -> Any:
        return self._small("type", f"/projects/{self._project(id)['id']}/types")

    @route("GET", f"{API}/projects/<id>/categories")
    def categories(self, call: Call, id: str) -> Any:
        return self._small("category", f"/projects/{self._project(id)['id']}/categories")

    @route("GET", f"{API}/projects/<id>/available_assignees")
    def available_assignees(self, call: Call, id: str) -> Any:
        path = f"/projects/{self._project(id)['id']}/available_assignees"
        return self.collection([self.shown_user(one) for one in self.world.all("user")], path)

    @route("GET", f"{API}/projects/<id>/versions")
    def versions(self, call: Call, id: str) -> Any:
        project = self._project(id)["id"]
        rows = self.world.where("version", lambda one: one["project"] == project)
        return self.collection([self.shown_version(one) for one in rows], f"/projects/{project}/versions")

    # --- versions ------------------------------------------------------------------------------------------------

    def _version_values(self, call: Call) -> dict[str, Any]:
        body = self._given(call, "name description startDate endDate status sharing _links")
        values = {name: value for name, value in body.items() if name not in ("description", "_links")}
        if "description" in body:
            values["description"] = self.raw(body["description"].get("raw"))
        if "definingProject" in (body.get("_links") or {}):
            values["project"] = self._target(body["_links"]["definingProject"], "definingProject")
        return values

    @route("POST", f"{API}/versions")
    def create_version(self, call: Call) -> Any:
        values = self._version_values(call)
        if self.world.get("project", values.get("project", "")) is None:
            raise refused("project", "Project can't be blank.")
        return Reply(self.shown_version(self.make_version(values)), 201)

    @route("GET", f"{API}/versions/<id>")
    def version(self, call: Call, id: str) -> Any:
        return self.shown_version(self._one("version", id))

    @route("PATCH", f"{API}/versions/<id>")
    def edit_version(self, call: Call, id: str) -> Any:
        return self.shown_version(self.change_version(self._one("version", id), self._version_values(call)))

    @route("DELETE", f"{API}/versions/<id>")
    def delete_version(self, call: Call, id: str) -> Any:
        self._one("version", id)
        self.remove("version", id)
        return Reply(None, 204)

    # --- work packages -------------------------------------------------------------------------------------------

    @route("GET", f"{API}/work_packages", query=LIST)
    def packages(self, call: Call) -> Any:
        hidden = self.trouble.knobs.extra.get("hidden", ())
        rows = [
            one
            for one in self.visible(self.world.all("work_package"), "updatedAt")
            if one["id"] not in hidden
        ]
        for name, operator, values in self._filters(
            call, "project id status type version updatedAt updated_at"
        ):
            rows = [one for one in rows if self._passes(one, name, operator, values)]
        for name, way in reversed(self._order(call)):
            rows.sort(key=lambda one: one[name], reverse=way == "desc")
        return self._page(
            call, [self.shown_package(one) for one in rows], "/work_packages", "WorkPackageCollection"
        )

    def _passes(self, row: Mapping[str, Any], name: str, operator: str, values: list[str]) -> bool:
        if name in ("updatedAt", "updated_at"):
            if operator != "<>d" or len(values) != 2:
                raise error(400, "InvalidQuery", "Filters Updated on has an invalid operator or values.")
            try:
                first, last = (datetime.fromisoformat(value) if value else None for value in values)
            except ValueError:
                raise error(400, "InvalidQuery", "Filters Updated on is not a valid date.") from None
            at = datetime.fromisoformat(row["updatedAt"])
            return (first is None or at >= first) and (last is None or at <= last)
        if name == "status" and operator in ("o", "c"):
            return bool((self.world.get("status", row["status"]) or {})["isClosed"]) is (operator == "c")
        if operator != "=":
            raise error(
                400, "InvalidQuery", f"Filters {name} operator is not set to one of the allowed values."
            )
        return str(row[name]) in values

    def _order(self, call: Call) -> list[tuple[str, str]]:
        try:
            found = orjson.loads(call.query.get("sortBy", '[["id","asc"]]'))
            pairs = [({"updated_at": "updatedAt"}.get(name, name), way) for name, way in found]
        except (orjson.JSONDecodeError, TypeError, ValueError):
            raise error(400, "InvalidQuery", "Sort by has an invalid format.") from None
        if any(
            name not in ("id", "updatedAt", "createdAt", "subject") or way not in ("asc", "desc")
            for name, way in pairs
        ):
            raise error(400, "InvalidQuery", "Can't sort by this column.")
        return pairs

    @route("POST", f"{API}/work_packages", query="notify")
    def create_package(self, call: Call) -> Any:
        values = self._package_values(self._given(call, PACKAGE_BODY))
        if values.get("project") is None:
            raise refused("project", "Project can't be blank.")
        return self.shown_package(self.make_package(values, actor=int(call.actor)))

    @route("GET", f"{API}/work_packages/<id>", query="timestamps")
    def package(self, call: Call, id: str) -> Any:
        return self.shown_package(self._one("work_package", id))

    @route("PATCH", f"{API}/work_packages/<id>", query="notify")
    def edit_package(self, call: Call, id: str) -> Any:
        package, body = self._one("work_package", id), self._given(call, PACKAGE_BODY)
        if body.get("lockVersion") != package["lockVersion"]:
            raise error(
                409, "UpdateConflict", "Could not update the resource because of conflicting modifications."
            )
        return self.shown_package(
            self.change_package(package, self._package_values(body), actor=int(call.actor))
        )

    @route("DELETE", f"{API}/work_packages/<id>")
    def delete_package(self, call: Call, id: str) -> Any:
        self._one("work_package", id)
        self.remove("work_package", id)
        return Reply(None, 204)

    @route("POST", f"{API}/work_packages/<id>/form")
    def form(self, call: Call, id: str) -> Any:
        """What may be written now; changes nothing."""
        package = self._one("work_package", id)
        self._given(call, PACKAGE_BODY)
        return self._form(
            self.allowed_statuses(package),
            f"/work_packages/{id}/form",
            {"lockVersion": package["lockVersion"]},
        )

    @route("POST", f"{API}/projects/<id>/work_packages/form")
    def new_form(self, call: Call, id: str) -> Any:
        self._given(call, PACKAGE_BODY)
        return self._form(
            [row[0] for row in seed.STATUSES], f"/projects/{self._project(id)['id']}/work_packages/form", {}
        )

    def _form(self, statuses: Iterable[int], path: str, payload: Mapping[str, Any]) -> dict[str, Any]:
        def about(name: str, kind: str, links: list[Any]) -> dict[str, Any]:
            rules = {"required": True, "hasDefault": True, "writable": True}
            return {"type": kind, "name": name, **rules, "_links": {"allowedValues": links}}

        tags = {
            **about("Tags", "[]CustomOption", [self.link("tag", one["id"]) for one in self.world.all("tag")]),
            "required": False,
        }
        schema = {
            "_type": "Schema",
            "status": about("Status", "Status", [self.link("status", id) for id in statuses]),
            "customField7": tags,
        }
        embedded = {"payload": {**payload, "_links": {}}, "schema": schema, "validationErrors": {}}
        return {
            "_type": "Form",
            "_embedded": embedded,
            "_links": {"self": {"href": f"{FULL}{path}", "method": "post"}},
        }

    # --- activities ----------------------------------------------------------------------------------------------

    @route("GET", f"{API}/work_packages/<id>/activities")
    def activities(self, call: Call, id: str) -> Any:
        package = self._one("work_package", id)
        rows = [self.shown_activity(one) for one in self.activities_of(package["id"])]
        return self.collection(rows, f"/work_packages/{id}/activities")

    @route("POST", f"{API}/work_packages/<id>/activities", query="notify")
    def comment(self, call: Call, id: str) -> Any:
        package, body = self._one("work_package", id), self._given(call, "comment internal")
        text = self._comment_text(body)
        return Reply(self.shown_activity(self.make_activity(package, text, actor=int(call.actor))), 201)

    def _comment_text(self, body: Mapping[str, Any]) -> str:
        text = body["comment"].get("raw") if isinstance(body.get("comment"), dict) else None
        if not isinstance(text, str):
            raise error(
                422, "PropertyFormatError", "The property 'comment' had an unexpected format.", "comment"
            )
        return text

    @route("GET", f"{API}/activities/<id>")
    def activity(self, call: Call, id: str) -> Any:
        return self.shown_activity(self._one("activity", id))

    @route("PATCH", f"{API}/activities/<id>")
    def edit_activity(self, call: Call, id: str) -> Any:
        activity = self._one("activity", id)
        return self.shown_activity(
            self.change_activity(activity, self._comment_text(self._given(call, "comment")))
        )

    # --- by hand -------------------------------------------------------------------------------------------------

    def sheets(self) -> tuple[Sheet, ...]:
        statuses = {str(id): name for id, name, _ in seed.STATUSES}
        people = {"": "–", **{str(row["id"]): row["name"] for row in self.world.all("user")}}
        return (
            Sheet(
                "work_package",
                "Work packages",
                (
                    SheetField("subject", "Subject"),
                    SheetField("description", "Description", "area"),
                    SheetField("status", "Status", "choice", statuses),
                    SheetField("assignee", "Assignee", "choice", people),
                    SheetField("dueDate", "Finish date", "date"),
                    SheetField("lockVersion", "Lock version", "show"),
                ),
                "subject",
            ),
            Sheet(
                "activity",
                "Comments",
                (
                    SheetField("package", "On work package", "number"),
                    SheetField("comment", "Comment", "area"),
                ),
                "comment",
            ),
            Sheet(
                "version",
                "Versions",
                (SheetField("name", "Name"), SheetField("endDate", "Finish date", "date")),
            ),
            Sheet(
                "webhook",
                "Webhooks (administration)",
                (SheetField("url", "Payload URL"), SheetField("secret", "Signature secret")),
                "url",
            ),
        )

    def edit(self, kind: str, id: str | None, values: Mapping[str, Any], *, actor: str = "") -> str:
        by, given = int(actor or 41), dict(values)
        match kind:
            case "work_package":
                for name in ("status", "assignee"):
                    if name in given:
                        given[name] = int(given[name]) if str(given[name] or "").isdigit() else None
                if id is None:
                    return str(self.make_package(given, actor=by)["id"])
                package = self._one(kind, id)
                if self.is_milestone(package) and "dueDate" in given:
                    given["date"] = given.pop("dueDate")
                return str(self.change_package(package, given, actor=by)["id"])
            case "activity":
                if id is not None:
                    return str(self.change_activity(self._one(kind, id), str(given["comment"]))["id"])
                return str(
                    self.make_activity(
                        self._one("work_package", str(given.get("package"))), str(given["comment"]), actor=by
                    )["id"]
                )
            case "version":
                made = (
                    self.make_version(given)
                    if id is None
                    else self.change_version(self._one(kind, id), given)
                )
                return str(made["id"])
            case "project":
                return str(self.change_project(self._one(kind, str(id)), given)["id"])
            case "webhook":
                number = id or str(self.world.next_number("webhook"))
                self.world.put("webhook", number, {"id": number, "enabled": True, **given})
                return number
        raise missing()

    def remove(self, kind: str, id: str, *, actor: str = "") -> None:
        """Without a webhook; a work package takes its children with it."""
        if kind == "work_package":
            for child in self.children_of(int(id)):
                self.remove(kind, str(child["id"]))
            for activity in self.activities_of(int(id)):
                self.world.drop("activity", activity["id"])
        if kind == "version":
            for row in self.world.where("work_package", lambda one: str(one["version"]) == id):
                self.world.put("work_package", row["id"], {**row, "version": None})
        if not self.world.drop(kind, id):
            raise missing()

    def contract_fixture(self) -> ContractFixture:
        text = "As **agreed**:\n\n- first\n- second"
        package = {
            "subject": "Shelf marks for the magazine",
            "description.raw": text,
            "hub.status": "7",
            "hub.priority": "high",
            "hub.assignees": ["42"],
            "hub.labels": ["Books"],
            "hub.version": "32",
            "hub.parent": "1",
            "hub.start": "2026-12-01",
            "hub.due": "2026-12-11",
            "hub.estimate": "7.5",
        }
        return ContractFixture(
            base_url="{root}/api/v3",
            settings={"project": "new-library"},
            secrets={"api_key": seed.API_KEY},
            samples={
                "work_package": package,
                "comment": {"hub.text": "Looks good to me.", "hub.author": "Mara Jade"},
                "version": {
                    "name": "Cellar emptied",
                    "hub.description": text,
                    "startDate": "2027-01-11",
                    "endDate": "2027-02-26",
                },
                "project": {"name": "Old house", "hub.description": text},
            },
            edits={
                "work_package": {"subject": "Shelf marks", "hub.status": "9", "hub.due": "2026-12-14"},
                "comment": {"hub.text": "Looks good to me, go on."},
                "version": {"endDate": "2027-03-05", "status": "locked"},
                "project": {"hub.description": "It is for sale."},
            },
            parents={"comment": "2"},
            kinds={"work_package": "work_package", "comment": "activity"},
        )


def _basic(given: str) -> str:
    """The token of ``apikey:token``."""
    try:
        name, _, token = base64.b64decode(given, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return ""
    return token if name == "apikey" else ""


VENDOR = OpenProject
