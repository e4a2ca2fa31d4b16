from datetime import datetime
from typing import Optional

from pydantic import Field

from strongroom.api.base_model import BaseModel
from strongroom.api.enums import BackfillKind, BackfillStatus


class BackfillProgress(BaseModel):
    backfill_run: Optional["BackfillProgressBackfillRun"] = Field(
        validation_alias="backfillRun", serialization_alias="backfillRun"
    )


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
    rows_per_second: float | None = Field(validation_alias="rowsPerSecond", serialization_alias="rowsPerSecond")
    started_at: datetime | None = Field(validation_alias="startedAt", serialization_alias="startedAt")
    finished_at: datetime | None = Field(validation_alias="finishedAt", serialization_alias="finishedAt")
    error: str | None


BackfillProgress.model_rebuild()
