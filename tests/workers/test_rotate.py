"""ROTATE: new data keys under the primary root key, every value as before."""

import asyncio
import base64
import os
import uuid
from dataclasses import replace
from typing import Any

import pytest

from db.configs import StandaloneWrite, set_config
from db.crypto.data_keys import DataKeys
from db.crypto.keyring import RootKeyring
from db.crypto.sealing import Place, Purpose
from db.models import BackfillKind, BackfillStatus
from db.runs import start_backfill
from db.values import ConfigType
from db.vault import Vault
from tests.workers.kit import assert_sealed_once, plant_secrets
from workers.engine import Engine

ROTATE = BackfillKind.ROTATE


@pytest.fixture
def root_keys() -> list[str]:
    """Two root keys; data keys are wrapped by the second until they are rotated."""
    return [f"{name}:{base64.b64encode(os.urandom(32)).decode()}" for name in ("new", "old")]


@pytest.fixture
def root_keyring(root_keys: list[str]) -> RootKeyring:
    return RootKeyring.parse(root_keys[1])


@pytest.fixture
def rotating(root_keys: list[str], database, legacy_keys) -> Engine:
    """An engine whose primary root key is the new one."""
    return Engine(database, Vault(DataKeys(RootKeyring.parse(",".join(root_keys))), legacy_keys))


@pytest.fixture
async def sealed(sql, backfill) -> None:
    await plant_secrets(sql, 100)
    await backfill()


async def rotate(transact: Any, engine: Engine, see: Any, **options: Any) -> Any:
    run = await transact(lambda t: start_backfill(t, ROTATE, **options))
    while await engine.work(run.id):
        pass
    return await see(run.id)


async def test_a_retired_root_key_is_needed_no_more(
    sql, sealed, transact, rotating, see, root_keys, database, legacy_keys
):
    """Afterwards the new root key alone opens every value, and every data key is new."""
    before = {row["id"] for row in await sql.fetch("SELECT id FROM data_keys")}
    run = await rotate(transact, rotating, see)
    assert (run.status, run.changed, run.error) == (BackfillStatus.SUCCEEDED, 100, None)
    after = await sql.fetch("SELECT id, root_key_id, active FROM data_keys")
    assert {row["id"] for row in after}.isdisjoint(before)
    assert {(row["root_key_id"], row["active"]) for row in after} == {("new", True)}
    alone = Vault(DataKeys(RootKeyring.parse(root_keys[0])), legacy_keys)
    await assert_sealed_once(database, alone, 100)


async def test_a_dry_run_counts_and_changes_nothing(sql, sealed, transact, rotating, see):
    """A dry run counts what is sealed and leaves rows and keys as they are."""
    query = "SELECT c.*, k.* FROM configs c JOIN data_keys k ON k.id = c.data_key_id ORDER BY c.id"
    before = await sql.fetch(query)
    run = await rotate(transact, rotating, see, dry_run=True)
    assert (run.status, run.changed) == (BackfillStatus.SUCCEEDED, 100)
    assert await sql.fetch(query) == before


async def test_rows_that_do_not_open_are_named_and_left(sql, sealed, transact, rotating, see):
    """A row that does not open fails the run, which names it; it stays untouched, and so does its key."""
    bad = await sql.fetchrow("SELECT id, data_key_id FROM configs ORDER BY id LIMIT 1")
    await sql.execute(
        "UPDATE configs SET sealed = set_byte(sealed, 40, 255 - get_byte(sealed, 40)) WHERE id = $1", bad["id"]
    )
    before = await sql.fetchrow("SELECT * FROM configs WHERE id = $1", bad["id"])
    run = await rotate(transact, rotating, see)
    assert (run.status, run.changed, run.quarantined) == (BackfillStatus.FAILED, 99, 1)
    assert run.error == f"1 row is wrong: {bad['id']} holds a secret that does not open"
    assert await sql.fetchrow("SELECT * FROM configs WHERE id = $1", bad["id"]) == before
    left = await sql.fetch("SELECT id FROM data_keys WHERE NOT active")
    assert [row["id"] for row in left] == [bad["data_key_id"]]


async def test_a_data_key_that_does_not_open(sql, sealed, transact, rotating, see):
    """A data key that no root key opens is left, and its rows are named; other organizations' are rotated."""
    lost = await sql.fetchval("SELECT id FROM data_keys LIMIT 1")
    await sql.execute("UPDATE data_keys SET root_key_id = 'lost' WHERE id = $1", lost)
    run = await rotate(transact, rotating, see)
    assert (run.status, run.changed, run.quarantined) == (BackfillStatus.FAILED, 80, 20)
    assert await sql.fetchval("SELECT root_key_id FROM data_keys WHERE id = $1", lost) == "lost"


async def test_history_is_sealed_again(sql, sealed, transact, rotating, see, database, vault):
    """History is rotated too, what was never decided in the form in which it was kept."""
    row = await sql.fetchrow("SELECT * FROM configs ORDER BY id LIMIT 1")
    place = {purpose: Place(purpose, row["organization_id"], row["integration_id"], row["key"]) for purpose in Purpose}

    async def seal(transaction: Any) -> Any:
        key = (await transaction.sealers([row["organization_id"]]))[row["organization_id"]]
        return key.id, key.seal(place[Purpose.HISTORY], "old"), key.seal(place[Purpose.CONFIG], "kept")

    key_id, old, kept = await transact(seal)
    broken = kept[:-1] + bytes([kept[-1] ^ 1])
    entries = [(90, old, False), (91, old, True), (92, kept, True), (93, broken, True)]
    for version, sealed_value, undecided in entries:
        await sql.execute(
            "INSERT INTO config_history (id, integration_id, organization_id, key, version, config_type, sealed, "
            "data_key_id, undecided, changed_at, changed_by, reason) "
            "VALUES ($1, $2, $3, $4, $5, 'secret', $6, $7, $8, now(), 'x', 'updated')",
            uuid.uuid4(), row["integration_id"], row["organization_id"], row["key"],
            version, sealed_value, key_id, undecided,
        )  # fmt: skip
    run = await rotate(transact, rotating, see)
    assert (run.status, run.changed, run.skipped) == (BackfillStatus.SUCCEEDED, 103, 1)
    found = await sql.fetch("SELECT version, sealed, data_key_id FROM config_history ORDER BY version")
    async with database.read() as session:
        keys = await rotating._vault.data_keys.find(session, {entry["data_key_id"] for entry in found})
    opened = [
        keys[entry["data_key_id"]].open(place[purpose], entry["sealed"])
        for entry, purpose in zip(found, [Purpose.HISTORY, Purpose.HISTORY, Purpose.CONFIG], strict=False)
    ]
    assert opened == ["old", "old", "kept"]
    assert found[3]["sealed"] == broken


async def test_writers_meanwhile(sql, sealed, transact, rotating, see):
    """Secrets written while keys are rotated end up under an active key, and no writer is refused."""
    run = await transact(lambda t: start_backfill(t, ROTATE, batch_size=5))
    working = asyncio.create_task(rotating.work(run.id))
    for number in range(60):
        wanted = StandaloneWrite(None, f"k{number}", ConfigType.SECRET, "v")
        await transact(lambda t, wanted=wanted: set_config(replace(t, vault=rotating._vault), wanted))
    await working
    assert (await see(run.id)).status is BackfillStatus.SUCCEEDED
    retired = "SELECT count(*) FROM configs c JOIN data_keys k ON k.id = c.data_key_id WHERE NOT k.active"
    assert await sql.fetchval(retired) == 0
