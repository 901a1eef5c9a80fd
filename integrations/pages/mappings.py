"""Pairs: which local record belongs to which external one, in what state, and why (UI 3, 4)."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from integrations.badges import mapping_word
from integrations.models import Integration, MappingState, SyncLog
from integrations.models import Mapping as PairMapping
from integrations.services.mappings import (
    mapping_create_again,
    mapping_link_existing,
    mapping_release,
    mapping_resume,
    mapping_retry,
    mapping_stop,
    mapping_sync_now,
    mapping_unlink,
    mappings_release,
)
from integrations.services.problems import InvalidSettings, NotNow, Refused
from workspace.access import Action
from workspace.models import RECORD_TYPES, Tenant

from .base import HubAction, HubView, as_uuid, filter_words, keyset
from .logs import record_link

FILTERS = {
    "q": "Search",
    "state": "State",
    "resource": "Kind",
    "integration": "Integration",
    "dead": "Dead letters",
}


def mapping_rows(tenant: Tenant, params: Any) -> QuerySet[PairMapping]:
    """The tenant's pairs under the filters of an address; tombstones only when asked for."""
    rows = PairMapping.objects.filter(tenant=tenant)
    state = params.get("state", "")
    rows = rows.filter(state=state) if state else rows.exclude(state=MappingState.TOMBSTONE)
    if value := params.get("resource"):
        rows = rows.filter(resource=value)
    if value := params.get("integration"):
        found = as_uuid(value)
        rows = rows.filter(integration_id=found) if found else rows.none()
    if params.get("dead"):
        rows = rows.filter(is_dead=True)
    if value := params.get("q", "").strip():
        found = as_uuid(value)
        rows = rows.filter(
            Q(external_id=value)
            | Q(external_id__icontains=value[:100])
            | Q(state_reason__icontains=value[:100])
            | (Q(record_id=found) | Q(pk=found) if found else Q(pk__in=by_title(tenant, value)))
        )
    return rows


def by_title(tenant: Tenant, text: str, limit: int = 200) -> list[UUID]:
    """Pairs of records whose title contains the text; one query per record type that is paired at all."""
    types = (
        PairMapping.objects.filter(tenant=tenant).order_by().values_list("record_type", flat=True).distinct()
    )
    records: list[UUID] = []
    for record_type in list(types):
        model = RECORD_TYPES.get(record_type)
        if model is None:
            continue
        wanted = {f"{model.title_field}__icontains": text[:100]}
        records += model._default_manager.filter(tenant=tenant, **wanted).values_list("pk", flat=True)[:limit]
    pairs = PairMapping.objects.filter(tenant=tenant, record_id__in=records[: limit * 2])
    return list(pairs.values_list("pk", flat=True)[: limit * 2])


def titles_of(tenant: Tenant, pairs: Any) -> dict[UUID, str]:
    """Record id → title for a page of pairs; one query per record type."""
    by_type: dict[str, list[UUID]] = {}
    for pair in pairs:
        if pair.record_id is not None:
            by_type.setdefault(pair.record_type, []).append(pair.record_id)
    found: dict[UUID, str] = {}
    for record_type, ids in by_type.items():
        model = RECORD_TYPES.get(record_type)
        if model is None:
            continue
        rows = model._default_manager.filter(tenant=tenant, pk__in=ids)
        found |= {pk: str(title or "") for pk, title in rows.values_list("pk", model.title_field)}
    return found


def mapping_context(
    view: HubView, request: HttpRequest, integration: Integration | None = None
) -> dict[str, Any]:
    rows = mapping_rows(view.tenant, request.GET)
    if integration is not None:
        rows = rows.filter(integration=integration)
    page = keyset(
        rows.select_related("integration").defer("base_local", "base_external", "history"), request, read=UUID
    )
    titles = titles_of(view.tenant, page.rows)
    for pair in page.rows:
        pair.title = titles.get(pair.record_id, "")
    return {
        "page": page,
        "states": MappingState.choices,
        "resources": integration.resource_types if integration else [],
        "filters": filter_words(request, FILTERS),
        "integrations": None
        if integration
        else Integration.objects.for_tenant(view.tenant).only("id", "name"),
        "one_integration": integration,
        "waiting": rows.count() if request.GET.get("state") == MappingState.QUARANTINED else 0,
    }


class MappingList(HubView):
    title = "Mappings"
    template_name = "hub/mappings.html"
    live_on = ("mapping.changed",)

    def get(self, request: HttpRequest) -> HttpResponse:
        return self.render(context=mapping_context(self, request))


