"""`python -m db audit`, as an operator runs it: in this process, but for what only a process of its own shows."""

import asyncio
import json
import os
import subprocess
import sys
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from db import __main__ as command_line
from db.audit.buffer import AuditBuffer
from db.audit.deeds import Deed
from db.embedded.postgres import find_running

ROOT = Path(__file__).parent.parent.parent.parent
A = uuid.UUID(int=0xA)


@dataclass
class Done:
    """What a command printed, and its exit code."""

    returncode: int
    stdout: str
    stderr: str


Run = Callable[..., Awaitable[Done]]


@pytest.fixture
def environ(database_url: str, root_keys: str, tmp_path: Path) -> dict[str, str]:
    """What the command is told by its environment."""
    return {"DATABASE_URL": database_url, "STRONGROOM_ROOT_KEYS": root_keys, "STRONGROOM_HOME": str(tmp_path)}


@pytest.fixture
def run(environ: dict[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command to its end, on a thread of this process: it has a loop of its own."""
    monkeypatch.setattr(command_line, "forbid_dumps", lambda: None)  # It would hold for every test after this one.

    async def command(*arguments: str, **settings: str) -> Done:
        for name, value in (environ | settings).items():
            monkeypatch.setenv(name, value)
        capsys.readouterr()
        try:
            code = await asyncio.to_thread(command_line.main, ["audit", *arguments])
        except SystemExit as end:  # argparse's
            code = int(end.code or 0)
        told = capsys.readouterr()
        return Done(code, told.out, told.err)

    return command


async def test_verify(run: Run, record, tamper) -> None:
    """An intact log: what was looked at, and 0. One that is not: each event by chain, number and id, and 1."""
    await record(A, 3)
    await record(None)
    done = await run("verify")
    assert (done.returncode, done.stdout, done.stderr) == (0, "4 events of 2 chains: intact\n", "")
    change = "UPDATE audit_log SET actor = 'x' WHERE organization_id = $1 AND sequence = 2 RETURNING id"
    (row,) = await tamper(change, A)
    done = await run("verify")
    named = f"changed or inserted: chain {A} sequence 2 id {row['id']}\n"
    assert (done.returncode, done.stdout) == (1, f"{named}4 events of 2 chains: NOT intact\n")


async def test_checkpoint(run: Run, record, tamper, tmp_path: Path) -> None:
    """A checkpoint is JSON on standard output; verifying from it finds a tail that was cut off with its head."""
    await record(A, 3)
    kept = tmp_path / "checkpoint.json"
    kept.write_text((await run("checkpoint")).stdout)
    (chain,) = json.loads(kept.read_text())["chains"]
    assert (chain["organizationId"], chain["sequence"]) == (str(A), 3)
    assert (await run("verify", "--from-checkpoint", str(kept))).returncode == 0
    await tamper("DELETE FROM audit_log WHERE sequence = 3")
    await tamper("UPDATE audit_heads h SET sequence = 2, mac = l.mac FROM audit_log l WHERE l.sequence = 2")
    assert (await run("verify")).returncode == 0
    done = await run("verify", "--from-checkpoint", str(kept))
    assert (done.returncode, done.stdout.splitlines()[0]) == (1, f"cut off: chain {A} sequence 3")
    kept.write_text("{}")
    done = await run("verify", "--from-checkpoint", str(kept))
    assert (done.returncode, done.stderr.count("no checkpoint of this audit log")) == (1, 1)


async def test_export(run: Run, record, tamper) -> None:
    """Events as JSON lines, oldest first, with all that vouches for them; from one moment on and before another."""
    await record(A, 2, action="test.ä")
    await record(None)
    lines = [json.loads(line) for line in (await run("export")).stdout.splitlines()]
    assert [line["sequence"] for line in lines] == [1, 2, 1]
    assert lines[0]["action"] == "test.ä"
    assert lines[0]["keys"] == ["a", "b"]
    assert lines[0]["detail"]["big"] == 2**53 + 1
    assert lines[1]["previous"] == lines[0]["mac"]
    (row,) = await tamper("SELECT at FROM audit_log WHERE organization_id = $1 AND sequence = 2", A)
    moment = row["at"].isoformat()
    since = (await run("export", "--since", moment)).stdout.splitlines()
    until = (await run("export", "--until", moment)).stdout.splitlines()
    assert [*until, *since] == [json.dumps(line) for line in lines]
    assert len(since) == 2
    refused = await run("export", "--since", "yesterday")
    assert (refused.returncode, "--since: is no moment in ISO 8601: 'yesterday'" in refused.stderr) == (2, True)


@pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")
async def test_export_and_verify_need_no_more_memory_for_more_events(
    record, database, vault, admin, environ: dict[str, str], unmeasured: None
) -> None:
    """Thirty megabytes of events take no more memory than one event, but for a little: they are streamed."""
    # Not getrusage: what that tells of a child begins with its parent's.
    program = "import sys; from db.__main__ import main; main(sys.argv[1:])"
    program += "; print(open('/proc/self/status').read().split('VmHWM:')[1].split()[0], file=sys.stderr)"

    def measure(step: str) -> float:
        done = subprocess.run(
            [sys.executable, "-c", program, "audit", step],
            cwd=ROOT,
            env=os.environ | environ,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            check=True,
        )
        return int(done.stderr) / 1024

    await record(None)
    few = {step: measure(step) for step in ("export", "verify")}
    buffer = AuditBuffer(database, vault.audit)
    for number in range(6_000):
        buffer.add(admin, Deed("config.resolve", A, detail={"padding": "x" * 5_000, "number": number}))
    await buffer.flush()
    for step, before in few.items():
        assert measure(step) < before + 16


async def test_a_reader_that_has_read_enough(record, environ: dict[str, str]) -> None:
    """`… export | head` ends without a traceback."""
    await record(A, 3)
    command = f"{sys.executable} -u -m db audit export | true"
    done = subprocess.run(
        ["/bin/sh", "-c", command], cwd=ROOT, env=os.environ | environ, capture_output=True, text=True, check=False
    )
    assert done.stderr == ""


def test_an_embedded_server_is_found(servers, tmp_path: Path) -> None:
    """Without DATABASE_URL, the embedded server that runs in the home is meant; where none runs, none."""
    home = Path(servers.database_url.partition("host=")[2]).parent.parent
    assert find_running(home) == servers.database_url
    assert find_running(tmp_path) is None


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"STRONGROOM_ROOT_KEYS": "other:" + "A" * 43 + "="}, "the root keyring lacks keys"),
        ({"DATABASE_URL": ""}, "DATABASE_URL is set but blank"),
    ],
)
async def test_what_is_in_the_way_is_told(run: Run, record, settings: dict[str, str], told: str) -> None:
    """Without the right keyring, or the database, one line says so."""
    await record(A)
    done = await run("verify", **settings)
    assert done.returncode == 1
    assert told in done.stderr
    assert done.stdout == ""
