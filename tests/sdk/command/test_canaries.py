"""No secret leaves the command line unless it is revealed: not by output, errors, logs, tracebacks or arguments."""

import logging
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from strongroom.command.app import app, call
from strongroom.command.failures import EXIT_CODES, Failure
from strongroom.command.targets import Target

CANARY = "canary-7f3a"


def list_commands() -> Iterator[tuple[str, Any]]:
    """Every command and its parameters."""

    def walk(name: str, command: Any) -> Iterator[tuple[str, Any]]:
        yield name, command
        for child, one in getattr(command, "commands", {}).items():
            yield from walk(f"{name} {child}", one)

    return walk("strongroom", typer.main.get_command(app))


def test_every_command_and_option_says_what_it_is() -> None:
    """Every command, argument and option has a help text, and none takes a secret."""
    names = {name for name, _ in list_commands()}
    assert {"strongroom run", "strongroom import", "strongroom backfill watch", "strongroom config set"} <= names
    for name, command in list_commands():
        assert command.help, name
        for parameter in command.params:
            assert parameter.help, f"{name}: {parameter.name}"
            if not getattr(parameter, "is_flag", False) and parameter.name != "key":
                taken = set(re.split(r"\W+", " ".join(parameter.opts)))
                assert not taken & {"value", "secret", "password", "token", "key"}, name


def test_the_exit_codes_are_documented() -> None:
    """Every exit code is in the documentation, as it is."""
    told = (Path(__file__).resolve().parents[3] / "docs" / "command-line.md").read_text()
    for code in {*EXIT_CODES.values(), 0, 1, 2, 12, 13, 14, 126, 127, 130}:
        assert re.search(rf"^\| {code} \|", told, re.MULTILINE), code


def test_no_command_shows_a_secret(cli: Callable[..., Any], place: Any, caplog: pytest.LogCaptureFixture) -> None:
    """Every command that has to do with secrets, done and refused, at the highest log level: none of them shows one."""
    caplog.set_level(logging.DEBUG)
    Path(".env").write_text(f"api_key={CANARY}-1\nport={CANARY}-2\n{CANARY}-3 is no assignment\n")
    Path("a.json").write_text(f'{{"api_key": "{CANARY}-4", "{CANARY}')
    Path("a.yaml").write_text(f'api_key: "{CANARY}-5\n')
    Path("a.csv").write_text(f'key,value\napi_key,"{CANARY}-6')
    place.write(api_key=f"{CANARY}-7", region="eu")
    at = ("-i", place.name, "-o", place.organization)
    shown = [
        cli("config", "set", "api_key", *at, stdin=f"{CANARY}-8"),
        cli("config", "set", "port", *at, stdin=f"{CANARY}-9", code=6),
        cli("config", "set", "extra", *at, stdin=f"{CANARY}-9", code=6),
        cli("config", "set", "api_key", f"{CANARY}-10", *at, code=2),
        cli("config", "get", "api_key", *at),
        cli("config", "list", *at, "--json"),
        cli("resolve", *at[1:2], *at[2:], "-f", "json"),
        cli("resolve", *at[1:2], *at[2:], "-f", "shell"),
        *(cli("import", name, *at, code=6) for name in (".env", "a.json", "a.yaml", "a.csv")),
        cli("import", ".env", *at, "--partial", code=14),
        cli("export", *at),
        cli("mapping", "list", "--json"),
        cli("audit", "tail", "--json"),
        cli("config", "unset", "api_key", *at, "--yes"),
    ]
    for one in shown:
        assert CANARY not in one.out + one.err
    assert CANARY not in caplog.text
    assert "POST" in caplog.text


def test_what_nobody_expected_is_told_without_its_text(
    cli: Callable[..., Any], place: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error that holds a secret is a line with its kind and place: neither its text nor a traceback."""

    def fail(target: Target, values: Any, types: Any = None) -> None:
        raise RuntimeError(f"{CANARY} {values}")

    monkeypatch.setattr(Target, "write", fail)
    told = cli("config", "set", "api_key", "-i", place.name, stdin=CANARY, code=1)
    assert re.fullmatch(r"strongroom: unexpected: RuntimeError in test_canaries.py, line \d+\n", told.err)


def test_no_repr_holds_a_value() -> None:
    """What commands hand on among themselves keeps values to itself when it is printed."""
    failure = Failure("refused", ["a line"])
    assert CANARY not in repr(failure)
    assert call(["no-such-command"]) == 2
