"""The code flow behind the console's sign-in: what it asks the provider, and what it refuses."""

import base64
import hashlib
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from starlette.applications import Starlette

from db.authenticator import Authenticator
from db.code_flow import CodeFlow
from db.oidc import read_oidc
from db.people import People
from db.throttle import Throttle
from gql.console_sign_in import list_sign_in_routes
from tests.console.provider import CLIENT, Provider

RETURN = "http://strongroom.test/console/signed-in"
START = {"state": "s" * 43, "challenge": "c" * 43, "return": RETURN}


@pytest.fixture
def provider() -> Iterator[Provider]:
    with Provider() as provider:
        yield provider


@pytest.fixture
async def http(api, provider: Provider) -> AsyncIterator[httpx.AsyncClient]:
    """The routes alone, with people of this provider."""
    oidc = read_oidc(provider.settings)
    assert oidc is not None
    people = People(oidc)
    service = replace(api.service, authenticator=Authenticator(people))
    transport = httpx.ASGITransport(app=Starlette(routes=list_sign_in_routes(service, CodeFlow(oidc))))
    async with httpx.AsyncClient(transport=transport, base_url="http://strongroom.test") as http:
        yield http
    people.close()


async def test_the_way_to_the_provider(http: httpx.AsyncClient, provider: Provider) -> None:
    """The page is sent to the provider with what PKCE asks for; the answer is never kept."""
    assert (await http.get("/console/sign-in/options")).json() == {"people": True}
    answer = await http.get("/console/sign-in/start", params=START)
    assert (answer.status_code, answer.headers["cache-control"]) == (302, "no-store")
    url = urlsplit(answer.headers["location"])
    assert f"{url.scheme}://{url.netloc}{url.path}" == f"{provider.url}/authorize"
    assert {name: values[0] for name, values in parse_qs(url.query).items()} == {
        "response_type": "code",
        "client_id": CLIENT,
        "redirect_uri": RETURN,
        "scope": "openid profile",
        "state": START["state"],
        "code_challenge": START["challenge"],
        "code_challenge_method": "S256",
    }


@pytest.mark.parametrize(
    "change",
    [
        {"return": "https://evil.example.com/console/signed-in"},
        {"return": "http://strongroom.test/elsewhere"},
        {"return": "javascript:alert(1)"},
        {"return": ""},
        {"state": "short"},
        {"challenge": "c" * 43 + "\n"},
    ],
)
async def test_the_way_leads_back_here_only(http: httpx.AsyncClient, change: dict[str, str]) -> None:
    """Nobody is sent to the provider to come back elsewhere, nor with what is no challenge."""
    assert (await http.get("/console/sign-in/start", params=START | change)).status_code == 400


async def test_a_code_is_worth_a_token(http: httpx.AsyncClient, provider: Provider) -> None:
    """A code and its verifier give the JWT that signs in, once; without the verifier it is worth nothing."""
    verifier = "v" * 43
    digest = hashlib.sha256(verifier.encode()).digest()
    challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
    for given, status in (("w" * 43, 401), (verifier, 200)):
        provider.challenges["code-1"] = challenge
        body = {"code": "code-1", "verifier": given, "return": RETURN}
        answer = await http.post("/console/sign-in/token", json=body)
        assert answer.status_code == status
        assert answer.headers["cache-control"] == "no-store"
    assert answer.json()["token"].startswith("eyJ")
    again = await http.post("/console/sign-in/token", json=body)
    assert again.status_code == 401
    renewed = await http.post("/console/sign-in/token", json={"refreshToken": answer.json()["refreshToken"]})
    assert renewed.json()["token"].startswith("eyJ")


async def test_what_is_worth_nothing_counts_as_a_failed_sign_in(api, provider: Provider) -> None:
    """Codes and refresh tokens that are worth nothing are failed sign-ins: past its limit, an address is told
    to wait."""
    oidc = read_oidc(provider.settings)
    assert oidc is not None
    service = replace(api.service, authenticator=Authenticator(None, Throttle(3, 100)))
    transport = httpx.ASGITransport(app=Starlette(routes=list_sign_in_routes(service, CodeFlow(oidc))))
    answers: list[httpx.Response] = []
    async with httpx.AsyncClient(transport=transport, base_url="http://strongroom.test") as http:
        for number in range(5):
            made_up = {"code": f"made-up-{number}", "verifier": "v" * 43, "return": RETURN}
            body = made_up if number % 2 else {"refreshToken": f"made-up-{number}"}
            answers.append(await http.post("/console/sign-in/token", json=body))
    assert [answer.status_code for answer in answers] == [401, 401, 401, 429, 429]
    assert int(answers[-1].headers["retry-after"]) > 0


async def test_what_is_no_request_of_the_console(http: httpx.AsyncClient) -> None:
    """Forms, other shapes and long bodies are refused before the provider hears of them."""
    form = {"content-type": "application/x-www-form-urlencoded"}
    assert (await http.post("/console/sign-in/token", content="{}", headers=form)).status_code == 400
    for body in ("[]", "null", "{", '{"refreshToken": 7}', '{"code": "c"}', '"' + "x" * 20_000 + '"'):
        answer = await http.post("/console/sign-in/token", content=body, headers={"content-type": "application/json"})
        assert answer.status_code == 400, body[:40]


async def test_a_provider_that_is_gone(http: httpx.AsyncClient, provider: Provider) -> None:
    """While the provider does not answer, that is told, and no more."""
    provider.__exit__()
    answer = await http.get("/console/sign-in/start", params=START)
    assert answer.status_code == 503
    assert answer.json()["errors"][0]["extensions"]["code"] == "UNAVAILABLE"


async def test_without_a_client(api) -> None:
    """Where the settings name no client, there is no such way in."""
    transport = httpx.ASGITransport(app=Starlette(routes=list_sign_in_routes(api.service, None)))
    async with httpx.AsyncClient(transport=transport, base_url="http://strongroom.test") as http:
        assert (await http.get("/console/sign-in/options")).json() == {"people": False}
        assert (await http.get("/console/sign-in/start", params=START)).status_code == 401
        assert (await http.post("/console/sign-in/token", json={"refreshToken": "x"})).status_code == 401
