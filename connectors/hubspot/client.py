"""The client of one account. Full lists come from HubSpot's store, changes from its search index, which lags; HubSpot
keeps the last write and has no versions, so every update reads, compares and then writes only what is to change."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from connectors.base.client import Endpoint, RestClient, digest, rows_in
from connectors.base.connector import Connector
from connectors.base.errors import (
    AlreadyExists,
    ContractBroken,
    PermissionProblem,
    RecordGone,
    RecordProblem,
    Retryable,
    SyncError,
)
from connectors.base.paging import CursorToken
from connectors.base.paths import read_path
from connectors.base.session import Answer, ApiSession
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
from .objects import OBJECTS, ObjectType, is_object_id, normalised, object_write, related_ids
from .search import after_page, first_ask, search_body
from .session import SEARCH, existing_id, refused_property

PAGE_SIZE = 100
BATCH = 100
DEFAULT_KEY = "lockstep_key"


class MergedAway(RecordGone):
    """The record was merged into another one."""

    def __init__(self, message: str, record: ExternalRecord) -> None:
        super().__init__(message)
        self.record = record


class OtherPipeline(RecordGone):
    """The deal is in a pipeline that is not kept in agreement."""


class HubSpotClient(RestClient):
    def __init__(
        self,
        connector: Connector,
        session: ApiSession,
        settings: Mapping[str, Any],
        *,
        developer_key: str = "",
    ) -> None:
        super().__init__(connector, session, settings)
        self.developer_key = developer_key
        version = str(settings.get("api_version") or "v3")
        self.objects_path = "/crm/v3/objects" if version == "v3" else f"/crm/objects/{version}"
        self.pipeline = str(settings.get("pipeline_id") or "")
        self.key_property = key_property(settings)
        self.properties = {name: _asked_for(name, settings) for name in OBJECTS}
        self.endpoints = {name: self._endpoint(name, kind) for name, kind in OBJECTS.items()}
        self.endpoints["owner"] = Endpoint(
            "owner",
            list_path="/crm/v3/owners/",
            get_path="/crm/v3/owners/{id}",
            pager=_PAGER,
            rows_at="results",
            version_at="updatedAt",
            updated_at="updatedAt",
            archived_at="archived",
        )
        self._account: Mapping[str, Any] | None = None
        self._stages: dict[str, str] | None = None
        self._has_key: set[str] = set()

    def _endpoint(self, name: str, kind: ObjectType) -> Endpoint:
        base = f"{self.objects_path}/{kind.path}"
        asked = {
            "properties": ",".join(self.properties[name]),
            "associations": ",".join(kind.related) or None,
            "archived": False,
        }
        return Endpoint(
            name,
            list_path=base,
            get_path=f"{base}/{{id}}",
            update_path=f"{base}/{{id}}",
            delete_path=f"{base}/{{id}}",
            list_params=asked,
            get_params=asked,
            pager=_PAGER,
            rows_at="results",
            version_at="updatedAt",
            updated_at="updatedAt",
        )

    def account(self) -> Mapping[str, Any]:
        """portalId, uiDomain, timeZone, companyCurrency."""
        if self._account is None:
            body = self.session.get("/account-info/v3/details").body
            if not isinstance(body, dict) or not body.get("portalId"):
                raise ContractBroken("The answer does not say whose account this is.")
            self._account = body
        return self._account

    # --- reading -------------------------------------------------------------------------------------------------

    def to_record(
        self, endpoint: Endpoint, row: Mapping[str, Any], *, answer: Answer | None, parent_id: str | None
    ) -> ExternalRecord:
        if not isinstance(row, dict):
            raise ContractBroken(f"A {endpoint.name} is no object.")
        record = super().to_record(endpoint, row, answer=answer, parent_id=None)
        if endpoint.name == "owner":
            names = (row.get("firstName"), row.get("lastName"))
            name = " ".join(str(one) for one in names if one) or str(row.get("email") or record.id)
            return dataclasses.replace(record, data={**row, "hub": {"name": name}})
        data = normalised(endpoint.name, row)
        url = discovery.record_url(self._links(), OBJECTS[endpoint.name], data, record.id)
        data["hub"]["url"] = url or None
        return dataclasses.replace(
            record,
            data=data,
            url=url,
            container=str(data["properties"].get("pipeline") or "") if endpoint.name == "deal" else "",
            parent_id=data["hub"].get("parent"),
            is_deleted=bool(row.get("archived")),  # what HubSpot calls archived lies in its recycle bin
        )

    def _links(self) -> Mapping[str, Any]:
        try:
            return self.account()
        except (PermissionProblem, RecordGone):
            return {}  # a link is a comfort: a token without this right syncs all the same

    def is_wanted(self, endpoint: Endpoint, row: Mapping[str, Any]) -> bool:
        """Deals of the chosen pipeline; notes that stand on something of their kind."""
        kind = OBJECTS.get(endpoint.name)
        if kind is None or not isinstance(row, dict):
            return True
        if kind.parent:
            return bool(related_ids(row, kind.parent))
        if endpoint.name == "deal" and self.pipeline:
            return bool(read_path(row, "properties.pipeline", None) == self.pipeline)
        return True

    def list_page(
        self, resource: str, *, since: datetime | None = None, token: Any = None, parent_id: str | None = None
    ) -> Page:
        if since is None or resource not in OBJECTS:
            page = super().list_page(resource, token=token)
        else:
            page = self._changed_page(resource, since, token)
        if parent_id is None:
            return page
        mine = [record for record in page.records if record.parent_id == parent_id]
        return dataclasses.replace(page, records=mine)

    def _changed_page(self, resource: str, since: datetime, token: Any) -> Page:
        kind, endpoint = OBJECTS[resource], self.endpoint(resource)
        ask = token or first_ask(since)
        answer = self.session.request(
            "POST",
            f"{self.objects_path}/{kind.path}/search",
            json=search_body(ask, kind.modified, self.properties[resource]),
            quota_class=SEARCH,
            is_repeatable=True,
        )
        rows = self._with_related(kind, self.rows(endpoint, answer))
        following = after_page(ask, rows, read_path(answer.body, "paging.next.after", None), kind.modified)
        wanted = [row for row in rows if self.is_wanted(endpoint, row)]
        records = [self.to_record(endpoint, row, answer=None, parent_id=None) for row in wanted]
        return Page(records, following, answer.server_time)

    def _with_related(self, kind: ObjectType, rows: Sequence[Any]) -> list[dict[str, Any]]:
        """Rows with their associations, which neither a search nor a batch brings along."""
        if not all(isinstance(row, dict) and row.get("id") for row in rows):
            raise ContractBroken(f"A row of {kind.path} came without its id.")
        found: dict[str, dict[str, Any]] = {str(row["id"]): {} for row in rows}
        for to in kind.related:
            for id in found:
                found[id][to] = {"results": []}
            for chunk in _chunks(list(found), BATCH):
                path = self._path("/crm/v4/associations/{a}/{b}/batch/read", a=kind.path, b=to)
                body = {"inputs": [{"id": id} for id in chunk]}
                answer = self.session.request("POST", path, json=body, is_repeatable=True)
                for one in rows_in(answer.body, "results", "associations"):
                    id = str(read_path(one, "from.id", ""))
                    if id in found:
                        found[id][to] = {"results": list(_as_v3(one))}
        return [{**row, "associations": found[str(row["id"])]} for row in rows]

    def get(self, resource: str, external_id: str, *, parent_id: str | None = None) -> ExternalRecord:
        record = super().get(resource, external_id)
        if record.id != external_id:
            raise MergedAway(f"This {resource} was merged into {record.id}.", record)
        if record.is_deleted:
            raise RecordGone(f"This {resource} lies in HubSpot's recycle bin.", proven=True)
        if resource == "deal" and self.pipeline and record.container != self.pipeline:
            raise OtherPipeline("The deal was moved to another pipeline.")
        return record

    def get_many(self, resource: str, external_ids: Sequence[str]) -> dict[str, ExternalRecord]:
        if resource not in OBJECTS:
            return super().get_many(resource, external_ids)
        endpoint = self.endpoint(resource)
        return {
            record.id: record
            for row in self._batch(resource, external_ids)
            if self.is_wanted(endpoint, row)
            and (record := dataclasses.replace(
                self.to_record(endpoint, row, answer=None, parent_id=None), complete=True
            )).id in external_ids
        }  # fmt: skip

    def _batch(
        self, resource: str, external_ids: Sequence[str], *, archived: bool = False
    ) -> Iterator[dict[str, Any]]:
        """A hundred per request; those that are not there are named among the errors and left out."""
        kind = OBJECTS[resource]
        for chunk in _chunks([id for id in external_ids if is_object_id(id)], BATCH):
            body = {
                "inputs": [{"id": id} for id in chunk],
                "properties": list(self.properties[resource]),
                "propertiesWithHistory": [],
            }
            answer = self.session.request(
                "POST",
                f"{self.objects_path}/{kind.path}/batch/read",
                params={"archived": archived},
                json=body,
                is_repeatable=True,
            )
            rows = rows_in(answer.body, "results", kind.path)
            yield from rows if archived else self._with_related(kind, rows)

    # --- writing -------------------------------------------------------------------------------------------------

    def create(
        self, resource: str, fields: Mapping[str, Any], *, key: str, parent_id: str | None = None
    ) -> ExternalRecord:
        if resource not in OBJECTS:
            raise self.cannot("create", resource)
        kind = OBJECTS[resource]
        if kind.parent and not parent_id:
            raise RecordProblem("A note needs the record it stands on.", field="on_id")
        write = object_write(resource, fields, None, now=self.session.environment.now())
        self._complete_stage(resource, write.properties, is_new=True)
        properties = {name: value for name, value in write.properties.items() if value != ""}
        id = (
            self._upsert(kind, properties, _own_key(resource, key))
            if self.key_property
            else self._post(kind, properties)
        )
        try:
            if write.company:
                self._associate(kind.path, id, "companies", write.company)
            if parent_id and kind.parent:
                self._associate(kind.path, id, kind.parent, parent_id)
            return self.get(resource, id)
        except SyncError as error:
            # the record is there: it must be found by its key and brought up to date, never made again
            message = f"The {resource} was made, but not completely: {error.message}"
            raise Retryable(message, ambiguous=True) from error

    def _post(self, kind: ObjectType, properties: Mapping[str, str]) -> str:
        body = {"properties": properties, "associations": []}
        answer = self.session.request("POST", f"{self.objects_path}/{kind.path}", json=body)
        return _id_in(answer.body, kind)

    def _upsert(self, kind: ObjectType, properties: Mapping[str, str], key: str) -> str:
        """Made, or found by the key and brought to these values: the same key again makes no second record."""
        if kind.path not in self._has_key:
            discovery.ensure_key_property(self.session, kind.path, self.key_property)
            self._has_key.add(kind.path)
        one = {
            "id": key,
            "idProperty": self.key_property,
            "properties": {**properties, self.key_property: key},
        }
        path = f"{self.objects_path}/{kind.path}/batch/upsert"
        answer = self.session.request("POST", path, json={"inputs": [one]})
        failure = read_path(answer.body, "errors[0]", None)
        if isinstance(failure, dict):
            raise _failure_in(failure, answer)
        return _id_in(read_path(answer.body, "results[0]", None), kind)

    def _associate(self, path: str, id: str, to: str, to_id: str) -> None:
        address = "/crm/v4/objects/{a}/{id}/associations/default/{b}/{other}"
        self.session.request("PUT", self._path(address, a=path, id=id, b=to, other=to_id))

    def _dissociate(self, path: str, id: str, to: str, to_id: str) -> None:
        address = "/crm/v4/objects/{a}/{id}/associations/{b}/{other}"
        self.session.request(
            "DELETE", self._path(address, a=path, id=id, b=to, other=to_id), ok=(404,), expect_json=False
        )

    def _complete_stage(self, resource: str, properties: dict[str, str], *, is_new: bool) -> None:
        """A stage belongs to a pipeline and both are set together; a new deal has to have one."""
        if resource != "deal" or not (is_new or "dealstage" in properties):
            return
        if self._stages is None:
            self._stages = {
                stage.id: str(stage.parent_id) for stage in discovery.stages(self.session, self.pipeline)
            }
        stage = properties.get("dealstage") or next(iter(self._stages), "")
        if stage not in self._stages:
            raise RecordProblem(f"HubSpot has no deal stage {stage!r}.", field="properties.dealstage")
        properties |= {"dealstage": stage, "pipeline": self._stages[stage]}

    def update(
        self,
        resource: str,
        external_id: str,
        fields: Mapping[str, Any],
        *,
        current: ExternalRecord,
        parent_id: str | None = None,
    ) -> ExternalRecord:
        if resource not in OBJECTS:
            raise self.cannot("update", resource)
        now = self.get(resource, external_id)
        # calculated properties move the time of change, so only what is about to be overwritten is compared
        self.refuse_stale(current, now, fields)
        kind = OBJECTS[resource]
        write = object_write(resource, fields, now.data, now=self.session.environment.now())
        self._complete_stage(resource, write.properties, is_new=False)
        if write.properties:
            path = self._path(self.endpoint(resource).update_path, id=external_id)
            self.session.request("PATCH", path, json={"properties": write.properties})
        if write.company is not None:
            before = now.data["hub"]["company"]
            if write.company and write.company != before:
                self._associate(kind.path, external_id, "companies", write.company)
            if before and write.company != before:
                self._dissociate(kind.path, external_id, "companies", before)
        after = self.get(resource, external_id)
        _refuse_ignored_stage(write.properties, after)
        return after

    # --- certainty -----------------------------------------------------------------------------------------------

    def find_by_key(
        self, resource: str, key: str, *, since: datetime, parent_id: str | None = None
    ) -> ExternalRecord | None:
        """By the unique property, read from the store and not from the index."""
        if not self.key_property or resource not in OBJECTS:
            return None
        endpoint = self.endpoint(resource)
        params = {**endpoint.get_params, "idProperty": self.key_property}
        try:
            path = self._path(endpoint.get_path, id=_own_key(resource, key))
            answer = self.session.get(path, params=params)
        except PermissionProblem:
            raise
        except (RecordGone, RecordProblem):
            return None  # RecordProblem: the property itself was never made, so no record can bear it
        row = self.record_in(endpoint, answer)
        if not self.is_wanted(endpoint, row):
            return (
                None  # a note that was made and not yet put on its record: the same create again completes it
            )
        return self.to_record(endpoint, row, answer=answer, parent_id=None)

    def explain_absence(
        self, resource: str, external_ids: Sequence[str], *, parent_id: str | None = None
    ) -> dict[str, Absence]:
        """HubSpot's recycle bin is the proof. What is in neither place was purged or erased for privacy: a person decides."""
        explained: dict[str, Absence] = {}
        missing: list[str] = []
        for id in external_ids:
            try:
                record = self.get(resource, id)
            except MergedAway as error:
                explained[id] = Absence(AbsenceKind.MOVED, error.message, error.record)
            except OtherPipeline as error:
                explained[id] = Absence(AbsenceKind.OUT_OF_FILTER, error.message)
            except RecordGone:
                missing.append(id)
            except PermissionProblem as error:
                explained[id] = Absence(AbsenceKind.NO_ACCESS, error.message)
            else:
                kind = AbsenceKind.ARCHIVED if record.is_archived else AbsenceKind.PRESENT
                explained[id] = Absence(kind, record=record)
        binned = {}
        if resource in OBJECTS and missing:
            binned = {str(row.get("id")): row for row in self._batch(resource, missing, archived=True)}
        for id in missing:
            if id in binned:
                detail = (
                    f"In HubSpot's recycle bin since {binned[id].get('archivedAt') or 'an unknown time'}."
                )
                explained[id] = Absence(AbsenceKind.DELETED, detail)
            else:
                detail = "Neither among the records nor in the recycle bin: purged, or erased for privacy."
                explained[id] = Absence(AbsenceKind.UNKNOWN, detail)
        return explained

    def container_token(self) -> str:
        self._account = None
        return digest([str(self.account()["portalId"]), self.pipeline])

    # --- set-up --------------------------------------------------------------------------------------------------

    def whoami(self) -> tuple[str, str]:
        id = str(self.account()["portalId"])
        return f"HubSpot account {id}", id

    def check(self) -> CheckReport:
        return discovery.check(self)

    def containers(self, kind: str = "", parent_id: str = "") -> list[Container]:
        return discovery.containers(self, kind, parent_id)

    def ensure_webhook(self, url: str, secret: str) -> WebhookRegistration | None:
        return discovery.ensure_webhook(self, url)

    def remove_webhooks(self, url: str) -> int:
        return discovery.remove_webhooks(self, url)


