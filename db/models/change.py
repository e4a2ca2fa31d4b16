"""What changed of what is resolved, for the feed of changes."""

import uuid
from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, DateTime, Identity, Index, String, func, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from db.models.base import Base


class ConfigChange(Base):
    """What one statement changed at one place. Triggers write it; nothing else does.

    `transaction_id` is the writing transaction's, since numbers are not in the order of commits. An integration, an
    organization or keys left null are any. The name is told where it may have changed.
    """

    __tablename__ = "config_changes"
    __table_args__ = (Index("ix_config_changes_at", "at"),)

    transaction_id: Mapped[int] = mapped_column(
        BigInteger, primary_key=True, server_default=text("(pg_current_xact_id()::text::bigint)")
    )
    number: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.clock_timestamp())
    integration_id: Mapped[uuid.UUID | None]
    organization_id: Mapped[uuid.UUID | None]
    integration_name: Mapped[str | None] = mapped_column(String(255))
    keys: Mapped[list[str] | None] = mapped_column(ARRAY(String(255)))
    version: Mapped[int | None]


class PrunedChanges(Base):
    """The one row that tells the newest transaction of which changes have been pruned; 0 for none."""

    __tablename__ = "config_changes_pruned"
    __table_args__ = (CheckConstraint("single", name="single"),)

    single: Mapped[bool] = mapped_column(primary_key=True, server_default="true")
    transaction_id: Mapped[int] = mapped_column(BigInteger)
