"""`python -m workers backfill quarantine`."""

import asyncio
import json
import uuid
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from tests.workers.kit import plant_secrets
from workers.__main__ import main

Run = Callable[..., Awaitable[tuple[int, str, str]]]


@pytest.fixture
def run(
    database_url: str,
    root_keys: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Run:
    """Runs the command in this process: exit code, standard output and error."""
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("STRONGROOM_ROOT_KEYS", root_keys)
    monkeypatch.setenv("STRONGROOM_HOME", str(tmp_path))

    async def command(*arguments: str) -> tuple[int, str, str]:
        code = await asyncio.to_thread(main, ["backfill", *arguments])
        told = capsys.readouterr()
        return code, told.out, told.err

    return command


async def test_the_quarantine_page_by_page(sql, run: Run, backfill) -> None:
    """`quarantine` tells each row that nobody could decide: since when, where and why, a page at a time and of one run
    if that is asked for; never a value."""
    assert await run("quarantine") == (0, "", "strongroom: nothing is in quarantine\n")
    await plant_secrets(sql, 5)
    await sql.execute("UPDATE integration_config_schema SET type = 'int'")
    done = await backfill()
    assert done.quarantined == 5
    lines, after = list[str](), list[str]()
    while after != ["--after", ""]:
        code, out, err = await run("quarantine", str(done.id), "--first", "2", *after)
        lines += out.splitlines()
        assert (code, len(out.splitlines())) == (0, 2 if err else 1)
        after = ["--after", err.partition("5 rows in all; the next ones: --after ")[2].strip()]
    rows = await sql.fetch("SELECT id::text, key FROM configs")
    assert len(lines) == 5
    for row in rows:
        (line,) = [line for line in lines if row["id"] in line]
        assert line.endswith(f"  {row['key']}: does not fit its type int: must be a whole number of 64 bits")
        assert line.count(row["id"]) == 1
        assert " UTC  " in line
    code, out, err = await run("quarantine", "--json", "--first", "200")
    told = json.loads(out)
    assert (code, err, told["totalCount"], told["after"]) == (0, "", 5, None)
    assert {(row["configId"], row["key"], row["integration"]) for row in told["quarantine"]} == {
        (row["id"], row["key"], "i1") for row in rows
    }
    assert {row["runId"] for row in told["quarantine"]} == {str(done.id)}
    for arguments in ((str(uuid.uuid4()),), ("--first", "0"), ("--after", "x")):
        assert (await run("quarantine", *arguments))[0] == 2
