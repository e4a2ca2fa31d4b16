"""Resolving with the SDK: what comes, what is masked, what is raised."""

import asyncio
import copy
import json
import logging
import pickle
import time
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest

from strongroom import (
    AsyncStrongroom,
    BadInput,
    Forbidden,
    NotFound,
    Source,
    Strongroom,
    Unauthenticated,
    Undecryptable,
)
from strongroom.api import AuditEventFilter

SECRET = "hunter2-hunter2"


def test_a_config_in_two_lines(client: Strongroom, place: Any) -> None:
    """A config is a mapping of plaintext values with the schema's types, and tells where each is from."""
    config = client.resolve("halo-psa", organization_id=place.organization)
    assert dict(config) == {
        "url": "https://halo.example.com",
        "api_key": SECRET,
        "port": 443,
        "extra": {"list": [1]},
    }
    assert (config.entity_id, config.entity_name) == ("42", None)
    assert (config.missing, config.unfit) == (("region",), ())
    assert config.source("api_key") is Source.OVERRIDE
    assert config.source("url") is Source.DEFAULT
    assert config.source("port") is Source.SCHEMA_DEFAULT
    assert (config.integration, config.organization) == ("halo-psa", "Northwind")
    assert (config.integration_id, config.organization_id) == (place.integration, place.organization)
    assert not config.stale
    assert config.is_secret("api_key")
    assert not config.is_secret("port")
    with pytest.raises(KeyError):
        config.source("nothing")


async def test_the_asynchronous_client_is_the_same(
    service: Any, make_token: Callable[..., str], place: Any, client: Strongroom
) -> None:
    """Both clients have the same names, and give the same."""
    async with AsyncStrongroom(service.url, token=make_token("config:resolve")) as other:
        config = await other.resolve("halo-psa", organization_id=UUID(place.organization))
        with pytest.raises(NotFound):
            await other.resolve("nothing", place.organization)
    assert config == client.resolve("halo-psa", place.organization)

    def names(kind: type) -> set[str]:
        return {name for name in dir(kind) if not name.startswith("_")}

    assert names(AsyncStrongroom) == names(Strongroom)


def test_secrets_are_masked(client: Strongroom, place: Any, caplog: pytest.LogCaptureFixture) -> None:
    """Whatever prints, logs, copies or pickles a config or a client shows neither a secret nor the token."""
    config = client.resolve("halo-psa", place.organization)
    with caplog.at_level(logging.DEBUG):
        logging.getLogger("app").warning("%s %r", config, [config])
        client.resolve("halo-psa", place.organization)
    token = client._options.token
    shown = [repr(config), str(config), f"{config}", repr({"c": config}), repr(copy.copy(config)), caplog.text]
    shown += [repr(client), repr(client._options), repr(client.__dict__), repr(copy.deepcopy(config))]
    for text in shown:
        assert SECRET not in text
        assert token not in text
    assert "'port': 443" in repr(config)
    assert "[SECRET]" in repr(config)
    with pytest.raises(TypeError, match="secrets"):
        pickle.dumps(config)
    with pytest.raises(TypeError):
        json.dumps(config)


async def test_a_reason_is_told(service: Any, admin: Strongroom, place: Any) -> None:
    """What either client is given as its reason the audit log tells of its requests, on one line; None: nothing."""
    secret = next(edge.node.id for edge in admin.api.config_list().configs.edges if edge.node.key == "api_key")
    admin.reason = "ticket 7:\nhöchste Zeit"
    admin.api.reveal(secret)
    async with AsyncStrongroom(service.url, token=service.token) as other:
        other.reason = "ticket 8"
        await other.api.reveal(secret)
        other.reason = None
        await other.api.reveal(secret)
    events = admin.api.audit_events(AuditEventFilter(config_id=secret, action="config.reveal")).audit_events.edges
    assert [edge.node.reason for edge in events] == [None, "ticket 8", "ticket 7: höchste Zeit"]


def test_nobody_changes_anothers_config(client: Strongroom, place: Any) -> None:
    """A list or an object that is taken out of a config and changed is not changed in it."""
    config = client.resolve("halo-psa", place.organization)
    config["extra"]["list"].append(2)
    assert config["extra"] == {"list": [1]}


def test_errors(service: Any, client: Strongroom, place: Any, make_token: Callable[..., str]) -> None:
    """Every refusal is an error of its own class, with what there is to know of it."""
    with pytest.raises(NotFound) as refused:
        client.resolve("halo-psa", place.other)
    assert refused.value.code == "NOT_FOUND"
    with pytest.raises(BadInput) as bad:
        client.resolve("halo-psa", "no id")
    assert [problem.path for problem in bad.value.problems] == [("organizationId",)]
    with (
        Strongroom(service.url, token=make_token("config:read")) as reader,
        pytest.raises(Forbidden, match="config:resolve"),
    ):
        reader.resolve("halo-psa", place.organization)
    with Strongroom(service.url, token="x" * 40) as stranger, pytest.raises(Unauthenticated):
        stranger.resolve("halo-psa", place.organization)
    with pytest.raises(BadInput):
        client.execute("{ nothing }")


async def test_a_secret_that_cannot_be_opened(client: Strongroom, place: Any, sql: Any) -> None:
    """The keys that cannot be opened are named."""
    await sql.execute(
        "UPDATE configs SET sealed = set_byte(sealed, length(sealed) - 1, 1 # get_byte(sealed, length(sealed) - 1))"
        " WHERE sealed IS NOT NULL"
    )
    with pytest.raises(Undecryptable) as refused:
        await asyncio.to_thread(resolve_until_refused, client, place)
    assert refused.value.keys == ["api_key"]


def resolve_until_refused(client: Strongroom, place: Any) -> None:
    """The service may answer from memory for a moment."""
    for _ in range(100):
        client.resolve("halo-psa", place.organization)
        time.sleep(0.02)
