"""The client of one org. Lists are SOQL queries by time of change; a create and its reading back are one request
(``/composite``), because the day's requests are what is scarce."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from connectors.base.client import Endpoint, RestClient, digest, rows_in
from connectors.base.connector import Connector
from connectors.base.errors import ContractBroken, PermissionProblem, RecordGone, RecordProblem
from connectors.base.paths import read_path
from connectors.base.session import Answer, ApiSession
from connectors.base.times import format_instant
from connectors.base.types import Absence, AbsenceKind, CheckReport, Container, ExternalRecord, Page

from . import discovery
from .objects import SOBJECTS, by_ids, is_record_id, listing, normalised, record_body, with_defaults
from .session import error_code, failure_in

PAGE_SIZE = 500
BATCH = 200
MAX_PAGES = 10_000
LOG_DAYS = 15  # as far back as the deletion log goes


class SalesforceClient(RestClient):
    def __init__(self, connector: Connector, session: ApiSession, settings: Mapping[str, Any]) -> None:
        super().__init__(connector, session, settings)
        self.root = f"/services/data/{settings.get('api_version') or 'v62.0'}"
        self.key_field = str(settings.get("external_id_field") or "").strip()
        self.fields = {name: _asked_for(name, settings) for name in SOBJECTS}
        self.endpoints = {name: self._endpoint(name) for name in SOBJECTS}
        self._first_stage = ""

    def _endpoint(self, name: str) -> Endpoint:
        path = f"{self.root}/sobjects/{SOBJECTS[name].name}/{{id}}"
        return Endpoint(
            name,
            get_path=path,
            update_path=path,
            delete_path=path if SOBJECTS[name].deletable else "",
            get_params={"fields": ",".join(self.fields[name])},
            id_at="Id",
            updated_at="SystemModstamp",
        )

    # --- reading -------------------------------------------------------------------------------------------------

    def to_record(
        self, endpoint: Endpoint, row: Mapping[str, Any], *, answer: Answer | None, parent_id: str | None
    ) -> ExternalRecord:
        if not isinstance(row, dict):
            raise ContractBroken(f"A {endpoint.name} is no object.")
        record = super().to_record(endpoint, row, answer=answer, parent_id=None)
        url = f"{self.session.base_url}/lightning/r/{SOBJECTS[endpoint.name].name}/{record.id}/view"
        data = normalised(endpoint.name, row, url)
        # SystemModstamp counts seconds, within which a record may change twice
        version = f"{row.get('SystemModstamp')} {digest(data)[:12]}"
        return dataclasses.replace(record, data=data, version=version, url=url)

    def list_page(
        self, resource: str, *, since: datetime | None = None, token: Any = None, parent_id: str | None = None
    ) -> Page:
        endpoint = self.endpoint(resource)
        object_ = SOBJECTS[resource]
        # with its bin and archive: what was deleted is then part of the feed
        shows_bin = since is not None and object_.deletable
        answer = self._page(resource, since, token, shows_bin)
        rows = self.rows(dataclasses.replace(endpoint, rows_at="records"), answer)
        if not all(isinstance(row, dict) for row in rows):
            raise ContractBroken(f"A row of {object_.name} is no object.")
        gone = [str(row.get("Id")) for row in rows if row.get("IsDeleted") is True]
        records = [
            self.to_record(endpoint, row, answer=None, parent_id=None)
            for row in rows
            if row.get("IsDeleted") is not True
        ]
        return Page(records, _following(token, answer, rows), answer.server_time, gone)

    def _page(self, resource: str, since: datetime | None, token: Any, shows_bin: bool) -> Answer:
        headers = {"Sforce-Query-Options": f"batchSize={PAGE_SIZE}"}
        if token:
            try:
                return self.session.get(str(token["next"]), headers=headers)
            except (RecordProblem, RecordGone) as error:
                body = error.exchange.response_body if error.exchange else None
                if error_code(body) not in ("INVALID_QUERY_LOCATOR", "NOT_FOUND"):
                    raise
                # a locator lives two days and the user keeps few of them: go on behind the last record seen
        fields = [*self.fields[resource], *(("IsDeleted",) if shows_bin else ())]
        query = listing(SOBJECTS[resource], fields, since=since, after=token["last"] if token else ())
        path = f"{self.root}/{'queryAll' if shows_bin else 'query'}"
        return self.session.get(path, params={"q": query}, headers=headers)

    def get_many(self, resource: str, external_ids: Sequence[str]) -> dict[str, ExternalRecord]:
        endpoint, found = self.endpoint(resource), {}
        path = f"{self.root}/composite/sobjects/{SOBJECTS[resource].name}"
        ids = [id for id in external_ids if is_record_id(id)]
        for start in range(0, len(ids), BATCH):
            body = {"ids": ids[start : start + BATCH], "fields": list(self.fields[resource])}
            answer = self.session.request("POST", path, json=body, is_repeatable=True)
            for row in rows_in(answer.body, "", resource):
                if isinstance(row, dict):
                    record = self.to_record(endpoint, row, answer=answer, parent_id=None)
                    found[record.id] = record
        return found

    # --- writing -------------------------------------------------------------------------------------------------

    def create(
        self, resource: str, fields: Mapping[str, Any], *, key: str, parent_id: str | None = None
    ) -> ExternalRecord:
        """By the external id field if there is one: the same key again makes no second record."""
        if not SOBJECTS[resource].deletable:
            raise self.cannot("create", resource)
        stage = self._stage_of_new() if resource == "opportunity" and not fields.get("StageName") else ""
        now = self.session.environment.now()
        body = with_defaults(resource, record_body(resource, fields), now=now, first_stage=stage)
        path = f"{self.root}/sobjects/{SOBJECTS[resource].name}"
        asked = f"?fields={','.join(self.fields[resource])}"
        if self.key_field:
            method, place = "PATCH", self._path(f"{path}/{{field}}/{{key}}", field=self.key_field, key=key)
            read = place + asked
        else:
            method, place, read = "POST", path, f"{path}/@{{made.id}}{asked}"
        made = {"method": method, "url": place, "referenceId": "made", "body": body}
        if str(self.settings.get("allow_duplicates") or "").lower() in ("yes", "true"):
            made["httpHeaders"] = {"Sforce-Duplicate-Rule-Header": "allowSave=true"}
        parts = [made, {"method": "GET", "url": read, "referenceId": "read"}]
        request = {"allOrNone": True, "compositeRequest": parts}
        answer = self.session.request("POST", f"{self.root}/composite", json=request)
        row = self._last_of(answer)
        return self.to_record(self.endpoint(resource), row, answer=answer, parent_id=None)

    def _last_of(self, answer: Answer) -> Mapping[str, Any]:
        """The body of a composite answer's last part; all parts were undone if one of them failed."""
        parts = rows_in(answer.body, "compositeResponse", "parts")
        for part in parts:
            if not isinstance(part, dict):
                raise ContractBroken("A part of the answer is no object.")
            if error_code(part.get("body")) == "PROCESSING_HALTED":
                continue
            failure = failure_in(part, answer, self.session)
            if failure is not None:
                raise failure
        row = parts[-1].get("body") if parts else None
        if not isinstance(row, dict):
            raise ContractBroken("The answer holds no record.", exchange=answer.exchange)
        return row

    def _stage_of_new(self) -> str:
        if not self._first_stage:
            self._first_stage = next((one.id for one in discovery.stages(self.session, self.root)), "")
        return self._first_stage

    def update(
        self,
        resource: str,
        external_id: str,
        fields: Mapping[str, Any],
        *,
        current: ExternalRecord,
        parent_id: str | None = None,
    ) -> ExternalRecord:
        """Reads and compares what is about to be overwritten, and lets Salesforce refuse what changed since: its own
        check counts whole seconds, so neither alone would do."""
        body = record_body(resource, fields)
        now = self.get(resource, external_id)
        self.refuse_stale(current, now, fields)
        headers = {}
        if now.updated_at is not None:
            headers["If-Unmodified-Since"] = str(format_instant(now.updated_at, "rfc1123"))
        path = self._path(self.endpoint(resource).update_path, id=external_id)
        self.session.request("PATCH", path, json=body, headers=headers, expect_json=False)
        return self.get(resource, external_id)

    # --- certainty -----------------------------------------------------------------------------------------------

    def find_by_key(
        self, resource: str, key: str, *, since: datetime, parent_id: str | None = None
    ) -> ExternalRecord | None:
        if not self.key_field:
            return None
        endpoint = self.endpoint(resource)
        template = f"{self.root}/sobjects/{SOBJECTS[resource].name}/{{field}}/{{key}}"
        path = self._path(template, field=self.key_field, key=key)
        try:
            answer = self.session.get(path, params=endpoint.get_params)
        except RecordGone:
            return None
        return self.to_record(endpoint, self.record_in(endpoint, answer), answer=answer, parent_id=None)

    def explain_absence(
        self, resource: str, external_ids: Sequence[str], *, parent_id: str | None = None
    ) -> dict[str, Absence]:
        """The recycle bin (queryAll), then the log of deletions. What neither knows may only be out of this user's sight."""
        explained: dict[str, Absence] = {}
        present = self.get_many(resource, external_ids)
        missing = [id for id in external_ids if id not in present]
        for id, record in present.items():
            explained[id] = Absence(AbsenceKind.PRESENT, record=record)
        if missing and SOBJECTS[resource].deletable:
            explained |= self._binned(resource, [id for id in missing if is_record_id(id)])
        missing = [id for id in missing if id not in explained]
        logged = self._deletion_log(resource) if missing and SOBJECTS[resource].deletable else {}
        for id in missing:
            if id[:15] in logged:
                explained[id] = Absence(AbsenceKind.DELETED, f"Deleted on {logged[id[:15]]}.")
            else:
                detail = "Neither visible, nor in the recycle bin, nor in the log of deletions: perhaps no longer shared."
                explained[id] = Absence(AbsenceKind.UNKNOWN, detail)
        return explained

    def _binned(self, resource: str, ids: Sequence[str]) -> dict[str, Absence]:
        found: dict[str, Absence] = {}
        for start in range(0, len(ids), BATCH):
            query = by_ids(SOBJECTS[resource], ids[start : start + BATCH])
            answer = self.session.get(f"{self.root}/queryAll", params={"q": query})
            for row in rows_in(answer.body, "records", resource):
                id, master = str(read_path(row, "Id", "")), read_path(row, "MasterRecordId", None)
                if read_path(row, "IsDeleted", False) is not True:
                    found[id] = Absence(AbsenceKind.OUT_OF_FILTER, "Archived, and only seen by queryAll.")
                elif master:
                    found[id] = Absence(AbsenceKind.MOVED, f"Merged into {master}.")
                else:
                    found[id] = Absence(AbsenceKind.DELETED, "In Salesforce's recycle bin.")
        return found

    def _deletion_log(self, resource: str) -> dict[str, str]:
        """Id (15 letters) → when, as far back as the log goes."""
        end = self.session.environment.now() + self.session.clock_offset
        start = end - timedelta(days=LOG_DAYS) + timedelta(hours=1)
        params = {"start": format_instant(start), "end": format_instant(end)}
        path = f"{self.root}/sobjects/{SOBJECTS[resource].name}/deleted/"
        try:
            answer = self.session.get(path, params=params)
        except (PermissionProblem, RecordProblem):
            return {}  # an object that is not replicated keeps no log
        rows = rows_in(answer.body, "deletedRecords", "deletions")
        return {str(read_path(row, "id", ""))[:15]: str(read_path(row, "deletedDate", "")) for row in rows}

    def container_token(self) -> str:
        return digest([discovery.whoami(self.session)["organization_id"]])

    # --- set-up --------------------------------------------------------------------------------------------------

    def whoami(self) -> tuple[str, str]:
        me = discovery.whoami(self.session)
        return str(me.get("name") or me.get("preferred_username") or ""), str(me["user_id"])

    def check(self) -> CheckReport:
        return discovery.check(self)

    def containers(self, kind: str = "", parent_id: str = "") -> list[Container]:
        return discovery.containers(self.session, self.root, kind, parent_id)


