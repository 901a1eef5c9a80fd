"""The GitLab stand-in's issues, notes, epics, milestones and labels, as the API offers them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from sandbox.store import Document
from sandbox.web import Call, Refusal, Reply, route

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


class GitLabRecords(GitLabState):
    """What the hub keeps in agreement."""

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
        self.world.put("label", label["id"], label)
        self.name_labels_again()
        return self.shown_label(label)

    @route("DELETE", f"{API}/projects/<id>/labels/<one>")
    def delete_label(self, call: Call, id: str, one: str) -> Any:
        self._project(id, writes=True)
        if self._one("label", one, "Label")["of_group"]:
            raise missing("Label")
        self.remove("label", one)
        return Reply(None, 204)
