"""A stand-in for HubSpot's CRM (objects v3, associations v4, webhooks v3), held to the shapes of its published client."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from sandbox.store import Document
from sandbox.vendor import ContractFixture, Logged, Sheet, SheetField
from sandbox.web import Call, Refusal, Reply, Route, route

from . import hubspot_seed as seed
from .hubspot_search import check_search, matching
from .hubspot_state import CREATED, DEFAULT, MODIFIED, TYPES, HubSpotState, missing

LISTED = "limit after properties propertiesWithHistory associations archived"
READ = "properties propertiesWithHistory associations archived idProperty"
SEARCH_CAP = 10_000
BATCH = 100


class HubSpot(HubSpotState):
    slug = "hubspot"
    name = "HubSpot"
    colour = "#ff7a59"
    tagline = "Holzform: contacts, companies, deals in two pipelines, tasks, notes"
    limit_per_minute = 600
    webhook_retry_delays = (60.0, 300.0, 1800.0)

    # --- what it is ----------------------------------------------------------------------------------------------

    def seed(self) -> None:
        for id, first, last, email, user in seed.OWNERS:
            owner = {
                "id": id,
                "email": email,
                "firstName": first,
                "lastName": last,
                "userId": user,
                "type": "PERSON",
            }
            self.world.put("owner", id, {**owner, "archived": False, **_stamps()})
        for place, (id, label, stages) in enumerate(seed.PIPELINES):
            steps = [
                {
                    "id": stage, "label": name, "displayOrder": at, "archived": False, **_stamps(),
                    "metadata": {"probability": probability, "isClosed": "true" if closed else "false"},
                }
                for at, (stage, name, probability, closed) in enumerate(stages)
            ]  # fmt: skip
            pipeline = {"id": id, "label": label, "displayOrder": place, "archived": False, **_stamps()}
            self.world.put("pipeline", id, {**pipeline, "stages": steps})
        for kind in TYPES:
            self._add_property(kind, {"name": "lockstep_key", "label": "Lockstep key", "type": "string", "fieldType": "text",
                                      "groupName": f"{kind}_info", "hasUniqueValue": True})  # fmt: skip
        made: dict[str, list[str]] = {}
        for kind, rows in (("companies", seed.COMPANIES), ("contacts", seed.CONTACTS), ("tasks", seed.TASKS)):
            made[kind] = [self.make(kind, one, actor="")["id"] for one in rows]
        made["deals"] = [self.make("deals", one, actor="")["id"] for one, _ in seed.DEALS]
        for id, (_, company) in zip(made["deals"], seed.DEALS, strict=True):
            if company is not None:
                self.associate("deals", id, "companies", made["companies"][company], actor="")
        for kind, at, text, owner_id in seed.NOTES:
            note = {
                "hs_note_body": text,
                "hubspot_owner_id": owner_id,
                "hs_timestamp": _stamps()["createdAt"],
            }
            id = self.make("notes", note, actor="")["id"]
            self.associate("notes", id, kind, made[kind][at], actor="")

    def authenticate(self, call: Call) -> str:
        given = call.headers.get("Authorization", "")
        if given in (f"Bearer {seed.TOKEN}", f"Bearer {self._access_token()}"):
            return "app"
        message = "Authentication credentials not found. This API supports OAuth 2.0 authentication."
        raise Refusal(401, message, code="INVALID_AUTHENTICATION")

    def _access_token(self) -> str:
        found = self.world.get("token", "access")
        return str(found["value"]) if found else "none-yet"

    def refuse(self, refusal: Refusal) -> Any:
        if refusal.status == 429:
            message = "You have reached your ten_secondly_roll limit."
            return {
                **self._error(message, "RATE_LIMITS"),
                "errorType": "RATE_LIMIT",
                "policyName": "TEN_SECONDLY_ROLLING",
            }
        body = self._error(refusal.message, refusal.code or "VALIDATION_ERROR")
        if refusal.field:
            context = {"propertyName": [refusal.field]}
            body["errors"] = [{"message": refusal.message, "code": refusal.code, "context": context}]
        return body

    def _error(self, message: str, category: str) -> dict[str, Any]:
        id = f"a43683b0-5717-4ceb-80b4-{self.world.next_number('correlation'):012d}"
        return {"status": "error", "message": message, "correlationId": id, "category": category}

    def headers(self, call: Call, *, remaining: int) -> dict[str, str]:
        if call.path.endswith("/search"):
            return {}  # searches carry none
        return {
            "X-HubSpot-RateLimit-Daily": "250000",
            "X-HubSpot-RateLimit-Daily-Remaining": "249000",
            "X-HubSpot-RateLimit-Interval-Milliseconds": "10000",
            "X-HubSpot-RateLimit-Max": "100",
            "X-HubSpot-RateLimit-Remaining": str(max(0, min(100, remaining))),
        }

    def too_many(self, call: Call, *, retry_after: int) -> Refusal:
        """No Retry-After is promised."""
        return Refusal(429, "Rate limit exceeded")

    def check_query(self, call: Call, spec: Route) -> None:
        for name in call.query:
            if spec.query is not None and name not in spec.query:
                raise Refusal(400, f"Unknown parameter {name}")

    def reads_by_post(self, entry: Logged) -> bool:
        return entry.path.endswith(("/search", "/batch/read"))

    # --- helpers of handlers -------------------------------------------------------------------------------------

    def _kind(self, kind: str) -> str:
        if kind not in TYPES:
            raise Refusal(400, f"Unable to infer object type from: {kind}")
        return kind

    def _body(self, call: Call, allowed: str, required: str = "") -> dict[str, Any]:
        body = call.json
        if not isinstance(body, dict):
            raise Refusal(400, "Invalid input JSON: expected an object")
        for name in body:
            if name not in allowed.split():
                raise Refusal(400, f"Invalid input JSON: unknown property {name}")
        for name in required.split():
            if name not in body:
                raise Refusal(400, f"Invalid input JSON: some required fields were not set: [{name}]")
        return body

    def _inputs(self, call: Call, allowed: str = "inputs", most: int = BATCH) -> list[dict[str, Any]]:
        inputs = self._body(call, allowed, "inputs")["inputs"]
        if (
            not isinstance(inputs, list)
            or not 0 < len(inputs) <= most
            or not all(isinstance(i, dict) for i in inputs)
        ):
            raise Refusal(400, f"The batch must hold between 1 and {most} inputs")
        return inputs

    def _limit(self, call: Call, high: int) -> int:
        text = call.query.get("limit", "10")
        if not text.isdigit() or not 0 < int(text) <= high:
            raise Refusal(400, f"limit must be between 1 and {high}")
        return int(text)

    def _flag(self, call: Call, name: str) -> bool:
        value = call.query.get(name, "false")
        if value not in ("true", "false"):
            raise Refusal(400, f"{name} must be true or false")
        return value == "true"

    def _shown(
        self, record: Mapping[str, Any], asked: Iterable[str], associations: Iterable[str] = ()
    ) -> dict[str, Any]:
        kind, known = record["kind"], self.readable(record["kind"])
        always = (
            "hs_object_id",
            CREATED.get(kind, "hs_createdate"),
            MODIFIED.get(kind, "hs_lastmodifieddate"),
        )
        names = dict.fromkeys((*always, *(name for name in asked if name in known)))
        shown = {
            "id": record["id"],
            "properties": {name: record["properties"].get(name) for name in names},
            "createdAt": record["createdAt"],
            "updatedAt": record["updatedAt"],
            "archived": record["archived"],
        }
        if record["archived"]:
            shown["archivedAt"] = record["archivedAt"]
        found = {to: self._related(record, to) for to in associations}
        if any(found.values()):
            shown["associations"] = {to: {"results": rows} for to, rows in found.items() if rows}
        return shown

    def _related(self, record: Mapping[str, Any], to: str) -> list[dict[str, str]]:
        kind, rows = record["kind"], []
        for other in self.beside(kind, record["id"], self._kind(to)):
            for type_id in self.type_ids(kind, record["id"], to, other):
                is_primary = type_id != DEFAULT.get((kind, to)) and (kind, to) in DEFAULT
                word = f"{kind[:-1]}_to_{to[:-1]}" + ("" if is_primary or kind == "notes" else "_unlabeled")
                rows.append({"id": other, "type": word})
        return rows

    def _asked(self, call: Call) -> tuple[list[str], list[str]]:
        split = (call.query.get(name, "").split(",") for name in ("properties", "associations"))
        properties, associations = ([one for one in part if one] for part in split)
        return properties, associations

    # --- objects -------------------------------------------------------------------------------------------------

    @route("GET", "/crm/v3/objects/<kind>", query=LISTED)
    @route("GET", "/crm/objects/2026-03/<kind>", query=LISTED)
    def list_objects(self, call: Call, kind: str) -> Any:
        """From the store, by id."""
        archived, limit = self._flag(call, "archived"), self._limit(call, 100)
        rows = [one for one in self.world.all(self._kind(kind)) if one["archived"] == archived]
        rows = sorted(rows, key=lambda one: int(one["id"]))
        after = call.query.get("after", "0")
        if not after.isdigit():
            raise Refusal(400, f"Invalid paging cursor {after}")
        rest = [one for one in rows if int(one["id"]) >= int(after)]
        body: dict[str, Any] = {"results": [self._shown(one, *self._asked(call)) for one in rest[:limit]]}
        if len(rest) > limit:
            following = rest[limit]["id"]
            body["paging"] = {"next": {"after": following, "link": call.address(after=following)}}
        return body

    @route("GET", "/crm/v3/objects/<kind>/<id>", query=READ)
    @route("GET", "/crm/objects/2026-03/<kind>/<id>", query=READ)
    def read_object(self, call: Call, kind: str, id: str) -> Any:
        record = self._found(
            self._kind(kind), id, call.query.get("idProperty", ""), self._flag(call, "archived")
        )
        return self._shown(record, *self._asked(call))

    def _found(self, kind: str, id: str, id_property: str, archived: bool = False) -> Document:
        if not id_property:
            if not id.isdigit():
                raise Refusal(400, f"{id} is not a valid object id")
            return self.record(kind, id, archived=archived)
        if id_property not in self.unique(kind):
            raise Refusal(400, f"{id_property} is not a unique property of {kind}")
        found = self.by_property(kind, id_property, id)
        if found is None:
            raise missing()
        return found

    @route("POST", "/crm/v3/objects/<kind>")
    @route("POST", "/crm/objects/2026-03/<kind>")
    def create_object(self, call: Call, kind: str) -> Any:
        body = self._body(call, "properties associations", "properties")
        record = self.make(self._kind(kind), body["properties"], actor=call.actor)
        for one in body.get("associations") or ():
            to = next(
                (
                    pair[1]
                    for pair, id in DEFAULT.items()
                    if pair[0] == kind and id == one["types"][0]["associationTypeId"]
                ),
                "",
            )
            self.associate(kind, record["id"], self._kind(to), str(one["to"]["id"]), actor=call.actor)
        return Reply(self._shown(record, body["properties"]), 201)

    @route("PATCH", "/crm/v3/objects/<kind>/<id>", query="idProperty")
    @route("PATCH", "/crm/objects/2026-03/<kind>/<id>", query="idProperty")
    def update_object(self, call: Call, kind: str, id: str) -> Any:
        body = self._body(call, "properties", "properties")
        found = self._found(self._kind(kind), id, call.query.get("idProperty", ""))
        return self._shown(
            self.change(kind, found["id"], body["properties"], actor=call.actor), body["properties"]
        )

    @route("DELETE", "/crm/v3/objects/<kind>/<id>")
    @route("DELETE", "/crm/objects/2026-03/<kind>/<id>")
    def archive_object(self, call: Call, kind: str, id: str) -> Any:
        self.archive(self._kind(kind), id, actor=call.actor)
        return Reply(None, 204)

    @route("POST", "/crm/v3/objects/<kind>/search")
    @route("POST", "/crm/objects/2026-03/<kind>/search")
    def search(self, call: Call, kind: str) -> Any:
        """From the index, which lags."""
        body = self._body(call, "filterGroups sorts query properties limit after")
        check_search(body, self.readable(self._kind(kind)))
        rows = self.visible([one for one in self.world.all(kind) if not one["archived"]], "updatedAt")
        found = matching(rows, body)
        start, limit = int(body.get("after") or 0), int(body.get("limit") or 10)
        cap = int(self.trouble.knobs.extra.get("search_cap", SEARCH_CAP))
        if start + limit > cap:
            raise Refusal(400, f"The maximum number of results is {cap}")
        asked = body.get("properties") or ()
        answer: dict[str, Any] = {"total": len(found)}
        answer["results"] = [self._shown(one, asked) for one in found[start : start + limit]]
        if start + limit < len(found):
            answer["paging"] = {"next": {"after": str(start + limit)}}
        return answer

    @route("POST", "/crm/v3/objects/<kind>/batch/read", query="archived")
    @route("POST", "/crm/objects/2026-03/<kind>/batch/read", query="archived")
    def batch_read(self, call: Call, kind: str) -> Any:
        archived = self._flag(call, "archived")
        inputs = self._inputs(call, "inputs properties propertiesWithHistory idProperty")
        id_property, found, lost = call.json.get("idProperty") or "", [], []
        for one in inputs:
            try:
                record = self._found(self._kind(kind), str(one.get("id") or ""), id_property, archived)
            except Refusal:
                lost.append(str(one.get("id")))
            else:
                found.append(self._shown(record, call.json.get("properties") or ()))
        return self._batch_answer(found, lost)

    def _batch_answer(self, results: list[Any], lost: list[str]) -> Reply:
        stamp = self.stamp(ms=True)
        body = {"status": "COMPLETE", "results": results, "startedAt": stamp, "completedAt": stamp}
        if not lost:
            return Reply(body)
        error = {
            "status": "error", "category": "OBJECT_NOT_FOUND", "message": "Could not get some objects, they may be deleted or not exist.",
            "context": {"ids": lost}, "links": {}, "errors": [],
        }  # fmt: skip
        return Reply({**body, "numErrors": 1, "errors": [error]}, 207)

    @route("POST", "/crm/v3/objects/<kind>/batch/upsert")
    @route("POST", "/crm/objects/2026-03/<kind>/batch/upsert")
    def batch_upsert(self, call: Call, kind: str) -> Any:
        results = []
        for one in self._inputs(call):
            id, by, values = str(one.get("id") or ""), str(one.get("idProperty") or ""), one.get("properties")
            if by not in self.unique(self._kind(kind)) or not id or not isinstance(values, dict):
                raise Refusal(400, f"{by or 'hs_object_id'} is not a unique property of {kind}")
            there = self.by_property(kind, by, id)
            record = (
                self.make(kind, {**values, by: id}, actor=call.actor)
                if there is None
                else self.change(kind, there["id"], values, actor=call.actor)
            )
            results.append({**self._shown(record, values), "new": there is None})
        return self._batch_answer(results, [])

    # --- associations --------------------------------------------------------------------------------------------

    @route("POST", "/crm/v4/associations/<kind>/<to>/batch/read")
    def read_associations(self, call: Call, kind: str, to: str) -> Any:
        results, lost = [], []
        for one in self._inputs(call, most=1000):
            id = str(one.get("id") or "")
            others = self.beside(self._kind(kind), id, self._kind(to))
            if not others:
                lost.append(id)
                continue
            rows = [
                {
                    "toObjectId": other,
                    "associationTypes": [
                        {
                            "category": "HUBSPOT_DEFINED",
                            "typeId": each,
                            "label": "Primary" if each in (1, 5) else "Unlabeled",
                        }
                        for each in self.type_ids(kind, id, to, other)
                    ],
                }
                for other in others
            ]
            results.append({"from": {"id": id}, "to": rows})
        return self._batch_answer(results, lost)

    @route("PUT", "/crm/v4/objects/<kind>/<id>/associations/default/<to>/<other>")
    def put_association(self, call: Call, kind: str, id: str, to: str, other: str) -> Any:
        self.associate(self._kind(kind), id, self._kind(to), other, actor=call.actor)
        spec = {
            "associationCategory": "HUBSPOT_DEFINED",
            "associationTypeId": self.type_ids(kind, id, to, other)[-1],
        }
        return self._batch_answer([{"from": {"id": id}, "to": {"id": other}, "associationSpec": spec}], [])

    @route("DELETE", "/crm/v4/objects/<kind>/<id>/associations/<to>/<other>")
    def drop_association(self, call: Call, kind: str, id: str, to: str, other: str) -> Any:
        self.dissociate(self._kind(kind), id, self._kind(to), other, actor=call.actor)
        return Reply(None, 204)

    # --- account, owners, pipelines, properties ------------------------------------------------------------------

    @route("GET", "/account-info/v3/details")
    def account(self, call: Call) -> Any:
        return {
            "portalId": seed.PORTAL, "accountType": "STANDARD", "timeZone": "Europe/Berlin", "companyCurrency": "EUR",
            "additionalCurrencies": ["USD", "GBP"], "utcOffset": "+01:00", "utcOffsetMilliseconds": 3600000,
            "uiDomain": "app-eu1.hubspot.com", "dataHostingLocation": "eu1",
        }  # fmt: skip

    @route("GET", "/crm/v3/owners", query="email after limit archived")
    def owners(self, call: Call) -> Any:
        limit, archived = self._limit(call, 500), self._flag(call, "archived")
        rows = [one for one in self.world.all("owner") if one["archived"] == archived]
        start = int(call.query.get("after", "0") or 0)
        body: dict[str, Any] = {"results": rows[start : start + limit]}
        if start + limit < len(rows):
            body["paging"] = {"next": {"after": str(start + limit)}}
        return body

    @route("GET", "/crm/v3/owners/<id>", query="idProperty archived")
    def owner(self, call: Call, id: str) -> Any:
        found = self.world.get("owner", id)
        if found is None or found["archived"] != self._flag(call, "archived"):
            raise missing("owner")
        return found

    @route("GET", "/crm/v3/pipelines/deals")
    def pipelines(self, call: Call) -> Any:
        return {"results": self.world.all("pipeline")}

    @route("GET", "/crm/v3/properties/<kind>", query="archived")
    def properties(self, call: Call, kind: str) -> Any:
        return {"results": [self._property(kind, name) for name in sorted(self.known(self._kind(kind)))]}

    @route("GET", "/crm/v3/properties/<kind>/<name>", query="archived")
    def one_property(self, call: Call, kind: str, name: str) -> Any:
        if name not in self.known(self._kind(kind)):
            raise missing("property")
        return self._property(kind, name)

    def _property(self, kind: str, name: str) -> dict[str, Any]:
        type_, field_type, options = self.known(kind)[name]
        own = self.world.get("property", f"{kind}/{name}") or {}
        rows = [{"label": one.replace("_", " ").capitalize(), "value": one, "hidden": False, "displayOrder": at}
                for at, one in enumerate(options)]  # fmt: skip
        return {
            "name": name, "label": own.get("label") or name.replace("_", " ").capitalize(), "type": type_, "fieldType": field_type,
            "description": "", "groupName": own.get("groupName") or f"{kind}_info", "options": rows, "hidden": False,
            "calculated": False, "hasUniqueValue": name in self.unique(kind), "hubspotDefined": not own, "archived": False,
            "modificationMetadata": {"archivable": bool(own), "readOnlyDefinition": not own, "readOnlyValue": False},
        }  # fmt: skip

    @route("POST", "/crm/v3/properties/<kind>")
    def create_property(self, call: Call, kind: str) -> Any:
        allowed = "name label type fieldType groupName description options hasUniqueValue displayOrder formField hidden"
        body = self._body(call, allowed, "name label type fieldType groupName")
        if body["name"] in self.readable(self._kind(kind)):
            raise Refusal(409, f"Property named '{body['name']}' already exists.", code="CONFLICT")
        self._add_property(kind, body)
        return Reply(self._property(kind, body["name"]), 201)

    def _add_property(self, kind: str, body: Mapping[str, Any]) -> None:
        self.world.put("property", f"{kind}/{body['name']}", {**body, "objectType": kind})

    # --- webhooks of the app -------------------------------------------------------------------------------------

    def _check_app(self, call: Call, app: str) -> str:
        if app != str(seed.APP_ID) or call.query.get("hapikey") != seed.DEVELOPER_KEY:
            raise Refusal(401, "The API key provided is invalid.", code="INVALID_AUTHENTICATION")
        return app

    @route("GET", "/webhooks/v3/<app>/settings", query="hapikey")
    def webhook_settings(self, call: Call, app: str) -> Any:
        found = self.world.get("settings", self._check_app(call, app))
        if found is None:
            raise missing("settings")
        return found

    @route("PUT", "/webhooks/v3/<app>/settings", query="hapikey")
    def put_webhook_settings(self, call: Call, app: str) -> Any:
        body = self._body(call, "targetUrl throttling", "targetUrl throttling")
        return self.world.put("settings", self._check_app(call, app), {**body, **_stamps()})

    @route("DELETE", "/webhooks/v3/<app>/settings", query="hapikey")
    def drop_webhook_settings(self, call: Call, app: str) -> Any:
        self.world.drop("settings", self._check_app(call, app))
        return Reply(None, 204)

    @route("GET", "/webhooks/v3/<app>/subscriptions", query="hapikey")
    def webhook_subscriptions(self, call: Call, app: str) -> Any:
        self._check_app(call, app)
        return {"results": self.world.all("subscription")}

    @route("POST", "/webhooks/v3/<app>/subscriptions", query="hapikey")
    def add_subscription(self, call: Call, app: str) -> Any:
        self._check_app(call, app)
        body = self._body(call, "eventType propertyName active objectTypeId", "eventType")
        if body["eventType"].endswith(".propertyChange") != bool(body.get("propertyName")):
            raise Refusal(400, "propertyName belongs to propertyChange subscriptions, and only to them")
        id = str(self.world.next_number("subscription", 2_418_001))
        return Reply(
            self.world.put("subscription", id, {"active": False, **body, "id": id, **_stamps()}), 201
        )

    @route("POST", "/oauth/v1/token", auth=False)
    def token(self, call: Call) -> Any:
        form = call.form
        good = {
            "client_id": seed.CLIENT_ID,
            "client_secret": seed.CLIENT_SECRET,
            "refresh_token": seed.REFRESH_TOKEN,
        }
        if form.get("grant_type") != "refresh_token" or any(
            form.get(name) != value for name, value in good.items()
        ):
            raise Refusal(400, "missing or invalid refresh token", code="BAD_REFRESH_TOKEN")
        access = f"demo-hubspot-access-{self.world.next_number('token')}"
        self.world.put("token", "access", {"value": access})
        return {
            "token_type": "bearer",
            "refresh_token": seed.REFRESH_TOKEN,
            "access_token": access,
            "expires_in": 1800,
        }

    # --- by hand -------------------------------------------------------------------------------------------------

    def sheets(self) -> tuple[Sheet, ...]:
        stages = {id: f"{stage['label']}" for id, stage in self.stages().items()}
        owners = {
            "": "",
            **{one["id"]: f"{one['firstName']} {one['lastName']}" for one in self.world.all("owner")},
        }
        owner = SheetField("properties.hubspot_owner_id", "Owner", "choice", owners)
        statuses = {
            one: one.replace("_", " ").capitalize()
            for one in ("NOT_STARTED", "IN_PROGRESS", "WAITING", "DEFERRED", "COMPLETED")
        }
        text = [
            ("dealname", "Deal"),
            ("amount", "Amount"),
            ("closedate", "Close date"),
            ("description", "Description"),
        ]
        return (
            Sheet("deals", "Deals", (*_texts(text), SheetField("properties.dealstage", "Stage", "choice", stages), owner), "properties.dealname"),
            Sheet("contacts", "Contacts", (*_texts([("firstname", "First name"), ("lastname", "Last name"), ("email", "E-mail"),
                  ("phone", "Phone"), ("jobtitle", "Job title"), ("company", "Company")]), owner), "properties.lastname"),
            Sheet("companies", "Companies", (*_texts([("name", "Name"), ("website", "Website"), ("phone", "Phone"),
                  ("city", "City")]), owner), "properties.name"),
            Sheet("tasks", "Tasks", (*_texts([("hs_task_subject", "Subject"), ("hs_task_body", "Text"), ("hs_timestamp", "Due")]),
                  SheetField("properties.hs_task_status", "Status", "choice", statuses), owner), "properties.hs_task_subject"),
        )  # fmt: skip

    def edit(self, kind: str, id: str | None, values: Mapping[str, Any], *, actor: str = "") -> str:
        given = {
            name.removeprefix("properties."): "" if value is None else str(value)
            for name, value in values.items()
        }
        with self.world.lock:
            if id is not None:
                return str(self.change(kind, id, given, actor=actor)["id"])
            filled = {name: value for name, value in given.items() if value}
            if kind in ("tasks", "notes"):
                filled.setdefault("hs_timestamp", self.stamp(ms=True))
            return str(self.make(kind, filled, actor=actor)["id"])

    def remove(self, kind: str, id: str, *, actor: str = "") -> None:
        with self.world.lock:
            self.archive(kind, id, actor=actor)

    def contract_fixture(self) -> ContractFixture:
        deal = next(iter(self.world.all("deals")), {"id": "0"})["id"]
        contact = next(iter(self.world.all("contacts")), {"id": "0"})["id"]
        company = next(iter(self.world.all("companies")), {"id": "0"})["id"]
        note = {"hub.body": "<p>Measured on site.</p>", "properties.hubspot_owner_id": "41629780"}
        notes = ("deal_note", "contact_note", "company_note")
        return ContractFixture(
            base_url="{root}",
            settings={"app_id": str(seed.APP_ID)},
            secrets={"token": seed.TOKEN, "client_secret": seed.CLIENT_SECRET, "developer_key": seed.DEVELOPER_KEY},
            samples={
                "company": {"properties.name": "Café Linde", "properties.website": "linde.example", "properties.hubspot_owner_id": "41629779"},
                "contact": {"properties.firstname": "Noor", "properties.lastname": "Haddad", "properties.phone": "+49 221 555100"},
                "deal": {"properties.dealname": "Counter and stools", "properties.dealstage": "qualifiedtobuy", "properties.amount": "4100",
                         "hub.company": company, "properties.closedate": "2026-12-20T12:00:00.000Z"},
                "task": {"properties.hs_task_subject": "Measure the counter", "properties.hs_task_status": "NOT_STARTED",
                         "hub.owners": ["41629779"], "hub.due_at": "2026-12-04T12:00:00.000Z"},
                **dict.fromkeys(notes, note),
            },
            edits={
                "deal": {"properties.dealname": "Counter and eight stools", "properties.amount": "4350"},
                "company": {"properties.name": "Café Linde GmbH"},
                "contact": {"properties.phone": "+49 221 555199"},
                "task": {"properties.hs_task_status": "COMPLETED", "hub.due_at": "2026-12-07T12:00:00.000Z"},
                **{name: {"hub.body": "<p>Measured again.</p>"} for name in notes},
            },
            parents={"deal_note": deal, "contact_note": contact, "company_note": company},
            webhook_secret=seed.CLIENT_SECRET,
            kinds={"company": "companies", "contact": "contacts", "deal": "deals", "task": "tasks"} | dict.fromkeys(notes, "notes"),
        )  # fmt: skip


def _stamps() -> dict[str, str]:
    stamp = datetime.isoformat(seed.START, timespec="milliseconds").replace("+00:00", "Z")
    return {"createdAt": stamp, "updatedAt": stamp}


def _texts(fields: Iterable[tuple[str, str]]) -> list[SheetField]:
    return [SheetField(f"properties.{name}", label) for name, label in fields]


VENDOR = HubSpot
