"""SCRUB on a server that is not its own: what it says, what it refuses, and that nobody queues behind it."""

import argparse
import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Protocol

import asyncpg
import pytest

from db.configs import StandaloneWrite, set_config
from db.embedded import EmbeddedServers
from db.errors import Conflict, SettingsError
from db.fields import Field
from db.integrations import create_integration, set_integration_config, update_integration
from db.models import BackfillKind
from db.runs import start_backfill
from db.upgrade import migrate
from db.values import ConfigType
from tests.timing import allowed
from tests.workers.kit import plant_secrets
from workers import scrub
from workers.scrub import command, rewriting, statistics
from workers.scrub.places import Rights, connect


class Scrub(Protocol):
    """Runs the command; its exit code."""

    async def __call__(self, *options: str) -> int: ...


@pytest.fixture
def run_scrub(database_url: str, root_keys: str, tmp_path: Path) -> Scrub:
    environ = {"DATABASE_URL": database_url, "STRONGROOM_ROOT_KEYS": root_keys, "STRONGROOM_HOME": str(tmp_path)}

    async def run(*options: str) -> int:
        parser = argparse.ArgumentParser()
        scrub.add_arguments(parser)
        return await scrub.run(environ, parser.parse_args(options))

    return run


@pytest.fixture
async def verified(sql: asyncpg.Connection, backfill: Any) -> None:
    """Forty secrets, sealed and verified."""
    await plant_secrets(sql, 40, organizations=2)
    for kind in (BackfillKind.SEAL, BackfillKind.VERIFY):
        assert (await backfill(kind)).error is None


async def test_it_says_what_it_locks_and_for_how_long(verified, run_scrub, sql, capsys) -> None:
    """A dry run names each table with an estimate from its size, and changes nothing."""
    before = await sql.fetchval("SELECT pg_relation_filenode('configs')")
    assert await run_scrub("--dry-run") == 0
    told = capsys.readouterr().out
    for table in ("configs", "config_history", "integration_config_schema", "pg_statistic"):
        assert any(line.strip().startswith(table) and "about" in line for line in told.splitlines())
    assert "leaves the write-ahead log alone" in told
    assert await run_scrub("--dry-run", "--json") == 0
    plan = json.loads(capsys.readouterr().out)["plan"]
    assert plan["locks"][0] | {"bytes": 0} == {
        "name": "configs",
        "rows": 40,
        "bytes": 0,
        "lockedForAboutSeconds": 0.1,
    }
    assert await sql.fetchval("SELECT pg_relation_filenode('configs')") == before
    assert await sql.fetchval("SELECT count(*) FROM audit_log WHERE action LIKE 'scrub.%'") == 0


async def test_it_asks_first(verified, run_scrub, sql, capsys, monkeypatch) -> None:
    """Without a terminal it does nothing unless told --yes; on one it asks, and takes only a yes."""
    before = await sql.fetchval("SELECT pg_relation_filenode('configs')")
    monkeypatch.setattr("sys.stdin.isatty", lambda: False, raising=False)
    assert await run_scrub() == 2
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("builtins.input", lambda prompt: "")
    assert await run_scrub() == 1
    assert await sql.fetchval("SELECT pg_relation_filenode('configs')") == before
    monkeypatch.setattr("builtins.input", lambda prompt: "y")
    assert await run_scrub() == 0
    assert await sql.fetchval("SELECT pg_relation_filenode('configs')") != before
    told = capsys.readouterr().out
    for place in ("backups", "external snapshots", "replicas", "WAL archive", "freed disk blocks", "write-ahead log"):
        assert f"[ ] {place}: " in told
    assert "40 still with the value that was exposed" in told


async def test_it_waits_for_verify(sql, run_scrub, write_legacy) -> None:
    """While plaintext can still be written it refuses; told to go on it does, and says what is left."""
    await write_legacy("standalone", "plaintext", type="secret")
    with pytest.raises(Conflict, match="VERIFY has not shut the door"):
        await run_scrub("--yes")
    assert await run_scrub("--yes", "--before-verify") == 0


