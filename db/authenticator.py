"""Who is calling: the principal behind a bearer token, or behind a person's JWT."""

import hashlib
import hmac
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import LargeBinary, Row, and_, bindparam, func, or_, select

from db.access import Principal
from db.audit.chain import AuditLog
from db.errors import StrongroomError, Unauthenticated
from db.models import Token
from db.oidc import looks_like_jwt
from db.people import People
from db.sessions import Database, ReadSession
from db.settings import Settings
from db.sign_ins import SignIns
from db.throttle import Throttle
from db.tokens import TOKEN_COLUMNS, hash_token, principal_of
from db.usage import TokenUsage

FRESH_SECONDS: Final = 0.5
"""How old what is known of a caller may be: another process may go on honouring a token that was revoked here for no
longer, which is well within a second."""

_REMEMBERED: Final = 10_000
_SHORTEST, _LONGEST = 32, 512

_HASH: Final = bindparam("hash", type_=LargeBinary)
_TOKEN: Final = select(*TOKEN_COLUMNS, Token.previous_hash, Token.previous_until).where(
    Token.revoked_at.is_(None),
    or_(Token.secret_hash == _HASH, and_(Token.previous_hash == _HASH, Token.previous_until > func.now())),
)


class Authenticator:
    """Finds callers, and remembers them: for half a second, or for as long as the change feed vouches for what is
    known. It forgets them at once when a token is revoked here, or is heard to have been revoked elsewhere."""

    def __init__(
        self,
        people: People | None = None,
        throttle: Throttle | None = None,
        usage: TokenUsage | None = None,
        sign_ins: SignIns | None = None,
    ) -> None:
        self._people = people
        self._throttle = throttle
        self._usage = usage
        self._sign_ins = sign_ins
        self._known: dict[bytes, tuple[float, Principal]] = {}
        self._forgotten = 0
        self._vouched = float("-inf")

    def vouch(self, moment: float) -> None:
        """The change feed was alive at this moment of the clock: of tokens changed before it, nothing is known here."""
        self._vouched = max(self._vouched, moment)

    def recall(self, credential: str) -> Principal | None:
        """The principal, if what is known of it is no older than half a second. Raises Unauthenticated if it has
        expired."""
        found = self._known.get(_hash(credential))
        if found is None:
            return None
        asked, principal = found
        # Of people, the feed knows nothing.
        known = asked if principal.is_person else max(asked, self._vouched)
        return None if time.monotonic() - known > FRESH_SECONDS else self._note(check_expiry(principal))

    def sign_in_again(self, credential: str, address: str) -> Principal | None:
        """As `sign_in`, if that takes no look-up; None if it does. Raises Unauthenticated if the token has expired."""
        principal = self.recall(credential)
        if principal is not None and self._sign_ins is not None:
            self._sign_ins.accept(principal, address)
        return principal

    async def sign_in(self, database: Database, credential: str, address: str) -> Principal:
        """The principal of a token or a JWT. Raises Unauthenticated, and never tells why; LimitExceeded when this
        address, or this credential, has failed too often."""
        try:
            principal = self.recall(credential) or await self._look_up(database, credential)
        except Unauthenticated:
            pass  # Raised below, outside, so that the refusal carries no context.
        else:
            if self._sign_ins is not None:
                self._sign_ins.accept(principal, address)
            return principal
        raise self.refuse(credential, address)

    def refuse(self, credential: str, address: str) -> StrongroomError:
        """The refusal for a credential that does not hold: counted, and on record."""
        wanted = _hash(credential)
        if self._sign_ins is not None:
            self._sign_ins.refuse(address, wanted)
        return Unauthenticated() if self._throttle is None else self._throttle.fail(address, wanted)

    async def authenticate(self, session: ReadSession, token: str) -> Principal:
        """The principal of a token. Raises Unauthenticated, and never tells why."""
        if not _SHORTEST <= len(token) <= _LONGEST or not token.isascii():
            raise Unauthenticated
        wanted, begun = hash_token(token), self._begin()
        row = await session.first(_TOKEN, {"hash": wanted})
        if row is None:
            raise Unauthenticated
        return self._note(self._remember(wanted, begun, check_expiry(_holder(row, wanted))))

    def forget(self) -> None:
        """Look every caller up again: a token was revoked or changed. A look-up under way is not remembered."""
        self._forgotten += 1
        self._known.clear()

    async def _look_up(self, database: Database, credential: str) -> Principal:
        if self._people is not None and looks_like_jwt(credential):
            begun = self._begin()
            person = check_expiry(await self._people.identify(database, credential))
            return self._remember(_hash(credential), begun, person)
        async with database.read() as session:
            return await self.authenticate(session, credential)

    def _begin(self) -> tuple[float, int]:
        return time.monotonic(), self._forgotten

    def _remember(self, wanted: bytes, begun: tuple[float, int], principal: Principal) -> Principal:
        asked, forgotten = begun
        if forgotten == self._forgotten:
            if len(self._known) >= _REMEMBERED:
                del self._known[next(iter(self._known))]
            self._known[wanted] = (asked, principal)
        return principal

    def _note(self, principal: Principal) -> Principal:
        if self._usage is not None and not principal.is_person:
            self._usage.note(principal.token_id)
        return principal


@asynccontextmanager
async def open_authenticator(settings: Settings, database: Database, log: AuditLog) -> AsyncGenerator[Authenticator]:
    """The authenticator of these settings, with what it does in the background, until the block ends.

    Whoever it lets in or refuses is on record in the log.
    """
    people = None if settings.oidc is None else People(settings.oidc)
    throttle = Throttle(settings.failed_sign_ins_per_address, settings.failed_sign_ins_per_credential)
    usage = TokenUsage(database)
    sign_ins = SignIns(database, log)
    usage.start()
    sign_ins.start()
    try:
        yield Authenticator(people, throttle, usage, sign_ins)
    finally:
        await sign_ins.stop()
        await usage.stop()
        if people is not None:
            people.close()


def check_expiry(principal: Principal) -> Principal:
    """The principal, unless its token has expired."""
    if principal.expires_at is not None and principal.expires_at <= datetime.now(UTC):
        raise Unauthenticated
    return principal


def _holder(row: Row[Any], wanted: bytes) -> Principal:
    """Who holds the secret that was found. One that is being rotated out ends when its overlap does."""
    principal = principal_of(row)
    if hmac.compare_digest(row.secret_hash, wanted):
        return principal
    if row.previous_hash is None or not hmac.compare_digest(row.previous_hash, wanted):
        raise Unauthenticated
    ends = [row.previous_until, *([principal.expires_at] if principal.expires_at else [])]
    return replace(principal, expires_at=min(ends))


def _hash(credential: str) -> bytes:
    return hashlib.sha256(credential.encode(errors="surrogatepass")).digest()
