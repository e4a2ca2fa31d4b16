import logging

import asyncpg
import pytest
import redis.exceptions
from graphql import GraphQLError
from sqlalchemy.exc import DBAPIError, IntegrityError, InterfaceError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from strawberry.exceptions import StrawberryInputCoercionError

from db.errors import NotFound, Unavailable
from gql.failures import describe, describe_failures, find_refusal

SECRET = "hunter2-hunter2"


def wrap(error: Exception, *, lost: bool = False) -> DBAPIError:
    return DBAPIError(f"INSERT {SECRET}", {"value": SECRET}, error, connection_invalidated=lost)


def chain(cause: Exception) -> Exception:
    try:
        raise RuntimeError(SECRET) from cause
    except RuntimeError as error:
        return error


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (ConnectionRefusedError(SECRET), "the service cannot reach its database"),
        (FileNotFoundError(SECRET), "the service cannot reach its database"),
        (asyncpg.ConnectionDoesNotExistError(SECRET), "the service cannot reach its database"),
        (asyncpg.AdminShutdownError(SECRET), "the service cannot reach its database"),
        (asyncpg.TooManyConnectionsError(SECRET), "the service cannot reach its database"),
        (wrap(ConnectionResetError(SECRET)), "the service cannot reach its database"),
        (wrap(Exception(SECRET), lost=True), "the service cannot reach its database"),
        (InterfaceError(SECRET, {}, Exception(SECRET)), "the service cannot reach its database"),
        (PoolTimeoutError(SECRET), "the service cannot reach its database"),
        (chain(OSError(SECRET)), "the service cannot reach its database"),
        (ExceptionGroup(SECRET, [ValueError(), OSError(SECRET)]), "the service cannot reach its database"),
        (redis.exceptions.ConnectionError(SECRET), "the service cannot reach its queue"),
        (redis.exceptions.TimeoutError(SECRET), "the service cannot reach its queue"),
    ],
)
def test_a_server_that_is_gone_is_unavailable(error: Exception, message: str, caplog: pytest.LogCaptureFixture) -> None:
    """A lost database or queue is UNAVAILABLE, and logged by its type only."""
    refusal = find_refusal(error)
    assert isinstance(refusal, Unavailable)
    assert refusal.message == message
    assert SECRET not in caplog.text
    assert message in caplog.text


@pytest.mark.parametrize(
    "error",
    [
        ValueError(SECRET),
        wrap(asyncpg.UniqueViolationError(SECRET)),
        IntegrityError(f"INSERT {SECRET}", {"value": SECRET}, Exception(SECRET)),
        chain(KeyError(SECRET)),
        InterfaceError(SECRET, {}, chain(asyncpg.exceptions._base.DataError(SECRET))),
        GraphQLError(SECRET),
    ],
)
def test_the_unexpected_is_logged_without_its_text(error: Exception, caplog: pytest.LogCaptureFixture) -> None:
    """Exceptions of drivers repeat what they were given: types and places are logged, texts never."""
    try:
        raise error
    except Exception as raised:  # noqa: BLE001
        with caplog.at_level(logging.DEBUG):
            described = describe(raised)
    assert described["message"] == "Internal error"
    assert described["extensions"]["code"] == "INTERNAL"
    [record] = caplog.records
    assert record.name == "strongroom"
    assert described["extensions"]["reference"] in record.getMessage()
    assert type(error).__qualname__ in record.getMessage()
    assert "test_failures.py" in record.getMessage()
    assert SECRET not in caplog.text + repr(record.__dict__) + repr(described)


def test_every_unexpected_failure_has_its_own_reference() -> None:
    """A reference finds one entry of the log."""
    assert describe(ValueError())["extensions"] != describe(ValueError())["extensions"]


def test_a_refusal_is_told_as_it_is(caplog: pytest.LogCaptureFixture) -> None:
    """A deliberate refusal keeps its message and code, and is no news for the log."""
    error = GraphQLError("located", path=["config"], original_error=NotFound("config"))
    [described] = describe_failures([error])
    extensions = {"code": "NOT_FOUND"}
    assert described == {"message": "config not found", "extensions": extensions, "path": ["config"]}
    assert not caplog.records


def test_inputs_that_strawberry_refuses() -> None:
    """Strawberry's own refusals of inputs are bad input, without their texts."""
    [described] = describe_failures([GraphQLError(SECRET, original_error=StrawberryInputCoercionError(SECRET))])
    assert described["extensions"]["code"] == "BAD_USER_INPUT"
    assert SECRET not in repr(described)
