"""What SCRUB cannot reach: copies of old plaintext elsewhere, as a checklist in plain words."""

from dataclasses import dataclass
from typing import Any, Final

from db.models import Base
from workers.scrub.survey import Survey


@dataclass(frozen=True, slots=True)
class Item:
    """One place, and what to do about it."""

    place: str
    what: str


async def list_remaining(connection: Any, survey: Survey) -> list[Item]:
    """The checklist, with what the server itself tells of each place."""
    facts = await connection.fetchrow(_FACTS)
    tables = [row["name"] for row in await connection.fetch(_OTHER_TABLES, sorted(Base.metadata.tables))]
    found = [
        Item("backups", "Every dump and base backup from before today holds the old values. Delete them when you can."),
        Item(
            "external snapshots", "So do snapshots of disks and of virtual machines, and managed servers' own backups."
        ),
        _replicas(facts),
        _archive(facts),
        *([] if survey.own else [_wal(facts)]),
        Item(
            "freed disk blocks",
            "Removed files are not overwritten: their blocks hold the old bytes until they are used again. Trim the "
            "disk (fstrim), or rely on its encryption; swap space is another such place.",
        ),
        _logs(facts, own=survey.own),
        Item(
            "the replaced platform",
            "Its own logs, caches, exports, job queues and backups, and its copies of the application secret.",
        ),
        Item(
            "whoever has read it",
            "Nothing here tells who has seen a value while it was plaintext. Rotate each credential at its source.",
        ),
    ]
    if facts["statements"]:
        found.append(Item("pg_stat_statements", "It keeps texts of statements: SELECT pg_stat_statements_reset()."))
    if tables:
        shown = ", ".join(tables[:_SHOWN]) + (f" and {len(tables) - _SHOWN} more" if len(tables) > _SHOWN else "")
        found.append(Item("other tables", f"Not looked at, since they are not Strongroom's: {shown}."))
    if survey.legacy:
        found.append(
            Item("configs", f"{survey.legacy:,} legacy rows are still as older software left them: SEAL them.")
        )
    if not survey.rights.rewrites_catalogs:
        found.append(
            Item(
                "pg_statistic",
                "Its dead rows hold samples of values. As the database's owner: VACUUM FULL pg_statistic.",
            )
        )
    return found


def _replicas(facts: Any) -> Item:
    told = f"{facts['replicas']} are connected now" if facts["replicas"] else "None is connected now"
    return Item(
        "replicas",
        f"{told}. A physical one follows the rewriting, and keeps its own old WAL until it removes it; a logical one, "
        "and whatever else was fed by change data capture, keeps what it was sent.",
    )


def _archive(facts: Any) -> Item:
    told = "is on: it holds every old value" if facts["archive_mode"] != "off" else "is off now"
    return Item("WAL archive", f"Archiving {told}. Delete archived files that are older than the next base backup.")


def _wal(facts: Any) -> Item:
    slots = f" Replication slots hold some of it: {facts['slots']}." if facts["slots"] else ""
    return Item(
        "write-ahead log",
        "The server keeps old files, and renames them for later use, old bytes included. Whoever runs it can have them "
        "removed: wal_recycle = off, then pg_switch_wal() and CHECKPOINT until every file that is there now has gone."
        + slots,
    )


def _logs(facts: Any, *, own: bool) -> Item:
    if own:
        return Item("server log", "The embedded server logs neither statements nor values: nothing to do.")
    return Item(
        "server logs",
        f"log_statement is {facts['log_statement']}, log_min_duration_statement {facts['log_duration']}: statements of "
        f"older software held values. Look through {facts['log_destination']} and wherever logs are shipped to.",
    )


_SHOWN: Final = 20

_FACTS: Final = """
SELECT (SELECT count(*) FROM pg_stat_replication) AS replicas,
    (SELECT string_agg(slot_name, ', ') FROM pg_replication_slots) AS slots,
    EXISTS (SELECT FROM pg_extension WHERE extname = 'pg_stat_statements') AS statements,
    current_setting('archive_mode') AS archive_mode, current_setting('log_statement') AS log_statement,
    current_setting('log_min_duration_statement') AS log_duration, current_setting('log_destination') AS log_destination
"""

_OTHER_TABLES: Final = """
SELECT format('%I.%I', n.nspname, c.relname) AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'm', 'p') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
    AND NOT (c.relname = ANY($1::text[] || ARRAY['strongroom_version', 'alembic_version', 'audit_log_unchained']))
ORDER BY 1
"""
