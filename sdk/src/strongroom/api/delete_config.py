from pydantic import Field

from .base_model import BaseModel


class DeleteConfig(BaseModel):
    delete_config: "DeleteConfigDeleteConfig" = Field(validation_alias="deleteConfig", serialization_alias="deleteConfig")


class DeleteConfigDeleteConfig(BaseModel):
    id: str


DeleteConfig.model_rebuild()
