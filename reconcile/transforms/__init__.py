"""Transforms by name: between a vendor's value and a canonical one, both ways where that is possible."""

from __future__ import annotations

from collections.abc import Mapping

from reconcile.transforms.base import NoContext, Option, Options, Transform
from reconcile.transforms.choices import BooleanFromStageTransform, EnumTransform
from reconcile.transforms.collections import (
    JsonTransform,
    ListTransform,
    LookupSetTransform,
    LookupTransform,
    SetTransform,
)
from reconcile.transforms.numbers import BooleanTransform, DurationTransform, MoneyTransform, NumberTransform
from reconcile.transforms.richtext import RichTextTransform
from reconcile.transforms.texts import (
    ConstantTransform,
    FieldToCommentTransform,
    JoinTransform,
    SplitNameTransform,
    StringTransform,
    TemplateTransform,
)
from reconcile.transforms.times import (
    DatetimeTransform,
    DateTransform,
    EpochMillisTransform,
    EpochSecondsTransform,
    LocalDatetimeTransform,
)

TRANSFORMS: Mapping[str, Transform] = {
    transform.name: transform
    for transform in (
        StringTransform(),
        NumberTransform(),
        MoneyTransform(),
        BooleanTransform(),
        DurationTransform(),
        DateTransform(),
        DatetimeTransform(),
        LocalDatetimeTransform(),
        EpochSecondsTransform(),
        EpochMillisTransform(),
        EnumTransform(),
        BooleanFromStageTransform(),
        LookupTransform(),
        LookupSetTransform(),
        SetTransform(),
        ListTransform(),
        JsonTransform(),
        JoinTransform(),
        SplitNameTransform(),
        TemplateTransform(),
        ConstantTransform(),
        FieldToCommentTransform(),
        RichTextTransform(),
    )
}

ALIASES: Mapping[str, str] = {"tags": "set", "instant": "datetime", "integer": "number", "text": "string"}


def find_transform(name: str) -> Transform | None:
    """The transform of that name; None if there is none."""
    return TRANSFORMS.get(ALIASES.get(name, name))


__all__ = ["ALIASES", "TRANSFORMS", "NoContext", "Option", "Options", "Transform", "find_transform"]
