"""Strawberry permissions: for fields that are guarded one by one."""

from typing import Any

from strawberry.permission import BasePermission

from db.access import Permission
from db.errors import Forbidden
from gql.context import GraphQLInfo


class MayReveal(BasePermission):
    """The caller's token holds config:reveal; otherwise the field is null with a FORBIDDEN error."""

    def has_permission(self, source: Any, info: GraphQLInfo, **kwargs: Any) -> bool:
        """Whether the field may be resolved."""
        return info.context.principal.may(Permission.CONFIG_REVEAL)

    def on_unauthorized(self) -> None:
        """Refuse with our own error, whose code the caller sees."""
        raise Forbidden("needs the permission config:reveal")
