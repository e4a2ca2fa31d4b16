"""`strongroom import` and `export`: all or nothing, what is left out by line, and sealed for another installation."""

import json
import stat
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from strongroom.command.formats import Format, write_lines
from strongroom.command.reading import FileFormat, read_items

pyrage: Any = import_module("pyrage")  # its types name nothing

DATA = Path(__file__).resolve().parents[2] / "data"

DOTENV = """# halo
url=https://x.example.com
export api_key='planted key'   # comment
port=8080

extra='{"a":
 1}'
"""
CSV = 'key,value\nurl,https://x.example.com\napi_key,planted key\nport,8080\nextra,"{""a"":\n 1}"\n'
YAML = "url: https://x.example.com\napi_key: planted key\nport: 8080\nextra:\n  a: 1\n"
JSON = '{"url": "https://x.example.com",\n\t"api_key": "planted key", "port": 8080, "extra": {"a": 1}}'

WANTED = {"url": "https://x.example.com", "api_key": "planted key", "port": 8080, "extra": {"a": 1}}
FILES = {".env": DOTENV, "a.csv": CSV, "a.yaml": YAML, "a.json": JSON}


def revealed(cli: Callable[..., Any], *where: str) -> dict[str, Any]:
    return {one["key"]: one["value"] for one in json.loads(cli("config", "list", *where, "--reveal", "--json").out)}


def test_every_format_into_defaults_and_overrides(cli: Callable[..., Any], place: Any) -> None:
    """What a file holds is there afterwards, with the schema's types, in one event of the log; no value is printed."""
    places = (("-i", place.name), ("-i", place.name, "-o", place.organization))
    for name, where in zip(FILES, (*places, *places), strict=True):
        Path(name).write_text(FILES[name])
        cli("config", "set", "url", *where, stdin="https://before.example.com")
        planned = json.loads(cli("import", name, *where, "--dry-run", "--json").out)
        assert (sorted(planned["imported"]), planned["dryRun"]) == (sorted(WANTED), True)
        assert revealed(cli, *where) != WANTED
        told = cli("import", name, *where)
        assert "planted" not in told.out + told.err
        assert "4" in told.err
        assert revealed(cli, *where) == WANTED
    events = [json.loads(line) for line in cli("audit", "tail", "--json").out.splitlines()]
    written = [event for event in events if event["action"] in ("config.write", "mapping.update")]
    assert sum(set(event["keys"] or ()) == set(WANTED) for event in written) == 4


@pytest.mark.parametrize(
    ("name", "text", "faults"),
    [
        (".env", "a=1\n\nb=\nno assignment here\na=2\nc=[SECRET]\nd", {3: "b", 4: None, 5: "a", 6: "c", 7: "d"}),
        ("a.csv", "key,value\na,1\nb,\n,x\nc\na,2\n", {3: "b", 4: None, 5: None, 6: "a"}),
        ("a.yaml", "a: 1\nb:\n5: x\nc: '[SECRET]'\na: 2\n", {2: "b", 3: None, 4: "c", 5: "a"}),
        ("a.json", '{"a": 1,\n"b": null,\n"c": "[SECRET]",\n"a": 2,\n"d": NaN}', {2: "b", 3: "c", 4: "a", 5: None}),
    ],
)
def test_what_cannot_be_imported_is_listed_by_line(
    name: str, text: str, faults: dict[int, str | None], cli: Callable[..., Any]
) -> None:
    """Every fault of a file with its line, and nothing is imported; --partial imports the rest and ends with 14."""
    Path(name).write_text(text)
    refused = cli("import", name, "--global", code=6)
    assert [line.split()[1].rstrip(":") for line in refused.err.splitlines()[1:]] == [str(line) for line in faults]
    assert revealed(cli, "--global") == {}
    told = json.loads(cli("import", name, "--global", "--partial", "--json", code=14).out)
    assert {one["line"]: one["key"] for one in told["leftOut"]} == faults
    assert list(revealed(cli, "--global")) == ["a"]


def test_what_the_service_refuses_is_listed_by_line(cli: Callable[..., Any], place: Any) -> None:
    """The service's own refusals have their lines too: nothing is written, or, with --partial, the rest."""
    Path(".env").write_text("url=u\npasswrd=planted\n\nport=planted\napi_key=k\n")
    before = revealed(cli, "-i", place.name)
    refused = cli("import", ".env", "-i", place.name, code=6)
    assert [line.strip().split(" ")[:3] for line in refused.err.splitlines()[1:]] == [
        ["line", "2:", "passwrd"],
        ["line", "4:", "port"],
    ]
    assert "planted" not in refused.err
    assert revealed(cli, "-i", place.name) == before
    Path(".env").write_text("passwrd=planted\n\nport=planted\nno assignment\nurl=u\n")
    told = json.loads(cli("import", ".env", "-i", place.name, "--partial", "--dry-run", "--json", code=14).out)
    assert [one["line"] for one in told["leftOut"]] == [4]
    told = json.loads(cli("import", ".env", "-i", place.name, "--partial", "--json", code=14).out)
    assert [one["line"] for one in told["leftOut"]] == [1, 3, 4]
    Path(".env").write_text("url=u\npasswrd=planted\n\nport=planted\napi_key=k\n")
    told = cli("import", ".env", "-i", place.name, "--partial", code=14)
    assert "line 2" in told.err
    assert revealed(cli, "-i", place.name) == {"url": "u", "api_key": "k"}


