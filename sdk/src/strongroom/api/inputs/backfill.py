from pydantic import Field

from strongroom.api.base_model import BaseModel
from strongroom.api.enums import BackfillKind


class StartBackfillInput(BaseModel):
    """A run to start."""

    batch_size: int | None = Field(validation_alias="batchSize", serialization_alias="batchSize", default=None)
    "Rows of one transaction; null adapts."
    dry_run: bool | None = Field(validation_alias="dryRun", serialization_alias="dryRun", default=False)
    "Change nothing, and count the same."
    include_global: bool | None = Field(
        validation_alias="includeGlobal", serialization_alias="includeGlobal", default=False
    )
    "ROTATE only, beside organizationIds: what is global, too."
    kind: BackfillKind | None = BackfillKind.SEAL
    "What it does."
    max_rows_per_second: int | None = Field(
        validation_alias="maxRowsPerSecond", serialization_alias="maxRowsPerSecond", default=None
    )
    "Of all workers together; null is no limit."
    organization_ids: list[str] | None = Field(
        validation_alias="organizationIds", serialization_alias="organizationIds", default=None
    )
    "ROTATE only: seal the secrets of these organizations alone under new data keys; null is all."
