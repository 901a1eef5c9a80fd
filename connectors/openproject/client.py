"""The client of one project. Work packages carry a lock version that OpenProject checks; for comments, versions and projects
there is none, so these are read, compared and then written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from connectors.base.client import Endpoint
from connectors.base.errors import AlreadyExists, RecordGone, RecordProblem, SyncError
from connectors.base.paths import read_path
from connectors.base.types import CheckReport, Container, ExternalRecord

from . import discovery
from .packages import (
    attributes_in,
    day_of,
    messages_in,
    paths_of,
    subject_of,
    text_of,
    titles,
    whole_id,
    write_of,
)
from .reading import OpenProjectReader

_PEOPLE = {"User": "users", "Group": "groups", "PlaceholderUser": "placeholder_users"}
MAX_VERSION_NAME = 60


class OpenProjectClient(OpenProjectReader):
    # --- writing -------------------------------------------------------------------------------------------------

    def create(
        self, resource: str, fields: Mapping[str, Any], *, key: str, parent_id: str | None = None
    ) -> ExternalRecord:
        endpoint = self.endpoint(resource)
        match resource:
            case "work_package":
                body = self._package_body(fields, {}, key)
                if "subject" not in body:
                    raise RecordProblem("A work package needs a subject.", field="subject")
                body["_links"]["project"] = self.href("projects", self.project_id())
            case "comment":
                if not parent_id:
                    raise RecordProblem("A comment needs the work package it belongs to.", field="parent")
                body = self._comment_body(fields, None, key)
            case "version" | "project":
                body = self.write_body(endpoint, fields, current=None, key=key)
                if resource == "version":
                    body["_links"] = {"definingProject": self.href("projects", self.project_id())}
            case _:
                raise self.cannot("create", resource)
        try:
            return self._sent(
                "POST", endpoint, self._path(endpoint.create_path, parent=parent_id), body, parent_id
            )
        except AlreadyExists as error:
            raise self._existing(resource, fields, error) from error

    def update(
        self,
        resource: str,
        external_id: str,
        fields: Mapping[str, Any],
        *,
        current: ExternalRecord,
        parent_id: str | None = None,
    ) -> ExternalRecord:
        """Guarded by the lock version where OpenProject has one."""
        endpoint = self.endpoint(resource)
        if resource == "work_package":
            body = self._package_body(fields, current.data, "")
            version = (
                current.version if current.version is not None else self.get(resource, external_id).version
            )
            path = self._path(endpoint.update_path, id=external_id)
            try:
                return self._sent(
                    "PATCH", endpoint, path, {"lockVersion": int(version or 0), **body}, parent_id
                )
            except RecordProblem as error:
                raise self._with_allowed_statuses(error, external_id, version) from error
        now = self.get(resource, external_id, parent_id=parent_id)
        self.refuse_stale(current, now)
        if resource == "comment":
            body = self._comment_body(fields, now, "")
        else:
            body = self.write_body(endpoint, fields, current=now)
        if not body:
            return now
        return self._sent(
            "PATCH", endpoint, self._path(endpoint.update_path, id=external_id), body, now.parent_id
        )

    def _sent(
        self, method: str, endpoint: Endpoint, path: str, body: Mapping[str, Any], parent_id: str | None
    ) -> ExternalRecord:
        """Sends a write; a refused value bears the name of the mapped field."""
        is_mailing = endpoint.name == "work_package" or (endpoint.name == "comment" and method == "POST")
        params = {"notify": self.setting_is_on("notify")} if is_mailing else {}
        try:
            answer = self.session.request(method, path, params=params, json=dict(body))
        except RecordProblem as error:
            said = error.exchange.response_body if error.exchange else None
            error.field = paths_of(attributes_in(said), self.labels_field) or error.field
            if words := " ".join(messages_in(said)):
                error.message = words[:300]
            raise
        return self.to_record(endpoint, self.record_in(endpoint, answer), answer=answer, parent_id=parent_id)

    def _package_body(self, fields: Mapping[str, Any], row: Mapping[str, Any], key: str) -> dict[str, Any]:
        """The JSON of a work package's write; a new one gets the type of the settings."""
        kind = self._type_of(row, fields)
        write = write_of(
            fields, row, key=key, is_milestone="date" in row if row else bool(kind.get("isMilestone"))
        )
        links = {name: self.href(place, id) for name, (place, id) in write.links.items()}
        if not row and "type" not in links:
            links["type"] = self.href("types", kind["id"])
        for path, value in write.later.items():
            match path:
                case "hub.priority":
                    links["priority"] = self.href(
                        "priorities", self.priorities().id_of(str(value or "normal"))
                    )
                case "hub.assignees":
                    links["assignee"] = self._assignee(value)
                case "hub.labels":
                    links |= self._labels([str(one) for one in value or ()], row)
        return {**write.body, "_links": links} if links or not row else write.body

    def _type_of(self, row: Mapping[str, Any], fields: Mapping[str, Any]) -> Mapping[str, Any]:
        """The type of a new work package: as mapped, as in the settings, else the project's first."""
        if row:
            return {}
        types = self.listed(self._path("/projects/{project}/types"))
        wanted = str(fields.get("hub.type") or self.settings.get("type") or "").strip().casefold()
        for kind in types:
            if wanted in (str(kind["id"]), str(kind.get("name") or "").casefold()):
                return kind
        if wanted or not types:
            raise RecordProblem(f"The project has no type {wanted!r}: see the settings.", field="hub.type")
        return types[0]

    def _assignee(self, value: Any) -> dict[str, str | None]:
        wanted = [whole_id(one, "hub.assignees") for one in value or ()]
        if len(wanted) > 1:
            raise RecordProblem(
                "OpenProject has one assignee; a group can stand for several.", field="hub.assignees"
            )
        if not wanted:
            return self.href("users", None)
        people = {
            str(row["id"]): row for row in self.listed(self._path("/projects/{project}/available_assignees"))
        }
        if wanted[0] not in people:
            raise RecordProblem("This person cannot be assigned in the project.", field="hub.assignees")
        return self.href(_PEOPLE.get(str(people[wanted[0]].get("_type")), "users"), wanted[0])

    def _labels(self, wanted: Sequence[str], row: Mapping[str, Any]) -> dict[str, Any]:
        """Labels as options of the custom field of the settings, else the one category. Neither can be made by the API."""
        if not self.labels_field:
            if len(wanted) > 1:
                words = "OpenProject has one category. Name a custom field of type list in the settings to hold more."
                raise RecordProblem(words, field="hub.labels")
            known = {
                str(one.get("name") or "").casefold(): one["id"]
                for one in self.listed(self._path("/projects/{project}/categories"))
            }
            found = [known[name.casefold()] for name in wanted if name.casefold() in known]
            if len(found) < len(wanted):
                raise RecordProblem(
                    f"The project has no category {wanted[0]!r}; administrators make them.",
                    field="hub.labels",
                )
            return {"category": self.href("categories", found[0] if found else None)}
        allowed = self._allowed_labels(row)
        strange = [name for name in wanted if name.casefold() not in allowed]
        if strange:
            raise RecordProblem(
                f"{self.labels_field} has no option {', '.join(strange)}.", field="hub.labels"
            )
        return {self.labels_field: [{"href": allowed[name.casefold()]} for name in wanted]}

    def _allowed_labels(self, row: Mapping[str, Any]) -> dict[str, str]:
        """Options of the custom field: name in small letters → href."""
        form = self.form(str(row["id"]), row.get("lockVersion")) if row else self._new_form()
        options = read_path(form, f"_embedded.schema.{self.labels_field}._embedded.allowedValues", None)
        links = read_path(form, f"_embedded.schema.{self.labels_field}._links.allowedValues", None)
        found: dict[str, str] = {}
        for one in options if isinstance(options, list) else links if isinstance(links, list) else ():
            name = read_path(one, "value", None) or read_path(one, "title", None)
            href = read_path(one, "_links.self.href", None) or read_path(one, "href", None)
            if name and href:
                found[str(name).casefold()] = str(href)
        return found

    def _new_form(self) -> Any:
        body = {"_links": {"type": self.href("types", self._type_of({}, {})["id"])}}
        return self.session.request(
            "POST", self._path("/projects/{project}/work_packages/form"), json=body, is_repeatable=True
        ).body

    def form(self, external_id: str, lock_version: Any) -> Any:
        """What may be written to a work package now, by type, role and state; changes nothing."""
        path = self._path("/work_packages/{id}/form", id=external_id)
        body = {"lockVersion": int(lock_version or 0), "_links": {}}
        return self.session.request("POST", path, json=body, is_repeatable=True).body

    def allowed_statuses(self, external_id: str, lock_version: Any) -> list[str]:
        form = self.form(external_id, lock_version)
        return titles(read_path(form, "_embedded.schema.status._links.allowedValues", None) or [])

    def _with_allowed_statuses(
        self, error: RecordProblem, external_id: str, version: str | None
    ) -> RecordProblem:
        """The refusal of a status together with those that are allowed from here."""
        if "hub.status" in str(error.field or ""):
            try:
                allowed = self.allowed_statuses(external_id, version)
            except SyncError:
                return error
            error.message = f"{error.message} Allowed now: {', '.join(allowed) or 'none'}."[:400]
        return error

    def _comment_body(
        self, fields: Mapping[str, Any], current: ExternalRecord | None, key: str
    ) -> dict[str, Any]:
        hub: Mapping[str, Any] = (
            current.data["hub"] if current else {"key": key, "author": "", "author_id": None, "text": ""}
        )
        unknown = set(fields) - {"hub.text", "hub.author"}
        if unknown:
            name = sorted(unknown)[0]
            raise RecordProblem(f"OpenProject does not let {name} be written.", field=name)
        if not fields:
            return {}
        text = str(fields.get("hub.text", hub["text"]) or "")
        if not text.strip():
            raise RecordProblem("A comment cannot be empty.", field="hub.text")
        author = str(fields.get("hub.author", "" if hub["author_id"] else hub["author"]) or "")
        if not hub["key"]:
            author = ""  # written in OpenProject: no author's line there
        return {"comment": {"raw": text_of(text, str(hub["key"]), author)["raw"]}}

    def write_body(
        self, endpoint: Endpoint, fields: Mapping[str, Any], *, current: ExternalRecord | None, key: str = ""
    ) -> dict[str, Any]:
        """The JSON for versions and projects."""
        body: dict[str, Any] = {}
        kept = key or (str(current.data["hub"]["key"]) if current else "")
        for path, value in fields.items():
            match endpoint.name, path:
                case "version", "name":
                    body["name"] = subject_of(value, path, MAX_VERSION_NAME)
                case "project", "name":
                    body["name"] = subject_of(value, path)
                case _, "hub.description":
                    body["description"] = text_of(value, kept)
                case "version", "startDate" | "endDate":
                    body[path] = day_of(value)
                case "version", "status":
                    # other systems say active or completed
                    is_over = str(value or "").casefold() in ("closed", "completed", "done", "released")
                    body["status"] = "closed" if is_over else "locked" if value == "locked" else "open"
                case "project", "identifier":
                    if value:
                        body["identifier"] = str(value)
                case _:
                    raise RecordProblem(f"OpenProject does not let {path} be written.", field=path)
        if current is None:
            body.setdefault("description", text_of("", key))
        return body

    def _existing(self, resource: str, fields: Mapping[str, Any], error: AlreadyExists) -> AlreadyExists:
        """The refusal together with the id of what is in the way."""
        name = str(fields.get("name") or "")
        same = next((one for one in self.walk(resource) if one.data.get("name") == name), None)
        return AlreadyExists(
            f"There is a {resource} {name!r} already.",
            field=error.field or "name",
            external_id=same.id if same else None,
            status=error.status,
            exchange=error.exchange,
        )

    def archive(self, resource: str, external_id: str, *, current: ExternalRecord | None = None) -> None:
        """Projects are put into the archive; nothing else has one."""
        if resource != "project":
            raise self.cannot("archive", resource)
        self.session.request("PATCH", self._path("/projects/{id}", id=external_id), json={"active": False})

    def delete(
        self,
        resource: str,
        external_id: str,
        *,
        parent_id: str | None = None,
        current: ExternalRecord | None = None,
    ) -> None:
        """A work package with children is left alone: OpenProject would delete these as well, without asking."""
        if resource == "work_package":
            try:
                now = self.get(resource, external_id)
            except RecordGone:
                return
            if current is not None:
                self.refuse_stale(current, now)
            if read_path(now.data, "_links.children", None):
                raise RecordProblem(
                    "It has children, which OpenProject would delete as well. Move them first.",
                    field="hub.parent",
                )
        path = self.endpoint(resource).delete_path
        if not path:
            raise self.cannot("delete", resource)
        try:
            # without a content type OpenProject answers 406, body or not
            headers = {"Content-Type": "application/json"}
            self.session.request(
                "DELETE", self._path(path, id=external_id), headers=headers, expect_json=False
            )
        except RecordGone:
            return

    # --- set-up --------------------------------------------------------------------------------------------------

    def check(self) -> CheckReport:
        return discovery.check(self)

    def containers(self, kind: str = "", parent_id: str = "") -> list[Container]:
        return discovery.containers(self, kind, parent_id)
