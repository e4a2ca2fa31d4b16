"""Verifying: whatever is done to the log by somebody who may do everything in the database, it is found and named."""

import uuid

import pytest

from db.audit.chain import AuditLog
from db.audit.verification import Verification
from db.crypto.keyring import RootKeyring
from db.errors import SettingsError
from db.sessions import Database

A, B = uuid.UUID(int=0xA), uuid.UUID(int=0xB)


@pytest.fixture
async def ids(record, tamper) -> dict[tuple[uuid.UUID | None, int], uuid.UUID]:
    """Five events of A, three of B, three that are global; their ids by chain and sequence."""
    for _ in range(3):
        await record(A)
        await record(B)
        await record(None)
    await record(A, 2)
    rows = await tamper("SELECT organization_id, sequence, id FROM audit_log")
    return {(row["organization_id"], row["sequence"]): row["id"] for row in rows}


async def test_an_untouched_log_is_intact(ids, faults, checkpoint) -> None:
    """A log that nobody touched gives no complaint, from its beginning or from a checkpoint."""
    assert len(ids) == 11
    taken = await checkpoint()
    assert await faults() == []
    assert await faults(taken) == []


CHANGES = {
    "id": "gen_random_uuid()",
    "at": "at + interval '1 microsecond'",
    "actor": "'somebody else'",
    "token_id": "gen_random_uuid()",
    "action": "'test.other'",
    "integration_id": "gen_random_uuid()",
    "config_id": "gen_random_uuid()",
    "keys": "ARRAY['a']",
    "detail": "detail || '{\"count\": 7}'",
    "address": "'10.0.0.1'",
    "reason": "'because'",
    "times": "2",
    "last_at": "at",
    "previous": "decode(repeat('00', 32), 'hex')",
    "mac": "decode(repeat('00', 32), 'hex')",
}


@pytest.mark.parametrize("column", CHANGES)
async def test_a_changed_column_is_found(ids, faults, tamper, column: str) -> None:
    """Whichever column of an event was changed, that event is named, and no other."""
    await tamper(f"UPDATE audit_log SET {column} = {CHANGES[column]} WHERE id = $1", ids[A, 3])
    (row,) = await tamper("SELECT id FROM audit_log WHERE organization_id = $1 AND sequence = 3", A)
    assert await faults() == [f"changed or inserted: chain {A} sequence 3 id {row['id']}"]


async def test_no_column_is_left_out(ids, tamper) -> None:
    """The columns that the tests here change are all that there are."""
    rows = await tamper("SELECT attname FROM pg_attribute WHERE attrelid = 'audit_log'::regclass AND attnum > 0")
    assert {row["attname"] for row in rows} == {*CHANGES, "organization_id", "sequence", "key_id"}


async def test_another_key_is_found(ids, faults, tamper) -> None:
    """An event that names a key which is not there is named."""
    await tamper("UPDATE audit_log SET key_id = gen_random_uuid() WHERE id = $1", ids[A, 3])
    assert await faults() == [
        f"cannot be verified: its audit key is not there or does not open: chain {A} sequence 3 id {ids[A, 3]}"
    ]


async def test_moved_to_another_chain_is_found(ids, faults, tamper) -> None:
    """An event that was given to another organization is missing in the one chain and foreign in the other."""
    await tamper("UPDATE audit_log SET organization_id = $2, sequence = 4 WHERE id = $1", ids[A, 3], B)
    assert await faults() == [
        f"removed: chain {A} sequence 3",
        f"inserted: chain {B} sequence 4 id {ids[A, 3]}",
    ]


@pytest.mark.parametrize(("first", "last", "told"), [(1, 1, "1"), (3, 3, "3"), (2, 4, "2 to 4")])
async def test_removed_is_found(ids, faults, tamper, first: int, last: int, told: str) -> None:
    """Events that were removed are named by their numbers."""
    await tamper("DELETE FROM audit_log WHERE organization_id = $1 AND sequence BETWEEN $2 AND $3", A, first, last)
    assert await faults() == [f"removed: chain {A} sequence {told}"]


