"""The ASGI application: GraphQL, health, and the pages that need no internet."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from redis.exceptions import RedisError
from sqlalchemy.exc import SQLAlchemyError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Receive, Scope, Send

from db.audit.buffer import AuditBuffer
from db.authenticator import Authenticator, open_authenticator
from db.change_feed import ChangeFeed
from db.code_flow import CodeFlow
from db.pool import Pool
from db.queue import Queue
from db.resolving import Resolver
from db.sessions import Database
from db.settings import Network, Settings
from db.snapshots import Snapshots
from db.start import open_vault, set_admin_token
from db.upgrade import is_current
from db.vault import Vault
from gql.change_stream import ChangeStream
from gql.console import CONSOLE, list_console_routes, trust_console
from gql.console_sign_in import list_sign_in_routes
from gql.context import Service, open_context
from gql.cors import Origins, list_middleware
from gql.direct.asked import Asked
from gql.direct.endpoint import PATH, Direct
from gql.http import GraphQLEndpoint
from gql.introspection import allow_introspection
from gql.manifests import read_trust
from gql.replies import LastResort, answer_http_exception
from gql.schema import schema
from gql.sockets import SocketEndpoint
from gql.trusted import Trust

_STATIC: Final = Path(__file__).parent / "static"


@asynccontextmanager
async def open_service(settings: Settings, database_url: str, redis_url: str) -> AsyncGenerator[Service]:
    """The parts of the API, until the block ends. Raises SettingsError when the keyring does not fit."""
    database = Database(database_url)
    try:
        vault = await open_vault(settings, database)
        await set_admin_token(settings, database, vault)
        async with (
            open_authenticator(settings, database, vault.audit) as authenticator,
            run_service(
                database,
                vault,
                Queue(redis_url),
                database_url,
                authenticator,
                settings.trusted_proxies,
                reveal_needs_reason=settings.reveal_needs_reason,
            ) as service,
        ):
            yield service
    finally:
        await database.close()


@asynccontextmanager
async def run_service(
    database: Database,
    vault: Vault,
    queue: Queue,
    database_url: str,
    authenticator: Authenticator,
    trusted_proxies: Sequence[Network] = (),
    *,
    reveal_needs_reason: bool = False,
) -> AsyncGenerator[Service]:
    """A service on these parts, with its background tasks, until the block ends."""
    pool = await Pool.open(database_url)
    resolver = Resolver(pool, vault, Snapshots())
    audit = AuditBuffer(database, vault.audit)
    changes = ChangeStream(database, resolver.forget)
    service = Service(
        database,
        vault,
        queue,
        audit,
        authenticator,
        resolver,
        changes,
        trusted_proxies=trusted_proxies,
        reveal_needs_reason=reveal_needs_reason,
    )
    feed = ChangeFeed(
        database_url,
        resolver.snapshots,
        authenticator.forget,
        changes.wake,
        vouch_for_tokens=authenticator.vouch,
    )
    feed.start()
    service.audit.start()
    try:
        yield service
    finally:
        await service.changes.stop()
        await service.progress.stop()
        await service.audit.stop()
        await feed.stop()
        await queue.close()
        await pool.close()


def make_app(service: Service, settings: Settings | None = None) -> ASGIApp:
    """The application around a service; without settings, for callers of its own origin and with any document.

    Raises SettingsError if the file of trusted documents is not what it should be.
    """
    origins = settings.cors_origins if settings else ()
    trust = trust_console(read_trust(settings)) if settings else Trust()
    open_for = open_context(service)
    oidc = settings.oidc if settings else None
    flow = None if oidc is None or oidc.client_id is None else CodeFlow(oidc)
    allowed = allow_introspection(settings.introspection if settings else "authenticated")
    asked = Asked()
    page = _STATIC / "graphiql.html"
    endpoint = GraphQLEndpoint(schema, open_for, allowed, page, trust, service.lines, asked.learn)
    sockets = SocketEndpoint(endpoint.operations, open_for, service.lines, Origins(origins))
    app = Starlette(
        routes=[
            Route(PATH, endpoint),
            WebSocketRoute(PATH, sockets),
            Route("/healthz", _alive),
            Route("/readyz", _Readiness(service)),
            Mount("/static", StaticFiles(directory=_STATIC)),
            *list_sign_in_routes(service, flow),
            *list_console_routes(CONSOLE),
        ],
        middleware=[Middleware(LastResort), *list_middleware(origins)],
        exception_handlers={HTTPException: answer_http_exception},
    )
    return Direct(app, service, asked)


async def _alive(request: Request) -> JSONResponse:
    return JSONResponse({"status": "alive"})


class _Readiness:
    """200 once the database is at the newest revision and Redis answers; 503 and what is lacking until then."""

    def __init__(self, service: Service) -> None:
        self._service = service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        lacking = await self._lacking()
        body = {"status": "ready"} if not lacking else {"status": "not ready", "lacking": lacking}
        response = JSONResponse(body, status_code=503 if lacking else 200)
        await response(scope, receive, send)

    async def _lacking(self) -> list[str]:
        lacking: list[str] = []
        try:
            async with self._service.database.engine.connect() as connection:
                if not await is_current(connection):
                    lacking.append("migrations")
        except (SQLAlchemyError, OSError, TimeoutError):
            lacking.append("database")
        try:
            await self._service.queue.ping()
        except (RedisError, OSError, TimeoutError):
            lacking.append("redis")
        return lacking
