"""`strongroom` as people type it: bare, by halves, at a terminal; and as scripts do: JSON, pipes and signals."""

import json
import os
import pty
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from strongroom.command import resolving
from strongroom.command.app import call
from strongroom.command.failures import Failure
from strongroom.command.formats import name_variables
from strongroom.command.importing import read_types
from strongroom.command.profiles import Profile, find_file, write_profiles
from tests.databases import run_sql

SOURCE = Path(__file__).resolve().parents[3] / "sdk" / "src"


@pytest.mark.parametrize("arguments", [(), ("config",), ("organization",), ("backfill",)])
def test_a_bare_command_shows_its_help(arguments: tuple[str, ...], capfd: pytest.CaptureFixture[str]) -> None:
    """The help is there to be read, line by line, on standard error."""
    assert call(arguments) == 2
    out, err = capfd.readouterr()
    assert out == ""
    assert "\\n" not in err
    assert err.startswith("Usage: strongroom")
    assert re.search(r"^  (list|config) +\S", err, re.MULTILINE)


def test_the_version(capfd: pytest.CaptureFixture[str]) -> None:
    """--version says it in a line."""
    assert call(["--version"]) == 0
    assert re.fullmatch(r"strongroom (\d+\.\d+\.\d+|of a checkout)\n", capfd.readouterr().out)


def test_names_that_steer_and_names_that_do_not() -> None:
    """What programs are steered by is refused, proxies and certificates too; what only begins alike is not."""
    steering = """path ld_preload ld_library_path dyld_insert_libraries ld_audit env bash_env shellopts ps4
    prompt_command pythonpath pythonstartup python_history perl5opt perl5lib perllib rubyopt rubylib
    node_options node_path node_extra_ca_certs java_tool_options _java_options jdk_java_options git_ssh_command
    git_config_count http_proxy https-proxy all_proxy no_proxy ssl_cert_file ssl_cert_dir sslkeylogfile
    requests_ca_bundle curl_ca_bundle openssl_conf gconv_path glibc_tunables malloc_arena_max hostaliases home
    user shell ifs cdpath editor pager zdotdir classpath strongroom_url strongroom_token strongroom_profile
    node_tls_reject_unauthorized lua_path res_options tmpdir"""
    for key in steering.split():
        with pytest.raises(Failure, match="variable"):
            name_variables([key])
        assert name_variables([key], "HALO_")
    plain = """github_token gitlab_url ldap_host ldap_bind_password nodes node_id node_url ruby sync_options options
    retry_options java_home_page bashful url api_key username userid homepage terms ssh_host shell_company pathname"""
    assert len(name_variables(plain.split())) == len(plain.split())


def test_signals_are_a_commands_own(tmp_path: Path) -> None:
    """A command begins with the signals as they are by default: Python's own way with SIGPIPE does not pass on."""
    told = "import sys; sys.path.insert(0, {!r}); from strongroom.command import resolving as r; r._replace({!r}, {!r})"
    command = ["sh", "-c", "grep SigIgn /proc/self/status"]
    script = told.format(str(SOURCE), command, {"PATH": os.environ["PATH"]})
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    ignored = int(done.stdout.split()[1], 16)
    assert ignored & 1 << signal.SIGPIPE - 1 == 0
    assert ignored & 1 << signal.SIGXFSZ - 1 == 0


def test_signals_are_as_before_where_there_is_no_command() -> None:
    """A process whose command could not be run does not die of the next pipe that is closed."""
    before = signal.getsignal(signal.SIGPIPE)
    assert before is signal.SIG_IGN
    with pytest.raises(Failure):
        resolving._replace(["no-such-command"], {"PATH": ""})
    assert signal.getsignal(signal.SIGPIPE) is before


def test_a_type_that_is_none_is_not_repeated() -> None:
    """Who takes --type for the value's option finds it repeated nowhere."""
    with pytest.raises(Failure) as refused:
        read_types(["api_key=planted"])
    assert "api_key" in refused.value.message
    assert "planted" not in refused.value.message


