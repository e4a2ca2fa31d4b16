"""The direct way, which answers a resolve without the executor.

behind    how often the application behind it was asked
caller    posts bodies with an application's token
"""

from typing import Any

import pytest

from gql.direct.endpoint import Direct
from tests.gql.direct.calls import Behind, Caller
from tests.gql.kit import Api


@pytest.fixture
def remembers() -> bool:
    """Here the API resolves from memory."""
    return True


@pytest.fixture
def behind(api: Api) -> Behind:
    """Counts what the direct way passes on."""
    way: Any = api.app
    assert isinstance(way, Direct)
    way._app = Behind(way._app)
    return way._app


@pytest.fixture
async def token(api: Api) -> str:
    """A token of an application."""
    return await api.make_token("config:resolve", name="application")


@pytest.fixture
def caller(api: Api, token: str) -> Caller:
    """Calls with that token."""
    return Caller(api.http, token)
