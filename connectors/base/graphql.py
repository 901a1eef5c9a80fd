"""GraphQL over the session: one POST per document, variables, several calls in one document by aliases, and errors
that come inside an answer (often with status 200) judged by their code.

The shapes are those of the GraphQL specification (October 2021), section 7.1; ``extensions.code`` is the usual custom.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .classify import ErrorRule, Heard, Reaction, error_for
from .errors import ContractBroken, Retryable, SyncError
from .paths import read_path
from .redact import redact_text
from .session import Answer, ApiSession
from .times import parse_retry_after

#: statuses whose body is judged by its errors; 401, 429 and 5xx are the session's own
JUDGED_BY_BODY = (400, 403, 404, 409, 422, 423)

#: which of several errors decides: what concerns the whole request comes before what concerns one value
_WEIGHT = {
    reaction: place
    for place, reaction in enumerate(
        (
            Reaction.REAUTH,
            Reaction.RATE_LIMITED,
            Reaction.FATAL,
            Reaction.RETRY,
            Reaction.CONFLICT,
            Reaction.PERMISSION,
            Reaction.GONE,
            Reaction.NOT_FOUND,
            Reaction.EXISTS,
            Reaction.VALIDATION,
            Reaction.IGNORE,
            Reaction.OK,
        )
    )
}
_WHOLE_REQUEST = frozenset({Reaction.REAUTH, Reaction.RATE_LIMITED, Reaction.RETRY, Reaction.FATAL})


@dataclass(frozen=True, slots=True)
class GraphError:
    """One entry of ``errors``. ``path`` begins with the alias of the call it belongs to."""

    message: str
    code: str = ""
    path: tuple[str, ...] = ()
    extensions: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CodeRule:
    """What an error means: by its code (any case), or by a part of its message."""

    reaction: Reaction
    codes: tuple[str, ...] = ()
    says: str = ""
    message: str = ""

    def matches(self, error: GraphError) -> bool:
        if self.codes and error.code.casefold() not in {code.casefold() for code in self.codes}:
            return False
        if self.says and self.says.casefold() not in error.message.casefold():
            return False
        return bool(self.codes or self.says)


@dataclass(frozen=True, slots=True)
class GraphAnswer:
    """``data`` of a good answer; ``errors`` only where partial answers were asked for."""

    data: Mapping[str, Any]
    answer: Answer
    errors: tuple[GraphError, ...] = ()

    def at(self, path: str) -> Any:
        """What the document asked for at ``path``; None where it is null or missing."""
        return read_path(self.data, path, None)

    def object(self, path: str, what: str) -> Mapping[str, Any]:
        found = self.at(path)
        if not isinstance(found, dict):
            raise ContractBroken(f"The answer holds no {what}.", exchange=self.answer.exchange)
        return found

    def rows(self, path: str, what: str) -> list[Any]:
        found = self.at(path)
        if not isinstance(found, list):
            raise ContractBroken(f"The listing of {what} holds no list.", exchange=self.answer.exchange)
        return [row for row in found if row is not None]


class Document:
    """Several calls in one document, each under its own alias; values travel as variables, never in the text."""

    def __init__(self, kind: str = "query", fragments: str = "") -> None:
        self.kind = kind
        self.variables: dict[str, Any] = {}
        self._types: dict[str, str] = {}
        self._calls: list[str] = []
        self._fragments = fragments

    def add(
        self, call: str, arguments: Mapping[str, tuple[str, Any]] | None = None, selection: str = ""
    ) -> str:
        """Adds a call; answers the alias its answer stands under. ``arguments``: name → (GraphQL type, value)."""
        alias = f"c{len(self._calls)}"
        given = []
        for name, (kind, value) in (arguments or {}).items():
            variable = f"{alias}_{name}"
            self._types[variable] = kind
            self.variables[variable] = value
            given.append(f"{name}: ${variable}")
        listed = f"({', '.join(given)})" if given else ""
        self._calls.append(f"{alias}: {call}{listed} {selection}".rstrip())
        return alias

    def __len__(self) -> int:
        return len(self._calls)

    @property
    def text(self) -> str:
        declared = ", ".join(f"${name}: {kind}" for name, kind in self._types.items())
        head = f"{self.kind} ({declared})" if declared else self.kind
        return f"{head} {{ {' '.join(self._calls)} }} {self._fragments}".rstrip()


class GraphApi:
    """Documents against one address. ``fallback`` is what an error of no rule means."""

    def __init__(
        self,
        session: ApiSession,
        path: str,
        rules: Sequence[CodeRule] = (),
        *,
        fallback: Reaction = Reaction.VALIDATION,
        wait_at: Sequence[str] = (),
        words_at: str = "",
    ) -> None:
        """``wait_at`` are paths in an error's extensions that hold the seconds to wait, ``words_at`` one that holds
        words meant for people."""
        self.session = session
        self._path = path
        self._rules = tuple(rules)
        self._fallback = fallback
        self._wait_at = tuple(wait_at)
        self._words_at = words_at

    def ask(
        self,
        query: str,
        variables: Mapping[str, Any] | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        quota_class: str = "default",
        is_repeatable: bool | None = None,
        partial: bool = False,
    ) -> GraphAnswer:
        """The document's answer. Raises ``SyncError`` for errors in it; with ``partial`` only for those that concern
        the whole request, or where there is no data at all. Queries may be repeated, mutations may not."""
        repeatable = not query.lstrip().startswith("mutation") if is_repeatable is None else is_repeatable
        answer = self.session.request(
            "POST",
            self._path,
            json={"query": query, "variables": dict(variables or {})},
            headers=headers,
            quota_class=quota_class,
            is_repeatable=repeatable,
            ok=JUDGED_BY_BODY,
        )
        errors = errors_in(answer.body)
        data = answer.body.get("data") if isinstance(answer.body, dict) else None
        if errors:
            reactions = [self._reaction(error) for error in errors]
            may_go_on = (
                partial and isinstance(data, dict) and not _WHOLE_REQUEST & {one for one, _ in reactions}
            )
            if not may_go_on:
                self._refuse(answer, errors, reactions, repeatable)
        elif answer.status >= 400:
            raise self._by_status(answer, repeatable)
        if not isinstance(data, dict):
            raise ContractBroken("The answer holds no data.", status=answer.status, exchange=answer.exchange)
        return GraphAnswer(data, answer, tuple(errors))

    def run(self, document: Document, **options: Any) -> GraphAnswer:
        return self.ask(document.text, document.variables, **options)

    def _reaction(self, error: GraphError) -> tuple[Reaction, str]:
        for rule in self._rules:
            if rule.matches(error):
                return rule.reaction, rule.message
        return self._fallback, ""

    def _refuse(
        self,
        answer: Answer,
        errors: Sequence[GraphError],
        reactions: Sequence[tuple[Reaction, str]],
        repeatable: bool,
    ) -> None:
        worst = min(range(len(errors)), key=lambda place: _WEIGHT[reactions[place][0]])
        error, (reaction, words) = errors[worst], reactions[worst]
        shown = read_path(error.extensions, self._words_at, None) if self._words_at else None
        said = (
            words
            or redact_text(str(shown or error.message))[:300]
            or f"The API answered {error.code or 'an error'}."
        )
        failure = error_for(
            self._heard(answer, repeatable, self._wait(answer, error)), (ErrorRule(reaction, message=said),)
        )
        if failure is None:  # every error is one to look past
            return
        if isinstance(failure, Retryable) and failure.retry_after is None:
            failure.retry_after = self._wait(answer, error)
        raise failure

    def _wait(self, answer: Answer, error: GraphError) -> float | None:
        now = answer.server_time or self.session.environment.now()
        found = parse_retry_after(answer.headers.get("retry-after"), now=now)
        for path in () if found is not None else self._wait_at:
            value = read_path(error.extensions, path, None)
            if isinstance(value, int | float | str) and not isinstance(value, bool):
                found = parse_retry_after(str(value), now=now)
            if found is not None:
                break
        return (
            self.session.options.limits.read(answer.headers, now=now).reset_after if found is None else found
        )

    def _by_status(self, answer: Answer, repeatable: bool) -> SyncError:
        """A refusal without ``errors`` is no answer of GraphQL's: the session's own rules say what it means."""
        heard = self._heard(answer, repeatable, None)
        heard = dataclasses.replace(heard, text=answer.content[:65536].decode("utf-8", "replace"))
        return error_for(heard, self.session.options.rules) or ContractBroken(
            "The answer holds no data.", status=answer.status, exchange=answer.exchange
        )

    def _heard(self, answer: Answer, repeatable: bool, wait: float | None) -> Heard:
        return Heard(
            status=answer.status,
            headers=answer.headers,
            body=answer.body,
            text="",
            now=answer.server_time or self.session.environment.now(),
            is_repeatable=repeatable,
            reset_after=wait,
            exchange=answer.exchange,
        )


def errors_in(body: Any) -> list[GraphError]:
    """The errors of an answer, also where they are bare texts, or one in the old style (``error_code``)."""
    if not isinstance(body, dict):
        return []
    rows = body.get("errors")
    found = [_error(row) for row in rows if row] if isinstance(rows, list) else []
    if not found and (body.get("error_code") or body.get("error_message")):
        code, message = str(body.get("error_code") or ""), str(body.get("error_message") or "")
        extra = body.get("error_data")
        found = [GraphError(message, code, (), extra if isinstance(extra, dict) else {})]
    return found


def _error(row: Any) -> GraphError:
    if not isinstance(row, dict):
        return GraphError(str(row))
    extensions = row.get("extensions")
    extensions = extensions if isinstance(extensions, dict) else {}
    path = row.get("path")
    return GraphError(
        str(row.get("message") or ""),
        str(extensions.get("code") or row.get("code") or extensions.get("type") or row.get("type") or ""),
        tuple(str(step) for step in path) if isinstance(path, list) else (),
        extensions,
    )
