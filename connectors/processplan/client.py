"""The client: processes and their steps are read, and a step's status is written, which is all that is known.

Source: the requirement (``PATCH /processes/{processId}/steps/{stepId}`` with ``status`` and a time; a process advances
by itself once its steps are complete; steps may wait for others, processes may be locked) and vendors/processplan.md.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from connectors.base.classify import ErrorRule, Reaction
from connectors.base.client import Endpoint, RestClient, Since, digest, fill_path, fingerprint, rows_in
from connectors.base.connector import Connector
from connectors.base.errors import (
    ContractBroken,
    PermissionProblem,
    RateLimited,
    RecordGone,
    RecordProblem,
    Retryable,
)
from connectors.base.paging import PageSeen, Walk
from connectors.base.paths import read_path
from connectors.base.session import Answer, ApiSession
from connectors.base.times import format_instant, parse_instant
from connectors.base.types import Absence, AbsenceKind, Container, ExternalRecord, Page

from .settings import Options

PENDING, IN_PROGRESS, COMPLETED = "pending", "in_progress", "completed"
STATUSES = (PENDING, IN_PROGRESS, COMPLETED)
#: the time that goes with each status that may be written
TIMES = {IN_PROGRESS: "startedAt", COMPLETED: "completedAt"}
MAX_PROCESS_PAGES = 200
LOCKED_SECONDS, WAITING_SECONDS = 30.0, 300.0

#: which status codes come is not known, so the words decide; "blocked" contains "locked", so dependencies come first
REFUSALS = (
    ErrorRule(Reaction.RETRY, status=(400, 403, 409, 412, 422), body_contains="depend"),
    ErrorRule(Reaction.RETRY, status=(400, 403, 409, 412, 422), body_contains="predecessor"),
    ErrorRule(Reaction.RETRY, status=(400, 403, 409, 412, 422), body_contains='"locked'),
    ErrorRule(Reaction.RETRY, status=(400, 403, 409, 412, 422), body_contains=" locked"),
    ErrorRule(Reaction.RETRY, status=(400, 403, 409, 412, 422), body_contains="_locked"),
    ErrorRule(Reaction.VALIDATION, status=(400, 409, 422), body_contains="transition"),
)


class HeldBack(RateLimited):
    """Nothing is wrong with us or the service: the step has to wait, for others or for somebody's lock."""


