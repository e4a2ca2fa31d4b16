"""The JSON scalar: any JSON value, for the schema and for the type checker."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from db.values import JSON
else:
    from strawberry.scalars import JSON

__all__ = ["JSON"]
