from typing import Any

import pytest
import strawberry
from graphql import OperationDefinitionNode, parse

from db.errors import LimitExceeded
from gql.documents import read_document
from gql.execution import open_schema
from gql.weight import weigh


@strawberry.interface
class Named:
    name: str

    @strawberry.field
    def rows(self, first: int = 50) -> list["Row"]:
        return []


@strawberry.type
class Row(Named):
    id: str

    @strawberry.field
    def history(self, first: int = 20, last: int | None = None) -> list["Row"]:
        return []


@strawberry.type
class Query:
    @strawberry.field
    def rows(self, first: int = 50) -> list[Row]:
        return []

    @strawberry.field
    def named(self) -> Named | None:
        return None

    @strawberry.field
    def sized(self, first: int) -> str:
        return ""


SCHEMA = open_schema(strawberry.Schema(Query))


@pytest.mark.parametrize(
    ("text", "variables", "fields"),
    [
        ("{ rows { id name } }", {}, 101),
        ("{ rows(first: 10) { id name } }", {}, 21),
        ("{ rows(first: 1000000) { id } }", {}, 201),
        ("{ rows(first: -5) { id } }", {}, 2),
        ("query ($n: Int) { rows(first: $n) { id } }", {"n": 7}, 8),
        ("query ($n: Int) { rows(first: $n) { id } }", {}, 51),
        ("query ($n: Int) { rows(first: $n) { id } }", {"n": None}, 51),
        ("{ rows(first: 10) { id history(last: 5) { id } } }", {}, 71),
        ("{ rows(first: 2) { ...f } } fragment f on Row { id history(first: 3) { id } }", {}, 11),
        ("{ named { name ... on Row { history(first: 3) { id } } ... { name } } }", {}, 7),
        ("{ sized(first: 100) __schema { types { name } } __typename }", {}, 5),
    ],
)
def test_weighs_an_answer_by_its_pages(text: str, variables: dict[str, Any], fields: int) -> None:
    """A page multiplies what is asked of each row; its size is a literal, a variable or the usual one."""
    document = parse(text)
    operation = document.definitions[0]
    assert isinstance(operation, OperationDefinitionNode)
    assert weigh(SCHEMA, document, operation).count_fields(variables) == fields


def test_refuses_pages_of_pages() -> None:
    """Pages inside of pages are refused when together they could hold too much."""
    text = "query ($n: Int!) { rows(first: $n) { history(first: $n) { id name history { id } } } }"
    operation = read_document(SCHEMA, text).select(None)
    operation.check_weight({"n": 20})
    with pytest.raises(LimitExceeded):
        operation.check_weight({"n": 200})
