"""What happens before anything is served: migrations, the root keyring, the admin token."""

import asyncio
import base64
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from db.audit.chain import AuditLog
from db.configs import StandaloneWrite, set_config
from db.crypto.data_keys import DataKeys
from db.crypto.keyring import RootKeyring
from db.crypto.legacy import LegacyKeys
from db.errors import SettingsError
from db.organizations import create_organization
from db.sessions import Database
from db.settings import Settings
from db.start import KEYRING_FILE, open_keyring, prepare
from db.values import ConfigType
from db.vault import Transaction, Vault

Seal = Callable[[RootKeyring], Awaitable[None]]


def settings_of(home: Path, **environ: str) -> Settings:
    return Settings.from_env({"STRONGROOM_HOME": str(home), **environ})


def entry(id: str) -> str:
    return f"{id}:{base64.b64encode(os.urandom(32)).decode()}"


def ignore(token: str) -> None:
    """For starts whose token does not matter."""


async def test_a_token_is_told_before_it_holds(tmp_path: Path, database_url: str) -> None:
    """A start that dies while the token is told makes none: the next start tells another, nobody is locked out."""

    def die(token: str) -> None:
        raise SystemExit(9)

    with pytest.raises(SystemExit):
        await prepare(settings_of(tmp_path), database_url, die)
    told: list[str] = []
    await prepare(settings_of(tmp_path), database_url, told.append)
    assert len(told) == 1


@pytest.fixture
def seal(database: Database, admin: Any) -> Seal:
    """Seals one secret of a new organization and a global one under a keyring."""

    async def run(keyring: RootKeyring) -> None:
        async def work(session: Any) -> None:
            transaction = Transaction(session, admin, Vault(DataKeys(keyring), LegacyKeys([]), AuditLog(keyring)))
            organization = (await create_organization(transaction, None, "A")).id
            for owner in (organization, None):
                write = StandaloneWrite(owner, f"k{owner}", ConfigType.SECRET, "s")
                await set_config(transaction, write)

        await database.write(work)

    return run


async def test_a_first_start_makes_a_private_keyring(tmp_path: Path, empty_database_url: str) -> None:
    """Without a keyring one is made under the home, mode 0600; the next start uses it again."""
    settings = settings_of(tmp_path)
    told: list[str] = []
    await prepare(settings, empty_database_url, told.append)
    path = tmp_path / KEYRING_FILE
    made = path.read_bytes()
    assert path.stat().st_mode & 0o777 == 0o600
    await prepare(settings, empty_database_url, told.append)
    assert path.read_bytes() == made
    assert len(told) == 1
    assert len(told[0]) >= 32


async def test_a_missing_keyring_is_never_made_anew(
    tmp_path: Path, database_url: str, seal: Seal, root_keyring: RootKeyring
) -> None:
    """Start-up refuses, and never makes a new keyring, when the database holds data keys."""
    await seal(root_keyring)
    with pytest.raises(SettingsError, match="no root keyring, but the database holds 3 keys"):
        await prepare(settings_of(tmp_path), database_url, ignore)
    assert list(tmp_path.iterdir()) == []


async def test_a_foreign_keyring_is_refused(
    tmp_path: Path, database_url: str, seal: Seal, root_keyring: RootKeyring
) -> None:
    """Start-up refuses a keyring without the root key that the data keys need, and names its id."""
    await seal(root_keyring)
    RootKeyring.create(tmp_path / KEYRING_FILE)
    held = (tmp_path / KEYRING_FILE).read_bytes()
    with pytest.raises(SettingsError, match=f"lacks keys .*{root_keyring.primary_id} .2 data keys, 1 audit key"):
        await prepare(settings_of(tmp_path), database_url, ignore)
    assert (tmp_path / KEYRING_FILE).read_bytes() == held


async def test_another_key_of_the_same_id_is_refused(tmp_path: Path, database_url: str, seal: Seal) -> None:
    """Start-up refuses a keyring that has the right id and the wrong key, in one line without any key."""
    await seal(RootKeyring.parse(entry("main")))
    wrong = entry("main")
    with pytest.raises(SettingsError, match="main") as refused:
        await prepare(settings_of(tmp_path, STRONGROOM_ROOT_KEYS=wrong), database_url, ignore)
    assert wrong.split(":")[1] not in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("newest", [True, False])
