from datetime import datetime

from pydantic import Field

from strongroom.api.base_model import BaseModel


class CreateTokenInput(BaseModel):
    """organizationIds / integrations null = all. expiresAt null = never."""

    expires_at: datetime | None = Field(validation_alias="expiresAt", serialization_alias="expiresAt", default=None)
    "When it ends; with a time zone."
    integrations: list[str] | None = None
    "The names of the integrations it is limited to; kept as ids."
    name: str
    "Its name, which the audit log and updatedBy show."
    organization_ids: list[str] | None = Field(
        validation_alias="organizationIds", serialization_alias="organizationIds", default=None
    )
    "The organizations it is limited to."
    permissions: list[str]
    "What it may do, such as config:read; * is everything."
