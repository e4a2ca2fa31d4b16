"""Where a request came from, and why its caller says that it came: for the audit log."""

import re
from collections.abc import Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final

from starlette.requests import Request

from db.audit.deeds import REASON_LIMIT, Origin
from db.errors import refuse
from db.settings import Network

REASON_HEADER: Final = "Strongroom-Reason"

Address = IPv4Address | IPv6Address

_UNSHOWN: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]+")
"""What could make a log's line look like another one."""

_WITH_PORT: Final = re.compile(r"\[(.+)\](?::\d+)?|(\d+\.\d+\.\d+\.\d+):\d+")


def read_origin(request: Request, trusted: Sequence[Network] = ()) -> Origin:
    """The client's address and the reason that it gave. Raises BadInput for a reason that is too long."""
    peer = request.client.host if request.client else None
    if not trusted and REASON_HEADER not in request.headers:
        return find_peer(peer)
    forwarded = request.headers.getlist("x-forwarded-for") if trusted else []
    return Origin(find_client(peer, forwarded, trusted), read_reason(request.headers.get(REASON_HEADER)))


@lru_cache(maxsize=1_024)
def find_peer(peer: str | None) -> Origin:
    """The origin of a request without a reason, where no proxy is trusted."""
    return Origin(find_client(peer, (), ()))


def find_client(peer: str | None, forwarded: Sequence[str], trusted: Sequence[Network]) -> str | None:
    """Who is at the other end: the peer, or, past trusted proxies, the last that one of them has seen itself."""
    client = _read_address(peer or "")
    hops = [hop for header in forwarded for hop in header.split(",")]
    while client is not None and hops and any(client in network for network in trusted):
        seen = _read_address(hops.pop().strip())
        if seen is None:
            break
        client = seen
    return None if client is None else str(client)


def read_reason(header: str | None) -> str | None:
    """A reason as it is kept: one line of 500 characters at most, or None for none."""
    if header is None:
        return None
    reason = " ".join(_UNSHOWN.sub(" ", _decode(header)).split())
    if len(reason) > REASON_LIMIT:
        refuse(f"must have {REASON_LIMIT} characters at most", REASON_HEADER)
    return reason or None


def _decode(header: str) -> str:
    """Starlette reads headers as Latin-1; what is UTF-8 is taken as that."""
    try:
        return header.encode("latin-1").decode()
    except UnicodeDecodeError:
        return header


def _read_address(text: str) -> Address | None:
    found = _WITH_PORT.fullmatch(text)
    try:
        address = ip_address((found[1] or found[2]) if found else text)
    except ValueError:
        return None
    if isinstance(address, IPv6Address):
        # A zone is of the proxy's own making, and may be of any length.
        return address.ipv4_mapped or IPv6Address(int(address))
    return address
