"""`python -m db run|demo|upgrade|audit|keys`."""

import argparse
import asyncio
import os
import sys
import traceback
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Final

from db import keys_command
from db.audit import command as audit_command
from db.dumps import forbid_dumps
from db.errors import SettingsError, StrongroomError
from db.launcher import Launcher, say
from db.reachability import check_postgres
from db.settings import Settings
from db.start import prepare
from db.upgrade import migrate, newest_revision


async def run_all(environ: Mapping[str, str]) -> None:
    """Everything, until a signal."""
    await Launcher(Settings.from_env(environ), environ, prepare).run()


async def run_demo(environ: Mapping[str, str]) -> None:
    """Everything, with sample data and the keys that its legacy rows are sealed with."""
    from db.demo.load import DEMO_ENVIRON, load_demo  # noqa: PLC0415 - big, and for this command alone

    environ = {**environ, **DEMO_ENVIRON}
    await Launcher(Settings.from_env(environ), environ, prepare, load=load_demo).run()


async def upgrade_database(environ: Mapping[str, str]) -> None:
    """Only the migrations, for deployments that run the parts one by one."""
    settings = Settings.from_env(environ)
    if settings.database_url is None:
        raise SettingsError("DATABASE_URL is not set: there is no database to upgrade")
    await check_postgres(settings.database_url)
    if settings.migration_database_url is not None:
        await check_postgres(settings.migration_database_url, "STRONGROOM_MIGRATION_DATABASE_URL")
    await migrate(settings.database_url, settings.migration_database_url)
    say(f"the database is at revision {newest_revision()}")


COMMANDS: Final[Mapping[str, Callable[[Mapping[str, str]], Coroutine[Any, Any, None]]]] = {
    "run": run_all,
    "demo": run_demo,
    "upgrade": upgrade_database,
}


def main(arguments: list[str]) -> int:
    """The exit code. Whatever goes wrong is told in one line, which repeats no secret."""
    parser = argparse.ArgumentParser(prog="python -m db", description="Run Strongroom, or prepare its database.")
    commands = parser.add_subparsers(dest="command", required=True)
    for name, command in COMMANDS.items():
        commands.add_parser(name, help=command.__doc__)
    audit_command.add_arguments(commands.add_parser("audit", help="Verify, checkpoint or export the audit log."))
    help_of_keys = "Tell what each root key still wraps, and which may be removed."
    keys_command.add_arguments(commands.add_parser("keys", help=help_of_keys))
    given = parser.parse_args(arguments)
    try:
        return asyncio.run(_run(given))
    except BrokenPipeError:
        # Whoever read the lines has read enough; what Python still has to print must not fail on it again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (SettingsError, StrongroomError) as error:
        return _complain(str(error))
    except KeyboardInterrupt:
        return _complain("interrupted")
    except Exception as error:  # noqa: BLE001 - its text may hold anything; where it arose does not
        place = traceback.extract_tb(error.__traceback__)[-1]
        return _complain(f"unexpected {type(error).__name__} at {place.filename}:{place.lineno}")


async def _run(given: argparse.Namespace) -> int:
    if given.command in ("audit", "keys"):
        forbid_dumps()  # These open the root keys in this very process.
    if given.command == "audit":
        return await audit_command.run(os.environ, given)
    if given.command == "keys":
        return await keys_command.run(os.environ, given)
    await COMMANDS[given.command](os.environ)
    return 0


def _complain(text: str) -> int:
    print(f"strongroom: {' '.join(text.split())}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
