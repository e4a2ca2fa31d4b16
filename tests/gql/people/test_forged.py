"""Which JWTs hold, and which do not."""

import time
from collections.abc import Callable

import pytest

from db.errors import Unauthenticated
from db.jwks import KeySet
from db.oidc import Oidc
from db.people import People
from tests.gql.people.provider import AUDIENCE, TOLD, WHO, Provider, SignIn, confuse, exchange, forge, now

FAULTS: dict[str, Callable[[Provider], str]] = {
    "wrong issuer": lambda provider: provider.sign(iss="https://elsewhere.example.com"),
    "issuer with a slash more": lambda provider: provider.sign(iss=provider.url + "/"),
    "no issuer": lambda provider: provider.sign(iss=None),
    "wrong audience": lambda provider: provider.sign(aud="another"),
    "no audience": lambda provider: provider.sign(aud=None),
    "expired": lambda provider: provider.sign(exp=now(-31)),
    "without an end": lambda provider: provider.sign(exp=None),
    "an end that is no time": lambda provider: provider.sign(exp=10**30),
    "not yet valid": lambda provider: provider.sign(nbf=now(60)),
    "issued in the future": lambda provider: provider.sign(iat=now(60)),
    "without a subject": lambda provider: provider.sign(sub=None),
    "unknown key": lambda provider: provider.sign("stranger", {"kid": "nobody"}),
    "another key under a known id": lambda provider: provider.sign("stranger", {"kid": "first"}),
    "a key that is not listed": lambda provider: provider.sign("second"),
    "a weak key": lambda provider: provider.sign("weak"),
    "a key for encrypting": lambda provider: provider.sign("encrypting"),
    "an algorithm that is not configured": lambda provider: provider.sign("first", {"alg": "PS256"}),
    "a key of another algorithm": lambda provider: provider.sign("curve", {"alg": "ES256"}),
    "an algorithm of another key": lambda provider: provider.sign("first", {"alg": "RS384"}),
    "critical extension": lambda provider: forge(
        provider, {"alg": "RS256", "kid": "first", "crit": ["exp"], "exp": 1}, provider.sign_anything
    ),
    "none": lambda provider: forge(provider, {"alg": "none"}, lambda _: b""),
    "None": lambda provider: forge(provider, {"alg": "None", "kid": "first"}, lambda _: b""),
    "no algorithm": lambda provider: forge(provider, {"kid": "first"}, lambda _: b""),
    "algorithm of a wrong type": lambda provider: forge(provider, {"alg": ["RS256"], "kid": "first"}, lambda _: b""),
    "key id of a wrong type": lambda provider: forge(provider, {"alg": "RS256", "kid": {"a": 1}}, lambda _: b""),
    "public key as a symmetric one": lambda provider: confuse(provider, "HS256"),
    "its own key": lambda provider: forge(provider, {"alg": "RS256", "jwk": provider.jwks()[0]}, lambda _: b"x"),
    "signature cut": lambda provider: provider.sign().rpartition(".")[0] + ".",
    "claims exchanged": lambda provider: exchange(provider.sign(permissions=[]), provider.sign()),
    "claims that nest deeply": lambda provider: forge(
        provider, {"alg": "RS256", "kid": "first"}, provider.sign_anything, "[" * 9_000
    ),
    "claims that are no object": lambda provider: forge(
        provider, {"alg": "RS256", "kid": "first"}, provider.sign_anything, "7"
    ),
    "not base64": lambda _: "eyJ.é.x",
    "empty parts": lambda _: "eyJ..",
    "too long": lambda provider: provider.sign(filler="x" * 20_000),
}


