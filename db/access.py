"""Who may do what, and where. The one place: every query starts from a gate of this module.

A caller is refused in this order: FORBIDDEN without the permission; NOT_FOUND for whatever its limits
hide (the same as for what does not exist); FORBIDDEN for changing or revealing something global with a
token that is limited to organizations.
"""

import uuid
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, and_, or_, true
from sqlalchemy.orm import InstrumentedAttribute

from db.arrays import among
from db.errors import Forbidden
from db.models import AuditEvent, Config, Integration, Mapping, Organization, Token

Limit = frozenset[uuid.UUID] | None
"""The ids a token is limited to; None is no limit."""


class Permission(StrEnum):
    """What a token may do; `*` stands for all of them."""

    AUDIT_READ = "audit:read"
    BACKFILL_RUN = "backfill:run"
    CONFIG_READ = "config:read"
    CONFIG_RESOLVE = "config:resolve"
    CONFIG_REVEAL = "config:reveal"
    CONFIG_WRITE = "config:write"
    INTEGRATION_WRITE = "integration:write"
    ORGANIZATION_WRITE = "organization:write"
    TOKEN_MANAGE = "token:manage"  # noqa: S105 - a permission's name


EVERYTHING = "*"


@dataclass(frozen=True, slots=True)
class Principal:
    """An authenticated caller: its permissions, its limits, its expiry.

    A person signs in with a JWT, which ends soon; the person's rights do not end with it.
    """

    token_id: uuid.UUID
    name: str
    permissions: frozenset[Permission]
    organization_ids: Limit = None
    integration_ids: Limit = None
    expires_at: datetime | None = None
    is_person: bool = False

    @property
    def grants_until(self) -> datetime | None:
        """The latest expiry of a token that it may grant; None is no limit."""
        return None if self.is_person else self.expires_at

    def may(self, permission: Permission) -> bool:
        """Whether the token holds a permission."""
        return permission in self.permissions

    def require(self, *permissions: Permission) -> None:
        """Refuse a caller that holds none of these permissions."""
        if not any(permission in self.permissions for permission in permissions):
            raise Forbidden(f"needs the permission {' or '.join(permissions)}")

    def require_global(self) -> None:
        """Refuse a token limited to organizations: this concerns all of them."""
        if self.organization_ids is not None:
            raise Forbidden("a token limited to organizations cannot change or reveal what is global")

    def require_unlimited(self) -> None:
        """Refuse a token with any limit: this concerns every organization and every integration."""
        self.require_global()
        if self.integration_ids is not None:
            raise Forbidden("a token limited to integrations cannot do this")

    def require_owner(self, organization_id: uuid.UUID | None) -> None:
        """Refuse to change or reveal something global (no organization) with a limited token."""
        if organization_id is None:
            self.require_global()

    def sees_organization(self, organization_id: uuid.UUID | None) -> bool:
        """Whether something of this organization (None: global) is visible."""
        return organization_id is None or _within(organization_id, self.organization_ids)

    def sees_integration(self, integration_id: uuid.UUID | None) -> bool:
        """Whether something of this integration is visible; a limited token sees nothing standalone."""
        return self.integration_ids is None or (integration_id in self.integration_ids)


def limited_to(organization_ids: Limit = None, integration_ids: Limit = None) -> Principal:
    """A caller with these limits and nothing else: the gates of a statement that is kept for all who have the same."""
    return Principal(uuid.UUID(int=0), "", frozenset(), organization_ids, integration_ids)


def organizations_of(principal: Principal) -> ColumnElement[bool]:
    """The gate of `organizations`."""
    return _limited(Organization.id, principal.organization_ids)


def integrations_of(principal: Principal) -> ColumnElement[bool]:
    """The gate of `integrations`: those that are not deleted."""
    return and_(~Integration.is_deleted, _limited(Integration.id, principal.integration_ids))


def configs_of(principal: Principal) -> ColumnElement[bool]:
    """The gate of `configs`: own and global ones."""
    return and_(
        _limited_or_global(Config.organization_id, principal.organization_ids),
        _limited(Config.integration_id, principal.integration_ids),
    )


def mappings_of(principal: Principal) -> ColumnElement[bool]:
    """The gate of `integration_mappings`: own and fallback ones."""
    return and_(
        _limited_or_global(Mapping.organization_id, principal.organization_ids),
        _limited(Mapping.integration_id, principal.integration_ids),
    )


def tokens_of(principal: Principal) -> ColumnElement[bool]:
    """The gate of `tokens`: those whose rights are all within the caller's. In Python: `db.tokens.within`."""
    conditions: list[ColumnElement[bool]] = []
    if principal.permissions != frozenset(Permission):
        conditions.append(Token.permissions.contained_by(sorted(principal.permissions)))
    if principal.organization_ids is not None:
        conditions.append(Token.organization_ids.contained_by(sorted(principal.organization_ids)))
    if principal.integration_ids is not None:
        conditions.append(Token.integration_ids.contained_by(sorted(principal.integration_ids)))
    if principal.grants_until is not None:
        conditions.append(Token.expires_at <= principal.grants_until)
    return and_(true(), *conditions)


def events_of(principal: Principal) -> ColumnElement[bool]:
    """The gate of `audit_log`: with a limit, what is within it; what is global only without."""
    return and_(
        _limited(AuditEvent.organization_id, principal.organization_ids),
        _limited(AuditEvent.integration_id, principal.integration_ids),
    )


def _limited(column: InstrumentedAttribute[Any], limit: Limit) -> ColumnElement[bool]:
    return true() if limit is None else among(column, sorted(limit))


def _limited_or_global(column: InstrumentedAttribute[Any], limit: Limit) -> ColumnElement[bool]:
    return true() if limit is None else or_(column.is_(None), among(column, sorted(limit)))


def _within(identifier: uuid.UUID, limit: Collection[uuid.UUID] | None) -> bool:
    return limit is None or identifier in limit