class ProcessPlanClient(RestClient):
    def __init__(self, connector: Connector, session: ApiSession, settings: Mapping[str, Any]) -> None:
        super().__init__(connector, session, settings)
        self.options = Options.of(settings)
        self.endpoints = _endpoints(self.options)

    # --- reading -------------------------------------------------------------------------------------------------

    def to_record(
        self, endpoint: Endpoint, row: Mapping[str, Any], *, answer: Answer | None, parent_id: str | None
    ) -> ExternalRecord:
        if not isinstance(row, Mapping):
            raise ContractBroken(f"A {endpoint.name} is no object.")
        record = super().to_record(endpoint, row, answer=answer, parent_id=None)
        data: dict[str, Any] = {**row, "hub": {}}
        if endpoint.name == "step":
            process = parent_id or str(read_path(row, "processId", "") or "")
            if not process:
                raise ContractBroken("A step came without its process.")
            data["hub"] = _step_values(row, process)
            record = dataclasses.replace(record, id=f"{process}/{record.id}", container=process)
        if "email" in row or "name" in row:
            data["hub"]["active"] = row.get("active", True) is not False
        return dataclasses.replace(
            record,
            data=data,
            url=str(row.get("url") or "") if str(row.get("url") or "").startswith("https://") else "",
            version=digest(row)[:16],  # nothing better is known: any difference counts
            updated_at=parse_instant(row.get("updatedAt")),
        )

    def list_page(
        self, resource: str, *, since: datetime | None = None, token: Any = None, parent_id: str | None = None
    ) -> Page:
        if resource == "step":
            return self._step_page(since, token)
        page = super().list_page(resource, since=since, token=token, parent_id=parent_id)
        if resource == "process" and self.options.chosen:
            kept = [record for record in page.records if record.id in self.options.chosen]
            return dataclasses.replace(page, records=kept)
        return page

    def _step_page(self, since: datetime | None, token: Any) -> Page:
        """The steps of one process after the other. The token: processes still ``left``, and the place ``at`` in the first."""
        left = list(token["left"]) if token else self._process_ids()
        if not left:
            return Page([])
        walk = Walk.from_token(token["at"] if token else None)
        endpoint, process = self.endpoint("step"), left[0]
        ask = endpoint.pager.ask(walk.token)
        filters = {endpoint.since.param: endpoint.since.value(since)} if since and endpoint.since else {}
        if ask.url:
            answer = self.session.get(ask.url)
        else:
            path = fill_path(self.options.steps_path, {"process": process})
            try:
                answer = self.session.get(path, params={**filters, **ask.params})
            except RecordGone:  # it went since it was listed: its steps are looked up one by one
                return Page([], _token(left[1:], None))
        rows = self.rows(endpoint, answer)
        seen = PageSeen(answer.body, answer.headers, rows, answer.url)
        following = walk.step(endpoint.pager.next_token(walk.token, seen), fingerprint(rows))
        records = [self.to_record(endpoint, row, answer=None, parent_id=process) for row in rows]
        after = _token(left[1:], None) if following is None else _token(left, following)
        return Page(records, after, answer.server_time)

    def _process_ids(self) -> list[str]:
        if self.options.chosen:
            return list(self.options.chosen)
        found: list[str] = []
        token = None
        for _ in range(MAX_PROCESS_PAGES):
            page = super().list_page("process", token=token)
            found += [record.id for record in page.records]
            token = page.next_token
            if token is None:
                return found
        raise ContractBroken(f"The list of processes did not end after {MAX_PROCESS_PAGES} pages.")

    def get(self, resource: str, external_id: str, *, parent_id: str | None = None) -> ExternalRecord:
        if resource == "process":
            answer = self.session.get(fill_path(self.options.process_path, {"process": external_id}))
            return self._alone("process", answer, external_id)
        if resource == "step":
            process, step = _parts(external_id)
            answer = self.session.get(fill_path(self.options.step_path, {"process": process, "step": step}))
            return self._alone("step", answer, process)
        found = self.get_many(resource, [external_id]).get(external_id)
        if found is None:
            raise RecordGone("There is no such person.")
        return found

    def _alone(self, resource: str, answer: Answer, process: str) -> ExternalRecord:
        """The record of a single answer, whether it comes bare or below its name or ``data``."""
        body = answer.body
        for name in (resource, "data"):
            if isinstance(body, dict) and "id" not in body and isinstance(body.get(name), dict):
                body = body[name]
        if not isinstance(body, dict):
            raise ContractBroken(f"The answer holds no {resource}.", exchange=answer.exchange)
        return self.to_record(self.endpoint(resource), body, answer=answer, parent_id=process)

    def get_many(self, resource: str, external_ids: Sequence[str]) -> dict[str, ExternalRecord]:
        if resource == "user":
            wanted, token = set(external_ids), None
            found: dict[str, ExternalRecord] = {}
            while True:
                page = self.list_page("user", token=token)
                found |= {record.id: record for record in page.records if record.id in wanted}
                token = page.next_token
                if token is None:
                    return found
        return super().get_many(resource, [one for one in external_ids if resource != "step" or "/" in one])

    # --- writing -------------------------------------------------------------------------------------------------

    def update(
        self,
        resource: str,
        external_id: str,
        fields: Mapping[str, Any],
        *,
        current: ExternalRecord,
        parent_id: str | None = None,
    ) -> ExternalRecord:
        """Reads, compares, sends the status, and reads back: completing a step may have moved others on.

        Raises ``HeldBack`` where the step has to wait, ``RecordProblem`` naming ``status`` for a change that is not to be.
        """
        if resource != "step":
            raise self.cannot("update", resource)
        other = next((path for path in fields if path != "status"), None)
        if other is not None:
            raise RecordProblem(f"Process Plan is not known to let {other} be written.", field=other)
        now = self.get("step", external_id)
        self.refuse_stale(current, now)
        wanted, status = str(fields.get("status") or ""), str(now.data.get("status") or "")
        if wanted == status:
            return now
        _refuse_unknown_way(status, wanted)
        process, step = _parts(external_id)
        path = fill_path(self.options.step_path, {"process": process, "step": step})
        try:
            self._send(path, wanted)
        except RecordProblem:
            if not (self.options.start_first and (status, wanted) == (PENDING, COMPLETED)):
                raise
            self._send(path, IN_PROGRESS)
            self._send(path, wanted)
        return self.get("step", external_id)

    def _send(self, path: str, status: str) -> None:
        """One of the two bodies that are known. Repeating it does no harm, so a lost answer is none."""
        moment = self.session.environment.now() + self.session.clock_offset
        body = {"status": status, TIMES[status]: format_instant(moment)}
        try:
            self.session.request(
                "PATCH", path, json=body, is_repeatable=True, rules=REFUSALS, expect_json=False
            )
        except PermissionProblem:
            raise
        except RecordProblem as error:
            raise RecordProblem(
                error.message, field="status", status=error.status, exchange=error.exchange
            ) from error
        except Retryable as error:
            if error.status not in (400, 403, 409, 412, 422, 423):
                raise
            said = f"{error.message} {error.exchange.response_body if error.exchange else ''}".lower()
            is_lock = "depend" not in said and "predecessor" not in said
            wait = error.retry_after or (LOCKED_SECONDS if is_lock else WAITING_SECONDS)
            words = "The process is locked" if is_lock else "The step waits for others"
            raise HeldBack(f"{words}: {error.message}", retry_after=wait, exchange=error.exchange) from error

    # --- certainty -----------------------------------------------------------------------------------------------

    def explain_absence(
        self, resource: str, external_ids: Sequence[str], *, parent_id: str | None = None
    ) -> dict[str, Absence]:
        explained = super().explain_absence(resource, external_ids, parent_id=parent_id)
        for id, absence in explained.items():
            if absence.kind is AbsenceKind.UNKNOWN and resource == "step":
                explained[id] = self._absence_of_step(id)
        return explained

    def _absence_of_step(self, external_id: str) -> Absence:
        """A missing step is deleted where its process can be read, and lists its steps without this one."""
        process, _ = _parts(external_id)
        token: Any = _token([process], None)
        try:
            self.get("process", process)
            while token is not None and token["left"]:
                page = self._step_page(None, token)
                if any(record.id == external_id for record in page.records):
                    return Absence(AbsenceKind.UNKNOWN, "Its process lists the step, which cannot be read.")
                token = page.next_token
        except (RecordGone, PermissionProblem) as error:
            return Absence(AbsenceKind.UNKNOWN, f"Its process cannot be read: {error.message}")
        return Absence(AbsenceKind.DELETED, "Its process can be read and does not list it.")

    # --- set-up --------------------------------------------------------------------------------------------------

    def containers(self, kind: str = "", parent_id: str = "") -> list[Container]:
        """Kinds: process, status. Without a kind: the processes."""
        match kind:
            case "" | "process":
                found, token = [], None
                for _ in range(MAX_PROCESS_PAGES):
                    page = super().list_page("process", token=token)
                    found += [
                        Container(one.id, str(one.data.get("name") or one.id), "process", None, one.url)
                        for one in page.records
                    ]
                    token = page.next_token
                    if token is None:
                        break
                return found
            case "status":
                classes = {PENDING: "new", IN_PROGRESS: "indeterminate", COMPLETED: "done"}
                return [
                    Container(
                        one, one.replace("_", " ").capitalize(), "status", extra={"category": classes[one]}
                    )
                    for one in STATUSES
                ]
        return []

    def rows(self, endpoint: Endpoint, answer: Answer) -> list[Any]:
        return rows_in(answer.body, self.options.items_key, endpoint.name)


