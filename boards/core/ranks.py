"""Places in a column as texts that sort, made from the neighbours alone: no other card is ever renumbered.

A rank is a fraction in base 36, ``"0" < "i" < "z"``, without trailing zeros; plain text order is number order,
in every collation, and there is always a rank between two different ones. The point taken in a gap is random
within bounds, so that two people who drop into the same gap at the same moment get different ranks.
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from itertools import pairwise

DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
BASE = 36
#: what the column holds; longer than this and the gap is used up
MAX_LENGTH = 255
#: a new rank has at least this many digits: room for a million appends before ranks grow
WHOLE = 8
#: how many different points a gap must offer, so that a coincidence stays rare
ROOM = 2**22
#: appending and prepending go this far past the last card
STEP = 2**20
#: every so many digits the side of the gap changes beside which a new rank is put
STRIDE = 5

_RANK = re.compile(r"[0-9a-z]*[1-9a-z]")


class NoRoom(ValueError):
    """There is no rank between these two: they are equal, in the wrong order, or the gap is used up."""


def is_rank(text: str) -> bool:
    """Whether this is a rank as made here; others (a vendor's positions) only sort."""
    return len(text) <= MAX_LENGTH and _RANK.fullmatch(text) is not None


def between(low: str | None, high: str | None, rng: random.Random) -> str:
    """A rank after ``low`` and before ``high``; None is the end of the column. Raises NoRoom.

    Beside an end it goes a step past the card that is there. In a gap it keeps close to one side, which turns
    with the depth: dropping again and again at the same spot then lengthens ranks slowly on either side.
    """
    for rank in (low, high):
        if rank is not None and not is_rank(rank):
            raise NoRoom(f"{rank!r} is no rank")
    if low is not None and high is not None and low >= high:
        raise NoRoom(f"{low!r} is not before {high!r}")
    length = max(WHOLE, len(low or ""), len(high or ""))
    bottom = _number(low, length) if low is not None else 0
    top = _number(high, length) if high is not None else BASE**length
    while top - bottom < ROOM:
        length, bottom, top = length + 1, bottom * BASE, top * BASE
    found = _text(_point(bottom, top, low is None, high is None, length, rng), length)
    if len(found) > MAX_LENGTH:
        raise NoRoom("the gap is used up")
    return found


def spread(low: str | None, high: str | None, count: int, rng: random.Random) -> list[str]:
    """``count`` rising ranks between the two; evenly in a gap, in steps beside an end. Raises NoRoom."""
    ranks: list[str] = []
    if high is None:
        for _ in range(count):
            ranks.append(between(ranks[-1] if ranks else low, None, rng))
        return ranks
    _halve(low, high, count, rng, ranks)
    return ranks


def _halve(low: str | None, high: str, count: int, rng: random.Random, ranks: list[str]) -> None:
    """Evenly: the gap is cut into ``count + 1`` parts, and each part's border shaken a little."""
    if count <= 0:
        return
    length = max(WHOLE, len(low or ""), len(high))
    bottom = _number(low, length) if low is not None else 0
    top = _number(high, length)
    if bottom >= top:
        raise NoRoom(f"{low!r} is not before {high!r}")
    while top - bottom < ROOM * (count + 1):
        length, bottom, top = length + 1, bottom * BASE, top * BASE
    part = (top - bottom) // (count + 1)
    for number in range(1, count + 1):
        point = bottom + number * part + rng.randint(-part // 4, part // 4)
        ranks.append(_text(point, length))
        if len(ranks[-1]) > MAX_LENGTH:
            raise NoRoom("the gap is used up")


def in_order(ranks: Sequence[str]) -> bool:
    """Whether the ranks rise strictly."""
    return all(one < other for one, other in pairwise(ranks))


def _point(bottom: int, top: int, open_low: bool, open_high: bool, length: int, rng: random.Random) -> int:
    gap = top - bottom
    if open_low and open_high:
        return bottom + gap // 2 + rng.randint(-STEP, STEP)
    if (open_low or open_high) and gap > 4 * STEP:
        step = rng.randint(STEP // 2, STEP)
        return bottom + step if open_high else top - step
    step = gap // 16 + rng.randint(-(gap // 64), gap // 64)
    return bottom + step if length // STRIDE % 2 else top - step


def _number(rank: str, length: int) -> int:
    return int(rank, BASE) * int(BASE ** (length - len(rank)))


def _text(number: int, length: int) -> str:
    digits = []
    for _ in range(length):
        number, digit = divmod(number, BASE)
        digits.append(DIGITS[digit])
    return "".join(reversed(digits)).rstrip("0")