def _following(token: Any, answer: Answer, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    """The next page's place. Raises ``ContractBroken`` where the answer does not say whether there is one."""
    is_done = read_path(answer.body, "done", None)
    if is_done is True:
        return None
    url, pages = read_path(answer.body, "nextRecordsUrl", None), (token or {}).get("pages", 0) + 1
    if is_done is not False or not isinstance(url, str) or not url.startswith("/services/data/") or not rows:
        raise ContractBroken("The answer does not say where the query goes on.")
    if pages >= MAX_PAGES or (token and url == token["next"]):
        raise ContractBroken("The query does not end.")
    last = [str(rows[-1].get("SystemModstamp") or ""), str(rows[-1].get("Id") or "")]
    return {"next": url, "last": last, "pages": pages}


def more_fields(settings: Mapping[str, Any]) -> dict[str, list[str]]:
    """``Opportunity.CurrencyIsoCode, Lead.Rating`` → names by object."""
    found: dict[str, list[str]] = {}
    for part in str(settings.get("more_fields") or "").replace(";", ",").split(","):
        name, _, field = part.strip().partition(".")
        if field:
            found.setdefault(name, []).append(field)
    return found


def _asked_for(resource: str, settings: Mapping[str, Any]) -> tuple[str, ...]:
    object_ = SOBJECTS[resource]
    further = more_fields(settings).get(object_.name, [])
    return tuple(dict.fromkeys(("Id", *object_.fields, "SystemModstamp", *further)))
