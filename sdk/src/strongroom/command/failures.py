"""What goes wrong, told in a line, and the exit codes.

0    done
1    something unexpected; nothing else of this list
2    the command line itself is wrong
3    no token, or one that does not hold
4    the token may not do this
5    not there, or not for this token
6    the input is refused; each problem is on a line of its own
7    somebody else's newer state is in the way
8    a secret cannot be opened
9    a limit: too much, or too often
10   the service does not answer
11   the profile, the address or the token is set up wrongly
12   not confirmed: nothing was changed
13   a backfill failed or was cancelled
14   done in part: `import --partial` left something out
126  `run`: the command cannot be run
127  `run`: there is no such command
130  interrupted

`run` ends with its command's own exit code.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from strongroom.command.output import clean
from strongroom.errors import (
    BadInput,
    Conflict,
    Forbidden,
    Internal,
    LimitExceeded,
    NotFound,
    SettingsError,
    StrongroomError,
    Unauthenticated,
    Unavailable,
    Undecryptable,
)

UNEXPECTED = 1
USAGE = 2
REFUSED = 6
DECLINED = 12
RUN_FAILED = 13
IN_PART = 14
NOT_RUNNABLE = 126
NO_COMMAND = 127
INTERRUPTED = 130

EXIT_CODES: dict[type[StrongroomError], int] = {
    Unauthenticated: 3,
    Forbidden: 4,
    NotFound: 5,
    BadInput: REFUSED,
    Conflict: 7,
    Undecryptable: 8,
    LimitExceeded: 9,
    Unavailable: 10,
    SettingsError: 11,
}


class Failure(Exception):
    """What the command line itself refuses. Its lines hold no value."""

    def __init__(self, message: str, lines: Sequence[str] = (), code: int = REFUSED) -> None:
        super().__init__(message)
        self.message = message
        self.lines = tuple(lines)
        self.code = code


def exit_code(error: StrongroomError) -> int:
    """The exit code that an error of the service or the SDK has."""
    return EXIT_CODES.get(type(error), UNEXPECTED)


def describe(error: StrongroomError) -> Iterator[str]:
    """An error in a line, and each problem of an input in one more."""
    if isinstance(error, BadInput) and error.problems:
        yield "refused:"
        for problem in error.problems:
            yield f"  {show_path(problem.path)}: {clean(problem.message)}"
        return
    yield clean(error.message)
    if isinstance(error, Undecryptable):
        yield from (f"  {clean(str(key))}" for key in error.keys)
    if isinstance(error, Internal) and error.reference:
        yield f"  tell the operator this reference: {clean(error.reference)}"
    if isinstance(error, LimitExceeded) and error.retry_after is not None:
        yield f"  try again in {error.retry_after:g} s"
    if isinstance(error, (Unauthenticated, SettingsError)):
        yield "  `strongroom login` stores an address and a token; STRONGROOM_URL and STRONGROOM_TOKEN hold one too"


def show_path(path: Sequence[str | int]) -> str:
    """Where in an input a problem is, as people read it."""
    steps = [step for step in path if step != "input"] or ["input"]
    return ".".join(clean(str(step)) for step in steps)
