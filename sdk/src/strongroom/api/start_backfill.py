from pydantic import Field

from .base_model import BaseModel
from .enums import BackfillKind, BackfillStatus


class StartBackfill(BaseModel):
    start_backfill: "StartBackfillStartBackfill" = Field(alias="startBackfill")


class StartBackfillStartBackfill(BaseModel):
    run: "StartBackfillStartBackfillRun"


class StartBackfillStartBackfillRun(BaseModel):
    id: str
    kind: BackfillKind
    status: BackfillStatus
    dry_run: bool = Field(alias="dryRun")


StartBackfill.model_rebuild()
StartBackfillStartBackfill.model_rebuild()