_PAGER = CursorToken(param="after", path="paging.next.after", size_param="limit", size=PAGE_SIZE)


def key_property(settings: Mapping[str, Any]) -> str:
    """Name of the unique property that carries the hub's key; "" where it is switched off."""
    given = str(settings.get("key_property") or DEFAULT_KEY).strip()
    return "" if given.lower() == "off" else given


def _own_key(resource: str, key: str) -> str:
    """The key's value: several resources are notes, and each has keys of its own."""
    return f"{resource}.{key}" if OBJECTS[resource].parent else key


def more_properties(settings: Mapping[str, Any]) -> dict[str, list[str]]:
    """``deal.dealtype, contact.jobtitle`` → names by resource."""
    found: dict[str, list[str]] = {}
    for part in str(settings.get("more_properties") or "").replace(";", ",").split(","):
        resource, _, name = part.strip().partition(".")
        if name:
            found.setdefault(resource, []).append(name)
    return found


def _asked_for(resource: str, settings: Mapping[str, Any]) -> tuple[str, ...]:
    kind = OBJECTS[resource]
    further = more_properties(settings).get(resource, [])
    return tuple(dict.fromkeys((*kind.properties, kind.modified, *further)))


def _chunks(ids: Sequence[str], size: int) -> Iterable[Sequence[str]]:
    return (ids[start : start + size] for start in range(0, len(ids), size))


