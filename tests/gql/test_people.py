"""People sign in with JWTs of an OpenID Connect provider: a process of its own, which oidc_server.py is."""

import base64
import hashlib
import hmac
import json
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt import PyJWK
from sqlalchemy import text

from db import jwks
from db.access import Permission
from db.authenticator import Authenticator
from db.errors import Unauthenticated
from db.jwks import KeySet
from db.oidc import Oidc
from db.people import People
from gql.app import make_app

AUDIENCE = "strongroom"
WHO = "{ tokens { totalCount } }"
CONFIGS = "{ configs { totalCount edges { node { key value } } } }"
TOLD = '{"errors":[{"message":"a valid bearer token is needed","extensions":{"code":"UNAUTHENTICATED"}}]}'


@dataclass
class Provider:
    """The provider's process."""

    url: str

    def sign(self, key: str = "first", header: dict[str, Any] | None = None, **claims: Any) -> str:
        """A JWT. A claim or a header member given as None is left out."""
        now = int(time.time())
        usual = {
            "iss": self.url,
            "aud": AUDIENCE,
            "sub": "anna",
            "iat": now,
            "exp": now + 300,
            "permissions": ["*"],
            "jti": str(uuid.uuid4()),
        }
        sent = {name: value for name, value in (usual | claims).items() if value is not None}
        asked = {"claims": sent, "key": key, "header": header or {}}
        return httpx.post(f"{self.url}/token", json=asked).json()["token"]

    def sign_anything(self, text: bytes) -> bytes:
        """A signature by the first key."""
        found = httpx.post(f"{self.url}/sign", json={"text": text.decode()}).json()["signature"]
        return base64.urlsafe_b64decode(found + "==")

    def behave(self, **state: Any) -> int:
        """Change how it behaves; how often its keys have been read."""
        return httpx.post(f"{self.url}/state", json=state).json()["reads"]

    def jwks(self) -> list[dict[str, Any]]:
        return httpx.get(f"{self.url}/jwks").json()["keys"]


