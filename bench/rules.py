"""Writing by the service's own rules, without a server: how the benches' worlds are made."""

import uuid
from collections.abc import Awaitable, Callable
from typing import TypeVar

from bench.stage import Stage
from db.access import Permission, Principal
from db.audit.chain import AuditLog
from db.crypto.data_keys import DataKeys
from db.crypto.keyring import RootKeyring
from db.crypto.legacy import LegacyKeys
from db.sessions import Database
from db.tokens import NewToken, create_token
from db.upgrade import upgrade
from db.vault import Transaction, Vault

T = TypeVar("T")


async def transact(made: Stage, work: Callable[[Transaction], Awaitable[T]]) -> T:
    """Migrate the stage's database and run `work` in one transaction, as somebody who may do everything."""
    await upgrade(made.database_url)
    database = Database(made.database_url, connections=1)
    keyring = RootKeyring.parse(made.root_keys)
    vault = Vault(DataKeys(keyring), LegacyKeys([]), AuditLog(keyring))
    maker = Principal(uuid.uuid4(), "bench", frozenset(Permission))
    try:
        return await database.write(lambda session: work(Transaction(session, maker, vault)))
    finally:
        await database.close()


async def make_token(made: Stage, *permissions: Permission) -> str:
    """A token with these permissions and no limits."""

    async def make(transaction: Transaction) -> str:
        return (await create_token(transaction, NewToken("bench", list(permissions))))[1]

    return await transact(made, make)
