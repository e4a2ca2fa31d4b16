"""The backfill changes no value, so it tells of no change; and the worker prunes what was told long ago."""

from typing import Any

from sqlalchemy import text

from db.change_log import read_batch
from db.models import BackfillKind
from db.sessions import Database
from tests.workers.kit import plant_secrets
from workers.jobs import prune_old_changes
from workers.worker import make_broom


async def test_backfills_tell_of_no_change(sql: Any, backfill: Any, database: Database) -> None:
    """Sealing, rotating and verifying write every secret again and not one row of the log: no cache is emptied."""
    await plant_secrets(sql, 300)
    async with database.read() as session:
        position = (await read_batch(session, None)).position
    for kind in (BackfillKind.SEAL, BackfillKind.ROTATE, BackfillKind.VERIFY):
        run = await backfill(kind)
        assert run.error is None
        assert kind is BackfillKind.VERIFY or run.changed == 300
    async with database.read() as session:
        assert (await read_batch(session, position)).changes == ()


async def test_the_worker_prunes(sql: Any, database: Database, caplog: Any) -> None:
    """Changes that are older than a day go; an error is told by its type and leaves the rest for the next time."""
    await sql.execute("INSERT INTO config_changes (at) VALUES (now() - interval '25 hours'), (now())")
    await prune_old_changes({"database": database})
    assert await sql.fetchval("SELECT count(*) FROM config_changes") == 1
    assert len(make_broom().minute or ()) == 6  # type: ignore[arg-type]

    class Broken:
        async def write(self, work: object) -> None:
            raise ValueError("hunter2")

    await prune_old_changes({"database": Broken()})
    assert "hunter2" not in caplog.text
    assert "ValueError" in caplog.text
    async with database.read() as session:
        assert await session.scalar(text("SELECT count(*) FROM config_changes")) == 1
