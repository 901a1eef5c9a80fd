"""What people did, kept apart from the engine, and what may therefore be true in the end (ENGINE.md 4.1).

Texts are written with values nobody used before, so a value names the edit that wrote it. An edit is superseded
once somebody changed the field on a side that showed it. Every edit that nobody superseded must be the final
value, or stand in a recorded decision from which it can be restored.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from conflicts.models import ConflictResolution
from integrations.models import IntentState, Mapping, MappingState, WriteIntent
from tests.simulation.vendor import Card, SimVendor
from workspace.models import Change, OriginKind, Task

FOLLOWED = {"title": "name", "description": "notes"}
Side = tuple[str, str]


class Violation(AssertionError):
    """An invariant does not hold."""


@dataclass
class Edit:
    side: Side
    field: str
    before: str
    value: str


@dataclass
class Oracle:
    edits: list[Edit] = field(default_factory=list)
    deletes: dict[Side, dict[str, str]] = field(default_factory=dict)  # side → what the deleter saw
    decisions: list[tuple[str, str]] = field(default_factory=list)
    links: dict[UUID, set[Side]] = field(default_factory=dict)  # all sides a pair ever had

    # -- what people did ------------------------------------------------------------------------------------

    def created_here(self, record_id: UUID, values: dict[str, Any]) -> None:
        for name in FOLLOWED:
            self.edits.append(Edit(("here", str(record_id)), name, "", values.get(name) or ""))

    def created_there(self, vendor: SimVendor, card: Card, values: dict[str, Any]) -> None:
        for name, path in FOLLOWED.items():
            self.edits.append(Edit((vendor.profile.name, card.id), name, "", values.get(path) or ""))

    def edited_here(self, record_id: UUID, name: str, before: Any, value: Any) -> None:
        if name in FOLLOWED:
            self.edits.append(Edit(("here", str(record_id)), name, before or "", value or ""))

    def edited_there(self, vendor: SimVendor, card: Card, name: str, before: Any, value: Any) -> None:
        if name in FOLLOWED:
            self.edits.append(Edit((vendor.profile.name, card.id), name, before or "", value or ""))

    def deleted_here(self, record_id: UUID) -> None:
        task = Task.objects.get(id=record_id)
        self.deletes[("here", str(record_id))] = {name: getattr(task, name) for name in FOLLOWED}

    def deleted_there(self, vendor: SimVendor, card: Card) -> None:
        seen = {name: card.fields.get(path) or "" for name, path in FOLLOWED.items()}
        self.deletes[(vendor.profile.name, card.id)] = seen

    def decided_record(self, conflict: ConflictResolution, choice: str) -> None:
        self.decisions.append((str(conflict.mapping_id), choice))

    def settle_doubt(self, mapping: Mapping, vendor: SimVendor, now: datetime) -> None:
        """What a person does with a create in doubt: look there, then link what is there or have it made again."""
        intent = WriteIntent.objects.get(mapping=mapping, state=IntentState.IN_DOUBT)
        found = next((card for card in vendor.cards.values() if card.key == intent.key), None)
        WriteIntent.objects.filter(id=intent.id).update(
            state=IntentState.SETTLED if found else IntentState.FAILED, settled_at=now
        )
        if found is not None:
            Mapping.objects.filter(
                integration_id=mapping.integration_id, external_id=found.id, record_id__isnull=True
            ).delete()
        Mapping.objects.filter(id=mapping.id).update(
            external_id=found.id if found else None,
            state=MappingState.PENDING,
            dirty_at=now,
            dirty_seq=mapping.dirty_seq + 1,
            is_dead=False,
            next_attempt_at=None,
        )

    def _check_nothing_changed_back(self, tenant_id: UUID) -> None:
        """I8: sync never writes here what a person had replaced here; each value is unique, so it can't be news."""
        replaced: dict[tuple[UUID, str], set[str]] = {}
        decided = json.dumps(
            list(ConflictResolution.objects.filter(tenant_id=tenant_id).values_list("resolved", flat=True))
        )
        for change in Change.objects.filter(tenant_id=tenant_id).order_by("id"):
            for name in FOLLOWED.keys() & change.changes.keys():
                step = change.changes[name]
                gone = replaced.setdefault((change.record_id, name), set())
                if change.origin == OriginKind.USER and step["from"]:
                    gone.add(step["from"])
                elif change.origin == OriginKind.SYNC and step["to"] in gone and step["to"] not in decided:
                    raise Violation(f"I8 {name} of {change.record_id} was changed back to {step['to']!r}")

    def _check_one_record_each(self) -> None:
        """I5, I6: an external record is never brought in a second time."""
        homes: dict[Side, set[str]] = {}
        for sides in self.links.values():
            here = {key for where, key in sides if where == "here"}
            for side in sides:
                if side[0] != "here":
                    homes.setdefault(side, set()).update(here)
        for side, records in homes.items():
            if len(records) > 1:
                raise Violation(f"I5 {side} was brought in as {len(records)} records")

    def saw_links(
        self, vendors: dict[UUID, SimVendor], rows: list[tuple[UUID, UUID, UUID | None, str | None]]
    ) -> None:
        """Remember which sides belong together: a record that is made anew there keeps its past."""
        for mapping_id, integration_id, record_id, external_id in rows:
            sides = self.links.setdefault(mapping_id, set())
            if record_id:
                sides.add(("here", str(record_id)))
            if external_id:
                sides.add((vendors[integration_id].profile.name, external_id))

    # -- what may be true in the end --------------------------------------------------------------------------

    def check(self, tenant_id: UUID, vendors: dict[UUID, SimVendor]) -> None:
        """Raise ``Violation`` unless both sides agree, nothing is lost, and nothing is there twice."""
        mappings = list(Mapping.objects.filter(tenant_id=tenant_id).select_related("integration"))
        tasks = {task.id: task for task in Task.objects.filter(tenant_id=tenant_id)}
        self._check_one_record_each()
        self._check_nothing_changed_back(tenant_id)
        self._check_links(mappings, tasks, vendors)
        self._check_agreement(mappings, tasks, vendors)
        self._check_losses(mappings, tasks, vendors)
        for vendor in vendors.values():
            if vendor.needless:
                raise Violation(
                    f"I11 {vendor.profile.name} was sent what it held already: {vendor.needless[:3]}"
                )

    def _check_links(
        self, mappings: list[Mapping], tasks: dict[UUID, Task], vendors: dict[UUID, SimVendor]
    ) -> None:
        live = [m for m in mappings if m.state != MappingState.TOMBSTONE]
        for integration_id, vendor in vendors.items():
            linked = {m.external_id for m in live if m.integration_id == integration_id}
            ours = {m.record_id for m in live if m.integration_id == integration_id}
            for card in vendor.alive():
                if card.id not in linked:
                    raise Violation(f"I7 {vendor.profile.name} {card.id} {card.fields} is linked to nothing")
            for task in tasks.values():
                if task.deleted_at is None and task.id not in ours:
                    raise Violation(f"I16 {task.title} has no counterpart in {vendor.profile.name}")

    def _check_agreement(
        self, mappings: list[Mapping], tasks: dict[UUID, Task], vendors: dict[UUID, SimVendor]
    ) -> None:
        for mapping in mappings:
            vendor = vendors[mapping.integration_id]
            card = vendor.cards.get(mapping.external_id or "")
            task = tasks.get(mapping.record_id) if mapping.record_id else None
            is_card = card is not None and not card.is_deleted and not card.is_archived
            is_task = task is not None and task.deleted_at is None
            if mapping.state == MappingState.TOMBSTONE:
                continue
            where = f"{vendor.profile.name} {mapping.external_id} ({mapping.state}: {mapping.state_reason})"
            if is_card != is_task:
                raise Violation(f"I16 one side of {where} is gone: here {is_task}, there {is_card}")
            if not is_card or card is None or task is None:
                continue
            is_held = mapping.state == MappingState.HELD and card.fields["prio"] == "X"
            if card.fields["prio"] == "X" and mapping.state == MappingState.SYNCED:
                raise Violation(f"I15 {where}: a priority without a counterpart was taken for agreed")
            if mapping.state != MappingState.SYNCED and not is_held:
                raise Violation(f"I16 {where} did not come to rest: {mapping.last_error}")
            here, there = _here(task), _there(card)
            if is_held:
                del here["priority"], there["priority"]
            if here != there:
                raise Violation(f"I16 {where} differs: here {here}, there {there}")

    def _check_losses(
        self, mappings: list[Mapping], tasks: dict[UUID, Task], vendors: dict[UUID, SimVendor]
    ) -> None:
        self.saw_links(vendors, [(m.id, m.integration_id, m.record_id, m.external_id) for m in mappings])
        groups = self._groups(mappings)
        recorded: dict[UUID, str] = {}
        for conflict in ConflictResolution.objects.filter(mapping__in=[m.id for m in mappings]):
            recorded[conflict.mapping_id] = recorded.get(conflict.mapping_id, "") + json.dumps(
                conflict.fields
            )
        for sides, mapping_ids in groups:
            written = "".join(recorded.get(mapping_id, "") for mapping_id in mapping_ids)
            finals = self._finals(sides, tasks, vendors)
            for name in FOLLOWED:
                edits = [e for e in self.edits if e.side in sides and e.field == name]
                seen = {e.before for e in edits}
                seen |= {values[name] for side, values in self.deletes.items() if side in sides}
                seen = {_name_of(value) for value in seen}
                for edit in edits:
                    mark = _name_of(edit.value)
                    if not mark or mark in seen or mark in {_name_of(value) for value in finals[name]}:
                        continue
                    if f"{mark} " not in written and f'{mark}"' not in written:
                        raise Violation(f"I1 {edit} is lost: final {finals[name]}, sides {sorted(sides)}")
                self._check_wording(name, edits, sides, tasks)
            was_deleted = any(side in sides for side in self.deletes)
            is_gone = [where for where, key in sides if where == "here" and tasks[UUID(key)].deleted_at]
            if is_gone and not was_deleted:
                raise Violation(f"I4 {sorted(sides)} was deleted here though nobody deleted it")
            if was_deleted and finals["alive"] and '"record"' not in written:
                raise Violation(f"I5 {sorted(sides)} came back after a person deleted it")

    def _check_wording(self, name: str, edits: list[Edit], sides: set[Side], tasks: dict[UUID, Task]) -> None:
        """I2: what stands here is what somebody wrote, to the letter; never a vendor's cut of our own text."""
        for where, key in sides:
            if where == "here" and tasks[UUID(key)].deleted_at is None:
                final = getattr(tasks[UUID(key)], name)
                if final and final.rstrip() not in {edit.value.rstrip() for edit in edits}:
                    raise Violation(f"I2 {final!r} was written by nobody: {sorted(sides)}")

    def _groups(self, mappings: list[Mapping]) -> list[tuple[set[Side], set[UUID]]]:
        """Sides that are the same record, with the mappings that say so."""
        groups: list[tuple[set[Side], set[UUID]]] = []
        for mapping in mappings:
            sides = set(self.links.get(mapping.id, ()))
            ids = {mapping.id}
            rest = []
            for other_sides, other_ids in groups:
                if other_sides & sides:
                    sides |= other_sides
                    ids |= other_ids
                else:
                    rest.append((other_sides, other_ids))
            groups = [*rest, (sides, ids)]
        known = {side for sides, _ in groups for side in sides}
        alone = {edit.side for edit in self.edits} - known
        return groups + [({side}, set()) for side in sorted(alone)]

    def _finals(
        self, sides: set[Side], tasks: dict[UUID, Task], vendors: dict[UUID, SimVendor]
    ) -> dict[str, Any]:
        finals: dict[str, Any] = {"title": set(), "description": set(), "alive": False}
        by_name = {vendor.profile.name: vendor for vendor in vendors.values()}
        for where, key in sides:
            if where == "here":
                task = tasks[UUID(key)]
                finals["title"].add(task.title)
                finals["description"].add(task.description)
                finals["alive"] |= task.deleted_at is None
            else:
                card = by_name[where].cards[key]
                finals["title"].add(card.fields.get("name"))
                finals["description"].add(card.fields.get("notes"))
        return finals


def _name_of(text: Any) -> str:
    """ "description 12" of "description 12 and much more": what tells one edit from another."""
    return " ".join(str(text or "").split()[:2])


def _cut(text: str | None) -> str | None:
    return (text or "").strip()[:40].strip() or None


def _here(task: Task) -> dict[str, Any]:
    return {
        "title": task.title,
        "description": _cut(task.description),
        "priority": task.priority,
        "labels": sorted(task.labels),
        "due_on": task.due_on.isoformat() if task.due_on else None,
    }


def _there(card: Card) -> dict[str, Any]:
    return {
        "title": card.fields.get("name"),
        "description": _cut(card.fields.get("notes")),
        "priority": {"L": "low", "H": "high"}.get(card.fields.get("prio") or "0", "none"),
        "labels": sorted(card.fields.get("tags") or []),
        "due_on": card.fields.get("due") or None,
    }
