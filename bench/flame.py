"""`python -m bench.flame`: where the API's time goes while it is kept busy, as flame graphs in docs/pictures/.

    python -m bench.flame [--seconds 8]

py-spy looks at the serving process a thousand times a second; on Linux it needs the right to trace another process
(root, or kernel.yama.ptrace_scope=0). One picture is of `resolve`, one of a list of 100 configs.
"""

import argparse
import json
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from bench.processes import ask_list
from bench.rules import make_token
from bench.stage import ROOT, BenchError, Running, complete, end, stage
from bench.targets import ask_strongroom
from bench.world import make_world
from db.access import Permission

PICTURES: Final = ROOT / "docs" / "pictures"
_RATE: Final = 1_000


def main() -> int:
    """The exit code."""
    parser = argparse.ArgumentParser(prog="python -m bench.flame", description=__doc__)
    parser.add_argument("--seconds", type=int, default=8)
    seconds = parser.parse_args().seconds
    PICTURES.mkdir(exist_ok=True)
    try:
        with stage() as made:
            world = complete(make_world(made.database_url, made.root_keys, 50))
            token = complete(make_token(made, Permission.CONFIG_READ))
            api = made.serve()
            resolves = [ask_strongroom(question) for question in world.questions]
            _record(api, resolves, seconds, "flame-resolve.svg", "resolve, from memory")
            _record(api, [ask_list(token)], seconds, "flame-list.svg", "ConfigList, 100 rows")
    except BenchError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    return 0


def _record(api: Running, requests: Sequence[str], seconds: int, name: str, title: str) -> None:
    order = {"port": api.port, "requests": requests, "bodies": None, "connections": 8, "seconds": seconds + 3}
    load = [sys.executable, "-m", "bench.load", json.dumps(order)]
    loader = subprocess.Popen(load, cwd=ROOT, stdout=subprocess.DEVNULL)
    path = PICTURES / name
    spy = [str(Path(sys.executable).with_name("py-spy")), "record", "--pid", str(api.process.pid)]
    options = ["--rate", str(_RATE), "--duration", str(seconds), "--format", "flamegraph", "--output", str(path)]
    try:
        done = subprocess.run([*spy, *options], capture_output=True, text=True, check=False)
        if loader.poll():
            raise BenchError("the load generator failed")
    finally:
        end(loader)
    if done.returncode:
        raise BenchError(f"py-spy: {done.stderr.strip()}")
    path.write_text(_clean(path.read_text(encoding="utf-8"), title), encoding="utf-8")
    print(f"drawn in {path.relative_to(ROOT)}")


def _clean(picture: str, title: str) -> str:
    """The picture under a title of its own, without the folders of this machine."""
    picture = re.sub(r"[^<>]*py-spy record [^<]*", title, picture)
    return re.sub(r"(?<=[\s(])/[^\s:()<>\"]*/(?=[^/\s:()<>\"]+\.py)", "", picture)


if __name__ == "__main__":
    sys.exit(main())
