"""A config, an error and a traceback in every form that they are shown, copied or reported in."""

import asyncio
import copy
import json
import logging
import os
import pickle
import subprocess
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from rich.traceback import Traceback

from strongroom import AsyncStrongroom, Forbidden, LimitExceeded, ResolvedConfig, Strongroom, StrongroomError
from strongroom.api import SetIntegrationConfigInput
from tests.sdk.servers import ANSWER, ORGANIZATION, SECRET, TOKEN, OddServer, reply

ROOT = Path(__file__).resolve().parents[2]

Serve = Callable[..., OddServer]


def test_nothing_is_in_any_form_of_a_config(capfd: pytest.CaptureFixture[str]) -> None:
    """However a config is shown, collected or copied it keeps its secrets, but for `dict(config)` and its values."""
    config = ResolvedConfig(ANSWER)
    error = Forbidden("no", {"keys": ["api_key"]})
    logging.getLogger("app").warning("%s", config)
    logging.getLogger("app").warning("%r", {"config": config})
    shown = [
        *(str(one) for one in (config, [config], {"c": config}, config.items(), config.values(), copy.copy(config))),
        f"{config} {config!r} {config!s:>10}",
        # Reporters of errors that take mappings apart ask for this first.
        config.__sentry_repr__(),
    ]
    console = Console(file=None, record=True, width=200)
    try:
        _raise(config)
    except StrongroomError as raised:
        console.print(Traceback.from_exception(type(raised), raised, raised.__traceback__, show_locals=True))
    shown += [console.export_text(), repr(pickle.loads(pickle.dumps(error))), "".join(capfd.readouterr())]
    assert not [text for text in shown if SECRET in text]
    assert "[SECRET]" in shown[0]
    odd = ResolvedConfig({**ANSWER, "organization": {"id": "o", "name": "Northwind>\nERROR forged\x1b[2J"}})
    assert repr(odd).isprintable()
    for attempt in (pickle.dumps, json.dumps, vars):
        with pytest.raises(TypeError):
            attempt(config)
    with pytest.raises(AttributeError):
        config.entity_id = "7"
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), again.message, again.extensions) == (Forbidden, "no", {"keys": ["api_key"]})
    assert copy.deepcopy(error).extensions == {"keys": ["api_key"]}


FAILING = """
from strongroom import ResolvedConfig
from tests.sdk.servers import ANSWER, SECRET

config = ResolvedConfig(ANSWER)
other = {**ANSWER, "config": {"api_key": SECRET + "2", "port": 1}}


def test_a_dictionary():
    assert config == {"api_key": "x", "port": 443, "more": 1}


def test_what_it_was():
    assert dict(config) | {"port": 1} == config


def test_another_config():
    assert config == ResolvedConfig(other)


def test_something_else():
    assert config == 5


def test_members():
    assert [config] == [{}] and "none" in config
"""


def test_nothing_is_in_what_pytest_shows(tmp_path: Path) -> None:
    """An assertion about a config that fails shows which keys are at fault, and no secret, as wordy as it may be."""
    (tmp_path / "test_failing.py").write_text(FAILING)
    command = [sys.executable, "-m", "pytest", "-vv", "--showlocals", "-p", "_strongroom_pytest", "--rootdir", tmp_path]
    environ = os.environ | {"PYTHONPATH": f"{ROOT}:{ROOT / 'sdk' / 'src'}"}
    done = subprocess.run([*command, tmp_path], env=environ, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "5 failed" in done.stdout, done.stdout + done.stderr
    assert "only the right has: 'more'" in done.stdout
    assert "differ in: 'api_key', 'port'" in done.stdout
    assert SECRET not in done.stdout + done.stderr


def _raise(config: ResolvedConfig) -> None:
    raise LimitExceeded(config.entity_id)


def list_locals(error: BaseException) -> str:
    """What a reporter of errors with local variables would send, containers taken apart."""
    found: list[str] = []
    seen: BaseException | None = error
    while seen is not None:
        for frame, _ in traceback.walk_tb(seen.__traceback__):
            if frame.f_globals["__name__"].partition(".")[0] in {"strongroom", "httpx"}:
                found += [
                    f"{frame.f_code.co_qualname} {name}={_spell(value)}" for name, value in frame.f_locals.items()
                ]
        seen = seen.__cause__ or seen.__context__
    return "\n".join(found)


def _spell(value: Any) -> str:
    told = getattr(type(value), "__sentry_repr__", None)
    if told is None and isinstance(value, dict):
        return str({key: _spell(one) for key, one in value.items()})
    return repr(value) if told is None else told(value)


def test_no_frame_holds_what_was_sent(serve: Serve) -> None:
    """An error's traceback, with the local variables of all frames of the SDK, shows neither token nor secret."""
    forbidden = b'{"errors": [{"message": "no", "extensions": {"code": "FORBIDDEN"}}]}'
    odd = json.dumps({"data": {"resolve": {**ANSWER, "missing": None}}}).encode()
    given = SetIntegrationConfigInput(integration_id="i", config={"api_key": SECRET})
    for body in (forbidden, odd, b"", b"<html>"):
        with Strongroom(serve(reply(body)).url, token=TOKEN, retries=0) as client:
            calls: list[Callable[[], Any]] = [
                lambda client=client: client.resolve("halo", ORGANIZATION),
                lambda client=client: client.api.set_integration_config(given),
                lambda client=client: client.execute("mutation { a }", {"value": SECRET}),
            ]
            for call in calls[: 1 if body == odd else None]:
                with pytest.raises(StrongroomError) as refused:
                    call()
                held = list_locals(refused.value)
                assert TOKEN not in held
                assert SECRET not in held


async def test_no_frame_of_the_asynchronous_client_does(serve: Serve) -> None:
    """The same of the asynchronous client; and a cancelled call's frames hold no token either."""
    forbidden = b'{"errors": [{"message": "no", "extensions": {"code": "FORBIDDEN"}}]}'
    async with AsyncStrongroom(serve(reply(forbidden)).url, token=TOKEN, retries=0) as client:
        given = SetIntegrationConfigInput(integration_id="i", config={"api_key": SECRET})
        with pytest.raises(Forbidden) as refused:
            await client.api.set_integration_config(given)
        assert SECRET not in list_locals(refused.value)
        with pytest.raises(Forbidden) as refused:
            await client.execute("mutation { a }", {"value": SECRET})
        assert SECRET not in list_locals(refused.value)
    silent = serve(lambda _: iter(()))
    async with AsyncStrongroom(silent.url, token=TOKEN) as client:
        call = asyncio.create_task(client.execute("mutation { a }", {"value": SECRET}))
        while not silent.seen:
            await asyncio.sleep(0.01)
        call.cancel()
        with pytest.raises(asyncio.CancelledError) as cancelled:
            await call
        assert TOKEN not in list_locals(cancelled.value)
        assert SECRET not in list_locals(cancelled.value)
