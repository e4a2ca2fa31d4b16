"""VERIFY names every fault that a row can have, and shuts the door only when there is none."""

import asyncio
import json
import uuid
from typing import Any

import asyncpg
import pytest

from db.crypto.sealing import Place, Purpose
from db.crypto.witness import Witness
from db.models import BackfillKind, BackfillStatus
from db.runs import cancel_backfill, pause_backfill, resume_backfill, start_backfill
from tests.workers.kit import plant_secrets
from workers import door, verify
from workers.jobs import look_for_runs
from workers.verify import Verify

VERIFY = BackfillKind.VERIFY


@pytest.fixture
async def sealed(sql, backfill) -> list[uuid.UUID]:
    """Ten sealed rows of one organization."""
    await plant_secrets(sql, 10, organizations=1, fields=10)
    assert (await backfill()).changed == 10
    return [uuid.UUID(str(row["id"])) for row in await sql.fetch("SELECT id FROM configs ORDER BY id")]


async def findings(sql: Any, run: Any) -> dict[uuid.UUID, str]:
    rows = await sql.fetch("SELECT config_id, reason FROM backfill_findings WHERE run_id = $1", run.id)
    return {uuid.UUID(str(row["config_id"])): row["reason"] for row in rows}


async def is_shut(sql: Any) -> bool:
    return bool(await sql.fetchval("SELECT count(*) FROM pg_constraint WHERE conname = $1", door.CONSTRAINT))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ("sealed = set_byte(sealed, 40, 255 - get_byte(sealed, 40))", verify.SHUT),
        ("data_key_id = (SELECT id FROM spare)", verify.SHUT),
        ("sealed = (SELECT sealed FROM configs WHERE id <> :id LIMIT 1)", verify.SHUT),
        ("field_id = NULL", verify.UNTIED),
        (
            "field_id = NULL, config_type = 'int', sealed = NULL, data_key_id = NULL, value = '{\"value\": 1}'",
            "is typed",
        ),
        ("legacy = true", verify.LEGACY),
    ],
)
async def test_a_single_bad_row_fails(sql, sealed, backfill, change, reason):
    """One row that is wrong in any way fails the run, which names that row and no other."""
    bad = sealed[3]
    spare = "CREATE VIEW spare AS SELECT id FROM data_keys WHERE NOT active"
    await sql.execute(spare)
    await sql.execute(
        "INSERT INTO data_keys (id, organization_id, root_key_id, wrapped, active) "
        "SELECT gen_random_uuid(), organization_id, 'lost', '\\x00', false FROM data_keys"
    )
    await sql.execute(f"UPDATE configs SET {change} WHERE id = '{bad}'".replace(":id", f"'{bad}'"))
    run = await backfill(VERIFY)
    assert (run.status, run.quarantined) == (BackfillStatus.FAILED, 1)
    found = await findings(sql, run)
    assert found.keys() == {bad}
    assert found[bad].startswith(reason)
    assert run.error == f"1 row is wrong: {bad} {found[bad]}"
    assert not await is_shut(sql)


@pytest.mark.parametrize(
    ("value", "reason"),
    [("many", "does not fit its type int"), ("443", "is not stored as its type int"), (None, verify.EMPTY)],
)
async def test_values_must_be_stored_as_their_type(sql, backfill, value, reason):
    """A value in the clear that is not what its schema calls for is wrong."""
    await plant_secrets(sql, 1)
    await sql.execute("UPDATE integration_config_schema SET type = 'int'")
    statement = "UPDATE configs SET legacy = false, config_type = 'int', field_id = $1, value = $2"
    field = await sql.fetchval(
        "SELECT f.id FROM integration_config_schema f JOIN configs c USING (integration_id, key)"
    )
    await sql.execute(statement, field, json.dumps({"value": value}))
    run = await backfill(VERIFY)
    assert [reason in found for found in (await findings(sql, run)).values()] == [True]
    assert "many" not in (run.error or "")


