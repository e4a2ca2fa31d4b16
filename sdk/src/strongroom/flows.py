"""What both clients do, without doing it: generators that ask their client to send, to wait and to listen.

A client, synchronous or asynchronous, runs such a flow: it carries out each step that the flow yields and sends back
what came of it. So there is one implementation of everything that is not input or output.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import Any

from strongroom.answers import Lost, Reply, read_reply
from strongroom.cache import Cache
from strongroom.config import ResolvedConfig
from strongroom.errors import Internal, LimitExceeded, StrongroomError, Unavailable


@dataclass(frozen=True)
class Send:
    """Send this body, which no repr has; comes back as a Reply, or as Lost."""

    body: bytes = field(repr=False)


@dataclass(frozen=True)
class Pause:
    """Wait for so many seconds."""

    seconds: float


Step = Send | Pause
Answer = Reply | Lost | None
Call = Generator[Step, Answer, dict[str, Any]]

FIRST_PAUSE = 0.1
LONGEST_PAUSE = 5.0

RESOLVE = (
    "query SdkResolve($integration: String!, $organizationId: ID!) {"
    " resolve(integration: $integration, organizationId: $organizationId) {"
    " integration { id name } organization { id name } entityId entityName config missing unfit"
    " entries { key type source } } }"
)


class Flows:
    """The flows of one client."""

    def __init__(self, retries: int, cache: Cache | None = None, chance: Callable[[], float] = random.random) -> None:
        """`retries` is how often a query is tried again; `chance` gives jitter, 0 to 1."""
        self._retries = retries
        self._cache = cache
        self._chance = chance

    def call(
        self, document: str, variables: Mapping[str, Any], operation: str | None = None, retries: int | None = None
    ) -> Call:
        """The data of an operation. Raises StrongroomError for the first of its errors.

        Only queries are tried again: whether a mutation that was not answered was carried out nobody knows.
        """
        body: dict[str, Any] = {"query": document, "variables": variables}
        if operation:
            body["operationName"] = operation
        send = Send(json.dumps(body, separators=(",", ":")).encode())
        left = (self._retries if retries is None else retries) if is_query(document) else 0
        pause = FIRST_PAUSE
        while True:
            data = read_reply((yield send))
            if not isinstance(data, StrongroomError):
                return data
            if not isinstance(data, Unavailable) or left <= 0:
                raise data
            left -= 1
            yield Pause(pause * (0.5 + self._chance()))
            pause = min(pause * 2, LONGEST_PAUSE)

    def resolve(self, integration: str, organization_id: str) -> Generator[Step, Answer, ResolvedConfig]:
        """A config, from memory while it is known to be current, else from the service, else the last known good."""
        cache = self._cache
        if cache is None:
            return (yield from self._fetch(integration, organization_id))
        key = (integration, organization_id)
        found = cache.get(key) or cache.find_good(key, only_while_down=True)
        if found is not None:
            return found
        with cache.fetch(key) as fetch:
            # With a known good config at hand nobody is kept waiting for more tries.
            retries = None if cache.find_good(key) is None else 0
            try:
                config = yield from self._fetch(integration, organization_id, retries)
            except (Internal, LimitExceeded, Unavailable) as error:
                # Nothing was said of this config: what was known of it is still the best that there is.
                if not isinstance(error, Internal):
                    cache.note_failure()
                good = cache.find_good(key)
                if good is None:
                    raise
                return good
            except StrongroomError:
                cache.drop(key)
                raise
            fetch.keep(config)
        return config

    def _fetch(
        self, integration: str, organization_id: str, retries: int | None = None
    ) -> Generator[Step, Answer, ResolvedConfig]:
        variables = {"integration": integration, "organizationId": organization_id}
        data = yield from self.call(RESOLVE, variables, retries=retries)
        try:
            return ResolvedConfig(data["resolve"])
        except (AttributeError, KeyError, TypeError, ValueError):
            pass
        # Beyond the except: what was odd may hold a value.
        raise Internal("this is no answer of Strongroom: it does not have the form of a config")


def is_query(document: str) -> bool:
    """Whether an operation changes nothing, so that it may be sent twice."""
    lines = (line.strip() for line in document.splitlines())
    first = next((line for line in lines if line and not line.startswith("#")), "")
    return first.startswith(("query", "{"))