def test_standalone_configs(cli: Callable[..., Any], place: Any) -> None:
    """All or nothing too; text is a secret unless something says what it is, and what is there keeps its type."""
    cli("config", "set", "plain", "-o", place.organization, "--type", "string", stdin="old")
    Path("a.json").write_text('{"plain": "new", "token": "planted", "n": 5, "on": true, "j": [1.5], "s": "x"}')
    where = ("-o", place.organization)
    cli("import", "a.json", *where, "--type", "s=string")
    rows = {one["key"]: one for one in json.loads(cli("config", "list", *where, "--json").out)}
    assert {key: one["type"] for key, one in rows.items()} == {
        "plain": "STRING",
        "token": "SECRET",
        "n": "INT",
        "on": "BOOL",
        "j": "JSON",
        "s": "STRING",
    }
    assert (rows["plain"]["value"], rows["plain"]["version"]) == ("new", 2)
    Path("b.csv").write_text("key,value,type\nok,1,int\nn,two,int\n")
    refused = cli("import", "b.csv", *where, code=6)
    assert "line 3: n must be a whole number" in refused.err
    assert "ok" not in revealed(cli, *where)
    cli("import", "b.csv", *where, "--partial", code=14)
    assert revealed(cli, *where)["ok"] == 1
    Path("many.json").write_text(json.dumps({f"k{number}": number for number in range(501)}))
    assert "--partial" in cli("import", "many.json", "--global", code=6).err
    assert revealed(cli, "--global") == {}
    cli("import", "many.json", "--global", "--partial")
    assert len(revealed(cli, "--global")) == 501


def test_the_dotenv_that_resolve_writes_comes_back() -> None:
    """Values that are hard to quote, and ${…}, which is taken for the text that it is, not for a variable."""
    values = {"a": "$HOME ${HOME} ends in \\", "b": "line\r\nbreak 'x' \"y\"", "c": "${"}
    items, faults = read_items("\n".join(write_lines(Format.DOTENV, values, (), "")), FileFormat.DOTENV)
    assert ({item.key.lower(): item.value for item in items}, faults) == (values, [])
    items, _ = read_items("A=${HOME}", FileFormat.DOTENV)
    assert items[0].value == "${HOME}"
    assert "HOME" not in repr(items)


def test_a_masked_export(cli: Callable[..., Any], place: Any, make_token: Callable[..., str]) -> None:
    """Without a recipient secrets are not in the export; importing it lists them, and imports the rest."""
    cli("export", "-i", place.name, "--output", "masked.json", token=make_token("config:read"))
    told = json.loads(Path("masked.json").read_text())
    assert {one["key"]: one.get("value") for one in told["configs"]} == {
        "url": "https://halo.example.com",
        "api_key": None,
    }
    assert stat.S_IMODE(Path("masked.json").stat().st_mode) == 0o600
    assert "api_key is masked" in cli("import", "masked.json", "-i", place.name, code=6).err
    cli("import", "masked.json", "-i", place.name, "--partial", code=14)
    assert revealed(cli, "-i", place.name)["api_key"] == "the-default-key"


def test_a_sealed_export(cli: Callable[..., Any], place: Any, make_token: Callable[..., str]) -> None:
    """Sealed for a public key: nothing of it is in the clear, the identity opens it elsewhere, and every value that was
    revealed is on record with the reason. Without config:reveal there is none."""
    recipient = cli("identity", "key.txt").out.strip()
    assert stat.S_IMODE(Path("key.txt").stat().st_mode) == 0o600
    for key in ("one", "two"):
        cli("config", "set", key, "-o", place.organization, stdin=f"planted {key} ü")
    where = ("-o", place.organization)
    sealed = cli("export", *where, "--recipient", recipient, "--reason", "moving").out
    assert sealed.startswith("-----BEGIN AGE ENCRYPTED FILE-----")
    assert "planted" not in sealed
    events = [json.loads(line) for line in cli("audit", "tail", "--action", "config.reveal", "--json").out.splitlines()]
    assert sorted((event["keys"][0], event["reason"]) for event in events) == [("one", "moving"), ("two", "moving")]
    Path("sealed.age").write_text(sealed)
    cli("import", "sealed.age", "-o", place.other, code=2)
    told = cli("import", "sealed.age", "-o", place.other, "--identity", "key.txt")
    assert "planted" not in told.out + told.err
    assert revealed(cli, "-o", place.other) == {"one": "planted one ü", "two": "planted two ü"}
    refused = cli("export", *where, "-r", recipient, "--output", "x", token=make_token("config:read"), code=4)
    assert refused.out == ""
    assert not Path("x").exists()
    cli("export", *where, "-r", "age1nope", code=2)
    Path("none.txt").write_text("# nobody\n")
    cli("export", *where, "--recipients-file", "none.txt", code=2)


