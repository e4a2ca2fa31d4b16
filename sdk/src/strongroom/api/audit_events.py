from datetime import datetime
from typing import Any, Optional

from pydantic import Field

from .base_model import BaseModel


class AuditEvents(BaseModel):
    audit_events: "AuditEventsAuditEvents" = Field(alias="auditEvents")


class AuditEventsAuditEvents(BaseModel):
    page_info: "AuditEventsAuditEventsPageInfo" = Field(alias="pageInfo")
    edges: list["AuditEventsAuditEventsEdges"]


class AuditEventsAuditEventsPageInfo(BaseModel):
    has_next_page: bool = Field(alias="hasNextPage")
    end_cursor: Optional[str] = Field(alias="endCursor")


class AuditEventsAuditEventsEdges(BaseModel):
    node: "AuditEventsAuditEventsEdgesNode"


class AuditEventsAuditEventsEdgesNode(BaseModel):
    id: str
    at: datetime
    actor: str
    token_id: Optional[str] = Field(alias="tokenId")
    action: str
    organization_id: Optional[str] = Field(alias="organizationId")
    integration_id: Optional[str] = Field(alias="integrationId")
    config_id: Optional[str] = Field(alias="configId")
    keys: Optional[list[str]]
    detail: Optional[Any]
    address: Optional[str]
    reason: Optional[str]
    sequence: str


AuditEvents.model_rebuild()
AuditEventsAuditEvents.model_rebuild()
AuditEventsAuditEventsEdges.model_rebuild()
