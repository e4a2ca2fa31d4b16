"""Bearer tokens: random, shown once, stored hashed. They grant and revoke only within their creator's own rights."""

import hashlib
import hmac
import secrets
import time
import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import Row, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert

from db import access
from db.access import EVERYTHING, Limit, Permission, Principal
from db.arrays import among
from db.audit import Deed, record
from db.errors import Forbidden, NotFound, Unauthenticated
from db.limits import Problems
from db.models import Integration, Organization, Token
from db.sessions import ReadSession
from db.vault import Transaction

PREFIX: Final = "srt_"
"""Begins every generated token, so that secret scanners find one that leaks."""

FRESH_SECONDS: Final = 0.5
"""How long another process may go on honouring a token that was revoked here: well within a second."""

_REMEMBERED: Final = 10_000
_NAMES: Final = frozenset(permission.value for permission in Permission)
_SHORTEST, _LONGEST = 32, 512
_LAST: Final = datetime(9999, 1, 1, tzinfo=UTC)
"""Later moments of some time zones have no year in UTC."""


@dataclass(frozen=True, slots=True)
class NewToken:
    """What a token is to be. Limits None are no limits; integrations are given by name."""

    name: str
    permissions: Sequence[str]
    organization_ids: Sequence[str] | None = None
    integrations: Sequence[str] | None = None
    expires_at: datetime | None = None


def generate_token() -> str:
    """A random token of 256 bits."""
    return PREFIX + secrets.token_urlsafe(32)


def hash_token(token: str) -> bytes:
    """What is stored of a token: SHA-256, since 256 random bits need no slow hash."""
    return hashlib.sha256(token.encode()).digest()


class Authenticator:
    """Finds the principal of a token; remembers it for half a second, and forgets it at once when revoked here."""

    def __init__(self) -> None:
        self._known: dict[bytes, tuple[float, Principal]] = {}
        self._forgotten = 0

    def recall(self, token: str) -> Principal | None:
        """The principal, if it was looked up within the last half second and has not expired."""
        found = self._known.get(hash_token(token))
        if found is None or time.monotonic() - found[0] > FRESH_SECONDS:
            return None
        return check_expiry(found[1])

    async def authenticate(self, session: ReadSession, token: str) -> Principal:
        """The principal of a token. Raises Unauthenticated, and never tells why."""
        if not _SHORTEST <= len(token) <= _LONGEST or not token.isascii():
            raise Unauthenticated
        wanted, asked, forgotten = hash_token(token), time.monotonic(), self._forgotten
        row = await session.first(
            select(*_COLUMNS).where(Token.secret_hash == wanted, Token.revoked_at.is_(None))
        )
        if row is None or not hmac.compare_digest(row.secret_hash, wanted):
            raise Unauthenticated
        principal = check_expiry(principal_of(row))
        if len(self._known) >= _REMEMBERED:
            self._known.clear()
        # A row that was read before a revocation says nothing about what came after.
        if forgotten == self._forgotten:
            self._known[wanted] = (asked, principal)
        return principal

    def forget(self) -> None:
        """Look every token up again: one of them was revoked or changed."""
        self._forgotten += 1
        self._known.clear()


def check_expiry(principal: Principal) -> Principal:
    """The principal, unless its token has expired."""
    if principal.expires_at is not None and principal.expires_at <= datetime.now(UTC):
        raise Unauthenticated
    return principal


def principal_of(row: Row[Any]) -> Principal:
    """A token's row as the caller that it stands for."""
    return Principal(
        token_id=row.id,
        name=row.name,
        permissions=_permissions(row.permissions),
        organization_ids=None if row.organization_ids is None else frozenset(row.organization_ids),
        integration_ids=None if row.integration_ids is None else frozenset(row.integration_ids),
        expires_at=row.expires_at,
    )


async def create_token(transaction: Transaction, new: NewToken) -> tuple[uuid.UUID, str]:
    """A token within the creator's own rights: its id, and the token itself, which is told only here."""
    principal = transaction.principal
    principal.require(Permission.TOKEN_MANAGE)
    problems = Problems()
    problems.name(new.name, "name")
    permissions = _check_permissions(new.permissions, problems)
    _check_end(new.expires_at, problems)
    wanted = _wanted_ids(new.organization_ids, problems)
    problems.check()
    organizations = await _organization_ids(transaction, wanted)
    integrations = await _integration_ids(transaction, new.integrations)
    granted = Principal(uuid.uuid4(), new.name, permissions, organizations, integrations, new.expires_at)
    if not within(granted, principal):
        raise Forbidden("a token grants only within its own permissions, limits and expiry")
    token = generate_token()
    await transaction.session.execute(insert(Token), [_row(granted, new.permissions, token, principal.name)])
    await record(
        transaction.session, principal, Deed("token.create", detail={"token": str(granted.token_id)})
    )
    return granted.token_id, token


