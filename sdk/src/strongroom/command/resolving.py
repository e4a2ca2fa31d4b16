"""`strongroom resolve` and `strongroom run`: the config that an integration has for an organization."""

from __future__ import annotations

import os
import signal
from collections.abc import Generator
from contextlib import contextmanager
from typing import Annotated, Optional

import typer

from strongroom.command.failures import NO_COMMAND, NOT_RUNNABLE, USAGE, Failure
from strongroom.command.formats import Format, as_text, name_variables, write_lines
from strongroom.command.output import MASK, clean, note, say, show_json, show_table
from strongroom.command.session import Integration, Json, Organization, Reason, Reveal, connect
from strongroom.config import ResolvedConfig

FormatOption = Annotated[
    Optional[Format],  # noqa: UP045 - Typer reads it at run time, on Python 3.10 too
    typer.Option("--format", "-f", help="How to print it; a table without it."),
]
Prefix = Annotated[str, typer.Option("--prefix", help="What every variable's name begins with.")]
TOKEN = "STRONGROOM_TOKEN"  # noqa: S105 - the name of a variable


def resolve(
    named: Annotated[
        Optional[str],  # noqa: UP045 - as above
        typer.Argument(metavar="INTEGRATION", help="The integration's name; --integration names it too."),
    ] = None,
    integration: Integration = None,
    organization: Organization = None,
    format: FormatOption = None,
    reveal: Reveal = False,
    reason: Reason = None,
    prefix: Prefix = "",
    as_json: Json = False,
) -> None:
    """Show the config of an integration for an organization: defaults, then the organization's overrides.

    Secrets are masked unless --reveal is given; in the formats env, dotenv and shell a masked one is a comment.
    """
    name = _name(named, integration)
    if as_json and format not in (None, Format.JSON):
        raise Failure("--json is --format json: give one of them", code=USAGE)
    format = Format.JSON if as_json else format or Format.TABLE
    with connect(reason) as client:
        config = client.resolve(name, _given(organization))
    hidden = [] if reveal else [key for key in config if config.is_secret(key)]
    if format is Format.TABLE:
        _show_table(config, hidden)
    elif format is Format.JSON:
        show_json(_describe(config, hidden))
    else:
        for line in write_lines(format, config, hidden, prefix):
            say(line)
    _note_rest(config, hidden)


def run(
    command: Annotated[list[str], typer.Argument(metavar="-- COMMAND...", help="The command and its arguments.")],
    integration: Annotated[
        list[str], typer.Option("--integration", "-i", metavar="NAME", help="An integration's name; may be repeated.")
    ],
    organization: Organization = None,
    prefix: Prefix = "",
    allow_missing: Annotated[
        bool, typer.Option("--allow-missing", help="Run it though required keys have no value.")
    ] = False,
    keep_token: Annotated[
        bool, typer.Option("--keep-token", help="Leave STRONGROOM_TOKEN in the command's environment.")
    ] = False,
    reason: Reason = None,
) -> None:
    """Run a command with a config in its environment, and nowhere else.

    The command takes this process's place: signals reach it, and its exit code is the exit code.
    """
    with connect(reason) as client:
        configs = [client.resolve(name, _given(organization)) for name in integration]
    lacking = [f"{clean(one.integration)}: {clean(key)}" for one in configs for key in (*one.missing, *one.unfit)]
    if lacking and not allow_missing:
        raise Failure("required keys have no value, or one that does not fit; --allow-missing runs it", lacking)
    environ = dict(os.environ)
    if not keep_token:
        environ.pop(TOKEN, None)
    _replace(command, environ | _variables(configs, prefix))


def _variables(configs: list[ResolvedConfig], prefix: str) -> dict[str, str]:
    values = {(number, key): config[key] for number, config in enumerate(configs) for key in config}
    # Keys of two integrations may have one name, which is refused like two keys of one.
    found: dict[str, str] = {}
    taken: list[str] = []
    for number, config in enumerate(configs):
        for key, name in name_variables(config, prefix).items():
            text = as_text(values[number, key])
            taken += [f"{name} is of two integrations"] if name in found else []
            taken += [f"{clean(key)}: has a NUL character, which no variable can hold"] if "\0" in text else []
            found[name] = text
    if taken:
        raise Failure("not every key can be a variable", taken)
    return found


def _replace(command: list[str], environ: dict[str, str]) -> None:
    try:
        with default_signals():
            os.execvpe(command[0], command, environ)  # noqa: S606 - this is what it is for
    except FileNotFoundError:
        code, why = NO_COMMAND, "there is no such command"
    except OSError as error:
        code, why = NOT_RUNNABLE, error.strerror or type(error).__name__
    raise Failure(f"{clean(command[0])}: {why}", code=code)


@contextmanager
def default_signals() -> Generator[None, None, None]:
    """Take back what Python did at its start: a command that writes into a closed pipe is to end of it, quietly.

    Where the command does not take this process's place after all, that goes on as before.
    """
    numbers = [getattr(signal, name) for name in ("SIGPIPE", "SIGXFZ", "SIGXFSZ") if hasattr(signal, name)]
    before = {number: signal.signal(number, signal.SIG_DFL) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _name(named: str | None, integration: str | None) -> str:
    names = {name for name in (named, integration) if name}
    if len(names) == 1:
        return names.pop()
    raise Failure("say which integration, once: INTEGRATION or --integration NAME", code=USAGE)


def _given(organization: str | None) -> str:
    if organization:
        return organization
    raise Failure("say which organization: --organization ID, or STRONGROOM_ORGANIZATION", code=USAGE)


def _show_table(config: ResolvedConfig, hidden: list[str]) -> None:
    rows = [(key, MASK if key in hidden else config[key], config.source(key).value) for key in sorted(config)]
    show_table(("KEY", "VALUE", "FROM"), rows, "no key has a value")


def _describe(config: ResolvedConfig, hidden: list[str]) -> dict[str, object]:
    return {
        "integration": config.integration,
        "organizationId": config.organization_id,
        "entityId": config.entity_id,
        "entityName": config.entity_name,
        "config": {key: MASK if key in hidden else config[key] for key in config},
        "sources": {key: config.source(key).value for key in config},
        "secrets": [key for key in config if config.is_secret(key)],
        "missing": list(config.missing),
        "unfit": list(config.unfit),
    }


def _note_rest(config: ResolvedConfig, hidden: list[str]) -> None:
    if hidden:
        note(f"{len(hidden)} masked: --reveal shows them")
    for name, keys in (("required, without a value", config.missing), ("do not fit their type", config.unfit)):
        if keys:
            note(f"{name}: {', '.join(keys)}")
