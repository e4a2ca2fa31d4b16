"""configChanged for those who were away, and at several processes."""

from typing import Any

from sqlalchemy import text

from db.authenticator import Authenticator
from db.queue import Queue
from db.sessions import Database
from gql.app import make_app, run_service
from tests.gql.live.listening import QUERY, Listener, set_port
from tests.timing import within


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
                with within(1):
                    await set_port(client, world, 9001)
                    assert [change["keys"] for change in await listener.hear_change()] == [["port"]]
            await set_port(client, world, 9002)
            async with connect_to(first, token) as socket:
                resumed = await Listener(socket).start(after=listener.cursor)
                assert [change["version"] for change in resumed.events[0]["changes"]] == [3]
    finally:
        await database.close()


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
