"""The direct way: it answers what the application would, and nobody whom the application would refuse."""

import asyncio
import gc
import json
import sys
import uuid
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import text
from starlette.types import Receive, Scope, Send

from db.audit import AuditBuffer
from db.sign_ins import SignIns
from gql import direct
from gql.asked import Asked
from gql.context import open_context
from gql.direct import Direct
from gql.http import GraphQLEndpoint
from gql.schema import schema
from gql.trusted import Trust, hash_text
from tests.gql.kit import OPERATIONS, Api
from tests.gql.worlds import World
from tests.timing import within


@pytest.fixture
def remembers() -> bool:
    """Here the API resolves from memory."""
    return True


class Behind:
    """The application behind the direct way: how often it was asked."""

    def __init__(self, app: Any) -> None:
        self.times = 0
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.times += 1
        await self._app(scope, receive, send)


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


class Caller:
    """Posts bodies as an SDK client does."""

    def __init__(self, http: httpx.AsyncClient, token: str) -> None:
        self._http = http
        self._headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}

    async def post(self, body: bytes, headers: dict[str, str] | None = None) -> httpx.Response:
        return await self._http.post("/graphql", content=body, headers=self._headers | (headers or {}))

    async def warm(self, behind: Behind, body: bytes) -> httpx.Response:
        """Post until the direct way answers; the answer of the application, which every other was equal to."""
        first = await self.post(body)
        for _ in range(2_000):
            before = behind.times
            assert (await self.post(body)).content == first.content
            if behind.times == before:
                return first
            await asyncio.sleep(0.02)
        raise TimeoutError


@pytest.fixture
def caller(api: Api, token: str) -> Caller:
    """Calls with that token."""
    return Caller(api.http, token)


def ask(world: World, query: str = OPERATIONS["Resolve"], **variables: Any) -> bytes:
    given = {"integration": world.name, "organizationId": world.organization, **variables}
    return json.dumps({"query": query, "variables": given}).encode()


HEAD = "query ($integration: String!, $organizationId: ID!)"
CALL = "resolve(integration: $integration, organizationId: $organizationId)"
SELECTIONS = {
    "the contract's": OPERATIONS["Resolve"],
    "explained": OPERATIONS["ResolveExplained"],
    "another order": f"{HEAD} {{ {CALL} {{ missing config unfit entityName entityId }} }}",
    "aliases": f"{HEAD} {{ mine: {CALL} {{ a: config b: config c: entries {{ v: value k: key }} }} }}",
    "names of types": f"{HEAD} {{ {CALL} {{ __typename config organization {{ __typename id }} }} }}",
    "a fragment": f"{HEAD} {{ {CALL} {{ ...F ... {{ missing }} }} }} fragment F on ResolvedConfig {{ config }}",
    "no secret": f"{HEAD} {{ {CALL} {{ entityId integration {{ id name description createdAt updatedAt }} }} }}",
    "twice the same": f"{HEAD} {{ {CALL} {{ config }} {CALL} {{ config entityId }} }}",
}


async def test_every_selection_is_answered_as_by_the_executor(behind, caller, world) -> None:
    """Whatever is asked of a resolve, the direct way's answer is the application's, byte for byte."""
    for query in SELECTIONS.values():
        first = await caller.warm(behind, ask(world, query))
        again = await caller.post(ask(world, query))
        assert "data" in first.json()
        assert first.status_code == again.status_code == 200
        assert {**first.headers} == {**again.headers}
        assert again.headers["cache-control"] == "no-store"


SECRETS: list[Any] = [
    'say "hi"\n\t\\ ü 😀 \u007f\u2028',
    5,
    2**70,
    1.5,
    True,
    ["a", {"b": None}],
    {"x": "y"},
    "a" * 4_000,
]


async def test_a_secret_of_any_kind(client, behind, caller, world) -> None:
    """Whatever was sealed comes out of the direct way as it comes out of the executor."""
    for secret in SECRETS:
        given = {"integrationId": world.integration, "config": {"api_key": secret}}
        await client.run("SetIntegrationConfig", input=given)
        await caller.warm(behind, ask(world))
        answer = (await caller.post(ask(world))).json()
        assert answer["data"]["resolve"]["config"]["api_key"] == secret


