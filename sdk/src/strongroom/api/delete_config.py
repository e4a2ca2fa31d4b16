from pydantic import Field

from strongroom.api.base_model import BaseModel


class DeleteConfig(BaseModel):
    delete_config: "DeleteConfigDeleteConfig" = Field(
        validation_alias="deleteConfig", serialization_alias="deleteConfig"
    )


class DeleteConfigDeleteConfig(BaseModel):
    id: str


DeleteConfig.model_rebuild()
