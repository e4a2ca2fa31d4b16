"""`python -m db keys`: what each root key still wraps, also when start-up refuses the keyring."""

import argparse
import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from db.errors import SettingsError
from db.opening import open_database
from db.root_keys import RootKey, ShutKey, count_wrapped, find_shut
from db.settings import Settings
from db.start import read_keyring

_HEAD: Final = ("root key", "primary", "in keyring", "data keys", "of them retired", "audit keys", "safe to remove")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What stands behind `python -m db keys`."""
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of a table")


async def run(environ: Mapping[str, str], given: argparse.Namespace) -> int:
    """The exit code: 1 if the database holds keys that the keyring does not open. No key is ever printed."""
    settings = Settings.from_env(environ)
    keyring = read_keyring(settings)
    if keyring is None:
        raise SettingsError("there is no root keyring: set STRONGROOM_ROOT_KEYS, or put the keyring file back")
    async with open_database(settings) as database, database.read() as session:
        keys = await count_wrapped(session, keyring)
        shut = await find_shut(session, keyring)
    print(json.dumps(_told(keys, shut)) if given.json else _table(keys, shut), flush=True)
    return 1 if shut else 0


def _told(keys: Sequence[RootKey], shut: Sequence[ShutKey]) -> dict[str, Any]:
    return {
        "rootKeys": [
            {
                "id": key.id,
                "primary": key.primary,
                "present": key.present,
                "dataKeys": key.data_keys,
                "retiredDataKeys": key.retired_data_keys,
                "auditKeys": key.audit_keys,
                "safeToRemove": key.safe_to_remove,
            }
            for key in keys
        ],
        "shut": [{"id": str(key.id), "kind": key.kind, "rootKey": key.root_key_id} for key in shut],
    }


def _table(keys: Sequence[RootKey], shut: Sequence[ShutKey]) -> str:
    rows = [_HEAD, *map(_row, keys)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEAD))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    lines += [f"does not open: {key} under root key {key.root_key_id}" for key in shut]
    return "\n".join(lines)


def _row(key: RootKey) -> tuple[str, ...]:
    counts = (str(key.data_keys), str(key.retired_data_keys), str(key.audit_keys))
    return (key.id, _yes(key.primary), _yes(key.present), *counts, _yes(key.safe_to_remove))


def _yes(true: bool) -> str:
    return "yes" if true else "no"