PASSED_ON = {
    "a look-up": f"{HEAD} {{ {CALL} {{ integration {{ configSchema {{ key }} }} }} }}",
    "two roots": f"{HEAD} {{ {CALL} {{ config }} b: {CALL} {{ config }} }}",
    "a directive": f"{HEAD} {{ {CALL} {{ config @include(if: true) }} }}",
    "another query": "{ integrations { edges { node { name } } } }",
    "introspection": "{ __schema { queryType { name } } }",
}


async def test_whatever_is_more_than_a_resolve_is_passed_on(behind, caller, world) -> None:
    """What takes more than reading a resolve off is never answered on the direct way."""
    await caller.warm(behind, ask(world))
    for query in PASSED_ON.values():
        for _ in range(3):
            before = behind.times
            await caller.post(ask(world, query))
            assert behind.times == before + 1


HEADERS: list[dict[str, str]] = [
    {"origin": "https://evil.example"},
    {"content-encoding": "gzip"},
    {"content-type": "text/plain"},
    {"content-type": "application/json; charset=latin-1"},
    {"accept": "text/event-stream"},
    {"accept": "text/html"},
    {"authorization": "Basic abc"},
    {"authorization": "Bearer srt_" + "x" * 43},
    {"authorization": ""},
    {"strongroom-reason": "x" * 501},
]


async def test_a_request_that_is_not_plain_is_passed_on(behind, caller, world) -> None:
    """A request with anything unusual about it gets the application's own answer, also when its body is known."""
    expected = [await caller.post(ask(world), headers) for headers in HEADERS]
    await caller.warm(behind, ask(world))
    for headers, first in zip(HEADERS, expected, strict=True):
        before = behind.times
        again = await caller.post(ask(world), headers)
        assert behind.times == before + 1
        assert again.status_code == first.status_code
        assert again.headers["content-type"] == first.headers["content-type"]
        assert again.content == first.content


async def test_a_header_given_twice_is_passed_on(api, behind, caller, world, token: str) -> None:
    """Of two credentials none is chosen here."""
    await caller.warm(behind, ask(world))
    before = behind.times
    headers = [
        ("authorization", f"Bearer {token}"),
        ("authorization", "Bearer x"),
        ("content-type", "application/json"),
    ]
    await api.http.post("/graphql", content=ask(world), headers=headers)
    assert behind.times == before + 1


async def test_a_body_in_pieces_reaches_the_application_whole(api, behind, caller, world) -> None:
    """What the direct way has received of a request that it passes on is not lost."""
    expected = await caller.warm(behind, ask(world))
    body = ask(world)

    async def pieces() -> Any:
        for start in range(0, len(body), 40):
            yield body[start : start + 40]

    answer = await api.http.post("/graphql", content=pieces(), headers=caller._headers)
    assert answer.content == expected.content


async def test_a_revoked_token_ends_at_once(api, client, behind, caller, world) -> None:
    """Once revokeToken has answered, the direct way knows the token no more."""
    await caller.warm(behind, ask(world))
    listed = await client.run("query { tokens { edges { node { id name } } } }")
    (id,) = [edge["node"]["id"] for edge in listed["tokens"]["edges"] if edge["node"]["name"] == "application"]
    await client.run("RevokeToken", id=id)
    answer = await caller.post(ask(world))
    assert (answer.status_code, answer.json()["errors"][0]["extensions"]["code"]) == (401, "UNAUTHENTICATED")


async def test_a_token_ends_when_it_expires(api, behind, world) -> None:
    """Expiry is looked at on every request, also of a caller that is remembered."""
    soon = datetime.now(UTC) + timedelta(seconds=4)
    caller = Caller(api.http, await api.make_token("config:resolve", expires_at=soon))
    await caller.warm(behind, ask(world))
    assert datetime.now(UTC) < soon
    await asyncio.sleep((soon - datetime.now(UTC)).total_seconds() + 0.01)
    assert (await caller.post(ask(world))).status_code == 401


