"""Every operation of the contract, typed. Generated: see sdk/generator.

By hand are only async_base.py, base.py, base_model.py. The module of an operation's name has its
answer. By domain are what operations take (`inputs`), what is sent (`documents`), and what both clients are made of
(`synchronous`, `asynchronous`).
"""

from strongroom.api.async_client import AsyncApi
from strongroom.api.client import Api
from strongroom.api.enums import BackfillKind, BackfillStatus, ConfigScope, ConfigScopeFilter, ConfigType, ValueSource
from strongroom.api.inputs.audit import AuditEventFilter
from strongroom.api.inputs.backfill import StartBackfillInput
from strongroom.api.inputs.configs import (
    ConfigFilter,
    DeleteConfigInput,
    RestoreConfigInput,
    SetConfigInput,
    SetConfigsInput,
    SetIntegrationConfigInput,
    StandaloneConfigInput,
)
from strongroom.api.inputs.integrations import (
    ConfigFieldInput,
    CreateIntegrationInput,
    DeleteIntegrationInput,
    UpdateIntegrationInput,
)
from strongroom.api.inputs.mappings import (
    CreateMappingInput,
    DeleteMappingInput,
    MappingInput,
    UpdateMappingInput,
    UpsertMappingsInput,
)
from strongroom.api.inputs.organizations import CreateOrganizationInput, DeleteOrganizationInput
from strongroom.api.inputs.tokens import CreateTokenInput

__all__ = [
    "Api",
    "AsyncApi",
    "AuditEventFilter",
    "BackfillKind",
    "BackfillStatus",
    "ConfigFieldInput",
    "ConfigFilter",
    "ConfigScope",
    "ConfigScopeFilter",
    "ConfigType",
    "CreateIntegrationInput",
    "CreateMappingInput",
    "CreateOrganizationInput",
    "CreateTokenInput",
    "DeleteConfigInput",
    "DeleteIntegrationInput",
    "DeleteMappingInput",
    "DeleteOrganizationInput",
    "MappingInput",
    "RestoreConfigInput",
    "SetConfigInput",
    "SetConfigsInput",
    "SetIntegrationConfigInput",
    "StandaloneConfigInput",
    "StartBackfillInput",
    "UpdateIntegrationInput",
    "UpdateMappingInput",
    "UpsertMappingsInput",
    "ValueSource",
]
