"""Every operation of the contract, typed. Generated: see sdk/generator."""

from .async_client import AsyncApi
from .client import Api
from .enums import BackfillKind, BackfillStatus, ConfigScope, ConfigScopeFilter, ConfigType, ValueSource
from .input_types import AuditEventFilter, ConfigFieldInput, ConfigFilter, CreateIntegrationInput, CreateMappingInput, CreateOrganizationInput, CreateTokenInput, DeleteConfigInput, DeleteIntegrationInput, DeleteMappingInput, DeleteOrganizationInput, MappingInput, RestoreConfigInput, SetConfigInput, SetConfigsInput, SetIntegrationConfigInput, StandaloneConfigInput, StartBackfillInput, UpdateIntegrationInput, UpdateMappingInput, UpsertMappingsInput

__all__ = ['Api', 'AsyncApi', 'AuditEventFilter', 'BackfillKind', 'BackfillStatus', 'ConfigFieldInput', 'ConfigFilter', 'ConfigScope', 'ConfigScopeFilter', 'ConfigType', 'CreateIntegrationInput', 'CreateMappingInput', 'CreateOrganizationInput', 'CreateTokenInput', 'DeleteConfigInput', 'DeleteIntegrationInput', 'DeleteMappingInput', 'DeleteOrganizationInput', 'MappingInput', 'RestoreConfigInput', 'SetConfigInput', 'SetConfigsInput', 'SetIntegrationConfigInput', 'StandaloneConfigInput', 'StartBackfillInput', 'UpdateIntegrationInput', 'UpdateMappingInput', 'UpsertMappingsInput', 'ValueSource']
