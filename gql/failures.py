"""How failures look to a caller, and what of them is logged.

A caller sees the text of deliberate refusals only. Exceptions of drivers and libraries repeat what they
were given, so neither their text nor any local variable is ever logged: types and places only.
"""

import logging
import secrets
import traceback
from collections.abc import Iterator, Sequence
from typing import Any, cast

import asyncpg
import redis.exceptions
from graphql import GraphQLError, ValueNode
from sqlalchemy.exc import DBAPIError, InterfaceError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from strawberry.exceptions import StrawberryInputCoercionError

from db.errors import BadInput, Problem, StrongroomError, Unavailable

logger = logging.getLogger("strongroom")

_LOST = (
    OSError,
    PoolTimeoutError,
    InterfaceError,
    asyncpg.InterfaceError,
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.TooManyConnectionsError,
)
_CODES = frozenset(refusal.code for refusal in StrongroomError.__subclasses__())
_QUEUE_LOST = (redis.exceptions.ConnectionError, redis.exceptions.TimeoutError)


def describe_failures(errors: Sequence[GraphQLError]) -> list[dict[str, Any]]:
    """The errors of an executed operation as the answer gives them."""
    return [_locate(_describe_failure(error), error) for error in errors]


def describe(error: BaseException) -> dict[str, Any]:
    """Any exception as a GraphQL error: a refusal as it is, anything else as INTERNAL, logged."""
    refusal = find_refusal(error)
    if refusal is not None:
        return describe_refusal(refusal)
    reference = report(error)
    return {"message": "Internal error", "extensions": {"code": "INTERNAL", "reference": reference}}


def describe_refusal(error: StrongroomError) -> dict[str, Any]:
    """A refusal as a GraphQL error."""
    return {"message": error.message, "extensions": error.extensions}


def describe_request_error(error: GraphQLError) -> dict[str, Any]:
    """An error of validation, which graphql-core made without repeating any value."""
    problems = [{"path": ["query"], "message": error.message}]
    extensions = {"code": "BAD_USER_INPUT", "problems": problems, **(error.extensions or {})}
    return _locate({"message": error.message, "extensions": extensions}, error)


def find_refusal(error: BaseException) -> StrongroomError | None:
    """The refusal that an exception is or stands for; None for what nobody expected."""
    if isinstance(error, StrongroomError):
        return error
    if isinstance(error, StrawberryInputCoercionError):
        return BadInput([Problem((), "an input does not fit its type")])
    causes = list(_list_causes(error))
    # asyncpg's word for an argument that it cannot encode is an InterfaceError too.
    if any(isinstance(cause, asyncpg.InterfaceError) and isinstance(cause, ValueError) for cause in causes):
        return None
    for cause in causes:
        if isinstance(cause, _QUEUE_LOST):
            return _report_lost(cause, Unavailable("the service cannot reach its queue"))
        if isinstance(cause, _LOST) or (isinstance(cause, DBAPIError) and cause.connection_invalidated):
            return _report_lost(cause, Unavailable())
    return None


def report(error: BaseException) -> str:
    """Log where an unexpected exception came from, and return the reference it is logged under."""
    reference = secrets.token_hex(8)
    told = [f"{_name(cause)}\n{_list_frames(cause)}" for cause in _list_all(error)]
    logger.error("internal error %s: %s", reference, "caused by ".join(told))
    return reference


def _describe_failure(error: GraphQLError) -> dict[str, Any]:
    origin = _find_origin(error)
    if isinstance(origin, StrongroomError):
        return describe_refusal(origin)
    if error.nodes and isinstance(error.nodes[0], ValueNode):
        # A variable that may be null, in a place that takes none, is found only when it is used.
        return describe_refusal(BadInput([Problem((), "an argument does not fit its type")]))
    if isinstance(origin, GraphQLError) and (origin.extensions or {}).get("code") in _CODES:
        # What a permission class of Strawberry raises by itself.
        return {"message": origin.message, "extensions": origin.extensions}
    return describe(origin)


def _report_lost(error: BaseException, refusal: Unavailable) -> Unavailable:
    logger.warning("%s (%s)", refusal.message, _name(error))
    return refusal


def _locate(described: dict[str, Any], error: GraphQLError) -> dict[str, Any]:
    if error.locations:
        described["locations"] = [{"line": location.line, "column": location.column} for location in error.locations]
    if error.path:
        described["path"] = error.path
    return described


def _find_origin(error: GraphQLError) -> BaseException:
    origin: BaseException = error
    while isinstance(origin, GraphQLError) and origin.original_error is not None:
        origin = origin.original_error
    return origin


def _list_causes(error: BaseException) -> Iterator[BaseException]:
    """The exception and what it was raised from, drivers' exceptions inside SQLAlchemy's included."""
    seen: set[int] = set()
    pending: list[BaseException | None] = [error]
    while pending:
        cause = pending.pop()
        if cause is None or id(cause) in seen:
            continue
        seen.add(id(cause))
        yield cause
        pending.append(cause.__cause__)
        pending.append(cast("BaseException | None", getattr(cause, "orig", None)))
        pending.extend(cast("Any", getattr(cause, "exceptions", ())))


def _list_all(error: BaseException) -> list[BaseException]:
    return [error, *(cause for cause in _list_causes(error) if cause is not error)]


def _name(error: BaseException) -> str:
    return f"{type(error).__module__}.{type(error).__qualname__}"


def _list_frames(error: BaseException) -> str:
    frames = traceback.walk_tb(error.__traceback__)
    return "".join(f"  {frame.f_code.co_filename}:{line} {frame.f_code.co_qualname}\n" for frame, line in frames)