@pytest.mark.parametrize("change", ["permissions = '{config:read}'", "organization_ids = '{}'", "revoked_at = now()"])
async def test_a_token_changed_elsewhere_is_heard_of(behind, caller, world, sql, change: str) -> None:
    """Whatever another process changes of a token holds here within a second, though the token is remembered."""
    await caller.warm(behind, ask(world))
    await sql.execute(f"UPDATE tokens SET {change} WHERE name = 'application'")
    await refused_within_a_second(caller, world)


async def test_an_emptied_table_of_tokens_is_heard_of(behind, caller, world, sql) -> None:
    """TRUNCATE too."""
    await caller.warm(behind, ask(world))
    await sql.execute("TRUNCATE tokens CASCADE")
    await refused_within_a_second(caller, world)


async def refused_within_a_second(caller: Caller, world: World) -> None:
    with within(1):
        async with asyncio.timeout(60):
            while "errors" not in (await caller.post(ask(world))).json():
                await asyncio.sleep(0.01)


async def test_without_the_change_feed_a_token_is_asked_for_again(behind, caller, world, sql, monkeypatch) -> None:
    """While the feed is cut, a token that is revoked elsewhere ends within a second all the same."""
    await caller.warm(behind, ask(world))
    monkeypatch.setattr("db.changes._RETRY_SECONDS", 60)
    await sql.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%strongroom_pulse%' "
        "AND pid <> pg_backend_pid() AND datname = current_database()"
    )
    await sql.execute("UPDATE tokens SET revoked_at = now() WHERE name = 'application'")
    await refused_within_a_second(caller, world)


@pytest.mark.parametrize("options", [{"permissions": ["config:read"]}, {"organization": True}, {"integration": True}])
async def test_the_gate_is_asked_for_every_caller(api, behind, caller, client, world, options: dict[str, Any]) -> None:
    """That somebody else was answered opens nothing: permission and both limits are asked each time."""
    await client.run("CreateIntegration", input={"name": "other", "configSchema": []})
    await caller.warm(behind, ask(world))
    other = await api.make_token(
        *options.get("permissions", ["config:resolve"]),
        organization_ids=[world.other] if "organization" in options else None,
        integrations=["other"] if "integration" in options else None,
    )
    code = "FORBIDDEN" if "permissions" in options else "NOT_FOUND"
    for _ in range(3):
        answer = await Caller(api.http, other).post(ask(world))
        assert [error["extensions"]["code"] for error in answer.json()["errors"]] == [code]
        assert "the-default-key" not in answer.text


async def test_nothing_is_answered_that_cannot_be_recorded(api, behind, caller, world, monkeypatch) -> None:
    """Once too many wait for their record, the direct way answers no more, and the application says why."""
    await caller.warm(behind, ask(world))
    monkeypatch.setattr(AuditBuffer, "full", True)
    assert (await caller.post(ask(world))).json()["errors"][0]["extensions"]["code"] == "UNAVAILABLE"


async def test_each_answer_is_on_record(api, behind, caller, world, sql) -> None:
    """Every resolve counts, whichever way it was answered; who, where and why tell one event from another."""
    await api.service.audit.stop()
    await caller.warm(behind, ask(world))
    await api.service.audit.flush()
    before = await sql.fetchval("SELECT sum(times) FROM audit_log WHERE action = 'config.resolve'")
    for _ in range(20):
        await caller.post(ask(world))
    for reason in ("nightly", "nightly", "by hand"):
        await caller.post(ask(world), {"strongroom-reason": reason})
    await caller.post(ask(world, f"{HEAD} {{ {CALL} {{ entityId }} }}"))
    await api.service.audit.flush()
    rows = await sql.fetch(
        "SELECT * FROM audit_log WHERE action = 'config.resolve' ORDER BY at DESC, reason NULLS LAST LIMIT 3"
    )
    counted = {row["reason"]: row["times"] for row in rows}
    assert counted == {None: 21, "nightly": 2, "by hand": 1}
    assert sum(counted.values()) == 24
    assert before >= 1
    assert {tuple(row["keys"]) for row in rows} == {("api_key",)}
    assert {row["organization_id"] for row in rows} == {uuid.UUID(world.organization)}


