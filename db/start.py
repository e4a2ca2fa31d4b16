"""What happens before anything is served: migrate, open the keyring, make sure of an admin token."""

import logging
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Final

from sqlalchemy import func, select, text

from db.access import Permission, Principal
from db.audit.chain import AuditLog
from db.crypto.data_keys import DataKeys
from db.crypto.keyring import RootKeyring
from db.errors import SettingsError
from db.models import AuditKey, DataKey
from db.root_keys import check_keyring
from db.sessions import Database, ReadSession, WriteSession
from db.settings import Settings
from db.tokens import find_admin_token, generate_token, replace_admin_token
from db.upgrade import migrate
from db.vault import Transaction, Vault

_logger = logging.getLogger("strongroom.start")

_STAYS_REVOKED: Final = "the token in STRONGROOM_ADMIN_TOKEN was revoked and stays so: set another one"
_NO_ADMIN: Final = "the admin token was revoked, and there is no other: set STRONGROOM_ADMIN_TOKEN to make one"

KEYRING_FILE: Final = "root.keys"

_ADMIN_LOCK: Final = 0x57_52_41_44
"""The advisory lock under which the admin token is made: two first starts at once make one."""


async def prepare(settings: Settings, database_url: str, tell: Callable[[str], None]) -> None:
    """Migrate the database, check that the keyring opens it, and see to the admin token.

    A token that is made now is told before it is committed: a start that dies in between leaves one that
    does not hold, and the next start makes another, where the other order would lock everybody out.
    Raises SettingsError, in one line, when the keyring is missing or does not fit the database.
    """
    await migrate(database_url, settings.migration_database_url)
    database = Database(database_url, connections=1)
    try:
        async with database.read() as session:
            keyring = await open_keyring(settings, session, create=True)
        vault = _make_vault(settings, keyring)
        await database.write(lambda session: _ensure_admin(settings, session, vault, tell))
    finally:
        await database.close()


async def open_keyring(settings: Settings, session: ReadSession, *, create: bool = False) -> RootKeyring:
    """The root keyring of the settings or of the home. A new one is made only for a database without keys."""
    keyring = read_keyring(settings)
    if keyring is None:
        return await _create_keyring(settings.home / KEYRING_FILE, session, create=create)
    await check_keyring(keyring, session)
    return keyring


def read_keyring(settings: Settings) -> RootKeyring | None:
    """The root keyring, whether or not it opens anything; None where there is none."""
    path = settings.home / KEYRING_FILE
    if settings.root_keys is not None:
        return RootKeyring.parse(settings.root_keys)
    return RootKeyring.load(path) if path.exists() else None


async def open_vault(settings: Settings, database: Database) -> Vault:
    """The vault of these settings. Raises SettingsError where its keyring does not open what the database holds."""
    async with database.read() as session:
        return _make_vault(settings, await open_keyring(settings, session))


def _make_vault(settings: Settings, keyring: RootKeyring) -> Vault:
    return Vault(DataKeys(keyring), settings.legacy_keys(), AuditLog(keyring))


async def set_admin_token(settings: Settings, database: Database, vault: Vault) -> None:
    """Make the token of the settings, if there is one, the only admin token: for an API that runs by itself."""
    if settings.admin_token is not None:
        await database.write(lambda session: _ensure_admin(settings, session, vault, _untold))


async def _create_keyring(path: Path, session: ReadSession, *, create: bool) -> RootKeyring:
    data_keys = await session.scalar(select(func.count()).select_from(DataKey))
    audit_keys = await session.scalar(select(func.count()).select_from(AuditKey))
    if data_keys or audit_keys:
        raise SettingsError(
            f"there is no root keyring, but the database holds {data_keys + audit_keys} keys sealed with one: "
            "set STRONGROOM_ROOT_KEYS, or put the keyring file back"
        )
    if not create:
        raise SettingsError(f"there is no root keyring: set STRONGROOM_ROOT_KEYS, or make {path} with `make run`")
    return RootKeyring.create(path)


def _untold(token: str) -> None:
    raise AssertionError("a given token is not made")


async def _ensure_admin(settings: Settings, session: WriteSession, vault: Vault, tell: Callable[[str], None]) -> None:
    await session.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _ADMIN_LOCK})
    start_up = Principal(uuid.UUID(int=0), "start-up", frozenset(Permission))
    transaction = Transaction(session, start_up, vault)
    if settings.admin_token is not None:
        if not await replace_admin_token(transaction, settings.admin_token):
            _logger.warning(_STAYS_REVOKED)
        return
    holds = await find_admin_token(session)
    if holds is None:
        token = generate_token()
        await replace_admin_token(transaction, token)
        tell(token)
    elif not holds:
        _logger.warning(_NO_ADMIN)
