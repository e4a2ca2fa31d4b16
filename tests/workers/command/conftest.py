"""`python -m workers backfill`, in this process.

settings    what the command is told by its environment
run         `await run("start", "--watch")`: exit code, standard output and error
"""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from workers import backfill_command
from workers.__main__ import main

Run = Callable[..., Awaitable[tuple[int, str, str]]]


@pytest.fixture
def settings(database_url: str, root_keys: str, tmp_path: Path) -> dict[str, str]:
    return {"DATABASE_URL": database_url, "STRONGROOM_ROOT_KEYS": root_keys, "STRONGROOM_HOME": str(tmp_path)}


@pytest.fixture
def run(settings: dict[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command in this process, deaf to signals: exit code, standard output and error."""
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(backfill_command, "_heed_signals", asyncio.Event)

    async def command(*arguments: str) -> tuple[int, str, str]:
        def call() -> int:
            try:
                return main(["backfill", *arguments])
            except SystemExit as end:
                return int(str(end.code))

        code = await asyncio.to_thread(call)
        told = capsys.readouterr()
        return code, told.out, told.err

    return command
