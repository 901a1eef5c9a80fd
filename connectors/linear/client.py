"""The client of one team. Linear keeps the last write, so every update reads, compares, and then writes what is to change."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from connectors.base.client import Endpoint, RestClient, digest, fingerprint
from connectors.base.connector import Connector
from connectors.base.errors import ContractBroken, PermissionProblem, RecordGone, RecordProblem
from connectors.base.graphql import GraphAnswer, GraphApi
from connectors.base.paging import Walk
from connectors.base.paths import MISSING, read_path
from connectors.base.session import Answer
from connectors.base.times import format_instant
from connectors.base.types import (
    Absence,
    AbsenceKind,
    CheckReport,
    Container,
    ExternalRecord,
    Page,
    WebhookRegistration,
)

from . import discovery
from . import queries as q
from .records import READERS, id_of, input_for

ROWS = 50
LABELS_IN_LISTS = 25
LABELS = 250

ENDPOINTS: Mapping[str, Endpoint] = {
    name: Endpoint(name, updated_at="updatedAt", url_at="url", archived_at="archivedAt") for name in q.KINDS
}


class MovedTeam(RecordGone):
    """The issue belongs to another team now."""


class LinearClient(RestClient):
    endpoints = ENDPOINTS

    def __init__(self, connector: Connector, api: GraphApi, settings: Mapping[str, Any]) -> None:
        super().__init__(connector, api.session, settings)
        self.api = api
        self.team_id = str(settings.get("team_id") or "").strip()
        self.page_size = ROWS
        self._labels: dict[str, str] = {}  # name, folded → id

    # --- reading -------------------------------------------------------------------------------------------------

    def list_page(
        self, resource: str, *, since: datetime | None = None, token: Any = None, parent_id: str | None = None
    ) -> Page:
        """Newest change first. Since an instant the archive and the trash are looked at too, so that going there shows."""
        kind, walk = self._kind(resource), Walk.from_token(token)
        variables = {
            "first": self.page_size,
            "after": walk.token,
            "filter": self._filter(resource, since, parent_id),
            "archived": since is not None,
        }
        given = self.api.ask(kind.listing, self._with_labels(kind, variables, LABELS_IN_LISTS))
        rows, following = page_in(given, kind.many)
        records = [self._record(resource, row) for row in rows if self._is_wanted(resource, row)]
        gone = [one.id for one in records if one.is_deleted]
        return Page(
            [one for one in records if not one.is_deleted],
            walk.step(following, fingerprint(rows)),
            given.answer.server_time,
            gone,
        )

    def _filter(self, resource: str, since: datetime | None, parent_id: str | None) -> dict[str, Any]:
        ours = {"team": {"id": {"eq": self.team_id}}}
        found: dict[str, Any] = {}
        match resource:
            case "issue" | "cycle":
                found = dict(ours)
            case "comment":
                found = {"issue": {"id": {"eq": parent_id}} if parent_id else ours}
            case "label":
                found = {"or": [ours, {"team": {"null": True}}]}
            case "project":
                found = {"accessibleTeams": {"some": {"id": {"eq": self.team_id}}}}
        if since is not None:
            found["updatedAt"] = {"gte": format_instant(since, "iso8601_ms", granularity="ms")}
        return found

    def _is_wanted(self, resource: str, row: Mapping[str, Any]) -> bool:
        return resource != "label" or not row.get("isGroup")  # groups of labels are put on no issue

    def get(self, resource: str, external_id: str, *, parent_id: str | None = None) -> ExternalRecord:
        record = self._any(resource, external_id)
        if record.is_deleted:
            raise RecordGone(f"The {resource} is in Linear's trash.", proven=True)
        if resource == "issue" and record.container != self.team_id:
            raise MovedTeam("The issue belongs to another team now.")
        return record

    def _any(self, resource: str, external_id: str) -> ExternalRecord:
        """The record wherever it is: in the archive, in the trash, in another team."""
        kind = self._kind(resource)
        if not re.fullmatch(r"[0-9a-fA-F-]{36}", external_id):
            raise RecordGone("This is no id of Linear's.")
        given = self.api.ask(kind.single, self._with_labels(kind, {"id": external_id}, LABELS))
        return self._record(resource, given.object(kind.one, resource))

    def get_many(self, resource: str, external_ids: Sequence[str]) -> dict[str, ExternalRecord]:
        """By ids in one listing, a page's worth at a time."""
        kind = self._kind(resource)
        wanted = [one for one in external_ids if re.fullmatch(r"[0-9a-fA-F-]{36}", one)]
        found: dict[str, ExternalRecord] = {}
        for start in range(0, len(wanted), ROWS):
            ids = wanted[start : start + ROWS]
            variables = {"first": ROWS, "after": None, "filter": {"id": {"in": ids}}, "archived": True}
            given = self.api.ask(kind.listing, self._with_labels(kind, variables, LABELS_IN_LISTS))
            for row in page_in(given, kind.many)[0]:
                record = self._record(resource, row)
                is_here = resource != "issue" or record.container == self.team_id
                if is_here and not record.is_deleted:
                    found[record.id] = record
        return {id: found[id] for id in external_ids if id in found}

    def _record(self, resource: str, row: Any) -> ExternalRecord:
        if not isinstance(row, dict):
            raise ContractBroken(f"A {resource} came as something else.")
        return self.to_record(ENDPOINTS[resource], row, answer=None, parent_id=None)

    def to_record(
        self, endpoint: Endpoint, row: Mapping[str, Any], *, answer: Answer | None, parent_id: str | None
    ) -> ExternalRecord:
        data = READERS[endpoint.name](row)
        record = super().to_record(endpoint, data, answer=answer, parent_id=parent_id)
        parts = {name: value for name, value in data.items() if name != "updatedAt"}
        is_deleted = bool(row.get("trashed"))
        for one in read_path(row, "labels.nodes", None) or ():
            if isinstance(one, dict) and one.get("id"):
                self._labels[str(one.get("name")).casefold()] = str(one["id"])
        return dataclasses.replace(
            record,
            version=digest(parts)[:16],
            parent_id=data["hub"]["issue"] if endpoint.name == "comment" else None,
            container=str(read_path(row, "team.id", None) or read_path(row, "issue.team.id", None) or ""),
            is_archived=bool(row.get("archivedAt")) and not is_deleted,
            is_deleted=is_deleted,
            complete=not read_path(row, "labels.pageInfo.hasNextPage", False),
        )

    # --- writing -------------------------------------------------------------------------------------------------

    def create(
        self, resource: str, fields: Mapping[str, Any], *, key: str, parent_id: str | None = None
    ) -> ExternalRecord:
        kind = self._kind(resource)
        if not kind.create:
            raise self.cannot("create", resource)
        made = {name: value for name, value in input_for(resource, fields, None).items() if value is not None}
        made["id"] = id_of(key)
        match resource:
            case "issue":
                made["teamId"] = self.team_id
                if fields.get("hub.labels"):
                    made["labelIds"] = list(self._label_ids(fields["hub.labels"]).values())
            case "label":
                made["teamId"] = self.team_id
            case "project":
                made["teamIds"] = [self.team_id]
            case "comment":
                made["issueId"] = parent_id or str(fields.get("hub.issue") or "")
                if not made["issueId"] or "body" not in made:
                    raise RecordProblem("A comment needs its issue and a text.", field="body")
        given = self.api.ask(kind.creating, self._with_labels(kind, {"input": made}, LABELS))
        return self._record(resource, given.object(f"{kind.create}.{kind.one}", resource))

    def update(
        self,
        resource: str,
        external_id: str,
        fields: Mapping[str, Any],
        *,
        current: ExternalRecord,
        parent_id: str | None = None,
    ) -> ExternalRecord:
        kind = self._kind(resource)
        if not kind.update:
            raise self.cannot("update", resource)
        now = self.get(resource, external_id)
        self.refuse_stale(current, now, fields)
        wanted = {
            path: value for path, value in fields.items() if read_path(now.data, path, MISSING) != value
        }
        made = input_for(resource, wanted, now.data)
        if resource == "issue" and "hub.labels" in wanted:
            made |= self._label_changes(wanted["hub.labels"], now)
        if not made:
            return now
        given = self.api.ask(
            kind.updating, self._with_labels(kind, {"id": external_id, "input": made}, LABELS)
        )
        return self._record(resource, given.object(f"{kind.update}.{kind.one}", resource))

    def _label_changes(self, names: Any, now: ExternalRecord) -> dict[str, Any]:
        """Labels are added and taken off one by one, so nobody else's are lost."""
        wanted, held = {str(one) for one in names or ()}, set(now.data["hub"]["labels"])
        ids = self._label_ids([*(wanted - held), *(held - wanted)])
        added, removed = [ids[one] for one in wanted - held], [ids[one] for one in held - wanted]
        return {
            **({"addedLabelIds": sorted(added)} if added else {}),
            **({"removedLabelIds": sorted(removed)} if removed else {}),
        }

    def _label_ids(self, names: Sequence[Any]) -> dict[str, str]:
        """Ids by name, of the team's labels and the workspace's; missing ones are made in the team."""
        wanted = list(dict.fromkeys(str(one) for one in names))
        unknown = [one for one in wanted if one.casefold() not in self._labels]
        if unknown:
            asked = {"and": [self._filter("label", None, None), {"name": {"in": unknown}}]}
            given = self.api.ask(q.LABELS_BY_NAME, {"filter": asked, "first": LABELS})
            for row in given.rows("issueLabels.nodes", "labels"):
                self._labels[str(row.get("name")).casefold()] = str(row.get("id"))
        for name in wanted:
            if name.casefold() not in self._labels:
                made = self.create("label", {"name": name}, key=f"label:{self.team_id}:{name.casefold()}")
                self._labels[name.casefold()] = made.id
        return {name: self._labels[name.casefold()] for name in wanted}

    def archive(self, resource: str, external_id: str, *, current: ExternalRecord | None = None) -> None:
        if resource != "issue":
            raise self.cannot("archive", resource)
        self.api.ask(q.ARCHIVE_ISSUE, {"id": external_id}, is_repeatable=True)

    def delete(
        self,
        resource: str,
        external_id: str,
        *,
        parent_id: str | None = None,
        current: ExternalRecord | None = None,
    ) -> None:
        """Issues and projects go to the trash. Deleting what is already gone is success."""
        kind = self._kind(resource)
        if not kind.delete:
            raise self.cannot("delete", resource)
        try:
            self.api.ask(kind.deleting, {"id": external_id}, is_repeatable=True)
        except RecordGone:
            return

    # --- proving -------------------------------------------------------------------------------------------------

    def find_by_key(
        self, resource: str, key: str, *, since: datetime, parent_id: str | None = None
    ) -> ExternalRecord | None:
        """Records are created with an id of our choosing, so one read proves it."""
        try:
            return self._any(resource, id_of(key))
        except RecordGone:
            return None

    def explain_absence(
        self, resource: str, external_ids: Sequence[str], *, parent_id: str | None = None
    ) -> dict[str, Absence]:
        return {id: self._absence(resource, id, parent_id) for id in external_ids}

    def _absence(self, resource: str, external_id: str, parent_id: str | None) -> Absence:
        try:
            record = self._any(resource, external_id)
        except PermissionProblem as error:
            return Absence(AbsenceKind.NO_ACCESS, error.message)
        except RecordGone:
            return self._unanswered(resource, parent_id)
        if record.is_deleted:
            return Absence(AbsenceKind.DELETED, "In Linear's trash.", record)
        if resource == "issue" and record.container != self.team_id:
            return Absence(AbsenceKind.MOVED, "It belongs to another team now.", record)
        return Absence(AbsenceKind.ARCHIVED if record.is_archived else AbsenceKind.PRESENT, "", record)

    def _unanswered(self, resource: str, parent_id: str | None) -> Absence:
        """“Not found” is also the answer to lost access: a comment or label is gone only if its home can be read."""
        try:
            if resource == "comment" and parent_id:
                self.get("issue", parent_id)
                return Absence(AbsenceKind.DELETED, "Its issue is there, the comment is not.")
            if resource == "label":
                self.api.ask(q.TEAM, {"id": self.team_id})
                return Absence(AbsenceKind.DELETED, "The team is there, the label is not.")
        except (RecordGone, PermissionProblem):
            pass
        return Absence(AbsenceKind.UNKNOWN, "Linear has no such record, or the account may not see it.")

    def container_token(self) -> str:
        given = self.api.ask(q.TEAM, {"id": self.team_id})
        return digest([str(given.at("organization.id")), str(given.at("team.id"))])

    def check(self) -> CheckReport:
        return discovery.check(self)

    def containers(self, kind: str = "", parent_id: str = "") -> list[Container]:
        return discovery.containers(self, kind, parent_id)

    def ensure_webhook(self, url: str, secret: str) -> WebhookRegistration | None:
        return discovery.ensure_webhook(self, url, secret)

    def remove_webhooks(self, url: str) -> int:
        return discovery.remove_webhooks(self, url)

    # --- small things, also for discovery --------------------------------------------------------------------------------------------

    def all_rows(self, query: str, variables: Mapping[str, Any], path: str) -> Iterator[Mapping[str, Any]]:
        """Every row of a listing, page by page."""
        walk = Walk()
        while True:
            given = self.api.ask(query, {**variables, "first": ROWS, "after": walk.token})
            rows, following = page_in(given, path)
            yield from (row for row in rows if isinstance(row, dict))
            token = walk.step(following, fingerprint(rows))
            if token is None:
                return
            walk = Walk.from_token(token)

    def _kind(self, resource: str) -> q.Kind:
        if resource not in q.KINDS:
            raise self.cannot("sync", resource)
        return q.KINDS[resource]

    def _with_labels(self, kind: q.Kind, variables: Mapping[str, Any], count: int) -> dict[str, Any]:
        return {**variables, **({"labels": count} if "$labels" in kind.fields else {})}


def page_in(given: GraphAnswer, path: str) -> tuple[list[Any], str | None]:
    """A page's rows and the cursor of the next one; None where Linear says that there is none."""
    rows = given.rows(f"{path}.nodes", path)
    more, cursor = given.at(f"{path}.pageInfo.hasNextPage"), given.at(f"{path}.pageInfo.endCursor")
    if not isinstance(more, bool) or (more and not cursor):
        raise ContractBroken(f"The listing of {path} does not say whether there is more.")
    return rows, str(cursor) if more else None