def _as_v3(row: Any) -> Iterator[dict[str, str]]:
    """v4 names each association's types by number; v3 gives one row per type. 5 is the deal's primary company."""
    for one in row.get("to") or () if isinstance(row, dict) else ():
        types = {read_path(each, "typeId", None) for each in one.get("associationTypes") or ()}
        word = "primary" if 5 in types else "other_unlabeled"
        yield {"id": str(one.get("toObjectId") or ""), "type": word}


def _id_in(row: Any, kind: ObjectType) -> str:
    id = row.get("id") if isinstance(row, dict) else None
    if not id:
        raise ContractBroken(f"The answer to a create holds no record of {kind.path}.")
    return str(id)


def _failure_in(failure: Mapping[str, Any], answer: Answer) -> SyncError:
    """A refusal inside an answer of 207."""
    message = str(failure.get("message") or "HubSpot refused the record.")[:300]
    if existing_id(message):
        return AlreadyExists(message, external_id=existing_id(message), status=409, exchange=answer.exchange)
    return RecordProblem(
        message, field=refused_property(failure), status=answer.status, exchange=answer.exchange
    )


def _refuse_ignored_stage(sent: Mapping[str, str], after: ExternalRecord) -> None:
    """HubSpot moves the lifecycle stage forwards only, and says nothing where it ignored a step back."""
    name = "lifecyclestage"
    if sent.get(name) and after.data["properties"].get(name) != sent[name]:
        message = "HubSpot moves the lifecycle stage forwards only: clear it there first, then set it anew."
        raise RecordProblem(message, field=f"properties.{name}")
