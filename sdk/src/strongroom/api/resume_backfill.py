from pydantic import Field

from .base_model import BaseModel
from .enums import BackfillStatus


class ResumeBackfill(BaseModel):
    resume_backfill: "ResumeBackfillResumeBackfill" = Field(alias="resumeBackfill")


class ResumeBackfillResumeBackfill(BaseModel):
    id: str
    status: BackfillStatus


ResumeBackfill.model_rebuild()
