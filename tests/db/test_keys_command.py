"""`python -m db keys`, as an operator runs it."""

import base64
import json
import os
import subprocess
import sys
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from db import __main__ as command
from db.audit.chain import AuditLog
from db.configs import StandaloneWrite, set_config
from db.crypto.data_keys import DataKeys
from db.crypto.keyring import RootKeyring
from db.crypto.legacy import LegacyKeys
from db.values import ConfigType
from db.vault import Transaction, Vault

ROOT = Path(__file__).parent.parent.parent

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def entries() -> dict[str, str]:
    """Two root keys."""
    return {name: f"{name}:{base64.b64encode(os.urandom(32)).decode()}" for name in ("new", "old")}


@pytest.fixture
async def key(entries, database, admin) -> uuid.UUID:
    """The only data key, under the old root key, and an audit key."""
    keyring = RootKeyring.parse(entries["old"])
    vault = Vault(DataKeys(keyring), LegacyKeys([]), AuditLog(keyring))

    async def work(session: Any) -> uuid.UUID:
        transaction = Transaction(session, admin, vault)
        await set_config(transaction, StandaloneWrite(None, "k", ConfigType.SECRET, "s3cret"))
        return (await transaction.sealers([None]))[None].id

    return await database.write(work)


@pytest.fixture
def run(database_url: str, tmp_path: Path) -> Run:
    """Runs it to its end, with these root keys."""

    def command(root_keys: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        environ = {"DATABASE_URL": database_url, "STRONGROOM_ROOT_KEYS": root_keys, "STRONGROOM_HOME": str(tmp_path)}
        return subprocess.run(
            [sys.executable, "-m", "db", "keys", *arguments],
            cwd=ROOT,
            env=os.environ | environ,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    return command


async def test_a_table_of_root_keys(run: Run, entries, key) -> None:
    """One line a root key, the primary one first: what it wraps, and whether it may go. No key is printed."""
    done = run(f"{entries['new']},{entries['old']}")
    assert (done.returncode, done.stderr) == (0, "")
    head, *lines = [line.split() for line in done.stdout.splitlines()]
    assert " ".join(head) == "root key primary in keyring data keys of them retired audit keys safe to remove"
    assert lines == [["new", "yes", "yes", "0", "0", "0", "no"], ["old", "no", "yes", "1", "0", "1", "no"]]
    assert not any(entry.partition(":")[2] in done.stdout for entry in entries.values())


async def test_it_tells_what_start_up_refuses(run: Run, entries, key, sql) -> None:
    """A keyring that lacks a key, and a damaged data key: told by their ids, also as JSON; the exit code is 1."""
    done = run(entries["new"], "--json")
    assert done.returncode == 1
    told = json.loads(done.stdout)
    assert told["rootKeys"][1] == {
        "id": "old",
        "primary": False,
        "present": False,
        "dataKeys": 1,
        "retiredDataKeys": 0,
        "auditKeys": 1,
        "safeToRemove": False,
    }
    assert {"id": str(key), "kind": "data key", "rootKey": "old"} in told["shut"]
    await sql.execute("UPDATE data_keys SET wrapped = set_byte(wrapped, 20, get_byte(wrapped, 20) # 1)")
    done = run(entries["old"])
    assert (done.returncode, done.stdout.splitlines()[-1]) == (1, f"does not open: data key {key} under root key old")


@pytest.mark.parametrize("arguments", [["keys"], ["audit", "verify"]])
def test_whoever_opens_root_keys_leaves_no_core_dump(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, arguments: list[str]
) -> None:
    """The commands that have root keys in their memory forbid core dumps before they read any."""
    forbidden: list[bool] = []
    monkeypatch.setattr(command, "forbid_dumps", lambda: forbidden.append(True), raising=False)
    monkeypatch.setenv("STRONGROOM_HOME", str(tmp_path))
    monkeypatch.delenv("DATABASE_URL", raising=False)
    assert command.main(arguments) == 1
    assert forbidden == [True]