async def test_reordered_is_found(ids, faults, tamper) -> None:
    """Two events that changed places are named, each with the number that it had."""
    swap = "UPDATE audit_log SET sequence = $2 WHERE id = $1"
    await tamper(swap, ids[A, 2], 99)
    await tamper(swap, ids[A, 4], 2)
    await tamper(swap, ids[A, 2], 4)
    assert await faults() == [
        f"reordered: chain {A} sequence 2 id {ids[A, 4]} (its number was 4)",
        f"reordered: chain {A} sequence 4 id {ids[A, 2]} (its number was 2)",
    ]


async def test_inserted_is_found(ids, faults, tamper) -> None:
    """An event that was put between others, which were moved for it, is named, and so are these."""
    await tamper("UPDATE audit_log SET sequence = sequence + 100 WHERE organization_id = $1 AND sequence >= 3", A)
    await tamper("UPDATE audit_log SET sequence = sequence - 99 WHERE organization_id = $1 AND sequence >= 103", A)
    copied = "at, actor, token_id, action, keys, detail, key_id, previous, mac, organization_id"
    (row,) = await tamper(
        f"""INSERT INTO audit_log (id, sequence, {copied})
        SELECT gen_random_uuid(), 3, {copied} FROM audit_log WHERE id = $1 RETURNING id""",
        ids[A, 2],
    )
    assert await faults() == [
        f"changed or inserted: chain {A} sequence 3 id {row['id']}",
        f"reordered: chain {A} sequence 4 id {ids[A, 3]} (its number was 3)",
        f"reordered: chain {A} sequence 5 id {ids[A, 4]} (its number was 4)",
        f"reordered: chain {A} sequence 6 id {ids[A, 5]} (its number was 5)",
    ]


async def test_appended_behind_the_head_is_found(ids, faults, tamper) -> None:
    """An event that somebody without the key put at a chain's end is named; moving the head along does not help."""
    copied = "at, actor, action, key_id, mac, organization_id"
    (row,) = await tamper(
        f"""INSERT INTO audit_log (id, sequence, previous, {copied})
        SELECT gen_random_uuid(), 6, mac, {copied} FROM audit_log WHERE id = $1 RETURNING id""",
        ids[A, 5],
    )
    assert await faults() == [f"inserted: chain {A} sequence 6 id {row['id']}"]
    await tamper("UPDATE audit_heads SET sequence = 6 WHERE organization_id = $1", A)
    assert await faults() == [f"changed or inserted: chain {A} sequence 6 id {row['id']}"]


@pytest.mark.parametrize("owner", [A, None])
async def test_cut_off_is_found(ids, faults, tamper, owner: uuid.UUID | None) -> None:
    """A chain without its last events is named, by what its head knows."""
    last = max(sequence for chain, sequence in ids if chain == owner)
    cut = "DELETE FROM audit_log WHERE organization_id IS NOT DISTINCT FROM $1 AND sequence > $2"
    await tamper(cut, owner, last - 2)
    name = owner or "global"
    assert await faults() == [f"cut off: chain {name} sequence {last - 1} to {last}"]


async def test_cut_off_with_its_head_is_found_by_a_checkpoint(ids, faults, tamper, record, checkpoint) -> None:
    """Whoever sets the head back too hides a cut from the database itself, but not from a checkpoint; nor does it
    help to let the chain grow again."""
    taken = await checkpoint()
    await tamper("DELETE FROM audit_log WHERE organization_id = $1 AND sequence > 3", A)
    back = "UPDATE audit_heads h SET sequence = 3, mac = l.mac FROM audit_log l WHERE l.id = $1"
    await tamper(f"{back} AND h.organization_id = $2", ids[A, 3], A)
    assert await faults() == []
    assert await faults(taken) == [f"cut off: chain {A} sequence 5"]
    await record(A, 2)
    (row,) = await tamper("SELECT id FROM audit_log WHERE organization_id = $1 AND sequence = 5", A)
    assert await faults() == []
    assert await faults(taken) == [f"is not the one that the checkpoint has: chain {A} sequence 5 id {row['id']}"]


