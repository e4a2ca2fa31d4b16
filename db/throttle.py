"""Failed sign-ins, counted by address and by credential. Who succeeds is never counted, and never turned away.

A limit that also refused those who hold a good token would let one caller lock out all that share its address. So
it does not stop guessing (256 random bits do); it tells a broken or hostile client to wait, and marks it in the log.
"""

import ipaddress
import logging
import math
import time
from collections import OrderedDict
from collections.abc import Callable
from functools import lru_cache
from typing import Final, Generic, TypeVar

from db.errors import LimitExceeded, StrongroomError, Unauthenticated

_logger = logging.getLogger("strongroom.sign_in")

BUCKETS: Final = 10_000
"""Addresses, and credentials, kept in mind; the one that was quiet for longest is forgotten first."""

PERIOD: Final = 60.0
"""A limit is so many failures in this many seconds."""

UNKNOWN: Final = "unknown"
"""The address of a caller without one."""

_IPV6_NETWORK: Final = 64
_PREFIX: Final = 8

Key = TypeVar("Key")


class Buckets(Generic[Key]):
    """Token buckets, one for each key: `limit` at once, and as many again in each period."""

    def __init__(self, limit: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._limit = limit
        self._clock = clock
        self._levels: OrderedDict[Key, tuple[float, float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._levels)

    def take(self, key: Key) -> int:
        """Count a failure: 0 while the key is within its limit, else the seconds until it is again."""
        now = self._clock()
        level, since = self._levels.pop(key, (float(self._limit), now))
        rate = self._limit / PERIOD
        level = min(float(self._limit), level + (now - since) * rate)
        wait = 0 if level >= 1 else math.ceil((1 - level) / rate)
        if len(self._levels) >= BUCKETS:
            self._levels.popitem(last=False)
        self._levels[key] = (level if wait else level - 1, now)
        return wait


class Throttle:
    """How many failed sign-ins a minute are answered UNAUTHENTICATED; those past it are LIMIT_EXCEEDED."""

    def __init__(self, per_address: int, per_credential: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._addresses: Buckets[str] = Buckets(per_address, clock)
        self._credentials: Buckets[bytes] = Buckets(per_credential, clock)
        self._clock = clock
        self._told = -math.inf

    def fail(self, address: str, credential_hash: bytes) -> StrongroomError:
        """The refusal for a failed sign-in, which is counted."""
        by_address = self._addresses.take(network_of(address))
        by_credential = self._credentials.take(credential_hash[:_PREFIX])
        wait = max(by_address, by_credential)
        if not wait:
            return Unauthenticated()
        self._tell(address)
        return LimitExceeded("too many failed sign-ins", wait)

    def _tell(self, address: str) -> None:
        """Put it in the log, once a minute at most: the log is not for an attacker to fill."""
        if self._clock() - self._told >= PERIOD:
            self._told = self._clock()
            _logger.warning("failed sign-ins are being limited; the last one was from %s", address)


@lru_cache(maxsize=BUCKETS)
def network_of(address: str) -> str:
    """What counts as one address: an IPv6 caller has a whole /64 to choose from."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((parsed, _IPV6_NETWORK), strict=False))
    return str(parsed)
