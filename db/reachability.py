"""Whether the servers that somebody points us at answer, and are new enough."""

from typing import Any, Final, cast

import asyncpg
import redis.asyncio
from redis.exceptions import AuthenticationError, RedisError, ResponseError

from db.errors import SettingsError
from db.urls import asyncpg_dsn

_OLDEST_POSTGRES: Final = 15
_OLDEST_REDIS: Final = 6
_PATIENCE: Final = 5


async def check_postgres(database_url: str, name: str = "DATABASE_URL") -> None:
    """Connect once. SettingsError when nobody answers, the log-in fails or it is older than 15."""
    try:
        connection = await asyncpg.connect(asyncpg_dsn(database_url), timeout=_PATIENCE)
        try:
            major = connection.get_server_version().major
        finally:
            await connection.close(timeout=_PATIENCE)
    except asyncpg.PostgresError as error:
        fault = f"PostgreSQL does not let us in: {_describe(error)} ({name})"
    except (OSError, TimeoutError) as error:
        fault = f"PostgreSQL does not answer: {_describe(error)} ({name})"
    except (asyncpg.InterfaceError, ValueError) as error:
        # Their texts may quote the URL.
        fault = f"{name} is not understood ({type(error).__name__})"
    else:
        refuse_old_postgres(major)
        return
    raise SettingsError(fault)


def refuse_old_postgres(major: int) -> None:
    """SettingsError for a PostgreSQL that lacks what the tables need."""
    if major < _OLDEST_POSTGRES:
        raise SettingsError(f"PostgreSQL {major} is too old: {_OLDEST_POSTGRES} or newer is needed (DATABASE_URL)")


async def check_redis(redis_url: str) -> None:
    """Ask for the version. SettingsError when nobody answers, the log-in fails or it is older than 6."""
    try:
        version = await _ask_redis(redis_url)
    except (RedisError, OSError, TimeoutError) as error:
        what = "let us in" if _is_refusal(error) else "answer"
        fault = f"Redis does not {what}: {_describe(error)} (REDIS_URL)"
    except ValueError as error:
        fault = f"REDIS_URL is not understood ({type(error).__name__})"
    else:
        refuse_old_redis(version)
        return
    raise SettingsError(fault)


def refuse_old_redis(version: str) -> None:
    """SettingsError for a Redis that lacks what the queue needs."""
    major = version.partition(".")[0]
    if major.isdigit() and int(major) < _OLDEST_REDIS:
        raise SettingsError(f"Redis {version} is too old: {_OLDEST_REDIS} or newer is needed (REDIS_URL)")


async def _ask_redis(redis_url: str) -> str:
    connect = cast("Any", redis.asyncio).from_url
    client = connect(redis_url, socket_timeout=_PATIENCE, socket_connect_timeout=_PATIENCE)
    try:
        about: dict[str, Any] = await client.info("server")
        return str(about.get("redis_version", ""))
    finally:
        await client.aclose()


def _is_refusal(error: Exception) -> bool:
    """Whether Redis answered, with a refusal. On a socket the client wraps that in a ConnectionError."""
    return any(isinstance(fault, (AuthenticationError, ResponseError)) for fault in (error, error.__cause__))


def _describe(error: Exception) -> str:
    """One line; a server's or the system's own words, which name no password."""
    text = str(error).strip().splitlines()
    return text[0] if text else "no answer in time"
