from datetime import datetime
from typing import Optional

from pydantic import Field

from .base_model import BaseModel
from .enums import BackfillKind, BackfillStatus


class BackfillProgress(BaseModel):
    backfill_run: Optional["BackfillProgressBackfillRun"] = Field(validation_alias="backfillRun", serialization_alias="backfillRun")


class BackfillProgressBackfillRun(BaseModel):
    id: str
    kind: BackfillKind
    status: BackfillStatus
    dry_run: bool = Field(validation_alias="dryRun", serialization_alias="dryRun")
    total: int
    processed: int
    changed: int
    skipped: int
    quarantined: int
    rows_per_second: Optional[float] = Field(validation_alias="rowsPerSecond", serialization_alias="rowsPerSecond")
    started_at: Optional[datetime] = Field(validation_alias="startedAt", serialization_alias="startedAt")
    finished_at: Optional[datetime] = Field(validation_alias="finishedAt", serialization_alias="finishedAt")
    error: Optional[str]


BackfillProgress.model_rebuild()