async def test_a_new_address_is_on_record(api, behind, caller, world, token: str) -> None:
    """Who calls from where is recorded on the direct way as on any other: once for each caller and address."""
    sign_ins = api.service.authenticator._sign_ins = SignIns(api.service.database, api.service.vault.audit)
    await caller.warm(behind, ask(world))
    before = behind.times
    elsewhere = httpx.ASGITransport(app=api.app, client=("192.0.2.9", 5))
    async with httpx.AsyncClient(transport=elsewhere, base_url="http://strongroom.test") as http:
        for _ in range(3):
            await Caller(http, token).post(ask(world))
    assert behind.times == before
    assert [address for _, address in sign_ins._seen] == ["127.0.0.1", "192.0.2.9"]


async def test_no_answer_is_older_than_a_write_that_was_answered(client, behind, caller, world) -> None:
    """Readers hammer the direct way while a writer writes: after its answer, the old value is never seen."""
    body = ask(world)
    await caller.warm(behind, body)
    going, seen = True, 0

    async def read() -> None:
        nonlocal seen
        while going:
            floor = written
            port = (await caller.post(body)).json()["data"]["resolve"]["config"]["port"]
            assert port >= floor
            seen += 1
            await asyncio.sleep(0.002)  # The writer is in this process too.

    written = 9_000
    await client.run("UpdateMapping", input={"id": world.mapping, "config": {"port": written}})
    readers = [asyncio.create_task(read()) for _ in range(2)]
    before = behind.times
    for port in range(9_001, 9_026):
        await client.run("UpdateMapping", input={"id": world.mapping, "config": {"port": port}})
        written = port
        await asyncio.sleep(0)
    going = False
    await asyncio.gather(*readers)
    assert behind.times - before - 25 < seen, "the direct way never answered"


async def test_a_damaged_secret_is_undecryptable(api, behind, caller, world, sql) -> None:
    """A sealed value that does not open is refused by name on the direct way too, and nothing is on record for it."""
    await caller.warm(behind, ask(world))
    await sql.execute(
        "UPDATE configs SET sealed = set_byte(sealed, 40, 255 - get_byte(sealed, 40)) WHERE sealed IS NOT NULL"
    )
    for _ in range(2_000):
        answer = (await caller.post(ask(world))).json()
        if "errors" in answer:
            break
        await asyncio.sleep(0.01)
    for _ in range(3):
        answer = (await caller.post(ask(world))).json()
        assert answer["errors"][0]["extensions"] == {"code": "UNDECRYPTABLE", "keys": ["api_key"]}


async def test_a_legacy_secret_is_answered_and_not_kept(api, behind, caller, world, sql) -> None:
    """A legacy secret in plaintext is read anew for each answer: nothing is made ready of it."""
    await sql.execute(
        "UPDATE configs SET legacy = true, sealed = NULL, data_key_id = NULL, field_id = NULL, "
        "value = '{\"value\": \"plain-legacy\"}' WHERE key = 'api_key'"
    )
    await caller.warm(behind, ask(world))
    assert (await caller.post(ask(world))).json()["data"]["resolve"]["config"]["api_key"] == "plain-legacy"
    assert len(api.service.resolver.snapshots) == 0
    kept = walk((api.app._asked, api.service.resolver.snapshots))
    assert not [found for found in kept if b"plain-legacy" in found]


def walk(root: object) -> Iterable[bytes]:
    """All text that can be reached from an object, but for modules, classes and functions' globals."""
    seen, pending = set[int](), [root]
    while pending:
        found = pending.pop()
        if id(found) in seen or isinstance(found, type | type(gc) | asyncio.AbstractEventLoop):
            continue
        seen.add(id(found))
        if isinstance(found, str | bytes):
            yield found.encode(errors="replace") if isinstance(found, str) else found
        elif callable(found) and hasattr(found, "__globals__"):
            pending.extend(cell.cell_contents for cell in getattr(found, "__closure__", None) or () if _is_filled(cell))
        else:
            pending.extend(gc.get_referents(found))


def _is_filled(cell: Any) -> bool:
    try:
        return cell.cell_contents is not None
    except ValueError:
        return False


