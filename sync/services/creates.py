"""Creating one side of a pair, exactly once (E6): intent first, call, then both bases in one transaction."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Q

from conflicts.services import conflict_applied
from connectors.base.errors import (
    AlreadyExists,
    ConfigurationProblem,
    PermissionProblem,
    RecordGone,
    RecordProblem,
    Retryable,
    SyncError,
)
from connectors.base.types import Can, CreateClass, ExternalRecord
from integrations.models import IntentState, Mapping, MappingState, Operation, WriteIntent, WriteKind
from reconcile.digest import digest
from reconcile.model import Plan
from reconcile.planner import plan_external_create, plan_local_create
from sync import leases, scopes
from sync.context import References
from sync.created import agree_created, agree_found
from sync.journal import log_pair
from sync.pairs import Pair, state_after
from sync.runtime import runtime
from sync.services import matching
from sync.services.deferrals import deferred
from sync.services.withdrawals import withdraw_all
from sync.work import Again, NotYet, Outcome, Work
from workspace.bulk import find_rows
from workspace.ids import new_id
from workspace.services import record_create, record_values

#: a create may still arrive at the vendor this long after we lost sight of it
SETTLE_SECONDS = float(settings.LOCKSTEP_SETTLE_SECONDS)
UNSETTLED = [IntentState.OPEN, IntentState.IN_DOUBT]
#: of a parent: nothing goes out for it, and so nothing for what hangs on it
KEPT_OUT = [MappingState.STOPPED, MappingState.OUT_OF_SCOPE]


# -- there → here ------------------------------------------------------------------------------------------


def create_locally(work: Work, pair: Pair) -> Outcome:
    """Make the local record of an external one, or adopt the one it matches at first contact."""
    assert pair.external is not None
    _wait_for_creates_under_way(work)
    refs = pair.refs = References().load(work.integration, inward=pair.references_in(), outward=set())
    plan = plan_local_create(
        field_map=work.rc.field_map, external=pair.external_snapshot, policy=work.rc.policy, ctx=refs
    )
    values = work.rc.field_map.local_fields(plan.to_local)
    structure = parent_values(work, pair.external)
    match = matching.find(work.rc, work.mapping.tenant_id, values)
    decision = matching.decided(work.mapping)
    try:
        record_id, is_carried_out = matching.choose(match, decision)
    except matching.Several:
        return matching.ask(work, pair, match)
    with transaction.atomic():
        if record_id is not None:
            matching.take_over(work, record_id)
        else:
            refuse_if_required_is_held(work, plan)
            _bring_in_new(work, pair, {**values, **structure}, plan)
        if decision is not None and is_carried_out:
            conflict_applied(decision, now=runtime().now(), pushed=False)
        else:
            withdraw_all(work.mapping)
    if record_id is not None:
        raise Again("adopted a record that was here already")
    runtime().point("after_bring_in")
    state, reason = state_after(work.mapping.held, open_conflict=False, waits=False)
    log_pair(work, operation=Operation.CREATE)
    leases.release(work.mapping, clean=True, state=state, state_reason=reason, **_settled_columns())
    return Outcome.APPLIED if state is MappingState.SYNCED else Outcome.HELD


def refuse_if_required_is_held(work: Work, plan: Plan) -> None:
    """A record without a required field is not made: raises ``RecordProblem`` naming the field."""
    for key, held in plan.held.items():
        if work.rc.field_map.links[key].required:
            raise RecordProblem(f"{key}: {held.detail}", code="mapping", field=key)


def _bring_in_new(work: Work, pair: Pair, values: dict[str, Any], plan: Plan) -> None:
    assert pair.external is not None
    now = runtime().now()
    record = record_create(
        tenant=work.mapping.tenant,
        record_type=work.rc.record_type,
        values=values,
        origin=work.origin(),
        now=now,
        external_metadata={},
    )
    pair.agree_created_locally(plan.to_local, work.rc.field_map.read_local(record_values(record)))
    work.field_changes["local"] = {key: {"from": None, "to": value} for key, value in values.items()}
    leases.save(
        work.mapping,
        record_id=record.id,
        base_local=pair.base_local,
        base_external=pair.base_external,
        provenance=pair.provenance,
        held=pair.held_as_json(plan),
        deferred=deferred(pair, plan),
        fingerprint=pair.fingerprint,
        local_revision=record.revision,
        field_map_version=work.rc.field_map_version,
        last_in_at=now,
        last_synced_at=now,
        **work.external_facts(pair.external),
    )


def parent_values(work: Work, record: ExternalRecord) -> dict[str, Any]:
    """Where a child belongs here (a comment's record). Raises ``NotYet`` if its parent isn't here."""
    if not work.rc.resource.parent:
        return {}
    parent_id = record.parent_id or work.mapping.external_parent_id
    parent = (
        Mapping.objects.filter(
            integration=work.integration, resource=work.rc.resource.parent, external_id=parent_id
        )
        .values_list("record_type", "record_id", "state")
        .first()
    )
    if parent is None or parent[2] == MappingState.TOMBSTONE:
        raise scopes.Filtered(f"Its {work.rc.resource.parent} isn't synced.")
    if parent[1] is None:
        raise NotYet(f"Its {work.rc.resource.parent} isn't here yet.", seconds=10)
    return {"on_type": parent[0], "on_id": str(parent[1])}


def _wait_for_creates_under_way(work: Work) -> None:
    """An unknown record may be what an unsettled create of ours made: wait, or it would be here twice (I7)."""
    first_seen = work.mapping.created_at
    states = set(
        open_creates(work.integration.id, work.rc.name)
        .filter(created_at__lte=first_seen)
        .values_list("state", flat=True)
    )
    if IntentState.OPEN in states:
        raise NotYet("A create of ours is under way; this record may be its result.", seconds=5)
    if IntentState.IN_DOUBT in states:
        raise NotYet("It may be the result of a create that is in doubt: settle that one first.", seconds=60)


def _wait_for_matching(work: Work) -> None:
    """Where records are matched, one that is still being matched may be ours: wait, or it would be there twice."""
    if not work.rc.match_on:
        return
    noticed = Mapping.objects.filter(
        integration=work.integration, resource=work.rc.name, record_id__isnull=True, is_dead=False
    )
    if noticed.filter(state=MappingState.PENDING, dirty_at__isnull=False).exists():
        raise NotYet("Records from there are still being matched with ours.", seconds=2)
    if matching.is_candidate(work.integration.id, work.rc.name, work.mapping.record_id):
        raise NotYet("A reviewer has to decide whether it is there already.", seconds=60)


def has_open_creates(integration_id: UUID, resource: str) -> bool:
    """True while the outcome of a create is not known: what a page shows as new may be its answer.

    Begins at the few open intents, of any integration. As one join PostgreSQL, without statistics yet, may read
    all pairs of a growing import instead, page after page.
    """
    open_ones = WriteIntent.objects.filter(kind=WriteKind.CREATE, state__in=UNSETTLED)
    ids = open_ones.values_list("mapping_id", flat=True).order_by()
    fixed = {"integration_id": integration_id, "resource": resource}
    return bool(find_rows(Mapping, ["id"], fixed=fixed, key="id", values=list(ids)))


def open_creates(integration_id: UUID, resource: str) -> Any:
    """Creates whose outcome is not known yet."""
    return WriteIntent.objects.filter(
        mapping__integration_id=integration_id,
        mapping__resource=resource,
        kind=WriteKind.CREATE,
        state__in=UNSETTLED,
    )


# -- here → there ------------------------------------------------------------------------------------------


def create_externally(work: Work, pair: Pair) -> Outcome:
    """Make the external record of a local one."""
    if Can.CREATE not in work.rc.resource.can:
        raise RecordProblem(f"{work.rc.connector.name} doesn't let us create a {work.rc.resource.label}.")
    _wait_for_matching(work)
    _take_up_again(work)
    _find_parent_there(work, pair)
    refs = pair.refs = References().load(work.integration, inward=set(), outward=pair.references_out())
    plan = plan_external_create(
        field_map=work.rc.field_map, local=pair.local_snapshot, policy=work.rc.policy, ctx=refs
    )
    refuse_if_required_is_held(work, plan)
    intent = _open_intent(work, pair, dict(plan.to_external))
    runtime().point("after_intent")
    answer = _send(work, intent)
    runtime().point("after_call")
    return _adopt(work, pair, intent, answer, plan)


def _take_up_again(work: Work) -> None:
    """A record that was unlinked and is restored here may still be there: then it is that one, not a second. What both sides
    did since is merged.
    """
    ended = (
        Mapping.objects.filter(
            integration=work.integration, resource=work.rc.name, record_id=work.mapping.record_id,
            state=MappingState.TOMBSTONE, external_id__isnull=False,
        )
        .order_by("-created_at")
        .first()
    )  # fmt: skip
    if ended is None or ended.external_id is None:
        return
    try:
        found = work.client.get(work.rc.name, ended.external_id, parent_id=ended.external_parent_id or None)
    except RecordGone:
        return
    if found.is_deleted or found.is_archived:
        return
    with transaction.atomic():
        Mapping.objects.filter(id=ended.id).update(external_id=None)
        leases.save(
            work.mapping,
            external_id=ended.external_id,
            external_parent_id=ended.external_parent_id,
            base_local=ended.base_local,
            base_external=ended.base_external,
            provenance=ended.provenance,
            field_map_version=ended.field_map_version,
        )
    raise Again("it is still there")


def _find_parent_there(work: Work, pair: Pair) -> None:
    if not work.rc.resource.parent or work.mapping.external_parent_id:
        return
    on_id = pair.local.values.get("on_id") if pair.local else None
    if on_id:
        wait_for_parent_in_sync(work, record_id=on_id)
    parent = (
        Mapping.objects.live()
        .filter(integration=work.integration, resource=work.rc.resource.parent, record_id=on_id)
        .values_list("external_id", flat=True)
        .first()
        if on_id
        else None
    )
    if parent is None:
        raise NotYet(f"Its {work.rc.resource.parent} isn't there yet.", seconds=10)
    with transaction.atomic():
        leases.save(work.mapping, external_parent_id=parent)


def wait_for_parent_in_sync(work: Work, **which: Any) -> None:
    """What hangs on a record that is kept out of the sync stays where it is, until that takes part again (``NotYet``)."""
    name = work.rc.resource.parent
    parents = Mapping.objects.filter(integration=work.integration, resource=name, state__in=KEPT_OUT)
    if name and parents.filter(**which).exists():
        raise NotYet(f"Its {name} is kept out of the sync.", seconds=900)


def _open_intent(work: Work, pair: Pair, sent: dict[str, Any]) -> WriteIntent:
    """The committed row that outlives us; reused if an earlier try left one that provably made nothing."""
    now = runtime().now()
    fields = {
        "local": {key: pair.local_snapshot.get(key) for key in sent},
        "external": sent,
        "writes": work.rc.field_map.external_writes(
            sent
        ),  # a repeat sends the same, whatever the map is by then
    }
    with transaction.atomic():
        leases.save(work.mapping, state=MappingState.PENDING, state_reason="Being created there.")
        intent = WriteIntent.objects.filter(
            mapping=work.mapping, kind=WriteKind.CREATE, state=IntentState.OPEN
        ).first()
        if intent is None:
            intent = WriteIntent(
                id=new_id(), mapping=work.mapping, kind=WriteKind.CREATE, key=new_id().hex, created_at=now
            )
        intent.fields = fields
        intent.sent_at = now
        intent.save()
    return intent


def _send(work: Work, intent: WriteIntent, *, repeats: bool = False) -> ExternalRecord:
    """The create itself. A failure that proves nothing was made closes the intent; one of a repeated call tells nothing of
    the call before.
    """
    fields = intent.fields.get("writes")
    if fields is None:  # noted by an older version
        fields = work.rc.field_map.external_writes(intent.fields["external"])
    try:
        answer = work.client.create(work.rc.name, fields, key=intent.key, parent_id=work.parent_id)
    except AlreadyExists as exists:
        _close_intent(intent, IntentState.FAILED, "it was there already")
        if exists.external_id is None:
            raise
        _adopt_existing(work, exists.external_id)
        raise Again("it was there already") from exists
    except Retryable as error:
        if not error.ambiguous and not repeats:  # nothing was made: the same intent goes again
            WriteIntent.objects.filter(id=intent.id).update(sent_at=None)
        raise
    except (RecordProblem, ConfigurationProblem) as error:
        if not repeats or not isinstance(error, PermissionProblem | ConfigurationProblem):
            _close_intent(intent, IntentState.FAILED, "refused")
        raise
    if not answer.complete:
        answer = work.client.get(work.rc.name, answer.id, parent_id=work.parent_id)
    return answer


def _close_intent(intent: WriteIntent, state: IntentState, evidence: str) -> None:
    WriteIntent.objects.filter(id=intent.id).update(
        state=state, evidence=evidence[:500], settled_at=runtime().now()
    )


def _adopt_existing(work: Work, external_id: str) -> None:
    """Link to a record the vendor says is there; the next round compares field by field, overwriting nothing."""
    with transaction.atomic():
        _absorb_placeholder(work, external_id)
        leases.save(work.mapping, external_id=external_id, base_local=None, base_external=None)


def _absorb_placeholder(work: Work, external_id: str) -> None:
    """A webhook or poll may have noticed our new record first: its empty mapping makes way (I6)."""
    other = Mapping.objects.filter(
        integration=work.integration, resource=work.rc.name, external_id=external_id
    ).exclude(id=work.mapping.id)
    deleted, _ = other.filter(record_id__isnull=True).delete()
    if not deleted and other.exists():
        raise RecordProblem(
            f"{work.rc.resource.label} {external_id} is linked to another record here already.",
            code="mapping",
        )


def _adopt(
    work: Work,
    pair: Pair,
    intent: WriteIntent,
    answer: ExternalRecord,
    plan: Plan,
) -> Outcome:
    """Id, bases and intent in one transaction: from here on the pair is an ordinary one."""
    now = runtime().now()
    stored = pair.rc.field_map.read_external(answer.data)
    agree_created(pair, intent.fields, stored)
    columns = {
        "external_id": answer.id,
        "base_local": pair.base_local,
        "base_external": pair.base_external,
        "provenance": pair.provenance,
        "held": pair.held_as_json(plan),
        "deferred": deferred(pair, plan),
        "last_out_at": now,
        "last_synced_at": now,
        "field_map_version": work.rc.field_map_version,
        "local_revision": pair.local.revision if pair.local else 0,
        **work.external_facts(answer),
    }
    news = any(stored.get(k) != v for k, v in (pair.base_external or {}).items() if k in stored)
    columns["fingerprint"] = "" if news else digest(stored)
    work.field_changes["external"] = {
        key: {"from": None, "to": value} for key, value in plan.to_external.items()
    }
    with transaction.atomic():
        _absorb_placeholder(work, answer.id)
        leases.save(work.mapping, **columns)
        _close_intent(intent, IntentState.SETTLED, f"created as {answer.id}")
        withdraw_all(work.mapping)
    runtime().point("after_bases")
    state, reason = state_after(work.mapping.held, open_conflict=False, waits=False)
    log_pair(work, operation=Operation.CREATE)
    leases.release(work.mapping, clean=not news, state=state, state_reason=reason, **_settled_columns())
    return Outcome.APPLIED if state is MappingState.SYNCED else Outcome.HELD


def recall_sent(work: Work, pair: Pair) -> None:
    """What a create of ours sent, for a pair that a person has linked by hand since."""
    intents = WriteIntent.objects.filter(mapping=work.mapping, kind=WriteKind.CREATE, sent_at__isnull=False)
    sent = intents.order_by("created_at").values_list("fields", flat=True).last()
    if sent is not None:
        agree_found(pair, sent)


# -- after a crash -----------------------------------------------------------------------------------------


def settle_open_intent(work: Work) -> None:
    """Find out what became of a create whose answer we never stored, before anything else (E6).

    Raises ``NotYet`` while it may still arrive, ``Again`` once the record was found and adopted. Returns if
    there is nothing to settle or it is proven that nothing was made.
    """
    if work.mapping.external_id is not None:
        return
    intent = WriteIntent.objects.filter(
        mapping=work.mapping, kind=WriteKind.CREATE, state__in=UNSETTLED
    ).first()
    if intent is None or intent.sent_at is None:
        return
    if intent.state == IntentState.IN_DOUBT:
        raise StillInDoubt(intent.evidence)
    match work.rc.resource.create_class:
        case CreateClass.KEYED | CreateClass.UPSERT:
            # the same key and the same fields again make no second record; what changed since flows as an edit
            _adopt_found(work, intent, _send(work, intent, repeats=True))
            raise Again("an interrupted create was completed")
        case CreateClass.MARKER:
            _look_up(work, intent)
        case CreateClass.UNPROVABLE:
            _doubt(work, intent)


def _look_up(work: Work, intent: WriteIntent) -> None:
    found = work.client.find_by_key(
        work.rc.name, intent.key, since=intent.created_at - timedelta(minutes=5), parent_id=work.parent_id
    )
    if found is not None:
        _adopt_found(work, intent, found)
        raise Again("found the record that an interrupted create had made")
    assert intent.sent_at is not None
    age = (runtime().now() - intent.sent_at).total_seconds()
    if age < SETTLE_SECONDS:
        raise NotYet(
            "A create was interrupted; waiting until it can't arrive any more.", seconds=SETTLE_SECONDS - age
        )


def _adopt_found(work: Work, intent: WriteIntent, found: ExternalRecord) -> None:
    pair = Pair(work.rc, work.mapping.base_local, work.mapping.base_external, dict(work.mapping.provenance))
    stored = work.rc.field_map.read_external(found.data)
    agree_created(pair, intent.fields, stored)
    with transaction.atomic():
        _absorb_placeholder(work, found.id)
        leases.save(
            work.mapping,
            external_id=found.id,
            base_local=pair.base_local,
            base_external=pair.base_external,
            provenance=pair.provenance,
            **work.external_facts(found),
        )
        _close_intent(intent, IntentState.SETTLED, f"found as {found.id}")
        withdraw_all(work.mapping)


def _doubt(work: Work, intent: WriteIntent) -> None:
    reason = (
        f"A create was interrupted and {work.rc.connector.name} gives no way to prove whether it arrived. "
        "Look there: link the record if it exists, or create it again."
    )
    with transaction.atomic():
        WriteIntent.objects.filter(id=intent.id).update(state=IntentState.IN_DOUBT, evidence=reason[:500])
        leases.save(work.mapping, state=MappingState.IN_DOUBT, state_reason=reason[:500])
    raise InDoubt(reason)


class InDoubt(SyncError):
    """Nothing proves whether a create arrived: a person decides, nobody retries."""

    code = "in_doubt"


class StillInDoubt(Exception):
    """The pair waits for a person; a new mark changes nothing about that."""


def _settled_columns() -> dict[str, Any]:
    return {"attempts": 0, "last_error": "", "error_code": "", "next_attempt_at": None, "is_dead": False}


def in_doubt_of(integration_id: UUID) -> Any:
    """Pairs whose create is in doubt."""
    return Mapping.objects.filter(Q(state=MappingState.IN_DOUBT), integration_id=integration_id)
