"""Reviewing one conflict: three columns, a choice per field, a preview, and a guarded decision (UI 9)."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.urls import reverse
from django.utils import timezone

from conflicts.maps import local_fields
from conflicts.models import ConflictResolution, ConflictStatus
from conflicts.selectors import clock_facts, field_views, names_for, neighbours, next_pending, readable
from conflicts.services import (
    MATCH_GROUP,
    RECORD_GROUP,
    ConflictProblem,
    InvalidDecision,
    LeaseHeld,
    Preview,
    StaleConflict,
    conflict_decide,
    conflict_ignore,
    conflict_preview,
    conflict_reopen,
    conflict_revert,
    get_conflict,
    lease_take,
    lease_take_over,
)
from conflicts.services.choices import field_spec, is_about_record
from conflicts.services.journal import REVERT_PREFIX
from conflicts.services.reverts import REVERTIBLE
from integrations.pages.base import HubAction, HubView, as_number
from integrations.pages.figures import system_name
from integrations.pages.logs import record_link
from workspace.access import Action
from workspace.models import RECORD_TYPES

from .listing import LIVE

Choices = dict[str, dict[str, Any]]


class Review(HubView):
    """GET shows it and takes the lease; POST previews or applies what was chosen."""

    template_name = "conflicts/review.html"
    live_on = LIVE

    def get(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        conflict = self._conflict(pk)
        held = ""
        if conflict.status == ConflictStatus.PENDING and self.may(Action.REVIEW):
            try:
                conflict = lease_take(
                    conflict_id=pk, tenant=self.tenant, user=request.user, now=timezone.now()
                )
            except LeaseHeld as exc:
                conflict, held = exc.current, str(exc)
        return self._page(conflict, held=held)

    def post(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        if not self.may(Action.REVIEW):
            return self.render("hub/forbidden.html", {"title": "Not allowed"}, status=403)
        conflict = self._conflict(pk)
        choices = typed_choices(conflict, request.POST)
        try:
            if request.POST.get("do") == "apply":
                return self._apply(conflict, choices)
            preview = conflict_preview(conflict, choices=choices, push=bool(request.POST.get("push")))
            self._check_seen(conflict)
            return self._page(conflict, choices, preview=preview)
        except InvalidDecision as exc:
            return self._page(conflict, choices, errors=exc.errors, status=422)
        except StaleConflict as exc:
            return self._page(
                self._conflict(pk), still_sensible(exc.current, choices), stale=str(exc), status=409
            )
        except LeaseHeld as exc:
            return self._page(exc.current, choices, held=str(exc), status=409)

    def _conflict(self, pk: UUID) -> ConflictResolution:
        try:
            return get_conflict(pk, self.tenant)
        except ConflictResolution.DoesNotExist as exc:
            raise Http404("There is no such conflict.") from exc

    def _check_seen(self, conflict: ConflictResolution) -> None:
        if self._number("version") != conflict.version:
            raise StaleConflict("The values changed since you looked. Check them and choose again.", conflict)

    def _number(self, name: str) -> int:
        return as_number(self.request.POST.get(name, ""))

    def _apply(self, conflict: ConflictResolution, choices: Choices) -> HttpResponse:
        post = self.request.POST
        decided = conflict_decide(
            conflict_id=conflict.pk,
            tenant=self.tenant,
            user=self.request.user,
            choices=choices,
            push=bool(post.get("push")),
            seen_version=self._number("version"),
            seen_local_revision=self._number("local_revision"),
            seen_external_version=post.get("external_version", ""),
            note=post.get("note", ""),
            now=timezone.now(),
        )
        following = next_pending(self.tenant, decided.pk)
        title = decided.record_title or "The record"
        self.say(
            f"{title}: decided. A worker carries it out now."
            + ("" if following else " That was the last one.")
        )
        if post.get("remember"):
            return HttpResponseRedirect(reverse("desk:rule_new") + "?" + remembered(decided))
        if following:
            return HttpResponseRedirect(reverse("desk:review", args=[following]))
        return HttpResponseRedirect(reverse("desk:list"))

    def _page(
        self,
        conflict: ConflictResolution,
        choices: Choices | None = None,
        *,
        preview: Preview | None = None,
        errors: dict[str, str] | None = None,
        stale: str = "",
        held: str = "",
        status: int = 200,
    ) -> HttpResponse:
        fields = local_fields(conflict.integration, conflict.resource)
        names = names_for([conflict], fields)
        views = field_views(conflict, fields, names)
        for view in views:
            wanted = (choices or {}).get(view.key, {})
            view.chosen, view.custom = wanted.get("choice", ""), wanted.get("value", view.edit_value)
            view.error = (errors or {}).get(view.key, "")
        is_pending = conflict.status == ConflictStatus.PENDING
        context: dict[str, Any] = {
            "conflict": conflict,
            "title": conflict.record_title or conflict.external_id or "Conflict",
            "system": system_name(conflict.integration.connector),
            "views": views,
            "about_record": is_about_record(conflict),
            "record": record_context(conflict, choices),
            "preview": shown_preview(conflict, preview, fields, names) if preview else None,
            "errors": errors or {},
            "whole_error": (errors or {}).get("") or ((errors or {}).get(conflict.group, "") if is_about_record(conflict) else ""),
            "stale": stale,
            "held": held,
            "clock": clock_facts(conflict),
            "record_link": record_link(conflict.record_type, conflict.record_id),
            "can_decide": is_pending and self.may(Action.REVIEW) and not held,
            "can_take_over": is_pending and self.may(Action.REVIEW) and bool(held),
            "can_revert": conflict.status in REVERTIBLE and self.may(Action.REVIEW),
            "can_reopen": conflict.status in (ConflictStatus.DECIDED, ConflictStatus.IGNORED) and self.may(Action.REVIEW),
            "is_pending": is_pending,
            "is_revert": conflict.group.startswith(REVERT_PREFIX),
            "push": bool(self.request.POST.get("push")) if choices is not None else conflict.push_to_external,
            "note": self.request.POST.get("note", ""),
            "around": neighbours(conflict) if is_pending else {},
            "lease_url": reverse("desk:lease", args=[conflict.pk]),
        }  # fmt: skip
        return self.render(context=context, status=status)


def typed_choices(conflict: ConflictResolution, data: Any) -> Choices:
    """What was chosen per field; a custom value only where it was asked for."""
    keys = [conflict.group] if is_about_record(conflict) else [entry["key"] for entry in conflict.fields]
    choices: Choices = {}
    for key in keys:
        choice = data.get(f"choice.{key}", "")
        if conflict.group == MATCH_GROUP and choice.startswith("link:"):
            choices[key] = {"choice": "link", "value": choice.removeprefix("link:")}
        elif choice:
            choices[key] = {"choice": choice}
            if choice == "custom":
                choices[key]["value"] = data.get(f"value.{key}", "")
    return choices


def still_sensible(conflict: ConflictResolution, choices: Choices) -> Choices:
    """After a change: choices for fields that are still in conflict are kept, to be checked again."""
    known = {entry["key"] for entry in conflict.fields} | {conflict.group}
    return {key: choice for key, choice in choices.items() if key in known}


def remembered(conflict: ConflictResolution) -> str:
    """A rule form's address, filled in from what was just decided."""
    rules = {"local": "prefer_local", "external": "prefer_external", "merged": "union"}
    key, chosen = next(iter(conflict.resolved.items()))
    rule = "newest" if chosen.get("by") == "newest" else rules.get(chosen["choice"], "review")
    if rule == "union" and not isinstance(chosen.get("value"), list):
        rule = "concatenate"
    return urlencode(
        {
            "field": key,
            "rule": rule,
            "resource": conflict.resource,
            "integration": str(conflict.integration_id),
        }
    )


