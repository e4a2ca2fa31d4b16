import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import strawberry
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.routing import Route
from strawberry.permission import BasePermission
from strawberry.scalars import JSON

from db.errors import Conflict, Forbidden, LimitExceeded, Unauthenticated, Unavailable
from gql.http import GraphQLEndpoint
from gql.params import MAX_BODY, MAX_QUERY
from gql.replies import answer_http_exception

GRAPHQL = "application/graphql-response+json"
SECRET = "hunter2-hunter2"
REFUSALS = {
    "none": Unauthenticated(),
    "forbidden": Forbidden("not you"),
    "flood": LimitExceeded("too many sign-ins"),
    "down": Unavailable(),
    "broken": RuntimeError(SECRET),
}


@dataclass
class Context:
    token: str
    order: list[str]


class Nobody(BasePermission):
    message = "nobody may"
    error_extensions = {"code": "FORBIDDEN"}  # noqa: RUF012

    def has_permission(self, source: Any, info: strawberry.Info, **kwargs: Any) -> bool:
        return False


@strawberry.input
class NoteInput:
    text: str
    extra: JSON | None = strawberry.UNSET


@strawberry.type
class Note:
    text: str

    @strawberry.field
    async def shout(self) -> str:
        return self.text.upper()

    @strawberry.field(permission_classes=[Nobody])
    def hidden(self) -> str | None:
        return SECRET


@strawberry.type
class Query:
    @strawberry.field
    def hello(self) -> str:
        return "hello"

    @strawberry.field
    async def note(self, text: str, first: int | None = None) -> Note:
        return Note(text=text)

    @strawberry.field
    def echo(self, value: JSON) -> JSON:
        return value

    @strawberry.field
    def refused(self) -> int | None:
        raise Conflict("newer", {"currentVersion": 3})

    @strawberry.field
    def broken(self) -> int | None:
        raise ValueError(SECRET)

    @strawberry.field
    def needed(self) -> int:
        raise ValueError(SECRET)

    @strawberry.field
    def large(self) -> int | None:
        return 2**40

    @strawberry.field
    def unwritable(self) -> JSON:
        return JSON(object())


@strawberry.type
class Mutation:
    @strawberry.mutation
    async def add(self, info: strawberry.Info[Context, None], input: NoteInput) -> str:
        info.context.order.append(input.text)
        return f"{info.context.order} {input.extra is strawberry.UNSET}"


@strawberry.type
class Subscription:
    @strawberry.subscription
    async def count(self) -> AsyncIterator[int]:
        yield 1


@asynccontextmanager
async def open_context(request: Request) -> AsyncIterator[Context]:
    token = request.headers.get("authorization", "")
    if token in REFUSALS:
        raise REFUSALS[token]
    yield Context(token, [])


@pytest.fixture
def endpoint(tmp_path: Path) -> GraphQLEndpoint[Context]:
    page = tmp_path / "graphiql.html"
    page.write_text("<!doctype html>GraphiQL")
    schema = strawberry.Schema(Query, Mutation, Subscription)
    return GraphQLEndpoint(schema, open_context, lambda context: context.token == "admin", page)


@pytest.fixture
async def client(endpoint: GraphQLEndpoint[Context]) -> AsyncIterator[httpx.AsyncClient]:
    app = Starlette(routes=[Route("/graphql", endpoint)], exception_handlers={HTTPException: answer_http_exception})
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        yield client


async def post(client: httpx.AsyncClient, body: Any, **headers: str) -> httpx.Response:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = {"content-type": "application/json", "accept": GRAPHQL} | {
        name.replace("_", "-"): value for name, value in headers.items()
    }
    return await client.post("/graphql", content=content, headers=headers)


async def run(client: httpx.AsyncClient, query: str, **variables: Any) -> dict[str, Any]:
    response = await post(client, {"query": query, "variables": variables})
    assert response.status_code == 200
    return response.json()


