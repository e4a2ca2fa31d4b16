from datetime import datetime
from typing import Any, Optional

from pydantic import Field

from .base_model import BaseModel


class AuditEvents(BaseModel):
    audit_events: "AuditEventsAuditEvents" = Field(validation_alias="auditEvents", serialization_alias="auditEvents")


class AuditEventsAuditEvents(BaseModel):
    page_info: "AuditEventsAuditEventsPageInfo" = Field(validation_alias="pageInfo", serialization_alias="pageInfo")
    edges: list["AuditEventsAuditEventsEdges"]


class AuditEventsAuditEventsPageInfo(BaseModel):
    has_next_page: bool = Field(validation_alias="hasNextPage", serialization_alias="hasNextPage")
    end_cursor: Optional[str] = Field(validation_alias="endCursor", serialization_alias="endCursor")


class AuditEventsAuditEventsEdges(BaseModel):
    node: "AuditEventsAuditEventsEdgesNode"


class AuditEventsAuditEventsEdgesNode(BaseModel):
    id: str
    at: datetime
    actor: str
    token_id: Optional[str] = Field(validation_alias="tokenId", serialization_alias="tokenId")
    action: str
    organization_id: Optional[str] = Field(validation_alias="organizationId", serialization_alias="organizationId")
    integration_id: Optional[str] = Field(validation_alias="integrationId", serialization_alias="integrationId")
    config_id: Optional[str] = Field(validation_alias="configId", serialization_alias="configId")
    keys: Optional[list[str]]
    detail: Optional[Any]
    address: Optional[str]
    reason: Optional[str]
    sequence: str


AuditEvents.model_rebuild()
AuditEventsAuditEvents.model_rebuild()
AuditEventsAuditEventsEdges.model_rebuild()
