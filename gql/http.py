"""GraphQL over HTTP, by its specification: one endpoint for POST, and GET for queries; events for who prefers them."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Generic, TypeVar

import strawberry
from graphql import OperationType
from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from db.errors import StrongroomError, refuse
from gql.callers import Caller
from gql.events import stream_events, wrap
from gql.execution import open_schema
from gql.headers import PAGE_POLICY
from gql.lines import Lines
from gql.negotiation import EVENTS, GRAPHQL, HTML, JSON, choose_media, is_json
from gql.operations import Operations, Prepared, RequestFailed
from gql.params import Params, read_body, read_get, read_post
from gql.payloads import write_json
from gql.replies import ClientGone, Reply, refuse_request, reply_failure, send_reply, write_errors
from gql.trusted import DocumentStore, Trust

_PAGE_HEADERS = {"content-security-policy": PAGE_POLICY}

Context = TypeVar("Context")


class GraphQLEndpoint(Generic[Context]):
    """An ASGI application, to be routed as it is: `Route("/graphql", endpoint)`.

    - `open_context` makes the context of one request, and says who is calling: what it raises is
      answered before the body is read (401, 403, 429, 503). It must not read the body.
    - `introspection_allowed` says whether this caller may see the schema; None lets everyone.
    - `graphiql`, if given, is the page shown to browsers.
    - `trust` says which documents run; None lets all.
    - `lines` holds the streams of events; other endpoints may share it.
    - `learn` is told of each body posted, and of the operation that it was found to ask for.
    """

    def __init__(
        self,
        schema: strawberry.Schema,
        open_context: Callable[[Request], AbstractAsyncContextManager[Context]],
        introspection_allowed: Callable[[Context], bool] | None,
        graphiql: Path | None = None,
        trust: Trust | None = None,
        lines: Lines | None = None,
        learn: Callable[[bytes, Prepared], None] | None = None,
    ) -> None:
        self.documents = DocumentStore(open_schema(schema), trust)
        self.operations = Operations(schema, self.documents, introspection_allowed)
        self._open_context = open_context
        self._page = graphiql.read_bytes() if graphiql else None
        self._lines = Lines() if lines is None else lines
        self._learn = learn

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request, whatever it holds."""
        headers = _find_headers(scope)
        media = None
        try:
            accept = headers.get(b"accept", b"").decode("latin-1")
            media = choose_media(accept, self._page is not None and scope["method"] == "GET")
            reply = await self._answer(scope, receive, send, headers, media)
        except ClientGone:
            return
        except Exception as error:  # noqa: BLE001 (the last resort: nothing is told of it, its place is logged)
            reply = reply_failure(error)
            media = JSON if media in (HTML, EVENTS) else media
        if reply is not None:
            await send_reply(send, reply, media or JSON)

    async def _answer(
        self, scope: Scope, receive: Receive, send: Send, headers: dict[bytes, bytes], media: str | None
    ) -> Reply | None:
        """The reply; None if there was a stream of events, which has ended."""
        _check_method(scope, headers)
        if media is None:
            raise refuse_request(406, f"answers are {GRAPHQL}, {JSON} or {EVENTS}")
        if media == HTML and self._page is not None:
            return Reply(200, self._page, _PAGE_HEADERS)
        request = Request(scope, receive)
        async with self._open_context(request) as context:
            body = None
            if scope["method"] == "GET":
                params = read_get(scope["query_string"])
            else:
                body = await read_body(receive, headers.get(b"content-length"))
                params = read_post(body)
            prepared = self._prepare(scope["method"], params, context, media)
            if isinstance(prepared, Reply):
                return prepared
            if body is not None and self._learn is not None:
                self._learn(body, prepared)
            if prepared.kind is OperationType.SUBSCRIPTION:
                caller = Caller(self._open_context, request)
                await self._stream(prepared, context, caller, receive, send)
                return None
            reply = Reply(200, write_json(await self.operations.run(prepared, context)))
            return wrap(reply) if media == EVENTS else reply
        raise AssertionError("a context must not swallow exceptions")

    def _prepare(self, method: str, params: Params, context: Context, media: str) -> Prepared | Reply:
        def check_kind(kind: OperationType) -> None:
            _check_kind(kind, method, media)

        try:
            return self.operations.prepare(params, context, check_kind)
        except RequestFailed as error:
            reply = Reply(400, write_errors(error.errors))
        except StrongroomError as error:
            reply = reply_failure(error)
        if media == EVENTS:
            return wrap(reply)
        # The request was well-formed, so application/json answers it with 200.
        return reply._replace(status=400 if media == GRAPHQL else 200)

    async def _stream(
        self, prepared: Prepared, context: Context, caller: Caller[Context], receive: Receive, send: Send
    ) -> None:
        with self._lines.open() as line:
            self._lines.assign(line, caller.find_holder(context))
            line.start(caller.watch())
            await stream_events(line, self.operations.stream(prepared, context, caller.open), receive, send)


def _check_method(scope: Scope, headers: dict[bytes, bytes]) -> None:
    if scope["method"] not in ("GET", "POST"):
        raise refuse_request(405, "only GET and POST", {"allow": "GET, POST"})
    if scope["method"] == "GET":
        return
    # A form or plain text could be posted by any web page, without asking.
    if not is_json(headers.get(b"content-type", b"").decode("latin-1")):
        raise refuse_request(415, f"a body is {JSON} in UTF-8", {"accept-post": JSON})
    if headers.get(b"content-encoding", b"identity") != b"identity":
        raise refuse_request(415, "a body is not encoded", {"accept-encoding": "identity"})


def _check_kind(kind: OperationType, method: str, media: str) -> None:
    if kind is OperationType.SUBSCRIPTION and media != EVENTS:
        refuse(f"subscriptions need {EVENTS} or a WebSocket", "query")
    if method == "GET" and kind is OperationType.MUTATION:
        raise refuse_request(405, "GET is for queries only", {"allow": "POST"})


def _find_headers(scope: Scope) -> dict[bytes, bytes]:
    """The request's headers; of one given twice, all values, as HTTP joins them."""
    headers: dict[bytes, bytes] = {}
    for name, value in scope["headers"]:
        headers[name] = headers[name] + b"," + value if name in headers else value
    return headers
