from pydantic import Field

from strongroom.api.base_model import BaseModel
from strongroom.api.enums import BackfillStatus


class CancelBackfill(BaseModel):
    cancel_backfill: "CancelBackfillCancelBackfill" = Field(
        validation_alias="cancelBackfill", serialization_alias="cancelBackfill"
    )


class CancelBackfillCancelBackfill(BaseModel):
    id: str
    status: BackfillStatus


CancelBackfill.model_rebuild()
