"""PostgreSQL and Valkey of our own, below one home, for whoever has no servers to point at.

    with EmbeddedServers(home) as servers:
        connect(servers.database_url, servers.redis_url)

Both listen on UNIX sockets only. They end with the thread that started them, even if that is killed; what
survives nevertheless (on other systems than Linux) the next start on the same home finds and ends.
"""

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from db.embedded.home import hold
from db.embedded.postgres import EmbeddedPostgres, binary
from db.embedded.valkey import EmbeddedValkey

__all__ = ["EmbeddedPostgres", "EmbeddedServers", "EmbeddedValkey", "binary", "hold"]


class EmbeddedServers:
    """Both servers, and the lock on their home."""

    def __init__(self, home: Path, *, durable: bool = True, options: Mapping[str, str] | None = None) -> None:
        """`durable=False` and `options` are PostgreSQL's; see there."""
        self._stack = ExitStack()
        self._home = home
        self._durable = durable
        self._options = options

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            home = stack.enter_context(hold(self._home))
            self.postgres = stack.enter_context(EmbeddedPostgres(home, durable=self._durable, options=self._options))
            self.valkey = stack.enter_context(EmbeddedValkey(home))
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    @property
    def database_url(self) -> str:
        """Where PostgreSQL listens."""
        return self.postgres.database_url

    @property
    def redis_url(self) -> str:
        """Where Valkey listens."""
        return self.valkey.redis_url
