"""Certificates: what a VERIFY proved."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import strawberry


@strawberry.type(description="What a VERIFY proved. The audit log has it, too, under backfill.certify.")
class Certificate:
    """What a VERIFY proved."""

    at: datetime = strawberry.field(description="When PostgreSQL had validated the last constraint.")
    rows_checked: int = strawberry.field(description="Configs that were looked at.")
    secrets_opened: int = strawberry.field(description="Of those, how many are sealed; every one opened in its place.")
    history_checked: int = strawberry.field(description="Entries of the history that were looked at.")
    history_opened: int = strawberry.field(description="Of those, how many are sealed and opened in their place.")
    history_undecided: int = strawberry.field(
        description="Of those, how many are sealed and do not open: kept as they were when they were overwritten."
    )
    data_keys: int = strawberry.field(description="Data keys in the database; every one opens.")
    audit_keys: int = strawberry.field(description="Audit keys in the database; every one opens.")
    root_keys: list[str] = strawberry.field(description="The ids of the root keys that wrap them.")
    constraints: list[str] = strawberry.field(
        description="What PostgreSQL itself has validated and holds from then on, in its own words."
    )


def show_certificate(told: Mapping[str, Any]) -> Certificate:
    """A certificate as callers see it."""
    return Certificate(
        at=datetime.fromisoformat(told["at"]),
        rows_checked=told["rowsChecked"],
        secrets_opened=told["secretsOpened"],
        history_checked=told["historyChecked"],
        history_opened=told["historyOpened"],
        history_undecided=told["historyUndecided"],
        data_keys=told["dataKeys"],
        audit_keys=told["auditKeys"],
        root_keys=told["rootKeys"],
        constraints=told["constraints"],
    )
