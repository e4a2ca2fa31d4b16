"""SEAL, rule by rule, and beside writers."""

import asyncio
import json
import uuid
from typing import Any

import asyncpg
import pytest
from cryptography.fernet import Fernet

from db import history
from db.audit.chain import AuditLog
from db.configs import StandaloneWrite, set_config
from db.crypto.data_keys import DataKeys
from db.crypto.legacy import LegacyKeys
from db.fields import Field
from db.integrations import update_integration
from db.models import BackfillKind, BackfillStatus
from db.runs import start_backfill
from db.stored import select_stored, stored
from db.values import ConfigType
from db.vault import Opened, Vault, open_rows
from workers.engine import Engine
from workers.outcomes import MORE_THAN_A_VALUE, UNSEALABLE
from workers.seal import Seal
from workers.standing import is_waited_for
from workers.tasks import Batch, Counts

ORGANIZATION = uuid.uuid4()
INTEGRATION = uuid.uuid4()


@pytest.fixture
async def house(sql) -> None:
    """An organization, and an integration with a field of each type, named for it."""
    await sql.execute("INSERT INTO organizations (id, name, created_by) VALUES ($1, 'o', 'test')", ORGANIZATION)
    await sql.execute("INSERT INTO integrations (id, name) VALUES ($1, 'i')", INTEGRATION)
    for kind in ConfigType:
        await add_field(sql, kind.value, kind.value)


async def add_field(sql: Any, key: str, type: str) -> None:
    statement = "INSERT INTO integration_config_schema (id, integration_id, key, type) VALUES ($1, $2, $3, $4)"
    await sql.execute(statement, uuid.uuid4(), INTEGRATION, key, type)


async def add_row(
    sql: Any, key: str, value: Any, type: str = "string", integration: uuid.UUID | None = INTEGRATION, raw: bool = False
) -> uuid.UUID:
    statement = (
        "INSERT INTO configs (id, organization_id, integration_id, key, value, config_type, updated_by) "
        "VALUES ($1, $2, $3, $4, $5, $6, 'old software')"
    )
    id = uuid.uuid4()
    text = json.dumps(value if raw else {"value": value})
    await sql.execute(statement, id, ORGANIZATION, integration, key, text, type)
    return id


async def read(database, vault, id: uuid.UUID) -> tuple[Any, Any]:
    async with database.read() as session:
        rows = [stored(row) for row in await session.rows(select_stored())]
        row = next(row for row in rows if row.id == id)
        return row, (await open_rows(session, vault, [row]))[id]


@pytest.mark.parametrize(
    ("key", "value", "kept"),
    [
        ("secret", "plain", "plain"),
        ("secret", 443, 443),
        ("secret", {"a": [1, None]}, {"a": [1, None]}),
        ("secret", False, False),
        ("int", "443", 443),
        ("int", 443.0, 443),
        ("bool", "true", True),
        ("json", '{"a": 1}', {"a": 1}),
        ("json", "text", "text"),
        ("json", 1, 1),
        ("string", "text", "text"),
        ("unknown", {"any": "thing"}, {"any": "thing"}),
    ],
)
async def test_values(house, sql, backfill, database, vault, key, value, kept):
    """Secrets of any shape are sealed; text becomes what its type calls for where that loses nothing."""
    id = await add_row(sql, key, value)
    await backfill()
    row, opened = await read(database, vault, id)
    assert isinstance(opened, Opened)
    assert json.dumps(opened.value) == json.dumps(kept)
    assert row.config_type == (key if key != "unknown" else "string")
    assert (row.legacy, row.sealed is not None) == (False, key == "secret")
    assert (row.field_id is None) == (key == "unknown")


async def test_other_shapes_of_older_software_are_wrapped(house, sql, backfill, database, vault):
    """A value that older software did not wrap is kept, and wrapped."""
    id = await add_row(sql, "json", {"a": 1}, raw=True)
    await backfill()
    row, opened = await read(database, vault, id)
    assert (row.value, opened) == ({"value": {"a": 1}}, Opened({"a": 1}))


