"""The tenancy matrix, tenancy.txt: every operation by every kind of caller, by id and by name."""

import base64
import json
import uuid
from collections.abc import AsyncGenerator, Awaitable, Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from sqlalchemy import text

from db.positions import Position
from db.sessions import Database
from gql.change_stream import ChangeStream, News
from gql.schema import schema

Tables = Callable[[], Awaitable[dict[str, list[str]]]]


class Row(NamedTuple):
    """One row of the table."""

    operation: str
    about: str
    expected: dict[str, str]

    @property
    def name(self) -> tuple[str, str]:
        return self.operation, self.about


def read_table() -> list[Row]:
    head, _, body = (Path(__file__).parent / "tenancy.txt").read_text().rpartition("-----\n")
    callers = head.splitlines()[-2].split()[2:]
    rows: list[Row] = []
    for line in body.splitlines():
        cells = line[48:].split()
        rows.append(Row(line[:22].strip(), line[22:48].strip(), dict(zip(callers, cells, strict=True))))
    return rows


TABLE = read_table()
CALLERS = list(TABLE[0].expected)

READ_CONFIG = "query ($id: ID!) { config(id: $id) { id key value integration { name } organization { name } } }"
CONFIGS = "query ($filter: ConfigFilter) { configs(filter: $filter) { totalCount edges { node { id } } } }"
INTEGRATION = "query ($id: ID, $name: String) { integration(id: $id, name: $name) { id name configSchema { key } } }"
INTEGRATIONS = "{ integrations { totalCount edges { node { id } } } }"
MAPPING = "query ($id: ID!) { mapping(id: $id) { id missing overrides { id value } integration { name } } }"
ORGANIZATION = "query ($id: ID!) { organization(id: $id) { id name } }"
ORGANIZATIONS = "{ organizations { totalCount edges { node { id } } } }"
TOKENS = "{ tokens { totalCount edges { node { id } } } }"
ROTATE = "mutation ($id: ID!) { rotateToken(id: $id) { id token } }"
SET_MANY = "mutation ($input: SetConfigsInput!) { setConfigs(input: $input) { configs { id } } }"
EVENTS = "query ($filter: AuditEventFilter) { auditEvents(filter: $filter) { totalCount edges { node { id } } } }"
WATCH = "subscription ($id: ID!) { backfillProgress(id: $id) { id } }"
VIEWER = "{ viewer { name permissions } }"
OVERVIEW = (
    "query ($o: ID, $i: ID) { overview(organizationId: $o, integrationId: $i) { integration { name } missing"
    " mapping { entityId } entries { key value source override { id } default { id } } } }"
)
CHANGED = "subscription { configChanged { cursor changes { keys } } }"
ROOT_KEYS = "{ rootKeys { id } }"
RUNS = "{ backfillRuns { totalCount edges { node { id } } } }"

FIELD = {"key": "token", "type": "SECRET"}
STANDALONE = {"key": "theirs", "type": "SECRET", "value": "x"}
NEW_TOKEN = {"name": "new", "permissions": ["config:read"]}

Send = tuple[str, dict[str, Any]]


