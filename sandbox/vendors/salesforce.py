"""A stand-in for Salesforce's REST API (rows, query, composite, the log of deletions, OAuth 2)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from sandbox.vendor import ContractFixture, Logged, Sheet, SheetField
from sandbox.web import Call, Refusal, Reply, Route, route

from . import salesforce_seed as seed
from .salesforce_soql import parse
from .salesforce_state import DEFAULTS, FIELDS, PICKS, READ_ONLY, SalesforceState, bad, written

VERSION = "v62.0"
ROOT = f"/services/data/{VERSION}"
LOCATOR = re.compile(r"(01g\w{15})-(\d+)\Z")
LOG_DAYS = 15


class Salesforce(SalesforceState):
    slug = "salesforce"
    name = "Salesforce"
    colour = "#0176d3"
    tagline = "Pumpwerk: leads, accounts, opportunities, tasks"

    # --- what it is ----------------------------------------------------------------------------------------------

    def seed(self) -> None:
        made: dict[str, list[str]] = {"User": []}
        for name, email, title, active, kind in seed.USERS:
            user = {
                "Name": name,
                "Email": email,
                "Title": title,
                "IsActive": active,
                "UserType": kind,
                "CompanyName": "Pumpwerk GmbH",
            }
            made["User"].append(self.make("User", user, at=written(seed.START))["Id"])
        for place, (name, values) in enumerate(seed.RECORDS):
            filled = {field: _pointed(value, made) for field, value in values.items()}
            at = written(seed.START + timedelta(days=place))
            made.setdefault(name, []).append(self.make(name, filled, at=at)["Id"])

    def authenticate(self, call: Call) -> str:
        given = call.headers.get("Authorization", "")
        fresh = self.world.get("token", "access")
        if given not in (
            f"Bearer {seed.ACCESS_TOKEN}",
            f"Bearer {fresh['value'] if fresh else seed.ACCESS_TOKEN}",
        ):
            raise Refusal(401, "Session expired or invalid", code="INVALID_SESSION_ID")
        return str(self.world.all("User")[0]["Id"])

    def refuse(self, refusal: Refusal) -> Any:
        codes = {
            401: "INVALID_SESSION_ID",
            403: "INSUFFICIENT_ACCESS_OR_READONLY",
            404: "NOT_FOUND",
            503: "SERVER_UNAVAILABLE",
        }
        code = refusal.code if refusal.code.isupper() else codes.get(refusal.status, "UNKNOWN_EXCEPTION")
        return [{"message": refusal.message, "errorCode": code}]

    def headers(self, call: Call, *, remaining: int) -> dict[str, str]:
        return {"Sforce-Limit-Info": f"api-usage={len(self.requests)}/{seed.DAY_LIMIT}"}

    def too_many(self, call: Call, *, retry_after: int) -> Refusal:
        """No 429 and no Retry-After."""
        return Refusal(403, "TotalRequests Limit exceeded.", code="REQUEST_LIMIT_EXCEEDED")

    def check_query(self, call: Call, spec: Route) -> None:
        for name in call.query:
            if spec.query is not None and name not in spec.query:
                raise bad("INVALID_QUERY_PARAMETER", f"Unknown parameter {name}")

    def reads_by_post(self, entry: Logged) -> bool:
        return entry.path.startswith(f"{ROOT}/composite/sobjects/")

    # --- queries -------------------------------------------------------------------------------------------------

    @route("GET", f"{ROOT}/query", query="q", required="q")
    def query(self, call: Call) -> Any:
        return self._answer_query(call, shows_bin=False)

    @route("GET", f"{ROOT}/queryAll", query="q", required="q")
    def query_all(self, call: Call) -> Any:
        return self._answer_query(call, shows_bin=True)

    def _answer_query(self, call: Call, *, shows_bin: bool) -> Any:
        query = parse(call.query.get("q", ""))
        records, known = self._source(query.source)
        for name in query.named:
            if name not in known:
                raise bad("INVALID_FIELD", f"No such column '{name}' on entity '{query.source}'.")
        rows = query.rows([one for one in records if shows_bin or not one.get("IsDeleted")])
        size = self._batch_size(call)
        shown = [self._shown(query.source, row, query.fields) for row in rows]
        answer: dict[str, Any] = {"totalSize": len(rows), "done": len(rows) <= size, "records": shown[:size]}
        if len(rows) > size:
            number = self.world.next_number("locator")
            locator = f"01g5g00000{number:08d}"
            self.world.put("locator", locator, {"rows": shown, "size": size})
            answer["nextRecordsUrl"] = f"{ROOT}/query/{locator}-{size}"
        return answer

    @route("GET", f"{ROOT}/query/<locator>")
    def query_more(self, call: Call, locator: str) -> Any:
        found = LOCATOR.match(locator)
        kept = self.world.get("locator", found.group(1)) if found else None
        if found is None or kept is None:
            raise bad("INVALID_QUERY_LOCATOR", "invalid query locator")
        start, rows, size = int(found.group(2)), kept["rows"], kept["size"]
        answer = {
            "totalSize": len(rows),
            "done": start + size >= len(rows),
            "records": rows[start : start + size],
        }
        if not answer["done"]:
            answer["nextRecordsUrl"] = f"{ROOT}/query/{found.group(1)}-{start + size}"
        return answer

    def _batch_size(self, call: Call) -> int:
        wanted = re.fullmatch(r"batchSize=(\d+)", call.headers.get("Sforce-Query-Options", "batchSize=2000"))
        if wanted is None or not 200 <= int(wanted.group(1)) <= 2000:
            raise bad("INVALID_BATCH_SIZE", "batchSize must be between 200 and 2000")
        return int(self.trouble.knobs.extra.get("batch_size") or wanted.group(1))  # a hint only

    def _source(self, name: str) -> tuple[list[Mapping[str, Any]], Iterable[str]]:
        if name in FIELDS:
            return list(self.world.all(name)), self.object_fields(name)
        rows = _statuses(name)
        if not rows:
            raise bad("INVALID_TYPE", f"sObject type '{name}' is not supported.")
        return rows, rows[0]

    def _shown(self, name: str, row: Mapping[str, Any], fields: Iterable[str]) -> dict[str, Any]:
        attributes = {
            "type": name,
            "url": f"{ROOT}/sobjects/{name}/{row.get('Id') or row.get('MasterLabel')}",
        }
        return {"attributes": attributes, **{field: row.get(field) for field in fields}}

    # --- rows ----------------------------------------------------------------------------------------------------

    @route("GET", f"{ROOT}/sobjects/<name>/<id>", query="fields")
    def read_row(self, call: Call, name: str, id: str) -> Any:
        return self._row(name, self.live(self._object(name), id), call.query.get("fields", ""))

    def _object(self, name: str) -> str:
        self.object_fields(name)
        return name

    def _row(self, name: str, row: Mapping[str, Any], fields: str) -> dict[str, Any]:
        known = self.object_fields(name)
        asked = [one.strip() for one in fields.split(",") if one.strip()] or list(known)
        for field in asked:
            if field not in known:
                raise bad("INVALID_FIELD", f"No such column '{field}' on sobject of type {name}")
        return self._shown(name, row, dict.fromkeys(("Id", *asked)))

    @route("GET", f"{ROOT}/sobjects/<name>/<field>/<key>", query="fields")
    def read_by_key(self, call: Call, name: str, field: str, key: str) -> Any:
        found = self.by_key(self._object(name), field, key)
        if found is None:
            raise bad("NOT_FOUND", "The requested resource does not exist", status=404)
        return self._row(name, found, call.query.get("fields", ""))

    @route("POST", f"{ROOT}/sobjects/<name>")
    def create_row(self, call: Call, name: str) -> Any:
        return self._create(self._object(name), self._values(call.json), _saves_duplicates(call.headers))

    def _create(self, name: str, values: Mapping[str, Any], saves: bool) -> Reply:
        made = self.make(name, values, saves_duplicates=saves)
        return Reply({"id": made["Id"], "success": True, "errors": []}, 201)

    @route("PATCH", f"{ROOT}/sobjects/<name>/<field>/<key>", query="updateOnly")
    def upsert_row(self, call: Call, name: str, field: str, key: str) -> Any:
        return self._upsert(
            self._object(name), field, key, self._values(call.json), _saves_duplicates(call.headers)
        )

    def _upsert(self, name: str, field: str, key: str, values: Mapping[str, Any], saves: bool) -> Reply:
        found = self.by_key(name, field, key)
        if field in values:
            raise bad("INVALID_FIELD", f"The {field} field should not be specified in the sobject data.")
        if found is None:
            made = self.make(name, {**values, field: key}, saves_duplicates=saves)
            return Reply({"id": made["Id"], "success": True, "errors": [], "created": True}, 201)
        self.change(name, found["Id"], values)
        return Reply({"id": found["Id"], "success": True, "errors": [], "created": False})

    @route("PATCH", f"{ROOT}/sobjects/<name>/<id>")
    def update_row(self, call: Call, name: str, id: str) -> Any:
        values, document = self._values(call.json), self.live(self._object(name), id)
        limit = call.headers.get("If-Unmodified-Since")
        if limit is not None:
            try:
                edge = parsedate_to_datetime(limit)
            except ValueError:
                raise bad("INVALID_HEADER", "If-Unmodified-Since holds no HTTP date") from None
            if datetime.fromisoformat(document["LastModifiedDate"]) > edge:
                raise Refusal(
                    412,
                    "Precondition failed",
                    body=[{"errorCode": "PRECONDITION_FAILED", "message": "modified since"}],
                )
        self.change(name, id, values)
        return Reply(None, 204)

    @route("DELETE", f"{ROOT}/sobjects/<name>/<id>")
    def delete_row(self, call: Call, name: str, id: str) -> Any:
        if "If-Unmodified-Since" in call.headers or "If-Match" in call.headers:
            raise bad("INVALID_HEADER", "DELETE takes no precondition")
        self.drop(self._object(name), id)
        return Reply(None, 204)

    def _values(self, body: Any) -> dict[str, Any]:
        if not isinstance(body, dict):
            raise bad("JSON_PARSER_ERROR", "The HTTP entity body must be an object")
        return body

    @route("GET", f"{ROOT}/sobjects/<name>/deleted", query="start end", required="start end")
    def deleted(self, call: Call, name: str) -> Any:
        start, end = (datetime.fromisoformat(call.query[one]) for one in ("start", "end"))
        if start < self.now() - timedelta(days=LOG_DAYS) or end <= start:
            raise bad("INVALID_REPLICATION_DATE", "startDate is too far in the past, or not before endDate")
        rows = [
            {"id": one["id"], "deletedDate": one["deletedDate"]}
            for one in self.world.all("deletion")
            if one["object"] == self._object(name)
            and start <= datetime.fromisoformat(one["deletedDate"]) <= end
        ]
        covered = written(self.now() - timedelta(days=LOG_DAYS))
        return {"deletedRecords": rows, "earliestDateAvailable": covered, "latestDateCovered": written(end)}

    # --- several at once -----------------------------------------------------------------------------------------

    @route("POST", f"{ROOT}/composite/sobjects/<name>")
    def retrieve(self, call: Call, name: str) -> Any:
        body = self._values(call.json)
        ids, fields = body.get("ids"), body.get("fields")
        if not isinstance(ids, list) or not isinstance(fields, list) or not 0 < len(ids) <= 2000:
            raise bad("INVALID_INPUT", "ids (at most 2000) and fields are needed")
        for id in ids:
            if not re.fullmatch(r"[a-zA-Z0-9]{15}(?:[a-zA-Z0-9]{3})?", str(id)):
                raise bad("MALFORMED_ID", f"bad id {id}")
        known = {
            one["Id"][:15]: one for one in self.world.all(self._object(name)) if not one.get("IsDeleted")
        }
        rows = [known.get(str(id)[:15]) for id in ids]
        return [self._row(name, row, ",".join(fields)) if row else None for row in rows]

    @route("POST", f"{ROOT}/composite")
    def composite(self, call: Call) -> Any:
        """At most 25 parts, one after the other; with allOrNone all are undone where one fails."""
        body = self._values(call.json)
        parts = body.get("compositeRequest")
        if not isinstance(parts, list) or not 0 < len(parts) <= 25:
            raise bad("INVALID_INPUT", "compositeRequest must hold between 1 and 25 parts")
        answers: list[dict[str, Any]] = []
        refused = -1
        for part in parts:
            try:
                reply = self._part(part, answers)
            except Refusal as refusal:
                error = refusal.body if refusal.body is not None else self.refuse(refusal)
                reply, refused = Reply(error, refusal.status), len(answers)
            answers.append(
                {
                    "body": reply.body,
                    "httpHeaders": {},
                    "httpStatusCode": reply.status,
                    "referenceId": part.get("referenceId"),
                }
            )
            if refused >= 0 and body.get("allOrNone"):
                break
        if refused >= 0 and body.get("allOrNone"):
            self._undo(answers)
            halted = [{"errorCode": "PROCESSING_HALTED", "message": "The transaction was rolled back."}]
            answers = [
                answers[at] if at == refused else
                {"body": halted, "httpHeaders": {}, "httpStatusCode": 400, "referenceId": part.get("referenceId")}
                for at, part in enumerate(parts)
            ]  # fmt: skip
        return {"compositeResponse": answers}

    def _undo(self, answers: Iterable[Mapping[str, Any]]) -> None:
        for answer in answers:
            made = answer["body"] if answer["httpStatusCode"] == 201 else {}
            for name in FIELDS:
                self.world.drop(name, str(made.get("id")))

    def _part(self, part: Mapping[str, Any], before: list[dict[str, Any]]) -> Reply:
        url = str(part.get("url") or "")
        for answer in before:
            if isinstance(answer["body"], dict):
                url = url.replace(f"@{{{answer['referenceId']}.id}}", str(answer["body"].get("id")))
        split = urlsplit(url)
        steps = [unquote(step) for step in split.path.removeprefix(f"{ROOT}/sobjects/").split("/")]
        if not split.path.startswith(f"{ROOT}/sobjects/"):
            raise bad("NOT_FOUND", "The requested resource does not exist", status=404)
        name, saves = self._object(steps[0]), _saves_duplicates(part.get("httpHeaders") or {})
        fields = parse_qs(split.query).get("fields", [""])[0]
        match part.get("method"), len(steps):
            case "POST", 1:
                return self._create(name, self._values(part.get("body")), saves)
            case "PATCH", 3:
                return self._upsert(name, steps[1], steps[2], self._values(part.get("body")), saves)
            case "GET", 2:
                return Reply(self._row(name, self.live(name, steps[1]), fields))
            case "GET", 3:
                found = self.by_key(name, steps[1], steps[2])
                return Reply(self._row(name, found or self.live(name, ""), fields))
        raise bad("METHOD_NOT_ALLOWED", "This part is not understood", status=405)

    # --- the org -------------------------------------------------------------------------------------------------

    @route("GET", "/services/data", auth=False)
    def versions(self, call: Call) -> Any:
        return [
            {"label": f"Release {n}", "url": f"/services/data/v{n}.0", "version": f"{n}.0"}
            for n in range(58, 68)
        ]

    @route("GET", f"{ROOT}/limits")
    def limits(self, call: Call) -> Any:
        return {"DailyApiRequests": {"Max": seed.DAY_LIMIT, "Remaining": seed.DAY_LIMIT - len(self.requests)}}

    @route("GET", f"{ROOT}/sobjects")
    def objects(self, call: Call) -> Any:
        rows = [{"name": name, "label": name, **self._rights(name)} for name in FIELDS]
        return {"encoding": "UTF-8", "maxBatchSize": 200, "sobjects": rows}

    def _rights(self, name: str) -> dict[str, bool]:
        can = name != "User"
        return {
            "queryable": True,
            "replicateable": True,
            "createable": can,
            "updateable": can,
            "deletable": can,
        }

    @route("GET", f"{ROOT}/sobjects/<name>/describe")
    def describe(self, call: Call, name: str) -> Any:
        rows = [
            {
                "name": field, "label": field, "type": kind.partition(":")[0], "calculated": field in READ_ONLY[name], "nillable": True,
                "createable": field in FIELDS[name], "updateable": field in FIELDS[name], "externalId": field == seed.KEY_FIELD,
                "unique": field == seed.KEY_FIELD,
                "picklistValues": [{"value": one, "label": one, "active": True} for one in PICKS.get((name, field), ())],
            }
            for field, kind in self.object_fields(name).items()
        ]  # fmt: skip
        return {"name": name, "label": name, "fields": rows, "recordTypeInfos": [], **self._rights(name)}

    @route("GET", "/services/oauth2/userinfo")
    def userinfo(self, call: Call) -> Any:
        user = self.world.get("User", call.actor) or {}
        return {
            "user_id": call.actor, "organization_id": seed.ORGANISATION, "preferred_username": user.get("Email"),
            "name": user.get("Name"), "email": user.get("Email"), "zoneinfo": "Europe/Berlin", "active": True,
        }  # fmt: skip

    @route("POST", "/services/oauth2/token", auth=False)
    def token(self, call: Call) -> Any:
        form = call.form
        if (form.get("client_id"), form.get("client_secret")) != (seed.CLIENT_ID, seed.CLIENT_SECRET):
            raise Refusal(
                400, body={"error": "invalid_client_id", "error_description": "client identifier invalid"}
            )
        grant = form.get("grant_type")
        if grant != "client_credentials" and (grant, form.get("refresh_token")) != (
            "refresh_token",
            seed.REFRESH_TOKEN,
        ):
            raise Refusal(
                400, body={"error": "invalid_grant", "error_description": "expired access/refresh token"}
            )
        access = f"00D5g000004demo!fresh{self.world.next_number('token'):04d}"
        self.world.put("token", "access", {"value": access})
        return {
            "access_token": access, "instance_url": call.address(""), "token_type": "Bearer", "issued_at": "1767225600000",
            "id": f"https://login.salesforce.com/id/{seed.ORGANISATION}", "scope": "api refresh_token", "signature": "c2lnbmF0dXJl",
        }  # fmt: skip

    # --- by hand -------------------------------------------------------------------------------------------------

    def sheets(self) -> tuple[Sheet, ...]:
        people = {one["Id"]: one["Name"] for one in self.world.all("User") if one["IsActive"]}
        owner = SheetField("OwnerId", "Owner", "choice", people)
        return (
            Sheet("Opportunity", "Opportunities", (*_texts("Name"), _choice("Opportunity", "StageName"),
                  SheetField("Amount", "Amount", "number"), SheetField("CloseDate", "Close date", "date"), owner), "Name"),
            Sheet("Lead", "Leads", (*_texts("FirstName LastName Company Email Phone"), _choice("Lead", "Status"), owner), "LastName"),
            Sheet("Account", "Accounts", (*_texts("Name Phone Website BillingCity"), owner), "Name"),
            Sheet("Contact", "Contacts", (*_texts("FirstName LastName Email Phone Title"), owner), "LastName"),
            Sheet("Task", "Tasks", (*_texts("Subject"), SheetField("Description", "Comments", "area"), _choice("Task", "Status"),
                  _choice("Task", "Priority"), SheetField("ActivityDate", "Due date", "date"), owner), "Subject"),
        )  # fmt: skip

    def edit(self, kind: str, id: str | None, values: Mapping[str, Any], *, actor: str = "") -> str:
        with self.world.lock:
            if id is not None:
                return str(self.change(kind, id, values)["Id"])
            given = {name: value for name, value in values.items() if value not in (None, "")}
            return str(
                self.make(kind, {**_writable(DEFAULTS.get(kind, {})), **given}, saves_duplicates=True)["Id"]
            )

    def remove(self, kind: str, id: str, *, actor: str = "") -> None:
        with self.world.lock:
            self.drop(kind, id)

    def contract_fixture(self) -> ContractFixture:
        users = [one["Id"] for one in self.world.all("User")] or ["", ""]
        account = next(iter(self.world.all("Account")), {"Id": ""})["Id"]
        return ContractFixture(
            base_url="{root}",
            settings={"my_domain": "pumpwerk.my.salesforce.com", "external_id_field": seed.KEY_FIELD},
            secrets={
                "client_id": seed.CLIENT_ID, "client_secret": seed.CLIENT_SECRET, "refresh_token": seed.REFRESH_TOKEN,
                "access_token": seed.ACCESS_TOKEN,
            },
            samples={
                "account": {"Name": "Kurpark Überlingen", "Website": "https://kurpark.example", "OwnerId": users[0]},
                "contact": {"FirstName": "Sami", "LastName": "Haddad", "Email": "sami@kurpark.example"},
                "lead": {"FirstName": "Ida", "LastName": "Berg", "Company": "Weingut Berg", "Status": "Open - Not Contacted"},
                "opportunity": {"Name": "Kurpark fountain", "StageName": "Qualification", "Amount": 18400, "CloseDate": "2027-03-31",
                                "AccountId": account},
                "task": {"Subject": "Check the nozzle plan", "Status": "Not Started", "Priority": "Normal", "ActivityDate": "2026-12-09",
                         "hub.owners": [users[1]]},
                "event": {"Subject": "Visit Überlingen", "StartDateTime": "2026-12-15T09:00:00.000+0000",
                          "EndDateTime": "2026-12-15T10:00:00.000+0000", "Location": "Kurpark"},
            },
            edits={
                "account": {"Name": "Kurpark Überlingen GmbH"},
                "contact": {"Email": "sami.haddad@kurpark.example"},
                "lead": {"Status": "Working - Contacted", "Company": "Weingut Berg KG"},
                "opportunity": {"Name": "Kurpark fountain, two basins", "Amount": 21900},
                "task": {"Status": "In Progress", "ActivityDate": "2026-12-11"},
                "event": {"Location": "Kurpark, north gate"},
            },
            kinds={"account": "Account", "contact": "Contact", "lead": "Lead", "opportunity": "Opportunity", "task": "Task", "event": "Event"},
        )  # fmt: skip


def _pointed(value: Any, made: Mapping[str, list[str]]) -> Any:
    found = re.fullmatch(r"@([A-Za-z]+)(\d+)", value) if isinstance(value, str) else None
    return made[found.group(1)][int(found.group(2))] if found else value


def _saves_duplicates(headers: Any) -> bool:
    return "allowsave=true" in str(headers.get("Sforce-Duplicate-Rule-Header", "")).lower()


def _writable(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name != "IsConverted"}


def _statuses(name: str) -> list[Mapping[str, Any]]:
    """The tables behind the statuses."""
    match name:
        case "OpportunityStage":
            return [
                {"MasterLabel": label, "ApiName": label, "IsActive": True, "SortOrder": at, "IsClosed": closed, "IsWon": won,
                 "DefaultProbability": float(probability)}
                for at, (label, probability, closed, won) in enumerate(seed.STAGES, 1)
            ]  # fmt: skip
        case "LeadStatus":
            return [
                {"MasterLabel": label, "ApiName": label, "SortOrder": at, "IsConverted": flag}
                for at, (label, flag) in enumerate(seed.LEAD_STATUSES, 1)
            ]
        case "TaskStatus":
            return [
                {"MasterLabel": label, "ApiName": label, "SortOrder": at, "IsClosed": flag}
                for at, (label, flag) in enumerate(seed.TASK_STATUSES, 1)
            ]
    return []


def _texts(names: str) -> list[SheetField]:
    return [
        SheetField(name, re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).capitalize()) for name in names.split()
    ]


def _choice(name: str, field: str) -> SheetField:
    return SheetField(
        field, "Stage" if field == "StageName" else field, "choice", {one: one for one in PICKS[name, field]}
    )


VENDOR = Salesforce
