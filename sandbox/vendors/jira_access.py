"""The ways into the Jira stand-in: Basic at the site, OAuth 2.0 through the gateway, with refresh tokens for one use;
and both kinds of webhooks."""

from __future__ import annotations

import base64
import binascii
from typing import Any

from werkzeug.wrappers import Request, Response

from sandbox.web import Call, Refusal, Reply, Route, route

from . import jira_seed as seed
from .jira_state import JiraState, errors

GATEWAY = f"/ex/jira/{seed.CLOUD_ID}"
ACCESS_SECONDS = 3600
WEBHOOK_DAYS = 30
APP_EVENTS = (
    "jira:issue_created", "jira:issue_updated", "jira:issue_deleted", "comment_created", "comment_updated",
    "comment_deleted", "issue_property_set", "issue_property_deleted",
)  # fmt: skip


class JiraAccess(JiraState):
    def serve(self, request: Request, path: str) -> Response:
        """Behind the gateway the same paths stand below the site's cloud id."""
        request.environ["jira.gateway"] = path.startswith(f"{GATEWAY}/")
        return super().serve(request, path.removeprefix(GATEWAY))

    def authenticate(self, call: Call) -> str:
        given = call.headers.get("Authorization", "")
        kind, _, token = given.partition(" ")
        is_gateway = call.request.environ.get("jira.gateway")
        if kind == "Bearer" and (is_gateway or call.path.startswith("/oauth/")):
            return self._bearer(call, token)
        if kind == "Basic" and not call.path.startswith("/oauth/") and self._is_ours(token):
            return seed.BOT
        if call.method == "GET" and call.path.startswith("/rest/api/3/project/"):
            # with wrong credentials this goes on as nobody, who sees nothing
            body = {"errorMessages": ["No project could be found."], "errors": {}}
            raise Refusal(404, body=body, headers={"X-Seraph-LoginReason": "AUTHENTICATED_FAILED"})
        raise Refusal(
            401, body={"message": "Client must be authenticated to access this resource.", "status-code": 401}
        )

    def _is_ours(self, token: str) -> bool:
        try:
            return base64.b64decode(token).decode() == f"{seed.EMAIL}:{seed.API_TOKEN}"
        except (binascii.Error, UnicodeDecodeError):
            return False

    def _bearer(self, call: Call, token: str) -> str:
        row = self.world.get("access_token", token)
        if row is None or row["until"] <= self.now().timestamp():
            raise Refusal(401, body={"code": 401, "message": "Unauthorized"})
        missing = self.trouble.knobs.extra.get("missing_scope")
        if missing and str(missing) in call.path:
            raise Refusal(401, body={"code": 401, "message": "Unauthorized; scope does not match"})
        return seed.BOT

    def check_query(self, call: Call, spec: Route) -> None:
        if spec.query is not None:
            for name in call.query:
                if name not in spec.query:
                    raise errors(400, f"Unknown query parameter: {name}")
        for name in spec.required:
            if name not in call.query:
                raise errors(400, f"The query parameter '{name}' is required.")

    def refuse(self, refusal: Refusal) -> Any:
        return {"errorMessages": [refusal.message or "Something went wrong"], "errors": {}}

    def headers(self, call: Call, *, remaining: int) -> dict[str, str]:
        minute = call.now.replace(second=0, microsecond=0)
        left = {
            "X-RateLimit-Limit": str(self.limit_per_minute),
            "X-RateLimit-Remaining": str(max(0, remaining)),
        }
        return {**left, "X-RateLimit-Reset": f"{minute:%Y-%m-%dT%H:%MZ}", "X-AREQUESTID": "sandbox"}

    def too_many(self, call: Call, *, retry_after: int) -> Refusal:
        headers = {"Retry-After": str(retry_after), "RateLimit-Reason": "jira-burst-based"}
        return Refusal(429, "Rate limit exceeded.", headers=headers)

    # --- OAuth 2.0 -----------------------------------------------------------------------------------------------

    @route("POST", "/oauth/token", auth=False)
    def token(self, call: Call) -> Any:
        body = call.json if isinstance(call.json, dict) else {}
        allowed = {"grant_type", "client_id", "client_secret", "refresh_token"}
        if set(body) - allowed or body.get("grant_type") != "refresh_token":
            raise Refusal(
                400, body={"error": "unsupported_grant_type", "error_description": "Unsupported grant type"}
            )
        if (body.get("client_id"), body.get("client_secret")) != (seed.CLIENT_ID, seed.CLIENT_SECRET):
            raise Refusal(401, body={"error": "access_denied", "error_description": "Unauthorized"})
        current = (self.world.get("refresh_token", "current") or {}).get("value", seed.REFRESH_TOKEN)
        if body.get("refresh_token") != current:
            said = "Unknown or invalid refresh token."
            raise Refusal(403, body={"error": "unauthorized_client", "error_description": said})
        number = self.world.next_number("token")
        access, refresh = f"access-{number}", f"{seed.REFRESH_TOKEN}-{number}"
        self.world.put("refresh_token", "current", {"value": refresh})
        self.world.put("access_token", access, {"until": self.now().timestamp() + ACCESS_SECONDS})
        return {
            "access_token": access,
            "refresh_token": refresh,
            "expires_in": ACCESS_SECONDS,
            "token_type": "Bearer",
            "scope": " ".join((*seed.SCOPES, "offline_access")),
        }

    @route("GET", "/oauth/token/accessible-resources")
    def sites(self, call: Call) -> Any:
        row = {"id": seed.CLOUD_ID, "url": "https://relaunch.atlassian.net", "name": "relaunch"}
        return [{**row, "scopes": list(seed.SCOPES), "avatarUrl": ""}]

    # --- an administrator's webhooks -------------------------------------------------------------------------------

    def _shown_hook(self, hook: dict[str, Any]) -> dict[str, Any]:
        """Never the secret."""
        return {name: value for name, value in hook.items() if name not in ("secret", "id")}

    def _refuse_unless_admin(self) -> None:
        if self.trouble.knobs.extra.get("no_admin"):
            raise Refusal(403, body={"messages": [{"key": "forbidden", "arguments": []}]})

    @route("GET", "/rest/webhooks/1.0/webhook")
    def admin_hooks(self, call: Call) -> Any:
        self._refuse_unless_admin()
        return [self._shown_hook(one) for one in self.world.all("admin_webhook")]

    @route("POST", "/rest/webhooks/1.0/webhook")
    def make_admin_hook(self, call: Call) -> Any:
        self._refuse_unless_admin()
        id = str(self.world.next_number("webhook", 72))
        return Reply(self._put_admin_hook(call, id), 201)

    @route("PUT", "/rest/webhooks/1.0/webhook/<id>")
    def change_admin_hook(self, call: Call, id: str) -> Any:
        if self.world.get("admin_webhook", id) is None:
            raise Refusal(404, "No such webhook.")
        return self._put_admin_hook(call, id)

    def _put_admin_hook(self, call: Call, id: str) -> dict[str, Any]:
        body = call.object(allowed="name url events filters excludeBody enabled secret", required="name url")
        if not str(body["url"]).startswith(("https://", "http://127.0.0.1")):
            raise Refusal(400, body={"messages": [{"key": "url.invalid", "arguments": []}]})
        address = f"{self.root}/rest/webhooks/1.0/webhook/{id}"
        hook = {"enabled": True, "events": [], "filters": {}, **body, "id": id, "self": address}
        self.world.put("admin_webhook", id, hook)
        return self._shown_hook(hook)

    @route("DELETE", "/rest/webhooks/1.0/webhook/<id>")
    def drop_admin_hook(self, call: Call, id: str) -> Any:
        if not self.world.drop("admin_webhook", id):
            raise Refusal(404, "No such webhook.")
        return Reply(None, 204)

    # --- an app's webhooks -----------------------------------------------------------------------------------------

    def _refuse_unless_app(self, call: Call) -> None:
        if not call.request.environ.get("jira.gateway"):
            raise errors(403, "Only Connect and OAuth 2.0 apps can use this operation.")

    def _expiry(self) -> int:
        return int((self.now().timestamp() + WEBHOOK_DAYS * 86400) * 1000)

    @route("GET", "/rest/api/3/webhook", query="startAt maxResults")
    def app_hooks(self, call: Call) -> Any:
        self._refuse_unless_app(call)
        rows = [
            {name: value for name, value in one.items() if name != "kind"}
            for one in self.world.all("app_webhook")
        ]
        return {"maxResults": 100, "startAt": 0, "total": len(rows), "isLast": True, "values": rows}

    @route("POST", "/rest/api/3/webhook")
    def make_app_hooks(self, call: Call) -> Any:
        self._refuse_unless_app(call)
        body = call.object(allowed="url webhooks", required="url webhooks")
        results: list[dict[str, Any]] = []
        for given in body["webhooks"]:
            unknown = [one for one in given.get("events", []) if one not in APP_EVENTS]
            if unknown or not given.get("jqlFilter") or self.world.count("app_webhook") >= 5:
                results.append(
                    {"errors": [f"Cannot register: {unknown or 'a JQL filter is needed, five at most'}"]}
                )
                continue
            id = self.world.next_number("app webhook", 1000)
            hook = {"id": id, "url": body["url"], "events": given["events"], "jqlFilter": given["jqlFilter"]}
            self.world.put("app_webhook", id, {**hook, "expirationDate": self._expiry()})
            results.append({"createdWebhookId": id})
        return {"webhookRegistrationResult": results}

    @route("PUT", "/rest/api/3/webhook/refresh")
    def refresh_app_hooks(self, call: Call) -> Any:
        self._refuse_unless_app(call)
        until = self._expiry()
        for id in call.object(allowed="webhookIds", required="webhookIds")["webhookIds"]:
            hook = self.world.get("app_webhook", id)
            if hook is not None:
                self.world.put("app_webhook", id, {**hook, "expirationDate": until})
        return {"expirationDate": until}

    @route("DELETE", "/rest/api/3/webhook")
    def drop_app_hooks(self, call: Call) -> Any:
        self._refuse_unless_app(call)
        for id in call.object(allowed="webhookIds", required="webhookIds")["webhookIds"]:
            self.world.drop("app_webhook", id)
        return Reply(None, 202)
