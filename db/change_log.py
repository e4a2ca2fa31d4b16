"""Reading what changed, in the order of commits or not: whatever a position has not seen comes, and nothing is lost.

Triggers write the rows (migration 0010), each with the transaction that wrote it. A reader asks for the rows whose
transaction its own snapshot did not see, and gets the snapshot it is to ask with next, in the same statement. So it
waits for no transaction that is still running, and what commits late comes late.
"""

import uuid
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from sqlalchemy import Row, text

from db.access import Principal
from db.positions import Position
from db.sessions import Database, ReadSession

KEPT: Final = timedelta(hours=24)
"""How long changes are kept for those who come back."""

BATCH_LIMIT: Final = 5_000
"""More changes than this at once are told as a reset."""

_PRUNED_AT_ONCE: Final = 5_000


@dataclass(frozen=True, slots=True)
class Change:
    """What changed: an integration, an organization, or the one for the other; None is any.

    `keys` are None where any may have changed. `version` is the highest that the keys have now, None where they are
    gone or it was no value that changed. `names` are those the integration has, and had if it was renamed.
    """

    integration_id: uuid.UUID | None
    organization_id: uuid.UUID | None
    keys: tuple[str, ...] | None = None
    version: int | None = None
    names: frozenset[str] = frozenset()
    name: str | None = None

    def is_seen_by(self, principal: Principal) -> bool:
        """Whether it may be told to a caller: it concerns something that the caller's limits let it resolve."""
        return principal.sees_organization(self.organization_id) and (
            self.integration_id is None or principal.sees_integration(self.integration_id)
        )


@dataclass(frozen=True, slots=True)
class Batch:
    """What changed up to a position. After a `reset` anything may have."""

    position: Position
    changes: tuple[Change, ...] = ()
    is_reset: bool = False


async def read_batch(session: ReadSession, after: Position | None) -> Batch:
    """What a position has not seen; without one, only where the feed is now.

    A reset where that cannot be told: too much changed, what changed is kept no longer, or the position belongs to
    another history than the server's.
    """
    rows = await session.rows(_READ, _parameters(after))
    head = rows[0]
    position = Position.of(head.epoch, head.snapshot)
    if after is None:
        return Batch(position)
    is_pruned = after.lower <= head.pruned < position.upper
    if after.epoch != position.epoch or after.upper > position.upper or is_pruned or len(rows) > BATCH_LIMIT:
        return Batch(position, is_reset=True)
    return Batch(position, tuple(_change(row) for row in rows if row.number is not None))


async def prune_changes(database: Database, kept: timedelta = KEPT) -> int:
    """Delete what is older, in short transactions; how many rows that were."""
    pruned = 0
    while True:
        count = await database.write(
            lambda session: session.scalar(_PRUNE, {"kept": kept, "limit": _PRUNED_AT_ONCE})  # one statement, one lock
        )
        pruned += count
        if count < _PRUNED_AT_ONCE:
            return pruned


def _parameters(after: Position | None) -> dict[str, Any]:
    # No transaction is as high as that: without a position there is nothing to tell.
    return {
        "lower": 2**63 - 1 if after is None else after.lower,
        "snapshot": "1:1:" if after is None else after.snapshot,
        "limit": BATCH_LIMIT + 1,
    }


def _change(row: Row[Any]) -> Change:
    return Change(
        row.integration_id,
        row.organization_id,
        None if row.keys is None else tuple(row.keys),
        row.version,
        frozenset({row.integration_name, row.name} - {None}),
        row.name,
    )


_READ: Final = text("""
WITH head AS (
    SELECT pg_current_snapshot() AS snapshot, p.transaction_id AS pruned, md5(concat_ws(
        '/', system_identifier, timeline_id, (SELECT oid FROM pg_database WHERE datname = current_database()),
        CAST('config_changes' AS regclass)
    )) AS epoch
    FROM pg_control_system(), pg_control_checkpoint(), config_changes_pruned p
)
SELECT CAST(head.snapshot AS text) AS snapshot, head.pruned, head.epoch, c.*
FROM head LEFT JOIN LATERAL (
    SELECT c.number, c.integration_id, c.organization_id, c.integration_name, c.keys, c.version, i.name
    FROM config_changes c LEFT JOIN integrations i ON i.id = c.integration_id
    WHERE c.transaction_id >= :lower
        AND NOT pg_visible_in_snapshot(
            CAST(CAST(c.transaction_id AS text) AS xid8), CAST(CAST(:snapshot AS text) AS pg_snapshot)
        )
        -- Rows of a restored database have the numbers of another server.
        AND c.transaction_id < CAST(CAST(pg_snapshot_xmax(head.snapshot) AS text) AS bigint)
    ORDER BY c.transaction_id, c.number LIMIT :limit
) c ON true
""")
"""The snapshot is the statement's own: what is not in it is not in the rows either, and comes with the next."""

_PRUNE: Final = text("""
WITH now AS (
    SELECT CAST(CAST(pg_snapshot_xmin(s) AS text) AS bigint) AS lower,
        CAST(CAST(pg_snapshot_xmax(s) AS text) AS bigint) AS upper FROM pg_current_snapshot() s
), old AS (
    SELECT c.transaction_id, c.number FROM config_changes c, now
    -- What a reader may have seen as still running stays until it no longer can have.
    WHERE c.at < now() - CAST(:kept AS interval) AND (c.transaction_id < now.lower OR c.transaction_id >= now.upper)
    ORDER BY c.at LIMIT :limit FOR UPDATE OF c SKIP LOCKED
), gone AS (
    DELETE FROM config_changes c USING old
    WHERE c.transaction_id = old.transaction_id AND c.number = old.number
    RETURNING c.transaction_id
), told AS (
    UPDATE config_changes_pruned p SET transaction_id = greatest(
        CASE WHEN p.transaction_id < now.upper THEN p.transaction_id END,
        (SELECT max(transaction_id) FROM gone, now WHERE transaction_id < now.upper), 0
    ) FROM now
    WHERE EXISTS (SELECT FROM gone)
)
SELECT count(*) FROM gone
""")
