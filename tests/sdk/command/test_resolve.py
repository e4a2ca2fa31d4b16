"""`strongroom resolve` and `strongroom run`: formats that real readers read, and a command's environment."""

import io
import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dotenv
import pytest

from strongroom.command.failures import Failure
from strongroom.command.formats import Format, name_variables, write_lines
from tests.processes import started

SECRET = "hunter2-hunter2"
SOURCE = Path(__file__).resolve().parents[3] / "sdk" / "src"

HARD = [
    "it's",
    'say "so"',
    "$HOME ${HOME} $(id) `id`",
    "${A:-b} $${HOME} ${",
    "back\\slash",
    "ends in a backslash\\",
    "two backslashes\\\\",
    "quote and backslash'\\",
    "\\\"\\'\\",
    "line\nbreak",
    "ends in a line break\n",
    "carriage\rreturn\r\n",
    "\t tabs and blanks \t",
    "# no comment",
    "a #b",
    "=",
    "export X=1",
    "é ü 日本 🔑 \u2028 \x85",
    "\x01\x1b[31m\x7f",
    "!history! * ? [a] ~ & | ; < > ( ) %",
    '{"json": ["\\n", 1.5]}',
    "-----BEGIN KEY-----\nMIIB\\n\n-----END KEY-----\n",
    "'",
    '"',
    "\\",
    "$",
    "-n",
]


def chance(seed: int) -> str:
    """A text of what is hard to quote."""
    pick = random.Random(seed)
    return "".join(pick.choice("'\"\\$`{}:-\n\r\t #=!ab\u00e9") for _ in range(pick.randint(1, 30)))


VALUES = {f"k{number}": value for number, value in enumerate([*HARD, *(chance(seed) for seed in range(300))])}


def test_a_shell_reads_the_shell_format() -> None:
    """A real sh, given every value at once, has exactly these in its environment, and runs nothing of them."""
    lines = write_lines(Format.SHELL, VALUES, (), "X_")
    script = "\n".join([*lines, f"exec '{sys.executable}' -c 'import os, json; print(json.dumps(dict(os.environ)))'"])
    done = subprocess.run(["sh"], input=script.encode(), capture_output=True, check=True)
    assert done.stderr == b""
    found = json.loads(done.stdout)
    assert {key: found[f"X_{key.upper()}"] for key in VALUES} == VALUES


@pytest.mark.parametrize("from_file", [True, False])
def test_python_dotenv_reads_the_dotenv_format(from_file: bool, tmp_path: Path) -> None:
    """python-dotenv, with its defaults, reads every value back from one file, whatever stands before and after it."""
    text = "\n".join(write_lines(Format.DOTENV, VALUES, (), "")) + "\n"
    (tmp_path / ".env").write_text(text, encoding="utf-8", newline="")
    found = dotenv.dotenv_values(
        tmp_path / ".env" if from_file else None, stream=None if from_file else io.StringIO(text)
    )
    assert found == {key.upper(): value for key, value in VALUES.items()}


def test_what_a_format_cannot_hold_is_refused_by_its_key() -> None:
    """NUL fits in no variable, a line break not in `env`; the refusal names the keys and shows no value."""
    for format, values in ((Format.SHELL, ["a\0b"]), (Format.DOTENV, ["a\0b"]), (Format.ENV, ["a\0b", "a\nb", "a\rb"])):
        for value in values:
            with pytest.raises(Failure) as refused:
                write_lines(format, {"my-key": value, "fine": "x"}, (), "")
            assert [line.partition(":")[0] for line in refused.value.lines] == ["my-key"]
            assert "a\0b" not in str(refused.value.lines)
    assert write_lines(Format.ENV, {"a": "  $x 'y' "}, (), "") == ["A=  $x 'y' "]


def test_names_of_variables() -> None:
    """Names are upper case; two keys of one name, and names that steer programs, are refused."""
    assert name_variables(["api-key", "oauth.id", "2fa"]) == {
        "api-key": "API_KEY",
        "oauth.id": "OAUTH_ID",
        "2fa": "_2FA",
    }
    for keys in (["a-b", "a_b"], ["path"], ["ld_preload"], ["bash_env"], ["pythonpath"], ["node_options"], ["env"]):
        with pytest.raises(Failure):
            name_variables(keys)
    assert name_variables(["path"], "HALO_") == {"path": "HALO_PATH"}


