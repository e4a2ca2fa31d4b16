"""Addresses of the servers: checked once, and put into the form that each library takes."""

import re
from typing import Final
from urllib.parse import SplitResult, parse_qsl, quote, unquote, urlencode, urlsplit

from db.errors import SettingsError

_POSTGRES: Final = frozenset({"postgres", "postgresql", "postgresql+asyncpg"})
_REDIS: Final = frozenset({"redis", "rediss", "unix"})
_IN_NETLOC: Final = frozenset({"user", "password"})
_DATABASE: Final = frozenset({"dbname", "database"})


def check_database_url(text: str, name: str = "DATABASE_URL") -> str:
    """The URL as given; SettingsError, which repeats nothing of it but `name`, when it is no PostgreSQL URL."""
    parts = _split(text)
    if parts is None or parts.scheme not in _POSTGRES or "sslpassword" in dict(parse_qsl(parts.query)):
        raise SettingsError(
            f"{name} is not a PostgreSQL URL: expected postgresql://user:password@host:port/name"
            " or postgresql:///name?host=/socket/folder"
        )
    return text


def check_redis_url(text: str) -> str:
    """The URL without a trailing slash; SettingsError, which repeats nothing of it, if it is no Redis URL."""
    parts = _split(text)
    if parts is None or parts.scheme not in _REDIS or not _has_redis_place(parts):
        raise SettingsError(
            "REDIS_URL is not a Redis URL: expected redis://user:password@host:port/0, rediss://…"
            " or unix:///path/of/the.sock"
        )
    return _join(parts._replace(path=parts.path.rstrip("/")))


def asyncpg_dsn(url: str) -> str:
    """The same address for `asyncpg.connect`, `pg_dump` and whatever else speaks libpq's URLs."""
    scheme, _, rest = url.partition("://")
    return f"postgresql://{rest}" if scheme in _POSTGRES else url


def sqlalchemy_url(url: str) -> str:
    """The same address for SQLAlchemy's asyncpg dialect.

    That dialect hands a URL's parameters to `asyncpg.connect` as arguments, which knows neither `sslmode` nor
    `sslrootcert`. So they travel in its `dsn` argument, where asyncpg reads all of libpq's; the user and the
    password stay where SQLAlchemy hides them.
    """
    parts = urlsplit(asyncpg_dsn(url))
    given = parse_qsl(parts.query)
    kept = [(name, value) for name, value in given if name not in _IN_NETLOC | _DATABASE]
    names = [quote(value) for name, value in given if name in _DATABASE]
    dsn = f"postgresql://?{urlencode(kept, safe='/')}"
    moved = parts._replace(
        scheme="postgresql+asyncpg",
        netloc=_merge_credentials(parts.netloc, dict(given)),
        path=f"/{names[-1]}" if names else parts.path or "/",
        query=urlencode({"dsn": dsn}) if kept else "",
    )
    return _join(moved)


def _split(text: str) -> SplitResult | None:
    if re.search(r"[\x00-\x20\x7f]", text):
        return None
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        return None
    return parts if text.startswith(f"{parts.scheme}://") else None


def _join(parts: SplitResult) -> str:
    """Not urlunsplit: that drops the // before an empty host."""
    return f"{parts.scheme}://{parts.netloc}{parts.path}{'?' if parts.query else ''}{parts.query}"


def _has_redis_place(parts: SplitResult) -> bool:
    if parts.scheme == "unix":
        return len(parts.path) > 1
    return bool(parts.hostname) and re.fullmatch(r"/?|/\d+/?", parts.path, re.ASCII) is not None


def _merge_credentials(netloc: str, given: dict[str, str]) -> str:
    """The user and password of the query, where there are any, moved to the place SQLAlchemy masks."""
    if not _IN_NETLOC & given.keys():
        return netloc
    credentials, _, place = netloc.rpartition("@")
    user, _, password = credentials.partition(":")
    user = given.get("user", unquote(user))
    password = given.get("password", unquote(password))
    return f"{quote(user, safe='')}:{quote(password, safe='')}@{place}"
