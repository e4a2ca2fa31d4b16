"""The command `strongroom`."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Sequence
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Annotated, Any, Optional

import typer

from strongroom.command import audit, backfills, configs, integrations, mappings, organizations, tokens
from strongroom.command.exporting import export, identity
from strongroom.command.failures import INTERRUPTED, UNEXPECTED, USAGE, Failure, describe, exit_code
from strongroom.command.importing import import_file
from strongroom.command.login import login, logout, profiles
from strongroom.command.output import clean, prepare_streams, say
from strongroom.command.resolving import resolve, run
from strongroom.command.session import chosen
from strongroom.errors import StrongroomError

# Typer has Click's errors under a name of its own, which depends on its version; this is the base of its public ones.
UsageError: type[Exception] = typer.BadParameter.__mro__[1]

app = typer.Typer(
    name="strongroom",
    no_args_is_help=True,
    # A traceback with the values of variables is a secret's way out.
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(wanted: bool) -> None:
    if wanted:
        try:
            found = version("strongroom")
        except PackageNotFoundError:
            found = "of a checkout"
        say(f"strongroom {found}")
        raise typer.Exit


@app.callback()
def choose(
    profile: Annotated[
        Optional[str],  # noqa: UP045 - Typer reads it at run time
        typer.Option("--profile", envvar="STRONGROOM_PROFILE", help="Whose address and token; `default` without it."),
    ] = None,
    _version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version, and exit.")
    ] = False,
) -> None:
    """Integrations' settings and secrets, from the command line.

    STRONGROOM_URL and STRONGROOM_TOKEN, set together, take the place of a profile. No option takes a secret: secrets
    are asked for, or read from standard input or a file.
    """
    chosen.profile = profile


app.command()(login)
app.command()(logout)
app.command()(profiles)
app.command()(resolve)
# What follows the command's name is the command's, its options too.
app.command(context_settings={"allow_interspersed_args": False})(run)
app.add_typer(configs.app, name="config")
app.add_typer(integrations.app, name="integration")
app.add_typer(organizations.app, name="organization")
app.add_typer(mappings.app, name="mapping")
app.add_typer(backfills.app, name="backfill")
app.add_typer(tokens.app, name="token")
app.add_typer(audit.app, name="audit")
app.command("import")(import_file)
app.command()(export)
app.command()(identity)


@cache
def _make_command() -> Any:
    return typer.main.get_command(app)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command, and end with its exit code."""
    prepare_streams()
    sys.exit(call(arguments))


def call(arguments: Sequence[str] | None = None) -> int:  # noqa: PLR0911 - one for each way to end
    """Run a command; its exit code. Whatever goes wrong is told in a line, without a value of any variable."""
    try:
        return int(_make_command()(args=arguments, prog_name="strongroom", standalone_mode=False) or 0)
    except Failure as failure:
        _complain(failure.message, *failure.lines)
        return failure.code
    except StrongroomError as error:
        _complain(*describe(error))
        return exit_code(error)
    except UsageError as error:
        _complain_of_usage(error)
        return USAGE
    except (KeyboardInterrupt, typer.Abort):
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever reads has had enough. What is left to flush goes nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return UNEXPECTED
    except Exception as error:  # noqa: BLE001 - its text may hold a value; where it was raised does not
        where = traceback.extract_tb(error.__traceback__)[-1]
        _complain(f"unexpected: {type(error).__name__} in {os.path.basename(where.filename)}, line {where.lineno}")  # noqa: PTH119 - a name
        return UNEXPECTED


def _complain_of_usage(error: Exception) -> None:
    """What is wrong with a command line; help, where there is none. An argument too many may be a secret."""
    told = str(getattr(error, "format_message", lambda: "")())
    if type(error).__name__ == "NoArgsIsHelpError":
        print(told, file=sys.stderr)
        return
    if told.startswith("Got unexpected extra argument"):
        told = "too many arguments; a value is never one: it is asked for, or read from standard input or a file"
    context = getattr(error, "ctx", None)
    hint = f" (`{context.command_path} --help`)" if context is not None else ""
    _complain(clean(told or "the command line is wrong") + hint)


def _complain(first: str, *lines: str) -> None:
    print(f"strongroom: {first}", *lines, sep="\n", file=sys.stderr)


if __name__ == "__main__":
    main()
