"""What VERIFY proved: counted batch by batch, and certified once PostgreSQL vouches for the rest."""

import uuid
from typing import Any, Final

from sqlalchemy import text

from db.audit.deeds import Deed
from db.models import BackfillStatus
from db.root_keys import count_wrapped, find_shut, name_keys
from db.sessions import Database, ReadSession, WriteSession
from db.values import dump
from db.vault import Transaction, Vault
from workers.finishing import finish
from workers.slices import Lost
from workers.tasks import Batch, Run, Source


async def add_tally(batch: Batch, *, opened: int, undecided: int) -> None:
    """Keep a batch's counts; they commit with the slice's cursor, so that nothing is counted twice."""
    of_batch = {"id": uuid.uuid4(), "run": batch.run.id, "source": batch.source.value, "rows": len(batch.ids)}
    await batch.transaction.session.execute(_ADD, of_batch | {"opened": opened, "undecided": undecided})


async def tell_shut_keys(database: Database, vault: Vault) -> str | None:
    """The keys that do not open, whether or not anything is sealed by them; None where all of them do."""
    async with database.read() as session:
        shut = await find_shut(session, vault.data_keys.root_keys)
    return f"keys do not open: {name_keys(shut)}" if shut else None


async def certify(database: Database, vault: Vault, run: Run) -> None:
    """Store the certificate with its run, which has succeeded by that, and in the audit log.

    In one transaction: whoever stops the run comes before it, which raises Lost, or too late.
    """
    root_keys = vault.data_keys.root_keys
    async with database.read() as session:
        wrapped = [key for key in await count_wrapped(session, root_keys) if key.data_keys or key.audit_keys]
        certificate: dict[str, Any] = await _count(session, run) | {
            "dataKeys": sum(key.data_keys for key in wrapped),
            "auditKeys": sum(key.audit_keys for key in wrapped),
            "rootKeys": [key.id for key in wrapped],
            "constraints": [row.told for row in await session.rows(_CONSTRAINTS)],
            "at": str(await session.scalar(_NOW)),
        }

    async def store(session: WriteSession) -> None:
        if not await session.execute(_STORE, {"run": run.id, "certificate": dump(certificate)}):
            raise Lost
        detail = {"run": str(run.id), **certificate}
        Transaction(session, run.principal, vault).record(Deed("backfill.certify", detail=detail))
        await finish(session, vault, run.id, BackfillStatus.SUCCEEDED)

    await database.write(store)


async def _count(session: ReadSession, run: Run) -> dict[str, Any]:
    found = {row.source: row for row in await session.rows(_SUMS, {"run": run.id})}
    configs, history = found.get(Source.CONFIGS), found.get(Source.HISTORY)
    return {
        "rowsChecked": configs.rows if configs else 0,
        "secretsOpened": configs.opened if configs else 0,
        "historyChecked": history.rows if history else 0,
        "historyOpened": history.opened if history else 0,
        "historyUndecided": history.undecided if history else 0,
    }


_ADD: Final = text("""
INSERT INTO backfill_tallies (id, run_id, source, rows, opened, undecided)
VALUES (:id, :run, :source, :rows, :opened, :undecided)
""")

_SUMS: Final = text("""
SELECT source, sum(rows) AS rows, sum(opened) AS opened, sum(undecided) AS undecided
FROM backfill_tallies WHERE run_id = :run GROUP BY source
""")

_CONSTRAINTS: Final = text("""
SELECT told FROM (
    SELECT conrelid::regclass || ' ' || conname || ': ' || pg_get_constraintdef(oid) AS told
    FROM pg_constraint
    WHERE convalidated AND contype IN ('c', 'f') AND conrelid IN ('configs'::regclass, 'config_history'::regclass)
        AND conname IN (
            'ck_configs_not_legacy', 'ck_configs_sealed_or_plain', 'ck_configs_field_of_integration',
            'fk_configs_field', 'fk_configs_data_key_id', 'ck_config_history_sealed_or_plain',
            'config_history_data_key_id_fkey'
        )
    UNION ALL
    SELECT tgrelid::regclass || ' ' || tgname || ': ' || pg_get_triggerdef(oid)
    FROM pg_trigger
    WHERE tgname = 'tied_to_field' AND tgenabled = 'O'
        AND tgrelid IN ('configs'::regclass, 'integration_config_schema'::regclass)
) AS vouching ORDER BY told
""")
"""Only what is validated: PostgreSQL has looked at every row itself, and goes on to refuse others."""

_NOW: Final = text("SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')")

_STORE: Final = text("""
UPDATE backfill_runs SET certificate = CAST(:certificate AS jsonb) WHERE id = :run AND status = 'running'
""")
