from typing import Any

from pydantic import Field

from strongroom.api.base_model import BaseModel


class RestoreConfig(BaseModel):
    restore_config: "RestoreConfigRestoreConfig" = Field(
        validation_alias="restoreConfig", serialization_alias="restoreConfig"
    )


class RestoreConfigRestoreConfig(BaseModel):
    config: "RestoreConfigRestoreConfigConfig"


class RestoreConfigRestoreConfigConfig(BaseModel):
    id: str
    key: str
    version: int
    value: Any | None


RestoreConfig.model_rebuild()
RestoreConfigRestoreConfig.model_rebuild()
