import pytest
import strawberry

from db.errors import BadInput
from gql.documents import DocumentCache, read_document
from gql.execution import open_schema


@strawberry.type
class Query:
    hello: str = "hello"

    @strawberry.field
    def greet(self, name: str = "you", secretWord: str | None = None) -> str:  # noqa: N803
        return name


SCHEMA = open_schema(strawberry.Schema(Query))


def test_the_same_text_is_read_once() -> None:
    """A document is parsed and validated once; asking again finds the same one."""
    cache = DocumentCache(SCHEMA)
    document = cache.open("{ hello }")
    assert cache.open("{ hello }") is document
    assert cache.open("{ nothing }") is cache.open("{ nothing }")
    assert len(cache) == 2


def test_the_cache_forgets_the_longest_unused() -> None:
    """The number of documents is bounded; those in use stay."""
    cache = DocumentCache(SCHEMA, max_documents=2)
    used, old = cache.open("{ a: hello }"), cache.open("{ b: hello }")
    assert cache.open("{ a: hello }") is used
    cache.open("{ c: hello }")
    assert cache.open("{ a: hello }") is used
    assert cache.open("{ b: hello }") is not old
    assert len(cache) == 2


def test_the_cache_is_bounded_by_memory() -> None:
    """Hostile callers with ever new texts cannot make it grow."""
    cache = DocumentCache(SCHEMA, max_weight=200_000)
    for index in range(300):
        cache.open(f"{{ hello #{index}{'x' * 1000}\n }}")
        cache.open(f"{{ nothing{index} }}")
        assert cache.weight <= 200_000
    assert 10 < len(cache) < 100
    assert cache.weight == sum(document.weight for document in cache._documents.values())


def test_a_document_too_large_for_the_cache_is_still_answered() -> None:
    """What does not fit is read and not kept."""
    cache = DocumentCache(SCHEMA, max_weight=1_000)
    assert not cache.open("{ hello }").errors
    assert len(cache) == 0
    assert cache.weight == 0


def test_selects_the_operation() -> None:
    """The operation's name is needed only where there are several."""
    document = read_document(SCHEMA, "query A { hello } query B { greet }")
    assert document.select("B").node.name
    with pytest.raises(BadInput, match="several"):
        document.select(None)
    with pytest.raises(BadInput, match="no operation of this name"):
        document.select("C")
    assert read_document(SCHEMA, "{ hello }").select(None)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{ greet(name: hunter2", "query: Syntax error at line 1, column 22"),
        ('{\n  greet(name: "hunter2) }', "query: Syntax error at line 2, column 26"),
        ("{ hello } hunter2", "query: Syntax error at line 1, column 11"),
        ("{ helo }", "Cannot query field 'helo' on type 'Query'."),
        ('{ greet(nam: "x") }', "Unknown argument 'nam' on field 'Query.greet'."),
        ("{ ...a } fragment a on Query { ...a }", "Cannot spread fragment 'a' within itself."),
        ("fragment a on Query { hello }", "Fragment 'a' is never used."),
        ("type A { b: Int }", "The 'A' definition is not executable."),
        ("{ greet(name: 5) }", "name: expected String!"),
        ("query ($n: String = 5) { greet(name: $n) }", "n: expected String"),
        ("query ($n: Strin) { greet(name: $n) }", "Unknown type 'Strin'."),
    ],
)
def test_errors_tell_the_place_and_nothing_else(text: str, message: str) -> None:
    """An error names the fault; it repeats no literal and suggests no name of the schema."""
    errors = read_document(SCHEMA, text).errors
    assert errors[0]["message"] == message
    assert {error["extensions"]["code"] for error in errors} == {"BAD_USER_INPUT"}
    assert all(error["extensions"]["problems"] for error in errors)
    assert "hunter2" not in repr(errors)
    assert "secretWord" not in repr(errors)


def test_too_many_fields_of_a_name_are_not_compared() -> None:
    """Comparing fields of one name takes time by the square of their number, so it is limited."""
    [error] = read_document(SCHEMA, "{" + "hello " * 400 + "}").errors
    assert error["extensions"]["code"] == "LIMIT_EXCEEDED"


def test_lists_few_errors() -> None:
    """A document with a thousand faults is answered with the first twenty."""
    errors = read_document(SCHEMA, "{" + " ".join(f"no{i}" for i in range(400)) + "}").errors
    assert len(errors) == 21


def test_defaults_are_coerced_once() -> None:
    """Variables know their types and defaults before any request brings values."""
    document = read_document(SCHEMA, 'query ($a: String! = "x", $b: String) { greet(name: $a, secretWord: $b) }')
    assert [variable.signature.name for variable in document.select(None).variables] == ["a", "b"]
    assert document.select(None).variables[0].default == "x"
