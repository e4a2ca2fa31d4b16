"""GraphQL over WebSocket, in the protocol graphql-transport-ws and in no other."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import aclosing
from typing import Any, Final, Generic, TypeVar

from starlette.datastructures import Headers
from starlette.types import Receive, Scope, Send

from db.errors import BadInput, LimitExceeded
from gql.callers import Caller, CallerRefused, OpenContext, make_request
from gql.cors import Origins
from gql.failures import describe, report
from gql.frames import PROTOCOL, Close, Frame, read_frame, refuse_message
from gql.lines import Line, Lines, Stopping, limit_send
from gql.operations import Operations, list_errors
from gql.params import Params, list_params, read_params
from gql.payloads import write_json
from gql.replies import ClientGone, Refusal

INIT_SECONDS: Final = 5.0
MAX_OPERATIONS: Final = 50
"""How many operations one connection runs at once."""

_CODES: Final[Mapping[str, tuple[int, str]]] = {
    "UNAUTHENTICATED": (4403, "Forbidden"),
    "FORBIDDEN": (4403, "Forbidden"),
    # Clients take these for a bad moment and try again later.
    "LIMIT_EXCEEDED": (1013, "Try again later"),
    "UNAVAILABLE": (1013, "Try again later"),
}

Context = TypeVar("Context")


class SocketEndpoint(Generic[Context]):
    """An ASGI application, to be routed as it is: `WebSocketRoute("/graphql", endpoint)`.

    The token comes with `connection_init`, as `{"Authorization": "Bearer …"}`, or in the handshake's header.
    Every connection ends with a close code that says why.
    """

    def __init__(
        self,
        operations: Operations[Context],
        open_context: OpenContext[Context],
        lines: Lines,
        origins: Origins,
        init_seconds: float = INIT_SECONDS,
    ) -> None:
        self._operations = operations
        self._open_context = open_context
        self._lines = lines
        self._origins = origins
        self._init_seconds = init_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection to its end."""
        await receive()
        if not self._origins.allow(Headers(scope=scope)):
            await send({"type": "websocket.close", "code": 1008})
            return
        send = limit_send(send)
        reason: BaseException
        try:
            spoken = PROTOCOL in scope["subprotocols"]
            await send({"type": "websocket.accept", "subprotocol": PROTOCOL if spoken else None})
            if not spoken:
                raise Close(4406, "Subprotocol not acceptable")
            with self._lines.open() as line:
                reason = await self._hold(scope, receive, send, line)
                await _say_goodbye(send, reason)
        except Exception as error:  # noqa: BLE001 (the last resort, as over HTTP)
            await _say_goodbye(send, error)

    async def _hold(self, scope: Scope, receive: Receive, send: Send, line: Line) -> BaseException:
        def make_caller(authorization: str | None) -> Caller[Context]:
            return Caller(self._open_context, make_request(scope, authorization))

        connection = _Connection(self._operations, make_caller, send, line, self._lines)
        line.start(connection.read(receive))
        line.start(connection.expect_init(self._init_seconds))
        return await line.wait()