async def test_one_data_key_that_does_not_open_is_enough(
    newest: bool, tmp_path: Path, database_url: str, seal: Seal, sql: asyncpg.Connection
) -> None:
    """Start-up refuses when the database holds a data key that does not open, be it the oldest of many."""
    keys = entry("main")
    keyring = RootKeyring.parse(keys)
    await seal(keyring)
    await prepare(settings_of(tmp_path, STRONGROOM_ROOT_KEYS=keys), database_url, ignore)
    order = "DESC" if newest else "ASC"
    await sql.execute("UPDATE data_keys SET created_at = now() - interval '1 day' WHERE organization_id IS NULL")
    damaged = await sql.fetchval(
        "UPDATE data_keys SET wrapped = set_byte(wrapped, 20, get_byte(wrapped, 20) # 1) WHERE id ="
        f" (SELECT id FROM data_keys ORDER BY created_at {order} LIMIT 1) RETURNING id"
    )
    with pytest.raises(SettingsError, match=f"do not open: under root key main, 1 of 3: data key {damaged}$"):
        await prepare(settings_of(tmp_path, STRONGROOM_ROOT_KEYS=keys), database_url, ignore)


async def test_retired_root_keys_still_open(tmp_path: Path, database_url: str, seal: Seal) -> None:
    """A keyring with one primary and retired keys opens what each of them has wrapped."""
    old, new = entry("old"), entry("new")
    await seal(RootKeyring.parse(old))
    await prepare(settings_of(tmp_path, STRONGROOM_ROOT_KEYS=f"{new},{old}"), database_url, ignore)
    with pytest.raises(SettingsError, match=r"lacks keys .*old"):
        await prepare(settings_of(tmp_path, STRONGROOM_ROOT_KEYS=new), database_url, ignore)


async def test_processes_that_serve_never_make_a_keyring(tmp_path: Path, database: Database) -> None:
    """Only the start-up of everything makes a keyring; an API or worker by itself asks for one."""
    async with database.read() as session:
        with pytest.raises(SettingsError, match="there is no root keyring"):
            await open_keyring(settings_of(tmp_path), session)
    assert list(tmp_path.iterdir()) == []


async def test_two_first_starts_at_once(tmp_path: Path, database_url: str) -> None:
    """Two first starts at once end with one keyring that opens the database."""
    settings = settings_of(tmp_path)
    outcomes = await asyncio.gather(
        *(prepare(settings, database_url, ignore) for _ in range(2)), return_exceptions=True
    )
    assert any(not isinstance(outcome, BaseException) for outcome in outcomes), outcomes
    await prepare(settings, database_url, ignore)


async def test_a_given_admin_token_replaces_the_previous_one(
    tmp_path: Path, database_url: str, sql: asyncpg.Connection
) -> None:
    """STRONGROOM_ADMIN_TOKEN replaces the previous admin token at start, and is never told."""
    await prepare(settings_of(tmp_path), database_url, ignore)
    before = await sql.fetch("SELECT secret_hash FROM tokens WHERE is_admin AND revoked_at IS NULL")
    given = "t" * 32
    told: list[str] = []
    await prepare(settings_of(tmp_path, STRONGROOM_ADMIN_TOKEN=given), database_url, told.append)
    after = await sql.fetch("SELECT secret_hash FROM tokens WHERE is_admin AND revoked_at IS NULL")
    assert told == []
    assert len(before) == len(after) == 1
    assert before != after


@pytest.mark.parametrize("given", [True, False])
async def test_a_revoked_admin_token_is_told(
    tmp_path: Path, database_url: str, sql: asyncpg.Connection, caplog: pytest.LogCaptureFixture, given: bool
) -> None:
    """Where the admin token was revoked, a start with the same setting, or without one, says so in one line that does
    not repeat the token; it makes no other by itself."""
    changed = settings_of(tmp_path, **({"STRONGROOM_ADMIN_TOKEN": "t" * 40} if given else {}))
    told: list[str] = []
    await prepare(changed, database_url, told.append)
    await sql.execute("UPDATE tokens SET revoked_at = now()")
    caplog.clear()
    before = len(told)
    await prepare(changed, database_url, told.append)
    assert len(told) == before
    [line] = [record.getMessage() for record in caplog.records if record.name == "strongroom.start"]
    assert "revoked" in line
    assert "STRONGROOM_ADMIN_TOKEN" in line
    assert not any(token in line for token in [*told, "t" * 40])
    assert await sql.fetchval("SELECT count(*) FROM tokens WHERE revoked_at IS NULL") == 0