def test_an_address_over_which_a_token_goes_in_the_clear(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Without TLS, to another machine, login says what that means; to this one it does not."""
    for url, warned in (("http://10.0.0.9:1", True), ("http://localhost:1", False), ("https://a.example", False)):
        monkeypatch.setattr(sys, "stdin", (tmp_path / "token").open("w+"))
        sys.stdin.write("x" * 40)
        sys.stdin.seek(0)
        assert call(["login", "--url", url, "--no-check"]) == 0
        assert ("in the clear" in capfd.readouterr().err) is warned
        sys.stdin.close()


def test_addresses_are_shown_as_people_know_them(capfd: pytest.CaptureFixture[str]) -> None:
    """`profiles` shows the service's address, not the endpoint below it, whatever the file has."""
    kept = {"a": Profile("https://a.example/graphql", "x"), "b": Profile("https://b.example/sub", "x")}
    write_profiles(find_file(), kept)
    assert call(["profiles", "--json"]) == 0
    shown = json.loads(capfd.readouterr().out)
    assert [one["url"] for one in shown] == ["https://a.example", "https://b.example/sub"]


def test_an_integration_is_named_either_way(cli: Callable[..., Any], place: Any) -> None:
    """`resolve NAME` and `resolve -i NAME` are the same, and --json is --format json; two names are refused."""
    at = ("-o", place.organization)
    first = cli("resolve", place.name, *at, "-f", "json").out
    assert cli("resolve", "-i", place.name, *at, "--json").out == first
    assert json.loads(first)["integration"] == place.name
    cli("resolve", *at, code=2)
    cli("resolve", "other", "-i", place.name, *at, code=2)
    cli("resolve", place.name, *at, "--json", "--format", "env", code=2)


def test_what_cannot_be_opened_is_named(cli: Callable[..., Any], place: Any, spoil: Callable[[], None]) -> None:
    """Exit code 8 comes with the keys."""
    spoil()
    told = cli("resolve", place.name, "-o", place.organization, code=8)
    assert "api_key" in told.err


def test_organizations(cli: Callable[..., Any], place: Any) -> None:
    """They are listed, shown, created and deleted; a deletion is asked about, and the id is what a script gets."""
    assert place.organization in cli("organization", "list").out
    assert {one["name"] for one in json.loads(cli("organization", "list", "--json").out)} == {"Northwind", "Borealis"}
    made = cli("organization", "create", "Zephyr").out.strip()
    other = json.loads(cli("organization", "create", "Other", "--json").out)
    assert other["name"] == "Other"
    shown = json.loads(cli("organization", "show", made, "--json").out)
    assert (shown["id"], shown["name"]) == (made, "Zephyr")
    assert "Zephyr" in cli("organization", "show", made).out
    cli("organization", "delete", made, code=12)
    assert json.loads(cli("organization", "delete", made, "--yes", "--json").out) == {"id": made, "deleted": True}
    cli("organization", "show", made, code=5)
    cli("organization", "delete", made, "--yes", code=5)


def test_writes_tell_scripts_what_they_did(cli: Callable[..., Any], place: Any) -> None:
    """With --json every command prints one JSON value, and nothing else on standard output."""
    at = ("-i", place.name, "-o", place.organization, "--json")

    def told(*arguments: str, stdin: str = "") -> Any:
        return json.loads(cli(*arguments, stdin=stdin).out)

    assert told("config", "set", "port", *at, stdin="8080") == {"key": "port", "of": _overrides(place)}
    assert told("config", "unset", "port", "--yes", *at) == {"key": "port", "of": _overrides(place), "removed": True}
    other = ("-i", place.name, "-o", place.other, "--json")
    assert told("mapping", "set", *other, "--entity-id", "7")["entityId"] == "7"
    assert told("mapping", "delete", *other, "--yes")["deleted"] is True
    run = told("backfill", "start", "verify", "--json")["id"]
    assert told("backfill", "pause", run, "--json")["status"] == "PAUSED"
    assert told("backfill", "resume", run, "--json")["id"] == run
    assert told("backfill", "cancel", run, "--json")["id"] == run
    token = told("token", "create", "x", "-p", "config:read", "--json")["id"]
    assert told("token", "revoke", token, "--yes", "--json") == {"id": token, "revoked": True}
    assert told("integration", "delete", place.name, "--yes", "--json")["deleted"] is True


def _overrides(place: Any) -> str:
    return f"overrides of {place.name} for {place.organization}"


def test_one_last_line_break_is_left_out(cli: Callable[..., Any]) -> None:
    """Of standard input one line break at the end is dropped, and no more; of a file, nothing is."""
    for number, (given, kept) in enumerate((("a\n\n", "a\n"), ("a\r\n", "a"), ("a", "a"), ("\ufeffa", "\ufeffa"))):
        cli("config", "set", f"k{number}", "--global", stdin=given)
        cli("config", "set", f"l{number}", "--global", "--file", "-", stdin=given)
        Path("value").write_bytes(given.encode())
        cli("config", "set", f"m{number}", "--global", "--file", "value")
        found = [
            json.loads(cli("config", "get", f"{name}{number}", "--global", "--reveal", "--json").out)["value"]
            for name in "klm"
        ]
        assert found == [kept, kept, given]


def test_a_terminal_is_not_steered_by_a_value(cli: Callable[..., Any], service: Any, tmp_path: Path) -> None:
    """At a terminal control characters are spelled out; into a pipe a value goes as it is."""
    value = "red\x1b[31m\nnext\tline"
    cli("config", "set", "odd", "--global", "--type", "string", stdin=value)
    assert cli("config", "get", "odd", "--global").out == f"{value}\n"
    environ = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(SOURCE),
        "XDG_CONFIG_HOME": str(tmp_path),
        "STRONGROOM_URL": service.url,
        "STRONGROOM_TOKEN": service.token,
    }
    command = [sys.executable, "-m", "strongroom", "config", "get", "odd", "--global"]
    assert read_terminal(command, environ) == "red\\x1b[31m\r\nnext\tline\r\n"
    value = "\x9b31m\x7f\u202ered ü"
    cli("config", "set", "odd", "--global", stdin=value)
    told = cli("config", "get", "odd", "--global", "--json").out
    assert json.loads(told)["value"] == value
    seen = read_terminal([*command, "--json"], environ | {"PYTHONIOENCODING": "utf-8"})
    assert json.loads(seen)["value"] == value
    assert seen.replace("\r\n", "").isprintable()
    assert "ü" in seen
    assert "\\xfc" in read_terminal(command, environ | {"PYTHONIOENCODING": "ascii"})


