"""The survey: what there is to do, and what it takes. It changes nothing."""

from dataclasses import asdict, dataclass
from typing import Any, Final

from workers.door import CONSTRAINT
from workers.scrub.places import CATALOGS, COLUMNS, Rights, find_rights
from workers.scrub.statistics import Statistics, find_statistics

_BYTES_PER_SECOND: Final = 20_000_000
"""Of a table with its indexes, rewritten: what a small virtual machine did, halved."""

_LEAST_SECONDS: Final = 0.1


@dataclass(frozen=True, slots=True)
class Table:
    """A table that will be rewritten: nobody reads or writes it for about `seconds`."""

    name: str
    rows: int
    bytes: int

    @property
    def seconds(self) -> float:
        """An estimate, from its size with all indexes."""
        return round(max(_LEAST_SECONDS, self.bytes / _BYTES_PER_SECOND), 1)


@dataclass(frozen=True, slots=True)
class Survey:
    """What SCRUB found. `own` is whether the server is this installation's, and so its WAL."""

    tables: list[Table]
    statistics: Statistics
    rights: Rights
    own: bool
    version: int
    shut: bool
    legacy: int
    active_run: str | None

    @property
    def seconds(self) -> float:
        """For how long, in all, some table will be locked."""
        return round(sum(table.seconds for table in self.tables), 1)

    def told(self) -> dict[str, Any]:
        """The survey as JSON has it."""
        tables = [asdict(table) | {"lockedForAboutSeconds": table.seconds} for table in self.tables]
        return {
            "locks": tables,
            "lockedForAboutSeconds": self.seconds,
            "statistics": self.statistics.told(),
            "removesWal": self.own,
            "verified": self.shut,
            "legacyRows": self.legacy,
        }

    def lines(self) -> list[str]:
        """The survey for people."""
        found = ["SCRUB rewrites these tables, one after the other. While one is rewritten nobody reads or writes it:"]
        found += [
            f"  {table.name:26} {table.rows:>12,} rows {table.bytes / 1e6:>10,.1f} MB   about {table.seconds:,.1f} s"
            for table in self.tables
        ]
        found.append(f"In all about {self.seconds:,.1f} s; as much free disk space as the largest table is needed.")
        found.append("It waits for a lock for 200 ms at a time, so that nobody queues behind it for longer.")
        found += self.statistics.lines()
        found.append(
            "It removes the write-ahead log that is older than the rewriting: the server is this installation's own."
            if self.own
            else "It leaves the write-ahead log alone: the server is not this installation's own."
        )
        return found


async def survey(connection: Any, *, own: bool) -> Survey:
    """Look at everything."""
    rights = await find_rights(connection)
    catalogs = CATALOGS if rights.rewrites_catalogs else ()
    rows = await connection.fetch(_TABLES, [*COLUMNS, *catalogs])
    run = await connection.fetchrow(_ACTIVE_RUN)
    return Survey(
        tables=[Table(row["name"], row["rows"], row["bytes"]) for row in rows],
        statistics=await find_statistics(connection),
        rights=rights,
        own=own,
        version=connection.get_server_version().major,
        shut=bool(await connection.fetchval(_IS_SHUT, CONSTRAINT)),
        legacy=await connection.fetchval("SELECT count(*) FROM configs WHERE legacy"),
        active_run=None if run is None else f"{run['kind'].upper()} {run['id']} is {run['status']}",
    )


_TABLES: Final = """
SELECT u.name, greatest(c.reltuples, 0)::bigint AS rows, pg_total_relation_size(c.oid) AS bytes
FROM unnest($1::text[]) WITH ORDINALITY AS u (name, place) JOIN pg_class c ON c.oid = u.name::regclass
ORDER BY u.place
"""

_IS_SHUT: Final = """
SELECT convalidated FROM pg_constraint WHERE conname = $1 AND conrelid = 'configs'::regclass
"""

_ACTIVE_RUN: Final = """
SELECT id, kind, status FROM backfill_runs WHERE status IN ('enqueued', 'running', 'paused', 'cancelling') LIMIT 1
"""
