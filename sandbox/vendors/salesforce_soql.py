"""The part of SOQL that the Salesforce stand-in understands: SELECT … FROM … WHERE … ORDER BY … LIMIT."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sandbox.web import Refusal

Test = Callable[[Mapping[str, Any]], bool]

_TOKEN = re.compile(
    r"\s*('(?:\\.|[^'\\])*'|\d{4}-\d\d-\d\d(?:T[\d:.]+(?:Z|[+-]\d\d:?\d\d))?|-?\d+(?:\.\d+)?|[A-Za-z_][\w.]*|>=|<=|!=|[=<>(),])"
)
_UNESCAPED = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f"}
_OPERATORS: Mapping[str, Callable[[Any, Any], bool]] = {
    "=": lambda held, given: bool(held == given),
    "!=": lambda held, given: bool(held != given),
    ">": lambda held, given: held is not None and bool(held > given),
    ">=": lambda held, given: held is not None and bool(held >= given),
    "<": lambda held, given: held is not None and bool(held < given),
    "<=": lambda held, given: held is not None and bool(held <= given),
}


def malformed(message: str) -> Refusal:
    return Refusal(400, message, code="MALFORMED_QUERY")


@dataclass
class Query:
    fields: list[str]
    source: str
    test: Test = lambda row: True
    order: list[tuple[str, bool]] = field(default_factory=list)
    limit: int | None = None
    named: list[str] = field(default_factory=list)  # every field that is mentioned

    def rows(self, records: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
        found = [one for one in records if self.test(one)]
        for name, is_down in reversed(self.order):
            found.sort(key=lambda one: _sortable(one.get(name)), reverse=is_down)
        return found[: self.limit] if self.limit is not None else found


def parse(text: str) -> Query:
    """Raises the refusal ``MALFORMED_QUERY`` for anything else."""
    return _Parser(text).query()


class _Parser:
    def __init__(self, text: str) -> None:
        self.tokens: list[str] = []
        self.named: list[str] = []
        at = 0
        while text[at:].strip():
            found = _TOKEN.match(text, at)
            if found is None:
                raise malformed(f"unexpected token: '{text[at : at + 20].strip()}'")
            self.tokens.append(found.group(1))
            at = found.end()
        self.at = 0

    def peek(self) -> str:
        return self.tokens[self.at] if self.at < len(self.tokens) else ""

    def take(self, wanted: str = "") -> str:
        token = self.peek()
        if not token or (wanted and token.upper() != wanted):
            raise malformed(f"expecting {wanted or 'more'}, found '{token or 'EOF'}'")
        self.at += 1
        return token

    def is_next(self, *words: str) -> bool:
        if self.peek().upper() in words:
            self.at += 1
            return True
        return False

    def query(self) -> Query:
        self.take("SELECT")
        fields = [self.name()]
        while self.is_next(","):
            fields.append(self.name())
        self.take("FROM")
        query = Query(fields, self.take())
        if self.is_next("WHERE"):
            query.test = self.either()
        if self.is_next("ORDER"):
            self.take("BY")
            query.order.append(self.ordering())
            while self.is_next(","):
                query.order.append(self.ordering())
        if self.is_next("LIMIT"):
            query.limit = int(self.take())
        if self.peek():
            raise malformed(f"unexpected token: '{self.peek()}'")
        query.named = self.named
        return query

    def name(self) -> str:
        token = self.take()
        if not re.fullmatch(r"[A-Za-z_][\w.]*", token):
            raise malformed(f"unexpected token: '{token}'")
        self.named.append(token)
        return token

    def ordering(self) -> tuple[str, bool]:
        name = self.name()
        is_down = self.is_next("DESC")
        if not is_down:
            self.is_next("ASC")
        return name, is_down

    def either(self) -> Test:
        tests = [self.both()]
        while self.is_next("OR"):
            tests.append(self.both())
        return tests[0] if len(tests) == 1 else lambda row: any(test(row) for test in tests)

    def both(self) -> Test:
        tests = [self.one()]
        while self.is_next("AND"):
            tests.append(self.one())
        return tests[0] if len(tests) == 1 else lambda row: all(test(row) for test in tests)

    def one(self) -> Test:
        if self.is_next("("):
            test = self.either()
            self.take(")")
            return test
        name = self.name()
        if self.is_next("IN"):
            self.take("(")
            values = [self.value()]
            while self.is_next(","):
                values.append(self.value())
            self.take(")")
            return lambda row: _held(row, name) in values
        operator = self.take()
        if operator not in _OPERATORS:
            raise malformed(f"unexpected token: '{operator}'")
        value, compare = self.value(), _OPERATORS[operator]
        return lambda row: compare(_held(row, name), value)

    def value(self) -> Any:
        token = self.take()
        if token.startswith("'"):
            return re.sub(r"\\(.)", lambda found: _UNESCAPED.get(found[1], found[1]), token[1:-1])
        if token.lower() in ("true", "false", "null"):
            return {"true": True, "false": False, "null": None}[token.lower()]
        if "T" in token:
            return datetime.fromisoformat(token)
        if re.fullmatch(r"\d{4}-\d\d-\d\d", token):
            return token
        try:
            return float(token)
        except ValueError:
            raise malformed(f"unexpected token: '{token}'") from None


def _held(row: Mapping[str, Any], name: str) -> Any:
    value = row.get(name)
    if isinstance(value, str) and value[10:11] == "T":
        return datetime.fromisoformat(value)
    return value


def _sortable(value: Any) -> tuple[bool, str | float]:
    if value is None:
        return (False, "")
    return (True, float(value) if isinstance(value, bool | int | float) else str(value))
