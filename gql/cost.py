"""What a document may cost: linear to measure, whatever its fragments do.

A fragment is measured once and its measure added at every spread, so a few hundred bytes of fragments
that spread each other cannot make the measuring itself expensive.
"""

from collections.abc import Mapping
from typing import NamedTuple, cast

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionNode,
    SelectionSetNode,
)

from db.errors import LimitExceeded

# The standard introspection query is 15 deep.
MAX_DEPTH = 15
MAX_ALIASES = 30
# Each is validated, though one of them is run.
MAX_OPERATIONS = 100
# Fields, fragments' fields counted at each spread. What passes this is validated within 50 ms.
MAX_FIELDS = 500


class Measure(NamedTuple):
    """How deep selections go, and how many aliases and fields they have."""

    depth: int
    aliases: int
    fields: int


def check_size(document: DocumentNode) -> None:
    """LimitExceeded if the document is too deep or too large; GraphQLError if a fragment spreads itself."""
    meter = _Meter(list_fragments(document))
    aliases = fields = operations = 0
    for definition in document.definitions:
        if isinstance(definition, FragmentDefinitionNode):
            meter.measure_fragment(definition.name.value)
        if isinstance(definition, OperationDefinitionNode):
            operations += 1
            measure = meter.measure(definition.selection_set)
            aliases += measure.aliases
            fields += measure.fields
    if operations > MAX_OPERATIONS:
        raise LimitExceeded(f"more than {MAX_OPERATIONS} operations")
    if aliases > MAX_ALIASES:
        raise LimitExceeded(f"more than {MAX_ALIASES} aliases")
    # Fragments that no operation spreads are validated too.
    if max(fields, meter.selections) > MAX_FIELDS:
        raise LimitExceeded(f"more than {MAX_FIELDS} fields")


def list_fragments(document: DocumentNode) -> dict[str, FragmentDefinitionNode]:
    """The document's fragments by their names."""
    return {
        definition.name.value: definition
        for definition in document.definitions
        if isinstance(definition, FragmentDefinitionNode)
    }


class _Meter:
    def __init__(self, fragments: Mapping[str, FragmentDefinitionNode]) -> None:
        self._fragments = fragments
        self._measured: dict[str, Measure | None] = {}
        self._level = 0
        self.selections = 0

    def measure(self, selection_set: SelectionSetNode | None) -> Measure:
        """The measure of what is selected. Fragments add no depth, but are no way around its limit."""
        if selection_set is None:
            return Measure(0, 0, 0)
        self._level += 1
        if self._level > 4 * MAX_DEPTH:
            raise LimitExceeded("fragments nest too deeply")
        self.selections += len(selection_set.selections)
        parts = [self._measure_selection(selection) for selection in selection_set.selections]
        self._level -= 1
        depth = max((part.depth for part in parts), default=0)
        if depth > MAX_DEPTH:
            raise LimitExceeded(f"deeper than {MAX_DEPTH} fields")
        return Measure(depth, sum(part.aliases for part in parts), sum(part.fields for part in parts))

    def measure_fragment(self, name: str) -> Measure:
        """The measure of one fragment, taken once; that of an unknown one is nothing."""
        if name not in self._fragments:
            return Measure(0, 0, 0)
        if name not in self._measured:
            self._measured[name] = None
            self._measured[name] = self.measure(self._fragments[name].selection_set)
        if (measure := self._measured[name]) is None:
            raise GraphQLError(f"Cannot spread fragment '{name}' within itself.", self._fragments[name])
        return measure

    def _measure_selection(self, selection: SelectionNode) -> Measure:
        if isinstance(selection, FragmentSpreadNode):
            inner = self.measure_fragment(selection.name.value)
            return Measure(inner.depth, inner.aliases, inner.fields + 1)
        inner = self.measure(cast("FieldNode | InlineFragmentNode", selection).selection_set)
        if isinstance(selection, FieldNode):
            return Measure(inner.depth + 1, inner.aliases + bool(selection.alias), inner.fields + 1)
        return Measure(inner.depth, inner.aliases, inner.fields + 1)
