"""What a request says about who sends it: its bearer token."""

from db.errors import Unauthenticated


def read_bearer(header: str | None) -> str:
    """The token in `Authorization: Bearer TOKEN`. Raises Unauthenticated for anything else."""
    scheme, _, token = (header or "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise Unauthenticated
    return token.strip()
