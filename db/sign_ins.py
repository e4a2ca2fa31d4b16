"""Sign-ins on record: who came from where, and what was refused. Both are bounded: the log is nobody's to fill.

Who is let in is recorded once a day for each caller and address, and `ACCEPTED_A_MINUTE` at most: what is left out
then is recorded when the same caller comes again. What is refused is counted, and recorded once a minute: one event
for each of `PLACES` addresses, and one for all the others.
"""

import asyncio
import time
import uuid
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import LargeBinary, or_, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.sql import bindparam

from db.access import Principal
from db.audit.buffer import AuditBuffer
from db.audit.chain import AuditLog
from db.audit.deeds import NOWHERE, Deed, Origin
from db.background import Background
from db.models import Token
from db.sessions import Database
from db.throttle import UNKNOWN, Buckets, network_of

ACCEPTED_A_MINUTE: Final = 120
AGAIN_SECONDS: Final = 24 * 60 * 60.0
"""After this long the same caller from the same address is recorded again."""

PLACES: Final = 20
"""Addresses whose refusals of one minute are told apart."""

REFUSED_SECONDS: Final = 60.0
"""How long a refusal waits for its record; a killed process loses those that wait."""

_REMEMBERED: Final = 50_000
_TRIED: Final = 20
"""Credentials of one address, in one minute, that are compared with the tokens that no longer hold."""

_NOBODY: Final = Principal(uuid.UUID(int=0), "nobody", frozenset())
_ELSEWHERE: Final = "elsewhere"

_HASHES: Final = bindparam("hashes", type_=ARRAY(LargeBinary))
_ENDED: Final = select(Token.id, Token.secret_hash, Token.previous_hash).where(
    or_(Token.secret_hash == _HASHES.any_(), Token.previous_hash == _HASHES.any_())
)


@dataclass(slots=True)
class _Refused:
    address: str
    count: int = 0
    hashes: set[bytes] = field(default_factory=set[bytes], repr=False)


class SignIns:
    """Records sign-ins in the audit log, in batches of its own: no resolve ever waits for them."""

    def __init__(self, database: Database, log: AuditLog, clock: Callable[[], float] = time.monotonic) -> None:
        self._database = database
        self._buffer = AuditBuffer(database, log)
        self._clock = clock
        self._seen: OrderedDict[tuple[uuid.UUID, str], float] = OrderedDict()
        self._allowance: Buckets[None] = Buckets(ACCEPTED_A_MINUTE, clock)
        self._refused: dict[str, _Refused] = {}
        self._background = Background()

    def accept(self, principal: Principal, address: str) -> None:
        """Somebody was let in. To be called at every request: it is recorded if that was not done today."""
        key, now = (principal.token_id, network_of(address)), self._clock()
        seen = self._seen.get(key)
        if (seen is not None and now - seen < AGAIN_SECONDS) or self._allowance.take(None):
            return
        self._seen.pop(key, None)
        self._seen[key] = now
        if len(self._seen) > _REMEMBERED:
            self._seen.popitem(last=False)
        kind = "person" if principal.is_person else "token"
        self._buffer.add(principal, Deed("sign_in.accept", detail={"kind": kind}), _from(address))

    def refuse(self, address: str, credential_hash: bytes) -> None:
        """Somebody was refused who brought a credential."""
        place = network_of(address)
        if place not in self._refused and len(self._refused) >= PLACES:
            place, address = _ELSEWHERE, UNKNOWN
        refused = self._refused.setdefault(place, _Refused(address))
        refused.count += 1
        if len(refused.hashes) < _TRIED:
            refused.hashes.add(credential_hash)

    def start(self) -> None:
        """Begin to write."""
        self._buffer.start()
        self._background.start(self._run())

    async def stop(self) -> None:
        """Write what waits and end."""
        await self._background.stop()
        await self.flush()
        await self._buffer.stop()

    async def flush(self) -> None:
        """Put on record what was refused since the last time, and write what waits."""
        refused, self._refused = self._refused, {}
        ended = await self._find_ended(refused)
        for one in refused.values():
            tokens = sorted({str(ended[hash]) for hash in one.hashes if hash in ended})
            detail = {"count": one.count} | ({"tokens": tokens} if tokens else {})
            self._buffer.add(_NOBODY, Deed("sign_in.refuse", detail=detail), _from(one.address))
        await self._buffer.flush()

    async def _find_ended(self, refused: dict[str, _Refused]) -> dict[bytes, uuid.UUID]:
        """Which of the credentials that were tried are tokens: revoked, expired or rotated out."""
        hashes = sorted({hash for one in refused.values() for hash in one.hashes})
        if not hashes:
            return {}
        try:
            async with self._database.read() as session:
                rows = await session.rows(_ENDED, {"hashes": hashes})
        except (SQLAlchemyError, OSError, TimeoutError):
            return {}  # That they were tried is told all the same.
        return {hash: row.id for row in rows for hash in (row.secret_hash, row.previous_hash) if hash is not None}

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(REFUSED_SECONDS)
            await self.flush()


def _from(address: str) -> Origin:
    return NOWHERE if address == UNKNOWN else Origin(address)
