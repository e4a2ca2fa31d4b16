from strongroom.api.asynchronous.audit import AsyncAuditApi
from strongroom.api.asynchronous.backfill import AsyncBackfillApi
from strongroom.api.asynchronous.configs import AsyncConfigsApi
from strongroom.api.asynchronous.integrations import AsyncIntegrationsApi
from strongroom.api.asynchronous.mappings import AsyncMappingsApi
from strongroom.api.asynchronous.organizations import AsyncOrganizationsApi
from strongroom.api.asynchronous.resolve import AsyncResolveApi
from strongroom.api.asynchronous.tokens import AsyncTokensApi


class AsyncApi(
    AsyncAuditApi,
    AsyncBackfillApi,
    AsyncConfigsApi,
    AsyncIntegrationsApi,
    AsyncMappingsApi,
    AsyncOrganizationsApi,
    AsyncResolveApi,
    AsyncTokensApi,
):
    """Every operation of the contract, typed."""
