"""What is served and run is this checkout's, and needs no other host."""

import importlib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

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
