"""`python -m workers`: the worker, until a signal. With a command: what an operator does on the server."""

import argparse
import asyncio
import os
import sys
from collections.abc import Mapping
from typing import Final, Protocol

import uvloop

from db.dumps import forbid_dumps
from db.errors import SettingsError, StrongroomError
from workers import backfill_command, scrub
from workers.failures import name_of
from workers.worker import configure_logs, run


class Command(Protocol):
    """A module with one command. Its first line is the command's help."""

    __doc__: str | None

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """What stands behind the command's name."""
        ...

    async def run(self, environ: Mapping[str, str], given: argparse.Namespace) -> int:
        """Do it; the exit code. Raises SettingsError and StrongroomError, which are told in one line."""
        ...


COMMANDS: Final[Mapping[str, Command]] = {"backfill": backfill_command, "scrub": scrub}

_BAD_INPUT: Final = 2
"""The exit code of argparse, too."""

_CODES: Final = {"BAD_USER_INPUT": _BAD_INPUT, "NOT_FOUND": _BAD_INPUT, "CONFLICT": 3}
"""Exit codes of refusals, by their code; every other is 1."""


def main(arguments: list[str]) -> int:
    """The exit code. Whatever goes wrong is told in one line, which repeats no secret."""
    forbid_dumps()
    given = _read(arguments)
    configure_logs()
    try:
        if given.command is None:
            uvloop.run(run(os.environ))
            return 0
        return asyncio.run(COMMANDS[given.command].run(os.environ, given))
    except BrokenPipeError:
        # Whoever read the lines has read enough; what Python still has to print must not fail on it again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (SettingsError, StrongroomError) as error:
        return _complain(str(error), _CODES.get(getattr(error, "code", ""), 1))
    except KeyboardInterrupt:
        return _complain("interrupted")
    except Exception as error:  # noqa: BLE001 - its text may hold anything
        return _complain(f"the {given.command or 'worker'} ended: {name_of(error)}")


def _read(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m workers", description="Run the worker, or one command.")
    commands = parser.add_subparsers(dest="command")
    for name, command in COMMANDS.items():
        told = (command.__doc__ or "").partition("\n")[0]
        command.add_arguments(commands.add_parser(name, help=told, description=told))
    return parser.parse_args(arguments)


def _complain(text: str, code: int = 1) -> int:
    print(f"strongroom: {' '.join(text.split())}", file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