class _Connection(Generic[Context]):
    def __init__(
        self,
        operations: Operations[Context],
        make_caller: Callable[[str | None], Caller[Context]],
        send: Send,
        line: Line,
        lines: Lines,
    ) -> None:
        self._lines = lines
        self._operations = operations
        self._make_caller = make_caller
        self._send_raw = send
        self._line = line
        self._caller: Caller[Context] | None = None
        self._running: dict[str, asyncio.Task[None]] = {}
        self._handlers: Mapping[str, Callable[[Frame], Awaitable[None]]] = {
            "connection_init": self._initialise,
            "subscribe": self._subscribe,
            "complete": self._complete,
            "ping": self._answer_ping,
            "pong": self._ignore,
        }

    async def read(self, receive: Receive) -> None:
        """Do what the client asks for, message by message."""
        while True:
            frame = read_frame(await receive())
            await self._handlers[frame.type](frame)

    async def expect_init(self, seconds: float) -> None:
        """Close a connection whose client does not say who it is."""
        await asyncio.sleep(seconds)
        if self._caller is None:
            raise Close(4408, "Connection initialisation timeout")

    async def _initialise(self, frame: Frame) -> None:
        if self._caller is not None:
            raise Close(4429, "Too many initialisation requests")
        caller = self._make_caller(_find_authorization(frame.payload))
        async with caller.open() as context:
            self._lines.assign(self._line, caller.find_holder(context))
            self._caller = caller
        self._line.start(caller.watch())
        await self._send({"type": "connection_ack"})

    async def _subscribe(self, frame: Frame) -> None:
        if self._caller is None:
            raise Close(4401, "Unauthorized")
        if frame.id in self._running:
            raise Close(4409, "Subscriber for this id already exists")
        try:
            params = read_params(list_params(frame.payload))
        except BadInput:
            raise refuse_message("expected a query and its variables") from None
        except Refusal as error:
            await self._send_errors(frame.id, error)
            return
        if len(self._running) >= MAX_OPERATIONS:
            await self._send_errors(frame.id, LimitExceeded(f"more than {MAX_OPERATIONS} operations at once"))
            return
        self._running[frame.id] = self._line.start(self._run(frame.id, params, self._caller))

    async def _complete(self, frame: Frame) -> None:
        if (task := self._running.pop(frame.id, None)) is not None:
            task.cancel()

    async def _answer_ping(self, frame: Frame) -> None:
        await self._send({"type": "pong", "payload": frame.payload} if frame.payload else {"type": "pong"})

    async def _ignore(self, frame: Frame) -> None:
        pass

    async def _run(self, id: str, params: Params, caller: Caller[Context]) -> None:
        try:
            async with caller.open() as context:
                prepared = self._operations.prepare(params, context)
                async with aclosing(self._operations.stream(prepared, context, caller.open)) as answers:
                    async for answer in answers:
                        await self._send_text(_write_next(id, answer))
        except (CallerRefused, ClientGone):
            raise
        except Exception as error:  # noqa: BLE001 (whatever it is, it ends this operation alone)
            self._forget(id)
            await self._send_errors(id, error)
        else:
            self._forget(id)
            await self._send({"id": id, "type": "complete"})

    def _forget(self, id: str) -> None:
        # The client may have completed it, and begun another one of this id.
        if self._running.get(id) is asyncio.current_task():
            del self._running[id]

    async def _send_errors(self, id: str, error: Exception) -> None:
        await self._send({"id": id, "type": "error", "payload": list_errors(error)})

    async def _send(self, message: Mapping[str, Any]) -> None:
        await self._send_text(write_json(message).decode())

    async def _send_text(self, text: str) -> None:
        await self._send_raw({"type": "websocket.send", "text": text})


def _write_next(id: str, answer: bytes) -> str:
    """The message of an answer that is JSON already."""
    return f'{{"id":{write_json(id).decode()},"type":"next","payload":{answer.decode()}}}'


def _find_authorization(payload: Mapping[str, Any]) -> str | None:
    found = [value for name, value in payload.items() if name.lower() == "authorization"]
    if not found:
        return None
    if len(found) > 1 or not isinstance(found[0], str) or not found[0].isascii():
        raise refuse_message("expected one Authorization, a string")
    return found[0]


async def _say_goodbye(send: Send, reason: BaseException) -> None:
    if isinstance(reason, ClientGone):
        return
    code, told = _find_code(reason)
    try:
        await send({"type": "websocket.close", "code": code, "reason": told})
    except ClientGone:
        return


def _find_code(reason: BaseException) -> tuple[int, str]:
    if isinstance(reason, Close):
        return reason.code, reason.reason
    if isinstance(reason, Stopping):
        return 1001, "Going away"
    error = reason.error if isinstance(reason, CallerRefused) else reason
    if not isinstance(error, Exception):
        report(error)
        return 4500, "Internal server error"
    return _CODES.get(describe(error)["extensions"]["code"], (4500, "Internal server error"))
