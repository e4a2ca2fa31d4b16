from pydantic import Field

from .base_model import BaseModel
from .enums import BackfillStatus


class ResumeBackfill(BaseModel):
    resume_backfill: "ResumeBackfillResumeBackfill" = Field(validation_alias="resumeBackfill", serialization_alias="resumeBackfill")


class ResumeBackfillResumeBackfill(BaseModel):
    id: str
    status: BackfillStatus


ResumeBackfill.model_rebuild()
