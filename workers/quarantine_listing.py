"""What the command line tells of the quarantine: which rows, where they belong, since when and why; never a value."""

import argparse
import json
import sys
import uuid
from collections.abc import Mapping
from datetime import UTC
from typing import Any, Final

from sqlalchemy import Row, select

from db.arrays import among
from db.models import Config, Integration, Organization
from db.pages import Page
from db.runs import QuarantinedRow, list_quarantine, read_run
from db.sessions import Database, QuickSession
from db.vault import Vault
from workers.standing import COMMAND_LINE


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What stands behind `quarantine`."""
    parser.add_argument("id", nargs="?", type=uuid.UUID, metavar="RUN", help="the rows that this run left alone only")
    parser.add_argument("--first", type=int, default=50, metavar="ROWS", help="how many, 1 to 200; 50 unless given")
    parser.add_argument("--after", metavar="CURSOR", help="those after this one, which the page before told")


async def list_rows(database: Database, _vault: Vault, given: argparse.Namespace) -> int:
    """Print one page, those that are there longest first."""
    async with database.read() as session:
        if given.id is not None:
            await read_run(session, given.id)
        page = await list_quarantine(session, COMMAND_LINE, given.first, given.after, run_id=given.id)
        total = await page.total(session) if page.total else len(page.items)
        places = await _find_places(session, page)
    after = page.cursors[-1] if page.has_next else None
    rows = [(row, places.get(row.config_id)) for row in page.items]
    if given.json:
        print(json.dumps({"quarantine": [_as_json(*row) for row in rows], "totalCount": total, "after": after}))
    else:
        for row in rows:
            print(_as_line(*row))
    sys.stdout.flush()
    if not given.json:
        _tell_rest(total, after)
    return 0


def _tell_rest(total: int, after: str | None) -> None:
    if after is not None:
        print(f"strongroom: {total:,} rows in all; the next ones: --after {after}", file=sys.stderr, flush=True)
    elif not total:
        print("strongroom: nothing is in quarantine", file=sys.stderr, flush=True)


async def _find_places(session: QuickSession, page: Page[QuarantinedRow]) -> Mapping[uuid.UUID, Row[Any]]:
    ids = [row.config_id for row in page.items]
    return {row.id: row for row in await session.rows(_PLACES.where(among(Config.id, ids)))}


def _as_json(row: QuarantinedRow, place: Row[Any] | None) -> dict[str, Any]:
    """With the API's names. A row that was deleted just now has no place any more."""
    return {
        "configId": str(row.config_id),
        "key": None if place is None else place.key,
        "integration": None if place is None else place.integration,
        "organization": None if place is None else place.organization,
        "reason": row.reason,
        "since": row.since.astimezone(UTC).isoformat(),
        "runId": str(row.run_id),
    }


def _as_line(row: QuarantinedRow, place: Row[Any] | None) -> str:
    told = "gone" if place is None else f"{place.integration or '-'}  {place.organization or '-'}  {place.key}"
    return f"{row.since.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC  {row.config_id}  {told}: {row.reason}"


_PLACES: Final = (
    select(Config.id, Config.key, Integration.name.label("integration"), Organization.name.label("organization"))
    .outerjoin(Integration, Integration.id == Config.integration_id)
    .outerjoin(Organization, Organization.id == Config.organization_id)
)
