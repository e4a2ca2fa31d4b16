"""What the direct way passes on to the application."""

import json
from typing import Any

import httpx

from gql.context import open_context
from gql.direct import endpoint
from gql.direct.asked import Asked
from gql.direct.endpoint import Direct
from gql.http import GraphQLEndpoint
from gql.schema import schema
from gql.trusted import Trust, hash_text
from tests.gql.direct.calls import CALL, HEAD, Behind, Caller, ask
from tests.gql.kit import OPERATIONS

PASSED_ON = {
    "a look-up": f"{HEAD} {{ {CALL} {{ integration {{ configSchema {{ key }} }} }} }}",
    "two roots": f"{HEAD} {{ {CALL} {{ config }} b: {CALL} {{ config }} }}",
    "a directive": f"{HEAD} {{ {CALL} {{ config @include(if: true) }} }}",
    "another query": "{ integrations { edges { node { name } } } }",
    "introspection": "{ __schema { queryType { name } } }",
}


async def test_whatever_is_more_than_a_resolve_is_passed_on(behind, caller, world) -> None:
    """What takes more than reading a resolve off is never answered on the direct way."""
    await caller.warm(behind, ask(world))
    for query in PASSED_ON.values():
        for _ in range(3):
            before = behind.times
            await caller.post(ask(world, query))
            assert behind.times == before + 1


HEADERS: list[dict[str, str]] = [
    {"origin": "https://evil.example"},
    {"content-encoding": "gzip"},
    {"content-type": "text/plain"},
    {"content-type": "application/json; charset=latin-1"},
    {"accept": "text/event-stream"},
    {"accept": "text/html"},
    {"authorization": "Basic abc"},
    {"authorization": "Bearer srt_" + "x" * 43},
    {"authorization": ""},
    {"strongroom-reason": "x" * 501},
]


async def test_a_request_that_is_not_plain_is_passed_on(behind, caller, world) -> None:
    """A request with anything unusual about it gets the application's own answer, also when its body is known."""
    expected = [await caller.post(ask(world), headers) for headers in HEADERS]
    await caller.warm(behind, ask(world))
    for headers, first in zip(HEADERS, expected, strict=True):
        before = behind.times
        again = await caller.post(ask(world), headers)
        assert behind.times == before + 1
        assert again.status_code == first.status_code
        assert again.headers["content-type"] == first.headers["content-type"]
        assert again.content == first.content


async def test_a_header_given_twice_is_passed_on(api, behind, caller, world, token: str) -> None:
    """Of two credentials none is chosen here."""
    await caller.warm(behind, ask(world))
    before = behind.times
    headers = [
        ("authorization", f"Bearer {token}"),
        ("authorization", "Bearer x"),
        ("content-type", "application/json"),
    ]
    await api.http.post("/graphql", content=ask(world), headers=headers)
    assert behind.times == before + 1


async def test_a_body_in_pieces_reaches_the_application_whole(api, behind, caller, world) -> None:
    """What the direct way has received of a request that it passes on is not lost."""
    expected = await caller.warm(behind, ask(world))
    body = ask(world)

    async def pieces() -> Any:
        for start in range(0, len(body), 40):
            yield body[start : start + 40]

    answer = await api.http.post("/graphql", content=pieces(), headers=caller._headers)
    assert answer.content == expected.content


async def test_a_fault_of_the_direct_way_is_logged_and_answered(behind, caller, world, monkeypatch, caplog) -> None:
    """Whatever breaks here, the application answers, and the log has the place without its text."""
    expected = await caller.warm(behind, ask(world))

    def boom(*given: object) -> None:
        raise KeyError("the-default-key")

    monkeypatch.setattr(endpoint, "answer", boom)
    answer = await caller.post(ask(world))
    assert answer.content == expected.content
    assert "KeyError" in caplog.text
    assert "the-default-key" not in caplog.text


async def test_trusted_documents_stay_the_only_ones(api, world, token: str) -> None:
    """What a body asks for is learned after the application has let its document through, and never before."""
    listed = OPERATIONS["Resolve"]
    trust = Trust("only", {hash_text(listed): listed})
    asked = Asked()
    endpoint = GraphQLEndpoint(schema, open_context(api.service), None, trust=trust, learn=asked.learn)
    way = Behind(endpoint)
    transport = httpx.ASGITransport(app=Direct(way, api.service, asked))
    async with httpx.AsyncClient(transport=transport, base_url="http://strongroom.test") as http:
        caller = Caller(http, token)
        await caller.warm(way, ask(world))
        for _ in range(3):
            answer = await caller.post(ask(world, f"{HEAD} {{ {CALL} {{ config }} }}"))
            assert answer.json()["errors"][0]["extensions"]["code"] == "FORBIDDEN"
    assert len(asked) == 1


async def test_a_body_that_breaks_off_is_not_taken_for_another(api, behind, caller, world) -> None:
    """A client that hangs up after the beginning of its body, which is a body that is known, is answered nothing, and
    nothing is on record for it."""
    await caller.warm(behind, ask(world))
    await api.service.audit.flush()
    headers = [(name.encode(), value.encode()) for name, value in caller._headers.items()]
    scope = {"type": "http", "method": "POST", "path": "/graphql", "headers": headers, "client": ("10.1.1.1", 1)}
    messages = [
        {"type": "http.request", "body": ask(world), "more_body": True},
        {"type": "http.disconnect"},
    ]
    sent: list[Any] = []

    async def receive() -> Any:
        return messages.pop(0)

    async def send(message: Any) -> None:
        sent.append(message)

    await api.app({**scope, "query_string": b"", "root_path": "", "http_version": "1.1"}, receive, send)
    assert sent == []
    assert api.service.audit._done == 0


async def test_a_document_that_is_not_for_everybody_is_passed_on(behind, caller, world) -> None:
    """Whether a document may ask for the schema is decided for each caller, also when it runs another operation."""
    query = OPERATIONS["Resolve"] + " query Other { __schema { queryType { name } } }"
    body = json.dumps(json.loads(ask(world, query)) | {"operationName": "Resolve"}).encode()
    for _ in range(3):
        before = behind.times
        assert (await caller.post(body)).json()["data"]["resolve"]
        assert behind.times == before + 1
