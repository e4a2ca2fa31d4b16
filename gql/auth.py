"""What a request says about who sends it: its bearer token, and its address."""

from starlette.requests import Request

from db.errors import Unauthenticated


def read_bearer(header: str | None) -> str:
    """The token in `Authorization: Bearer TOKEN`. Raises Unauthenticated for anything else."""
    scheme, _, token = (header or "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise Unauthenticated
    return token.strip()


def read_address(request: Request) -> str:
    """Where a request is from: behind a proxy what the proxy says, if uvicorn's FORWARDED_ALLOW_IPS trusts it."""
    return request.client.host if request.client is not None else "unknown"