async def test_neither_secrets_nor_tokens_nor_bodies_are_kept(api, behind, caller, world, token: str) -> None:
    """What the direct way and the snapshots keep between requests holds no secret, no token and no body."""
    await caller.warm(behind, ask(world))
    await caller.warm(behind, ask(world, OPERATIONS["ResolveExplained"]))
    await api.service.audit.flush()
    kept = list(walk((api.app, api.service.resolver.snapshots, api.service.authenticator)))
    assert [text for text in kept if b"halo.example.com" in text], "the walk finds what is kept"
    assert not [text for text in kept if b"the-default-key" in text]
    assert not [text for text in kept if token.encode() in text]
    assert not [text for text in kept if b'"variables"' in text]


async def test_what_is_known_of_bodies_is_bounded(api, behind, caller, world, monkeypatch) -> None:
    """A flood of different bodies takes no more memory than so many, and the last ones are known; long ones never."""
    monkeypatch.setattr("gql.asked._REMEMBERED", 5)
    for number in range(20):
        await caller.warm(behind, ask(world, unused=number))
    assert len(api.app._asked) == 5
    before = behind.times
    for number in range(15, 20):
        await caller.post(ask(world, unused=number))
    assert behind.times == before
    for _ in range(2):
        await caller.post(ask(world, unused="x" * 5_000))
    assert behind.times == before + 2


async def test_a_snapshot_keeps_two_templates_at_most(api, behind, caller, world) -> None:
    """However many documents ask, a snapshot's memory stays within bounds; every one of them is answered."""
    for number in range(6):
        await caller.warm(behind, ask(world, f"{HEAD} {{ a{number}: {CALL} {{ config }} }}"))
    snapshot = api.service.resolver.snapshots.get(world.name, uuid.UUID(world.organization))
    assert len(snapshot.forms) == 2


async def test_a_document_that_is_gone_is_read_again(api, behind, caller, world) -> None:
    """What bodies ask for does not keep their documents: those are bounded by themselves."""
    await caller.warm(behind, ask(world))
    gc.collect()
    way: Any = api.app
    questions = way._asked._questions
    assert all(question.operation() is not None for question in questions.values())
    for question in questions.values():
        assert all(referent is not question.operation() for referent in gc.get_referents(question))


async def test_a_fault_of_the_direct_way_is_logged_and_answered(behind, caller, world, monkeypatch, caplog) -> None:
    """Whatever breaks here, the application answers, and the log has the place without its text."""
    expected = await caller.warm(behind, ask(world))

    def boom(*given: object) -> None:
        raise KeyError("the-default-key")

    monkeypatch.setattr(direct, "answer", boom)
    answer = await caller.post(ask(world))
    assert answer.content == expected.content
    assert "KeyError" in caplog.text
    assert "the-default-key" not in caplog.text


async def test_while_nobody_vouches_the_database_is_asked(api, behind, caller, world, database) -> None:
    """With the feed cut the direct way still answers, from PostgreSQL, and what it answers is what is there."""
    await caller.warm(behind, ask(world))
    api.service.resolver.snapshots.vouch = lambda moment: None
    api.service.resolver.snapshots._vouched = 0.0
    before = behind.times
    async with database.engine.begin() as raw:
        await raw.execute(text("UPDATE integration_mappings SET entity_id = 'changed'"))
    answer = (await caller.post(ask(world))).json()
    assert answer["data"]["resolve"]["entityId"] == "changed"
    assert behind.times == before


async def test_trusted_documents_stay_the_only_ones(api, world, token: str) -> None:
    """What a body asks for is learned after the application has let its document through, and never before."""
    listed = OPERATIONS["Resolve"]
    trust = Trust("only", {hash_text(listed): listed})
    asked = Asked()
    endpoint = GraphQLEndpoint(schema, open_context(api.service), None, trust=trust, learn=asked.learn)
    way = Behind(endpoint)
    transport = httpx.ASGITransport(app=Direct(way, api.service, asked))
    async with httpx.AsyncClient(transport=transport, base_url="http://strongroom.test") as http:
        caller = Caller(http, token)
        await caller.warm(way, ask(world))
        for _ in range(3):
            answer = await caller.post(ask(world, f"{HEAD} {{ {CALL} {{ config }} }}"))
            assert answer.json()["errors"][0]["extensions"]["code"] == "FORBIDDEN"
    assert len(asked) == 1


