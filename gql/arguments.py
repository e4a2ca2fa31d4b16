"""Arguments that many fields share."""

from typing import Annotated, TypeVar

import strawberry

T = TypeVar("T")

Input = Annotated[T, strawberry.argument(description="What the mutation is to do.")]
First = Annotated[int | None, strawberry.argument(description="How many items: 1 to 200; null is the default.")]
After = Annotated[str | None, strawberry.argument(description="The cursor after which to begin.")]
Id = Annotated[strawberry.ID, strawberry.argument(description="The row's UUID.")]
OptionalId = Annotated[strawberry.ID | None, strawberry.argument(description="Only of this one.")]
NameContains = Annotated[
    str | None,
    strawberry.argument(description="Only names with this text in them, in upper or lower case; null is all."),
]
Name = Annotated[str | None, strawberry.argument(description="Its name.")]


def page_size(first: int | None, default: int = 50) -> int:
    """How many items a page is to have at most; the rules check it."""
    return default if first is None else first
