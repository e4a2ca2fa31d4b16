"""Equal subscriptions to configChanged share what they are told, and nobody hears by it what is not theirs."""

import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import pytest
from sqlalchemy import text

import gql.operations
from gql.documents import DocumentCache
from gql.execution import open_schema
from gql.schema import schema
from tests.gql.live.listening import QUERY, Listener, set_port, wait_until

OTHER_FIELDS = "subscription { configChanged { cursor reset more changes { keys } } }"
WITH_VARIABLE = """
subscription ($all: Boolean!) {
  configChanged { cursor reset more changes { keys version @include(if: $all) } }
}
"""


@pytest.fixture
async def port(api: Any, serve: Any) -> AsyncIterator[int]:
    async with serve(api.app, api.service.lines) as port:
        yield port


@pytest.fixture
def executed(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The events that were executed and told something."""
    run, found = gql.operations.run_event, list[Any]()

    async def run_event(executor: Any, event: Any, context: Any) -> Any:
        if event.told:
            found.append(event)
        return await run(executor, event, context)

    monkeypatch.setattr(gql.operations, "run_event", run_event)
    return found


async def listen(socket: Any, query: str, **variables: Any) -> Listener:
    listener = Listener(socket)
    await socket.subscribe("a", query, variables=variables)
    await listener.hear()
    return listener


async def test_equal_ones_are_answered_once(
    api: Any, client: Any, world: Any, port: int, connect_to: Any, executed: list[Any]
) -> None:
    """An event is executed and written once for all of the same document, filter and limits, whoever they are and
    wherever they began; and for others by itself."""
    tokens = [await api.make_token("config:resolve", name=name) for name in ("one", "two")]
    tokens.append(await api.make_token("config:resolve", organization_ids=[world.organization]))
    async with AsyncExitStack() as stack:

        async def connect(token: str, query: str, **variables: Any) -> Listener:
            return await listen(await stack.enter_async_context(connect_to(port, token)), query, **variables)

        first = await connect(tokens[0], QUERY)
        equal = [await connect(token, QUERY) for token in tokens[:2] for _ in range(5)]
        equal.append(await connect(tokens[1], QUERY, after=first.cursor))
        limited = [await connect(tokens[2], QUERY) for _ in range(2)]
        filtered = [await connect(tokens[0], QUERY, organizationIds=[world.organization]) for _ in range(2)]
        elsewhere = await connect(tokens[0], QUERY, organizationIds=[world.other])
        other = await connect(tokens[0], OTHER_FIELDS)
        await set_port(client, world, 9001)
        told = [await listener.hear_change() for listener in (first, *equal, *limited, *filtered)]
        assert all(changes == told[0] for changes in told)
        assert await other.hear_change() == [{"keys": ["port"]}]
        assert len(executed) == 4  # all, limited, filtered, other fields
        assert (await elsewhere.hear())["changes"] == []


async def test_variables_in_the_selection(api: Any, client: Any, world: Any, port: int, connect_to: Any) -> None:
    """Subscriptions of one document whose answers differ by their variables each get their own."""
    token = await api.make_token("config:resolve")
    async with connect_to(port, token) as one, connect_to(port, token) as two:
        long, short = await listen(one, WITH_VARIABLE, all=True), await listen(two, WITH_VARIABLE, all=False)
        await set_port(client, world, 9001)
        assert await long.hear_change() == [{"keys": ["port"], "version": 2}]
        assert await short.hear_change() == [{"keys": ["port"]}]


@pytest.mark.parametrize(
    ("query", "alike"),
    [
        (QUERY, True),
        (OTHER_FIELDS, True),
        (WITH_VARIABLE, False),
        (
            "subscription ($a: Boolean!) { configChanged { ...F } } fragment F on ConfigChanges { more @skip(if: $a) }",
            False,
        ),
        (
            "subscription ($a: String) { ...F } fragment F on Subscription { configChanged(after: $a) { cursor } }",
            False,
        ),
        ("query { viewer { name } }", False),
    ],
)
def test_which_are_answered_alike(query: str, alike: bool) -> None:
    """Only where no variable reaches beyond the arguments of the source; where that is not plain, nothing is shared."""
    document = DocumentCache(open_schema(schema)).open(query)
    assert document.select(None).alike is alike, json.dumps(document.errors)


async def test_limits_narrowed_meanwhile(api: Any, client: Any, world: Any, port: int, connect_to: Any) -> None:
    """A token whose limits become narrower while it listens hears no more of what is beyond them, though others, who
    began with the same rights, go on to hear it."""
    tokens = [await api.make_token("config:resolve", name=name) for name in ("narrowed", "as before")]
    async with connect_to(port, tokens[0]) as one, connect_to(port, tokens[1]) as two:
        narrowed, before = await Listener(one).start(), await Listener(two).start()
        await narrow(api, "organization_ids = ARRAY[CAST(:other AS uuid)]", other=world.other)
        await set_port(client, world, 9001)
        assert [change["organizationId"] for change in await before.hear_change()] == [world.organization]
        mapping = {"integrationId": world.integration, "organizationId": world.other, "entityId": "1"}
        await client.run("CreateMapping", input=mapping)
        assert {change["organizationId"] for change in await narrowed.hear_change()} == {world.other}


async def test_a_permission_taken_away_meanwhile(api: Any, client: Any, world: Any, port: int, connect_to: Any) -> None:
    """A token that loses config:resolve while it listens hears nothing more: its subscription ends as FORBIDDEN."""
    tokens = [await api.make_token("config:resolve", "config:read", name=name) for name in ("narrowed", "as before")]
    async with connect_to(port, tokens[0]) as one, connect_to(port, tokens[1]) as two:
        before = await Listener(two).start()
        await Listener(one).start()
        await narrow(api, "permissions = ARRAY['config:read']")
        await set_port(client, world, 9001)
        await before.hear_change()
        last = (await one.receive_all())[-1]
        assert last["type"] == "error"
        assert [error["extensions"]["code"] for error in last["payload"]] == ["FORBIDDEN"]


async def narrow(api: Any, change: str, **parameters: Any) -> None:
    """Change the token `narrowed`, and wait until the service has heard of it."""
    forgotten = api.service.authenticator._forgotten
    statement = text(f"UPDATE tokens SET {change} WHERE name = 'narrowed'")
    await api.transact(lambda transaction: transaction.session.execute(statement, parameters))
    await wait_until(lambda: api.service.authenticator._forgotten > forgotten)
