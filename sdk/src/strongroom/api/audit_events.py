from datetime import datetime
from typing import Any

from pydantic import Field

from strongroom.api.base_model import BaseModel


class AuditEvents(BaseModel):
    audit_events: "AuditEventsAuditEvents" = Field(validation_alias="auditEvents", serialization_alias="auditEvents")


class AuditEventsAuditEvents(BaseModel):
    page_info: "AuditEventsAuditEventsPageInfo" = Field(validation_alias="pageInfo", serialization_alias="pageInfo")
    edges: list["AuditEventsAuditEventsEdges"]


class AuditEventsAuditEventsPageInfo(BaseModel):
    has_next_page: bool = Field(validation_alias="hasNextPage", serialization_alias="hasNextPage")
    end_cursor: str | None = Field(validation_alias="endCursor", serialization_alias="endCursor")


class AuditEventsAuditEventsEdges(BaseModel):
    node: "AuditEventsAuditEventsEdgesNode"


class AuditEventsAuditEventsEdgesNode(BaseModel):
    id: str
    at: datetime
    actor: str
    token_id: str | None = Field(validation_alias="tokenId", serialization_alias="tokenId")
    action: str
    organization_id: str | None = Field(validation_alias="organizationId", serialization_alias="organizationId")
    integration_id: str | None = Field(validation_alias="integrationId", serialization_alias="integrationId")
    config_id: str | None = Field(validation_alias="configId", serialization_alias="configId")
    keys: list[str] | None
    detail: Any | None
    address: str | None
    reason: str | None
    sequence: str


AuditEvents.model_rebuild()
AuditEventsAuditEvents.model_rebuild()
AuditEventsAuditEventsEdges.model_rebuild()
