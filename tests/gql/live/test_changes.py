"""The subscription configChanged, on the real application over a real database."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import text

import gql.change_stream
import gql.changes
from db.authenticator import Authenticator
from db.change_log import Batch
from db.queue import Queue
from db.sessions import Database
from gql.app import make_app, run_service
from gql.change_stream import ChangeStream
from tests.gql.live.listening import QUERY, Listener, set_port


@pytest.fixture
async def port(api: Any, serve: Any) -> AsyncIterator[int]:
    async with serve(api.app, api.service.lines) as port:
        yield port


async def test_a_change_is_told_and_never_a_value(
    api: Any, client: Any, world: Any, port: int, connect_to: Any
) -> None:
    """A write is told by its place, key and version a moment after its commit, over a WebSocket; no value is."""
    async with connect_to(port, await api.make_token("config:resolve")) as socket:
        listener = await Listener(socket).start()
        assert listener.events == [{"cursor": listener.cursor, "reset": False, "more": False, "changes": []}]
        config = {"port": 9443, "api_key": "a-very-secret-key"}
        started = time.monotonic()
        await client.run("UpdateMapping", input={"id": world.mapping, "config": config})
        changes = await listener.hear_change()
        assert time.monotonic() - started < 1
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
        httpx.AsyncClient(timeout=5) as http,
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


async def test_who_comes_back_hears_what_was_missed(
    api: Any, client: Any, world: Any, port: int, connect_to: Any
) -> None:
    """With the last cursor everything that happened meanwhile comes at once; whoever begins anew hears none of it."""
    token = await api.make_token("config:resolve")
    async with connect_to(port, token) as socket:
        cursor = (await Listener(socket).start()).cursor
    for number in range(9001, 9004):
        await set_port(client, world, number)
    await client.run("DeleteMapping", input={"id": world.mapping})
    async with connect_to(port, token) as socket:
        listener = await Listener(socket).start(after=cursor)
        changes = listener.events[0]["changes"]
        assert [change["version"] for change in changes[:3]] == [2, 3, 4]
        assert changes[-1]["keys"] is None or changes[-2]["keys"] is None
    async with connect_to(port, token) as socket:
        assert (await Listener(socket).start()).events[0]["changes"] == []
        await socket.subscribe("b", QUERY, variables={"after": "nonsense"})
        refused = await socket.receive()
        while refused["id"] != "b":
            refused = await socket.receive()
        assert refused["payload"][0]["extensions"]["problems"] == [
            {"path": ["after"], "message": "is no cursor of this feed"}
        ]


async def test_a_cursor_that_is_too_old_is_told_so(
    api: Any, client: Any, world: Any, port: int, connect_to: Any, database: Database
) -> None:
    """A cursor from before what is kept gives one reset, not silence, and the feed goes on from there."""
    token = await api.make_token("config:resolve")
    async with connect_to(port, token) as socket:
        cursor = (await Listener(socket).start()).cursor
    await set_port(client, world, 9001)
    async with database.engine.begin() as connection:
        await connection.execute(
            text("UPDATE config_changes_pruned SET transaction_id = (SELECT max(transaction_id) FROM config_changes)")
        )
        await connection.execute(text("DELETE FROM config_changes"))
    async with connect_to(port, token) as socket:
        listener = await Listener(socket).start(after=cursor)
        assert [(event["reset"], event["changes"]) for event in listener.events] == [(True, [])]
        await set_port(client, world, 9002)
        # The process's reader may have been where the cursor was: then its reset comes, too.
        while not (event := await listener.hear())["changes"]:
            pass
        assert [change["keys"] for change in event["changes"]] == [["port"]]


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


async def test_renamed_and_deleted_integrations(api: Any, client: Any, world: Any, port: int, connect_to: Any) -> None:
    """Whoever watches a name hears that it was given up, even while away, and what becomes of that integration."""
    token = await api.make_token("config:resolve")
    async with connect_to(port, token) as socket:
        cursor = (await Listener(socket).start(integrations=[world.name])).cursor
    await client.run("UpdateIntegration", input={"id": world.integration, "name": "renamed"})
    async with connect_to(port, token) as socket:
        listener = await Listener(socket).start(integrations=[world.name], after=cursor)
        assert {change["integrationId"] for change in listener.events[0]["changes"]} == {world.integration}
        await client.run("DeleteIntegration", input={"id": world.integration})
        assert {change["integrationId"] for change in await listener.hear_change()} == {world.integration}


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
    soon = await api.make_token("config:resolve", expires_at=datetime.now(UTC) + timedelta(seconds=2))
    there = await api.make_token("config:resolve", name="there")
    async with connect_to(port, here["token"]) as a, connect_to(port, soon) as b, connect_to(port, there) as c:
        for socket in (a, b, c):
            await Listener(socket).start()
        started = time.monotonic()
        await client.run("RevokeToken", id=here["id"])
        async with database.engine.begin() as connection:
            await connection.execute(text("UPDATE tokens SET revoked_at = now() WHERE name = 'there'"))
        closed = await asyncio.gather(*(socket.wait_closed() for socket in (a, b, c)))
        assert closed == [(4403, "Forbidden")] * 3
        assert time.monotonic() - started < 4  # the expiry, a second, and what a busy machine takes


async def test_another_process_tells_it_too(
    api: Any, client: Any, world: Any, vault: Any, database_url: str, redis_url: str, serve: Any, connect_to: Any
) -> None:
    """A write that one process answered is told by every other; a cursor of one is one of the other, too."""
    token = await api.make_token("config:resolve")
    database = Database(database_url)
    try:
        async with (
            run_service(database, vault, Queue(redis_url), database_url, Authenticator()) as service,
            serve(make_app(service), service.lines) as port,
            serve(api.app, api.service.lines) as first,
        ):
            async with connect_to(port, token) as socket:
                listener = await Listener(socket).start()
                started = time.monotonic()
                await set_port(client, world, 9001)
                assert [change["keys"] for change in await listener.hear_change()] == [["port"]]
                assert time.monotonic() - started < 1
            await set_port(client, world, 9002)
            async with connect_to(first, token) as socket:
                resumed = await Listener(socket).start(after=listener.cursor)
                assert [change["version"] for change in resumed.events[0]["changes"]] == [3]
    finally:
        await database.close()


async def test_a_slow_watcher_is_ended_and_can_go_on(
    api: Any, client: Any, world: Any, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that does not keep up is ended, and hears everything when it goes on; others do not wait for it."""
    monkeypatch.setattr(gql.change_stream, "_WAITING_LIMIT", 3)
    stream: ChangeStream = api.service.changes
    async with aclosing(stream.watch(None)) as slow, aclosing(stream.watch(None)) as quick:
        cursor = (await anext(slow)).position
        await anext(quick)
        for number in range(9001, 9008):
            await set_port(client, world, number)
            while not (await anext(quick)).changes:
                pass
        with pytest.raises(gql.change_stream.LimitExceeded):
            await anext(slow)
    async with aclosing(stream.watch(cursor)) as again:
        assert [change.version for change in (await anext(again)).changes] == list(range(2, 9))


