"""Tokens that end, in every way that there is, while their holders go on asking."""

import asyncio
import random
import time
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Final

from bench.freshness.caller import Caller
from bench.freshness.history import NOBODY, History

FINE: Final = "fine"
REFUSED: Final = "refused"

_CREATE: Final = "mutation ($input: CreateTokenInput!) { createToken(input: $input) { id token } }"
_REVOKE: Final = "mutation ($id: ID!) { revokeToken(id: $id) { id } }"
_ROTATE: Final = "mutation ($id: ID!) { rotateToken(id: $id, overlapSeconds: 0) { id } }"
_KNOWN_AFTER: Final = 0.15

_LOCALLY: Final = (_REVOKE, _ROTATE)
_ELSEWHERE: Final = (
    "UPDATE tokens SET revoked_at = now() WHERE id = $1",
    "UPDATE tokens SET permissions = '{config:read}' WHERE id = $1",
    "UPDATE tokens SET organization_ids = '{}' WHERE id = $1",
    "DELETE FROM tokens WHERE id = $1",
)

Read = Callable[[Caller, History], Coroutine[Any, Any, None]]
"""Asks with a caller until its history says that it is refused, and judges each answer."""


class Tokens:
    """Makes tokens, has them used everywhere, ends them."""

    def __init__(self, callers: Sequence[Caller], open_caller: Callable[[int, str], Caller], sql: Any) -> None:
        self.ended = 0
        self._callers = callers
        self._open_caller = open_caller
        self._sql = sql
        self._chance = random.Random(5)

    async def end_until(self, end: float, read: Read) -> None:
        """One token after the other."""
        while time.monotonic() < end:
            maker = self._chance.choice(self._callers)
            given = {"name": "ends soon", "permissions": ["config:resolve"]}
            made = (await maker.run(_CREATE, input=given))["createToken"]
            history = History(FINE)
            holders = [self._open_caller(process, made["token"]) for process in range(len(self._callers))]
            async with asyncio.TaskGroup() as group:
                for holder in holders:
                    group.create_task(read(holder, history))
                await asyncio.sleep(_KNOWN_AFTER)
                await self._end(made["id"], history)
            for holder in holders:
                holder.close()
            self.ended += 1

    async def _end(self, id: str, history: History) -> None:
        way = self._chance.choice((*_LOCALLY, *_ELSEWHERE))
        if way in _LOCALLY:
            caller = self._chance.choice(self._callers)
            state = history.begin(REFUSED, caller.process)
            await caller.run(way, id=id)
        else:
            state = history.begin(REFUSED, NOBODY)
            await self._sql.execute(way, id)
        state.answered = time.monotonic()