def asked(at: dict[str, str]) -> dict[tuple[str, str], Send]:
    """What each row of the table sends, in the world `at`."""
    a, b, i, j = at["A"], at["B"], at["I"], at["J"]
    configs = {
        "A's override": at["override"],
        "B's override": at["b_override"],
        "A's standalone": at["standalone"],
        "A's quarantined": at["quarantined"],
        "I's default": at["default"],
        "J's default": at["j_default"],
        "global standalone": at["global"],
    }
    entity = {"entityId": "7"}
    sent: dict[tuple[str, str], Send] = {
        ("configs", "everything"): (CONFIGS, {}),
        ("configs", "of A and global"): (CONFIGS, {"filter": {"organizationId": a}}),
        ("configs", "of A only"): (CONFIGS, {"filter": {"organizationId": a, "scope": "ORGANIZATION_ONLY"}}),
        ("configs", "global only"): (CONFIGS, {"filter": {"scope": "GLOBAL_ONLY"}}),
        ("configs", "any organization's"): (CONFIGS, {"filter": {"scope": "ORGANIZATION_ONLY"}}),
        ("configs", "of I"): (CONFIGS, {"filter": {"integrationId": i}}),
        ("configs", "of J"): (CONFIGS, {"filter": {"integrationId": j}}),
        ("integration", "I by id"): (INTEGRATION, {"id": i}),
        ("integration", "I by name"): (INTEGRATION, {"name": "halo"}),
        ("integration", "J by name"): (INTEGRATION, {"name": "ninja"}),
        ("integrations", "all"): (INTEGRATIONS, {}),
        ("mapping", "A's"): (MAPPING, {"id": at["mapping"]}),
        ("mapping", "B's"): (MAPPING, {"id": at["b_mapping"]}),
        ("mapping", "J's fallback"): (MAPPING, {"id": at["fallback"]}),
        ("mappings", "all"): ("Mappings", {}),
        ("mappings", "of A"): ("Mappings", {"organizationId": a}),
        ("mappings", "of I"): ("Mappings", {"integrationId": i}),
        ("organization", "A"): (ORGANIZATION, {"id": a}),
        ("organizations", "all"): (ORGANIZATIONS, {}),
        ("overview", "of A"): (OVERVIEW, {"o": a}),
        ("overview", "of B"): (OVERVIEW, {"o": at["B"]}),
        ("overview", "of I alone"): (OVERVIEW, {"i": i}),
        ("overview", "of I for A"): (OVERVIEW, {"o": a, "i": i}),
        ("quarantine", "all"): ("Quarantine", {}),
        ("resolve", "I for A"): ("Resolve", {"integration": "halo", "organizationId": a}),
        ("resolve", "I for B"): ("Resolve", {"integration": "halo", "organizationId": b}),
        ("resolve", "J for A, by the fallback"): ("Resolve", {"integration": "ninja", "organizationId": a}),
        ("auditEvents", "all"): (EVENTS, {}),
        ("auditEvents", "of A"): (EVENTS, {"filter": {"organizationId": a}}),
        ("auditEvents", "about I"): (EVENTS, {"filter": {"integrationId": i}}),
        ("backfillProgress", "the run"): (WATCH, {"id": at["run"]}),
        ("configChanged", "from now on"): (CHANGED, {}),
        ("backfillRun", "the run"): ("BackfillProgress", {"id": at["run"]}),
        ("backfillRuns", "all"): (RUNS, {}),
        ("rootKeys", "all"): (ROOT_KEYS, {}),
        ("pauseBackfill", "the run"): ("PauseBackfill", {"id": at["run"]}),
        ("resumeBackfill", "the run"): ("ResumeBackfill", {"id": at["run"]}),
        ("cancelBackfill", "the run"): ("CancelBackfill", {"id": at["run"]}),
        ("tokens", "all"): (TOKENS, {}),
        ("viewer", "oneself"): (VIEWER, {}),
        ("rotateToken", "one limited to A"): (ROTATE, {"id": at["token"]}),
        ("rotateToken", "one without limits"): (ROTATE, {"id": at["free_token"]}),
        ("setConfigs", "A's"): (SET_MANY, {"input": {"organizationId": a, "configs": [STANDALONE]}}),
        ("setConfigs", "global"): (SET_MANY, {"input": {"configs": [STANDALONE]}}),
        ("revokeToken", "one limited to A"): ("RevokeToken", {"id": at["token"]}),
        ("revokeToken", "one without limits"): ("RevokeToken", {"id": at["free_token"]}),
    }
    inputs: dict[tuple[str, str], dict[str, Any]] = {
        ("createOrganization", "new"): {"name": "new"},
        ("deleteOrganization", "A"): {"id": a},
        ("createIntegration", "new"): {"name": "new", "configSchema": []},
        ("updateIntegration", "I"): {"id": i, "configSchema": [FIELD]},
        ("updateIntegration", "J"): {"id": j, "configSchema": [FIELD]},
        ("deleteIntegration", "I"): {"id": i},
        ("deleteIntegration", "J"): {"id": j},
        ("setIntegrationConfig", "I's defaults"): {"integrationId": i, "config": {"api_key": "x"}},
        ("setIntegrationConfig", "J's defaults"): {"integrationId": j, "config": {"token": "x"}},
        ("createMapping", "J for A"): {"integrationId": j, "organizationId": a, **entity},
        ("createMapping", "I's fallback"): {"integrationId": i, **entity},
        ("updateMapping", "A's"): {"id": at["mapping"], "config": {"port": 1}},
        ("updateMapping", "J's fallback"): {"id": at["fallback"], **entity},
        ("deleteMapping", "A's"): {"id": at["mapping"]},
        ("deleteMapping", "J's fallback"): {"id": at["fallback"]},
        ("upsertMappings", "J for A"): {"integrationId": j, "mappings": [{"organizationId": a, **entity}]},
        ("upsertMappings", "J for A and B"): {
            "integrationId": j,
            "mappings": [{"organizationId": a, **entity}, {"organizationId": b, **entity}],
        },
        ("upsertMappings", "I for A"): {"integrationId": i, "mappings": [{"organizationId": a, **entity}]},
        ("setConfig", "A's"): {"organizationId": a, "key": "theirs", "type": "SECRET", "value": "x"},
        ("setConfig", "global"): {"key": "everybody's", "type": "SECRET", "value": "x"},
        ("restoreConfig", "A's override"): {"id": at["override"], "version": 1},
        ("restoreConfig", "I's default"): {"id": at["default"], "version": 1},
        ("startBackfill", "new"): {"kind": "VERIFY"},
        ("createToken", "without limits"): NEW_TOKEN,
        ("createToken", "limited to A"): NEW_TOKEN | {"organizationIds": [a]},
        ("createToken", "limited to I"): NEW_TOKEN | {"integrations": ["halo"]},
        ("createToken", "limited to J"): NEW_TOKEN | {"integrations": ["ninja"]},
    }
    for about, id in configs.items():
        sent["config", about] = (READ_CONFIG, {"id": id})
        sent["config", f"reveal {about}"] = ("Reveal", {"id": id})
        sent["config", f"history of {about}"] = ("History", {"id": id})
        inputs["deleteConfig", about] = {"id": id}
    for (operation, about), given in inputs.items():
        sent[operation, about] = (operation[0].upper() + operation[1:], {"input": given})
    return sent


