"""Configs, their history and their quarantine."""

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    DateTime,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    String,
    Text,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from db.models.base import CONFIG_TYPE, Base, Id, Moment, Sealed
from db.values import ConfigType

SEALED_OR_PLAIN = (
    "(config_type = 'secret') = (sealed IS NOT NULL) AND (sealed IS NULL) = (value IS NOT NULL) "
    "AND (sealed IS NULL) = (data_key_id IS NULL)"
)
"""A secret is sealed and has no value; everything else has a value and is not sealed."""

NOWHERE = uuid.UUID(int=0)
"""Stands for a null id where an index must find it: `IS NOT DISTINCT FROM` uses no index."""


class Config(Base):
    """One stored value. Rows that older software wrote are `legacy` until this service writes or seals them."""

    __tablename__ = "configs"
    __table_args__ = (
        CheckConstraint(f"legacy OR ({SEALED_OR_PLAIN})", name="sealed_or_plain"),
        CheckConstraint("field_id IS NULL OR integration_id IS NOT NULL", name="field_of_integration"),
        ForeignKeyConstraint(
            ["field_id", "integration_id", "key", "config_type"],
            [f"integration_config_schema.{column}" for column in ("id", "integration_id", "key", "field_type")],
            name="fk_configs_field",
        ),
        Index(
            "uq_configs_place",
            "integration_id",
            "organization_id",
            "key",
            unique=True,
            postgresql_nulls_not_distinct=True,
        ),
        Index("ix_configs_key_id", "key", "id"),
    )

    id: Mapped[Id]
    organization_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("organizations.id"))
    key: Mapped[str] = mapped_column(String(255))
    value: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    config_type: Mapped[ConfigType] = mapped_column(CONFIG_TYPE, server_default="string")
    description: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[Moment] = mapped_column(server_default=func.now())
    updated_at: Mapped[Moment] = mapped_column(server_default=func.now())
    updated_by: Mapped[str] = mapped_column(String(255))
    integration_id: Mapped[uuid.UUID | None] = mapped_column(
        ForeignKey("integrations.id", onupdate="CASCADE", ondelete="CASCADE")
    )
    config_schema_id: Mapped[uuid.UUID | None] = mapped_column(
        ForeignKey("integration_config_schema.id", ondelete="SET NULL")
    )
    legacy: Mapped[bool] = mapped_column(server_default="true")
    sealed: Mapped[bytes | None] = mapped_column(Sealed)
    data_key_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("data_keys.id"))
    field_id: Mapped[uuid.UUID | None]
    version: Mapped[int] = mapped_column(server_default="1")
    exposed_version: Mapped[int | None]
    """The last version of which this secret's value was stored unsealed or under an older software's key. Null: none;
    0: not known, since the row is older than this column."""


class ConfigVersion(Base):
    """An earlier value of a config, by its place, so that it outlives the row.

    `undecided`: what the row held could not be opened, so it is kept and never shown as a value.
    `returns`: the value was dropped with its field, and comes back with it.
    """

    __tablename__ = "config_history"
    __table_args__ = (
        CheckConstraint(f"undecided OR ({SEALED_OR_PLAIN})", name="sealed_or_plain"),
        Index(
            "uq_config_history_place",
            text(f"coalesce(integration_id, '{NOWHERE}')"),
            text(f"coalesce(organization_id, '{NOWHERE}')"),
            "key",
            "version",
            unique=True,
        ),
    )

    id: Mapped[Id]
    integration_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("integrations.id", ondelete="CASCADE"))
    organization_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("organizations.id", ondelete="CASCADE"))
    key: Mapped[str] = mapped_column(String(255))
    version: Mapped[int]
    config_type: Mapped[ConfigType] = mapped_column(CONFIG_TYPE)
    value: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    sealed: Mapped[bytes | None] = mapped_column(Sealed)
    data_key_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("data_keys.id"))
    undecided: Mapped[bool] = mapped_column(server_default="false")
    returns: Mapped[bool] = mapped_column(server_default="false")
    description: Mapped[str | None] = mapped_column(Text)
    changed_at: Mapped[Moment]
    changed_by: Mapped[str] = mapped_column(String(255))
    reason: Mapped[str] = mapped_column(String(255))
    superseded_at: Mapped[Moment] = mapped_column(server_default=func.now())


class QuarantinedConfig(Base):
    """A legacy row that a run could not decide, and why. A write or a delete of the row clears it.

    `seen_writer` is the transaction that had written the row by then (its `xmin`), `seen_type` its effective type: when
    either is another by now, a new run may decide otherwise.
    """

    __tablename__ = "quarantined_configs"

    config_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("configs.id", ondelete="CASCADE"), primary_key=True)
    run_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("backfill_runs.id"))
    reason: Mapped[str] = mapped_column(String(255))
    since: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    seen_writer: Mapped[int | None] = mapped_column(BigInteger)
    seen_type: Mapped[ConfigType | None] = mapped_column(CONFIG_TYPE)
