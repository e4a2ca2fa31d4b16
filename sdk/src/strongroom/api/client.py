from typing import Any, Optional, Union

from .audit_events import AuditEvents
from .backfill_progress import BackfillProgress
from .backfill_runs import BackfillRuns
from .base import ApiBase
from .base_model import UNSET, UnsetType
from .cancel_backfill import CancelBackfill
from .config_list import ConfigList
from .create_integration import CreateIntegration
from .create_mapping import CreateMapping
from .create_organization import CreateOrganization
from .create_token import CreateToken
from .delete_config import DeleteConfig
from .delete_integration import DeleteIntegration
from .delete_mapping import DeleteMapping
from .delete_organization import DeleteOrganization
from .history import History
from .input_types import (
    AuditEventFilter,
    ConfigFilter,
    CreateIntegrationInput,
    CreateMappingInput,
    CreateOrganizationInput,
    CreateTokenInput,
    DeleteConfigInput,
    DeleteIntegrationInput,
    DeleteMappingInput,
    DeleteOrganizationInput,
    RestoreConfigInput,
    SetConfigInput,
    SetConfigsInput,
    SetIntegrationConfigInput,
    StartBackfillInput,
    UpdateIntegrationInput,
    UpdateMappingInput,
    UpsertMappingsInput,
)
from .integration import Integration
from .integrations import Integrations
from .mapping import Mapping
from .mappings import Mappings
from .organization import Organization
from .organizations import Organizations
from .pause_backfill import PauseBackfill
from .quarantine import Quarantine
from .resolve import Resolve
from .resolve_explained import ResolveExplained
from .restore_config import RestoreConfig
from .resume_backfill import ResumeBackfill
from .reveal import Reveal
from .reveal_list import RevealList
from .revoke_token import RevokeToken
from .rotate_token import RotateToken
from .set_config import SetConfig
from .set_configs import SetConfigs
from .set_integration_config import SetIntegrationConfig
from .start_backfill import StartBackfill
from .tokens import Tokens
from .update_integration import UpdateIntegration
from .update_mapping import UpdateMapping
from .upsert_mappings import UpsertMappings


def gql(q: str) -> str:
    return q


