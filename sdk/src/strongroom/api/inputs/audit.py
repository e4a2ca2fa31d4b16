from datetime import datetime

from pydantic import Field

from strongroom.api.base_model import BaseModel


class AuditEventFilter(BaseModel):
    """What a list of events is narrowed to. A field left out or null does not narrow it."""

    action: str | None = None
    "Exactly this action, such as config.reveal."
    actor: str | None = None
    "By tokens of exactly this name."
    config_id: str | None = Field(validation_alias="configId", serialization_alias="configId", default=None)
    "About this config."
    integration_id: str | None = Field(
        validation_alias="integrationId", serialization_alias="integrationId", default=None
    )
    "About this integration."
    organization_id: str | None = Field(
        validation_alias="organizationId", serialization_alias="organizationId", default=None
    )
    "Of this organization."
    since: datetime | None = None
    "From this moment on; with a time zone."
    until: datetime | None = None
    "Before this moment; with a time zone."
