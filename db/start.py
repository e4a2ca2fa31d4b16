"""What happens before anything is served: migrate, open the keyring, make sure of an admin token."""

import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from sqlalchemy import func, null, select, union_all

from db.access import Permission, Principal
from db.chain import AuditLog
from db.crypto.data_keys import DataKeys
from db.crypto.keyring import RootKeyring
from db.crypto.legacy import LegacyKeys
from db.errors import SealError, SettingsError
from db.models import AuditKey, DataKey
from db.sessions import Database, ReadSession, WriteSession
from db.settings import Settings
from db.tokens import generate_token, has_admin_token, replace_admin_token
from db.upgrade import migrate
from db.vault import Transaction, Vault

KEYRING_FILE: Final = "root.keys"


@dataclass(frozen=True, slots=True)
class Prepared:
    """What start-up made: the admin token, if it is a new one that has to be told."""

    admin_token: str | None = field(repr=False)


async def prepare(settings: Settings, database_url: str) -> Prepared:
    """Migrate the database, check that the keyring opens it, and see to the admin token.

    Raises SettingsError, in one line, when the keyring is missing or does not fit the database.
    """
    await migrate(database_url, settings.migration_database_url)
    database = Database(database_url, connections=1)
    try:
        async with database.read() as session:
            keyring = await open_keyring(settings, session, create=True)
        vault = make_vault(settings, keyring)
        return Prepared(await database.write(lambda session: _ensure_admin(settings, session, vault)))
    finally:
        await database.close()


async def open_keyring(settings: Settings, session: ReadSession, *, create: bool = False) -> RootKeyring:
    """The root keyring of the settings or of the home. A new one is made only for a database without keys."""
    path = settings.home / KEYRING_FILE
    if settings.root_keys is not None:
        keyring = RootKeyring.parse(settings.root_keys)
    elif path.exists():
        keyring = RootKeyring.load(path)
    else:
        return await _create_keyring(path, session, create=create)
    await check_keyring(keyring, session)
    return keyring


def make_vault(settings: Settings, keyring: RootKeyring) -> Vault:
    """The vault of these settings."""
    legacy_keys = LegacyKeys.from_settings(
        settings.legacy_fernet_keys,
        settings.legacy_secret_key,
        settings.legacy_secret_key_salt,
        settings.legacy_secret_key_info,
    )
    return Vault(DataKeys(keyring), legacy_keys, AuditLog(keyring))


async def check_keyring(keyring: RootKeyring, session: ReadSession) -> None:
    """Refuse a keyring that lacks a root key which the database needs, or that has another key under its id."""
    wrapped = union_all(select(DataKey.root_key_id), select(AuditKey.root_key_id)).subquery()
    statement = select(wrapped.c.root_key_id, func.count().label("keys")).group_by(wrapped.c.root_key_id)
    counts = await session.rows(statement)
    lacking = {row.root_key_id: row.keys for row in counts if row.root_key_id not in keyring.ids}
    if lacking:
        told = ", ".join(
            f"{root_key_id} ({count} keys)" for root_key_id, count in sorted(lacking.items())
        )
        raise SettingsError(f"the root keyring lacks keys that the database is sealed with: {told}")
    for root_key_id in (row.root_key_id for row in counts):
        await _check_root_key(keyring, session, root_key_id)


async def _check_root_key(keyring: RootKeyring, session: ReadSession, root_key_id: str) -> None:
    """Try the root key on the newest data key and on the newest audit key under it."""
    for model, scope in ((DataKey, DataKey.organization_id), (AuditKey, null())):
        statement = select(model.id, scope, model.root_key_id, model.wrapped).where(model.root_key_id == root_key_id)
        row = await session.first(statement.order_by(model.created_at.desc()).limit(1))
        if row is not None and not _opens(keyring, *row):
            raise SettingsError(f"the root key {root_key_id} is not the one that the database is sealed with")


def _opens(
    keyring: RootKeyring, key_id: uuid.UUID, scope: uuid.UUID | None, root_key_id: str, wrapped: bytes
) -> bool:
    try:
        keyring.unwrap(root_key_id, wrapped, data_key_id=key_id, organization_id=scope)
    except SealError:
        return False
    return True


async def _create_keyring(path: Path, session: ReadSession, *, create: bool) -> RootKeyring:
    data_keys = await session.scalar(select(func.count()).select_from(DataKey))
    audit_keys = await session.scalar(select(func.count()).select_from(AuditKey))
    if data_keys or audit_keys:
        raise SettingsError(
            f"there is no root keyring, but the database holds {data_keys + audit_keys} keys sealed with one: "
            "set STRONGROOM_ROOT_KEYS, or put the keyring file back"
        )
    if not create:
        raise SettingsError(
            f"there is no root keyring: set STRONGROOM_ROOT_KEYS, or make {path} with `make run`"
        )
    return RootKeyring.create(path)


async def _ensure_admin(settings: Settings, session: WriteSession, vault: Vault) -> str | None:
    """The token to tell, if one was generated."""
    start_up = Principal(uuid.UUID(int=0), "start-up", frozenset(Permission))
    transaction = Transaction(session, start_up, vault)
    if settings.admin_token is not None:
        await replace_admin_token(transaction, settings.admin_token)
        return None
    if await has_admin_token(session):
        return None
    token = generate_token()
    await replace_admin_token(transaction, token)
    return token
