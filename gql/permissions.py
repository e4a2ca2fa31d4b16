"""Strawberry permissions: for fields that are guarded one by one."""

from typing import Any

from strawberry.permission import BasePermission

from db.policy import admit
from gql.context import GraphQLInfo


class MayReveal(BasePermission):
    """The caller's token holds config:reveal; otherwise the field is null with a FORBIDDEN error."""

    def has_permission(self, source: Any, info: GraphQLInfo, **kwargs: Any) -> bool:
        """Whether the field may be resolved. Raises our own refusal, whose code the caller sees."""
        admit(info.context.principal, "Config.decryptedValue")
        return True