async def test_a_body_that_breaks_off_is_not_taken_for_another(api, behind, caller, world) -> None:
    """A client that hangs up after the beginning of its body, which is a body that is known, is answered nothing, and
    nothing is on record for it."""
    await caller.warm(behind, ask(world))
    await api.service.audit.flush()
    headers = [(name.encode(), value.encode()) for name, value in caller._headers.items()]
    scope = {"type": "http", "method": "POST", "path": "/graphql", "headers": headers, "client": ("10.1.1.1", 1)}
    messages = [
        {"type": "http.request", "body": ask(world), "more_body": True},
        {"type": "http.disconnect"},
    ]
    sent: list[Any] = []

    async def receive() -> Any:
        return messages.pop(0)

    async def send(message: Any) -> None:
        sent.append(message)

    await api.app({**scope, "query_string": b"", "root_path": "", "http_version": "1.1"}, receive, send)
    assert sent == []
    assert api.service.audit._done == 0


async def test_templates_together_weigh_no_more_than_their_snapshot(api, client, behind, caller, world) -> None:
    """Documents that ask for one thing many times have no more kept for them than the snapshot's own weight."""
    config = {"url": "https://halo.example.com/" + "x" * 20_000}
    await client.run("SetIntegrationConfig", input={"integrationId": world.integration, "config": config})
    for aliases in (2, 6):
        fields = " ".join(f"c{alias}: config" for alias in range(aliases))
        await caller.warm(behind, ask(world, f"{HEAD} {{ {CALL} {{ {fields} }} }}"))
    snapshot = api.service.resolver.snapshots.get(world.name, uuid.UUID(world.organization))
    assert 0 < sum(len(piece) for form in snapshot.forms.values() for piece in form.pieces) <= snapshot.weight


@pytest.mark.parametrize(
    "default",
    ["x" * 50_000, "\U0001f511" * 12_000, [[] for _ in range(15_000)], [{} for _ in range(15_000)], [1234] * 10_000],
    ids=["long", "wide", "lists", "objects", "numbers"],
)
async def test_a_snapshot_weighs_what_it_holds(api, client, behind, caller, world, default: Any) -> None:
    """Whatever a schema's default or a stored value is, and wherever it stands: what it takes in memory is counted."""
    kind = "STRING" if isinstance(default, str) else "JSON"
    field = {"key": "large", "type": kind, "default": default}
    made = await client.run("CreateIntegration", input={"name": "large", "configSchema": [field]})
    integration = made["createIntegration"]["integration"]["id"]
    given = {"integrationId": integration, "organizationId": world.organization, "entityId": "1"}
    await client.run("CreateMapping", input=given)
    for config in ({}, {"large": default}):
        if config:
            await client.run("SetIntegrationConfig", input={"integrationId": integration, "config": config})
        snapshot = None
        while snapshot is None:  # What is not vouched for any more is forgotten.
            await caller.warm(behind, ask(world, integration="large"))
            snapshot = api.service.resolver.snapshots.get("large", uuid.UUID(world.organization))
        held = sum(map(weigh_object, (entry.value for entry in snapshot.entries)))
        made_ready = sum(len(piece) for form in snapshot.forms.values() for piece in form.pieces)
        assert held + made_ready <= snapshot.weight


def weigh_object(value: Any) -> int:
    """Bytes of a JSON value in memory."""
    items = value if isinstance(value, list) else []
    return sys.getsizeof(value) + sum(map(weigh_object, items))


async def test_a_document_that_is_not_for_everybody_is_passed_on(behind, caller, world) -> None:
    """Whether a document may ask for the schema is decided for each caller, also when it runs another operation."""
    query = OPERATIONS["Resolve"] + " query Other { __schema { queryType { name } } }"
    body = json.dumps(json.loads(ask(world, query)) | {"operationName": "Resolve"}).encode()
    for _ in range(3):
        before = behind.times
        assert (await caller.post(body)).json()["data"]["resolve"]
        assert behind.times == before + 1