def record_context(conflict: ConflictResolution, choices: Choices | None) -> dict[str, Any]:
    """What a decision about a whole record shows: the surviving values, or the records it may be the same as."""
    if not is_about_record(conflict):
        return {}
    chosen = (choices or {}).get(conflict.group, {})
    entry = conflict.fields[0]
    if conflict.group == RECORD_GROUP:
        return {
            "chosen": chosen.get("choice", ""),
            "local": _pairs(entry["local"]),
            "external": _pairs(entry["external"]),
            "is_deleted_here": entry["local"] is None,
        }
    ids = [UUID(str(each)) for each in entry["local"] or ()]
    model = RECORD_TYPES[conflict.record_type]
    rows = model._default_manager.filter(tenant_id=conflict.tenant_id, pk__in=ids)
    return {
        "chosen": f"link:{chosen['value']}" if chosen.get("choice") == "link" else chosen.get("choice", ""),
        "candidates": [
            {"id": row.pk, "title": str(row), "updated_at": row.updated_at, "link": record_link(conflict.record_type, row.pk)}
            for row in rows
        ],
        "external": _pairs(entry["external_raw"]),
    }  # fmt: skip


def _pairs(values: Any) -> list[tuple[str, Any]]:
    return sorted(values.items()) if isinstance(values, dict) else []


