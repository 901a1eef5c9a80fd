"""What people set for themselves on a board, and the views they share."""

from __future__ import annotations

from datetime import datetime

from boards.defaults import layout_of
from boards.models import Board, Preference, SavedView

from .actors import Actor
from .errors import BadMove, NotAllowed

MAX_VIEWS = 30


def collapsed_set(*, board: Board, actor: Actor, stages: list[str]) -> list[str]:
    """The columns that this person keeps collapsed on this board."""
    known = layout_of(board.record_type, board.config).by_key
    wanted = [stage for stage in stages if stage in known]
    Preference.objects.update_or_create(board=board, user=actor.user, defaults={"collapsed": wanted})
    return wanted


def view_save(*, board: Board, actor: Actor, name: str, query: str) -> None:
    """Keep a filter under a name, for oneself; the same name again replaces it. An empty query forgets it."""
    name, query = _clean(name, query)
    row, _ = Preference.objects.get_or_create(board=board, user=actor.user)
    views = [view for view in row.views if view["name"] != name]
    if query:
        views.append({"name": name, "query": query})
    row.views = views[-MAX_VIEWS:]
    row.save(update_fields=["views"])


def view_share(*, board: Board, actor: Actor, name: str, query: str, now: datetime) -> None:
    """The same for everybody on the board. Raises NotAllowed: who may move cards may share a view; somebody else's
    is replaced or forgotten only by who may configure the board."""
    name, query = _clean(name, query)
    if "move" not in actor.rights:
        raise NotAllowed("Your role does not let you share views on this board.")
    found = SavedView.objects.filter(board=board, name=name).first()
    if found is not None and found.user_id != actor.user.pk and "configure" not in actor.rights:
        raise NotAllowed(f"“{name}” is somebody else's view. Take another name.")
    if not query:
        SavedView.objects.filter(board=board, name=name).delete()
        return
    if found is None and SavedView.objects.filter(board=board).count() >= MAX_VIEWS:
        raise BadMove(f"A board keeps at most {MAX_VIEWS} shared views; forget one first.")
    SavedView.objects.update_or_create(
        board=board, name=name, defaults={"query": query, "user": actor.user, "saved_at": now}
    )


def _clean(name: str, query: str) -> tuple[str, str]:
    name = name.strip()[:60]
    if not name:
        raise BadMove("Give the view a name.")
    return name, query.strip().lstrip("?")[:500]
