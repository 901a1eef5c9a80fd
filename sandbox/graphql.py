"""What a stand-in of a GraphQL API is written with: a schema, a method per root field, the vendor's budget of complexity.

Documents are parsed, validated and run by graphql-core, so unknown fields, wrong argument types and undeclared variables
are refused as by the vendor. Resolvers are methods of the vendor named ``query_<field>`` and ``mutate_<field>``; they are
called with the request and the field's arguments, answer JSON values, or raise ``Refusal``. Members of answers that are
callable are called with their field's arguments.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import ceil
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLResolveInfo,
    GraphQLSchema,
    InlineFragmentNode,
    OperationDefinitionNode,
    OperationType,
    SelectionNode,
    SelectionSetNode,
    build_schema,
    execute_sync,
    parse,
    validate,
)
from graphql.execution.values import get_variable_values

from .vendor import Logged
from .web import Call, Refusal, Reply

Rows = Callable[[str, Mapping[str, Any]], int]
MAX_DOCUMENTS = 200
KNOWN_MEMBERS = frozenset({"query", "variables", "operationName"})


class GraphSurface:
    """One GraphQL address. ``vendor`` holds the resolvers; ``describe`` makes the vendor's entry of ``errors``."""

    def __init__(
        self,
        vendor: object,
        schema: str,
        *,
        describe: Callable[[Refusal], dict[str, Any]],
        type_of: Callable[[Any], str] = lambda value: str(value.get("__typename")),
        rows_of: Rows = lambda name, arguments: 1,
        leaf: float = 1,
    ) -> None:
        """``rows_of`` says how many rows a field may answer, from its name and arguments, ``leaf`` what a field without
        any below it costs; for the complexity."""
        self.vendor = vendor
        self.schema: GraphQLSchema = build_schema(schema)
        self._describe = describe
        self._type_of = type_of
        self._rows_of, self._leaf = rows_of, leaf
        self._documents: dict[str, tuple[DocumentNode, list[GraphQLError]]] = {}

    def answer(self, call: Call, *, check: Callable[[DocumentNode, int], None] | None = None) -> Reply:
        """Runs the request's document. ``check`` is given the document and its complexity, and may raise ``Refusal``."""
        body = call.json
        if not isinstance(body, dict) or not isinstance(body.get("query"), str) or not body["query"].strip():
            raise Refusal(400, "No query string was present", code="no_query")
        if unknown := body.keys() - KNOWN_MEMBERS:
            raise Refusal(400, f"Unknown member {min(unknown)}", code="malformed")
        variables = body.get("variables") or {}
        if not isinstance(variables, dict):
            raise Refusal(400, "Variables must be an object", code="malformed")
        try:
            document, problems = self._document(body["query"])
        except GraphQLError as error:
            return self._refused([error], "GRAPHQL_PARSE_FAILED")
        if problems:
            return self._refused(problems, "GRAPHQL_VALIDATION_FAILED")
        operation = next(one for one in document.definitions if isinstance(one, OperationDefinitionNode))
        values = get_variable_values(self.schema, operation.variable_definitions, variables)
        if isinstance(values, list):
            return self._refused(values, "GRAPHQL_VALIDATION_FAILED")
        if undeclared := variables.keys() - {
            one.variable.name.value for one in operation.variable_definitions
        }:
            raise Refusal(400, f"Variable {min(undeclared)} is not declared", code="malformed")
        if check is not None:
            check(document, complexity(document, values, self._rows_of, self._leaf))
        return self._run(call, document, variables)

    def _document(self, text: str) -> tuple[DocumentNode, list[GraphQLError]]:
        """The parsed text and what is wrong with it; the last few are remembered."""
        if text not in self._documents:
            document = parse(text)
            while len(self._documents) >= MAX_DOCUMENTS:
                self._documents.pop(next(iter(self._documents)))
            self._documents[text] = document, validate(self.schema, document)
        return self._documents[text]

    def _run(self, call: Call, document: DocumentNode, variables: Mapping[str, Any]) -> Reply:
        result = execute_sync(
            self.schema,
            document,
            context_value=call,
            variable_values=dict(variables),
            field_resolver=self._resolve,
            type_resolver=lambda value, info, kind: self._type_of(value),
        )
        answer: dict[str, Any] = {"data": result.data}
        if result.errors:
            answer["errors"] = [self._told(error) for error in result.errors]
        return Reply(answer)

    def _resolve(self, source: Any, info: GraphQLResolveInfo, **arguments: Any) -> Any:
        if info.path.prev is None or source is None:
            kind = "mutate" if info.operation.operation is OperationType.MUTATION else "query"
            return getattr(self.vendor, f"{kind}_{info.field_name}")(info.context, **arguments)
        value = source.get(info.field_name)
        return value(**arguments) if callable(value) else value

    def _told(self, error: GraphQLError) -> dict[str, Any]:
        refusal = error.original_error
        if not isinstance(refusal, Refusal):
            if refusal is not None and not isinstance(refusal, GraphQLError):
                raise refusal  # a fault of the stand-in's own
            refusal = Refusal(500, error.message, code="INTERNAL_SERVER_ERROR")
        told = self._describe(refusal)
        return {**told, "path": list(error.path or ()), "locations": _places(error)}

    def _refused(self, problems: list[GraphQLError], code: str) -> Reply:
        rows = [
            {**self._describe(Refusal(400, one.message, code=code)), "locations": _places(one)}
            for one in problems
        ]
        return Reply({"errors": rows})


def is_query(entry: Logged) -> bool:
    """True for a logged request that only reads, although it is a POST like every other."""
    text = entry.body.get("query") if isinstance(entry.body, dict) else None
    return isinstance(text, str) and not text.lstrip().startswith("mutation")


def _places(error: GraphQLError) -> list[dict[str, int]]:
    return [{"line": place.line, "column": place.column} for place in error.locations or ()]


def complexity(document: DocumentNode, variables: Mapping[str, Any], rows_of: Rows, leaf: float = 1) -> int:
    """Points of a document: each object one, each other field ``leaf``, times the rows of the lists they stand in."""
    fragments = {
        one.name.value: one for one in document.definitions if isinstance(one, FragmentDefinitionNode)
    }
    count = _Points(variables, rows_of, leaf, fragments)
    return ceil(
        sum(
            count.below(one.selection_set)
            for one in document.definitions
            if isinstance(one, OperationDefinitionNode)
        )
    )


@dataclass(frozen=True)
class _Points:
    variables: Mapping[str, Any]
    rows_of: Rows
    leaf: float
    fragments: Mapping[str, FragmentDefinitionNode]

    def below(self, selection: SelectionSetNode | None) -> float:
        return sum(self._of(node) for node in (selection.selections if selection else ()))

    def _of(self, node: SelectionNode) -> float:
        if isinstance(node, FieldNode):
            if node.selection_set is None:
                return self.leaf
            rows = self.rows_of(node.name.value, _arguments(node, self.variables))
            return 1 + rows * self.below(node.selection_set)
        if isinstance(node, FragmentSpreadNode):
            return self.below(self.fragments[node.name.value].selection_set)
        return self.below(node.selection_set) if isinstance(node, InlineFragmentNode) else 0


def _arguments(node: FieldNode, variables: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for one in node.arguments:
        name = getattr(getattr(one.value, "name", None), "value", None)
        found[one.name.value] = variables.get(name) if name else getattr(one.value, "value", None)
    return found
