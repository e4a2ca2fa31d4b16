"""The audit log, the heads of its chains, and the keys that vouch for it."""

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, DateTime, Index, LargeBinary, String, func, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from db.models.base import Base, Id, Moment


class AuditEvent(Base):
    """One deed: who, what, on which row, when, from where and why. Never a value.

    What was done `times` times over within one batch is one event, from `at` to `last_at`.

    No foreign keys, so that it outlives the rows. Its chain is its organization's; null is the chain of what is
    global. `mac` vouches for all other columns, `previous` among them: the `mac` of the event before.
    """

    __tablename__ = "audit_log"
    __table_args__ = (
        Index(
            "uq_audit_log_organization_id_sequence",
            "organization_id",
            "sequence",
            unique=True,
            postgresql_nulls_not_distinct=True,
        ),
        Index("ix_audit_log_at_id", "at", "id"),
        Index("ix_audit_log_organization_id", "organization_id", "at", "id"),
        Index("ix_audit_log_integration_id", "integration_id", "at", "id"),
        Index("ix_audit_log_config_id", "config_id", postgresql_where="config_id IS NOT NULL"),
    )

    id: Mapped[Id]
    organization_id: Mapped[uuid.UUID | None]
    sequence: Mapped[int] = mapped_column(BigInteger)
    at: Mapped[Moment]
    actor: Mapped[str] = mapped_column(String(255))
    token_id: Mapped[uuid.UUID | None]
    action: Mapped[str] = mapped_column(String(64))
    integration_id: Mapped[uuid.UUID | None]
    config_id: Mapped[uuid.UUID | None]
    keys: Mapped[list[str] | None] = mapped_column(ARRAY(String))
    detail: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    address: Mapped[str | None] = mapped_column(String(64))
    reason: Mapped[str | None] = mapped_column(String(500))
    times: Mapped[int] = mapped_column(BigInteger, server_default="1")
    last_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    key_id: Mapped[uuid.UUID]
    previous: Mapped[bytes] = mapped_column(LargeBinary)
    mac: Mapped[bytes] = mapped_column(LargeBinary)


class AuditHead(Base):
    """Where a chain ends. Whoever appends locks its row, so that a chain neither forks nor has gaps."""

    __tablename__ = "audit_heads"
    __table_args__ = (
        Index("uq_audit_heads_organization_id", "organization_id", unique=True, postgresql_nulls_not_distinct=True),
    )
    __mapper_args__ = {"primary_key": ["organization_id"]}  # noqa: RUF012 - as SQLAlchemy wants it

    organization_id: Mapped[uuid.UUID | None]
    sequence: Mapped[int] = mapped_column(BigInteger)
    mac: Mapped[bytes] = mapped_column(LargeBinary)


class AuditKey(Base):
    """A random key, wrapped by a root key, from which the key of the chains' MACs is derived. One is active.

    Retired ones are kept for as long as the log is: what they vouch for can be verified with nothing else.
    """

    __tablename__ = "audit_keys"
    __table_args__ = (Index("uq_audit_keys_active", text("(true)"), unique=True, postgresql_where="active"),)

    id: Mapped[Id]
    root_key_id: Mapped[str] = mapped_column(String(64))
    wrapped: Mapped[bytes] = mapped_column(LargeBinary)
    active: Mapped[bool] = mapped_column(server_default="true")
    created_at: Mapped[Moment] = mapped_column(server_default=func.now())
    retired_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
