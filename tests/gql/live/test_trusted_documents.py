import hashlib
from typing import Any

import httpx
import pytest

from gql.trusted import Trust

TOKEN = "Bearer let-me-in"
LISTED = "query Listed { hello }"
COUNT = "subscription { count(to: 1) { number } }"
MUTATION = 'mutation { add(text: "x") }'


def name(text: str) -> dict[str, Any]:
    return {"persistedQuery": {"version": 1, "sha256Hash": hashlib.sha256(text.encode()).hexdigest()}}


LIST = {name(text)["persistedQuery"]["sha256Hash"]: text for text in (LISTED, COUNT, MUTATION)}


@pytest.mark.parametrize("stage", [{"trust": Trust("only", LIST)}], indirect=True)
async def test_nothing_else_runs_over_any_transport(stage: Any) -> None:
    """With `only`, POST, GET, WebSocket and events alike run what is listed and refuse the rest."""
    url = f"http://127.0.0.1:{stage.port}/graphql"
    graphql = "application/graphql-response+json"
    async with httpx.AsyncClient(headers={"authorization": TOKEN, "accept": graphql}) as http:
        assert (await http.post(url, json={"extensions": name(LISTED)})).json() == {"data": {"hello": "hello"}}
        assert (await http.post(url, json={"query": LISTED})).json() == {"data": {"hello": "hello"}}
        by_get = {"extensions": httpx.Response(200, json=name(LISTED)).text}
        assert (await http.get(url, params=by_get)).json() == {"data": {"hello": "hello"}}
        mutation = await http.get(url, params={"extensions": httpx.Response(200, json=name(MUTATION)).text})
        assert mutation.status_code == 405
        unknown = await http.post(url, json={"extensions": name("{ hello }")})
        assert unknown.json()["errors"] == [
            {"message": "PersistedQueryNotFound", "extensions": {"code": "PERSISTED_QUERY_NOT_FOUND"}}
        ]
        assert unknown.status_code == 400
        json = {"accept": "application/json"}
        assert (await http.post(url, json={"extensions": name("{ hello }")}, headers=json)).status_code == 200
        refused = await http.post(url, json={"query": "{ hello }"})
        assert (refused.status_code, refused.json()["errors"][0]["extensions"]["code"]) == (400, "FORBIDDEN")
        assert (await http.post(url, json={"extensions": {}})).json()["errors"][0]["message"].startswith("query:")
    async with stage.connect() as socket:
        await socket.send(type="subscribe", id="a", payload={"extensions": name(COUNT)})
        assert [message["type"] for message in await socket.receive_all()] == ["next", "complete"]
        await socket.subscribe("a", "", extensions=name(COUNT))
        assert [message["type"] for message in await socket.receive_all()] == ["next", "complete"]
        await socket.subscribe("a", COUNT + " ")
        assert (await socket.receive())["payload"][0]["extensions"]["code"] == "FORBIDDEN"
        await socket.send(type="subscribe", id="a", payload={"extensions": name("{ hello }")})
        assert (await socket.receive())["payload"][0]["message"] == "PersistedQueryNotFound"
    async with stage.stream("", extensions=name(COUNT)) as stream:
        assert len(await stream.receive_all()) == 2
    async with stage.stream(COUNT + " ") as stream:
        assert "FORBIDDEN" in (await stream.receive_all())[0]