def shown_preview(conflict: ConflictResolution, preview: Preview, fields: Any, names: Any) -> dict[str, Any]:
    """The writes in words: here by field, there in the vendor's terms."""
    local = []
    for write in preview.local:
        spec = field_spec(conflict.record_type, write.field)
        local.append(
            {
                "label": write.label,
                "before": readable(write.before, spec, names),
                "after": readable(write.after, spec, names),
                "problem": write.problem,
            }
        )
    return {
        "local": local,
        "external": preview.external,
        "problems": preview.problems,
        "resolved": preview.resolved,
    }


# -- small acts --------------------------------------------------------------------------------------------


class ConflictDo(HubAction):
    """Ignore, reopen, revert or take over."""

    action = Action.REVIEW

    def post(self, request: HttpRequest, pk: UUID, action: str) -> HttpResponse:
        here = reverse("desk:review", args=[pk])
        now = timezone.now()
        try:
            match action:
                case "ignore":
                    conflict_ignore(
                        conflict_id=pk,
                        tenant=self.tenant,
                        user=request.user,
                        seen_version=as_number(request.POST.get("version", "")),
                        note=request.POST.get("note", ""),
                        now=now,
                    )
                    self.say("Ignored: the sides stay as they differ until one of them changes again.")
                case "reopen":
                    conflict_reopen(conflict_id=pk, tenant=self.tenant, user=request.user, now=now)
                    self.say("The conflict is open again.")
                case "revert":
                    return self._revert(pk, here, now)
                case "take-over":
                    lease_take_over(conflict_id=pk, tenant=self.tenant, user=request.user, now=now)
                    self.say("You are reviewing this conflict now.")
                case _:
                    raise Http404("There is no such action.")
        except ConflictResolution.DoesNotExist as exc:
            raise Http404("There is no such conflict.") from exc
        except ConflictProblem as exc:
            self.say(str(exc), "error")
        return self.back(here)

    def _revert(self, pk: UUID, here: str, now: Any) -> HttpResponse:
        outcome = conflict_revert(
            conflict_id=pk,
            tenant=self.tenant,
            user=self.request.user,
            restore=self.request.POST.get("restore", "loser"),
            now=now,
        )
        if outcome.conflict is not None:
            self.say("The value had been changed since, so it is put to you as a new conflict.", "warning")
            return HttpResponseRedirect(reverse("desk:review", args=[outcome.conflict.pk]))
        if not outcome.restored:
            self.say("Nothing to restore: the record holds these values already.", "info")
        else:
            self.say(f"Restored: {', '.join(sorted(outcome.restored))}. It syncs like any other edit.")
        return HttpResponseRedirect(here)


class Lease(HubAction):
    """Renew the lease while the page is open; answers who holds it."""

    action = Action.REVIEW

    def post(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        try:
            conflict = lease_take(conflict_id=pk, tenant=self.tenant, user=request.user, now=timezone.now())
        except ConflictResolution.DoesNotExist as exc:
            raise Http404("There is no such conflict.") from exc
        except LeaseHeld as exc:
            return JsonResponse({"held": False, "message": str(exc)}, status=409)
        return JsonResponse({"held": True, "status": conflict.status, "version": conflict.version})