async def test_an_unknown_key_is_left_alone_whatever_its_shape(house, sql, backfill):
    """SEAL changes nothing in the column of an unknown key, wrapped or not; it only takes the row for its own."""
    shapes = {"one": {"a": 1}, "two": "bare", "three": [], "four": {"value": "1", "note": None}}
    for key, value in shapes.items():
        await add_row(sql, key, value, raw=True)
    before = await sql.fetch("SELECT id, value::text, config_type FROM configs ORDER BY id")
    run = await backfill()
    assert (run.total, run.changed, run.quarantined) == (len(shapes), 0, 0)
    assert await sql.fetch("SELECT id, value::text, config_type FROM configs ORDER BY id") == before
    assert not await sql.fetchval("SELECT bool_or(legacy) FROM configs")


async def test_rows_of_deleted_integrations_and_standalone_secrets(house, sql, backfill, database, vault):
    """SEAL takes rows of deleted integrations and standalone secrets too."""
    await sql.execute("UPDATE integrations SET is_deleted = true")
    ids = [await add_row(sql, "secret", "a"), await add_row(sql, "alone", "b", "secret", integration=None)]
    run = await backfill()
    rows = [await read(database, vault, id) for id in ids]
    assert run.changed == 2
    assert [row.sealed is not None for row, _ in rows] == [True, True]
    assert [opened for _, opened in rows] == [Opened("a"), Opened("b")]


@pytest.mark.parametrize(("key", "value"), [("secret", ""), ("secret", None), ("int", ""), ("unknown", None)])
async def test_empty_values_go_to_the_history(house, sql, backfill, key, value):
    """A legacy null or empty value counted as absent: it is moved to the history, with that reason."""
    await add_row(sql, key, value)
    run = await backfill()
    assert (run.changed, run.quarantined) == (1, 0)
    assert await sql.fetchval("SELECT count(*) FROM configs") == 0
    assert await sql.fetchval("SELECT reason FROM config_history") == history.EMPTY


async def test_what_does_not_fit_is_quarantined_with_its_reason(house, sql, backfill, database, vault):
    """A value that does not fit its type stays as it is, and its reason does not repeat it."""
    id = await add_row(sql, "int", "many")
    run = await backfill()
    row, _ = await read(database, vault, id)
    found = await sql.fetchrow("SELECT * FROM quarantined_configs")
    assert (run.quarantined, row.legacy, row.raw) == (1, True, "many")
    assert found["run_id"] == run.id
    assert "type int" in found["reason"]
    assert "many" not in found["reason"]


async def test_a_new_key_frees_quarantined_rows(house, sql, transact, database, root_keyring, vault, see):
    """Once the lost legacy key is there, a new run seals what was quarantined for want of it."""
    key = Fernet.generate_key()
    id = await add_row(sql, "secret", Fernet(key).encrypt(b"found again").decode())
    for legacy_keys, quarantined in ((LegacyKeys([]), 1), (LegacyKeys([Fernet(key)]), 0)):
        run = await transact(lambda t: start_backfill(t, BackfillKind.SEAL))
        await Engine(database, Vault(DataKeys(root_keyring), legacy_keys, AuditLog(root_keyring))).work(run.id)
        assert (await see(run.id)).quarantined == quarantined
        assert await sql.fetchval("SELECT count(*) FROM quarantined_configs") == quarantined
    assert (await read(database, vault, id))[1] == Opened("found again")


async def test_a_value_that_cannot_be_sealed_is_quarantined(house, sql, backfill):
    """A secret nested deeper than can be opened again is quarantined, in a dry run too."""
    deep: Any = "x"
    for _ in range(300):
        deep = [deep]
    await add_row(sql, "secret", deep)
    assert (await backfill(dry_run=True)).quarantined == 1
    assert (await backfill()).quarantined == 1
    assert await sql.fetchval("SELECT reason FROM quarantined_configs") == UNSEALABLE


