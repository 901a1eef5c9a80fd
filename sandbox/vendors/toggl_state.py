"""What the Toggl Track stand-in keeps, and what changing it does: rules, normalisation, events."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import orjson

from sandbox.hooks import Delivery
from sandbox.store import Document
from sandbox.vendor import Vendor
from sandbox.web import Refusal

from . import toggl_seed as seed

ENTITIES = (
    "client",
    "project",
    "project_group",
    "project_user",
    "tag",
    "task",
    "time_entry",
    "workspace",
    "workspace_user",
)
NOBODY_LISTENS = 9
"""The discard port: nothing there could say a validation code back, and tests look at what is sent to it."""

WINDOW = timedelta(days=90)


class TogglState(Vendor):
    """Records carry ``at``; deleted ones stay, marked, for the lists of changes."""

    def fresh(self, kind: str, id: str | int) -> Document:
        found = self.world.get(kind, id)
        if found is None or found.get("server_deleted_at") or found.get("deleted_at"):
            raise Refusal(404, f"Resource can not be found: {kind} {id}")
        return found

    def living(self, kind: str) -> list[Document]:
        return self.world.where(kind, lambda one: not (one.get("server_deleted_at") or one.get("deleted_at")))

    def keep(self, kind: str, document: Document, action: str, *, actor: int = seed.ME) -> Document:
        document["at"] = self.stamp().replace("Z", "+00:00")
        self.world.put(kind, document["id"], document)
        self._tell(kind, action, document, actor)
        return document

    def mark_deleted(self, kind: str, id: str | int, *, actor: int = seed.ME) -> None:
        document = self.fresh(kind, id)
        document["deleted_at" if kind == "tag" else "server_deleted_at"] = self.stamp()
        self.keep(kind, document, "deleted", actor=actor)

    def unique(self, kind: str, name: Any, except_id: int | None = None, **same: Any) -> str:
        text = str(name or "").strip()
        if not text:
            raise Refusal(400, "name can't be blank", field="name")
        for one in self.living(kind):
            is_like = one["name"].casefold() == text.casefold() and one["id"] != except_id
            if is_like and all(one.get(key) == value for key, value in same.items()):
                raise Refusal(400, f"{kind.title()} already exists: {text}", field="name")
        return text

    # --- time entries --------------------------------------------------------------------------------------------

    def save_entry(self, document: Document, given: Mapping[str, Any], *, actor: int = seed.ME) -> Document:
        """Applies a write to a new or present entry. Refuses what the vendor refuses."""
        is_new = "id" not in document
        if is_new:
            document |= {
                "id": self.world.next_number("entry", 4001000001),
                "workspace_id": seed.WORKSPACE,
                "project_id": None,
                "task_id": None,
                "user_id": actor,
                "billable": False,
                "description": None,
                "tags": [],
                "tag_ids": [],
                "duronly": True,
                "stop": None,
                "server_deleted_at": None,
            }
        for name in ("project_id", "task_id", "billable", "user_id"):
            if name in given:
                document[name] = given[name]
        self._check_places(document)
        if "description" in given:
            text = str(given["description"] or "")
            if len(text) > 3000:
                raise Refusal(400, "description too long, maximum allowed is 3000", field="description")
            document["description"] = text.strip() if self.trouble.knobs.is_normalising else text
        if "tags" in given:
            document["tags"], document["tag_ids"] = self._tags(given["tags"])
        self._set_times(document, given, is_new)
        if document["duration"] < 0:
            self._stop_others(document)
        return self.keep("time_entry", document, "created" if is_new else "updated", actor=actor)

    def _check_places(self, document: Document) -> None:
        if document["project_id"] is not None:
            project = self.world.get("project", document["project_id"])
            if project is None or project["server_deleted_at"]:
                raise Refusal(400, "Project not found / not accessible", field="project_id")
        if document["task_id"] is not None:
            task = self.world.get("task", document["task_id"])
            if task is None or task["project_id"] != document["project_id"]:
                raise Refusal(400, "Task not found / not accessible", field="task_id")
        if self.world.get("user", document["user_id"]) is None:
            raise Refusal(403, "User cannot access the selected workspace", field="user_id")

    def _set_times(self, document: Document, given: Mapping[str, Any], is_new: bool) -> None:
        if is_new and not given.get("start"):
            raise Refusal(400, "start time must be provided", field="start")
        if is_new and given.get("duration") is None and given.get("stop") is None:
            raise Refusal(400, "Either duration or stop must be provided", field="duration")
        start = (
            _moment(given["start"], "start") if given.get("start") else _moment(document["start"], "start")
        )
        seconds = given.get("duration", None if is_new else document["duration"])
        if seconds is None or ("duration" not in given and given.get("stop")):
            stop = _moment(given["stop"], "stop")
            seconds = round((stop - start).total_seconds())
        if seconds < -1:
            seconds = -1
        if seconds > 999 * 3600:
            raise Refusal(400, "duration too long", field="duration")
        if given.get("stop") and seconds >= 0:
            told = _moment(given["stop"], "stop")
            if abs((told - start).total_seconds() - seconds) >= 1:
                raise Refusal(400, "start, stop and duration do not agree", field="stop")
            if told < start:
                raise Refusal(400, "Stop time must be after start time", field="stop")
        document["start"] = _text(start)
        document["stop"] = None if seconds < 0 else _text(start + timedelta(seconds=seconds))
        document["duration"] = -int(start.timestamp()) if seconds < 0 else seconds

    def _tags(self, names: Any) -> tuple[list[str], list[int]]:
        """Names as they are spelt in the workspace; new ones are made."""
        found = []
        for name in dict.fromkeys(str(one).strip() for one in names or ()):
            tag = next((one for one in self.living("tag") if one["name"].casefold() == name.casefold()), None)
            found.append(tag or self.make_tag(name))
        return [one["name"] for one in found], [one["id"] for one in found]

    def make_tag(self, name: str, *, id: int | None = None) -> Document:
        tag = {
            "id": id or self.world.next_number("tag", 71100),
            "workspace_id": seed.WORKSPACE,
            "name": self.unique("tag", name),
            "creator_id": seed.ME,
            "deleted_at": None,
        }
        return self.keep("tag", tag, "created")

    def _stop_others(self, document: Document) -> None:
        """Whoever starts a timer stops the one that ran."""
        for other in self.living("time_entry"):
            if (
                other["duration"] < 0
                and other["user_id"] == document["user_id"]
                and other["id"] != document["id"]
            ):
                self.stop_entry(self.fresh("time_entry", other["id"]))

    def stop_entry(self, document: Document) -> Document:
        if document["duration"] >= 0:
            raise Refusal(409, "Time entry already stopped")
        seconds = max(0, round((self.now() - _moment(document["start"], "start")).total_seconds()))
        self._set_times(document, {"duration": seconds}, False)
        return self.keep("time_entry", document, "updated")

    def shown_entry(self, document: Document) -> Document:
        """As ``/me`` answers: times in the user's zone, tags by their names of today, the old twins beside."""
        zone = ZoneInfo(next((one[3] for one in seed.USERS if one[0] == document["user_id"]), "UTC"))
        shown = dict(document)
        if self.trouble.knobs.is_normalising:
            for name in ("start", "stop"):
                if shown[name]:
                    shown[name] = _moment(shown[name], name).astimezone(zone).isoformat(timespec="seconds")
        tags = [self.world.get("tag", id) for id in document["tag_ids"]]
        shown["tags"] = [tag["name"] for tag in tags if tag and not tag["deleted_at"]]
        return shown | {
            "wid": shown["workspace_id"],
            "pid": shown["project_id"],
            "tid": shown["task_id"],
            "uid": shown["user_id"],
        }

    # --- webhooks ------------------------------------------------------------------------------------------------

    def subscriptions(self, event: str) -> Iterable[Mapping[str, Any]]:
        model, _, action = event.partition(".")
        for row in self.world.all("subscription"):
            wanted = any(
                one["entity"] == model and one["action"] in ("*", action) for one in row["event_filters"]
            )
            if row["enabled"] and row["validated_at"] and wanted:
                yield {**row, "url": row["url_callback"]}

    def sign(self, subscription: Mapping[str, Any], body: bytes, *, event: str) -> dict[str, str]:
        digest = hmac.new(str(subscription["secret"]).encode(), body, hashlib.sha256).hexdigest()
        return {"X-Webhook-Signature-256": f"sha256={digest}"}

    def _tell(self, kind: str, action: str, document: Document, actor: int) -> None:
        number = self.world.next_number("event", 88001)

        def payload(row: Mapping[str, Any]) -> dict[str, Any]:
            return {
                "event_id": number,
                "created_at": self.stamp(),
                "creator_id": actor,
                "metadata": {
                    "action": action,
                    "event_user_id": str(actor),
                    "model": kind,
                    "model_owner_id": str(document.get("user_id") or actor),
                    "path": f"/api/v9/workspaces/{seed.WORKSPACE}/{kind}s/{document['id']}",
                    "request_type": {"created": "POST", "updated": "PUT", "deleted": "DELETE"}[action],
                    "workspace_id": str(seed.WORKSPACE),
                },
                "payload": document,
                "subscription_id": row["subscription_id"],
                "timestamp": self.stamp(),
                "url_callback": row["url_callback"],
            }

        self.emit(f"{kind}.{action}", payload)

    def ping(self, row: Document) -> None:
        """Sends the PING; a subscription that is not validated yet becomes so if its code comes back."""
        if urlsplit(row["url_callback"]).port == NOBODY_LISTENS:
            row["validated_at"] = self.stamp()
            self.world.put("subscription", row["subscription_id"], row)
            return
        body: dict[str, Any] = {"event_id": 0, "created_at": self.stamp(), "creator_id": seed.ME, "metadata": {}, "payload": "ping", "subscription_id": row["subscription_id"], "timestamp": self.stamp(), "url_callback": row["url_callback"]}  # fmt: skip
        if not row["validated_at"]:
            place = f"/webhooks/api/v1/validate/{seed.WORKSPACE}/{row['subscription_id']}/{row['code']}"
            body |= {
                "validation_code": row["code"],
                "validation_code_url": f"https://api.track.toggl.com{place}",
            }
        raw = orjson.dumps(body)
        headers = {"Content-Type": "application/json", **self.sign(row, raw, event="ping")}
        self.sender.send(
            Delivery(self.slug, row["url_callback"], raw, headers, "ping", on_done=self._heard(row))
        )

    def _heard(self, row: Document) -> Callable[[Delivery], None]:
        def heard(delivery: Delivery) -> None:
            try:
                said = orjson.loads(delivery.answer)
            except orjson.JSONDecodeError:
                return
            if delivery.has_arrived and isinstance(said, dict) and said.get("validation_code") == row["code"]:
                self.validate(row["subscription_id"])

        return heard

    def validate(self, id: str | int) -> None:
        with self.world.lock:
            row = self.world.get("subscription", id)
            if row is not None:
                row["validated_at"] = self.stamp()
                self.world.put("subscription", id, row)


def _moment(value: Any, field: str) -> datetime:
    moment: datetime | None
    try:
        moment = datetime.fromisoformat(str(value))
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise Refusal(400, f"JSON is not valid: {field} must be an RFC 3339 time", field=field)
    return moment.astimezone(UTC)


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds")
