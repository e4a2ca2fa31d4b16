"""Every refusal that Strongroom makes on purpose.

StrongroomError            code, message, extensions; safe to show to the caller
├── Unauthenticated        UNAUTHENTICATED  no token, or one that does not hold
├── Forbidden              FORBIDDEN        a permission or a limit is in the way
├── BadInput               BAD_USER_INPUT   extensions.problems names every fault
├── NotFound               NOT_FOUND        not there, or another tenant's: never told apart
├── Conflict               CONFLICT         somebody else's newer state is in the way
├── Undecryptable          UNDECRYPTABLE    extensions.keys names what cannot be opened
├── LimitExceeded          LIMIT_EXCEEDED   too much at once
└── Unavailable            UNAVAILABLE      a server that is needed does not answer
SealError                  the one opaque error of opening and unwrapping
SettingsError              one line for an operator; ends a start-up
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NoReturn


@dataclass(frozen=True, slots=True)
class Problem:
    """One fault of an input: where it is, and what is wrong. The message never repeats a value."""

    path: tuple[str | int, ...]
    message: str


class StrongroomError(Exception):
    """A refusal with a stable code. The message and the extensions hold no secret."""

    code: ClassVar[str] = "INTERNAL"

    def __init__(self, message: str, extensions: Mapping[str, Any] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.extensions: dict[str, Any] = {"code": self.code, **(extensions or {})}


class Unauthenticated(StrongroomError):
    """No bearer token, or one that is unknown, revoked or expired; which of these is not told."""

    code = "UNAUTHENTICATED"

    def __init__(self, message: str = "a valid bearer token is needed") -> None:
        super().__init__(message)


class Forbidden(StrongroomError):
    """The token's permissions or limits do not allow this."""

    code = "FORBIDDEN"


class BadInput(StrongroomError):
    """The input is refused as a whole; `extensions.problems` lists all of its faults."""

    code = "BAD_USER_INPUT"

    def __init__(self, problems: Sequence[Problem]) -> None:
        shown = [{"path": list(problem.path), "message": problem.message} for problem in problems]
        super().__init__(_summary(problems), {"problems": shown})
        self.problems = tuple(problems)


class NotFound(StrongroomError):
    """There is no such thing for this caller."""

    code = "NOT_FOUND"

    def __init__(self, what: str) -> None:
        super().__init__(f"{what} not found")


class Conflict(StrongroomError):
    """A newer version, a duplicate, or a state that does not allow the move."""

    code = "CONFLICT"


class Undecryptable(StrongroomError):
    """Secrets that cannot be opened, by key; nothing is handed out in their place."""

    code = "UNDECRYPTABLE"

    def __init__(self, keys: Sequence[str]) -> None:
        super().__init__("a stored secret cannot be opened", {"keys": sorted(keys)})
        self.keys = tuple(sorted(keys))


class LimitExceeded(StrongroomError):
    """More than one request may ask for, or more often; `retry_after` seconds later it may go through."""

    code = "LIMIT_EXCEEDED"

    def __init__(self, message: str, retry_after: int | None = None) -> None:
        super().__init__(message, None if retry_after is None else {"retryAfter": retry_after})
        self.retry_after = retry_after


class Unavailable(StrongroomError):
    """A server that this request needs does not answer; trying again later may work."""

    code = "UNAVAILABLE"

    def __init__(self, message: str = "the service cannot reach its database") -> None:
        super().__init__(message)


class SealError(Exception):
    """A sealed value or a wrapped key does not open. One text for every cause."""

    def __init__(self) -> None:
        super().__init__("cannot be opened")


class SettingsError(Exception):
    """A setting or a server that start-up cannot work with, told in one line without any secret."""


def refuse(message: str, *path: str | int) -> NoReturn:
    """Raise BadInput for the one fault at `path`."""
    raise BadInput([Problem(path, message)])


def _summary(problems: Sequence[Problem]) -> str:
    first = problems[0]
    where = ".".join(str(step) for step in first.path)
    told = f"{where}: {first.message}" if where else first.message
    return told if len(problems) == 1 else f"{told} (and {len(problems) - 1} more)"
