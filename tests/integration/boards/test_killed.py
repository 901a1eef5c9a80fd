"""A server that is killed in the middle of a move leaves all of it or nothing, and the same command again ends it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.utils import timezone

from boards.models import Board, Move
from boards.selectors import layout_for
from boards.services.actors import Actor, rights_of
from boards.services.checks import verify
from boards.services.moves import Card, Moved, card_move
from boards.services.neighbours import Target
from boards.services.opening import board_open
from workspace.models import Change, Membership, OriginKind, Role, Task, Tenant
from workspace.services import Origin, record_create

pytestmark = [pytest.mark.postgres, pytest.mark.django_db(transaction=True)]

ROOT = Path(__file__).resolve().parents[3]

#: a server of its own, which stops for good at the named call: after it if the name ends with "+", else before it
SERVER = """
import importlib, sys, time
import django
django.setup()
from uuid import UUID
from django.contrib.auth.models import User
from django.utils import timezone
from boards.models import Board
from boards.selectors import layout_for
from boards.services import moves
from boards.services.actors import Actor, rights_of
from boards.services.neighbours import Target

name, board, card, command = sys.argv[1:]
module, _, function = name.rstrip("+").rpartition(".")
home = importlib.import_module(module)
real = getattr(home, function)

def stop(*args, **options):
    if name.endswith("+"):
        real(*args, **options)
    print("there", flush=True)
    time.sleep(60)

setattr(home, function, stop)
found = Board.objects.select_related("tenant").get(pk=board)
user = User.objects.get(username="olga")
actor = Actor(user=user, rights=rights_of(user, found.tenant, layout_for(found)))
moves.card_move(
    board=found, card=moves.Card(UUID(card), 1), target=Target("review"), actor=actor, now=timezone.now(),
    command_id=UUID(command),
)
"""


def killed_at(where: str, board: Board, card: Task, command: str) -> None:
    database = connection.settings_dict
    address = f"postgres://{database['USER']}:{database['PASSWORD']}@{database['HOST']}:{database['PORT']}/{database['NAME']}"
    server = subprocess.Popen(
        [sys.executable, "-c", SERVER, where, str(board.pk), str(card.pk), command],
        cwd=ROOT, stdout=subprocess.PIPE, text=True,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "config.settings", "DATABASE_URL": address, "LOCKSTEP_NO_SECRETS": "1"},
    )  # fmt: skip
    assert server.stdout is not None
    assert server.stdout.readline() == "there\n"
    server.send_signal(signal.SIGKILL)
    server.wait(10)
    server.stdout.close()


@pytest.mark.parametrize(
    ("where", "is_done"),
    [
        ("boards.services.moves.numbers_take", False),  # the record is written
        ("boards.services.moves.moves_insert", False),  # its number is taken
        ("boards.services.moves.moves_insert+", False),  # the event is written, and nothing committed
        ("live.feed._publish_now", True),  # committed, and nobody told
    ],
)
def test_a_killed_server_leaves_all_of_a_move_or_nothing(tenant: Tenant, where: str, is_done: bool) -> None:
    assert connection.vendor == "postgresql"
    board = board_open(tenant, "task")
    olga = User.objects.create_user("olga", is_staff=True)
    Membership.objects.create(user=olga, tenant=tenant, role=Role.OPERATOR)
    origin = Origin(OriginKind.SYSTEM)
    card = record_create(
        tenant=tenant, record_type="task", values={"title": "boat"}, origin=origin, now=timezone.now()
    )
    assert isinstance(card, Task)
    command = uuid4()
    killed_at(where, board, card, str(command))

    card.refresh_from_db()
    changes = Change.objects.filter(record_id=card.pk).count()
    assert (card.stage, card.revision, changes) == (("review", 2, 2) if is_done else ("backlog", 1, 1))
    board.refresh_from_db()
    assert board.last_seq == Move.objects.filter(board=board).count() == (2 if is_done else 1)
    assert verify(board, timezone.now()).ok

    again = repeat(board, card, olga, command)  # what the page does when no answer came
    assert again.repeated is is_done
    assert [(move.from_stage, move.to_stage, move.seq) for move in again.moves] == [("backlog", "review", 2)]
    board.refresh_from_db()
    assert board.last_seq == Move.objects.filter(board=board).count() == 2
    assert verify(board, timezone.now()).ok


def repeat(board: Board, card: Task, user: User, command: object) -> Moved:
    actor = Actor(user=user, rights=rights_of(user, board.tenant, layout_for(board)))
    return card_move(
        board=board, card=Card(card.pk, 1), target=Target("review"), actor=actor, now=timezone.now(),
        command_id=command,  # type: ignore[arg-type]
    )  # fmt: skip
