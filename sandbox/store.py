"""What a stand-in remembers: one world per vendor, in memory, written through to one SQLite file if there is one."""

from __future__ import annotations

import copy
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import orjson

Document = dict[str, Any]


class Store:
    """All worlds. With a folder, ``sandbox.sqlite3`` in it keeps them; a second start finds them again."""

    def __init__(self, folder: Path | None = None) -> None:
        self._lock = threading.RLock()
        self._worlds: dict[str, World] = {}
        self._database: sqlite3.Connection | None = None
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
            self._database = sqlite3.connect(
                folder / "sandbox.sqlite3",
                check_same_thread=False,
                isolation_level=None,
            )
            self._database.executescript(
                "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;"
                "CREATE TABLE IF NOT EXISTS document (world TEXT, kind TEXT, id TEXT, place INTEGER, body BLOB,"
                " PRIMARY KEY (world, kind, id)) WITHOUT ROWID;"
            )

    def world(self, name: str) -> World:
        with self._lock:
            if name not in self._worlds:
                self._worlds[name] = World(name, self)
            return self._worlds[name]

    def load(self, world: str) -> list[tuple[str, str, bytes]]:
        if self._database is None:
            return []
        with self._lock, closing(self._database.cursor()) as cursor:
            rows = cursor.execute(
                "SELECT kind, id, body FROM document WHERE world = ? ORDER BY kind, place",
                (world,),
            )
            return list(rows)

    def save(self, world: str, kind: str, id: str, place: int, document: Document | None) -> None:
        if self._database is None:
            return
        body = None if document is None else orjson.dumps(document, default=str)
        with self._lock:
            if body is None:
                self._database.execute(
                    "DELETE FROM document WHERE world = ? AND kind = ? AND id = ?",
                    (world, kind, id),
                )
            else:
                self._database.execute(
                    "INSERT OR REPLACE INTO document VALUES (?, ?, ?, ?, ?)",
                    (world, kind, id, place, body),
                )

    def clear(self, world: str) -> None:
        if self._database is not None:
            with self._lock:
                self._database.execute("DELETE FROM document WHERE world = ?", (world,))

    def close(self) -> None:
        if self._database is not None:
            self._database.close()


class World:
    """One vendor's records by kind and id. Hold ``lock`` around read-change-write; handlers are called with it held.

    ``get`` answers a copy to change and ``put`` back; ``all`` answers the live documents, to be read only.
    """

    def __init__(self, name: str, store: Store) -> None:
        self.name = name
        self.lock = threading.RLock()
        self.changes = 0  # writes so far, by which somebody who looked earlier sees that there were more
        self._store = store
        self._kinds: dict[str, dict[str, Document]] = {}
        self._places: dict[tuple[str, str], int] = {}
        for kind, id, body in store.load(name):
            self._kinds.setdefault(kind, {})[id] = orjson.loads(body)
            self._places[kind, id] = len(self._places)

    @property
    def is_empty(self) -> bool:
        return not any(self._kinds.values())

    def get(self, kind: str, id: str | int) -> Document | None:
        with self.lock:
            found = self._kinds.get(kind, {}).get(str(id))
            return copy.deepcopy(found) if found is not None else None

    def put(self, kind: str, id: str | int, document: Document) -> Document:
        """Stores the document under the id and answers it."""
        with self.lock:
            self._kinds.setdefault(kind, {})[str(id)] = copy.deepcopy(document)
            place = self._places.setdefault((kind, str(id)), len(self._places))
            self._store.save(self.name, kind, str(id), place, document)
            self.changes += 1
        return document

    def drop(self, kind: str, id: str | int) -> bool:
        """Removes for good; True if it was there."""
        with self.lock:
            if self._kinds.get(kind, {}).pop(str(id), None) is None:
                return False
            self._store.save(self.name, kind, str(id), 0, None)
            self.changes += 1
            return True

    def all(self, kind: str) -> list[Document]:
        """Live documents in the order they were made. Read only."""
        with self.lock:
            return list(self._kinds.get(kind, {}).values())

    def where(self, kind: str, test: Callable[[Document], bool]) -> list[Document]:
        return [document for document in self.all(kind) if test(document)]

    def ids(self, kind: str) -> Iterator[str]:
        with self.lock:
            return iter(list(self._kinds.get(kind, {})))

    def count(self, kind: str) -> int:
        return len(self._kinds.get(kind, {}))

    def next_number(self, name: str = "number", start: int = 1) -> int:
        """The next number of a named counter; deterministic and kept over restarts."""
        with self.lock:
            counter = self.get("_counter", name) or {"value": start - 1}
            counter["value"] += 1
            self.put("_counter", name, counter)
            return int(counter["value"])

    def clear(self) -> None:
        with self.lock:
            self._kinds.clear()
            self._places.clear()
            self.changes += 1
            self._store.clear(self.name)
