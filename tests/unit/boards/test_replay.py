"""What can be undone and redone, held against two plain stacks."""

from __future__ import annotations

from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from boards.core.replay import Command, stacks


@given(st.lists(st.sampled_from(["do", "do", "undo", "redo"]), max_size=60), st.integers(1, 50))
def test_stacks_are_those_of_any_editor(wishes: list[str], limit: int) -> None:
    commands: list[Command] = []
    undo: list[UUID] = []
    redo: list[UUID] = []
    for number, wish in enumerate(wishes, start=1):
        key = UUID(int=number)
        if wish == "do":
            commands.append(Command(key, "ui"))
            undo.append(key)
            redo.clear()
        elif wish == "undo" and undo:
            redo.append(undo.pop())
            commands.append(Command(key, "undo", redo[-1]))
        elif wish == "redo" and redo:
            undo.append(redo.pop())
            commands.append(Command(key, "redo", undo[-1]))
    found = stacks(commands, limit)
    assert (found.undo, found.redo) == (tuple(undo[-limit:]), tuple(redo[-limit:]))
