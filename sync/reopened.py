"""A task reopened on the other side gets back the stage it had, where that side tells no open stage from another (E15)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from uuid import UUID

from reconcile.kinds import ValueProblem
from reconcile.model import JSON, Plan, Unmapped
from sync.context import ResourceContext
from sync.pairs import Pair
from workspace.models import TaskStage
from workspace.services import stages_before_done


def stages_give_back(rc: ResourceContext, planned: Iterable[tuple[Pair, Plan]]) -> list[Plan]:
    """The plans, in order, with the stage from before where the way in makes one stage of several.

    One query for all of them, none where no task leaves "done". What a reviewer or a strategy chose stays as chosen.
    """
    plans = list(planned)
    key = next((key for key, link in rc.field_map.links.items() if link.local == "stage"), None)
    if rc.record_type != "task" or key is None:
        return [plan for _, plan in plans]
    leaving = {
        pair.local.id for pair, plan in plans if pair.local is not None and _leaves_done(pair, plan, key)
    }
    before = stages_before_done(tenant_id=rc.integration.tenant_id, record_ids=leaving)
    return [_with_stage(pair, plan, key, before) for pair, plan in plans]


def _leaves_done(pair: Pair, plan: Plan, key: str) -> bool:
    chosen = {*plan.settled, *plan.to_external, *(decision.conflict.key for decision in plan.decisions)}
    was_done = pair.local is not None and pair.local.values["stage"] == TaskStage.DONE
    return was_done and key in plan.to_local and key not in chosen


def _with_stage(pair: Pair, plan: Plan, key: str, before: dict[UUID, str]) -> Plan:
    stage = before.get(pair.local.id) if pair.local is not None else None
    if stage is None or not _says_the_same_there(pair, key, stage):
        return plan
    return replace(plan, to_local={**plan.to_local, key: stage})


def _says_the_same_there(pair: Pair, key: str, stage: JSON) -> bool:
    """True if the other side, as it is now, could stand for this stage as well."""
    fm = pair.rc.field_map
    try:
        there = fm.outward(key, stage, pair.refs)
    except ValueProblem:
        return False
    return not isinstance(there, Unmapped) and fm.normalise(key, there) == pair.external_snapshot.get(key)
