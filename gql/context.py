"""What a request works with: the service, who is asking, and the request's own loaders."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final, TypeVar

from starlette.requests import Request
from strawberry.types import Info

from db.access import Principal
from db.audit.buffer import AuditBuffer
from db.audit.deeds import NOWHERE, Origin
from db.authenticator import Authenticator
from db.errors import LimitExceeded
from db.queue import Queue
from db.resolving import Resolver
from db.sessions import Database, QuickSession, WriteSession
from db.settings import Network
from db.throttle import UNKNOWN
from db.vault import Transaction, Vault
from gql.auth import read_bearer
from gql.change_stream import ChangeStream
from gql.lines import Lines
from gql.loaders import Loaders
from gql.origin import read_origin
from gql.progress import Progress

T = TypeVar("T")

MAX_LISTED: Final = 20_000
"""Items that one answer may hold in lists without pages: their sizes are not in the query, so it cannot be refused
for them before it runs."""


@dataclass(frozen=True, slots=True)
class Service:
    """The parts that live as long as the process."""

    database: Database
    vault: Vault
    queue: Queue
    audit: AuditBuffer
    authenticator: Authenticator
    resolver: Resolver
    changes: ChangeStream
    lines: Lines = field(default_factory=Lines)
    progress: Progress = field(default_factory=Progress)
    trusted_proxies: Sequence[Network] = ()
    reveal_needs_reason: bool = False


class Context:
    """One request: its caller, its origin, its sessions, its loaders (a loader that outlived it would mix tenants)."""

    def __init__(self, service: Service, principal: Principal, origin: Origin = NOWHERE) -> None:
        self.service = service
        self.principal = principal
        self.origin = origin
        self._listed = 0

    def list_all(self, items: list[T]) -> list[T]:
        """The items of a list without pages. LimitExceeded once such lists hold too many, all together."""
        self._listed += len(items)
        if self._listed > MAX_LISTED:
            raise LimitExceeded(f"lists without pages hold more than {MAX_LISTED} items, ask for smaller pages")
        return items

    def read(self) -> AbstractAsyncContextManager[QuickSession]:
        """A read session."""
        return self.service.database.read()

    async def write(self, work: Callable[[Transaction], Awaitable[T]]) -> T:
        """Run `work` in one transaction; the only place where a request commits."""

        def run(session: WriteSession) -> Awaitable[T]:
            session.after_commit(lambda: self._forget(session))
            return work(Transaction(session, self.principal, self.service.vault, self.origin))

        result = await self.service.database.write(run)
        # What was loaded before the write is stale: a later mutation of the same document must not show it.
        self.__dict__.pop("loaders", None)
        return result

    def _forget(self, session: WriteSession) -> None:
        """No resolve of this process may give the old value once the write has answered."""
        snapshots = self.service.resolver.snapshots
        for integration_id, organization_id in session.touched:
            if integration_id is not None or organization_id is not None:
                snapshots.forget(integration_id, organization_id)
            for name in () if integration_id is None else session.names.get(integration_id, ()):
                snapshots.forget_named(name, organization_id)

    @cached_property
    def loaders(self) -> Loaders:
        """This request's loaders."""
        return Loaders(
            self.service.database,
            self.service.vault,
            self.principal,
            self.origin,
            reveal_needs_reason=self.service.reveal_needs_reason,
        )


GraphQLInfo = Info[Context, None]


def open_context(service: Service) -> Callable[[Request], AbstractAsyncContextManager[Context]]:
    """How the endpoint makes each request's context. Raises Unauthenticated, or LimitExceeded after many failures."""

    @asynccontextmanager
    async def open_for(request: Request) -> AsyncGenerator[Context]:
        token = read_bearer(request.headers.get("authorization"))
        origin = read_origin(request, service.trusted_proxies)
        principal = await service.authenticator.sign_in(service.database, token, origin.address or UNKNOWN)
        yield Context(service, principal, origin)

    return open_for
