"""A client for APIs that keep the last write and have no key for creates: it reads and compares before it writes, and
makes nothing twice that is known by its name. Also: listings that come leg by leg (per user, per project, per month)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from .client import RestClient
from .connector import Connector
from .errors import AlreadyExists, RecordGone
from .paths import MISSING, read_path
from .session import ApiSession
from .types import ExternalRecord, Page


class ComparingClient(RestClient):
    """``known_by`` names the paths that tell one record of a resource from another: ``{"tag": ("name",)}``."""

    known_by: Mapping[str, tuple[str, ...]] = {}

    def __init__(self, connector: Connector, session: ApiSession, settings: Mapping[str, Any]) -> None:
        super().__init__(connector, session, settings)
        self._homes: dict[tuple[str, str], str] = {}

    def remember_home(self, resource: str, external_id: str, home: Any) -> None:
        """Notes what a record lives in, where its address leads through that (a task through its project)."""
        self._homes[resource, external_id] = str(home or "")

    def home_of(self, resource: str, external_id: str) -> str:
        """What the record lives in; the listing is read where it was not seen yet. Raises ``RecordGone``."""
        if (resource, external_id) not in self._homes:
            for _ in self.walk(resource):
                continue  # ``to_record`` remembers
        if (resource, external_id) not in self._homes:
            raise RecordGone(f"The listing of all does not hold this {resource}.")
        return self._homes[resource, external_id]

    def rests_on(self, resource: str, fields: Mapping[str, Any]) -> Sequence[str]:
        """Paths that must not have changed for this write to be right: those it overwrites. Add what it is computed from."""
        return tuple(fields)

    def update(
        self,
        resource: str,
        external_id: str,
        fields: Mapping[str, Any],
        *,
        current: ExternalRecord,
        parent_id: str | None = None,
    ) -> ExternalRecord:
        """Reads, refuses as stale where somebody else was there, then writes over what was just read."""
        now = self.get(resource, external_id, parent_id=parent_id)
        self.refuse_stale(
            current, now, {path: fields.get(path, MISSING) for path in self.rests_on(resource, fields)}
        )
        return super().update(resource, external_id, fields, current=now, parent_id=parent_id)

    def create(
        self, resource: str, fields: Mapping[str, Any], *, key: str, parent_id: str | None = None
    ) -> ExternalRecord:
        """Where records are known by a name, one that is there already is answered, or named in ``AlreadyExists`` if it
        differs in anything else: a create that is repeated makes nothing twice."""
        names = self.known_by.get(resource, ())
        there = self.known(resource, {path: fields.get(path) for path in names}) if names else None
        if there is None:
            return super().create(resource, fields, key=key, parent_id=parent_id)
        if any(_differs(read_path(there.data, path, None), value) for path, value in fields.items()):
            raise AlreadyExists(
                f"{self.connector.name} has this {resource} already.", external_id=there.id, field=names[0]
            )
        return there

    def known(self, resource: str, values: Mapping[str, Any]) -> ExternalRecord | None:
        """The record that carries these values, from the whole listing; texts are compared without case."""
        for record in self.walk(resource):
            if not any(_differs(read_path(record.data, path, None), value) for path, value in values.items()):
                return record
        return None

    def in_legs(self, legs: Sequence[str], token: Any, fetch: Callable[[str, Any], Page]) -> Page:
        """One page of a listing that takes several walks. ``fetch(leg, token)`` gives a page of one of them.

        The token names the leg, so legs may come and go between pages; they are taken in their order as texts.
        """
        ordered = sorted(legs)
        if token is not None:
            ordered = [leg for leg in ordered if leg >= token["leg"]]
        if not ordered:
            return Page([])
        leg = ordered[0]
        page = fetch(leg, token["at"] if token is not None and token["leg"] == leg else None)
        following: Any = None
        if page.next_token is not None:
            following = {"leg": leg, "at": page.next_token}
        elif len(ordered) > 1:
            following = {"leg": ordered[1], "at": None}
        return Page(page.records, following, page.server_time, page.deleted_ids)


def _differs(found: Any, wanted: Any) -> bool:
    if found in (None, "", []) and wanted in (None, "", []):
        return False
    if isinstance(found, str) and isinstance(wanted, str):
        return found.strip().casefold() != wanted.strip().casefold()
    return bool(found != wanted)
