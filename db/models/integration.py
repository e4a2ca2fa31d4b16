"""Integrations, the fields of their config schemas, and their mappings to organizations."""

import uuid
from typing import Any

from sqlalchemy import Computed, ForeignKey, Index, String, Text, UniqueConstraint, func
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from db.models.base import CONFIG_TYPE, Base, Id, Moment
from db.values import ConfigType

FIELD_TYPE = (
    "CASE type WHEN 'int' THEN 'int'::config_type WHEN 'bool' THEN 'bool'::config_type "
    "WHEN 'json' THEN 'json'::config_type WHEN 'secret' THEN 'secret'::config_type "
    "ELSE 'string'::config_type END"
)
"""The legacy text column as the enum, computed by PostgreSQL: comparable, and older software need not know."""


class Integration(Base):
    """A product to connect to. A deleted one keeps its rows and its schema, and gives its name back."""

    __tablename__ = "integrations"
    __table_args__ = (Index("uq_integrations_name", "name", unique=True, postgresql_where="NOT is_deleted"),)

    id: Mapped[Id] = mapped_column(server_default=func.gen_random_uuid())
    name: Mapped[str] = mapped_column(String(255))
    list_entities_data_provider_id: Mapped[uuid.UUID | None]
    is_deleted: Mapped[bool] = mapped_column(server_default="false")
    created_at: Mapped[Moment] = mapped_column(server_default=func.now())
    updated_at: Mapped[Moment] = mapped_column(server_default=func.now())
    entity_id: Mapped[str | None] = mapped_column(String(255))
    entity_id_name: Mapped[str | None] = mapped_column(String(255))
    default_entity_id: Mapped[str | None] = mapped_column(String(255))
    description: Mapped[str | None] = mapped_column(Text)


class ConfigField(Base):
    """One field of an integration's config schema."""

    __tablename__ = "integration_config_schema"
    __table_args__ = (
        UniqueConstraint("id", "integration_id", "key", "field_type", name="uq_integration_config_schema_place_type"),
    )

    id: Mapped[Id]
    integration_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("integrations.id", onupdate="CASCADE", ondelete="CASCADE")
    )
    key: Mapped[str] = mapped_column(String(255))
    type: Mapped[str] = mapped_column(String(50))
    required: Mapped[bool] = mapped_column(server_default="false")
    description: Mapped[str | None] = mapped_column(String(500))
    options: Mapped[list[str] | None] = mapped_column(ARRAY(String))
    position: Mapped[int] = mapped_column(server_default="0")
    created_at: Mapped[Moment] = mapped_column(server_default=func.now())
    updated_at: Mapped[Moment] = mapped_column(server_default=func.now())
    default_value: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    field_type: Mapped[ConfigType] = mapped_column(CONFIG_TYPE, Computed(FIELD_TYPE, persisted=True))


class Mapping(Base):
    """Ties an organization to an integration; organization null is the fallback for all without one."""

    __tablename__ = "integration_mappings"
    __table_args__ = (UniqueConstraint("integration_id", "organization_id", name="uq_integration_org_mapping"),)

    id: Mapped[Id] = mapped_column(server_default=func.gen_random_uuid())
    integration_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("integrations.id", onupdate="CASCADE", ondelete="CASCADE")
    )
    organization_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("organizations.id", ondelete="CASCADE"))
    entity_id: Mapped[str] = mapped_column(String(255))
    entity_name: Mapped[str | None] = mapped_column(String(255))
    oauth_token_id: Mapped[uuid.UUID | None]
    created_at: Mapped[Moment] = mapped_column(server_default=func.now())
    updated_at: Mapped[Moment] = mapped_column(server_default=func.now())
