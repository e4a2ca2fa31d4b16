"""`strongroom login`, `logout` and `profiles`: where the token is kept, and who sees it."""

import io
import json
import os
import pty
import stat
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from strongroom.command.app import call
from strongroom.command.profiles import Profile, find_file, read_profiles, write_profiles
from tests.processes import started

SOURCE = Path(__file__).resolve().parents[3] / "sdk" / "src"


@pytest.fixture
def say(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str]]:
    """Runs a command without any variable set; its exit code and all that it printed."""

    def run(*arguments: str, stdin: str = "") -> tuple[int, str]:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin.encode()), "utf-8"))
        capfd.readouterr()
        code = call(arguments)
        return code, "".join(capfd.readouterr())

    return run


def test_logging_in(say: Callable[..., tuple[int, str]], service: Any, place: Any) -> None:
    """A token from standard input is kept in a file of mode 0600 in a folder of mode 0700, by profile, and used."""
    code, told = say("--profile", "work", "login", "--url", service.url, stdin=f"{service.token}\n")
    assert code == 0
    assert service.token not in told
    file = find_file()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert say("--profile", "work", "config", "list", "-i", place.name)[0] == 0
    assert say("config", "list", "-i", place.name)[0] == 11
    code, told = say("profiles", "--json")
    assert json.loads(told) == [{"name": "work", "url": service.url}]
    assert say("--profile", "work", "logout")[0] == 12
    assert say("--profile", "work", "logout", "--yes")[0] == 0
    assert service.token not in file.read_text()
    assert list(file.parent.iterdir()) == [file]


def test_a_token_that_does_not_hold_is_not_kept(say: Callable[..., tuple[int, str]], service: Any) -> None:
    """The token is tried first; one that may do little is fine."""
    code, told = say("login", "--url", service.url, stdin="planted-planted-planted-planted-planted")
    assert code == 3
    assert "planted" not in told
    assert not find_file().exists()
    assert say("login", "--url", service.url, stdin="two words")[0] == 11
    assert say("login", "--url", "ftp://x", stdin="x")[0] == 11


def test_a_token_that_may_do_little(
    say: Callable[..., tuple[int, str]], service: Any, make_token: Callable[..., str]
) -> None:
    """A token that may only resolve can log in."""
    assert say("login", "--url", service.url, stdin=make_token("config:resolve"))[0] == 0


def test_a_file_that_others_can_read_is_refused(say: Callable[..., tuple[int, str]]) -> None:
    """A profiles file with a mode beyond 0600, or that is none, is refused in a line; nothing of it is shown."""
    file = find_file()
    write_profiles(file, {"default": Profile("http://127.0.0.1:1", "planted-token")})
    assert read_profiles(file)["default"].token == "planted-token"
    assert "planted" not in repr(read_profiles(file))
    file.chmod(0o640)
    code, told = say("config", "list", "--global")
    assert (code, "chmod 600" in told, "planted" in told) == (11, True, False)
    for text in ("{planted", "[]", '{"default": "planted"}', '{"default": {}}'):
        file.write_text(text)
        file.chmod(0o600)
        code, told = say("config", "list", "--global")
        assert (code, "planted" in told) == (11, False), text


def test_an_address_and_a_token_of_two_places_are_never_mixed(
    say: Callable[..., tuple[int, str]], monkeypatch: pytest.MonkeyPatch, service: Any
) -> None:
    """A profile's token is not sent to STRONGROOM_URL; --profile is stronger than both variables."""
    write_profiles(find_file(), {"default": Profile(service.url, service.token)})
    monkeypatch.setenv("STRONGROOM_URL", "http://127.0.0.1:1")
    code, told = say("config", "list", "--global")
    assert (code, "STRONGROOM_TOKEN is not set" in told) == (11, True)
    assert say("--profile", "default", "config", "list", "--global")[0] == 0
    monkeypatch.setenv("STRONGROOM_TOKEN", "x" * 40)
    code, told = say("resolve", "x", "-o", "y")
    assert code == 10
    assert len(told.splitlines()) == 1


def test_a_token_that_is_typed_is_not_shown(service: Any, tmp_path: Path) -> None:
    """At a terminal the token is asked for, and what is typed does not appear."""
    ours, theirs = pty.openpty()
    environ = {"PATH": os.environ["PATH"], "PYTHONPATH": str(SOURCE), "XDG_CONFIG_HOME": str(tmp_path), "TERM": "dumb"}
    with started(
        [sys.executable, "-m", "strongroom", "login", "--url", service.url],
        env=environ,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    ) as process:
        os.close(theirs)
        seen = b""
        while b"Token:" not in seen:
            seen += os.read(ours, 1000)
        os.write(ours, f"{service.token}\n".encode())
        while b"stored as profile" not in seen:
            seen += os.read(ours, 1000)
        assert process.wait(20) == 0
    os.close(ours)
    assert service.token.encode() not in seen
    assert service.token in (tmp_path / "strongroom" / "profiles.json").read_text()