async def test_a_field_that_older_software_made_a_secret(house, sql, backfill, database, vault):
    """Rows and history in the clear of a field that older software turned into a secret are sealed."""
    id = await add_row(sql, "string", "was text")
    await backfill()
    assert (await read(database, vault, id))[0].sealed is None
    await sql.execute(
        "INSERT INTO config_history (id, integration_id, organization_id, key, version, config_type, value, "
        "changed_at, changed_by, reason) SELECT gen_random_uuid(), integration_id, organization_id, key, 0, "
        "config_type, value, now(), 'x', 'updated' FROM configs"
    )
    await sql.execute("UPDATE integration_config_schema SET type = 'secret' WHERE key = 'string'")
    assert (await backfill(BackfillKind.VERIFY)).quarantined == 2
    assert (await backfill(dry_run=True)).changed == 2
    assert (await backfill()).changed == 2
    row, opened = await read(database, vault, id)
    assert (row.config_type, row.value, opened) == ("secret", None, Opened("was text"))
    assert await sql.fetchval("SELECT sealed IS NOT NULL AND value IS NULL FROM config_history")
    assert (await backfill(BackfillKind.VERIFY)).status is BackfillStatus.SUCCEEDED


async def test_a_sealed_row_is_never_opened_by_a_schema_change_of_older_software(house, sql, backfill, database, vault):
    """When older software calls a secret a string, its sealed row stays sealed, and VERIFY names it."""
    id = await add_row(sql, "secret", "hush")
    await backfill()
    await sql.execute("UPDATE integration_config_schema SET type = 'string' WHERE key = 'secret'")
    run = await backfill()
    assert (run.changed, run.skipped, run.quarantined) == (0, 1, 0)
    row, opened = await read(database, vault, id)
    assert (row.config_type, row.value, opened) == ("secret", None, Opened("hush"))
    assert f"{id} is typed secret, its schema says string" in ((await backfill(BackfillKind.VERIFY)).error or "")


class Interrupted(Seal):
    """SEAL that lets somebody else in between picking a batch and locking it."""

    def __init__(self, meanwhile: Any) -> None:
        self.meanwhile = meanwhile

    async def work(self, batch: Batch) -> Counts:
        if self.meanwhile is not None:
            await self.meanwhile()
            self.meanwhile = None
        return await super().work(batch)


async def test_a_write_meanwhile_wins(house, sql, transact, database, vault, see):
    """A value written through the API between picking and locking is kept, as written."""
    id = await add_row(sql, "alone", "old", "secret", integration=None)
    wanted = StandaloneWrite(ORGANIZATION, "alone", ConfigType.SECRET, "new")
    run = await transact(lambda t: start_backfill(t, BackfillKind.SEAL))
    task = Interrupted(lambda: transact(lambda t: set_config(t, wanted)))
    await Engine(database, vault, {BackfillKind.SEAL: task}).work(run.id)
    row, opened = await read(database, vault, id)
    done = await see(run.id)
    assert (opened, row.version) == (Opened("new"), 2)
    assert (done.processed, done.changed, done.skipped) == (1, 0, 1)


@pytest.mark.parametrize("value", ["new", ""])
async def test_a_row_that_older_software_is_writing_is_waited_for(
    house, sql, database_url, transact, database, vault, see, value
):
    """What an open transaction of older software has written is sealed as it wrote it, once it has committed, beside
    the batch's other rows."""
    ids = [await add_row(sql, "secret", "old"), await add_row(sql, "alone", "other", "secret", integration=None)]
    writer = await asyncpg.connect(database_url)
    writing = writer.transaction()
    await writing.start()
    await writer.execute("UPDATE configs SET value = $1 WHERE id = $2", json.dumps({"value": value}), ids[0])
    run = await transact(lambda t: start_backfill(t, BackfillKind.SEAL))
    working = asyncio.create_task(Engine(database, vault).work(run.id))
    waits = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    while not await sql.fetchval(waits):
        await asyncio.sleep(0.01)
    await writing.commit()
    await writer.close()
    await working
    assert ((await see(run.id)).changed, (await read(database, vault, ids[1]))[1]) == (2, Opened("other"))
    if not value:
        assert await sql.fetchval("SELECT reason FROM config_history") == history.EMPTY
    else:
        row, opened = await read(database, vault, ids[0])
        assert (opened, row.legacy, row.value) == (Opened(value), False, None)