async def revoke_token(transaction: Transaction, id: uuid.UUID) -> None:
    """Revoke a token within the caller's own rights. Idempotent; NotFound for any other."""
    transaction.principal.require(Permission.TOKEN_MANAGE)
    row = await transaction.session.first(select(*_COLUMNS).where(Token.id == id).with_for_update())
    if row is None or not within(principal_of(row), transaction.principal):
        raise NotFound("token")
    statement = update(Token).where(Token.id == id, Token.revoked_at.is_(None)).values(revoked_at=func.now())
    await transaction.session.execute(statement)
    await record(transaction.session, transaction.principal, Deed("token.revoke", detail={"token": str(id)}))


async def replace_admin_token(transaction: Transaction, token: str) -> None:
    """Make `token` the only admin token; the one before it no longer holds."""
    admin = Principal(uuid.uuid4(), "admin", frozenset(Permission))
    row = _row(admin, [EVERYTHING], token, "start-up") | {"is_admin": True, "revoked_at": None}
    await transaction.session.execute(delete(Token).where(Token.is_admin, Token.secret_hash != row["secret_hash"]))
    anew = {key: value for key, value in row.items() if key not in ("id", "secret_hash")}
    statement = insert(Token).values(row).on_conflict_do_update(index_elements=[Token.secret_hash], set_=anew)
    await transaction.session.execute(statement)


async def has_admin_token(session: ReadSession) -> bool:
    """Whether an admin token has been made already."""
    return await session.scalar(select(Token.id).where(Token.is_admin).limit(1)) is not None


def within(granted: Principal, granting: Principal) -> bool:
    """Whether one token's rights are all within another's."""
    return (
        granted.permissions <= granting.permissions
        and _limit_within(granted.organization_ids, granting.organization_ids)
        and _limit_within(granted.integration_ids, granting.integration_ids)
        and (
            granting.expires_at is None
            or (granted.expires_at is not None and granted.expires_at <= granting.expires_at)
        )
    )


def _limit_within(inner: Limit, outer: Limit) -> bool:
    return outer is None or (inner is not None and inner <= outer)


def _permissions(names: Collection[str]) -> frozenset[Permission]:
    if EVERYTHING in names:
        return frozenset(Permission)
    return frozenset(Permission(name) for name in names if name in _NAMES)


def _check_permissions(names: Sequence[str], problems: Problems) -> frozenset[Permission]:
    if not names:
        problems.add("must name at least one permission", "permissions")
    for index, name in enumerate(names):
        if name != EVERYTHING and name not in _NAMES:
            problems.add(f"must be one of: {', '.join(Permission)}, {EVERYTHING}", "permissions", index)
    return _permissions(names)


def _check_end(expires_at: datetime | None, problems: Problems) -> None:
    if expires_at is None:
        return
    if expires_at <= datetime.now(UTC):
        problems.add("must be in the future", "expiresAt")
    elif expires_at > _LAST:
        problems.add("must be before the year 9999", "expiresAt")


def _wanted_ids(given: Sequence[str] | None, problems: Problems) -> Limit:
    if given is None:
        return None
    return frozenset(problems.id(id, "organizationIds", index) for index, id in enumerate(given))


async def _organization_ids(transaction: Transaction, wanted: Limit) -> Limit:
    if wanted is None:
        return None
    statement = select(Organization.id).where(
        among(Organization.id, wanted), access.organizations_of(transaction.principal)
    )
    found = {row.id for row in await transaction.session.rows(statement)}
    if wanted - found:
        raise NotFound("organization")
    return frozenset(found)


async def _integration_ids(transaction: Transaction, names: Sequence[str] | None) -> Limit:
    if names is None:
        return None
    statement = select(Integration.id, Integration.name).where(
        among(Integration.name, set(names)), access.integrations_of(transaction.principal)
    )
    found = {row.name: row.id for row in await transaction.session.rows(statement)}
    if set(names) - set(found):
        raise NotFound("integration")
    return frozenset(found.values())


def _row(granted: Principal, permissions: Sequence[str], token: str, created_by: str) -> dict[str, Any]:
    return {
        "id": granted.token_id,
        "name": granted.name,
        "secret_hash": hash_token(token),
        "permissions": sorted(set(permissions)),
        "organization_ids": None if granted.organization_ids is None else sorted(granted.organization_ids),
        "integration_ids": None if granted.integration_ids is None else sorted(granted.integration_ids),
        "expires_at": granted.expires_at,
        "created_by": created_by,
    }


_COLUMNS = (
    Token.id,
    Token.name,
    Token.secret_hash,
    Token.permissions,
    Token.organization_ids,
    Token.integration_ids,
    Token.expires_at,
)
