from typing import Any

from strongroom.api.backfill_progress import BackfillProgress
from strongroom.api.backfill_runs import BackfillRuns
from strongroom.api.base import ApiBase
from strongroom.api.base_model import UNSET, UnsetType
from strongroom.api.cancel_backfill import CancelBackfill
from strongroom.api.documents.backfill import (
    BACKFILL_PROGRESS_GQL,
    BACKFILL_RUNS_GQL,
    CANCEL_BACKFILL_GQL,
    PAUSE_BACKFILL_GQL,
    QUARANTINE_GQL,
    RESUME_BACKFILL_GQL,
    START_BACKFILL_GQL,
)
from strongroom.api.inputs.backfill import StartBackfillInput
from strongroom.api.pause_backfill import PauseBackfill
from strongroom.api.quarantine import Quarantine
from strongroom.api.resume_backfill import ResumeBackfill
from strongroom.api.start_backfill import StartBackfill


class BackfillApi(ApiBase):
    """Backfill: a part of Api."""

    def backfill_runs(
        self, first: int | None | UnsetType = UNSET, after: str | None | UnsetType = UNSET, **kwargs: Any
    ) -> BackfillRuns:
        """Runs, newest first. Needs backfill:run."""
        variables: dict[str, object] = {"first": first, "after": after}
        response = self.execute(query=BACKFILL_RUNS_GQL, operation_name="BackfillRuns", variables=variables, **kwargs)
        data = self.get_data(response)
        return BackfillRuns.model_validate(data)

    def backfill_progress(self, id: str, **kwargs: Any) -> BackfillProgress:
        """One run. Needs backfill:run."""
        variables: dict[str, object] = {"id": id}
        response = self.execute(
            query=BACKFILL_PROGRESS_GQL, operation_name="BackfillProgress", variables=variables, **kwargs
        )
        data = self.get_data(response)
        return BackfillProgress.model_validate(data)

    def start_backfill(self, input: StartBackfillInput, **kwargs: Any) -> StartBackfill:
        """Start a run, which workers carry on. Needs backfill:run."""
        variables: dict[str, object] = {"input": input}
        response = self.execute(query=START_BACKFILL_GQL, operation_name="StartBackfill", variables=variables, **kwargs)
        data = self.get_data(response)
        return StartBackfill.model_validate(data)

    def pause_backfill(self, id: str, **kwargs: Any) -> PauseBackfill:
        """Pause a run within one batch. Needs backfill:run."""
        variables: dict[str, object] = {"id": id}
        response = self.execute(query=PAUSE_BACKFILL_GQL, operation_name="PauseBackfill", variables=variables, **kwargs)
        data = self.get_data(response)
        return PauseBackfill.model_validate(data)

    def resume_backfill(self, id: str, **kwargs: Any) -> ResumeBackfill:
        """Go on with a paused run. Needs backfill:run."""
        variables: dict[str, object] = {"id": id}
        response = self.execute(
            query=RESUME_BACKFILL_GQL, operation_name="ResumeBackfill", variables=variables, **kwargs
        )
        data = self.get_data(response)
        return ResumeBackfill.model_validate(data)

    def cancel_backfill(self, id: str, **kwargs: Any) -> CancelBackfill:
        """End a run within one batch; what is done stays done. Needs backfill:run."""
        variables: dict[str, object] = {"id": id}
        response = self.execute(
            query=CANCEL_BACKFILL_GQL, operation_name="CancelBackfill", variables=variables, **kwargs
        )
        data = self.get_data(response)
        return CancelBackfill.model_validate(data)

    def quarantine(
        self, first: int | None | UnsetType = UNSET, after: str | None | UnsetType = UNSET, **kwargs: Any
    ) -> Quarantine:
        """What a run left alone, and why; never a value. Needs backfill:run or config:read."""
        variables: dict[str, object] = {"first": first, "after": after}
        response = self.execute(query=QUARANTINE_GQL, operation_name="Quarantine", variables=variables, **kwargs)
        data = self.get_data(response)
        return Quarantine.model_validate(data)