def test_nothing_is_revealed_for_a_file_that_cannot_be_written(cli: Callable[..., Any], place: Any) -> None:
    """The place of a sealed export is looked at before the service is asked: no reveal is on record for nothing."""
    recipient = cli("identity", "key.txt").out.strip()
    for file in ("key.txt", "no/such/folder"):
        cli("export", "-i", place.name, "-r", recipient, "--output", file, code=2)
    assert cli("audit", "tail", "--action", "config.reveal", "--json").out == ""
    assert "AGE-SECRET-KEY" in Path("key.txt").read_text()


def test_a_sealed_file_that_was_changed_does_not_open(cli: Callable[..., Any], place: Any) -> None:
    """Another key, a changed byte and a cut file are refused; a document that is none is, too."""
    recipient = cli("identity", "key.txt").out.strip()
    cli("identity", "other.txt")
    cli("identity", "key.txt", code=2)
    sealed = cli("export", "-i", place.name, "-r", recipient).out
    lines = sealed.splitlines(keepends=True)
    middle = lines[len(lines) // 2]
    changed = "".join(lines).replace(middle, ("A" if middle[0] != "A" else "B") + middle[1:])
    for text, identity in ((sealed, "other.txt"), (changed, "key.txt"), ("".join(lines[:-2]), "key.txt")):
        Path("sealed.age").write_text(text)
        cli("import", "sealed.age", "-i", place.name, "--identity", identity, code=6)
    key = pyrage.x25519.Recipient.from_str(recipient)
    for told in (
        b"planted",
        b'{"strongroom": "export", "version": 2, "of": "", "configs": []}',
        b'{"strongroom": "export", "version": 1, "of": "", "configs": [], "more": 1}',
    ):
        Path("sealed.age").write_bytes(pyrage.encrypt(told, [key], armored=True))
        refused = cli("import", "sealed.age", "-i", place.name, "--identity", "key.txt", code=6)
        assert "planted" not in refused.err


def test_a_file_that_was_sealed_before_opens(cli: Callable[..., Any], place: Any) -> None:
    """The format stays: a file that an earlier version sealed opens with its key."""
    where = ("-i", place.name)
    cli("import", str(DATA / "sealed.age"), *where, "--identity", str(DATA / "sealed.key"))
    assert revealed(cli, *where)["api_key"] == "from the test vector"


def test_large_files_and_large_cells() -> None:
    """Reading takes time in proportion to the file, and a cell may be as large as a certificate store."""
    long = "x" * 200_000
    items, faults = read_items(f'key,value\nblob,"{long}"\n', FileFormat.CSV)
    assert ([item.value for item in items], faults) == ([long], [])
    members = ",\n".join(f'"k{number}": "v"' for number in range(100_000))
    text = f"{{{members}\n}}"
    started = time.process_time()
    items, faults = read_items(text, FileFormat.JSON)
    assert (len(items), items[-1].line, faults) == (100_000, 100_000, [])
    # Counting the lines anew for each member took half a minute.
    assert time.process_time() - started < 10


def test_a_key_that_is_twice_within_a_value() -> None:
    """Which of the two was meant nobody knows: JSON says so as YAML does, and goes on."""
    for text, format in (
        ('{"a": {"x": 1, "x": 2},\n"b": 1}', FileFormat.JSON),
        ("a: {x: 1, x: 2}\nb: 1\n", FileFormat.YAML),
    ):
        items, faults = read_items(text, format)
        assert ([item.key for item in items], [(fault.key, fault.line) for fault in faults]) == (["b"], [("a", 1)])


def test_more_than_can_be_written_at_once(cli: Callable[..., Any]) -> None:
    """A dry run refuses what the import itself would: 501 values are not written all or nothing."""
    Path("many.env").write_text("".join(f"K{number}=v\n" for number in range(501)))
    assert "500" in cli("import", "many.env", "--global", "--dry-run", code=6).err
    assert "501" in cli("import", "many.env", "--global", "--dry-run", "--partial").err