@pytest.fixture
def remembers() -> bool:
    """Here the API resolves from memory."""
    return True


@pytest.fixture(autouse=True)
def brief(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the feed of changes, which has no end, the first event is the answer."""

    async def watch(stream: ChangeStream, after: Position | None) -> AsyncGenerator[News]:
        yield News.of(await stream._read(after), after)

    monkeypatch.setattr(ChangeStream, "watch", watch)


@pytest.fixture
async def restore(estate: dict[str, str], database: Database) -> Callable[..., Awaitable[None]]:
    """Makes every table, or `only` one, what it was when the estate had just been made."""

    async def columns_of(connection: Any) -> dict[str, str]:
        rows = await connection.execute(
            text("""
            SELECT table_name, string_agg(quote_ident(column_name), ',') FROM information_schema.columns
            WHERE table_schema = 'public' AND is_generated = 'NEVER' GROUP BY 1
        """)
        )
        return dict(tuple(row) for row in rows)

    async with database.engine.begin() as connection:
        columns = await columns_of(connection)
        await connection.execute(text("CREATE SCHEMA kept"))
        for table in columns:
            await connection.execute(text(f"CREATE TABLE kept.{table} AS TABLE public.{table}"))

    async def put_back(only: str | None = None) -> None:
        async with database.engine.begin() as connection:
            await connection.execute(text("SET LOCAL session_replication_role = 'replica'"))
            for table in [only] if only else columns:
                copy = f"INSERT INTO public.{table} ({columns[table]}) SELECT {columns[table]} FROM kept.{table}"
                await connection.execute(text(f"DELETE FROM public.{table}"))
                await connection.execute(text(copy))

    return put_back


BEFORE = {
    "backfillProgress": ["running", "succeeded"],
    "startBackfill": ["running", "succeeded"],
    "resumeBackfill": ["paused"],
}
"""The states that some operations need the run to have gone through, so that they can succeed at all."""

STEP = text("UPDATE backfill_runs SET status = :status")


def judge(answer: Any) -> str:
    """The outcome, as the table writes it."""
    if answer.errors:
        code = str(answer.codes[0])
        return {"NOT_FOUND": "NF", "FORBIDDEN": "FB"}.get(code, code)
    text = json.dumps(answer.data)
    _, found, rest = text.partition('"totalCount": ')
    return rest.split(",")[0].rstrip("}") if found else "ok"


async def ask(api: Any, at: dict[str, str], caller: str, row: Row) -> Any:
    """One cell of the table, in a world that is as it was made."""
    for status in BEFORE.get(row.operation, []):
        step = {"status": status}
        await api.transact(lambda transaction, step=step: transaction.session.execute(STEP, step))
    query, variables = asked(at)[row.name]
    answer = await api.client(at[f"{caller} token"]).send(query, **variables)
    await api.service.audit.flush()
    return answer


@pytest.mark.parametrize("caller", CALLERS)
async def test_every_operation(api, estate, restore, tables: Tables, caller: str) -> None:
    """Each caller gets from every operation exactly what tenancy.txt says, and a refusal changes nothing."""
    await api.service.audit.stop()
    outcomes: dict[tuple[str, str], str] = {}
    changed: list[tuple[str, str]] = []
    before = await tables()
    for row in TABLE:
        outcomes[row.name] = judge(await ask(api, estate, caller, row))
        if row.operation in BEFORE:
            await restore(only="backfill_runs")
        after = await tables()
        if after != before:
            changed.append(row.name)
            await restore()
            api.service.authenticator.forget()
    assert outcomes == {row.name: row.expected[caller] for row in TABLE}
    refused = {row.name for row in TABLE if row.expected[caller] in ("NF", "FB")}
    assert [name for name in changed if name in refused] == []


OF_A = ["mapping", "override", "standalone", "quarantined", "token"]
HIDDEN = {
    "A": ["B", "b_mapping", "b_override", "b_quarantined", "free_token"],
    "B": ["A", "free_token", *OF_A],
    "J": ["I", "default", "global", "b_mapping", "b_override", "free_token", *OF_A],
}
"""What a caller's limits hide, by its name in the estate."""


@pytest.mark.parametrize("caller", list(HIDDEN))
async def test_hidden_is_as_if_it_did_not_exist(api, estate, caller: str) -> None:
    """What a limit hides is answered word for word like what does not exist."""
    client = api.client(estate[f"{caller} token"])
    known = {estate[name]: str(uuid.uuid4()) for name in HIDDEN[caller]} | {"halo": "nowhere"}
    if caller != "J":
        del known["halo"]
    for row in TABLE:
        if row.expected[caller] != "NF":
            continue
        query, variables = asked(estate)[row.name]
        nowhere = json.dumps(variables)
        for real, unreal in known.items():
            nowhere = nowhere.replace(f'"{real}"', f'"{unreal}"')
        assert (await client.send(query, **json.loads(nowhere))).text == (await client.send(query, **variables)).text, (
            row.name
        )


@pytest.mark.parametrize("kind", ["none", "unknown", "expired", "revoked", "malformed", "not bearer"])
async def test_callers_without_a_token_that_holds(api, estate, tables: Tables, kind: str) -> None:
    """Without a token, or with one that is unknown, expired or revoked, every operation is UNAUTHENTICATED, and
    the answer does not tell which of these it is."""
    headers = {
        "none": {},
        "unknown": {"authorization": f"Bearer srt_{'x' * 43}"},
        "expired": {"authorization": f"Bearer {estate['expired token']}"},
        "revoked": {"authorization": f"Bearer {estate['revoked token']}"},
        "malformed": {"authorization": "Bearer é\0" + "x" * 40},
        "not bearer": {"authorization": f"Basic {base64.b64encode(estate['admin token'].encode()).decode()}"},
    }[kind]
    client = api.client(None)
    client._headers = {name: value.encode("latin-1") for name, value in headers.items()}
    before = await tables()
    answers: set[tuple[int, str]] = set()
    for row in TABLE:
        query, variables = asked(estate)[row.name]
        answer = await client.send(query, **variables)
        answers.add((answer.status, answer.text))
    told = '{"errors":[{"message":"a valid bearer token is needed","extensions":{"code":"UNAUTHENTICATED"}}]}'
    assert answers == {(401, told)}
    assert await tables() == before


def test_no_operation_is_missing_from_the_table() -> None:
    """Every field of Query, Mutation and Subscription is in tenancy.txt: a new operation without its row fails here."""
    graphql = schema._schema
    assert graphql.query_type is not None
    assert graphql.mutation_type is not None
    assert graphql.subscription_type is not None
    types = (graphql.query_type, graphql.mutation_type, graphql.subscription_type)
    assert {row.operation for row in TABLE} == {name for type in types for name in type.fields}
    assert len({row.name for row in TABLE}) == len(TABLE)
