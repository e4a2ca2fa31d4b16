from datetime import datetime
from typing import Optional

from pydantic import Field

from .base_model import BaseModel
from .enums import BackfillKind, BackfillStatus


class BackfillRuns(BaseModel):
    backfill_runs: "BackfillRunsBackfillRuns" = Field(alias="backfillRuns")


class BackfillRunsBackfillRuns(BaseModel):
    total_count: int = Field(alias="totalCount")
    page_info: "BackfillRunsBackfillRunsPageInfo" = Field(alias="pageInfo")
    edges: list["BackfillRunsBackfillRunsEdges"]


class BackfillRunsBackfillRunsPageInfo(BaseModel):
    has_next_page: bool = Field(alias="hasNextPage")
    end_cursor: Optional[str] = Field(alias="endCursor")


class BackfillRunsBackfillRunsEdges(BaseModel):
    node: "BackfillRunsBackfillRunsEdgesNode"


class BackfillRunsBackfillRunsEdgesNode(BaseModel):
    id: str
    kind: BackfillKind
    status: BackfillStatus
    dry_run: bool = Field(alias="dryRun")
    total: int
    processed: int
    changed: int
    skipped: int
    quarantined: int
    rows_per_second: Optional[float] = Field(alias="rowsPerSecond")
    started_at: Optional[datetime] = Field(alias="startedAt")
    finished_at: Optional[datetime] = Field(alias="finishedAt")
    started_by: str = Field(alias="startedBy")
    error: Optional[str]


BackfillRuns.model_rebuild()
BackfillRunsBackfillRuns.model_rebuild()
BackfillRunsBackfillRunsEdges.model_rebuild()
