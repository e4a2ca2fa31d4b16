"""Trails: where in the answer something stands, made without copying for each thing."""

from typing import cast

from graphql.pyutils import Path

Trail = tuple["Trail | None", str | int] | None
"""The trail of what holds it, and its key there."""


def list_steps(trail: Trail) -> list[str | int]:
    """The path, from the answer's top."""
    steps: list[str | int] = []
    while trail is not None:
        trail, step = trail
        steps.append(step)
    return steps[::-1]


def make_path(trail: Trail) -> Path:
    """The path as graphql-core has it."""
    path: Path | None = None
    for step in list_steps(trail):
        path = Path(path, step, None)
    return cast("Path", path)
