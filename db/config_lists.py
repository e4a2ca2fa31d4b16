"""Lists of configs, sorted, and narrowed to what is asked for."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import BindParameter, ColumnElement, Select, String, Uuid, bindparam, case, func, literal, or_, select

from db import access
from db.access import Limit, Principal, limited_to
from db.config_orders import ORDERS, ConfigOrder
from db.configs import select_configs
from db.errors import NotFound
from db.limits import NAME_LIMIT, Problems
from db.models import Config, Integration, Organization
from db.models.base import CONFIG_TYPE
from db.pages import Page, count_rows, fetch_page
from db.policy import admit
from db.prepared import Shapes
from db.sessions import QuickSession
from db.stored import SchemaField, StoredConfig, stored_record
from db.values import ConfigType

ORDER: Final = ORDERS[ConfigOrder.KEY]
"""How it is sorted unless told otherwise."""


class ScopeFilter(StrEnum):
    """Which rows a list shows, relative to an organization."""

    ALL = "all"
    GLOBAL_ONLY = "global_only"
    ORGANIZATION_ONLY = "organization_only"
    ORGANIZATION_AND_GLOBAL = "organization_and_global"


@dataclass(frozen=True, slots=True)
class Filter:
    """What a list of configs is narrowed to."""

    scope: ScopeFilter = ScopeFilter.ORGANIZATION_AND_GLOBAL
    organization_id: uuid.UUID | None = None
    integration_id: uuid.UUID | None = None
    type: ConfigType | None = None
    key_contains: str | None = None
    standalone: bool | None = None


async def list_configs(
    session: QuickSession,
    principal: Principal,
    wanted: Filter,
    first: int,
    after: str | None,
    order: ConfigOrder = ConfigOrder.KEY,
) -> Page[StoredConfig]:
    """One page of configs, by key unless another order is given. No secret is opened for it."""
    admit(principal, "Query.configs")
    problems = Problems()
    problems.text(wanted.key_contains, NAME_LIMIT, "filter", "keyContains")
    problems.check()
    await check_filter(session, principal, wanted.organization_id, wanted.integration_id)
    shape, values = _shape(principal, wanted)
    sorted_by = (ORDERS[order], first, after)
    return await fetch_page(session, (_PAGES, _COUNTS), (order, *shape), values, sorted_by, stored_record)


def _shape(principal: Principal, wanted: Filter) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """What the statement depends on, and the values of its names."""
    given = wanted.organization_id is not None, wanted.integration_id is not None, bool(wanted.key_contains)
    values = {
        "organization": wanted.organization_id,
        "integration": wanted.integration_id,
        "text": f"%{_escape(wanted.key_contains or '')}%",
    }
    limits = principal.organization_ids, principal.integration_ids
    return (*limits, wanted.scope, wanted.type, wanted.standalone, *given), values


def _select_listed(
    organizations: Limit,
    integrations: Limit,
    scope: ScopeFilter,
    kind: ConfigType | None,
    standalone: bool | None,
    *given: bool,
) -> Select[*tuple[Any, ...]]:
    """The configs of a shape (`_shape`), seen by a caller with these limits."""
    of, at, has_text = given
    conditions = list(_scope(scope, bindparam("organization", type_=Uuid) if of else None))
    if at:
        conditions.append(Config.integration_id == bindparam("integration", type_=Uuid))
    if kind is not None:
        conditions.append(effective_type() == literal(kind, CONFIG_TYPE))
    if standalone is not None:
        conditions.append(Config.integration_id.is_(None) if standalone else Config.integration_id.is_not(None))
    if has_text:
        conditions.append(Config.key.ilike(bindparam("text", type_=String), escape="\\"))
    return select_configs(limited_to(organizations, integrations)).where(*conditions)


def _select_page(*shape: Any) -> Select[*tuple[Any, ...]]:
    order, *listed, after = shape
    return ORDERS[order].prepare(_select_listed(*listed), after=after)


def _count_listed(*shape: Any) -> Select[*tuple[Any, ...]]:
    _, *listed = shape
    return count_rows(_select_listed(*listed))


_PAGES: Final = Shapes(_select_page)
_COUNTS: Final = Shapes(_count_listed)


def _escape(text: str) -> str:
    """The text as a pattern that stands for itself."""
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


async def check_filter(
    session: QuickSession,
    principal: Principal,
    organization_id: uuid.UUID | None,
    integration_id: uuid.UUID | None,
) -> None:
    """Refuse to filter by an organization or integration that the caller does not see."""
    if organization_id is not None:
        seen = await session.fetch(_SEEN_ORGANIZATION.find(principal.organization_ids), id=organization_id)
        if not seen:
            raise NotFound("organization")
    if integration_id is not None and not await session.fetch(
        _SEEN_INTEGRATION.find(principal.integration_ids), id=integration_id
    ):
        raise NotFound("integration")


def _select_organization(limits: Limit) -> Select[*tuple[Any, ...]]:
    gate = access.organizations_of(limited_to(limits))
    return select(Organization.id).where(Organization.id == bindparam("id"), gate)


def _select_integration(limits: Limit) -> Select[*tuple[Any, ...]]:
    gate = access.integrations_of(limited_to(integration_ids=limits))
    return select(Integration.id).where(Integration.id == bindparam("id"), gate)


_SEEN_ORGANIZATION: Final = Shapes(_select_organization)
_SEEN_INTEGRATION: Final = Shapes(_select_integration)


def effective_type() -> ColumnElement[ConfigType]:
    """The effective type, in SQL: as StoredConfig.type."""
    own: ColumnElement[ConfigType] = func.coalesce(SchemaField.field_type, Config.config_type)
    secret: ColumnElement[ConfigType] = literal(ConfigType.SECRET, CONFIG_TYPE)
    return case((Config.sealed.is_not(None), secret), else_=own)


def _scope(scope: ScopeFilter, of: BindParameter[uuid.UUID] | None) -> Sequence[ColumnElement[bool]]:
    is_global = Config.organization_id.is_(None)
    match scope:
        case ScopeFilter.GLOBAL_ONLY:
            return [is_global]
        case ScopeFilter.ORGANIZATION_ONLY:
            return [~is_global if of is None else Config.organization_id == of]
        case ScopeFilter.ORGANIZATION_AND_GLOBAL if of is not None:
            return [or_(Config.organization_id == of, is_global)]
        case _:
            return []
