"""The subscription configChanged, on the real application over a real database."""

import asyncio
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import text

import gql.change_stream
import gql.changes
from db.sessions import Database
from tests.gql.live.listening import QUERY, Listener, set_port
from tests.timing import within


async def test_a_change_is_told_and_never_a_value(
    api: Any, client: Any, world: Any, port: int, connect_to: Any
) -> None:
    """A write is told by its place, key and version a moment after its commit, over a WebSocket; no value is."""
    async with connect_to(port, await api.make_token("config:resolve")) as socket:
        listener = await Listener(socket).start()
        assert listener.events == [{"cursor": listener.cursor, "reset": False, "more": False, "changes": []}]
        config = {"port": 9443, "api_key": "a-very-secret-key"}
        with within(1):
            await client.run("UpdateMapping", input={"id": world.mapping, "config": config})
            changes = await listener.hear_change()
        told = {key for change in changes for key in change["keys"]}
        while told != {"api_key", "port"}:
            changes += await listener.hear_change()
            told = {key for change in changes for key in change["keys"]}
        assert {(change["integrationId"], change["integration"], change["organizationId"]) for change in changes} == {
            (world.integration, world.name, world.organization)
        }
        assert max(change["version"] for change in changes) == 2
        assert "secret" not in str(listener.events)
        assert "9443" not in str([event["changes"] for event in listener.events])


async def test_server_sent_events(api: Any, client: Any, world: Any, port: int) -> None:
    """The same comes as server-sent events."""
    headers = {"authorization": f"Bearer {await api.make_token('config:resolve')}", "accept": "text/event-stream"}
    async with (
        httpx.AsyncClient(timeout=60) as http,
        http.stream("POST", f"http://127.0.0.1:{port}/graphql", json={"query": QUERY}, headers=headers) as response,
    ):
        lines = response.aiter_lines()
        async for line in lines:
            if line.startswith("data: "):
                break
        await set_port(client, world, 9001)
        async for line in lines:
            if '"changes":[{' in line:
                assert '"keys":["port"]' in line
                return


async def test_a_quiet_feed_is_alive(api: Any, port: int, connect_to: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Though nothing changes, a watcher hears so again and again, with a cursor that moves on."""
    monkeypatch.setattr(gql.changes, "BEAT_SECONDS", 0.1)
    async with connect_to(port, await api.make_token("config:resolve")) as socket:
        listener = await Listener(socket).start()
        first = listener.cursor
        await api.transact(lambda transaction: transaction.session.scalar(text("SELECT pg_current_xact_id()")))
        for _ in range(4):
            assert (await listener.hear())["changes"] == []
        assert listener.cursor != first


@pytest.mark.parametrize(
    ("variables", "heard"),
    [
        ({"integrations": ["halo-psa"]}, True),
        ({"integrations": ["other"]}, False),
        ({"integrations": []}, False),
        ({"organizationIds": "own"}, True),
        ({"organizationIds": "other"}, False),
        ({"integrations": ["halo-psa", "x"], "organizationIds": "own"}, True),
    ],
)
async def test_only_what_is_asked_for(
    api: Any, client: Any, world: Any, port: int, connect_to: Any, variables: dict[str, Any], heard: bool
) -> None:
    """A subscription to some integrations or organizations hears of them, and of what concerns all, and no more."""
    given = dict(variables)
    if "organizationIds" in given:
        given["organizationIds"] = [world.organization if given["organizationIds"] == "own" else world.other]
    async with connect_to(port, await api.make_token("config:resolve")) as socket:
        listener = await Listener(socket).start(**given)
        await set_port(client, world, 9001)
        await api.transact(lambda transaction: transaction.session.execute(text("TRUNCATE integration_mappings")))
        changes = await listener.hear_change()
        while changes[-1]["integrationId"] is not None:
            changes += await listener.hear_change()
        assert (["port"] in [change["keys"] for change in changes]) is heard


async def test_limited_tokens_hear_of_their_own(api: Any, client: Any, world: Any, port: int, connect_to: Any) -> None:
    """A token limited to an organization or an integration hears nothing of others, not even that something was."""
    made = await client.run("CreateIntegration", input={"name": "other", "configSchema": []})
    other = made["createIntegration"]["integration"]["id"]
    foreign = await api.make_token("config:resolve", organization_ids=[world.other])
    elsewhere = await api.make_token("config:resolve", integrations=["other"])
    async with connect_to(port, foreign) as one, connect_to(port, elsewhere) as two:
        listeners = [await Listener(one).start(), await Listener(two).start()]
        started = time.monotonic()
        await set_port(client, world, 9001)
        for listener in listeners:
            # The next that comes is the beat.
            assert (await listener.hear())["changes"] == []
            assert time.monotonic() - started > gql.changes.BEAT_SECONDS / 2
        mapping = {"integrationId": other, "organizationId": world.other, "entityId": "1"}
        await client.run("CreateMapping", input=mapping)
        for listener in listeners:
            assert {change["organizationId"] for change in await listener.hear_change()} == {world.other}
        await client.run("SetIntegrationConfig", input={"integrationId": world.integration, "config": {"port": 1}})
        assert {change["organizationId"] for change in await listeners[0].hear_change()} == {None}


@pytest.mark.parametrize(
    ("permissions", "variables", "code"),
    [
        (["config:read"], {}, "FORBIDDEN"),
        (["config:resolve"], {"after": "x"}, "BAD_USER_INPUT"),
        (["config:resolve"], {"organizationIds": ["x"]}, "BAD_USER_INPUT"),
        (["config:resolve"], {"integrations": ["x"] * 501}, "BAD_USER_INPUT"),
    ],
)
async def test_refusals(api: Any, port: int, connect_to: Any, permissions: Any, variables: Any, code: str) -> None:
    """Without config:resolve, or with arguments that are none, there are no events."""
    async with connect_to(port, await api.make_token(*permissions)) as socket:
        await socket.subscribe("a", QUERY, variables=variables)
        [refused] = await socket.receive_all()
        assert refused["payload"][0]["extensions"]["code"] == code


async def test_revoked_and_expired_tokens(
    api: Any, client: Any, port: int, connect_to: Any, database: Database
) -> None:
    """A token revoked here or elsewhere, or expired, hears no more within a second."""
    made = await client.run("CreateToken", input={"name": "x", "permissions": ["config:resolve"]})
    here = made["createToken"]
    expiry = datetime.now(UTC) + timedelta(seconds=5)
    soon = await api.make_token("config:resolve", expires_at=expiry)
    there = await api.make_token("config:resolve", name="there")
    async with connect_to(port, here["token"]) as a, connect_to(port, soon) as b, connect_to(port, there) as c:
        for socket in (a, b, c):
            await Listener(socket).start()
        with within(1):
            await client.run("RevokeToken", id=here["id"])
            async with database.engine.begin() as connection:
                await connection.execute(text("UPDATE tokens SET revoked_at = now() WHERE name = 'there'"))
            closed = await asyncio.gather(a.wait_closed(), c.wait_closed())
        with within((expiry - datetime.now(UTC)).total_seconds() + 1):
            closed.append(await b.wait_closed())
        assert closed == [(4403, "Forbidden")] * 3