async def test_a_jwt_that_does_not_hold(provider: Provider, sign_in: SignIn) -> None:
    """Whatever is wrong with a JWT, the answer is the same: UNAUTHENTICATED, without detail."""
    provider.behave(listed=["first", "curve", "weak", "encrypting"])
    assert not (await sign_in(provider.sign()).send(WHO)).errors
    person, told = sign_in(None), {}
    for fault, make in FAULTS.items():
        person._headers = {"authorization": f"Bearer {make(provider)}".encode("latin-1")}
        answer = await person.post({"query": WHO})
        told[fault] = (answer.status, answer.text)
    assert told == dict.fromkeys(FAULTS, (401, TOLD))


async def test_what_anything_signed_would_open(provider: Provider, sign_in: SignIn) -> None:
    """The forged ones above fail for their fault, not for how they are forged: without one, such a JWT opens."""
    fitting = forge(provider, {"alg": "RS256", "kid": "first"}, provider.sign_anything)
    assert not (await sign_in(fitting).send(WHO)).errors


async def test_no_credential(sign_in: SignIn) -> None:
    """Without any credential the answer is the same."""
    assert (await sign_in(None).post({"query": WHO})).text == TOLD


@pytest.mark.parametrize(("key", "algorithm"), [("second", "PS256"), ("curve", "ES256"), ("edwards", "EdDSA")])
async def test_other_algorithms(provider: Provider, sign_in: SignIn, key: str, algorithm: str) -> None:
    """Every algorithm that is configured works with its kind of key."""
    provider.behave(listed=[key])
    person = sign_in(provider.sign(key, {"alg": algorithm}), algorithms=("RS256", algorithm))
    assert not (await person.send(WHO)).errors


async def test_a_single_key_needs_no_id(provider: Provider, sign_in: SignIn) -> None:
    """A JWT without a key id is checked with the provider's only key; where it has several, it does not hold."""
    credential = provider.sign(header={"kid": None})
    assert not (await sign_in(credential).send(WHO)).errors
    provider.behave(listed=["first", "second"])
    assert (await sign_in(credential, leeway=31).send(WHO)).codes == ["UNAUTHENTICATED"]


async def test_leeway(provider: Provider, sign_in: SignIn) -> None:
    """Clocks may differ by the leeway, and by no more."""
    late = provider.sign(exp=now(-10))
    assert not (await sign_in(late).send(WHO)).errors
    assert (await sign_in(late, leeway=5).send(WHO)).codes == ["UNAUTHENTICATED"]


async def test_the_refusal_carries_nothing(provider: Provider, database) -> None:
    """The exception has neither cause nor context: nothing of the JWT can be logged by way of it."""
    people = People(Oidc(provider.url, (AUDIENCE,)))
    with pytest.raises(Unauthenticated) as caught:
        await people.identify(database, provider.sign(exp=now(-90)))
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


async def test_a_jwt_that_is_too_old(provider: Provider, sign_in: SignIn) -> None:
    """With a maximum age a JWT holds for so long after it was issued, whatever its own end says, and one that does not
    say when it was issued never does; without one its own end counts alone."""
    for iat, answered in ((-500, True), (-620, True), (-640, False), (None, False)):
        jwt = provider.sign(exp=now(100_000), iat=None if iat is None else now(iat))
        assert ((await sign_in(jwt, max_age=600).post({"query": WHO})).text != TOLD) is answered
        assert (await sign_in(jwt).post({"query": WHO})).text != TOLD
    assert (await sign_in(provider.sign(exp=now(-31), iat=now(-100)), max_age=600).post({"query": WHO})).text == TOLD


async def test_a_line_of_a_jwt_that_grows_too_old(api, provider: Provider, sign_in: SignIn) -> None:
    """The age is looked at again at every request: it is the caller's expiry."""
    jwt = provider.sign(exp=now(100_000), iat=now(-100))
    oidc = Oidc(issuer=provider.url, audience=(AUDIENCE,), max_age=600)
    person = await People(oidc, KeySet(oidc)).identify(api.service.database, jwt)
    assert person.expires_at is not None
    assert 528 <= person.expires_at.timestamp() - time.time() <= 532
