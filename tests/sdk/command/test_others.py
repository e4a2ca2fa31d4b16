"""`strongroom mapping`, `token` and `audit`."""

import json
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

from strongroom import Strongroom


def test_mappings(cli: Callable[..., Any], place: Any) -> None:
    """A mapping is made, changed, listed and deleted, the fallback too; a deletion is asked about."""
    of_other = ("-i", place.name, "-o", place.other)
    cli("mapping", "set", *of_other, "--entity-id", "77", "--entity-name", "Bo")
    cli("mapping", "set", *of_other, "--entity-id", "78")
    for entity in ("1", "2"):
        cli("mapping", "set", "-i", place.name, "--fallback", "--entity-id", entity)
    rows = json.loads(cli("mapping", "list", "--json").out)
    assert {(one["entityId"], one["entityName"], (one["organization"] or {}).get("name")) for one in rows} == {
        ("42", None, "Northwind"),
        ("78", "Bo", "Borealis"),
        ("2", None, None),
    }
    assert "(fallback)" in cli("mapping", "list", "-i", place.name).out
    assert "Northwind" not in cli("mapping", "list", "-o", place.other).out
    cli("mapping", "delete", *of_other, code=12)
    cli("mapping", "delete", *of_other, "--yes")
    cli("mapping", "delete", *of_other, "--yes", code=5)
    cli("mapping", "delete", "-i", place.name, "--fallback", "-y")
    cli("mapping", "set", "-i", place.name, "--entity-id", "1", code=2)


def test_tokens(cli: Callable[..., Any], service: Any, place: Any) -> None:
    """A token is created with its limits, listed without its secret, rotated and revoked."""
    made = json.loads(
        cli("token", "create", "ci", "-p", "config:resolve", "-i", place.name, "--expires-in", "90d", "--json").out
    )
    with Strongroom(service.url, token=made["token"]) as client:
        assert client.resolve(place.name, place.organization)["port"] == 443
    shown = cli("token", "list").out
    assert place.name in shown
    assert made["token"] not in shown + cli("token", "list", "--json").out
    rotated = cli("token", "rotate", made["id"], "--overlap", "0s", "--output", "secret")
    secret = Path("secret").read_text().strip()
    assert secret not in rotated.out + rotated.err
    assert stat.S_IMODE(Path("secret").stat().st_mode) == 0o600
    cli("config", "list", "--global", token=made["token"], code=3)
    cli("resolve", place.name, "-o", place.organization, token=secret)
    # The file that is there is not written over, and no token is made for it.
    before = len(json.loads(cli("token", "list", "--json").out))
    cli("token", "create", "lost", "-p", "config:read", "--output", "secret", code=2)
    assert len(json.loads(cli("token", "list", "--json").out)) == before
    cli("token", "revoke", made["id"], code=12)
    cli("token", "revoke", made["id"], "--yes")
    cli("resolve", place.name, "-o", place.organization, token=secret, code=3)
    assert "ci" not in cli("token", "list").out
    assert "revoked" in cli("token", "list", "--all").out
    cli("token", "create", "x", "-p", "config:read", "--expires-in", "soon", code=2)


def test_audit_tail(cli: Callable[..., Any], place: Any) -> None:
    """The newest events, oldest first, as many as asked for, narrowed by every filter."""
    for number in range(5):
        cli("config", "set", f"k{number}", "--global", stdin="planted", code=0)
    found = [json.loads(line) for line in cli("audit", "tail", "-n", "3", "--json").out.splitlines()]
    assert [event["keys"] for event in found] == [["k2"], ["k3"], ["k4"]]
    assert "planted" not in cli("audit", "tail").out
    for narrowed in (
        ("--action", "no.such"),
        ("--actor", "nobody"),
        ("--since", "2100-01-01"),
        ("--until", "1h"),
    ):
        assert cli("audit", "tail", *narrowed).out == "", narrowed
    narrowed = ("-i", place.name, "-o", place.organization, "--since", "1h", "--actor", "administrator")
    lines = cli("audit", "tail", "-n", "100", "-i", place.name).out.splitlines()
    assert lines
    assert all(place.integration in line for line in lines)
    assert len(cli("audit", "tail", "-n", "100", *narrowed[:4]).out.splitlines()) <= len(lines)
    cli("audit", "tail", "--since", "yesterday", code=2)
