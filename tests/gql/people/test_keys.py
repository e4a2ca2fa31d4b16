"""Where the keys come from that JWTs are checked with, and for how long they do."""

import time

import pytest

from db import jwks
from tests.gql.people.provider import WHO, Provider, SignIn


async def test_new_keys(provider: Provider, sign_in: SignIn, clock: list[float]) -> None:
    """A key that is new is fetched when first met; made-up key ids cannot make a flood of that."""
    assert not (await sign_in(provider.sign()).send(WHO)).errors
    assert provider.behave(listed=["first", "second"]) == 1
    for number in range(5):
        made_up = provider.sign("stranger", {"kid": f"made-up-{number}"})
        assert (await sign_in(made_up).send(WHO)).codes == ["UNAUTHENTICATED"]
    assert provider.behave() == 1
    clock[0] += jwks.PAUSE_SECONDS
    assert not (await sign_in(provider.sign("second")).send(WHO)).errors
    assert provider.behave() == 2


async def test_withdrawn_keys(provider: Provider, sign_in: SignIn, clock: list[float]) -> None:
    """A key that the provider no longer lists stops to hold once the keys are fetched again, which they are."""
    credential = provider.sign()
    assert not (await sign_in(credential).send(WHO)).errors
    provider.behave(listed=["second"])
    clock[0] += jwks.FRESH_SECONDS + 1
    until = time.monotonic() + 60
    while not (answer := await sign_in(credential).send(WHO)).errors:
        assert time.monotonic() < until
    assert answer.codes == ["UNAUTHENTICATED"]


async def test_a_silent_provider(provider: Provider, sign_in: SignIn, clock: list[float]) -> None:
    """While the provider is silent its last keys go on serving, for a day; without any, the answer is UNAVAILABLE."""
    assert (provider.behave(silent=True)) == 0
    assert (await sign_in(provider.sign()).send(WHO)).codes == ["UNAVAILABLE"]
    provider.behave(silent=False)
    clock[0] += jwks.PAUSE_SECONDS
    assert not (await sign_in(provider.sign()).send(WHO)).errors
    provider.behave(silent=True)
    clock[0] += jwks.STALE_SECONDS - 1
    assert not (await sign_in(provider.sign()).send(WHO)).errors
    assert (await sign_in(provider.sign("second")).send(WHO)).codes == ["UNAUTHENTICATED"]
    clock[0] += jwks.PAUSE_SECONDS
    assert (await sign_in(provider.sign()).send(WHO)).codes == ["UNAVAILABLE"]


@pytest.mark.parametrize("fault", ["another issuer", "redirect", "no keys", "not found"])
async def test_keys_come_from_the_provider_alone(provider: Provider, sign_in: SignIn, fault: str) -> None:
    """Discovery of another issuer, a redirect, and an answer that is no JWKS bring no keys."""
    path = {"redirect": "/moved", "no keys": "/.well-known/openid-configuration", "not found": "/nothing"}.get(fault)
    if path is None:
        provider.behave(issuer="https://elsewhere.example.com")
    settings = {} if path is None else {"jwks_url": provider.url + path}
    assert (await sign_in(provider.sign(), **settings).send(WHO)).codes == ["UNAVAILABLE"]


async def test_keys_by_url(provider: Provider, sign_in: SignIn) -> None:
    """With the URL of the keys configured, discovery is not asked."""
    provider.behave(issuer="https://elsewhere.example.com")
    assert not (await sign_in(provider.sign(), jwks_url=f"{provider.url}/jwks").send(WHO)).errors
