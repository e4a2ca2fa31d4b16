"""`python -m gql serve` runs the API; `python -m gql schema` prints its schema, or checks the committed one."""

import argparse
import logging
import os
import socket
import sys
from typing import Final

import uvloop
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from db.dumps import forbid_dumps
from db.errors import SettingsError
from db.garbage import settle
from db.reachability import check_postgres
from db.sessions import sqlstate
from db.settings import Settings
from gql.app import make_app, open_service
from gql.schema import SCHEMA_FILE, print_sorted
from gql.serving import Server

_NO_SUCH_TABLE_OR_COLUMN: Final = ("42P01", "42703")


def main(arguments: list[str] | None = None) -> int:
    """Run a command; 0 if it succeeded, 1 with one line on stderr if not."""
    parser = argparse.ArgumentParser(prog="python -m gql", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("serve", help="run the API until SIGTERM")
    schema = commands.add_parser("schema", help="print the schema")
    how = schema.add_mutually_exclusive_group()
    how.add_argument("--check", action="store_true", help="fail if schema.graphql is not the schema")
    how.add_argument("--write", action="store_true", help="write schema.graphql")
    given = parser.parse_args(arguments)
    try:
        return serve() if given.command == "serve" else show_schema(check=given.check, write=given.write)
    except SettingsError as error:
        print(f"strongroom: {error}", file=sys.stderr)
        return 1


def serve() -> int:
    """Run the API until SIGTERM or SIGINT."""
    forbid_dumps()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    logging.getLogger("alembic").setLevel(logging.WARNING)  # It tells of every look at the revision.
    settings = Settings.from_env(os.environ)
    if settings.database_url is None or settings.redis_url is None:
        raise SettingsError("python -m gql serve needs DATABASE_URL and REDIS_URL; `make run` sets them")
    uvloop.run(_serve(settings, settings.database_url, settings.redis_url))
    return 0


async def _serve(settings: Settings, database_url: str, redis_url: str) -> None:
    listening = _listen(settings.host, settings.port, shared=settings.api_processes > 1)
    try:
        async with open_service(settings, database_url, redis_url) as service:
            app = make_app(service, settings)
            settle()
            await Server(app, service.lines).serve(sockets=[listening])
    except (SQLAlchemyError, OSError) as error:
        raise SettingsError(await _explain(error, database_url)) from None
    finally:
        listening.close()


async def _explain(error: SQLAlchemyError | OSError, database_url: str) -> str:
    """Why the API cannot start. Raises SettingsError itself where the database cannot even be reached."""
    await check_postgres(database_url)
    if isinstance(error, DBAPIError) and sqlstate(error) in _NO_SUCH_TABLE_OR_COLUMN:
        return "the database is not at this software's revision: run python -m db upgrade"
    return f"the database cannot be used ({type(error).__name__})"


def _listen(host: str, port: int, *, shared: bool = False) -> socket.socket:
    """A listening socket; a shared one is only bound: the kernel gives connections to those that listen, and a process
    that is still starting would let its part of them wait. The server listens once it serves."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listening = socket.socket(family, kind, protocol)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listening.bind(address)
        if not shared:
            listening.listen(1024)
    except OSError as error:
        raise SettingsError(
            f"cannot listen on {host}:{port}: {error.strerror} (STRONGROOM_HOST, STRONGROOM_PORT)"
        ) from None
    return listening


def show_schema(*, check: bool, write: bool) -> int:
    """Print the schema, write it to schema.graphql, or compare the two."""
    text = print_sorted()
    if write:
        SCHEMA_FILE.write_text(text)
    elif check:
        if not SCHEMA_FILE.exists() or SCHEMA_FILE.read_text() != text:
            raise SettingsError("schema.graphql is not the schema: run `python -m gql schema --write`")
    else:
        print(text, end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
