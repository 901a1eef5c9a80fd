"""Requests' JSON, held to what can be stored and answered again."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from rest_framework.exceptions import ParseError
from rest_framework.parsers import JSONParser

from connectors.base.wire import is_shallow


class StrictJSONParser(JSONParser):
    """Refuses with 400 what Python's parser lets through or dies of: deep nesting, halves of surrogate pairs, numbers
    beyond any float or of thousands of digits."""

    def parse(
        self, stream: Any, media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        try:
            text = stream.read().decode((parser_context or {}).get("encoding", "utf-8"))
            data = json.loads(text, parse_constant=_refused, parse_float=_finite)
            if "\\u" in text:
                json.dumps(data, ensure_ascii=False).encode()
        except RecursionError:
            raise ParseError("JSON parse error - it is nested too deeply.") from None
        except (ValueError, LookupError) as error:
            raise ParseError(f"JSON parse error - {_said(error)}") from error
        if not is_shallow(data):
            raise ParseError("JSON parse error - it is nested too deeply.")
        return data


def _said(error: Exception) -> str:
    return "half of a surrogate pair" if isinstance(error, UnicodeEncodeError) else str(error)[:200]


def _refused(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError(f"{text[:40]} is out of range")
    return number
