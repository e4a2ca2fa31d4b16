"""The list of tokens: what each may do, and when it was last used; never its secret, nor the hash of it."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Row, Select, any_, case, func, select

from db import access
from db.access import Principal
from db.models import Integration, Token
from db.pages import Order, Page, read_page
from db.policy import admit
from db.sessions import ReadSession

ORDER: Final = Order("tokens", (Token.created_at, Token.id), (datetime, uuid.UUID), descending=True)


@dataclass(frozen=True, slots=True)
class TokenRow:
    """A token as those see it whose rights its own are within. Limits None are no limits."""

    id: uuid.UUID
    name: str
    permissions: Sequence[str]
    organization_ids: Sequence[uuid.UUID] | None
    integrations: Sequence[str] | None
    created_at: datetime
    created_by: str
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None
    previous_until: datetime | None


async def list_tokens(session: ReadSession, principal: Principal, first: int, after: str | None) -> Page[TokenRow]:
    """One page of the tokens within the caller's own rights, newest first; revoked and expired ones too."""
    admit(principal, "Query.tokens")
    return await read_page(session, select_tokens(principal), ORDER, first, after, _row)


def select_tokens(principal: Principal) -> Select[*tuple[Any, ...]]:
    """The tokens that a caller sees, as TokenRow."""
    names = select(Integration.name).where(Integration.id == any_(Token.integration_ids)).order_by(Integration.name)
    limits = case((Token.integration_ids.is_not(None), func.array(names.scalar_subquery()))).label("integrations")
    return select(
        Token.id,
        Token.name,
        Token.permissions,
        Token.organization_ids,
        limits,
        Token.created_at,
        Token.created_by,
        Token.expires_at,
        Token.revoked_at,
        Token.last_used_at,
        Token.previous_until,
    ).where(access.tokens_of(principal))


def _row(row: Row[Any]) -> TokenRow:
    return TokenRow(*row)