async def test_a_run_is_in_its_way(verified, transact, run_scrub) -> None:
    """It does not rewrite tables under a backfill."""
    run = await transact(lambda t: start_backfill(t, BackfillKind.ROTATE))
    with pytest.raises(Conflict, match=f"ROTATE {run.id} is enqueued"):
        await run_scrub("--yes")


async def test_it_waits_for_old_transactions_and_names_them(verified, database_url, run_scrub, sql) -> None:
    """A transaction that may still see old rows keeps VACUUM from removing them: SCRUB waits, then names it."""
    before = await sql.fetchval("SELECT pg_relation_filenode('configs')")
    reader = await asyncpg.connect(database_url)
    async with reader.transaction(isolation="repeatable_read"):
        await reader.fetch("SELECT 1 FROM organizations")
        with pytest.raises(Conflict, match=f"session {reader.get_server_pid()} of "):
            await run_scrub("--yes", "--patience", "0.1")
        assert await sql.fetchval("SELECT pg_relation_filenode('configs')") == before
        waiting = asyncio.create_task(run_scrub("--yes", "--json"))
        await asyncio.sleep(0.5)
        assert not waiting.done()
    await reader.close()
    assert await waiting == 0


async def test_nobody_queues_behind_it(verified, database_url, run_scrub, sql, monkeypatch) -> None:
    """While it waits for a table that somebody holds, others read it with no more than a moment's delay."""
    monkeypatch.setattr(command, "wait_for_readers", _do_not_wait)
    holder = await asyncpg.connect(database_url)
    transaction = holder.transaction()
    await transaction.start()
    await holder.execute("LOCK TABLE configs IN ROW EXCLUSIVE MODE")
    waiting = asyncio.create_task(run_scrub("--yes", "--json"))
    longest, end = 0.0, time.monotonic() + 2
    while time.monotonic() < end:
        began = time.monotonic()
        await sql.fetchval("SELECT count(*) FROM configs")
        longest = max(longest, time.monotonic() - began)
        await asyncio.sleep(0.01)
    assert not waiting.done()
    assert 0.02 < longest < allowed(0.4), "it never tried" if longest < 0.02 else "others waited"
    await transaction.rollback()
    await holder.close()
    assert await waiting == 0


async def test_it_gives_up_on_a_lock_in_the_end(sql, database_url, monkeypatch) -> None:
    """Somebody who never lets go of a table is told of, with the statement that was to be run."""
    monkeypatch.setattr(rewriting, "_PAUSE", 0.01)
    async with sql.transaction():
        await sql.execute("LOCK TABLE configs IN ACCESS SHARE MODE")
        async with connect(database_url) as connection:
            with pytest.raises(Conflict, match=r"VACUUM \(FULL\) configs"):
                await rewriting.patiently(connection, "VACUUM (FULL) configs", attempts=2)


async def test_only_the_owner_scrubs(servers: EmbeddedServers, empty_database_url: str, root_keys, tmp_path) -> None:
    """The service's own role, which owns no table, is refused at once; with the owner's URL it works."""
    address, _, socket = empty_database_url.partition("?")
    name = address.rsplit("/", 1)[1]
    server = await asyncpg.connect(servers.database_url)
    owner, service = f"o_{name}", f"s_{name}"
    for statement in (
        f"CREATE ROLE {owner} LOGIN",
        f"CREATE ROLE {service} LOGIN",
        f"ALTER DATABASE {name} OWNER TO {owner}",
    ):
        await server.execute(statement)
    urls = [f"postgresql://{role}@/{name}?{socket}" for role in (service, owner)]
    environ = {"DATABASE_URL": urls[0], "STRONGROOM_ROOT_KEYS": root_keys, "STRONGROOM_HOME": str(tmp_path)}
    given = argparse.ArgumentParser()
    scrub.add_arguments(given)
    options = given.parse_args(["--yes", "--before-verify", "--json"])
    try:
        await migrate(*urls)
        with pytest.raises(SettingsError, match="only the tables' owner"):
            await scrub.run(environ, options)
        assert await scrub.run(environ | {"STRONGROOM_MIGRATION_DATABASE_URL": urls[1]}, options) == 0
    finally:
        await server.execute(f"ALTER DATABASE {name} OWNER TO CURRENT_USER")
        owned = await asyncpg.connect(empty_database_url)
        await owned.execute(f"DROP OWNED BY {owner}, {service} CASCADE")
        await owned.close()
        await server.execute(f"DROP ROLE {owner}, {service}")
        await server.close()


