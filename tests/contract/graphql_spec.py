"""Holds GraphQL documents, their variables and their answers against a vendor's published schema."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any

from graphql import (
    DocumentNode,
    FragmentDefinitionNode,
    GraphQLAbstractType,
    GraphQLEnumType,
    GraphQLError,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLScalarType,
    GraphQLSchema,
    GraphQLUnionType,
    OperationDefinitionNode,
    build_schema,
    parse,
    validate,
)
from graphql.execution.collect_fields import collect_fields, collect_sub_fields
from graphql.execution.values import get_variable_values

from sandbox.vendor import Logged

_SCALARS: Mapping[str, tuple[type, ...]] = {
    "Int": (int,),
    "Float": (int, float),
    "String": (str,),
    "Boolean": (bool,),
    "ID": (str, int),
}


class GraphSpec:
    """A GraphQL schema in its own language: says what does not fit it."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._documents: dict[str, tuple[DocumentNode | None, list[str]]] = {}

    @cached_property
    def schema(self) -> GraphQLSchema:
        return build_schema(self._text, assume_valid_sdl=True)

    def entry_problems(self, entry: Logged) -> list[str]:
        """What is wrong with a request and with its answer. What the vendor refuses by status need not fit: that is why it
        is refused. An answer that a test asked to be faulty is not looked at; nor is one of another kind of address."""
        if entry.method != "POST" or not isinstance(entry.body, dict) or "query" not in entry.body:
            return []
        if 400 <= entry.status < 500 and not entry.is_fault:
            return []
        problems = self.request_problems(entry.body)
        if not problems and entry.status == 200 and not entry.is_fault:
            problems = self.answer_problems(entry.body, entry.answer)
        return problems

    def request_problems(self, body: Mapping[str, Any]) -> list[str]:
        """What is wrong with a document and its variables."""
        document, problems = self._document(str(body["query"]))
        if document is None or problems:
            return problems
        values = self._variables(document, body.get("variables"))
        return [f"variables: {error.message}" for error in values] if isinstance(values, list) else []

    def answer_problems(self, body: Mapping[str, Any], answer: Any) -> list[str]:
        """What is wrong with ``data``: fields not asked for, missing, null or of another kind than the schema says."""
        if not isinstance(answer, dict) or not ("data" in answer or answer.get("errors")):
            return ["answer: neither data nor errors"]
        data = answer.get("data")
        if data is None or (answer.get("errors") and not isinstance(data, dict)):
            return []
        document, _ = self._document(str(body["query"]))
        assert document is not None
        values = self._variables(document, body.get("variables"))
        assert isinstance(values, dict)
        operation = _operation(document)
        root = self.schema.get_root_type(operation.operation)
        assert root is not None
        walk = _Walk(self.schema, _fragments(document), values, has_errors=bool(answer.get("errors")))
        fields = collect_fields(self.schema, walk.fragments, values, root, operation.selection_set)
        return [f"answer: {problem}" for problem in walk.object(root, fields, data, "data")][:8]

    def _document(self, text: str) -> tuple[DocumentNode | None, list[str]]:
        """The document and what is wrong with it; looked at once, as connectors send few texts many times."""
        if text not in self._documents:
            try:
                document = parse(text)
            except GraphQLError as error:
                self._documents[text] = None, [f"document: {error.message}"]
            else:
                problems = [f"document: {error.message}" for error in validate(self.schema, document)]
                self._documents[text] = document, problems
        return self._documents[text]

    def _variables(self, document: DocumentNode, given: Any) -> dict[str, Any] | list[GraphQLError]:
        if given is not None and not isinstance(given, dict):
            return [GraphQLError("they are no object")]
        definitions = _operation(document).variable_definitions
        unknown = set(given or {}) - {one.variable.name.value for one in definitions}
        if unknown:
            return [GraphQLError(f"{name} is not declared") for name in sorted(unknown)]
        return get_variable_values(self.schema, definitions, given or {})


class _Walk:
    """Compares an answer with what was asked for, field by field."""

    def __init__(
        self,
        schema: GraphQLSchema,
        fragments: dict[str, FragmentDefinitionNode],
        variables: dict[str, Any],
        *,
        has_errors: bool,
    ) -> None:
        self.schema, self.fragments, self.variables = schema, fragments, variables
        self.has_errors = has_errors
        self._shapes: dict[tuple[Any, ...], Any] = {}

    def object(self, kind: GraphQLObjectType, fields: Any, data: Any, where: str) -> Iterator[str]:
        if not isinstance(data, dict):
            yield f"{where}: {type(data).__name__} where a {kind.name} belongs"
            return
        for extra in data.keys() - fields.keys():
            yield f"{where}.{extra}: was not asked for"
        for key, nodes in fields.items():
            name = nodes[0].name.value
            if name == "__typename":
                continue
            if key not in data:
                yield f"{where}.{key}: is missing"
                continue
            yield from self.value(kind.fields[name].type, nodes, data[key], f"{where}.{key}")

    def value(self, kind: GraphQLOutputType, nodes: Any, value: Any, where: str) -> Iterator[str]:
        if isinstance(kind, GraphQLNonNull):
            if value is None:
                if not self.has_errors:
                    yield f"{where}: null where {kind} does not allow it"
                return
            kind = kind.of_type
        if value is None:
            return
        if isinstance(kind, GraphQLList):
            if not isinstance(value, list):
                yield f"{where}: no list"
                return
            for place, one in enumerate(value[:50]):
                yield from self.value(kind.of_type, nodes, one, f"{where}[{place}]")
        elif isinstance(kind, GraphQLObjectType):
            yield from self.object(kind, self._below(kind, nodes), value, where)
        elif isinstance(kind, GraphQLInterfaceType | GraphQLUnionType):
            yield from self._one_of(kind, nodes, value, where)
        elif isinstance(kind, GraphQLEnumType):
            if value not in kind.values:
                yield f"{where}: {value!r} is none of {kind.name}"
        elif isinstance(kind, GraphQLScalarType):
            allowed = _SCALARS.get(kind.name)
            if allowed and (
                not isinstance(value, allowed) or (isinstance(value, bool) and bool not in allowed)
            ):
                yield f"{where}: {value!r} is no {kind.name}"

    def _one_of(self, kind: GraphQLAbstractType, nodes: Any, value: Any, where: str) -> Iterator[str]:
        """The answer does not say which kind it is, so it must fit one of the possible ones."""
        fewest: list[str] | None = None
        shapes = [(one, self._below(one, nodes)) for one in self.schema.get_possible_types(kind)]
        keys = value.keys() if isinstance(value, dict) else set()
        fitting = [shape for shape in shapes if shape[1].keys() == keys]
        for possible, fields in fitting or shapes:
            problems = list(self.object(possible, fields, value, where))
            if not problems:
                return
            if fewest is None or len(problems) < len(fewest):
                fewest = problems
        yield from fewest or [f"{where}: no type fits"]

    def _below(self, kind: GraphQLObjectType, nodes: Any) -> Any:
        key = (kind.name, *(id(node) for node in nodes))
        if key not in self._shapes:
            self._shapes[key] = collect_sub_fields(self.schema, self.fragments, self.variables, kind, nodes)
        return self._shapes[key]


def _operation(document: DocumentNode) -> OperationDefinitionNode:
    return next(one for one in document.definitions if isinstance(one, OperationDefinitionNode))


def _fragments(document: DocumentNode) -> dict[str, FragmentDefinitionNode]:
    return {one.name.value: one for one in document.definitions if isinstance(one, FragmentDefinitionNode)}
