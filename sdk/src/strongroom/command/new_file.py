"""A new file for what only its owner is to read."""

from __future__ import annotations

import os
from pathlib import Path

from strongroom.command.failures import USAGE, Failure
from strongroom.command.output import clean


class NewFile:
    """Where a secret goes. The file is made before the secret is made, or revealed: a bad path costs neither.

    It goes again, unless something was written into it. Without a path there is none.
    """

    def __init__(self, path: str | None) -> None:
        self.path = path
        self._descriptor: int | None = None

    def __enter__(self) -> NewFile:  # noqa: PYI034 - typing has Self from 3.11 on
        if self.path is not None:
            try:
                self._descriptor = os.open(Path(self.path), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            except OSError as error:
                raise Failure(f"{clean(self.path)}: {error.strerror}", code=USAGE) from None
        return self

    def __exit__(self, *_: object) -> None:
        if self._descriptor is not None and self.path is not None:
            os.close(self._descriptor)
            Path(self.path).unlink(missing_ok=True)

    def write(self, text: str) -> None:
        """Write all of it, once."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            with os.fdopen(descriptor, "w", encoding="utf-8") as opened:
                opened.write(text)
