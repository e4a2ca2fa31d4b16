"""What the service keeps about its callers: tokens."""

import uuid
from datetime import datetime

from sqlalchemy import DateTime, LargeBinary, String, Uuid, func
from sqlalchemy.dialects.postgresql import ARRAY
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
