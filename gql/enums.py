"""The schema's enums: the rules' own enums, made known to Strawberry under the names of the contract."""

from enum import Enum

import strawberry

from db.config_lists import ScopeFilter
from db.config_orders import ConfigOrder
from db.models import BackfillKind, BackfillStatus
from db.snapshot import ValueSource
from db.values import ConfigType

__all__ = ["BackfillKind", "BackfillStatus", "ConfigOrder", "ConfigScope", "ConfigType", "ScopeFilter", "ValueSource"]

strawberry.enum(ConfigType, name="ConfigType", description="What a config's value is.")
strawberry.enum(
    ScopeFilter,
    name="ConfigScopeFilter",
    description=(
        "Which rows a list shows, relative to organizationId. Without one, ORGANIZATION_ONLY is any visible "
        "organization's and ORGANIZATION_AND_GLOBAL is ALL."
    ),
)
strawberry.enum(ConfigOrder, name="ConfigOrder", description="How a list of configs is sorted; _DESC is from the end.")
strawberry.enum(ValueSource, name="ValueSource", description="Which layer a resolved value is from; an override wins.")
strawberry.enum(
    BackfillKind,
    name="BackfillKind",
    description=(
        "SEAL seals and types what older software left. VERIFY opens every secret again and then shuts the door on "
        "legacy rows and wrong types. ROTATE seals everything, or some organizations' secrets, under new data keys. "
        "REWRAP wraps all data keys again under the primary root key, and touches no row."
    ),
)
strawberry.enum(BackfillStatus, name="BackfillStatus", description="Where a run stands; the last three are final.")


@strawberry.enum(description="Whom a config belongs to: every organization, or one.")
class ConfigScope(Enum):
    """Whom a config belongs to."""

    GLOBAL = "global"
    ORGANIZATION = "organization"