def check_refusal(response: httpx.Response, status: int, code: str) -> dict[str, Any]:
    assert response.status_code == status, response.text
    assert response.headers["content-type"].split(";")[0] in ("application/json", GRAPHQL)
    assert response.headers["cache-control"] == "no-store"
    answer = response.json()
    assert list(answer) == ["errors"]
    assert {error["extensions"]["code"] for error in answer["errors"]} == {code}
    assert SECRET not in response.text
    return answer["errors"][0]


async def test_answers_a_query(client: httpx.AsyncClient) -> None:
    """A query with variables is answered, async resolvers and all, and never cached."""
    query = "query Shout($text: String!) { note(text: $text) { text shout } hello }"
    response = await post(client, {"query": query, "variables": {"text": "ä"}, "operationName": "Shout"})
    assert response.json() == {"data": {"note": {"text": "ä", "shout": "Ä"}, "hello": "hello"}}
    assert response.headers["content-type"] == f"{GRAPHQL}; charset=utf-8"
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["x-content-type-options"] == "nosniff"


async def test_mutations_run_one_after_the_other(client: httpx.AsyncClient) -> None:
    """The fields of a mutation run in order, on one context; a field left out is left out."""
    mutation = 'mutation ($b: NoteInput!) { a: add(input: {text: "1"}) b: add(input: $b) }'
    answer = await run(client, mutation, b={"text": "2", "extra": None})
    assert answer == {"data": {"a": "['1'] True", "b": "['1', '2'] False"}}


async def test_any_json_comes_back_as_it_went_in(client: httpx.AsyncClient) -> None:
    """Integers of any size, deep values and odd characters survive."""
    value = {"big": 2**80, "deep": [[[{}]]], "text": "\u2028 \N{GRINNING FACE}", "float": 0.5, "null": None}
    assert await run(client, "query ($v: JSON!) { echo(value: $v) }", v=value) == {"data": {"echo": value}}


async def test_fragments_are_followed(client: httpx.AsyncClient) -> None:
    """Fragments, named and inline, select what they say."""
    query = 'query Q { note(text: "x") { ...f ... { shout } } } fragment f on Note { text }'
    assert await run(client, query) == {"data": {"note": {"text": "x", "shout": "X"}}}


async def test_get_is_for_queries(client: httpx.AsyncClient) -> None:
    """GET answers queries and refuses mutations with 405; its parameters are read as strictly as a body."""
    query = "query ($t: String!) { note(text: $t) { text } }"
    params = {"query": query, "variables": '{"t": "x"}', "extensions": "", "operationName": ""}
    response = await client.get("/graphql", params=params)
    assert response.json() == {"data": {"note": {"text": "x"}}}
    mutation = 'mutation { add(input: {text: "1"}) }'
    response = await client.get("/graphql", params={"query": mutation})
    check_refusal(response, 405, "BAD_USER_INPUT")
    assert response.headers["allow"] == "POST"


@pytest.mark.parametrize(
    "query_string",
    [
        "",
        "query=",
        "query={hello}&query={hello}",
        "query={hello}&variables=[]",
        "query={hello}&variables={",
        "query={hello}&variables=%7B%22a%22:1,%22a%22:2%7D",
        "query={hello}&unknown=1",
        "query=%ff",
        "query={hello}&" + "&".join(f"a{i}=" for i in range(20)),
    ],
)
async def test_get_refuses_wrong_parameters(client: httpx.AsyncClient, query_string: str) -> None:
    """A query string that is no request is refused, not guessed at."""
    check_refusal(await client.get(f"/graphql?{query_string}"), 400, "BAD_USER_INPUT")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"5",
        b'"{ hello }"',
        b"[]",
        b'[{"query": "{ hello }"}]',
        b"{}",
        b"\xff\xfe",
        b'{"query": "{ hello }", "query": "{ hello }"}',
        b'{"query": "{ hello }", "variables": {"a": 1, "a": 1}}',
        b'{"query": "{ hello }", "surprise": 1}',
        b'{"query": "{ hello }", "variables": []}',
        b'{"query": "{ hello }", "variables": "{}"}',
        b'{"query": "{ hello }", "operationName": 1}',
        b'{"query": "{ hello }", "extensions": []}',
        b'{"query": null}',
        b'{"query": "  "}',
        b'{"query": ["{ hello }"]}',
        b'{"query": "{ hello }", "variables": {"a": NaN}}',
        b'{"query": "{ hello }", "variables": {"a": 1e999}}',
        b'{"query": "{ hello }", "variables": {"a": ' + b"9" * 5000 + b"}}",
        b'{"query": "{ hello }", "variables": ' + b'{"a":' * 100_000,
        b'{"query": "{ hello \\ud800 }"}',
        b'{"query": "{ hello \\u0000 }"}',
        b"[" * 100_000,
    ],
)
@pytest.mark.parametrize("accept", ["application/json", GRAPHQL])
async def test_no_body_is_an_internal_error(client: httpx.AsyncClient, body: bytes, accept: str) -> None:
    """Whatever is no GraphQL request, a batch included, is refused with 400 and its problems."""
    error = check_refusal(await post(client, body, accept=accept), 400, "BAD_USER_INPUT")
    assert error["extensions"]["problems"]


