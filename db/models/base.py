"""The declarative base, and the column types that guard what a row may hold."""

import uuid
from datetime import datetime
from typing import Annotated, Any

from sqlalchemy import DateTime, Dialect, LargeBinary, MetaData, TypeDecorator, Uuid
from sqlalchemy.dialects.postgresql import ENUM, JSONB
from sqlalchemy.orm import DeclarativeBase, mapped_column

from db.crypto.sealing import data_key_id_of
from db.values import ConfigType


class Sealed(TypeDecorator[bytes]):
    """A column that holds sealed values only: anything that is not of the sealed format is refused."""

    impl = LargeBinary
    cache_ok = True

    def process_bind_param(self, value: bytes | None, dialect: Dialect) -> bytes | None:
        """Refuse, before the statement is sent, bytes that are not of the sealed format."""
        if value is not None:
            data_key_id_of(value)
        return value


class Base(DeclarativeBase):
    """All tables. Constraint names follow one convention, so that migrations can name them."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s",
            "pk": "%(table_name)s_pkey",
        }
    )


def _values(kinds: type[ConfigType]) -> list[str]:
    return [kind.value for kind in kinds]


CONFIG_TYPE = ENUM(ConfigType, name="config_type", create_type=False, values_callable=_values)
"""The legacy enum `config_type`."""

Id = Annotated[uuid.UUID, mapped_column(Uuid, primary_key=True)]
Moment = Annotated[datetime, mapped_column(DateTime(timezone=True))]
Wrapped = Annotated[dict[str, Any], mapped_column(JSONB(none_as_null=True))]
"""A JSON value as the tables hold it: `{"value": …}`, so that a JSON null is no SQL null."""