async def test_history_is_opened_too(sql, sealed, backfill, transact, vault):
    """A history entry that does not open, or is a secret in the clear, is wrong; an undecided one is skipped."""
    row = await sql.fetchrow("SELECT * FROM configs WHERE id = $1", sealed[0])

    async def seal(transaction: Any) -> tuple[uuid.UUID, bytes, bytes]:
        key = (await transaction.sealers([row["organization_id"]]))[row["organization_id"]]
        places = [Place(purpose, row["organization_id"], row["integration_id"], row["key"]) for purpose in Purpose]
        wrong, right = (key.seal(place, "old") for place in places)
        return key.id, wrong, right

    key_id, wrong, right = await transact(seal)
    flipped = right[:-1] + bytes([right[-1] ^ 1])
    entries = [
        (uuid.uuid4(), 90, "secret", None, right, key_id, False),
        (uuid.uuid4(), 91, "secret", None, wrong, key_id, False),
        (uuid.uuid4(), 92, "secret", None, wrong, key_id, True),
        (uuid.uuid4(), 93, "string", '{"value": "clear"}', None, None, False),
        (uuid.uuid4(), 94, "secret", None, flipped, key_id, True),
        (uuid.uuid4(), 95, "secret", None, flipped, key_id, False),
        (uuid.uuid4(), 96, "secret", '{"value": "clear"}', None, None, True),
    ]
    await sql.executemany(
        "INSERT INTO config_history (id, version, config_type, value, sealed, data_key_id, undecided, integration_id, "
        "organization_id, key, changed_at, changed_by, reason) "
        "SELECT $1, $2, $3, $4, $5, $6, $7, integration_id, organization_id, key, now(), 'x', 'updated' "
        f"FROM configs WHERE id = '{sealed[0]}'",
        entries,
    )
    run = await backfill(VERIFY)
    assert (run.processed, run.skipped, run.quarantined) == (17, 1, 4)
    assert await findings(sql, run) == {
        entries[1][0]: f"{verify.IN_HISTORY} {verify.SHUT}",
        entries[3][0]: f"{verify.IN_HISTORY} {verify.IN_CLEAR}",
        entries[5][0]: f"{verify.IN_HISTORY} {verify.SHUT}",
        entries[6][0]: f"{verify.IN_HISTORY} {verify.IN_CLEAR}",
    }
    assert run.certificate is None


async def test_swapped_rows_are_both_wrong(sql, sealed, backfill):
    """Two rows that trade places, ciphertext and data key alike, are both named."""
    one, other = sealed[2], sealed[7]
    await sql.execute(
        "UPDATE configs a SET sealed = b.sealed, data_key_id = b.data_key_id FROM configs b "
        "WHERE (a.id, b.id) IN (($1, $2), ($2, $1))",
        one,
        other,
    )
    run = await backfill(VERIFY)
    assert run.status is BackfillStatus.FAILED
    assert await findings(sql, run) == {one: verify.SHUT, other: verify.SHUT}


async def test_plaintext_that_is_no_longer_legacy_is_found(sql, sealed, backfill):
    """A row of ours that holds the secret in the clear under another type: refused where it names its field, found
    where it names none."""
    clear = (
        'UPDATE configs SET sealed = NULL, data_key_id = NULL, value = \'{"value": "clear"}\', '
        f"config_type = 'string', field_id = FIELD WHERE id = '{sealed[4]}'"
    )
    with pytest.raises(asyncpg.ForeignKeyViolationError):
        await sql.execute(clear.replace("FIELD", "field_id"))
    await sql.execute(clear.replace("FIELD", "NULL"))
    run = await backfill(VERIFY)
    assert run.status is BackfillStatus.FAILED
    assert await findings(sql, run) == {sealed[4]: "is typed string, its schema says secret"}


async def test_what_an_earlier_run_opened_proves_nothing(sql, sealed, backfill, engine):
    """A data key that is damaged in the database is told, although this very process still has it in its memory."""
    assert (await backfill(VERIFY)).status is BackfillStatus.SUCCEEDED
    assert engine._vault.data_keys._opened
    key = await sql.fetchval(
        "UPDATE data_keys SET wrapped = set_byte(wrapped, 20, get_byte(wrapped, 20) # 1) RETURNING id"
    )
    run = await backfill(VERIFY)
    assert (run.status, run.quarantined) == (BackfillStatus.FAILED, 10)
    await sql.execute("DELETE FROM configs")
    run = await backfill(VERIFY)
    assert (run.status, run.error) == (BackfillStatus.FAILED, f"keys do not open: data key {key}")


