from typing import Any

from strongroom.api.async_base import AsyncApiBase
from strongroom.api.audit_events import AuditEvents
from strongroom.api.base_model import UNSET, UnsetType
from strongroom.api.documents.audit import AUDIT_EVENTS_GQL
from strongroom.api.inputs.audit import AuditEventFilter


class AsyncAuditApi(AsyncApiBase):
    """Audit: a part of AsyncApi."""

    async def audit_events(
        self,
        filter_: AuditEventFilter | None | UnsetType = UNSET,
        first: int | None | UnsetType = UNSET,
        after: str | None | UnsetType = UNSET,
        **kwargs: Any,
    ) -> AuditEvents:
        """What was done, newest first. Needs audit:read. A token limited to organizations sees theirs and nothing
        global; one limited to integrations sees what is about these.
        """
        variables: dict[str, object] = {"filter": filter_, "first": first, "after": after}
        response = await self.execute(
            query=AUDIT_EVENTS_GQL, operation_name="AuditEvents", variables=variables, **kwargs
        )
        data = self.get_data(response)
        return AuditEvents.model_validate(data)
