"""Events that many subscriptions are told: what equal ones are answered is made and written once."""

from collections.abc import Iterator, Mapping, MutableMapping
from typing import Any, Protocol, cast, runtime_checkable

from graphql import FieldNode, FragmentDefinitionNode, Node, OperationDefinitionNode, OperationType, VariableNode


@runtime_checkable
class Shared(Protocol):
    """An event that is told to many."""

    def share(self, context: Any) -> MutableMapping[object, bytes]:
        """The answers made of it so far for callers who see of it what this one sees, by operation."""
        ...


def answers_alike(node: OperationDefinitionNode, fragments: Mapping[str, FragmentDefinitionNode]) -> bool:
    """Whether a subscription makes the same of an event whatever its variables are: they are arguments of its source
    and nothing else."""
    if node.operation is not OperationType.SUBSCRIPTION:
        return False
    sources = [field for field in node.selection_set.selections if isinstance(field, FieldNode)]
    arguments = [argument for field in sources for argument in field.arguments or ()]
    used = _count_variables([node.selection_set, *(node.directives or ()), *fragments.values()])
    return used == _count_variables(arguments)


def _count_variables(nodes: list[Any]) -> int:
    return sum(isinstance(found, VariableNode) for node in nodes for found in _walk(node))


def _walk(node: Node) -> Iterator[Node]:
    yield node
    for key in node.keys:
        child: Any = getattr(node, key, None)
        for below in cast("list[Any]", child if isinstance(child, list | tuple) else [child]):
            if isinstance(below, Node) and key != "loc":
                yield from _walk(below)