def test_resolving(cli: Callable[..., Any], place: Any, make_token: Callable[..., str]) -> None:
    """Secrets are masked unless revealed; in what programs read they are left out, and said to be."""
    where = (place.name, "-o", place.organization)
    token = make_token("config:resolve")
    for format in ("table", "json", "env", "dotenv", "shell"):
        shown = cli("resolve", *where, "-f", format, token=token)
        assert SECRET not in shown.out + shown.err
        assert "1 masked" in shown.err
        assert "region" in shown.err
        assert SECRET in cli("resolve", *where, "-f", format, "--reveal", token=token).out
    assert "# API_KEY=[SECRET]" in cli("resolve", *where, "-f", "shell").out
    told = json.loads(cli("resolve", *where, "--format", "json", "--reveal").out)
    assert told["config"] == {
        "api_key": SECRET,
        "extra": {"list": [1]},
        "port": 443,
        "url": "https://halo.example.com",
    }
    assert (told["sources"]["api_key"], told["missing"], told["secrets"]) == ("OVERRIDE", ["region"], ["api_key"])
    cli("resolve", place.name, code=2)
    cli("resolve", "nowhere", "-o", place.organization, code=5)


@pytest.fixture
def environ(service: Any, tmp_path: Path) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(SOURCE),
        "XDG_CONFIG_HOME": str(tmp_path),
        "STRONGROOM_URL": service.url,
        "STRONGROOM_TOKEN": service.token,
    }


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "strongroom", *arguments]


@pytest.fixture
def running(environ: dict[str, str], place: Any) -> Iterator[subprocess.Popen[str]]:
    """`run` with a command that prints a line and then waits for a signal."""
    place.write(region="eu")
    trap = 'trap "exit 42" TERM; echo ready; while :; do sleep 0.05; done'
    arguments = ("run", "-i", place.name, "-o", place.organization, "--", "sh", "-c", trap)
    with started(command(*arguments), env=environ, stdout=subprocess.PIPE, text=True) as process:
        yield process


def test_a_command_runs_in_this_ones_place(running: subprocess.Popen[str]) -> None:
    """The config is in the command's environment and in nobody's arguments; a signal and its exit code pass."""
    assert running.stdout is not None
    assert running.stdout.readline() == "ready\n"
    environ = Path(f"/proc/{running.pid}/environ").read_bytes().split(b"\0")
    assert f"API_KEY={SECRET}".encode() in environ
    assert b"REGION=eu" in environ
    assert not [one for one in environ if one.startswith(b"STRONGROOM_TOKEN=")]
    for found in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            assert SECRET.encode() not in found.read_bytes()
        except (FileNotFoundError, ProcessLookupError):
            continue
    running.send_signal(signal.SIGTERM)
    assert running.wait(10) == 42


def test_what_cannot_be_run(environ: dict[str, str], place: Any, cli: Callable[..., Any], tmp_path: Path) -> None:
    """127 for no such command, 126 for what is none, 6 where required keys have no value, 0 with --allow-missing."""
    where = ("run", "-i", place.name, "-o", place.organization)
    refused = cli(*where, "--", "true", code=6)
    assert "region" in refused.err
    cli(*where, "--allow-missing", "--", "no-such-command-anywhere", code=127)
    cli(*where, "--allow-missing", "--", str(tmp_path), code=126)
    cli("run", "-o", place.organization, "--", "true", code=2)
    start = time.monotonic()
    done = subprocess.run(
        command(*where, "--allow-missing", "--prefix", "X_", "--", "sh", "-c", 'printf "%s" "$X_EXTRA"; exit 3'),
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (3, '{"list":[1]}', ""), time.monotonic() - start


def test_completion(environ: dict[str, str]) -> None:
    """The script for a shell's completion is printed, and completes commands."""
    shown = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys; sys.argv[0] = 'strongroom'; from strongroom.command.app import main; main()",
        ],
        env=environ | {"_STRONGROOM_COMPLETE": "complete_bash", "COMP_WORDS": "strongroom int", "COMP_CWORD": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert re.findall(r"\w+", shown.stdout) == ["integration"]
