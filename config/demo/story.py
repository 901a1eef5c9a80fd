"""What happened just before the newcomer looked: both sides at work, and once on the same field."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from django.contrib.auth.models import User

from config.demo import stand_ins
from config.demo.records import record_id
from conflicts.models import ConflictResolution
from integrations.models import Integration
from integrations.models import Mapping as PairMapping
from sync.services.pair_sync import mapping_sync
from workspace.models import OriginKind
from workspace.services import Origin, record_create, record_update

DANA, MARCUS = "25031", "25032"  # people of the LeanKit stand-in


def waitlist_story(integration: Integration, users: Mapping[str, User], now: datetime) -> None:
    """Edits on both sides of the waitlist, two of them on the same field; those wait for a reviewer."""
    if ConflictResolution.objects.filter(integration=integration).exists():
        return
    cards = {
        str(card["customId"]): str(card["id"])
        for card in stand_ins.world("leankit", "card")
        if card.get("customId")
    }
    there, here = _sides(integration, cards, users, now)
    # Different fields on the two sides: merged without anybody being asked.
    there("W-1044", {"tags": ["oak", "desk", "fragile"]}, MARCUS)
    here("W-1044", "operator", {"priority": "high"})
    # The same text, changed on both sides at once.
    there(
        "W-1046",
        {"description": "Pallet weighs about 240 kg after the change. Needs a tail lift and two people."},
        DANA,
    )
    here(
        "W-1046",
        "operator",
        {
            "description": "Pallet weighs about 180 kg. Needs a tail lift; the driver rings half an hour before."
        },
    )
    # The same choice.
    there("W-1055", {"priority": "critical"}, MARCUS)
    here("W-1055", "manager", {"priority": "low"})
    for number in ("W-1044", "W-1046", "W-1055"):
        mapping_sync(mapping_id=_pair(integration, cards[number]).id)
    _comments(integration, cards, users, now)


def _sides(
    integration: Integration, cards: Mapping[str, str], users: Mapping[str, User], now: datetime
) -> tuple[Callable[..., None], Callable[..., None]]:
    def there(number: str, values: dict[str, Any], actor: str) -> None:
        stand_ins.edit("leankit", "card", cards[number], values, actor=actor)

    def here(number: str, username: str, values: dict[str, Any]) -> None:
        pair = _pair(integration, cards[number])
        assert pair.record_id is not None
        record_update(
            tenant=integration.tenant,
            record_type=pair.record_type,
            record_id=pair.record_id,
            values=values,
            origin=Origin(OriginKind.USER, user=users[username]),
            now=now,
        )

    return there, here


def _comments(
    integration: Integration, cards: Mapping[str, str], users: Mapping[str, User], now: datetime
) -> None:
    pair = _pair(integration, cards["W-1044"])
    comment = record_id("comment", "W-1044")
    stand_ins.edit(
        "leankit",
        "comment",
        None,
        {"card": cards["W-1044"], "text": "Marked as fragile after the last delivery."},
        actor=MARCUS,
    )
    record_create(
        tenant=integration.tenant,
        record_type="comment",
        record_id=comment,
        values={
            "on_type": pair.record_type,
            "on_id": str(pair.record_id),
            "body": "Moved up: the opening is on the 14th.",
            "author": str(record_id("member", "operator")),
            "author_name": users["operator"].get_full_name(),
            "written_at": now,
        },
        origin=Origin(OriginKind.USER, user=users["operator"]),
        now=now,
    )


def _pair(integration: Integration, card: str) -> PairMapping:
    return PairMapping.objects.get(integration=integration, resource="card", external_id=card)
