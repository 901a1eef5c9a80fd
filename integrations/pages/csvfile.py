"""Tables as CSV: streamed row by row, and harmless to a spreadsheet."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from django.http import StreamingHttpResponse

#: a cell that begins with one of these is a formula to a spreadsheet
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


class _Echo:
    def write(self, value: str) -> str:
        return value


def csv_response(name: str, head: Sequence[str], rows: Iterable[Sequence[Any]]) -> StreamingHttpResponse:
    """The table as a download of that name; ``rows`` are read as they are sent."""
    writer = csv.writer(_Echo())

    def lines() -> Iterator[str]:
        yield writer.writerow([harmless(name) for name in head])
        for row in rows:
            yield writer.writerow([harmless(cell) for cell in row])

    response = StreamingHttpResponse(lines(), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{name}.csv"'
    return response


def harmless(cell: Any) -> str:
    """The cell's text; what a spreadsheet would take for a formula begins with an apostrophe."""
    text = "" if cell is None else str(cell)
    return f"'{text}" if text[:1] in _FORMULA and not isinstance(cell, int | float) else text
