from datetime import datetime

from pydantic import Field

from strongroom.api.base_model import BaseModel
from strongroom.api.enums import BackfillKind, BackfillStatus


class BackfillRuns(BaseModel):
    backfill_runs: "BackfillRunsBackfillRuns" = Field(
        validation_alias="backfillRuns", serialization_alias="backfillRuns"
    )


class BackfillRunsBackfillRuns(BaseModel):
    total_count: int = Field(validation_alias="totalCount", serialization_alias="totalCount")
    page_info: "BackfillRunsBackfillRunsPageInfo" = Field(validation_alias="pageInfo", serialization_alias="pageInfo")
    edges: list["BackfillRunsBackfillRunsEdges"]


class BackfillRunsBackfillRunsPageInfo(BaseModel):
    has_next_page: bool = Field(validation_alias="hasNextPage", serialization_alias="hasNextPage")
    end_cursor: str | None = Field(validation_alias="endCursor", serialization_alias="endCursor")


class BackfillRunsBackfillRunsEdges(BaseModel):
    node: "BackfillRunsBackfillRunsEdgesNode"


class BackfillRunsBackfillRunsEdgesNode(BaseModel):
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
    started_by: str = Field(validation_alias="startedBy", serialization_alias="startedBy")
    error: str | None


BackfillRuns.model_rebuild()
BackfillRunsBackfillRuns.model_rebuild()
BackfillRunsBackfillRunsEdges.model_rebuild()