@pytest.mark.parametrize(
    ("query", "variables", "code", "path"),
    [
        ("{", {}, "BAD_USER_INPUT", ["query"]),
        ("{ nothing }", {}, "BAD_USER_INPUT", ["query"]),
        (r'{ note(text: "a\u0000") { text } }', {}, "BAD_USER_INPUT", ["text"]),
        (r'{ note(text: "\ud800") { text } }', {}, "BAD_USER_INPUT", ["query"]),
        ('{ echo(value: {a: "b"}) note(text: 5) { text } }', {}, "BAD_USER_INPUT", ["text"]),
        ("query ($t: String!) { note(text: $t) { text } }", {}, "BAD_USER_INPUT", ["t"]),
        ("query ($t: String!) { note(text: $t) { text } }", {"t": 5}, "BAD_USER_INPUT", ["t"]),
        ("query A { hello } query B { hello }", {}, "BAD_USER_INPUT", ["operationName"]),
        ("subscription { count }", {}, "BAD_USER_INPUT", ["query"]),
        ("{ __schema { types { name } } }", {}, "FORBIDDEN", None),
        ('{ __type(name: "Note") { name } }', {}, "FORBIDDEN", None),
        ("{" + " ".join(f"a{i}: hello" for i in range(31)) + "}", {}, "LIMIT_EXCEEDED", None),
    ],
)
async def test_a_request_error_has_no_data(
    client: httpx.AsyncClient, query: str, variables: Any, code: str, path: list[str] | None
) -> None:
    """A document or variables that cannot be executed: 400, or 200 for application/json, as specified."""
    body = {"query": query, "variables": variables}
    error = check_refusal(await post(client, body), 400, code)
    assert path is None or error["extensions"]["problems"][0]["path"] == path
    assert check_refusal(await post(client, body, accept="application/json"), 200, code) == error


async def test_null_and_half_pairs_in_variables(client: httpx.AsyncClient) -> None:
    """NUL and half surrogate pairs anywhere in variables are told by their path."""
    variables = rb'{"v": {"a": ["\u0000", "\udc00"]}}'
    body = b'{"query": "query ($v: JSON!) { echo(value: $v) }", "variables": %s}' % variables
    error = check_refusal(await post(client, body), 400, "BAD_USER_INPUT")
    assert [problem["path"] for problem in error["extensions"]["problems"]] == [["v", "a", 0], ["v", "a", 1]]


async def test_an_unknown_operation_is_refused(client: httpx.AsyncClient) -> None:
    """An operation name that the document does not have is refused without repeating it."""
    body = {"query": "query A { hello }", "operationName": SECRET}
    error = check_refusal(await post(client, body), 400, "BAD_USER_INPUT")
    assert error["extensions"]["problems"][0]["path"] == ["operationName"]