async def test_large_batches_come_in_parts(api: Any, client: Any, port: int, connect_to: Any) -> None:
    """What is missed comes in events of bounded size, and the cursor moves on with the last of them only."""
    token = await api.make_token("config:resolve")
    async with connect_to(port, token) as socket:
        cursor = (await Listener(socket).start()).cursor
    rows = "INSERT INTO config_changes (version) SELECT g FROM generate_series(1, 450) g"
    await api.transact(lambda transaction: transaction.session.execute(text(rows)))
    async with connect_to(port, token) as socket:
        listener = await Listener(socket).start(after=cursor)
        assert listener.cursor == cursor
        await listener.hear()
        assert listener.cursor == cursor
        await listener.hear()
        assert listener.cursor != cursor
        told = [(len(event["changes"]), event["more"]) for event in listener.events]
        assert told == [(200, True), (200, True), (50, False)]
        versions = [change["version"] for event in listener.events for change in event["changes"]]
        assert versions == list(range(1, 451))


async def test_one_reader_for_all_who_watch(api: Any, database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many watch, the log is read once a moment, and no more once nobody has watched for a while."""
    monkeypatch.setattr(gql.change_stream, "_PATIENCE_SECONDS", 0.1)
    monkeypatch.setattr(gql.change_stream, "POLL_SECONDS", 0.05)
    reads = 0
    read = gql.change_stream.read_batch

    async def count(*given: Any) -> Batch:
        nonlocal reads
        reads += 1
        return await read(*given)

    monkeypatch.setattr(gql.change_stream, "read_batch", count)
    stream = ChangeStream(database, lambda batch: None)
    watching = [stream.watch(None) for _ in range(20)]
    for batches in watching:
        await anext(batches)
    reads = 0
    await asyncio.sleep(0.5)
    assert 2 <= reads <= 11
    for batches in watching:
        await batches.aclose()
    await asyncio.sleep(0.3)
    reads = 0
    await asyncio.sleep(0.2)
    assert reads == 0
    async with aclosing(stream.watch(None)) as batches:
        await anext(batches)
        await anext(batches)
    await stream.stop()


async def test_without_a_database(api: Any, database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """A short time without a database is bridged; a long one ends the watching with UNAVAILABLE."""
    monkeypatch.setattr(gql.change_stream, "POLL_SECONDS", 0.02)
    monkeypatch.setattr(gql.change_stream, "_PATIENCE_SECONDS", 0.5)
    read = gql.change_stream.read_batch
    broken = False

    async def fail(*given: Any) -> Batch:
        if broken:
            raise ConnectionRefusedError
        return await read(*given)

    monkeypatch.setattr(gql.change_stream, "read_batch", fail)
    stream = ChangeStream(database, lambda batch: None)
    async with aclosing(stream.watch(None)) as batches:
        await anext(batches)
        broken = True
        await asyncio.sleep(0.2)
        broken = False
        await anext(batches)
        broken = True
        await asyncio.sleep(0.1)  # a reading that had begun
        with pytest.raises(gql.change_stream.Unavailable):
            await anext(batches)
    await stream.stop()


async def test_an_old_cursor_makes_nothing_stale(
    api: Any, client: Any, world: Any, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who brings an old cursor, as anybody may again and again, hears of changes that are long known here: nothing is
    forgotten for it that others resolve from memory. What is not known here yet is forgotten before it is told."""
    monkeypatch.setattr(gql.change_stream, "POLL_SECONDS", 60)
    told: list[Batch] = []
    stream = ChangeStream(database, told.append)
    old = (await anext(stream.watch(None))).position
    for port in (9001, 9002):
        await client.run("UpdateMapping", input={"id": world.mapping, "config": {"port": port}})
    stream.wake()
    while not any(batch.changes for batch in told):
        await asyncio.sleep(0.02)
    await asyncio.sleep(0.1)
    await client.run("UpdateMapping", input={"id": world.mapping, "config": {"port": 9003}})
    for new in (True, False, False):
        told.clear()
        async with aclosing(stream.watch(old)) as batches:
            assert len((await anext(batches)).changes) == 3
        assert [len(batch.changes) for batch in told] == [1] if new else [0]
        stream.wake()
        await asyncio.sleep(0.1)
    await stream.stop()
