"""One client in many threads, in a fork, in calls that are cancelled, and after its end."""

import asyncio
import gc
import os
import signal
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from strongroom import AsyncStrongroom, SettingsError, Strongroom
from tests.sdk.servers import GOOD, ORGANIZATION, TOKEN, OddServer, answer_by_name, reply

Serve = Callable[..., OddServer]


async def test_calls_that_are_cancelled_leave_the_client_whole(serve: Serve) -> None:
    """More cancelled calls than there are connections, before, while and after they are sent: the next is answered."""
    answers = iter([False] * 150)

    def answer(_: bytes) -> Iterator[bytes]:
        if next(answers, True):
            yield reply(GOOD)

    server = serve(answer)
    async with AsyncStrongroom(server.url, token=TOKEN, cache=False, timeout=20) as client:
        for number in range(150):
            call = asyncio.create_task(client.resolve("halo", ORGANIZATION))
            for _ in range(number % 7):
                await asyncio.sleep(0)
            if number % 3 == 0:
                seen = len(server.seen)
                while len(server.seen) == seen:
                    await asyncio.sleep(0.001)
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call
        answers = iter(())
        assert (await client.resolve("halo", ORGANIZATION))["port"] == 443
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.sleep(1), 0.001)


def test_threads_share_a_client(serve: Serve) -> None:
    """Threads that begin at once have one feed among them, and everybody has an answer to their own question."""
    server = serve(answer_by_name)
    wrong: list[str] = []
    with Strongroom(server.url, token=TOKEN, cache=True) as client:
        gate = threading.Barrier(16)

        def work(number: int) -> None:
            gate.wait()
            for turn in range(10):
                name = f"{number}-{turn}"
                if client.resolve(name, ORGANIZATION).entity_id != name:
                    wrong.append(name)

        threads = [threading.Thread(target=work, args=(number,), daemon=True) for number in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert not [thread for thread in threads if thread.is_alive()]
        feeds = [thread for thread in threading.enumerate() if thread.name == "strongroom-feed"]
        assert len(feeds) == 1
    assert wrong == []


def test_a_client_that_is_closed(serve: Serve, dial: Callable[..., Any]) -> None:
    """It says so, and begins nothing anew."""
    server = serve(reply(GOOD))
    for cache in (False, True):
        with Strongroom(server.url, token=TOKEN, cache=cache) as client:
            pass
        for call in (lambda: client.resolve("halo", ORGANIZATION), lambda: client.execute("{ a }")):
            with pytest.raises(SettingsError, match="closed"):
                call()
        assert not [thread for thread in threading.enumerate() if thread.name.startswith("strongroom-")]
        client.close()
    assert server.seen == []


@pytest.mark.parametrize("cache", [False, True])
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_a_fork_has_connections_of_its_own(cache: bool, serve: Serve) -> None:
    """Parent and child use a client at once: neither reads what was answered to the other."""
    server = serve(answer_by_name)
    with Strongroom(server.url, token=TOKEN, cache=cache) as client:

        def ask(who: str) -> bool:
            return all(
                client.resolve(f"{who}-{number}", ORGANIZATION).entity_id == f"{who}-{number}" for number in range(40)
            )

        assert ask("before")
        child = os.fork()
        if child == 0:
            status = 1
            try:
                status = 0 if ask("child") else 2
            finally:
                os._exit(status)
        assert ask("parent")
        assert wait_for(child) == 0
    gc.collect()


def wait_for(child: int) -> int:
    """A child's exit status; it is killed where it does not end."""
    killing = threading.Timer(60, os.kill, (child, signal.SIGKILL))
    killing.start()
    try:
        return os.waitpid(child, 0)[1]
    finally:
        killing.cancel()