async def test_writers_and_seal_at_once(house, sql, transact, database, vault, see):
    """Every value that is written while SEAL runs is there afterwards; none is set back to its old one."""
    keys = [f"k{number}" for number in range(120)]
    for key in keys:
        await add_row(sql, key, f"old {key}", "secret", integration=None)
    run = await transact(lambda t: start_backfill(t, BackfillKind.SEAL, batch_size=5))
    engine = Engine(database, vault)

    async def write(key: str) -> None:
        await transact(lambda t: set_config(t, StandaloneWrite(ORGANIZATION, key, ConfigType.SECRET, f"new {key}")))

    working = asyncio.create_task(engine.work(run.id))
    for start in range(0, 60, 6):
        await asyncio.gather(*(write(key) for key in keys[start : start + 6]))
    await working
    while (await see(run.id)).status is BackfillStatus.RUNNING:
        # A job may leave a batch for later, as when writers held its rows: the clock rings again.
        await engine.work(run.id)
    async with database.read() as session:
        rows = [stored(row) for row in await session.rows(select_stored())]
        opened = await open_rows(session, vault, rows)
    found = {row.key: opened[row.id] for row in rows}
    assert found == {key: Opened(f"{'new' if at < 60 else 'old'} {key}") for at, key in enumerate(keys)}
    assert (await see(run.id)).status is BackfillStatus.SUCCEEDED


async def test_a_schema_change_meanwhile_holds(house, sql, transact, database, vault, see):
    """A schema change between picking and locking decides the type: what became a secret is sealed."""
    id = await add_row(sql, "string", "443")
    run = await transact(lambda t: start_backfill(t, BackfillKind.SEAL))
    fields = [Field(kind.value, ConfigType.SECRET if kind == "string" else kind) for kind in ConfigType]
    change = lambda: transact(lambda t: update_integration(t, INTEGRATION, {}, fields))  # noqa: E731
    await Engine(database, vault, {BackfillKind.SEAL: Interrupted(change)}).work(run.id)
    row, opened = await read(database, vault, id)
    assert (row.config_type, row.sealed is not None, opened) == ("secret", True, Opened("443"))


@pytest.mark.parametrize("key", ["alone", "unknown"])
async def test_a_sealed_row_whose_type_alone_older_software_changed(house, sql, backfill, database, vault, key):
    """With no schema that says otherwise it is the secret that it was: SEAL says so again, and VERIFY passes."""
    id = await add_row(sql, key, "hush", "secret", integration=None if key == "alone" else INTEGRATION)
    await backfill()
    await sql.execute("UPDATE configs SET config_type = 'string'")
    async with database.read() as session:
        assert await is_waited_for(session)
    run = await backfill()
    assert (run.changed, run.skipped, run.quarantined) == (1, 0, 0)
    row, opened = await read(database, vault, id)
    assert (row.config_type, row.legacy, row.value, opened) == ("secret", False, None, Opened("hush"))
    async with database.read() as session:
        assert not await is_waited_for(session)
    assert (await backfill(BackfillKind.VERIFY)).status is BackfillStatus.SUCCEEDED


async def test_what_older_software_kept_beside_a_value_stays(house, sql, backfill, database, vault):
    """Members beside `value` are lost to nobody: they stay beside a value that is no secret, and a secret that has some
    is quarantined, since sealing it would drop them."""
    beside = {"note": "by hand", "value": "443"}
    plain = [await add_row(sql, key, beside, raw=True) for key in ("int", "string", "unknown")]
    secret = await add_row(sql, "secret", beside, raw=True)
    run = await backfill()
    assert (run.quarantined, run.changed + run.skipped) == (1, 3)
    found = [(await read(database, vault, id))[0].value for id in plain]
    assert found == [{"note": "by hand", "value": 443}, beside, beside]
    assert (await read(database, vault, secret))[0].value == beside
    assert await sql.fetchval("SELECT reason FROM quarantined_configs") == MORE_THAN_A_VALUE
    await sql.execute("DELETE FROM configs WHERE id = $1", secret)
    assert (await backfill(BackfillKind.VERIFY)).status is BackfillStatus.SUCCEEDED
