"""People sign in with JWTs of an OpenID Connect provider: a process of its own, which oidc_server.py is.

provider    signs JWTs
clock       what the key set takes for the time
sign_in     `sign_in(jwt, **settings)`: a client of the API with these settings of the provider
"""

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from db.authenticator import Authenticator
from db.jwks import KeySet
from db.oidc import Oidc
from db.people import People
from gql.app import make_app
from tests.gql.people.provider import AUDIENCE, Provider, SignIn
from tests.processes import started

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="session")
def process() -> Iterator[Provider]:
    command = [sys.executable, "-m", "tests.gql.people.oidc_server"]
    with started(command, seconds=None, cwd=ROOT, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        yield Provider(server.stdout.readline().strip())


@pytest.fixture
def provider(process: Provider) -> Provider:
    """The provider, behaving."""
    process.behave(listed=["first"], silent=False, issuer=None, reads=0)
    return process


@pytest.fixture
def clock() -> list[float]:
    """What the key set takes for the time."""
    return [1000.0]


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
