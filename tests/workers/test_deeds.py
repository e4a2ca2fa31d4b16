"""What runs do is on record, by whoever started them."""

import base64
import uuid
from typing import Any

import pytest
from sqlalchemy import text

from db.audit.chain import AuditLog
from db.audit.verification import Verification
from db.configs import StandaloneWrite, set_config
from db.crypto.data_keys import DataKeys
from db.crypto.keyring import RootKeyring
from db.models import BackfillKind
from db.organizations import create_organization
from db.runs import cancel_backfill, start_backfill
from db.values import ConfigType
from db.vault import Transaction, Vault
from workers.engine import Engine

EVENTS = text("SELECT * FROM audit_log WHERE action LIKE :action ORDER BY at, sequence")


@pytest.fixture
def events(database: Any) -> Any:
    """What is on record, oldest first, of actions like the one given."""

    async def read(action: str) -> list[Any]:
        async with database.read() as session:
            return list(await session.rows(EVENTS, {"action": action}))

    return read


async def make_secrets(transaction: Transaction) -> list[uuid.UUID]:
    owners = [(await create_organization(transaction, None, name)).id for name in ("Northwind", "Borealis")]
    for owner in owners:
        await set_config(transaction, StandaloneWrite(owner, "key", ConfigType.SECRET, "a secret"))
    return owners


async def test_a_run_is_on_record_from_its_start_to_its_end(
    legacy_rows, backfill, events, transact, admin, database, vault
) -> None:
    """SEAL: its start, each batch that changed something with the rows that it went through, and its end, all by the
    token that started it; what it sealed is not in the log; and the chains are whole."""
    run = await backfill(BackfillKind.SEAL, batch_size=100)
    rows = await events("backfill.%")
    assert [row.action for row in rows if row.action != "backfill.seal"] == ["backfill.start", "backfill.finish"]
    assert {(row.actor, row.token_id) for row in rows} == {(admin.name, admin.token_id)}
    batches = [row.detail for row in rows if row.action == "backfill.seal"]
    assert len(batches) > 1
    assert sum(batch["changed"] for batch in batches) == run.changed
    assert sum(batch["quarantined"] for batch in batches) == run.quarantined
    assert {batch["source"] for batch in batches} <= {"configs", "config_history"}
    assert all(batch["first"] <= batch["last"] for batch in batches)
    assert rows[-1].detail == {"run": str(run.id), "status": "succeeded"}
    assert [str(fault) async for fault in Verification(database, vault.audit).faults()] == []


async def test_a_dry_run_records_no_rows(legacy_rows, backfill, events) -> None:
    """A dry run changes nothing: its start and its end are on record, and no batch."""
    await backfill(BackfillKind.SEAL, dry_run=True)
    assert [row.action for row in await events("backfill.%")] == ["backfill.start", "backfill.finish"]


async def test_a_rotation_of_keys_is_on_record(transact, backfill, events, admin, database, vault) -> None:
    """ROTATE: each organization's new data key on that organization's chain, the audit key, the wrapping and the
    destruction on the global one; and what was recorded before is verified as before."""
    owners = await transact(make_secrets)
    before = {row.key_id for row in await events("%")}
    await backfill(BackfillKind.ROTATE)
    rotated = await events("key.rotate")
    assert {row.organization_id for row in rotated if "dataKey" in row.detail} == set(owners)
    assert [row.organization_id for row in rotated if "auditKey" in row.detail] == [None]
    (wrapped,) = await events("key.wrap")
    assert wrapped.detail["dataKeys"] == 2
    (destroyed,) = await events("key.destroy")
    assert destroyed.detail["dataKeys"] == 2
    made = {row.detail["dataKey"] for row in await events("key.create")}
    assert set(destroyed.detail["ids"]) == made
    assert {row.actor for row in [*rotated, wrapped, destroyed]} == {admin.name}
    assert {row.token_id for row in [*rotated, wrapped, destroyed]} == {admin.token_id}
    assert {row.key_id for row in await events("backfill.finish")}.isdisjoint(before)
    assert [str(fault) async for fault in Verification(database, vault.audit).faults()] == []


async def test_a_cancelled_run_is_on_record_once(transact, events) -> None:
    """Where nobody works on a run, cancelling ends it at once: the move and the end are on record."""
    run = await transact(lambda transaction: start_backfill(transaction, BackfillKind.SEAL))
    await transact(lambda transaction: cancel_backfill(transaction, run.id))
    rows = await events("backfill.%")
    assert [row.action for row in rows] == ["backfill.start", "backfill.cancel", "backfill.finish"]
    assert rows[-1].detail["status"] == "cancelled"


async def test_a_new_root_key_wraps_audit_keys_too(database, legacy_keys, admin) -> None:
    """Once ROTATE has run under a new primary root key, the old one is needed for nothing: the log is verified, and
    appended to, without it."""
    entries = [f"{name}:{base64.b64encode(bytes([number] * 32)).decode()}" for number, name in ((1, "old"), (2, "new"))]

    def open_with(*which: str) -> Vault:
        keyring = RootKeyring.parse(",".join(which))
        return Vault(DataKeys(keyring), legacy_keys, AuditLog(keyring))

    async def within(vault: Vault, work: Any) -> Any:
        return await database.write(lambda session: work(Transaction(session, admin, vault)))

    await within(open_with(entries[0]), make_secrets)
    both = open_with(entries[1], entries[0])
    run = await within(both, lambda transaction: start_backfill(transaction, BackfillKind.ROTATE))
    engine = Engine(database, both)
    while await engine.work(run.id):
        pass
    new = open_with(entries[1])
    await within(new, make_secrets)
    assert [str(fault) async for fault in Verification(database, new.audit).faults()] == []
