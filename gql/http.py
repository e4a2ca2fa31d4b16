"""GraphQL over HTTP, by its specification: one endpoint for POST, and GET for queries."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Generic, TypeVar

import strawberry
from graphql import OperationType
from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from db.errors import StrongroomError, refuse
from gql.coercion import coerce_variables
from gql.documents import Document, DocumentCache
from gql.execution import open_schema, run
from gql.failures import describe_failures
from gql.negotiation import GRAPHQL, HTML, JSON, choose_media, is_json
from gql.params import Params, read_body, read_get, read_post
from gql.payloads import write_json
from gql.replies import ClientGone, Reply, refuse_request, reply_failure, send_reply, write_errors

_PAGE_HEADERS = {"content-security-policy": "frame-ancestors 'none'", "referrer-policy": "no-referrer"}

Context = TypeVar("Context")


class GraphQLEndpoint(Generic[Context]):
    """An ASGI application, to be routed as it is: `Route("/graphql", endpoint)`.

    - `open_context` makes the context of one request, and says who is calling: what it raises is
      answered before the body is read (401, 403, 429, 503). It must not read the body.
    - `introspection_allowed` says whether this caller may see the schema; None lets everyone.
    - `graphiql`, if given, is the page shown to browsers.
    """

    def __init__(
        self,
        schema: strawberry.Schema,
        open_context: Callable[[Request], AbstractAsyncContextManager[Context]],
        introspection_allowed: Callable[[Context], bool] | None,
        graphiql: Path | None = None,
    ) -> None:
        self.documents = DocumentCache(open_schema(schema))
        self._schema = schema
        self._open_context = open_context
        self._introspection_allowed = introspection_allowed
        self._page = graphiql.read_bytes() if graphiql else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request, whatever it holds."""
        headers = _find_headers(scope)
        media = None
        try:
            accept = headers.get(b"accept", b"").decode("latin-1")
            media = choose_media(accept, self._page is not None and scope["method"] == "GET")
            reply = await self._answer(scope, receive, headers, media)
        except ClientGone:
            return
        except Exception as error:  # noqa: BLE001 (the last resort: nothing is told of it, its place is logged)
            reply = reply_failure(error)
            media = JSON if media == HTML else media
        await send_reply(send, reply, media or JSON)

    async def _answer(self, scope: Scope, receive: Receive, headers: dict[bytes, bytes], media: str | None) -> Reply:
        _check_method(scope, headers)
        if media is None:
            raise refuse_request(406, f"answers are {GRAPHQL} or {JSON}")
        if media == HTML and self._page is not None:
            return Reply(200, self._page, _PAGE_HEADERS)
        async with self._open_context(Request(scope, receive)) as context:
            if scope["method"] == "GET":
                params = read_get(scope["query_string"])
            else:
                params = read_post(await read_body(receive, headers.get(b"content-length")))
            document = self.documents.open(params.query)
            if document.errors:
                return Reply(400 if media == GRAPHQL else 200, write_errors(document.errors))
            return await self._execute(scope, document, params, context, media)
        raise AssertionError("a context must not swallow exceptions")

    async def _execute(self, scope: Scope, document: Document, params: Params, context: Context, media: str) -> Reply:
        try:
            self._check_introspection(document, context)
            operation = document.select(params.operation_name)
            _check_kind(operation.kind, scope["method"])
            variables = coerce_variables(operation.variables, params.variables)
            operation.check_weight(variables.coerced)
        except StrongroomError as error:
            # The request was well-formed, so application/json answers it with 200.
            reply = reply_failure(error)
            return reply._replace(status=400 if media == GRAPHQL else 200)
        result = await run(self._schema, document, operation, variables, context)
        if not result.errors:
            return Reply(200, write_json({"data": result.data}))
        errors = describe_failures(result.errors)
        return Reply(200, write_json({"errors": errors, "data": result.data}))

    def _check_introspection(self, document: Document, context: Context) -> None:
        if document.introspects and self._introspection_allowed and not self._introspection_allowed(context):
            refuse("introspection is not allowed", "query")


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


def _check_kind(kind: OperationType, method: str) -> None:
    if kind is OperationType.SUBSCRIPTION:
        refuse("subscriptions do not work over plain HTTP", "query")
    if method == "GET" and kind is not OperationType.QUERY:
        raise refuse_request(405, "GET is for queries only", {"allow": "POST"})


def _find_headers(scope: Scope) -> dict[bytes, bytes]:
    """The request's headers; of one given twice, all values, as HTTP joins them."""
    headers: dict[bytes, bytes] = {}
    for name, value in scope["headers"]:
        headers[name] = headers[name] + b"," + value if name in headers else value
    return headers
