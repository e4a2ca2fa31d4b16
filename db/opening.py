"""Opening the database for a process, or for a command on the server: at this software's revision only."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from db.embedded.postgres import find_running
from db.errors import SettingsError
from db.reachability import check_postgres
from db.sessions import Database
from db.settings import Settings
from db.upgrade import is_current


@asynccontextmanager
async def open_current(database_url: str, *, connections: int = 10) -> AsyncGenerator[Database]:
    """The database at this URL. SettingsError where it is at another revision."""
    database = Database(database_url, connections=connections)
    try:
        async with database.engine.connect() as connection:
            if not await is_current(connection):
                raise SettingsError("the database is not at this software's revision: run python -m db upgrade")
        yield database
    finally:
        await database.close()


@asynccontextmanager
async def open_database(settings: Settings) -> AsyncGenerator[Database]:
    """The database of the settings, or the embedded one that runs in the home.

    Raises SettingsError, in one line.
    """
    database_url = settings.database_url or find_running(settings.home)
    if database_url is None:
        raise SettingsError(
            f"DATABASE_URL is not set, and no embedded PostgreSQL runs in {settings.home} (STRONGROOM_HOME): "
            "start it with `make run`"
        )
    await check_postgres(database_url)
    async with open_current(database_url, connections=2) as database:
        yield database