class MappingDetail(HubView):
    """Why a record is in the state it is in."""

    title = "Pair"
    template_name = "hub/mapping.html"
    live_on = ("mapping.changed", "log.written")

    def get(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        pair = self.one(PairMapping.objects.select_related("integration"), pk=pk)
        title = titles_of(self.tenant, [pair]).get(pair.record_id) if pair.record_id else ""
        context = {
            "pair": pair,
            "title": title or pair.external_id or "Pair",
            "word": mapping_word(pair.state),
            "why": why(pair),
            "held": [{"key": key, **held} for key, held in sorted(pair.held.items())],
            "bases": bases(pair),
            "logs": SyncLog.objects.filter(mapping=pair)
            .defer("exchange", "error_trace")
            .order_by("-id")[:15],
            "record_link": record_link(pair.record_type, pair.record_id),
            "can_sync": pair.state not in (MappingState.STOPPED, MappingState.TOMBSTONE),
        }
        return self.render(context=context)


WHY = {
    MappingState.SYNCED: "Both sides say the same, as far as they were last read.",
    MappingState.PENDING: "A change waits to be written, or one side has yet to be made.",
    MappingState.ERROR: "The last attempt failed.",
    MappingState.CONFLICT: "Both sides changed the same field; a reviewer decides.",
    MappingState.IN_DOUBT: "A record was sent and no answer proves whether it arrived; a person has to look, so that it is not made twice.",
    MappingState.HELD: "A value has no counterpart on the other side, so that field waits. It is never written as empty.",
    MappingState.QUARANTINED: "A deletion is held back until it is proven, or because there were too many at once.",
    MappingState.OUT_OF_SCOPE: "The record is outside the filter or container, so it takes no part.",
    MappingState.STOPPED: "Someone stopped syncing this record.",
    MappingState.TOMBSTONE: "The pair is closed.",
}  # fmt: skip


def why(pair: PairMapping) -> list[str]:
    """Sentences that answer "why is it so", the most telling first."""
    said = [pair.state_reason] if pair.state_reason else []
    said.append(WHY[MappingState(pair.state)])
    if pair.last_error:
        said.append(f"Last error: {pair.last_error}")
    if pair.is_dead:
        said.append("Automatic retries are used up; it waits for a person.")
    if pair.dirty_at is not None and not pair.is_dead:
        said.append(f"It is marked to be looked at ({pair.dirty_reason or 'a change'}).")
    if pair.deferred:
        said.append(f"It waits for {len(pair.deferred)} referenced record(s) that are not here yet.")
    return list(dict.fromkeys(said))


def bases(pair: PairMapping) -> list[dict[str, Any]]:
    """Field by field, what each side held at the last agreement."""
    local, external = pair.base_local or {}, pair.base_external or {}
    return [
        {
            "key": key,
            "local": local.get(key),
            "external": external.get(key),
            "provenance": pair.provenance.get(key, ""),
        }
        for key in sorted({*local, *external})
    ]


class MappingDo(HubAction):
    """Sync now, retry, stop, resume, unlink; settle a create in doubt; let a quarantined deletion go on."""

    def post(self, request: HttpRequest, pk: UUID, action: str) -> HttpResponse:
        needed, act, said = MAPPING_ACTIONS.get(action, MAPPING_ACTIONS["sync"])
        pair = self.one(PairMapping.objects.select_related("integration", "tenant"), pk=pk)
        if not self.may(needed):
            return self.render("hub/forbidden.html", {"title": "Not allowed"}, status=403)
        default = reverse("hub:mapping", args=[pk])
        if action == "unlink":
            default = reverse("hub:integration_tab", args=[pair.integration_id, "mappings"])
        try:
            act(mapping=pair, user=request.user)
            self.say(said)
        except Refused as refused:
            self.say(refused.message, "error")
        return self.back(default)


class MappingsRelease(HubAction):
    """Let all held back deletions under the filters go on. Their number must be typed: it is what will be deleted."""

    action = Action.MANAGE

    def post(self, request: HttpRequest) -> HttpResponse:
        rows = mapping_rows(self.tenant, {**request.POST.dict(), "state": MappingState.QUARANTINED})
        count = rows.count()
        if request.POST.get("count", "").strip() != str(count):
            self.say(
                f"Nothing was released: {count} deletions wait now, and that number was not typed.", "error"
            )
        else:
            released, refused = mappings_release(rows, user=request.user)
            self.say(f"{released} deletions go on; each is looked up once more before.")
            for reason in refused:
                self.say(reason, "error")
        return self.back(f"{reverse('hub:mappings')}?state={MappingState.QUARANTINED}")


class MappingFound(HubAction):
    """A create in doubt did arrive: the manager names the record it made."""

    action = Action.MANAGE

    def post(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        pair = self.one(PairMapping.objects.select_related("integration"), pk=pk)
        if pair.state == MappingState.IN_DOUBT and pair.record_id is not None:
            try:
                mapping_link_existing(
                    integration=pair.integration,
                    resource=pair.resource,
                    record_type=pair.record_type,
                    record_id=pair.record_id,
                    external_id=request.POST.get("external_id", "").strip(),
                    user=request.user,
                )
                self.say("The two are linked; they are being compared now.")
            except InvalidSettings as refused:
                self.say(" ".join(text for texts in refused.errors.values() for text in texts), "error")
            except NotNow as busy:
                self.say(busy.message, "error")
        else:
            self.say("No create of this record is in doubt.", "error")
        return self.back(reverse("hub:mapping", args=[pk]))


MAPPING_ACTIONS: dict[str, tuple[Action, Any, str]] = {
    "sync": (Action.OPERATE, mapping_sync_now, "The record is being synced now."),
    "retry": (Action.OPERATE, mapping_retry, "The record will be tried again now."),
    "stop": (Action.MANAGE, mapping_stop, "This record is not synced any more; both sides stay as they are."),
    "resume": (Action.MANAGE, mapping_resume, "The record is being synced again."),
    "create-again": (Action.OPERATE, mapping_create_again, "The record is being sent again."),
    "release": (Action.MANAGE, mapping_release, "The deletion is looked at once more and then carried out."),
    "unlink": (Action.MANAGE, mapping_unlink, "The pair was unlinked; both records stay."),
}