async def test_rows_that_are_deleted_meanwhile_are_not_wrong(sql, sealed, backfill, monkeypatch):
    """An organization that is deleted between two statements of a batch takes its data key along: no finding."""
    fetch = Witness.fetch

    async def later(self: Witness, session: Any, key_ids: Any) -> None:
        await sql.execute("DELETE FROM configs; DELETE FROM config_history; DELETE FROM data_keys")
        await fetch(self, session, key_ids)

    monkeypatch.setattr(Witness, "fetch", later)
    run = await backfill(VERIFY)
    assert (run.status, run.quarantined, run.error) == (BackfillStatus.SUCCEEDED, 0, None)


async def test_only_the_first_wrong_rows_are_told(sql, backfill):
    """The error names twenty rows and counts the rest; the findings hold them all."""
    await plant_secrets(sql, 25)
    run = await backfill(VERIFY)
    assert run.error is not None
    assert run.error.startswith("25 rows are wrong: ")
    assert run.error.count(verify.LEGACY) == 20
    assert run.error.endswith("; and 5 more")
    assert len(await findings(sql, run)) == 25


async def test_a_legacy_row_written_meanwhile_keeps_the_door_open(sql, sealed, backfill, monkeypatch):
    """A legacy row that appears behind the cursor fails the run, naming it, and no constraint stays."""
    late = uuid.uuid4()
    conclude = Verify.conclude

    async def later(self: Verify, database: Any, vault: Any, run: Any) -> str | None:
        await sql.execute(
            "INSERT INTO configs (id, key, value, updated_by) VALUES ($1, 'late', '{\"value\": 1}', 'old software')",
            late,
        )
        return await conclude(self, database, vault, run)

    monkeypatch.setattr(Verify, "conclude", later)
    monkeypatch.setattr(door, "_alter", None)  # It is not even begun: older software is refused at no time.
    run = await backfill(VERIFY)
    assert (run.status, run.error) == (BackfillStatus.FAILED, f"legacy rows were written meanwhile: {late}")
    assert not await is_shut(sql)


async def test_a_legacy_row_that_comes_while_the_door_is_shut(sql, sealed, backfill, monkeypatch):
    """One that comes at the last moment fails the run, too, and the door is opened again."""
    alter, late = door._alter, uuid.uuid4()

    async def later(database: Any, step: str, *given: Any, **more: Any) -> None:
        if step == "add":
            await sql.execute(
                "INSERT INTO configs (id, key, value, updated_by) VALUES ($1, 'late', '{}', 'old software')", late
            )
        await alter(database, step, *given, **more)

    monkeypatch.setattr(door, "_alter", later)
    run = await backfill(VERIFY)
    assert (run.status, run.error) == (BackfillStatus.FAILED, f"legacy rows were written meanwhile: {late}")
    assert not await is_shut(sql)


@pytest.mark.parametrize("forth", [True, False])
async def test_the_door_beside_writers(sql, sealed, database, database_url, forth):
    """Older software that writes rows and schemas in each transaction, in either order, all the time: the door is shut
    and opened beside it, and not one of its transactions fails, or is a deadlock's victim."""
    stop, done = asyncio.Event(), 0
    writes = ["UPDATE configs SET description = 'd'", "UPDATE integration_config_schema SET position = position + 1"]

    async def write(number: int) -> None:
        nonlocal done
        connection = await asyncpg.connect(database_url)
        while not stop.is_set():
            async with connection.transaction():
                for statement in writes if forth else writes[::-1]:
                    await connection.execute(f"{statement} WHERE key = 'k{number}'")
                    await asyncio.sleep(0.02)
            done += 1
        await connection.close()

    writing = [asyncio.create_task(write(number)) for number in range(1, 4)]
    try:
        for _ in range(3):
            assert await door.shut(database) is None
            assert await is_shut(sql)
            await door._alter(database, "drop")
    finally:
        stop.set()
        await asyncio.gather(*writing)
    assert done > 3


