from pydantic import Field

from strongroom.api.base_model import BaseModel
from strongroom.api.enums import BackfillStatus


class ResumeBackfill(BaseModel):
    resume_backfill: "ResumeBackfillResumeBackfill" = Field(
        validation_alias="resumeBackfill", serialization_alias="resumeBackfill"
    )


class ResumeBackfillResumeBackfill(BaseModel):
    id: str
    status: BackfillStatus


ResumeBackfill.model_rebuild()
