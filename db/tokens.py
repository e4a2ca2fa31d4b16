"""Bearer tokens: random, shown once, stored hashed. They grant and revoke only within their own rights."""

import hashlib
import secrets
import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy import Row, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert

from db import access
from db.access import EVERYTHING, Limit, Permission, Principal
from db.arrays import among
from db.audit.deeds import Deed
from db.errors import Conflict, Forbidden, NotFound, refuse
from db.limits import Problems
from db.models import Integration, Organization, Token
from db.policy import admit
from db.sessions import ReadSession
from db.vault import Transaction

PREFIX: Final = "srt_"
"""Begins every generated token, so that secret scanners find one that leaks."""

LIMITS_LIMIT: Final = 10_000
"""Organizations, and integrations, that one token may be limited to."""

_PERMISSIONS_LIMIT: Final = 100

OVERLAP_LIMIT: Final = 7 * 24 * 60 * 60
"""For how many seconds the secret before a rotation may go on holding: a week at most."""

_NAMES: Final = frozenset(permission.value for permission in Permission)
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


def principal_of(row: Row[Any]) -> Principal:
    """A token's row as the caller that it stands for, by its present secret."""
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
    admit(principal, "Mutation.createToken")
    problems = Problems()
    problems.name(new.name, "name")
    permissions = _check_permissions(new.permissions, problems)
    _check_end(new.expires_at, problems)
    if new.integrations is not None and len(new.integrations) > LIMITS_LIMIT:
        problems.add(f"must name {LIMITS_LIMIT:,} at most", "integrations")
    wanted = _wanted_ids(new.organization_ids, problems)
    problems.check()
    organizations = await _organization_ids(transaction, wanted)
    integrations = await _integration_ids(transaction, new.integrations)
    granted = Principal(uuid.uuid4(), new.name, permissions, organizations, integrations, new.expires_at)
    if not within(granted, principal):
        raise Forbidden("a token grants only within its own permissions, limits and expiry")
    token = generate_token()
    await transaction.session.execute(insert(Token), [_row(granted, new.permissions, token, principal.name)])
    detail = {"token": str(granted.token_id), "name": new.name, "permissions": sorted(set(new.permissions))}
    transaction.record(Deed("token.create", detail=detail))
    return granted.token_id, token


async def revoke_token(transaction: Transaction, id: uuid.UUID) -> None:
    """Revoke a token within the caller's own rights. Idempotent; NotFound for any other."""
    admit(transaction.principal, "Mutation.revokeToken")
    await _lock(transaction, id)
    statement = update(Token).where(Token.id == id, Token.revoked_at.is_(None)).values(revoked_at=func.now())
    await transaction.session.execute(statement)
    transaction.record(Deed("token.revoke", detail={"token": str(id)}))


async def rotate_token(transaction: Transaction, id: uuid.UUID, overlap_seconds: int) -> tuple[str, datetime]:
    """A new secret for a token, told only here, and until when the one before it holds.

    The token stays what it is: id, name, rights, expiry. A secret that is older still ends now, so that at most two
    hold at any time. Raises Conflict for a token that no longer holds, and for the admin token, which a setting makes.
    """
    admit(transaction.principal, "Mutation.rotateToken")
    if not 0 <= overlap_seconds <= OVERLAP_LIMIT:
        refuse(f"must be between 0 and {OVERLAP_LIMIT:,}", "overlapSeconds")
    row = await _lock(transaction, id)
    now = datetime.now(UTC)
    if row.is_admin:
        raise Conflict("the admin token is replaced by STRONGROOM_ADMIN_TOKEN, not by a rotation")
    if row.revoked_at is not None or (row.expires_at is not None and row.expires_at <= now):
        raise Conflict("the token does not hold any more")
    token, until = generate_token(), now + timedelta(seconds=overlap_seconds)
    changed = {"secret_hash": hash_token(token), "previous_hash": row.secret_hash, "previous_until": until}
    await transaction.session.execute(update(Token).where(Token.id == id).values(**changed))
    detail = {"token": str(id), "overlapSeconds": overlap_seconds}
    transaction.record(Deed("token.rotate", detail=detail))
    return token, until if row.expires_at is None else min(until, row.expires_at)


async def _lock(transaction: Transaction, id: uuid.UUID) -> Row[Any]:
    """The token, if it is within the caller's own rights. NotFound for any other."""
    statement = select(*TOKEN_COLUMNS, Token.is_admin, Token.revoked_at).where(Token.id == id)
    row = await transaction.session.first(statement.with_for_update())
    if row is None or not within(principal_of(row), transaction.principal):
        raise NotFound("token")
    return row


async def replace_admin_token(transaction: Transaction, token: str) -> bool:
    """Make `token` the only admin token; the one before it no longer holds.

    False for a token that was revoked: it stays revoked, whatever a setting says.
    """
    admin = Principal(uuid.uuid4(), "admin", frozenset(Permission))
    row = _row(admin, [EVERYTHING], token, "start-up") | {"is_admin": True}
    session, hash = transaction.session, row["secret_hash"]
    known = await session.first(select(Token.id, Token.is_admin, Token.revoked_at).where(Token.secret_hash == hash))
    # Revoked ones are kept, so that they are known as such.
    others = delete(Token).where(Token.is_admin, Token.secret_hash != hash, Token.revoked_at.is_(None))
    replaced = await session.execute(others)
    if known is not None and known.revoked_at is not None:
        if replaced:
            transaction.record(Deed("token.admin", detail={"token": str(known.id), "replaced": replaced}))
        return False
    anew = {key: value for key, value in row.items() if key not in ("id", "secret_hash")}
    statement = insert(Token).values(row).on_conflict_do_update(index_elements=[Token.secret_hash], set_=anew)
    id = await session.scalar(statement.returning(Token.id))
    if replaced or known is None or not known.is_admin:
        # Not at each start that brings the same token.
        transaction.record(Deed("token.admin", detail={"token": str(id), "replaced": replaced}))
    return True


async def find_admin_token(session: ReadSession) -> bool | None:
    """Whether the admin token holds; None if none has been made yet."""
    return await session.scalar(select(func.bool_or(Token.revoked_at.is_(None))).where(Token.is_admin))


def within(granted: Principal, granting: Principal) -> bool:
    """Whether one token's rights are all within another's."""
    return (
        granted.permissions <= granting.permissions
        and _limit_within(granted.organization_ids, granting.organization_ids)
        and _limit_within(granted.integration_ids, granting.integration_ids)
        and (
            granting.grants_until is None
            or (granted.expires_at is not None and granted.expires_at <= granting.grants_until)
        )
    )


def _limit_within(inner: Limit, outer: Limit) -> bool:
    return outer is None or (inner is not None and inner <= outer)


def _permissions(names: Collection[str]) -> frozenset[Permission]:
    if EVERYTHING in names:
        return frozenset(Permission)
    return frozenset(Permission(name) for name in names if name in _NAMES)


def _check_permissions(names: Sequence[str], problems: Problems) -> frozenset[Permission]:
    if not 0 < len(names) <= _PERMISSIONS_LIMIT:
        problems.add(f"must name between 1 and {_PERMISSIONS_LIMIT} permissions", "permissions")
        return frozenset()
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
    if len(given) > LIMITS_LIMIT:
        problems.add(f"must name {LIMITS_LIMIT:,} at most", "organizationIds")
        return frozenset()
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


TOKEN_COLUMNS: Final = (
    Token.id,
    Token.name,
    Token.secret_hash,
    Token.permissions,
    Token.organization_ids,
    Token.integration_ids,
    Token.expires_at,
)
