from enum import Enum


class BackfillKind(str, Enum):
    REWRAP = "REWRAP"
    ROTATE = "ROTATE"
    SEAL = "SEAL"
    VERIFY = "VERIFY"


class BackfillStatus(str, Enum):
    CANCELLED = "CANCELLED"
    CANCELLING = "CANCELLING"
    ENQUEUED = "ENQUEUED"
    FAILED = "FAILED"
    PAUSED = "PAUSED"
    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"


class ConfigScope(str, Enum):
    GLOBAL = "GLOBAL"
    ORGANIZATION = "ORGANIZATION"


class ConfigScopeFilter(str, Enum):
    ALL = "ALL"
    GLOBAL_ONLY = "GLOBAL_ONLY"
    ORGANIZATION_AND_GLOBAL = "ORGANIZATION_AND_GLOBAL"
    ORGANIZATION_ONLY = "ORGANIZATION_ONLY"


class ConfigType(str, Enum):
    BOOL = "BOOL"
    INT = "INT"
    JSON = "JSON"
    SECRET = "SECRET"
    STRING = "STRING"


class ValueSource(str, Enum):
    DEFAULT = "DEFAULT"
    OVERRIDE = "OVERRIDE"
    SCHEMA_DEFAULT = "SCHEMA_DEFAULT"
