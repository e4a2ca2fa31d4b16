"""How lists of configs are sorted."""

import uuid
from datetime import datetime
from enum import StrEnum
from typing import Final

from db.models import Config
from db.pages import Order

_BY_KEY: Final = ("configs", (Config.key, Config.id), (str, uuid.UUID))
_BY_UPDATE: Final = ("configs by update", (Config.updated_at, Config.id), (datetime, uuid.UUID))


class ConfigOrder(StrEnum):
    """How a list of configs is sorted."""

    KEY = "key"
    KEY_DESC = "key_desc"
    UPDATED_AT = "updated_at"
    UPDATED_AT_DESC = "updated_at_desc"


ORDERS: Final = {
    ConfigOrder.KEY: Order(*_BY_KEY),
    ConfigOrder.KEY_DESC: Order(*_BY_KEY, descending=True),
    ConfigOrder.UPDATED_AT: Order(*_BY_UPDATE),
    ConfigOrder.UPDATED_AT_DESC: Order(*_BY_UPDATE, descending=True),
}
"""By column a kind of its own: a cursor by key does not pass for one by time."""
