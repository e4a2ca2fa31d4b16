from pydantic import Field

from strongroom.api.base_model import BaseModel
from strongroom.api.enums import BackfillKind, BackfillStatus


class StartBackfill(BaseModel):
    start_backfill: "StartBackfillStartBackfill" = Field(
        validation_alias="startBackfill", serialization_alias="startBackfill"
    )


class StartBackfillStartBackfill(BaseModel):
    run: "StartBackfillStartBackfillRun"


class StartBackfillStartBackfillRun(BaseModel):
    id: str
    kind: BackfillKind
    status: BackfillStatus
    dry_run: bool = Field(validation_alias="dryRun", serialization_alias="dryRun")


StartBackfill.model_rebuild()
StartBackfillStartBackfill.model_rebuild()
