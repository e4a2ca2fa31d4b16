"""`strongroom backfill`, with a real worker, and `strongroom audit tail --follow`."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from strongroom import Strongroom
from strongroom.api.enums import BackfillStatus
from strongroom.command.backfills import _follow, _look
from tests.databases import run_sql
from tests.processes import started
from tests.sdk.network import Network

ROOT = Path(__file__).resolve().parents[3]

LEGACY = """
INSERT INTO configs (id, key, value, config_type, updated_by)
SELECT gen_random_uuid(), 'k' || g, jsonb_build_object('value', 'planted-' || g), 'secret', 'test'
FROM generate_series(1, 300) g
"""


@pytest.fixture
def worker(service: Any, database_url: str, redis_url: str, root_keys: str, tmp_path: Path) -> Iterator[None]:
    """`python -m workers`, on this test's servers."""
    environ = {
        **os.environ,
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        "STRONGROOM_HOME": str(tmp_path / "home"),
        "STRONGROOM_ROOT_KEYS": root_keys,
    }
    with started(
        [sys.executable, "-m", "workers"],
        cwd=ROOT,
        env=environ,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ):
        yield


def test_a_run_is_started_and_watched(cli: Callable[..., Any], worker: None, database_url: str) -> None:
    """A run is started, watched to its end with its counts, and listed; of no rows, too; a failed one ends with 13."""
    nothing = cli("backfill", "start", "seal", "--watch")
    assert "0/0" in nothing.err
    run_sql(database_url, LEGACY)
    id = cli("backfill", "start", "seal", "--dry-run").out.strip()
    assert "SEAL succeeded: 300 rows, 300 changed" in cli("backfill", "watch", id).out
    done = cli("backfill", "start", "--watch", "--json", "--reason", "cut-over")
    last = json.loads(done.out.splitlines()[-1])
    assert (last["status"], last["processed"], last["changed"], last["dryRun"]) == ("SUCCEEDED", 300, 300, False)
    assert "planted" not in done.out + done.err
    assert last["id"] in cli("backfill", "list").out
    assert "SEAL succeeded" in cli("backfill", "watch").out
    cli("backfill", "cancel", last["id"], code=7)


def test_a_run_is_steered(cli: Callable[..., Any], service: Any) -> None:
    """Without a worker a run waits: it is paused, resumed and cancelled, and watching a cancelled one ends with 13."""
    id = json.loads(cli("backfill", "start", "verify", "--json").out)["id"]
    assert "paused" in cli("backfill", "pause", id).err
    assert id in cli("backfill", "resume", id).err
    cli("backfill", "cancel", id)
    assert "cancel" in cli("backfill", "watch", id, code=13).err
    cli("backfill", "watch", "00000000-0000-0000-0000-000000000001", code=5)


def test_following_the_log(cli: Callable[..., Any], service: Any, place: Any, tmp_path: Path) -> None:
    """What is done while somebody follows appears once each, in its order, until Ctrl-C."""
    environ = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT / "sdk" / "src"),
        "XDG_CONFIG_HOME": str(tmp_path),
        "STRONGROOM_URL": service.url,
        "STRONGROOM_TOKEN": service.token,
    }
    cli("config", "set", "first", "--global", stdin="planted")
    command = ["audit", "tail", "-f", "-n", "1", "--json", "--action", "config.write"]
    with started(
        [sys.executable, "-m", "strongroom", *command],
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        seen = [json.loads(process.stdout.readline())["keys"]]
        for number in range(3):
            cli("config", "set", f"k{number}", "--global", stdin="planted")
        seen += [json.loads(process.stdout.readline())["keys"] for _ in range(3)]
        process.send_signal(signal.SIGINT)
        rest, complaint = process.communicate(timeout=20)
    assert seen == [["first"], ["k0"], ["k1"], ["k2"]]
    assert (rest, complaint, process.returncode) == ("", "", 130)


@pytest.fixture
def steered(service: Any) -> Iterator[tuple[Network, Callable[..., Any]]]:
    """A network that may keep streams out, and a client beyond it that may do everything."""
    network = Network(service.port)
    with Strongroom(service.url, token=service.token) as admin:
        yield network, admin.api.cancel_backfill
    network.close()


@pytest.mark.parametrize("allowed", [True, False])
def test_watching_with_and_without_streams(allowed: bool, cli: Callable[..., Any], service: Any, steered: Any) -> None:
    """A run is told as the service tells it, in one request; where no stream comes through it is asked for."""
    network, cancel = steered
    network.feed_allowed = allowed
    id = cli("backfill", "start", "verify").out.strip()
    told: list[str] = []

    def tell(run: Any) -> None:
        told.append(run.status.value)
        if len(told) == 1:
            cancel(id)

    with Strongroom(network.url, token=service.token) as client:
        run = _follow(client, id, tell)
    assert (run.id, told) == (id, [told[0], "CANCELLED"])
    assert network.requests == 1 if allowed else network.requests > 1


def test_a_watched_stream_that_is_cut(cli: Callable[..., Any], service: Any, steered: Any) -> None:
    """A watch goes on where its stream is cut, with a new one."""
    network, cancel = steered
    id = cli("backfill", "start", "verify").out.strip()
    seen: list[int] = []
    with Strongroom(network.url, token=service.token) as client:
        for run in _look(client, id):
            seen.append(network.requests)
            if len(seen) == 1:
                network.cut_feed()
            elif len(seen) == 3:
                cancel(id)
            if run.status is BackfillStatus.CANCELLED:
                break
    # A stream, a question, and a stream.
    assert seen[-1] == 3