class Api(ApiBase):
    def config_list(
        self,
        filter_: Union[Optional[ConfigFilter], UnsetType] = UNSET,
        first: Union[Optional[int], UnsetType] = UNSET,
        after: Union[Optional[str], UnsetType] = UNSET,
        **kwargs: Any,
    ) -> ConfigList:
        query = gql("""
            query ConfigList($filter: ConfigFilter, $first: Int = 50, $after: String) {
              configs(filter: $filter, first: $first, after: $after) {
                totalCount
                pageInfo {
                  hasNextPage
                  endCursor
                }
                edges {
                  node {
                    id
                    key
                    type
                    value
                    scope
                    sealed
                    version
                    description
                    updatedAt
                    updatedBy
                    integration {
                      id
                      name
                    }
                    organization {
                      id
                      name
                    }
                  }
                }
              }
            }
            """)
        variables: dict[str, object] = {
            "filter": filter_,
            "first": first,
            "after": after,
        }
        response = self.execute(
            query=query, operation_name="ConfigList", variables=variables, **kwargs
        )
        data = self.get_data(response)
        return ConfigList.model_validate(data)

    def reveal(self, id: str, **kwargs: Any) -> Reveal:
        query = gql("""
            query Reveal($id: ID!) {
              config(id: $id) {
                id
                key
                type
                value
                decryptedValue
              }
            }
            """)
        variables: dict[str, object] = {"id": id}
        response = self.execute(
            query=query, operation_name="Reveal", variables=variables, **kwargs
        )
        data = self.get_data(response)
        return Reveal.model_validate(data)

    def resolve(self, integration: str, organization_id: str, **kwargs: Any) -> Resolve:
        query = gql("""
            query Resolve($integration: String!, $organizationId: ID!) {
              resolve(integration: $integration, organizationId: $organizationId) {
                entityId
                entityName
                config
                missing
              }
            }
            """)
        variables: dict[str, object] = {
            "integration": integration,
            "organizationId": organization_id,
        }
        response = self.execute(
            query=query, operation_name="Resolve", variables=variables, **kwargs
        )
        data = self.get_data(response)
        return Resolve.model_validate(data)

    def resolve_explained(
        self, integration: str, organization_id: str, **kwargs: Any
    ) -> ResolveExplained:
        query = gql("""
            query ResolveExplained($integration: String!, $organizationId: ID!) {
              resolve(integration: $integration, organizationId: $organizationId) {
                integration {
                  id
                  name
                }
                organization {
                  id
                  name
                }
                entityId
                config
                missing
                unfit
                entries {
                  key
                  type
                  value
                  source
                }
              }
            }
            """)
        variables: dict[str, object] = {
            "integration": integration,
            "organizationId": organization_id,
        }
        response = self.execute(
            query=query,
            operation_name="ResolveExplained",
            variables=variables,
            **kwargs,
        )
        data = self.get_data(response)
        return ResolveExplained.model_validate(data)

    def create_organization(
        self, input: CreateOrganizationInput, **kwargs: Any
    ) -> CreateOrganization:
        query = gql("""
            mutation CreateOrganization($input: CreateOrganizationInput!) {
              createOrganization(input: $input) {
                organization {
                  id
                  name
                }
              }
            }
            """)
        variables: dict[str, object] = {"input": input}
        response = self.execute(
            query=query,
            operation_name="CreateOrganization",
            variables=variables,
            **kwargs,
        )
        data = self.get_data(response)
        return CreateOrganization.model_validate(data)

    def create_integration(
        self, input: CreateIntegrationInput, **kwargs: Any
    ) -> CreateIntegration:
        query = gql("""
            mutation CreateIntegration($input: CreateIntegrationInput!) {
              createIntegration(input: $input) {
                integration {
                  id
                  name
                  configSchema {
                    key
                    type
                    required
                    default
                    options
                  }
                }
              }
            }
            """)
        variables: dict[str, object] = {"input": input}
        response = self.execute(
            query=query,
            operation_name="CreateIntegration",
            variables=variables,
            **kwargs,
        )
        data = self.get_data(response)
        return CreateIntegration.model_validate(data)

    def update_integration(
        self, input: UpdateIntegrationInput, **kwargs: Any
    ) -> UpdateIntegration:
        query = gql("""
            mutation UpdateIntegration($input: UpdateIntegrationInput!) {
              updateIntegration(input: $input) {
                integration {
                  id
                  name
                  configSchema {
                    key
                    type
                    required
                  }
                }
                migrated
                dropped
                restored
              }
            }
            """)
        variables: dict[str, object] = {"input": input}
        response = self.execute(
            query=query,
            operation_name="UpdateIntegration",
            variables=variables,
            **kwargs,
        )
        data = self.get_data(response)
        return UpdateIntegration.model_validate(data)

    def delete_integration(
        self, input: DeleteIntegrationInput, **kwargs: Any
    ) -> DeleteIntegration:
        query = gql("""
            mutation DeleteIntegration($input: DeleteIntegrationInput!) {
              deleteIntegration(input: $input) {
                integration {
                  id
                }
              }
            }
            """)
        variables: dict[str, object] = {"input": input}
        response = self.execute(
            query=query,
            operation_name="DeleteIntegration",
            variables=variables,
            **kwargs,
        )
        data = self.get_data(response)
        return DeleteIntegration.model_validate(data)

    def set_integration_config(
        self, input: SetIntegrationConfigInput, **kwargs: Any
    ) -> SetIntegrationConfig:
        query = gql("""
            mutation SetIntegrationConfig($input: SetIntegrationConfigInput!) {
              setIntegrationConfig(input: $input) {
                integration {
                  id
                }
                configs {
                  id
                  key
                  type
                  value
                  sealed
                }
              }
            }
            """)
        variables: dict[str, object] = {"input": input}
        response = self.execute(
            query=query,
            operation_name="SetIntegrationConfig",
            variables=variables,
            **kwargs,
        )
        data = self.get_data(response)
        return SetIntegrationConfig.model_validate(data)

    def create_mapping(self, input: CreateMappingInput, **kwargs: Any) -> CreateMapping:
        query = gql("""
            mutation CreateMapping($input: CreateMappingInput!) {
              createMapping(input: $input) {
                mapping {
                  id
                  entityId
                  missing
                  overrides {
                    id
                    key
                    type
                    value
                    sealed
                  }
                }
              }
            }
            """)
        variables: dict[str, object] = {"input": input}
        response = self.execute(
            query=query, operation_name="CreateMapping", variables=variables, **kwargs
        )
        data = self.get_data(response)
        return CreateMapping.model_validate(data)

    def update_mapping(self, input: UpdateMappingInput, **kwargs: Any) -> UpdateMapping:
        query = gql("""
            mutation UpdateMapping($input: UpdateMappingInput!) {
              updateMapping(input: $input) {
                mapping {
                  id
                  entityId
                  missing
                  overrides {
                    id
                    key
                    type
                    value
                    sealed
                  }
                }
              }
            }
            """)
        variables: dict[str, object] = {"input": input}
        response = self.execute(
            query=query, operation_name="UpdateMapping", variables=variables, **kwargs
        )
        data = self.get_data(response)
        return UpdateMapping.model_validate(data)

    def delete_mapping(self, input: DeleteMappingInput, **kwargs: Any) -> DeleteMapping:
        query = gql("""
            mutation DeleteMapping($input: DeleteMappingInput!) {
              deleteMapping(input: $input) {
                id
              }
            }
            """)
        variables: dict[str, object] = {"input": input}
        response = self.execute(
            query=query, operation_name="DeleteMapping", variables=variables, **kwargs
        )
        data = self.get_data(response)
        return DeleteMapping.model_validate(data)

    def upsert_mappings(
        self, input: UpsertMappingsInput, **kwargs: Any
    ) -> UpsertMappings:
        query = gql("""
            mutation UpsertMappings($input: UpsertMappingsInput!) {
              upsertMappings(input: $input) {
                created
                updated
                mappings {
                  id
                }
              }
            }
            """)
        variables: dict[str, object] = {"input": input}
        response = self.execute(
            query=query, operation_name="UpsertMappings", variables=variables, **kwargs
        )
        data = self.get_data(response)
        return UpsertMappings.model_validate(data)

    def set_config(self, input: SetConfigInput, **kwargs: Any) -> SetConfig:
        query = gql("""
            mutation SetConfig($input: SetConfigInput!) {
              setConfig(input: $input) {
                config {
                  id
                  key
                  type
                  value
                  sealed
                  version
                }
              }
            }
            """)
        variables: dict[str, object] = {"input": input}
        response = self.execute(
            query=query, operation_name="SetConfig", variables=variables, **kwargs
        )
        data = self.get_data(response)
        return SetConfig.model_validate(data)

    def delete_config(self, input: DeleteConfigInput, **kwargs: Any) -> DeleteConfig:
        query = gql("""
            mutation DeleteConfig($input: DeleteConfigInput!) {
              deleteConfig(input: $input) {
                id
              }
            }
            """)
        variables: dict[str, object] = {"input": input}
        response = self.execute(
            query=query, operation_name="DeleteConfig", variables=variables, **kwargs
        )
        data = self.get_data(response)
        return DeleteConfig.model_validate(data)

    def history(
        self,
        id: str,
        first: Union[Optional[int], UnsetType] = UNSET,
        after: Union[Optional[str], UnsetType] = UNSET,
        **kwargs: Any,
    ) -> History:
        query = gql("""
            query History($id: ID!, $first: Int = 20, $after: String) {
              config(id: $id) {
                id
                version
                history(first: $first, after: $after) {
                  totalCount
                  edges {
                    node {
                      version
                      type
                      value
                      changedAt
                      changedBy
                    }
                  }
                }
              }
            }
            """)
        variables: dict[str, object] = {"id": id, "first": first, "after": after}
        response = self.execute(
            query=query, operation_name="History", variables=variables, **kwargs
        )
        data = self.get_data(response)
        return History.model_validate(data)

    def restore_config(self, input: RestoreConfigInput, **kwargs: Any) -> RestoreConfig:
        query = gql("""
            mutation RestoreConfig($input: RestoreConfigInput!) {
              restoreConfig(input: $input) {
                config {
                  id
                  key
                  version
                  value
                }
              }
            }
            """)
        variables: dict[str, object] = {"input": input}
        response = self.execute(
            query=query, operation_name="RestoreConfig", variables=variables, **kwargs
        )
        data = self.get_data(response)
        return RestoreConfig.model_validate(data)

    def delete_organization(
        self, input: DeleteOrganizationInput, **kwargs: Any
    ) -> DeleteOrganization:
        query = gql("""
            mutation DeleteOrganization($input: DeleteOrganizationInput!) {
              deleteOrganization(input: $input) {
                id
              }
            }
            """)
        variables: dict[str, object] = {"input": input}
        response = self.execute(
            query=query,
            operation_name="DeleteOrganization",
            variables=variables,
            **kwargs,
        )
        data = self.get_data(response)
        return DeleteOrganization.model_validate(data)

    def mappings(
        self,
        integration_id: Union[Optional[str], UnsetType] = UNSET,
        organization_id: Union[Optional[str], UnsetType] = UNSET,
        first: Union[Optional[int], UnsetType] = UNSET,
        after: Union[Optional[str], UnsetType] = UNSET,
        **kwargs: Any,
    ) -> Mappings:
        query = gql("""
            query Mappings($integrationId: ID, $organizationId: ID, $first: Int = 50, $after: String) {
              mappings(
                integrationId: $integrationId
                organizationId: $organizationId
                first: $first
                after: $after
              ) {
                totalCount
                pageInfo {
                  hasNextPage
                  endCursor
                }
                edges {
                  node {
                    id
                    entityId
                    entityName
                    missing
                    integration {
                      id
                      name
                    }
                    organization {
                      id
                      name
                    }
                  }
                }
              }
            }
            """)
        variables: dict[str, object] = {
            "integrationId": integration_id,
            "organizationId": organization_id,
            "first": first,
            "after": after,
        }
        response = self.execute(
            query=query, operation_name="Mappings", variables=variables, **kwargs
        )
        data = self.get_data(response)
        return Mappings.model_validate(data)

    def quarantine(
        self,
        first: Union[Optional[int], UnsetType] = UNSET,
        after: Union[Optional[str], UnsetType] = UNSET,
        **kwargs: Any,
    ) -> Quarantine:
        query = gql("""
            query Quarantine($first: Int = 50, $after: String) {
              quarantine(first: $first, after: $after) {
                totalCount
                edges {
                  node {
                    reason
                    since
                    config {
                      id
                      key
                      integration {
                        name
                      }
                    }
                  }
                }
              }
            }
            """)
        variables: dict[str, object] = {"first": first, "after": after}
        response = self.execute(
            query=query, operation_name="Quarantine", variables=variables, **kwargs
        )
        data = self.get_data(response)
        return Quarantine.model_validate(data)

    def start_backfill(self, input: StartBackfillInput, **kwargs: Any) -> StartBackfill:
        query = gql("""
            mutation StartBackfill($input: StartBackfillInput!) {
              startBackfill(input: $input) {
                run {
                  id
                  kind
                  status
                  dryRun
                }
              }
            }
            """)
        variables: dict[str, object] = {"input": input}
        response = self.execute(
            query=query, operation_name="StartBackfill", variables=variables, **kwargs
        )
        data = self.get_data(response)
        return StartBackfill.model_validate(data)

    def backfill_progress(self, id: str, **kwargs: Any) -> BackfillProgress:
        query = gql("""
            query BackfillProgress($id: ID!) {
              backfillRun(id: $id) {
                id
                kind
                status
                dryRun
                total
                processed
                changed
                skipped
                quarantined
                rowsPerSecond
                startedAt
                finishedAt
                error
              }
            }
            """)
        variables: dict[str, object] = {"id": id}
        response = self.execute(
            query=query,
            operation_name="BackfillProgress",
            variables=variables,
            **kwargs,
        )
        data = self.get_data(response)
        return BackfillProgress.model_validate(data)

    def pause_backfill(self, id: str, **kwargs: Any) -> PauseBackfill:
        query = gql("""
            mutation PauseBackfill($id: ID!) {
              pauseBackfill(id: $id) {
                id
                status
              }
            }
            """)
        variables: dict[str, object] = {"id": id}
        response = self.execute(
            query=query, operation_name="PauseBackfill", variables=variables, **kwargs
        )
        data = self.get_data(response)
        return PauseBackfill.model_validate(data)

    def resume_backfill(self, id: str, **kwargs: Any) -> ResumeBackfill:
        query = gql("""
            mutation ResumeBackfill($id: ID!) {
              resumeBackfill(id: $id) {
                id
                status
              }
            }
            """)
        variables: dict[str, object] = {"id": id}
        response = self.execute(
            query=query, operation_name="ResumeBackfill", variables=variables, **kwargs
        )
        data = self.get_data(response)
        return ResumeBackfill.model_validate(data)

    def cancel_backfill(self, id: str, **kwargs: Any) -> CancelBackfill:
        query = gql("""
            mutation CancelBackfill($id: ID!) {
              cancelBackfill(id: $id) {
                id
                status
              }
            }
            """)
        variables: dict[str, object] = {"id": id}
        response = self.execute(
            query=query, operation_name="CancelBackfill", variables=variables, **kwargs
        )
        data = self.get_data(response)
        return CancelBackfill.model_validate(data)

    def create_token(self, input: CreateTokenInput, **kwargs: Any) -> CreateToken:
        query = gql("""
            mutation CreateToken($input: CreateTokenInput!) {
              createToken(input: $input) {
                id
                token
              }
            }
            """)
        variables: dict[str, object] = {"input": input}
        response = self.execute(
            query=query, operation_name="CreateToken", variables=variables, **kwargs
        )
        data = self.get_data(response)
        return CreateToken.model_validate(data)

    def revoke_token(self, id: str, **kwargs: Any) -> RevokeToken:
        query = gql("""
            mutation RevokeToken($id: ID!) {
              revokeToken(id: $id) {
                id
              }
            }
            """)
        variables: dict[str, object] = {"id": id}
        response = self.execute(
            query=query, operation_name="RevokeToken", variables=variables, **kwargs
        )
        data = self.get_data(response)
        return RevokeToken.model_validate(data)

    def integrations(
        self,
        first: Union[Optional[int], UnsetType] = UNSET,
        after: Union[Optional[str], UnsetType] = UNSET,
        **kwargs: Any,
    ) -> Integrations:
        query = gql("""
            query Integrations($first: Int = 50, $after: String) {
              integrations(first: $first, after: $after) {
                totalCount
                pageInfo {
                  hasNextPage
                  endCursor
                }
                edges {
                  node {
                    id
                    name
                    description
                    updatedAt
                  }
                }
              }
            }
            """)
        variables: dict[str, object] = {"first": first, "after": after}
        response = self.execute(
            query=query, operation_name="Integrations", variables=variables, **kwargs
        )
        data = self.get_data(response)
        return Integrations.model_validate(data)

    def integration(
        self,
        id: Union[Optional[str], UnsetType] = UNSET,
        name: Union[Optional[str], UnsetType] = UNSET,
        **kwargs: Any,
    ) -> Integration:
        query = gql("""
            query Integration($id: ID, $name: String) {
              integration(id: $id, name: $name) {
                id
                name
                description
                updatedAt
                configSchema {
                  key
                  type
                  required
                  default
                  options
                  description
                  position
                }
              }
            }
            """)
        variables: dict[str, object] = {"id": id, "name": name}
        response = self.execute(
            query=query, operation_name="Integration", variables=variables, **kwargs
        )
        data = self.get_data(response)
        return Integration.model_validate(data)

    def organizations(
        self,
        first: Union[Optional[int], UnsetType] = UNSET,
        after: Union[Optional[str], UnsetType] = UNSET,
        **kwargs: Any,
    ) -> Organizations:
        query = gql("""
            query Organizations($first: Int = 50, $after: String) {
              organizations(first: $first, after: $after) {
                totalCount
                pageInfo {
                  hasNextPage
                  endCursor
                }
                edges {
                  node {
                    id
                    name
                  }
                }
              }
            }
            """)
        variables: dict[str, object] = {"first": first, "after": after}
        response = self.execute(
            query=query, operation_name="Organizations", variables=variables, **kwargs
        )
        data = self.get_data(response)
        return Organizations.model_validate(data)

    def organization(self, id: str, **kwargs: Any) -> Organization:
        query = gql("""
            query Organization($id: ID!) {
              organization(id: $id) {
                id
                name
              }
            }
            """)
        variables: dict[str, object] = {"id": id}
        response = self.execute(
            query=query, operation_name="Organization", variables=variables, **kwargs
        )
        data = self.get_data(response)
        return Organization.model_validate(data)

    def mapping(self, id: str, **kwargs: Any) -> Mapping:
        query = gql("""
            query Mapping($id: ID!) {
              mapping(id: $id) {
                id
                entityId
                entityName
                missing
                integration {
                  id
                  name
                }
                organization {
                  id
                  name
                }
                overrides {
                  id
                  key
                  type
                  value
                  sealed
                  version
                  updatedAt
                  updatedBy
                }
              }
            }
            """)
        variables: dict[str, object] = {"id": id}
        response = self.execute(
            query=query, operation_name="Mapping", variables=variables, **kwargs
        )
        data = self.get_data(response)
        return Mapping.model_validate(data)

    def tokens(
        self,
        first: Union[Optional[int], UnsetType] = UNSET,
        after: Union[Optional[str], UnsetType] = UNSET,
        **kwargs: Any,
    ) -> Tokens:
        query = gql("""
            query Tokens($first: Int = 50, $after: String) {
              tokens(first: $first, after: $after) {
                totalCount
                pageInfo {
                  hasNextPage
                  endCursor
                }
                edges {
                  node {
                    id
                    name
                    permissions
                    organizationIds
                    integrations
                    expiresAt
                    createdAt
                    createdBy
                    lastUsedAt
                    revokedAt
                    previousSecretUntil
                  }
                }
              }
            }
            """)
        variables: dict[str, object] = {"first": first, "after": after}
        response = self.execute(
            query=query, operation_name="Tokens", variables=variables, **kwargs
        )
        data = self.get_data(response)
        return Tokens.model_validate(data)

    def rotate_token(self, id: str, overlap_seconds: int, **kwargs: Any) -> RotateToken:
        query = gql("""
            mutation RotateToken($id: ID!, $overlapSeconds: Int! = 3600) {
              rotateToken(id: $id, overlapSeconds: $overlapSeconds) {
                id
                token
                previousSecretUntil
              }
            }
            """)
        variables: dict[str, object] = {"id": id, "overlapSeconds": overlap_seconds}
        response = self.execute(
            query=query, operation_name="RotateToken", variables=variables, **kwargs
        )
        data = self.get_data(response)
        return RotateToken.model_validate(data)

    def audit_events(
        self,
        filter_: Union[Optional[AuditEventFilter], UnsetType] = UNSET,
        first: Union[Optional[int], UnsetType] = UNSET,
        after: Union[Optional[str], UnsetType] = UNSET,
        **kwargs: Any,
    ) -> AuditEvents:
        query = gql("""
            query AuditEvents($filter: AuditEventFilter, $first: Int = 50, $after: String) {
              auditEvents(filter: $filter, first: $first, after: $after) {
                pageInfo {
                  hasNextPage
                  endCursor
                }
                edges {
                  node {
                    id
                    at
                    actor
                    tokenId
                    action
                    organizationId
                    integrationId
                    configId
                    keys
                    detail
                    address
                    reason
                    sequence
                  }
                }
              }
            }
            """)
        variables: dict[str, object] = {
            "filter": filter_,
            "first": first,
            "after": after,
        }
        response = self.execute(
            query=query, operation_name="AuditEvents", variables=variables, **kwargs
        )
        data = self.get_data(response)
        return AuditEvents.model_validate(data)

    def backfill_runs(
        self,
        first: Union[Optional[int], UnsetType] = UNSET,
        after: Union[Optional[str], UnsetType] = UNSET,
        **kwargs: Any,
    ) -> BackfillRuns:
        query = gql("""
            query BackfillRuns($first: Int = 20, $after: String) {
              backfillRuns(first: $first, after: $after) {
                totalCount
                pageInfo {
                  hasNextPage
                  endCursor
                }
                edges {
                  node {
                    id
                    kind
                    status
                    dryRun
                    total
                    processed
                    changed
                    skipped
                    quarantined
                    rowsPerSecond
                    startedAt
                    finishedAt
                    startedBy
                    error
                  }
                }
              }
            }
            """)
        variables: dict[str, object] = {"first": first, "after": after}
        response = self.execute(
            query=query, operation_name="BackfillRuns", variables=variables, **kwargs
        )
        data = self.get_data(response)
        return BackfillRuns.model_validate(data)

    def reveal_list(
        self,
        filter_: Union[Optional[ConfigFilter], UnsetType] = UNSET,
        first: Union[Optional[int], UnsetType] = UNSET,
        after: Union[Optional[str], UnsetType] = UNSET,
        **kwargs: Any,
    ) -> RevealList:
        query = gql("""
            query RevealList($filter: ConfigFilter, $first: Int = 50, $after: String) {
              configs(filter: $filter, first: $first, after: $after) {
                pageInfo {
                  hasNextPage
                  endCursor
                }
                edges {
                  node {
                    id
                    key
                    type
                    decryptedValue
                    description
                    integration {
                      id
                      name
                    }
                    organization {
                      id
                      name
                    }
                  }
                }
              }
            }
            """)
        variables: dict[str, object] = {
            "filter": filter_,
            "first": first,
            "after": after,
        }
        response = self.execute(
            query=query, operation_name="RevealList", variables=variables, **kwargs
        )
        data = self.get_data(response)
        return RevealList.model_validate(data)

    def set_configs(self, input: SetConfigsInput, **kwargs: Any) -> SetConfigs:
        query = gql("""
            mutation SetConfigs($input: SetConfigsInput!) {
              setConfigs(input: $input) {
                configs {
                  id
                  key
                  type
                  sealed
                  version
                }
              }
            }
            """)
        variables: dict[str, object] = {"input": input}
        response = self.execute(
            query=query, operation_name="SetConfigs", variables=variables, **kwargs
        )
        data = self.get_data(response)
        return SetConfigs.model_validate(data)
