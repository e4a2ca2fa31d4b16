"""People: a JWT of the configured provider, checked in every respect, becomes a principal.

Whatever is wrong with one, the caller learns only that it does not hold. A claim that is configured and missing,
or not of its form, takes every permission away: a mistake at the provider opens nothing.
"""

import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final, cast

import jwt
from jwt.exceptions import PyJWTError
from sqlalchemy import select

from db.access import EVERYTHING, Limit, Permission, Principal
from db.arrays import among
from db.errors import Unauthenticated
from db.jwks import KeySet
from db.limits import NAME_LIMIT
from db.models import Integration
from db.oidc import Oidc, grant
from db.sessions import Database
from db.values import storable

LONGEST_JWT: Final = 16_384

_PEOPLE: Final = uuid.UUID("5f0a3d0e-7f0a-5c43-9d0d-6a3f0c8f5b1e")
"""The namespace of people's ids: the same person at the same provider is always the same id."""

_LISTED: Final = 10_000
_MISSING: Final = object()

_UNREADABLE: Final = (PyJWTError, ValueError, TypeError, OverflowError, RecursionError, OSError)


class People:
    """Finds the person behind a JWT."""

    def __init__(self, oidc: Oidc, keys: KeySet | None = None) -> None:
        self._oidc = oidc
        self._keys = keys or KeySet(oidc)
        self._required = ["exp", "iss", "aud", "sub", *(["iat"] if oidc.max_age is not None else [])]

    async def identify(self, database: Database, credential: str) -> Principal:
        """The person. Raises Unauthenticated, and never tells why; Unavailable while no key can be had."""
        claims = await self._verify(credential)
        subject = _text(claims.get("sub"))
        if subject is None:
            raise Unauthenticated
        integrations = await _integration_ids(database, self._limit(claims, self._oidc.integrations_claim))
        organizations = _ids(self._limit(claims, self._oidc.organizations_claim))
        return Principal(
            token_id=uuid.uuid5(_PEOPLE, f"{self._oidc.issuer}\0{subject}"),
            name=_text(claims.get("preferred_username")) or subject,
            permissions=self._permissions(claims),
            organization_ids=organizations,
            integration_ids=integrations,
            expires_at=self._end(claims),
            is_person=True,
        )

    def close(self) -> None:
        """End what is under way in the background."""
        self._keys.close()

    async def _verify(self, credential: str) -> Mapping[str, Any]:
        if len(credential) > LONGEST_JWT or not credential.isascii():
            raise Unauthenticated
        header = _header(credential)
        algorithm, key_id = header.get("alg"), header.get("kid")
        # The list of algorithms is ours, the choice among them the key's: never what the token says of itself.
        if algorithm not in self._oidc.algorithms or not (key_id is None or isinstance(key_id, str)):
            raise Unauthenticated
        key = await self._keys.find(key_id, algorithm)
        if key is None:
            raise Unauthenticated
        try:
            return jwt.decode(
                credential,
                key,
                algorithms=[algorithm],
                audience=self._oidc.audience,
                issuer=self._oidc.issuer,
                leeway=self._oidc.leeway,
                options={"require": self._required, "enforce_minimum_key_length": True},
            )
        except _UNREADABLE:
            pass  # Raised below, outside, so that the refusal carries no cause.
        raise Unauthenticated

    def _end(self, claims: Mapping[str, Any]) -> datetime:
        end = _moment(claims["exp"], self._oidc.leeway)
        if self._oidc.max_age is None:
            return end
        return min(end, _moment(claims["iat"], self._oidc.leeway + self._oidc.max_age))

    def _permissions(self, claims: Mapping[str, Any]) -> frozenset[Permission]:
        limits = (self._oidc.organizations_claim, self._oidc.integrations_claim)
        if any(name is not None and _names(claims, name) is None for name in limits):
            return frozenset()
        names = _names(claims, self._oidc.permissions_claim) or frozenset()
        roles = self._oidc.roles
        if roles is None:
            return grant(names)
        return frozenset(permission for name in names for permission in roles.get(name, ()))

    def _limit(self, claims: Mapping[str, Any], claim: str | None) -> frozenset[str] | None:
        """What a person is limited to: None, no limit, only where no claim is configured, or where it says `*`."""
        if claim is None:
            return None
        names = _names(claims, claim) or frozenset()
        return None if EVERYTHING in names else names


def _header(credential: str) -> Mapping[str, Any]:
    try:
        return jwt.get_unverified_header(credential)
    except _UNREADABLE:
        pass
    raise Unauthenticated


def _names(claims: Mapping[str, Any], claim: str) -> frozenset[str] | None:
    """The texts that a claim lists, in an array or apart by spaces; None where it is missing or anything else."""
    found = _find(claims, claim)
    if isinstance(found, str):
        found = found.split()
    if not isinstance(found, list) or len(cast("list[Any]", found)) > _LISTED:
        return None
    listed = cast("list[Any]", found)
    return frozenset(listed) if all(isinstance(name, str) and storable(name) for name in listed) else None


def _find(claims: Mapping[str, Any], claim: str) -> Any:
    """A claim by its name, or by its path: `realm_access.roles`. A name with dots in it comes first."""
    if claim in claims:
        return claims[claim]
    found: Any = claims
    for step in claim.split("."):
        found = cast("dict[str, Any]", found).get(step, _MISSING) if isinstance(found, dict) else _MISSING
    return None if found is _MISSING else found


def _text(value: Any) -> str | None:
    """A name that can be kept and shown."""
    if not isinstance(value, str) or not storable(value) or not 1 <= len(value) <= NAME_LIMIT:
        return None
    return value


def _ids(names: frozenset[str] | None) -> Limit:
    if names is None:
        return None
    found: set[uuid.UUID] = set()
    for name in names:
        try:
            found.add(uuid.UUID(name))
        except ValueError:
            continue
    return frozenset(found)


async def _integration_ids(database: Database, names: frozenset[str] | None) -> Limit:
    if not names:
        return None if names is None else frozenset()
    statement = select(Integration.id).where(among(Integration.name, names), ~Integration.is_deleted)
    async with database.read() as session:
        return frozenset(row.id for row in await session.rows(statement))


def _moment(seconds: Any, leeway: int) -> datetime:
    try:
        return datetime.fromtimestamp(int(seconds) + leeway, UTC)
    except (ValueError, OverflowError, OSError):
        pass
    raise Unauthenticated
