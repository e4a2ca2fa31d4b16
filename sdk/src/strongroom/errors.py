"""Whatever can go wrong.

StrongroomError        code, message, extensions; holds neither a token nor a value
├── Unauthenticated    no token, or one that does not hold
├── Forbidden          a permission or a limit of the token is in the way
├── BadInput           problems: every fault of the input
├── NotFound           not there, or not for this token: never told apart
├── Conflict           current_versions: somebody else's newer state is in the way
├── Undecryptable      keys: the secrets that cannot be opened
├── LimitExceeded      retry_after: seconds, where waiting helps
├── Unavailable        the service, or a server behind it, does not answer; trying again may help
├── Internal           reference: what to tell the operator
└── SettingsError      the client itself is set up wrongly
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, cast


@dataclass(frozen=True)
class Problem:
    """One fault of an input: where it is, and what is wrong."""

    path: tuple[str | int, ...]
    message: str


class StrongroomError(Exception):
    """What all errors of the SDK are. `message` is for people; `code` and `extensions` are stable."""

    code: ClassVar[str] = "INTERNAL"

    def __init__(self, message: str, extensions: Mapping[str, Any] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.extensions: dict[str, Any] = dict(extensions or {})


class Unauthenticated(StrongroomError):
    """No token, or one that is unknown, revoked or expired."""

    code = "UNAUTHENTICATED"


class Forbidden(StrongroomError):
    """The token's permissions or limits do not allow this."""

    code = "FORBIDDEN"


class BadInput(StrongroomError):
    """The input is refused as a whole."""

    code = "BAD_USER_INPUT"

    @property
    def problems(self) -> Sequence[Problem]:
        """Every fault, not the first alone."""
        return [found for told in _list(self.extensions.get("problems")) if (found := _read_problem(told))]


class NotFound(StrongroomError):
    """There is no such thing for this token."""

    code = "NOT_FOUND"


class Conflict(StrongroomError):
    """A newer version, a duplicate, or a state that does not allow the move."""

    code = "CONFLICT"

    @property
    def current_versions(self) -> Mapping[str, int | None]:
        """The current version of each key that changed meanwhile; None: it is gone."""
        told = self.extensions.get("currentVersions")
        return cast("dict[str, int | None]", told) if isinstance(told, dict) else {}


class Undecryptable(StrongroomError):
    """Secrets that cannot be opened; nothing is handed out in their place."""

    code = "UNDECRYPTABLE"

    @property
    def keys(self) -> Sequence[str]:
        """The keys of these secrets."""
        return [key for key in _list(self.extensions.get("keys")) if isinstance(key, str)]


class LimitExceeded(StrongroomError):
    """More than one request may ask for, or more often than it may."""

    code = "LIMIT_EXCEEDED"

    @property
    def retry_after(self) -> float | None:
        """After how many seconds the same request may go through; None where waiting does not help."""
        told = self.extensions.get("retryAfter")
        return told if isinstance(told, (int, float)) and not isinstance(told, bool) else None


class Unavailable(StrongroomError):
    """The service, or a server behind it, does not answer."""

    code = "UNAVAILABLE"


class Internal(StrongroomError):
    """The service met something that it did not expect."""

    @property
    def reference(self) -> str | None:
        """What the operator finds it in the log by."""
        told = self.extensions.get("reference")
        return told if isinstance(told, str) else None


class SettingsError(StrongroomError):
    """The client has no address, no token, or one that cannot be one."""

    code = "SETTINGS"


_BY_CODE: Mapping[str, type[StrongroomError]] = {
    kind.code: kind
    for kind in (
        Unauthenticated,
        Forbidden,
        BadInput,
        NotFound,
        Conflict,
        Undecryptable,
        LimitExceeded,
        Unavailable,
    )
}


def make_error(described: Mapping[str, Any]) -> StrongroomError:
    """The error that a GraphQL error describes."""
    told, message = described.get("extensions"), described.get("message")
    extensions = cast("dict[str, Any]", told) if isinstance(told, dict) else {}
    kind = _BY_CODE.get(str(extensions.get("code")), Internal)
    return kind(message if isinstance(message, str) and message else "unknown error", extensions)


def _read_problem(told: Any) -> Problem | None:
    given = cast("dict[str, Any]", told) if isinstance(told, dict) else {}
    path, message = given.get("path"), given.get("message")
    return Problem(tuple(cast("list[Any]", path)), str(message)) if isinstance(path, list) else None


def _list(told: Any) -> list[Any]:
    """What should be a list, and from another server may be anything."""
    return cast("list[Any]", told) if isinstance(told, list) else []
