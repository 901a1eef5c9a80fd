"""Shapes of what comes in and goes out."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from boards.models import BOARD_TYPES
from boards.services.moves import MAX_BULK


class TypeIn(serializers.Serializer[Any]):
    type = serializers.ChoiceField(choices=BOARD_TYPES)
    board = serializers.UUIDField(required=False, allow_null=True, help_text="A further board of this type.")
    session = serializers.CharField(required=False, allow_blank=True, max_length=64, default="")
    reason = serializers.CharField(required=False, allow_blank=True, max_length=500, default="")
    override = serializers.BooleanField(required=False, default=False)


class PlaceIn(TypeIn):
    to = serializers.CharField(max_length=40, help_text="The stage.")
    after = serializers.UUIDField(required=False, allow_null=True, help_text="The card above.")
    before = serializers.UUIDField(required=False, allow_null=True, help_text="The card below.")
    edge = serializers.ChoiceField(choices=["top", "bottom"], required=False, default="bottom")
    lane = serializers.CharField(required=False, allow_null=True, allow_blank=True, max_length=200)
    command_id = serializers.UUIDField(
        required=False, allow_null=True, help_text="Repeating it answers the same and moves nothing twice."
    )


class CardIn(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    revision = serializers.IntegerField(min_value=1)


class MoveIn(PlaceIn):
    card = serializers.UUIDField()
    revision = serializers.IntegerField(min_value=1)


class BulkMoveIn(PlaceIn):
    cards = CardIn(many=True, allow_empty=False, max_length=MAX_BULK)  # type: ignore[call-arg]


class ConfigIn(serializers.Serializer[Any]):
    version = serializers.IntegerField(min_value=1)
    config = serializers.JSONField()
    name = serializers.CharField(required=False, max_length=120)
    relocate = serializers.DictField(child=serializers.CharField(allow_blank=True), required=False)


class SessionIn(serializers.Serializer[Any]):
    session = serializers.CharField(max_length=64)
    take_over = serializers.BooleanField(required=False, default=False)
    leaving = serializers.BooleanField(required=False, default=False)


class RepairIn(serializers.Serializer[Any]):
    keep = serializers.ChoiceField(choices=["records", "events"], required=False, default="records")


class ViewIn(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=60)
    query = serializers.CharField(max_length=500, allow_blank=True, help_text="Empty forgets the view.")
    shared = serializers.BooleanField(required=False, default=False, help_text="For everybody on the board.")


class BoardIn(serializers.Serializer[Any]):
    type = serializers.ChoiceField(choices=BOARD_TYPES)
    name = serializers.CharField(max_length=120)


class PreferencesIn(serializers.Serializer[Any]):
    collapsed = serializers.ListField(child=serializers.CharField(), required=False, max_length=50)
    view = ViewIn(required=False)


class MoveOut(serializers.Serializer[Any]):
    seq = serializers.IntegerField()
    card = serializers.UUIDField()
    rank = serializers.CharField()
    to = serializers.CharField()
    revision = serializers.IntegerField()
    source = serializers.CharField()  # type: ignore[assignment]
    by = serializers.CharField()
    by_id = serializers.IntegerField(allow_null=True)
    at = serializers.DateTimeField()
    over = serializers.CharField()
    override = serializers.BooleanField()
    reason = serializers.CharField()
    command = serializers.UUIDField()

    def get_fields(self) -> dict[str, Any]:
        return {**super().get_fields(), "from": serializers.CharField()}  # a word that Python keeps to itself


class MovedOut(serializers.Serializer[Any]):
    moves = MoveOut(many=True)
    warnings = serializers.ListField(child=serializers.CharField())
    repeated = serializers.BooleanField()
    undo = serializers.CharField(allow_null=True)
    redo = serializers.CharField(allow_null=True)


class BadgeOut(serializers.Serializer[Any]):
    word = serializers.CharField()
    kind = serializers.CharField()
    integration = serializers.CharField()


class CardOut(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    title = serializers.CharField()
    stage = serializers.CharField()
    rank = serializers.CharField()
    revision = serializers.IntegerField()
    lane = serializers.CharField()
    fact = serializers.CharField()
    priority = serializers.CharField()
    people = serializers.ListField(child=serializers.CharField())
    labels = serializers.ListField(child=serializers.CharField())
    entered_at = serializers.DateTimeField(allow_null=True)
    updated_at = serializers.DateTimeField()
    badges = BadgeOut(many=True)


class CardPageOut(serializers.Serializer[Any]):
    cards = CardOut(many=True)
    next_cursor = serializers.CharField()


class StageOut(serializers.Serializer[Any]):
    key = serializers.CharField()
    name = serializers.CharField()
    kind = serializers.CharField()
    colour = serializers.CharField()
    limit = serializers.JSONField()
    count = serializers.IntegerField()
    cards = CardOut(many=True)
    next_cursor = serializers.CharField()


class FillOut(serializers.Serializer[Any]):
    stage = serializers.CharField()
    count = serializers.IntegerField()
    total = serializers.CharField(help_text="What the limit counts: cards, or their size.")
    limit = serializers.CharField(help_text="What blocks, else what warns; empty without a limit.")
    words = serializers.CharField(help_text="over the limit, full, over the mark, or empty.")
    tone = serializers.CharField()


class CellFillOut(FillOut):
    lane = serializers.CharField()


class FillsOut(serializers.Serializer[Any]):
    stages = FillOut(many=True)
    cells = CellFillOut(many=True)
    shown = serializers.DictField(
        child=serializers.IntegerField(), help_text="Cards that the filter lets through."
    )


class BoardOut(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    type = serializers.CharField()
    name = serializers.CharField()
    room = serializers.CharField()
    seq = serializers.IntegerField()
    config_version = serializers.IntegerField()
    rights = serializers.ListField(child=serializers.CharField())
    stages = StageOut(many=True)
    unplaced = serializers.DictField(child=serializers.IntegerField())
    locks = serializers.JSONField()
    here = serializers.ListField(child=serializers.CharField())
    undo = serializers.CharField(allow_null=True)
    redo = serializers.CharField(allow_null=True)


class ConfigOut(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    name = serializers.CharField()
    version = serializers.IntegerField()
    config = serializers.JSONField()
