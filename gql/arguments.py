"""Arguments that many fields share."""

from typing import Annotated

import strawberry

First = Annotated[int, strawberry.argument(description="How many items: 1 to 200.")]
After = Annotated[str | None, strawberry.argument(description="The cursor after which to begin.")]
Id = Annotated[strawberry.ID, strawberry.argument(description="The row's UUID.")]
OptionalId = Annotated[strawberry.ID | None, strawberry.argument(description="Only of this one.")]