def test_a_value_is_utf_8_in_any_locale(cli: Callable[..., Any], service: Any, tmp_path: Path) -> None:
    """Into a pipe a value goes as it is, though the locale has other characters."""
    cli("config", "set", "odd", "--global", "--type", "string", stdin="ü 🚀")
    environ = {"STRONGROOM_URL": service.url, "STRONGROOM_TOKEN": service.token, "XDG_CONFIG_HOME": str(tmp_path)}
    environ |= {"PATH": os.environ["PATH"], "PYTHONPATH": str(SOURCE), "PYTHONIOENCODING": "latin-1"}
    command = [sys.executable, "-m", "strongroom", "config"]
    done = subprocess.run([*command, "get", "odd", "--global"], env=environ, capture_output=True, check=True)
    assert done.stdout == "ü 🚀\n".encode()
    done = subprocess.run([*command, "list", "--global"], env=environ, capture_output=True, check=True)
    assert "ü 🚀".encode() in done.stdout


def read_terminal(command: list[str], environ: dict[str, str]) -> str:
    """What a command shows at a terminal."""
    ours, theirs = pty.openpty()
    subprocess.run(command, env=environ, stdout=theirs, stderr=theirs, check=True)
    os.close(theirs)
    seen = os.read(ours, 4000).decode()
    os.close(ours)
    return seen


def test_a_commands_own_options_are_its_own(cli: Callable[..., Any], place: Any) -> None:
    """Everything from the command's name on is the command's, `--` or not."""
    at = ("run", "-i", place.name, "-o", place.organization, "--allow-missing")
    cli(*at, "no-such-command-anywhere", "-c", "--help", code=127)
    cli(*at, "--", "no-such-command-anywhere", "-i", "x", code=127)


@pytest.fixture
def spoil(database_url: str) -> Callable[[], None]:
    """Makes every secret one that cannot be opened."""

    def spoil() -> None:
        change = "set_byte(sealed, length(sealed) - 1, 1 # get_byte(sealed, length(sealed) - 1))"
        run_sql(database_url, f"UPDATE configs SET sealed = {change} WHERE sealed IS NOT NULL")

    return spoil
