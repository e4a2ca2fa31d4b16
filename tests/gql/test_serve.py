"""`python -m gql serve` where it cannot start."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def serve(tmp_path: Path, empty_database_url: str, redis_url: str, root_keys: str):
    """What a start with these settings beside the usual ones says; it must have failed."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]

    def start(**settings: str) -> str:
        environ = {
            "DATABASE_URL": empty_database_url,
            "REDIS_URL": redis_url,
            "STRONGROOM_HOME": str(tmp_path),
            "STRONGROOM_PORT": str(port),
            "STRONGROOM_ROOT_KEYS": root_keys,
        }
        command = [sys.executable, "-m", "gql", "serve"]
        done = subprocess.run(
            command,
            cwd=ROOT,
            env={**os.environ, **environ, **settings},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 1
        return done.stderr

    return start


def test_a_database_that_is_not_migrated(serve) -> None:
    """A database without our tables: the line says what to do."""
    assert serve() == "strongroom: the database is not at this software's revision: run python -m db upgrade\n"


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("postgresql://u:s3cret@127.0.0.1:1/x", "PostgreSQL does not answer: "),
        ("{}absent", "PostgreSQL does not let us in: database "),
    ],
)
def test_a_database_that_cannot_be_reached(serve, empty_database_url: str, url: str, told: str) -> None:
    """One that is not there: the line says so, without the password, and does not send anybody to the migrations."""
    place, _, query = empty_database_url.partition("?")
    said = serve(DATABASE_URL=url.format(place) + (f"?{query}" if "{}" in url else ""))
    assert said.startswith(f"strongroom: {told}")
    assert (said.count("\n"), "s3cret" in said, "upgrade" in said) == (1, False, False)


def test_a_port_that_is_taken(serve) -> None:
    """The line names the settings that choose another."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        said = serve(STRONGROOM_PORT=str(port))
    assert said == (
        f"strongroom: cannot listen on 127.0.0.1:{port}: Address already in use (STRONGROOM_HOST, STRONGROOM_PORT)\n"
    )