async def test_introspection_for_those_who_may(client: httpx.AsyncClient) -> None:
    """The same document is answered or refused by who asks, cached or not; __typename is for all."""
    body = {"query": "{ __schema { queryType { name } } }"}
    for _ in range(2):
        check_refusal(await post(client, body), 400, "FORBIDDEN")
        assert (await post(client, body, authorization="admin")).json()["data"]["__schema"]
    assert await run(client, "{ __typename }") == {"data": {"__typename": "Query"}}


@pytest.mark.parametrize(
    ("who", "status", "code"),
    [
        ("none", 401, "UNAUTHENTICATED"),
        ("forbidden", 403, "FORBIDDEN"),
        ("flood", 429, "LIMIT_EXCEEDED"),
        ("down", 503, "UNAVAILABLE"),
        ("broken", 500, "INTERNAL"),
    ],
)
async def test_callers_are_known_before_anything_else(
    client: httpx.AsyncClient, who: str, status: int, code: str
) -> None:
    """Who may not call learns nothing about the request: its body is not even read."""
    for body in ({"query": "{ hello }"}, b"garbage"):
        response = await post(client, body, authorization=who)
        check_refusal(response, status, code)
        assert response.headers.get("www-authenticate") == ("Bearer" if status == 401 else None)


@pytest.mark.parametrize(
    ("method", "headers", "status"),
    [
        ("PUT", {}, 405),
        ("DELETE", {}, 405),
        ("OPTIONS", {}, 405),
        ("POST", {}, 415),
        ("POST", {"content-type": "text/plain"}, 415),
        ("POST", {"content-type": "application/x-www-form-urlencoded"}, 415),
        ("POST", {"content-type": "application/json; charset=utf-16"}, 415),
        ("POST", {"content-type": "application/json", "content-encoding": "gzip"}, 415),
        ("POST", {"content-type": "application/json", "accept": "multipart/mixed"}, 406),
        ("POST", {"content-type": "application/json", "accept": "text/html"}, 406),
    ],
)
async def test_refusals_of_http_are_json(
    client: httpx.AsyncClient, method: str, headers: dict[str, str], status: int
) -> None:
    """Wrong methods, media types and encodings are refused in GraphQL's form."""
    response = await client.request(method, "/graphql", headers=headers, content=b'{"query": "{ hello }"}')
    check_refusal(response, status, "BAD_USER_INPUT")
    assert status != 405 or response.headers["allow"] == "GET, POST"


async def test_what_is_not_there_is_json_too(client: httpx.AsyncClient) -> None:
    """Other paths are answered in the same form."""
    check_refusal(await client.get("/nothing"), 404, "NOT_FOUND")


async def test_a_body_over_8_mib_is_not_read_on(client: httpx.AsyncClient) -> None:
    """A body is refused as soon as it is known to be too large, announced or streamed."""
    check_refusal(await post(client, b" " * (MAX_BODY + 1)), 413, "LIMIT_EXCEEDED")
    sent = 0

    async def stream() -> AsyncIterator[bytes]:
        nonlocal sent
        while sent < 4 * MAX_BODY:
            sent += 2**20
            yield b" " * 2**20

    headers = {"content-type": "application/json"}
    response = await client.post("/graphql", content=stream(), headers=headers)
    check_refusal(response, 413, "LIMIT_EXCEEDED")
    assert sent <= MAX_BODY + 2 * 2**20
    assert response.headers["connection"] == "close"
    body = json.dumps({"query": "{ hello }"}).encode()
    assert (await post(client, body.ljust(MAX_BODY))).status_code == 200


async def test_a_body_in_pieces(client: httpx.AsyncClient) -> None:
    """A body may come in any number of pieces."""

    async def stream() -> AsyncIterator[bytes]:
        for byte in b'{"query": "{ hello }"}':
            yield bytes([byte])

    response = await client.post("/graphql", content=stream(), headers={"content-type": "application/json"})
    assert response.json() == {"data": {"hello": "hello"}}