async def test_a_chain_that_is_gone_is_found(ids, faults, tamper, checkpoint) -> None:
    """A whole chain that is gone is known to its head; with its head gone, to a checkpoint."""
    taken = await checkpoint()
    await tamper("DELETE FROM audit_log WHERE organization_id = $1", B)
    assert await faults() == [f"cut off: chain {B} sequence 1 to 3"]
    await tamper("DELETE FROM audit_heads WHERE organization_id = $1", B)
    assert await faults() == []
    assert await faults(taken) == [f"cut off: chain {B} sequence 3"]


async def test_a_head_that_lies_is_found(ids, faults, tamper) -> None:
    """A head that is gone, behind its chain, or that has another MAC is named."""
    told = [f"is not where the chain's head is: chain {A} sequence 5"]
    await tamper("UPDATE audit_heads SET mac = decode(repeat('00', 32), 'hex') WHERE organization_id = $1", A)
    assert await faults() == told
    await tamper("UPDATE audit_heads SET sequence = 4 WHERE organization_id = $1", A)
    assert await faults() == told
    await tamper("DELETE FROM audit_heads WHERE organization_id = $1", A)
    assert await faults() == told


async def test_a_chain_that_forks_is_found(ids, faults, tamper, record) -> None:
    """An event that was appended to a head which lied does not follow the event before it, and is named."""
    await tamper("UPDATE audit_heads SET mac = decode(repeat('00', 32), 'hex') WHERE organization_id = $1", A)
    await record(A)
    (row,) = await tamper("SELECT id FROM audit_log WHERE organization_id = $1 AND sequence = 6", A)
    assert await faults() == [f"does not follow the event before it: chain {A} sequence 6 id {row['id']}"]


async def test_a_checkpoint_vouches_for_what_came_before_it(ids, faults, tamper, record, checkpoint) -> None:
    """From a checkpoint on, only what came after it is looked at, and everything of that."""
    taken = await checkpoint()
    await record(A, 2)
    await record(uuid.UUID(int=0xC))
    await tamper("UPDATE audit_log SET actor = 'x' WHERE id = $1", ids[A, 2])
    assert await faults(taken) == []
    await tamper("UPDATE audit_log SET actor = 'x' WHERE organization_id = $1 AND sequence IN (5, 7)", A)
    told = [fault.rpartition(" id ")[0] for fault in await faults(taken)]
    assert told == [f"changed or inserted: chain {A} sequence {sequence}" for sequence in (5, 7)]


@pytest.mark.parametrize("spoil", [lambda text: text.replace("5", "4", 1), lambda text: text[:-9], lambda text: "[]"])
async def test_a_changed_checkpoint_is_refused(ids, faults, checkpoint, spoil) -> None:
    """A checkpoint that somebody changed, cut or made up is no checkpoint."""
    taken = await checkpoint()
    with pytest.raises(SettingsError, match="no checkpoint"):
        await faults(spoil(taken))


async def test_without_the_right_key_nothing_is_vouched_for(ids, database: Database) -> None:
    """Where the audit key does not open, every event is named; none passes for verified."""
    verification = Verification(database, AuditLog(RootKeyring.generate()))
    assert len([fault async for fault in verification.faults()]) == 11


async def test_events_under_a_replaced_key_are_verified(ids, faults, record, transact, vault, tamper) -> None:
    """What was recorded under an audit key that was replaced since is verified with that one."""

    async def rotate(transaction) -> None:
        transaction.record(await vault.audit.rotate_key(transaction.session))

    await transact(rotate)
    await record(A)
    keys = await tamper("SELECT DISTINCT key_id FROM audit_log WHERE organization_id = $1", A)
    assert len(keys) == 2
    assert await faults() == []
