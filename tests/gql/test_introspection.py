"""Who sees the schema, on every transport, and what nobody is told of it."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from db.settings import Settings
from gql.app import make_app

SCHEMA = "{ __schema { types { name } } }"
HIDDEN = (
    SCHEMA,
    '{ __type(name: "Config") { name } }',
    "query { ...f } fragment f on Query { x: __schema { queryType { name } } }",
    '{ ... on Query { ... { a: __type(name: "Query") { fields { name } } } } }',
    "query A { __typename } query B { __schema { types { name } } }",
)


@pytest.fixture
def ask(api: Any) -> Callable[..., Any]:
    """Sends a document with a token to an application with this setting; the answer's codes."""

    async def send(setting: str, token: str, query: str, **rest: Any) -> list[str]:
        app = make_app(api.service, Settings.from_env({"STRONGROOM_INTROSPECTION": setting}))
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://sr.test") as http:
            headers = {"authorization": f"Bearer {token}", **rest.pop("headers", {})}
            answer = await http.post("/graphql", json={"query": query, **rest}, headers=headers)
        errors = answer.json().get("errors", [])
        return [error["extensions"]["code"] for error in errors]

    return send


@pytest.fixture
async def tokens(api: Any, world: Any) -> dict[str, str]:
    return {
        "free": await api.make_token("config:resolve"),
        "of an organization": await api.make_token("*", organization_ids=[world.organization]),
        "of an integration": await api.make_token("*", integrations=[world.name]),
    }


@pytest.mark.parametrize(
    ("setting", "may"),
    [
        ("authenticated", {"free", "of an organization", "of an integration"}),
        ("unlimited", {"free"}),
        ("off", set()),
    ],
)
async def test_who_may(ask, tokens: dict[str, str], setting: str, may: set[str]) -> None:
    """The setting says who sees the schema, by whatever road: fragments, aliases, or an operation that is not run."""
    for caller, token in tokens.items():
        for query in HIDDEN:
            name = {"operationName": "A"} if "query A" in query else {}
            assert await ask(setting, token, query, **name) == ([] if caller in may else ["FORBIDDEN"])
        assert await ask(setting, token, "{ __typename }") == []


async def test_it_is_no_use_to_repeat_it(ask, tokens: dict[str, str]) -> None:
    """What one caller may does not open it to the next, although the document is kept."""
    for _ in range(2):
        assert await ask("unlimited", tokens["free"], SCHEMA) == []
        assert await ask("unlimited", tokens["of an organization"], SCHEMA) == ["FORBIDDEN"]


async def test_strangers_never_may(ask) -> None:
    """Without a token that holds nobody sees the schema, whatever the setting."""
    assert await ask("authenticated", "x" * 40, SCHEMA) == ["UNAUTHENTICATED"]


MISSPELLED = [
    ("{ integratons { totalCount } }", ["integrations"]),
    ("{ configs(frist: 1) { totalCount } }", ["first"]),
    ("{ configs(filter: {organisationId: null}) { totalCount } }", ["organizationId"]),
    ("{ configs(filter: {type: SECRETT}) { totalCount } }", ['SECRET"']),
    ("query ($f: ConfigFiltr) { configs(filter: $f) { totalCount } }", ["ConfigFilter"]),
    ("{ configs { totalCount @incude(if: true) } }", ["@include"]),
    ("{ configs { ... on ConfigConection { totalCount } } }", ['ConfigConnection"']),
]


@pytest.mark.parametrize(("query", "names"), MISSPELLED)
async def test_nothing_is_suggested(client: Any, query: str, names: list[str]) -> None:
    """A name that is nearly right is refused without the right one, and without any "did you mean"."""
    answer = await client.refused(query)
    assert "id you mean" not in answer.text
    assert not any(name in answer.text.replace('\\"', '"') for name in names)


async def test_nothing_is_suggested_for_variables(client: Any) -> None:
    """Nor for the fields and values of variables."""
    for given in ({"organisationId": None}, {"type": "SECRETT"}):
        answer = await client.refused("ConfigList", filter=given)
        assert "id you mean" not in answer.text
        assert "organizationId" not in answer.text