@pytest.fixture(scope="session")
def process() -> Iterator[Provider]:
    command = [sys.executable, str(Path(__file__).parent / "oidc_server.py")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        yield Provider(server.stdout.readline().strip())
        server.terminate()


@pytest.fixture
def provider(process: Provider) -> Provider:
    """The provider, behaving."""
    process.behave(listed=["first"], silent=False, issuer=None, reads=0)
    return process


@pytest.fixture
def clock() -> list[float]:
    """What the key set takes for the time."""
    return [1000.0]


SignIn = Callable[..., Any]


@pytest.fixture
def sign_in(api, provider: Provider, clock: list[float], client) -> SignIn:
    """`sign_in(jwt, **settings)`: a client of the API with these settings of the provider."""
    made: dict[str, Any] = {}

    def open_client(credential: str | None, **settings: Any) -> Any:
        name = repr(settings)
        if name not in made:
            oidc = Oidc(**({"issuer": provider.url, "audience": (AUDIENCE,)} | settings))
            people = People(oidc, KeySet(oidc, lambda: clock[0]))
            service = replace(api.service, authenticator=Authenticator(people))
            made[name] = type(api)(make_app(service), service, api._admin)
        return made[name].client(credential)

    return open_client


async def test_a_person_signs_in(provider: Provider, sign_in: SignIn, world) -> None:
    """A JWT of the configured provider opens what its claim says, and nothing else."""
    person = sign_in(provider.sign(permissions=["config:read"]))
    assert (await person.run(CONFIGS))["configs"]["totalCount"] == 3
    assert (await person.refused(WHO)).codes == ["FORBIDDEN"]


async def test_who_wrote_it(api, provider: Provider, sign_in: SignIn, world) -> None:
    """A write, and its audit record, name the person; the id on record is the same at every sign-in."""
    save = 'mutation { setConfig(input: {key: "k", type: STRING, value: "v"}) { config { updatedBy } } }'
    for iat in (-5, -4):
        person = sign_in(provider.sign(preferred_username="anna@example.com", iat=int(time.time()) + iat))
        assert (await person.run(save))["setConfig"]["config"]["updatedBy"] == "anna@example.com"
    async with api.service.database.read() as session:
        rows = await session.rows(text("SELECT DISTINCT token_id FROM audit_log WHERE actor = 'anna@example.com'"))
    assert len(rows) == 1


async def test_a_name_that_cannot_be_kept(provider: Provider, sign_in: SignIn) -> None:
    """A preferred name that is missing, too long or unfit is not used; such a subject does not sign in at all."""
    save = 'mutation { setConfig(input: {key: "k", type: STRING, value: "v"}) { config { updatedBy } } }'
    for name in (None, 7, "", "x" * 256, "nul\0", ["a"]):
        person = sign_in(provider.sign(preferred_username=name))
        assert (await person.run(save))["setConfig"]["config"]["updatedBy"] == "anna"
        assert (await sign_in(provider.sign(sub=name)).post({"query": WHO})).text == TOLD


def now(seconds: int) -> int:
    return int(time.time()) + seconds


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


def encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def forge(provider: Provider, header: dict[str, Any], sign: Callable[[bytes], bytes], claims: str | None = None) -> str:
    told = claims or json.dumps(
        {"iss": provider.url, "aud": AUDIENCE, "sub": "anna", "exp": now(300), "permissions": ["*"]}
    )
    signed = f"{encode(json.dumps(header).encode())}.{encode(told.encode())}"
    return f"{signed}.{encode(sign(signed.encode()))}"


def confuse(provider: Provider, algorithm: str) -> str:
    """Signed symmetrically, with the public key's PEM for a secret."""
    pem = PyJWK(provider.jwks()[0]).key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return forge(
        provider, {"alg": algorithm, "kid": "first"}, lambda signed: hmac.new(pem, signed, hashlib.sha256).digest()
    )


def exchange(one: str, other: str) -> str:
    """The claims of the other under the signature of the one."""
    header, _, signature = one.split(".")
    return f"{header}.{other.split('.')[1]}.{signature}"


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


PERMISSIONS = {
    "listed": (["config:read"], None, {Permission.CONFIG_READ}),
    "apart by spaces": ("config:read audit:read", None, {Permission.CONFIG_READ, Permission.AUDIT_READ}),
    "everything": (["*"], None, set(Permission)),
    "unknown": (["config:delete", "x"], None, set()),
    "missing": (None, None, set()),
    "no list": ({"config:read": True}, None, set()),
    "a list of anything": (["config:read", 7], None, set()),
    "a role": (["operator"], {"operator": frozenset({Permission.BACKFILL_RUN})}, {Permission.BACKFILL_RUN}),
    "no role, but a permission": (["*", "config:read"], {"operator": frozenset({Permission.BACKFILL_RUN})}, set()),
}


@pytest.mark.parametrize("case", PERMISSIONS)
async def test_permissions(provider: Provider, database, case: str) -> None:
    """A claim gives the permissions that it names, by way of the roles where there are any; missing or not of its
    form, it gives none."""
    claim, roles, expected = PERMISSIONS[case]
    oidc = Oidc(provider.url, (AUDIENCE,), roles=roles, permissions_claim="realm.roles")
    credential = provider.sign(permissions=["*"], realm={"roles": claim} if claim is not None else {})
    assert (await People(oidc).identify(database, credential)).permissions == expected


async def test_a_claim_with_dots_in_its_name(provider: Provider, database) -> None:
    """A claim is found by its whole name first, by its path only then."""
    oidc = Oidc(provider.url, (AUDIENCE,), permissions_claim="https://example.com/roles")
    credential = provider.sign("first", None, **{"https://example.com/roles": ["config:read"]})
    assert (await People(oidc).identify(database, credential)).permissions == {Permission.CONFIG_READ}


async def test_limits(provider: Provider, sign_in: SignIn, world) -> None:
    """A person limited to organizations and integrations sees theirs and what is global, as a token would."""
    claims = {"organizations_claim": "orgs", "integrations_claim": "products"}

    async def count(**given: Any) -> Any:
        answer = await sign_in(provider.sign(**given), **claims).send(CONFIGS)
        return answer.codes[0] if answer.errors else answer.data["configs"]["totalCount"]

    assert await count(orgs=[world.organization], products=["*"]) == 3
    assert await count(orgs=[world.other], products=[world.name]) == 2
    assert await count(orgs=["no id"], products=[world.name, "nothing"]) == 2
    assert await count(orgs=["*"], products=["*"]) == 3
    assert await count(orgs=["*"], products=[]) == 0
    assert await count(products=["*"]) == "FORBIDDEN"
    assert await count(orgs=["*"]) == "FORBIDDEN"
    assert await count(orgs=7, products=["*"]) == "FORBIDDEN"
    limited = sign_in(provider.sign(orgs=[world.other], products=["*"]), **claims)
    create = 'mutation { createOrganization(input: {name: "x"}) { organization { id } } }'
    assert (await limited.refused(create)).codes == ["FORBIDDEN"]


async def test_a_person_grants_tokens(provider: Provider, sign_in: SignIn, world) -> None:
    """A sign-in ends soon, a person's rights do not: a person makes tokens that last, within their own rights."""
    person = sign_in(provider.sign(permissions=["token:manage", "config:read"]))
    create = 'mutation ($p: [String!]!) { createToken(input: {name: "t", permissions: $p}) { id } }'
    made = await person.run(create, p=["config:read"])
    assert (await person.refused(create, p=["config:write"])).codes == ["FORBIDDEN"]
    listed = await person.run("{ tokens { edges { node { id createdBy } } } }")
    assert listed["tokens"]["edges"] == [{"node": {"id": made["createToken"]["id"], "createdBy": "anna"}}]


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


async def test_tokens_go_on_working(client, api, provider: Provider, sign_in: SignIn) -> None:
    """Bearer tokens work beside people."""
    token = await api.make_token("token:manage")
    assert not (await sign_in(token).send(WHO)).errors
    assert (await sign_in(f"srt_{uuid.uuid4()}{uuid.uuid4()}").send(WHO)).codes == ["UNAUTHENTICATED"]


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
