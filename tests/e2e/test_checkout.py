"""What is served and run is this checkout's, and needs no other host."""

import importlib
import re
from importlib.metadata import packages_distributions, requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import NormalizedName, canonicalize_name

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("name", ["gql", "db", "workers"])
def test_packages_come_from_this_checkout(name: str):
    """`gql`, `db` and `workers` are this checkout's; no installed distribution provides them."""
    module = importlib.import_module(name)
    assert module.__file__ is not None
    assert Path(module.__file__).resolve().parent == ROOT / name
    assert name not in packages_distributions()


def test_locks_name_no_index():
    """The locked requirements are hashed and name no package index."""
    for path in (ROOT / "requirements.txt", ROOT / "requirements-dev.txt"):
        text = path.read_text()
        assert "://" not in text
        assert "--hash=sha256:" in text
        assert "--index-url" not in text
        assert "--find-links" not in text


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-dev.txt"])
def test_locks_pin_extras(name: str):
    """What is needed with an extra is locked with it: pip takes any newer release for `x[extra]` beside `x==1`."""
    pins = [Requirement(pin) for pin in re.findall(r"^[a-z][^\\\n]*", (ROOT / name).read_text(), re.MULTILINE)]
    pins = [pin for pin in pins if pin.marker is None or pin.marker.evaluate()]
    locked = {canonicalize_name(pin.name): pin.extras for pin in pins}
    asked: dict[NormalizedName, set[str]] = {}
    for pin in pins:
        for needed in map(Requirement, requires(pin.name) or ()):
            if any(needed.marker is None or needed.marker.evaluate({"extra": extra}) for extra in pin.extras | {""}):
                asked.setdefault(canonicalize_name(needed.name), set()).update(needed.extras)
    assert asked[canonicalize_name("redis")] == {"hiredis"}
    assert {name: extras for name, extras in asked.items() if not extras <= locked[name]} == {}


def test_graphiql_needs_no_other_host():
    """GraphiQL's page and its start load everything from this service, and nothing runs inline."""
    static = ROOT / "gql" / "static"
    page = (static / "graphiql.html").read_text()
    boot = (static / "graphiql-boot.js").read_text()
    assert "://" not in page
    assert "://" not in boot
    assert "<script>" not in page
    assert "style=" not in page
    for name in ("graphiql.js", "graphiql.css", "graphiql-boot.js", "graphiql-page.css"):
        assert f'"/static/{name}"' in page
        assert (static / name).stat().st_size > 0
    assert (static / "graphiql.licenses.txt").exists()
    assert "url(http" not in (static / "graphiql.css").read_text()
