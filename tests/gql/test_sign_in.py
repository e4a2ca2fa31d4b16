"""Failed sign-ins are limited over HTTP; those that succeed never are."""

from dataclasses import replace
from typing import Any

import httpx
import pytest

from db.authenticator import Authenticator
from db.throttle import Throttle
from gql.app import make_app

PING = {"query": "{ organizations { totalCount } }"}


@pytest.fixture
def post(api) -> Any:
    """Sends one request with a token, from an address."""
    service = replace(api.service, authenticator=Authenticator(throttle=Throttle(5, 3)))
    app = make_app(service)

    async def send(token: str | None, address: str) -> httpx.Response:
        transport = httpx.ASGITransport(app=app, client=(address, 1234))
        headers = {} if token is None else {"authorization": f"Bearer {token}"}
        async with httpx.AsyncClient(transport=transport, base_url="http://strongroom.test") as http:
            return await http.post("/graphql", json=PING, headers=headers)

    return send


def made_up(number: int) -> str:
    return f"srt_{number:043d}"


async def test_an_address_that_fails(api, post) -> None:
    """After so many failures an address is told to wait, in the header and in the error; who holds a token is served
    all the same, from that address and from every other."""
    token = await api.make_token("config:read")
    statuses = [(await post(made_up(number), "192.0.2.1")).status_code for number in range(5)]
    assert statuses == [401] * 5
    answer = await post(made_up(5), "192.0.2.1")
    assert answer.status_code == 429
    assert int(answer.headers["retry-after"]) == 12
    told = {"code": "LIMIT_EXCEEDED", "retryAfter": 12}
    assert answer.json() == {"errors": [{"message": "too many failed sign-ins", "extensions": told}]}
    assert (await post(token, "192.0.2.1")).status_code == 200
    assert (await post(made_up(6), "192.0.2.2")).status_code == 401
    assert (await post(token, "192.0.2.2")).status_code == 200


async def test_a_credential_that_fails(post) -> None:
    """One credential that fails from everywhere is limited everywhere."""
    statuses = [(await post(made_up(1), f"192.0.2.{number}")).status_code for number in range(5)]
    assert statuses == [401, 401, 401, 429, 429]


async def test_successes_are_never_limited(api, post) -> None:
    """A token that holds may sign in as often as it likes, and uses nothing up."""
    token = await api.make_token("config:read")
    assert {(await post(token, "192.0.2.1")).status_code for _ in range(30)} == {200}
    assert (await post(made_up(1), "192.0.2.1")).status_code == 401


async def test_nothing_tried_is_no_failure(post) -> None:
    """A request without any credential is refused, and not counted: it tried nothing."""
    assert {(await post(None, "192.0.2.1")).status_code for _ in range(10)} == {401}
    assert (await post(made_up(1), "192.0.2.1")).status_code == 401
