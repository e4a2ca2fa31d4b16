import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.folders import make_folder

pytestmark = pytest.mark.usefixtures("unmeasured")

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()
OURS = ("DATABASE_URL", "REDIS_URL", "STRONGROOM_")
BLOCK = re.compile(r"(?:<!-- test: (?P<mark>[a-z ]+) -->\n)?```(?P<language>sh|json)\n(?P<text>.*?)```\n", re.DOTALL)
BOUNDARY = "=== end of block {} ==="
ANY = "…"


@dataclass
class Block:
    """A fenced block of the README."""

    mark: str | None
    language: str
    text: str


BLOCKS = [Block(match["mark"], match["language"], match["text"]) for match in BLOCK.finditer(README)]
TOUR = [block for block in BLOCKS if not (block.mark or "").startswith("parts")]


@pytest.fixture
def folder() -> Iterator[Path]:
    folder = make_folder()
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def place(text: str, folder: Path, port: int) -> str:
    """A snippet, on this Python, in a folder and on a port of the test's own; nothing else of it changes."""
    places = {
        "make demo": f"STRONGROOM_HOME={folder}/home STRONGROOM_PORT={port} {sys.executable} -m db demo",
        ".venv/bin/python": sys.executable,
        "http://127.0.0.1:8000": f"http://127.0.0.1:{port}",
        ".strongroom": f"{folder}/home",
        "demo.log": f"{folder}/demo.log",
    }
    # In one pass: what is put in place may hold what is looked for.
    return re.sub("|".join(map(re.escape, places)), lambda found: places[found[0]], text)


def run_script(script: str, **environ: str) -> str:
    """What a script prints in bash; whatever it starts has ended afterwards."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith(OURS)} | environ
    process = subprocess.Popen(
        ["bash", "-c", f"trap 'kill $(jobs -p) 2>/dev/null || true; wait || true' EXIT\n{script}"],
        cwd=ROOT,
        env=ours,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        said, _ = process.communicate(timeout=150)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
            process.communicate(timeout=60)
    assert process.returncode == 0, said
    return said


def find_free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def matches(shown: Any, told: Any) -> bool:
    """Whether an answer is the one shown, where … stands for anything."""
    if shown == ANY:
        return True
    if isinstance(shown, dict) and isinstance(told, dict):
        if "quarantine" in shown:  # In the order in which lanes came to the rows, which are beside each other.
            shown, told = _in_order(shown), _in_order(told)
        return shown.keys() == told.keys() and all(matches(shown[key], told[key]) for key in shown)
    if isinstance(shown, list) and isinstance(told, list):
        return len(shown) == len(told) and all(map(matches, shown, told))
    return shown == told and type(shown) is type(told)


def _in_order(data: dict[str, Any]) -> dict[str, Any]:
    edges = data["quarantine"]["edges"]
    return {"quarantine": {"edges": sorted(edges, key=lambda edge: edge["node"]["config"]["id"])}}


def test_the_tour(folder: Path):
    """Pasted into a shell in their order, the README's snippets work and give the answers that it shows."""
    port = find_free_port()
    snippets = [block.text for block in TOUR if block.language == "sh"]
    script = "\n".join(
        f"{place(text, folder, port)}\necho '{BOUNDARY.format(number)}'" for number, text in enumerate(snippets)
    )
    said = run_script(f"set -e\n{script}")
    number, answer = -1, ""
    for block in TOUR:
        if block.language == "sh":
            number += 1
            answer, _, said = said.partition(BOUNDARY.format(number) + "\n")
            assert_no_errors(answer, wanted="UNDECRYPTABLE" in README and "freshdesk" in block.text)
        else:
            last = json.loads(answer.strip().splitlines()[-1])
            assert matches(json.loads(block.text), last), f"shown: {block.text}\nanswered: {json.dumps(last)}"
    assert not (folder / "home").exists()


def assert_no_errors(answer: str, *, wanted: bool) -> None:
    for line in answer.splitlines():
        if line.startswith('{"') and not wanted:
            assert "errors" not in json.loads(line), line


def test_every_step_shows_its_answer():
    """The steps that a newcomer compares (list, reveal, resolve, backfill, verify) show an answer."""
    shown = " ".join(block.text for block in TOUR if block.language == "json")
    for word in ("decryptedValue", "resolve", "SEAL", "VERIFY", "UNDECRYPTABLE", "quarantine", "createToken"):
        assert word in shown


def test_the_parts_one_by_one(folder: Path, empty_database_url: str, redis_url: str):
    """The parts run one by one on given servers: migrations, an API with the given admin token, a worker that works."""
    port = find_free_port()
    environment, parts = (place(block.text, folder, port) for block in BLOCKS if (block.mark or "").startswith("parts"))
    environment = re.sub(r"(?<=DATABASE_URL=).*", f"'{empty_database_url}'", environment)
    environment = re.sub(r"(?<=REDIS_URL=).*", f"'{redis_url}'", environment)
    said = run_script(
        f"""set -e
{environment}
{parts}
until curl -sf http://127.0.0.1:{port}/readyz; do sleep 0.2; done; echo
ask() {{ curl -sS http://127.0.0.1:{port}/graphql -H "Authorization: Bearer $STRONGROOM_ADMIN_TOKEN" \\
  -H 'Content-Type: application/json' -d "$1"; echo; }}
ask '{{"query": "mutation {{ startBackfill(input: {{}}) {{ run {{ status }} }} }}"}}'
for _ in $(seq 50); do
  ask '{{"query": "{{ backfillRuns {{ edges {{ node {{ status }} }} }} }}"}}' | tee {folder}/last
  if grep -q SUCCEEDED {folder}/last; then break; fi
  sleep 0.2
done
grep -q SUCCEEDED {folder}/last
""",
        STRONGROOM_HOME=f"{folder}/home",
        STRONGROOM_PORT=str(port),
    )
    assert '{"status":"ready"}' in said


def test_documentation_is_there():
    """Every file that the README or a document links to is there."""
    for document in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]:
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", document.read_text()):
            assert (document.parent / target).exists(), f"{document.name}: {target}"


@pytest.mark.parametrize("name", ["DATABASE_URL", "REDIS_URL"])
def test_every_setting_is_told(name: str):
    """The configuration table has every variable that the settings read."""
    source = (ROOT / "db" / "settings.py").read_text()
    for variable in {name, *re.findall(r'"(STRONGROOM_[A-Z_]+)"', source)}:
        assert f"`{variable}`" in README
