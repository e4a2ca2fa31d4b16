"""The tables. Legacy names and shapes are kept; what is ours is added beside them."""

from db.models.audit import AuditEvent, AuditHead, AuditKey
from db.models.backfill import (
    ACTIVE,
    BackfillFinding,
    BackfillKind,
    BackfillMove,
    BackfillRun,
    BackfillSlice,
    BackfillStatus,
    BackfillTally,
)
from db.models.base import Base
from db.models.change import ConfigChange, PrunedChanges
from db.models.config import Config, ConfigVersion, QuarantinedConfig
from db.models.integration import ConfigField, Integration, Mapping
from db.models.organization import DataKey, Organization
from db.models.token import Token

__all__ = [
    "ACTIVE",
    "AuditEvent",
    "AuditHead",
    "AuditKey",
    "BackfillFinding",
    "BackfillKind",
    "BackfillMove",
    "BackfillRun",
    "BackfillSlice",
    "BackfillStatus",
    "BackfillTally",
    "Base",
    "Config",
    "ConfigChange",
    "ConfigField",
    "ConfigVersion",
    "DataKey",
    "Integration",
    "Mapping",
    "Organization",
    "PrunedChanges",
    "QuarantinedConfig",
    "Token",
]