async def test_the_door_waits_for_long_transactions_without_blocking_others(sql, sealed, database, monkeypatch):
    """While somebody holds the table the door is tried again and again, each time for a moment only."""
    monkeypatch.setattr(door, "_ATTEMPTS", 2)
    monkeypatch.setattr(door, "_PAUSE", (0.01, 0.01))
    async with sql.transaction():
        await sql.execute("LOCK TABLE configs IN ACCESS SHARE MODE")
        with pytest.raises(Exception, match="lock timeout"):
            await door.shut(database)
    assert await door.shut(database) is None
    assert await is_shut(sql)


async def test_a_row_that_raises_is_a_finding(sql, sealed, backfill, monkeypatch):
    """A row that cannot even be looked at is wrong; the others are looked at nevertheless."""
    fault = verify._fault

    def raising(row: Any) -> str | None:
        if row.id == sealed[5]:
            raise RuntimeError("s3cret")
        return fault(row)

    monkeypatch.setattr(verify, "_fault", raising)
    run = await backfill(VERIFY)
    assert (run.status, run.processed) == (BackfillStatus.FAILED, 10)
    assert await findings(sql, run) == {sealed[5]: "raised RuntimeError"}


MOVES = {"cancel": (cancel_backfill, BackfillStatus.CANCELLED), "pause": (pause_backfill, BackfillStatus.PAUSED)}


@pytest.fixture
def at_step(monkeypatch, transact, sql) -> Any:
    """Has an operator move the run when the door is at a step."""
    alter, pending = door._alter, dict[str, Any]()

    async def later(database: Any, step: str, *given: Any, **more: Any) -> None:
        if (move := pending.pop(step, None)) is not None:
            run = await sql.fetchval("SELECT id FROM backfill_runs WHERE finished_at IS NULL")
            await transact(lambda t: move(t, uuid.UUID(str(run))))
        await alter(database, step, *given, **more)

    monkeypatch.setattr(door, "_alter", later)
    return pending


@pytest.mark.parametrize("move", MOVES)
async def test_a_run_that_is_stopped_shuts_no_door(sql, sealed, backfill, at_step, transact, engine, see, move):
    """Cancelled or paused while the door is being shut, before the first step or after the last but one, VERIFY leaves
    it open for older software; resumed, it shuts it."""
    stop, status = MOVES[move]
    for step in ("add", door._VALIDATIONS[0], door._VALIDATIONS[-1]):
        at_step[step] = stop
        run = await backfill(VERIFY)
        assert (run.status, run.certificate, at_step) == (status, None, {})
        assert not await is_shut(sql)
        if move == "pause":
            await transact(lambda t, run=run: resume_backfill(t, run.id))
            await engine.work(run.id)
            assert (await see(run.id)).status is BackfillStatus.SUCCEEDED
            assert await is_shut(sql)
            await sql.execute("SELECT strongroom_alter_door('drop')")


async def test_a_door_that_was_shut_before_stays_shut(sql, sealed, backfill, at_step):
    """A second VERIFY that is cancelled opens no door that an earlier one has shut."""
    assert (await backfill(VERIFY)).status is BackfillStatus.SUCCEEDED
    at_step[door._VALIDATIONS[-1]] = cancel_backfill
    assert (await backfill(VERIFY)).status is BackfillStatus.CANCELLED
    assert await is_shut(sql)


async def test_a_forsaken_door_is_opened(sql, sealed, backfill, transact, database, see):
    """The door that a killed worker left half shut stays so while its run is on, for another worker shuts it; once the
    run is over the clock of any worker opens it."""
    run = await transact(lambda t: start_backfill(t, VERIFY))
    await sql.execute("SELECT strongroom_alter_door('add')")
    context = {"database": database, "redis": Deaf()}
    await look_for_runs(context)
    assert await is_shut(sql)
    await transact(lambda t: cancel_backfill(t, run.id))
    async with sql.transaction():
        await sql.execute("LOCK TABLE configs IN ROW EXCLUSIVE MODE")
        await look_for_runs(context)
    assert await is_shut(sql)
    await look_for_runs(context)
    assert not await is_shut(sql)
    assert (await backfill(VERIFY)).status is BackfillStatus.SUCCEEDED
    await look_for_runs(context)
    assert await is_shut(sql)


class Deaf:
    """Redis, to whom rings do not matter."""

    async def enqueue_job(self, *_: Any, **__: Any) -> None: ...