@pytest.mark.parametrize(("version", "superuser"), [(18, False), (15, True), (15, False)])
async def test_statistics_go_on_every_version(sql, database_url, monkeypatch, version: int, superuser: bool) -> None:
    """Before PostgreSQL 18, a superuser deletes the samples; others replace them by new ones of what is there."""
    async with connect(database_url) as connection:
        await connection.execute("ALTER TABLE configs ALTER COLUMN value SET STATISTICS 100")
        await plant_secrets(sql, 20)
        await connection.execute('ANALYZE configs; UPDATE configs SET value = \'{"value": "harmless"}\'')
        actual = type(connection.get_server_version())
        of_version = connection.get_server_version()._replace(major=version)
        assert isinstance(of_version, actual)
        monkeypatch.setattr(type(connection), "get_server_version", lambda self: of_version)
        left = await statistics.remove_statistics(connection, Rights(superuser, True, True))
        sampled = await connection.fetchval(
            "SELECT coalesce(most_common_vals::text, '') || coalesce(histogram_bounds::text, '')"
            " FROM pg_stats WHERE tablename = 'configs' AND attname = 'value'"
        )
    samples = version < 18 and not superuser
    assert left == (["configs.value"] if samples else [])
    assert (sampled is not None) == samples
    assert sampled is None or "harmless" in sampled
    assert (
        await sql.fetchval(
            "SELECT attstattarget FROM pg_attribute WHERE attname = 'value' AND attrelid = $1", await oid(sql)
        )
        == 0
    )


async def oid(sql: asyncpg.Connection) -> Any:
    return await sql.fetchval("SELECT 'configs'::regclass::oid")


async def test_the_checklist_names_credentials_by_what_became_of_them(
    transact: Callable[..., Awaitable[Any]], backfill, write_legacy, run_scrub, capsys
) -> None:
    """Sealed by a run, turned into a secret, written again, never exposed, not sealed yet: each is told apart."""
    fields = [Field("token", ConfigType.SECRET), Field("turned", ConfigType.STRING, position=1)]
    made = await transact(lambda t: create_integration(t, "halo", None, fields))
    await transact(lambda t: set_integration_config(t, made.id, {"turned": "plain until now"}, None))
    fields = [fields[0], Field("turned", ConfigType.SECRET, position=1)]
    await transact(lambda t: update_integration(t, made.id, {}, fields))
    for key in ("sealed", "rotated"):
        await write_legacy(key, "plaintext", type="secret")
    await write_legacy("token", "plaintext", integration=str(made.id))
    await backfill()
    for key in ("rotated", "ours"):
        await transact(lambda t, key=key: set_config(t, StandaloneWrite(None, key, ConfigType.SECRET, "new")))
    await write_legacy("late", "plaintext", type="secret")
    assert await run_scrub("--checklist", "--json") == 0
    told = capsys.readouterr().out
    assert {(c["integration"], c["key"]): c["state"] for c in json.loads(told)["credentials"]} == {
        ("halo", "token"): "SAME",
        ("halo", "turned"): "SAME",
        (None, "sealed"): "SAME",
        (None, "rotated"): "WRITTEN",
        (None, "late"): "PLAIN",
    }
    assert "plaintext" not in told.replace("while it was plaintext", "")
    assert await run_scrub("--checklist") == 0
    assert "[ ] halo / every organization: token, turned" in capsys.readouterr().out


async def _do_not_wait(connection: Any, seconds: float) -> None:
    """The holder of the lock would be waited for."""
