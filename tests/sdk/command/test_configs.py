"""`strongroom config`: list, get, set and unset, in every place where configs are."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

SECRET = "hunter2-hunter2"


def test_lists_are_masked(cli: Callable[..., Any], place: Any) -> None:
    """Defaults and overrides are listed by key, secrets masked, as a table and as JSON."""
    for arguments in ((), ("--organization", place.organization)):
        shown = cli("config", "list", "--integration", place.name, *arguments)
        assert "api_key" in shown.out
        assert "[SECRET]" in shown.out
        told = json.loads(cli("config", "list", "-i", place.name, *arguments, "--json").out)
        assert {one["key"] for one in told} == ({"extra", "api_key"} if arguments else {"url", "api_key"})
        assert SECRET not in shown.out + json.dumps(told)


def test_revealing_is_on_record_with_its_reason(
    cli: Callable[..., Any], place: Any, make_token: Callable[..., str]
) -> None:
    """--reveal shows secrets to who may, and the log says what and why; without config:reveal it is exit code 4."""
    where = ("-i", place.name, "-o", place.organization)
    assert cli("config", "get", "api_key", *where).out == "[SECRET]\n"
    assert cli("config", "get", "api_key", *where, "--reveal", "--reason", "ticket 7 – ü").out == f"{SECRET}\n"
    assert SECRET in cli("config", "list", *where, "--reveal", "--reason", "ticket 8").out
    events = [json.loads(line) for line in cli("audit", "tail", "--action", "config.reveal", "--json").out.splitlines()]
    assert [(event["keys"], event["reason"]) for event in events] == [
        (["api_key"], "ticket 7 – ü"),
        (["api_key"], "ticket 8"),
    ]
    refused = cli("config", "get", "api_key", *where, "--reveal", token=make_token("config:read"), code=4)
    assert refused.out == ""
    assert len(refused.err.splitlines()) == 1


def test_setting_and_removing(cli: Callable[..., Any], place: Any) -> None:
    """A value is written from standard input and from a file, and removed, in each of the four places."""
    organization = ("-o", place.organization)
    for where in (("-i", place.name), ("-i", place.name, *organization), organization, ("--global",)):
        set_and_remove(cli, *where)


def set_and_remove(cli: Callable[..., Any], *where: str) -> None:
    """Writes one key in a place twice over, and removes it."""
    for value in ("planted one", "two\nlines"):
        cli("config", "set", "api_key", *where, stdin=f"{value}\n" if "\n" not in value else value)
        assert cli("config", "get", "api_key", *where).out == "[SECRET]\n"
        assert cli("config", "get", "api_key", *where, "--reveal").out == f"{value}\n"
    Path("value.txt").write_bytes(b"from a file\r\n")
    cli("config", "set", "api_key", *where, "--file", "value.txt")
    assert json.loads(cli("config", "get", "api_key", *where, "--reveal", "--json").out)["value"] == "from a file\r\n"
    assert "--yes" in cli("config", "unset", "api_key", *where, code=12).err
    cli("config", "unset", "api_key", *where, "--yes")
    cli("config", "get", "api_key", *where, code=5)


def test_types(cli: Callable[..., Any], place: Any) -> None:
    """The schema says what a value is; of a standalone config --type does, else what is there, else SECRET."""
    cli("config", "set", "port", "-i", place.name, stdin="8080")
    assert cli("config", "get", "port", "-i", place.name).out == "8080\n"
    cli("config", "set", "extra", "-i", place.name, stdin='{"a": [1]}')
    assert json.loads(cli("config", "get", "extra", "-i", place.name).out) == {"a": [1]}
    refused = cli("config", "set", "extra", "-i", place.name, stdin="{planted", code=6)
    assert "planted" not in refused.err
    cli("config", "set", "limit", "--global", "--type", "int", stdin="5")
    cli("config", "set", "limit", "--global", stdin="6")
    assert json.loads(cli("config", "get", "limit", "--global", "--json").out)["type"] == "INT"
    cli("config", "set", "port", "-i", place.name, "--type", "int", stdin="1", code=2)


def test_refusals_name_the_field_and_not_the_value(cli: Callable[..., Any], place: Any) -> None:
    """The service's problems are told by field, in a line each, without the value; each kind has its exit code."""
    refused = cli("config", "set", "port", "-i", place.name, stdin="planted", code=6)
    assert "config.port: must be a whole number" in refused.err
    assert "planted" not in refused.err
    assert "passwrd" in cli("config", "set", "passwrd", "-i", place.name, stdin="x", code=6).err
    cli("config", "list", "-i", "nowhere", code=5)
    cli("config", "list", "--global", token="x" * 40, code=3)
    cli("config", "list", code=2)
    cli("config", "set", "k", "--global", stdin="", code=6)
    assert "hunter" not in cli("config", "set", "k", "hunter", "--global", code=2).err
    assert "hunter" not in cli("config", "set", "k=hunter", "--global", stdin="x", code=2).err
    assert cli("config", "list", "--global").out == ""


def test_overrides_need_a_mapping(cli: Callable[..., Any], place: Any) -> None:
    """Who writes overrides for an organization without a mapping is told to make one."""
    refused = cli("config", "set", "port", "-i", place.name, "-o", place.other, stdin="1", code=6)
    assert "mapping set" in refused.err


def test_texts_of_others_do_not_steer_the_terminal(cli: Callable[..., Any], place: Any) -> None:
    """Control characters in what others wrote are spelled out in tables."""
    cli("mapping", "set", "-i", place.name, "-o", place.organization, "--entity-id", "\x1b]0;title\x07[red]x[/red]")
    shown = cli("mapping", "list").out
    assert "\x1b" not in shown
    assert "\\x1b]0;title\\x07[red]x[/red]" in shown