async def test_a_client_that_hangs_up_is_not_answered(endpoint: GraphQLEndpoint[Context]) -> None:
    """A body that never ends because its sender is gone ends the request quietly."""
    messages: list[Any] = [
        {"type": "http.request", "body": b"{", "more_body": True},
        {"type": "http.disconnect"},
    ]
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/graphql",
        "query_string": b"",
        "headers": [(b"content-type", b"application/json"), (b"accept", b"*/*"), (b"accept", b"text/html")],
    }

    async def receive() -> Any:
        return messages.pop(0)

    async def send(_message: Any) -> None:
        raise AssertionError

    await endpoint(scope, receive, send)


async def test_a_query_over_64_kib_is_refused(client: httpx.AsyncClient) -> None:
    """The query text is limited by its bytes."""
    for query in ("{ hello }".ljust(MAX_QUERY + 1), "{ hello } #" + "ä" * (MAX_QUERY // 2)):
        check_refusal(await post(client, {"query": query}), 413, "LIMIT_EXCEEDED")
    assert await run(client, "{ hello }".ljust(MAX_QUERY))


async def test_failures_of_fields(client: httpx.AsyncClient, caplog: pytest.LogCaptureFixture) -> None:
    """A refusal keeps its code and extensions; anything else is INTERNAL with a logged reference."""
    query = '{ hello refused broken large note(text: "x") { text hidden } }'
    with caplog.at_level(logging.DEBUG):
        answer = await run(client, query)
    assert answer["data"]["hello"] == "hello"
    assert answer["data"]["note"] == {"text": "x", "hidden": None}
    errors = {tuple(error["path"]): error for error in answer["errors"]}
    assert errors["refused",]["extensions"] == {"code": "CONFLICT", "currentVersion": 3}
    assert errors["refused",]["locations"] == [{"line": 1, "column": 9}]
    assert errors["note", "hidden"]["message"] == "nobody may"
    assert errors["note", "hidden"]["extensions"]["code"] == "FORBIDDEN"
    for name in ("broken", "large"):
        assert errors[name,]["message"] == "Internal error"
        assert errors[name,]["extensions"]["code"] == "INTERNAL"
        assert errors[name,]["extensions"]["reference"] in caplog.text
    assert "test_http.py" in caplog.text
    assert SECRET not in caplog.text + json.dumps(answer)
    assert str(2**40) not in caplog.text + json.dumps(answer)


async def test_a_failure_can_take_all_data(client: httpx.AsyncClient) -> None:
    """A field that must not be null and fails leaves `data` null, which is an executed answer."""
    answer = await run(client, "{ hello needed }")
    assert answer["data"] is None
    assert answer["errors"][0]["extensions"]["code"] == "INTERNAL"


async def test_an_answer_that_has_no_json(client: httpx.AsyncClient) -> None:
    """An answer that cannot be written is INTERNAL, not a broken one."""
    check_refusal(await post(client, {"query": "{ unwritable }"}), 500, "INTERNAL")


async def test_null_for_a_variable_where_none_may_be(client: httpx.AsyncClient) -> None:
    """A nullable variable with a default may stand where null may not; null itself is bad input there."""
    query = 'query ($t: String = "x") { note(text: $t) { text } }'
    assert (await run(client, query))["data"] == {"note": {"text": "x"}}
    [error] = (await run(client, query, t=None))["errors"]
    assert error["extensions"]["code"] == "BAD_USER_INPUT"


async def test_browsers_see_graphiql(client: httpx.AsyncClient) -> None:
    """A browser gets the page without signing in, everything else JSON."""
    headers = {"accept": "text/html,*/*;q=0.8", "authorization": "none"}
    response = await client.get("/graphql", headers=headers)
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    assert response.text == "<!doctype html>GraphiQL"


async def test_without_a_page_browsers_get_json() -> None:
    """Where no page is configured, HTML is not offered, and introspection is anyone's if nobody decides."""
    endpoint = GraphQLEndpoint(strawberry.Schema(Query), open_context, None)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(endpoint), base_url="http://test") as client:
        params = {"query": "{ __schema { queryType { name } } }"}
        response = await client.get("/graphql", params=params, headers={"accept": "text/html,*/*;q=0.8"})
        assert response.json()["data"]
        check_refusal(await client.get("/graphql", headers={"accept": "text/html"}), 406, "BAD_USER_INPUT")