def _endpoints(options: Options) -> Mapping[str, Endpoint]:
    since = Since(options.updated_since) if options.updated_since else None
    return {
        "process": Endpoint("process", list_path=options.processes_path, pager=options.pager),
        "step": Endpoint("step", list_path=options.steps_path, pager=options.pager, since=since),
        "user": Endpoint("user", list_path=options.users_path, pager=options.pager),
    }


def _token(left: Sequence[str], at: Any) -> dict[str, Any] | None:
    return {"left": list(left), "at": at} if left else None


def _parts(external_id: str) -> tuple[str, str]:
    """Process and step of our id ``process/step``. Raises ``RecordGone`` for what is no such id."""
    process, slash, step = external_id.rpartition("/")
    if not slash or not process or not step:
        raise RecordGone("This is no step's id.")
    return process, step


def _refuse_unknown_way(status: str, wanted: str) -> None:
    """Only the two changes that are known are sent, and only from statuses that are known."""
    if wanted not in TIMES:
        raise RecordProblem(
            f"Process Plan is not known to let a step become {wanted or 'empty'}.", field="status"
        )
    if status not in STATUSES:
        raise RecordProblem(
            f"The step is {status or 'without a status'} there, which is not known here.", field="status"
        )
    if status == COMPLETED:
        raise RecordProblem("A completed step cannot be reopened: no way back is known.", field="status")


def _step_values(row: Mapping[str, Any], process: str) -> dict[str, Any]:
    """What may stand under several names, below one."""
    hub: dict[str, Any] = {"process": process}
    for name in ("dueAt", "dueDate"):
        if name in row:
            hub["due"] = row[name]
            break
    for path in ("assigneeId", "assignee.id"):
        found = read_path(row, path, None)
        if found is not None:
            hub["assignees"] = [str(found)]
            break
    else:
        if "assigneeId" in row or "assignee" in row:
            hub["assignees"] = []
    return hub
