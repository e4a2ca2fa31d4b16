import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Route

from gql.replies import LastResort, answer_http_exception

SECRET = "hunter2-hunter2"


async def fail(_request: Request) -> PlainTextResponse:
    raise RuntimeError(SECRET)


async def fail_late(_request: Request) -> StreamingResponse:
    async def stream() -> AsyncIterator[bytes]:
        yield b"begun"
        raise RuntimeError(SECRET)

    return StreamingResponse(stream())


async def work(_request: Request) -> PlainTextResponse:
    return PlainTextResponse("fine")


ROUTES = [Route("/work", work), Route("/fail", fail), Route("/late", fail_late)]
APP = Starlette(
    routes=ROUTES,
    middleware=[Middleware(LastResort)],
    exception_handlers={HTTPException: answer_http_exception},
)


async def request(method: str, path: str) -> httpx.Response:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(APP), base_url="http://test") as client:
        return await client.request(method, path)


async def test_starlettes_refusals_are_json() -> None:
    """404 and 405 of the router have GraphQL's form and keep their headers."""
    response = await request("GET", "/nothing")
    assert (response.status_code, response.json()["errors"][0]["extensions"]["code"]) == (404, "NOT_FOUND")
    response = await request("POST", "/work")
    assert response.status_code == 405
    assert "GET" in response.headers["allow"]
    assert response.json()["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"
    assert response.headers["cache-control"] == "no-store"


async def test_nothing_gets_past_the_guard(caplog: pytest.LogCaptureFixture) -> None:
    """An exception below becomes INTERNAL, and only its place is logged."""
    with caplog.at_level(logging.DEBUG, "strongroom"):
        response = await request("GET", "/fail")
    assert response.status_code == 500
    assert response.json()["errors"][0]["extensions"]["reference"] in caplog.text
    assert SECRET not in caplog.text + response.text


async def test_an_answer_that_has_begun_is_only_cut_off(caplog: pytest.LogCaptureFixture) -> None:
    """There is no second answer after the first bytes; the failure is logged all the same."""
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request"}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "GET", "path": "/late", "query_string": b"", "headers": []}
    scope["asgi"] = {"spec_version": "2.4"}
    await APP(scope, receive, send)
    assert [message.get("body") for message in sent] == [None, b"begun"]
    assert "internal error" in caplog.text
    assert SECRET not in caplog.text


async def test_the_guard_lets_work_and_start_up_pass() -> None:
    """What works is untouched, and a failed start-up stops the server."""
    assert (await request("GET", "/work")).text == "fine"

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        raise RuntimeError
        yield

    async def receive() -> Any:
        return {"type": "lifespan.startup"}

    async def send(_message: Any) -> None:
        return

    with pytest.raises(RuntimeError):
        await Starlette(lifespan=lifespan, middleware=[Middleware(LastResort)])(
            {"type": "lifespan", "state": {}}, receive, send
        )
