"""What is certain: which record an interrupted create made, and why one is not where it was."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from connectors.base.client import digest, rows_in
from connectors.base.errors import PermissionProblem, RecordGone, SyncError
from connectors.base.paths import read_path
from connectors.base.times import parse_instant
from connectors.base.types import Absence, AbsenceKind, ExternalRecord

from .endpoints import API, BATCH, PROPERTY
from .reading import HiddenFromSome, JiraReader, objects


class JiraCertainty(JiraReader):
    def find_by_key(
        self, resource: str, key: str, *, since: datetime, parent_id: str | None = None
    ) -> ExternalRecord | None:
        match resource:
            case "issue":
                return self._issue_made_with(key, since)
            case "comment" if parent_id is not None:
                made = [
                    record.id
                    for record in self.walk("comment", parent_id=parent_id)
                    if (parse_instant(record.data.get("created")) or since) >= since
                ]
                for start in range(0, len(made), BATCH):
                    for row in self.comment_rows(made[start : start + BATCH]):
                        if _key_in(row) == key:
                            return self.get("comment", str(row["id"]), parent_id=parent_id)
        return None

    def _issue_made_with(self, key: str, since: datetime) -> ExternalRecord | None:
        """The issue made with this key. Search lags behind, so it only says roughly which number the project's keys
        have reached; the numbers around it are then read by key, which is up to date: up until a whole batch of
        numbers is free, and down to those made before ``since``."""
        prefix = str(self.project(afresh=True)["key"])
        body = {"jql": f"{self.scope()} ORDER BY key DESC", "fields": ["created"], "maxResults": 1}
        rows = objects(rows_in(self.search(body).body, "issues", "issues"))
        newest = _number_of(rows[0].get("key")) if rows else 0
        lower = newest + 1
        while found := self._numbered(prefix, lower, lower + BATCH):
            if made := _made_with(key, found):
                return self.issue_record(made)
            lower += BATCH
        upper = newest + 1
        while upper > 1:
            lower = max(1, upper - BATCH)
            found = self._numbered(prefix, lower, upper)
            if made := _made_with(key, found):
                return self.issue_record(made)
            times = [parse_instant(read_path(row, "fields.created", None)) for row in found]
            if any(at is not None and at < since for at in times):
                return None
            upper = lower
        return None

    def _numbered(self, prefix: str, lower: int, upper: int) -> list[Mapping[str, Any]]:
        return self.bulk_fetch([f"{prefix}-{number}" for number in range(lower, upper)], with_property=True)

    def explain_absence(
        self, resource: str, external_ids: Sequence[str], *, parent_id: str | None = None
    ) -> dict[str, Absence]:
        explained = super().explain_absence(resource, external_ids, parent_id=parent_id)
        for id, absence in explained.items():
            home = absence.record.container if absence.record and resource == "issue" else ""
            if home and home != self.project()["key"]:
                explained[id] = Absence(AbsenceKind.MOVED, f"Moved to the project {home}.", absence.record)
        unknown = [id for id, absence in explained.items() if absence.kind is AbsenceKind.UNKNOWN]
        if unknown and resource != "user":
            explained |= dict.fromkeys(unknown, self._absence_by_surroundings(resource, parent_id))
        return explained

    def absence_of(self, error: RecordGone) -> Absence:
        if isinstance(error, HiddenFromSome):
            return Absence(AbsenceKind.OUT_OF_FILTER, error.message)
        return super().absence_of(error)

    def _absence_by_surroundings(self, resource: str, parent_id: str | None) -> Absence:
        """What a 404 means, by what can still be seen around it: Jira answers 404 for "deleted" and "not for you" alike."""
        try:
            self.project(afresh=True)
            if "BROWSE_PROJECTS" in self.missing_permissions("BROWSE_PROJECTS"):
                return Absence(AbsenceKind.NO_ACCESS, "The account may not browse the project any more.")
        except SyncError as error:
            return Absence(AbsenceKind.NO_ACCESS, error.message)
        if resource == "issue" and str(self.settings.get("issue_security") or "").lower() in (
            "yes",
            "true",
            "1",
        ):
            return Absence(
                AbsenceKind.UNKNOWN, "The project hides issues from the account: nothing proves a deletion."
            )
        if resource == "comment" and parent_id:
            try:
                self.issue_row(parent_id)
            except (RecordGone, PermissionProblem) as error:
                return Absence(AbsenceKind.UNKNOWN, f"Its issue cannot be read: {error.message}")
        return Absence(AbsenceKind.DELETED, "Not found, and the project around it can be read.")

    def missing_permissions(self, *names: str) -> list[str]:
        """Which of these permissions the account lacks in the project."""
        ref = {"projectId" if self.project_ref.isdigit() else "projectKey": self.project_ref}
        answer = self.session.get(f"{API}/mypermissions", params={**ref, "permissions": ",".join(names)})
        return [
            name
            for name in names
            if read_path(answer.body, f"permissions.{name}.havePermission", False) is not True
        ]

    def container_token(self) -> str:
        """Ids of account, site and project: all stay the same when renamed."""
        self._myself = None
        return digest([self.session.site(), self.myself()["accountId"], str(self.project(afresh=True)["id"])])


def _key_in(row: Mapping[str, Any]) -> str:
    for entry in row.get("properties") or ():
        if isinstance(entry, Mapping) and entry.get("key") == PROPERTY:
            return str(read_path(entry, "value.key", "") or "")
    return ""


def _made_with(key: str, rows: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    return next((row for row in rows if read_path(row, f"properties.{PROPERTY}.key", None) == key), None)


def _number_of(key: Any) -> int:
    tail = str(key or "").rpartition("-")[2]
    return int(tail) if tail.isdigit() else 0
