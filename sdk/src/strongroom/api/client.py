from strongroom.api.synchronous.audit import AuditApi
from strongroom.api.synchronous.backfill import BackfillApi
from strongroom.api.synchronous.configs import ConfigsApi
from strongroom.api.synchronous.integrations import IntegrationsApi
from strongroom.api.synchronous.mappings import MappingsApi
from strongroom.api.synchronous.organizations import OrganizationsApi
from strongroom.api.synchronous.resolve import ResolveApi
from strongroom.api.synchronous.tokens import TokensApi


class Api(AuditApi, BackfillApi, ConfigsApi, IntegrationsApi, MappingsApi, OrganizationsApi, ResolveApi, TokensApi):
    """Every operation of the contract, typed."""
