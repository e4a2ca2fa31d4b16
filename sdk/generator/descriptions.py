"""What each operation promises: as the schema describes what it asks for, or in words of its own."""

from collections.abc import Iterable, Mapping
from typing import Final

from graphql import DocumentNode, FieldNode, ObjectTypeDefinitionNode, OperationDefinitionNode

OWN: Final[Mapping[str, str]] = {
    "Reveal": "One config with its value in the clear, a secret on record. Needs config:read and config:reveal.",
    "RevealList": "Configs by key, values in the clear, each secret on record. Needs config:read and config:reveal.",
    "History": "Earlier values of one config, newest first; secrets masked. Needs config:read.",
}
"""Of operations that ask for more than their first field tells of."""


def describe(schema: DocumentNode, documents: Iterable[DocumentNode]) -> dict[str, str]:
    """What each operation promises, by its name."""
    types = [node for node in schema.definitions if isinstance(node, ObjectTypeDefinitionNode)]
    told = {
        (kind.name.value, field.name.value): field.description.value if field.description else ""
        for kind in types
        for field in kind.fields or ()
    }
    nodes = [node for document in documents for node in document.definitions]
    operations = [node for node in nodes if isinstance(node, OperationDefinitionNode) and node.name]
    fields = {
        node.name.value: (node.operation.value.capitalize(), _find_field(node)) for node in operations if node.name
    }
    return {name: OWN.get(name) or told[field] for name, field in fields.items()}


def _find_field(operation: OperationDefinitionNode) -> str:
    return next(node.name.value for node in operation.selection_set.selections if isinstance(node, FieldNode))
