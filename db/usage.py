"""When each token was last used: kept in memory, written in batches, at most once a minute for each token."""

import asyncio
import logging
import time
import uuid
from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import DateTime, Update, Uuid, or_, update
from sqlalchemy.exc import SQLAlchemyError

from db.arrays import rows_of
from db.background import Background
from db.models import Token
from db.sessions import Database

_logger = logging.getLogger("strongroom.tokens")

WRITE_SECONDS: Final = 60.0
"""How long a token's next use may wait to be written: `lastUsedAt` lags by no more, and no more is lost by a kill."""

_PAUSE_SECONDS: Final = 5.0
"""How often what is due is written; a token's first use shows this soon."""


class TokenUsage:
    """Notes uses and writes them. Holds one entry for each token that was used within the last minute."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._used: dict[uuid.UUID, datetime] = {}
        self._written: dict[uuid.UUID, float] = {}
        self._background = Background()

    def note(self, token_id: uuid.UUID) -> None:
        """This token was used just now."""
        self._used[token_id] = datetime.now(UTC)

    def start(self) -> None:
        """Begin to write what is due."""
        self._background.start(self._run())

    async def stop(self) -> None:
        """Write all that waits, due or not, and end."""
        await self._background.stop()
        self._written.clear()
        await self.flush()

    async def flush(self) -> None:
        """Write the uses of tokens that were not written within the last minute; on an error they go on waiting."""
        now = time.monotonic()
        self._written = {id: at for id, at in self._written.items() if now - at < WRITE_SECONDS}
        due = {id: at for id, at in self._used.items() if id not in self._written}
        if not due:
            return
        try:
            await self._database.write(lambda session: session.execute(_mark(due)))
        except (SQLAlchemyError, OSError, TimeoutError) as error:
            _logger.warning("the last use of %d tokens waits: %s", len(due), type(error).__name__)
            return
        for id, at in due.items():
            self._written[id] = now
            if self._used[id] == at:
                del self._used[id]

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(_PAUSE_SECONDS)
            await self.flush()


def _mark(due: dict[uuid.UUID, datetime]) -> Update:
    ids = sorted(due)
    used = rows_of("used", {"id": (Uuid(), ids), "at": (DateTime(timezone=True), [due[id] for id in ids])})
    # Another process may have written a moment ago: once a minute is for all of them together.
    stale = or_(Token.last_used_at.is_(None), Token.last_used_at < used.c.at - timedelta(seconds=WRITE_SECONDS / 2))
    return update(Token).where(Token.id == used.c.id, stale).values(last_used_at=used.c.at)
