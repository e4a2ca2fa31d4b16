"""What the service keeps about its callers and their deeds: tokens and the audit log."""

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import DateTime, LargeBinary, String, Uuid, func
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from db.models.base import Base, Id, Moment


class Token(Base):
    """A bearer token: the SHA-256 of its secret, what it may do, and where. Limits null are no limits.

    After a rotation the secret before it holds until `previous_until`.
    """

    __tablename__ = "tokens"

    id: Mapped[Id]
    name: Mapped[str] = mapped_column(String(255))
    secret_hash: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    permissions: Mapped[list[str]] = mapped_column(ARRAY(String))
    organization_ids: Mapped[list[uuid.UUID] | None] = mapped_column(ARRAY(Uuid))
    integration_ids: Mapped[list[uuid.UUID] | None] = mapped_column(ARRAY(Uuid))
    expires_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    revoked_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    created_at: Mapped[Moment] = mapped_column(server_default=func.now())
    created_by: Mapped[str] = mapped_column(String(255))
    is_admin: Mapped[bool] = mapped_column(server_default="false")
    last_used_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    previous_hash: Mapped[bytes | None] = mapped_column(LargeBinary, unique=True)
    previous_until: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class AuditEvent(Base):
    """One deed: who, what, on which row, when. Never a value; no foreign keys, so that it outlives the rows."""

    __tablename__ = "audit_log"

    id: Mapped[Id]
    at: Mapped[Moment] = mapped_column(server_default=func.now())
    actor: Mapped[str] = mapped_column(String(255))
    token_id: Mapped[uuid.UUID | None]
    action: Mapped[str] = mapped_column(String(64))
    organization_id: Mapped[uuid.UUID | None]
    integration_id: Mapped[uuid.UUID | None]
    config_id: Mapped[uuid.UUID | None]
    keys: Mapped[list[str] | None] = mapped_column(ARRAY(String))
    detail: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
