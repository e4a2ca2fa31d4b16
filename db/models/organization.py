"""Organizations and the data keys that seal their secrets."""

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import DateTime, ForeignKey, Index, LargeBinary, String, func
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from db.models.base import Base, Id, Moment


class Organization(Base):
    """A customer of the platform."""

    __tablename__ = "organizations"

    id: Mapped[Id]
    name: Mapped[str] = mapped_column(String(255))
    domain: Mapped[str | None] = mapped_column(String(255))
    is_active: Mapped[bool] = mapped_column(server_default="true")
    settings: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default="{}")
    created_at: Mapped[Moment] = mapped_column(server_default=func.now())
    created_by: Mapped[str] = mapped_column(String(255))
    updated_at: Mapped[Moment] = mapped_column(server_default=func.now())
    is_provider: Mapped[bool] = mapped_column(server_default="false")


class DataKey(Base):
    """A random key, wrapped by a root key. Organization null is the scope `global`; one per scope is active."""

    __tablename__ = "data_keys"
    __table_args__ = (
        Index(
            "uq_data_keys_active",
            "organization_id",
            unique=True,
            postgresql_where="active",
            postgresql_nulls_not_distinct=True,
        ),
    )

    id: Mapped[Id]
    organization_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("organizations.id", ondelete="CASCADE"))
    root_key_id: Mapped[str] = mapped_column(String(64))
    wrapped: Mapped[bytes] = mapped_column(LargeBinary)
    active: Mapped[bool] = mapped_column(server_default="true")
    created_at: Mapped[Moment] = mapped_column(server_default=func.now())
    retired_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
