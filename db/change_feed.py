"""The change feed within the service: what another process wrote is forgotten here, a moment after its commit.

Triggers NOTIFY which integrations and organizations a statement touched. One connection of its own, not pooled,
LISTENs; it also sends itself a pulse through NOTIFY. PostgreSQL delivers in the order of commits, so a pulse that
comes back says that every change committed before it was sent has been heard. Without pulses (a half-open socket,
a transaction pooler in between) nobody vouches for what is kept in memory, and nothing is served from it.
"""

import asyncio
import logging
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any, Final

import asyncpg

from db.background import Background
from db.sessions import Touched
from db.snapshots import Snapshots
from db.urls import asyncpg_dsn

CHANNEL: Final = "strongroom_changes"
PULSE_CHANNEL: Final = "strongroom_pulse"
PULSE_SECONDS: Final = 0.25
_SILENCE_SECONDS: Final = 3.0
_RETRY_SECONDS: Final = 0.5

_logger = logging.getLogger("strongroom.changes")


class ChangeFeed:
    """Listens for changes and keeps the snapshots honest."""

    def __init__(
        self,
        database_url: str,
        snapshots: Snapshots,
        forget_tokens: Callable[[], None],
        wake: Callable[[], None] = lambda: None,
        *,
        vouch_for_tokens: Callable[[float], None] | None = None,
    ) -> None:
        """`wake` is called whenever something has changed, and when something may have while nobody listened."""
        self._url = asyncpg_dsn(database_url)
        self._snapshots = snapshots
        self._forget_tokens = forget_tokens
        self._wake = wake
        self._vouch_for_tokens = vouch_for_tokens
        self._name = uuid.uuid4().hex
        self._sent: dict[str, float] = {}
        self._heard = 0.0
        self._told: set[str] = set()
        self._background = Background()

    def start(self) -> None:
        """Begin to listen; it goes on by itself, through broken connections too."""
        self._background.start(self._run())

    async def stop(self) -> None:
        """End."""
        await self._background.stop()

    async def _run(self) -> None:
        while True:
            try:
                await self._listen()
            except Exception as error:  # noqa: BLE001 - whatever cut it (asyncpg has errors of no family), it begins anew
                self._tell(type(error).__name__)
            await asyncio.sleep(_RETRY_SECONDS)

    def _tell(self, cause: str) -> None:
        """Each cause once while the feed is cut: it is tried again twice a second, for as long as that lasts."""
        if cause not in self._told:
            self._told.add(cause)
            _logger.warning("the change feed is cut (%s); nothing is served from memory", cause)

    async def _listen(self) -> None:
        connection = await asyncpg.connect(self._url, timeout=5, command_timeout=_SILENCE_SECONDS)
        try:
            await connection.add_listener(CHANNEL, self._on_change)
            await connection.add_listener(PULSE_CHANNEL, self._on_pulse)
            # What changed while nobody listened was not heard.
            self._snapshots.forget()
            self._forget_tokens()
            self._wake()
            self._sent.clear()
            self._heard = time.monotonic()
            while time.monotonic() - self._heard < _SILENCE_SECONDS:
                await self._pulse(connection)
                await asyncio.sleep(PULSE_SECONDS)
            raise TimeoutError
        finally:
            connection.terminate()

    async def _pulse(self, connection: Any) -> None:
        pulse = f"{self._name}:{uuid.uuid4().hex}"
        self._sent[pulse] = time.monotonic()
        await connection.execute(f"SELECT pg_notify('{PULSE_CHANNEL}', '{pulse}')")

    def _on_pulse(self, connection: object, pid: int, channel: str, payload: object) -> None:
        moment = self._sent.pop(str(payload), None)
        if moment is not None:
            self._heard = time.monotonic()
            if self._told:
                self._told.clear()
                _logger.warning("the change feed is heard again")
            self._snapshots.vouch(moment)
            if self._vouch_for_tokens is not None:
                self._vouch_for_tokens(moment)

    def _on_change(self, connection: object, pid: int, channel: str, payload: object) -> None:
        if payload == TOKENS:
            self._forget_tokens()
            return
        for integration_id, organization_id in read_changes(str(payload)):
            self._snapshots.forget(integration_id, organization_id)
        self._wake()


TOKENS: Final = "tokens"
"""The payload that says that a token was changed."""


def read_changes(payload: str) -> Iterator[Touched]:
    """The changes that a payload names: `integration/organization`, either may be empty, with commas between.

    Anything else, `*` among it, is a change of everything.
    """
    for told in payload.split(","):
        integration, _, organization = told.partition("/")
        try:
            yield (
                uuid.UUID(integration) if integration else None,
                uuid.UUID(organization) if organization else None,
            )
        except ValueError:
            yield None, None
