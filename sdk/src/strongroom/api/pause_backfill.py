from pydantic import Field

from strongroom.api.base_model import BaseModel
from strongroom.api.enums import BackfillStatus


class PauseBackfill(BaseModel):
    pause_backfill: "PauseBackfillPauseBackfill" = Field(
        validation_alias="pauseBackfill", serialization_alias="pauseBackfill"
    )


class PauseBackfillPauseBackfill(BaseModel):
    id: str
    status: BackfillStatus


PauseBackfill.model_rebuild()
