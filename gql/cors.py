"""Which web pages may call: those of the origins that the settings name, and this service's own."""

from collections.abc import Sequence

from starlette.datastructures import Headers
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response

from gql.negotiation import JSON
from gql.origin import REASON_HEADER
from gql.replies import refuse_request, reply_failure

_HEADERS = ("authorization", "content-type", REASON_HEADER)
_SHOWN_HEADERS = ("retry-after", "www-authenticate")


class Origins:
    """The origins that are allowed, besides the service's own."""

    def __init__(self, allowed: Sequence[str] = ()) -> None:
        self._allowed = frozenset(allowed)

    def allow(self, headers: Headers) -> bool:
        """Whether a request may come from where it does. Only browsers say; they ask nobody before they open a
        WebSocket to another origin, so this is asked here."""
        origin = headers.get("origin")
        if origin is None or origin in self._allowed:
            return True
        return origin.partition("://")[2].lower() == headers.get("host", "").lower() != ""


class _Cors(CORSMiddleware):
    def preflight_response(self, request_headers: Headers) -> Response:
        """The answer to a browser that asks first; a refusal is JSON, like every other."""
        response = super().preflight_response(request_headers)
        if response.status_code == 200:
            return response
        reply = reply_failure(refuse_request(response.status_code, "not allowed from this origin, or not in this way"))
        kept = {name: value for name, value in response.headers.items() if not name.startswith("content-")}
        return Response(reply.body, reply.status, kept, media_type=JSON)


def list_middleware(origins: Sequence[str]) -> list[Middleware]:
    """CORS for these origins; nothing at all where there are none."""
    if not origins:
        return []
    return [
        Middleware(
            _Cors,
            allow_origins=origins,
            allow_methods=("GET", "POST"),
            allow_headers=_HEADERS,
            expose_headers=_SHOWN_HEADERS,
        )
    ]
