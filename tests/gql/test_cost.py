import pytest
from graphql import DocumentNode, GraphQLError, get_introspection_query, parse

from db.errors import LimitExceeded
from gql.cost import MAX_ALIASES, MAX_DEPTH, MAX_FIELDS, MAX_OPERATIONS, check_size


def read(text: str) -> DocumentNode:
    return parse(text)


def nest(depth: int) -> str:
    return "{ a " * depth + "}" * depth


@pytest.mark.parametrize(
    "text",
    [
        get_introspection_query(
            specified_by_url=True,
            directive_is_repeatable=True,
            schema_description=True,
            input_value_deprecation=True,
        ),
        nest(MAX_DEPTH),
        "{" + " ".join(f"a{index}: a" for index in range(MAX_ALIASES)) + "}",
        "{" + "a " * MAX_FIELDS + "}",
        "{ ...unknown }",
    ],
)
def test_lets_documents_up_to_the_limits_pass(text: str) -> None:
    """The standard introspection query, and whatever is just at a limit, is measured and let pass."""
    check_size(read(text))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (nest(MAX_DEPTH + 1), "deeper"),
        ("{ a { ...f } } fragment f on T " + nest(MAX_DEPTH), "deeper"),
        ("{" + "a " * (MAX_FIELDS + 1) + "}", "fields"),
        ("{ a } fragment f on T {" + "a " * MAX_FIELDS + "}", "fields"),
        ("{ ...f ...f } fragment f on T {" + "a " * (MAX_FIELDS // 2) + "}", "fields"),
        (" ".join(f"query q{index} {{ a {'a ' * 9} }}" for index in range(MAX_FIELDS // 10 + 1)), "fields"),
        (" ".join(f"query q{index} {{ a }}" for index in range(MAX_OPERATIONS + 1)), "operations"),
        ("{" + " ".join(f"a{index}: a" for index in range(MAX_ALIASES + 1)) + "}", "aliases"),
        ("{ ...f ...f } fragment f on T {" + " ".join(f"a{i}: a" for i in range(20)) + "}", "aliases"),
        ("{ " + "... { " * 70 + "a" + "}" * 71, "nest"),
        ("{ ...f0 }" + "".join(f"fragment f{i} on T {{ ...f{i + 1} }}" for i in range(70)), "nest"),
    ],
)
def test_refuses_documents_past_a_limit(text: str, message: str) -> None:
    """Depth, aliases and fields are limited, through fragments and over all operations together."""
    with pytest.raises(LimitExceeded, match=message):
        check_size(read(text))


def test_counts_a_bomb_of_fragments_in_a_moment() -> None:
    """Fragments that double at each of a hundred steps are counted step by step, not field by field."""
    fragments = "".join(f"fragment f{i} on T {{ ...f{i + 1} ...f{i + 1} }}" for i in range(50))
    with pytest.raises(LimitExceeded, match="fields"):
        check_size(read("{ ...f0 }" + fragments + "fragment f50 on T { a }"))


@pytest.mark.parametrize(
    "text",
    [
        "{ ...f } fragment f on T { ...f }",
        "{ ...f } fragment f on T { a { ...g } } fragment g on T { ... { ...f } }",
        "{ a } fragment f on T { ...f }",
    ],
)
def test_refuses_fragments_that_spread_themselves(text: str) -> None:
    """A cycle of fragments is refused before anything follows it."""
    with pytest.raises(GraphQLError, match="within itself"):
        check_size(read(text))
