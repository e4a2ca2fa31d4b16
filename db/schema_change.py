"""Changing a config schema migrates the rows it concerns, in the same transaction.

A dropped field's values go to the history and come back with the field. A type change converts every row, or is
refused naming the rows that do not fit. Turning a secret into anything else reveals it, and so needs the right to.
"""

import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from sqlalchemy import delete, insert, update

from db import history
from db.arrays import among
from db.audit.deeds import Deed
from db.fields import Field, fields_of
from db.history import PastValue, open_past, select_history
from db.limits import Problems
from db.models import Config, ConfigField, ConfigVersion
from db.policy import UNSEALING
from db.stored import (
    Absent,
    Judgement,
    Sealed,
    StoredConfig,
    Undecided,
    Value,
    judge,
    judge_value,
    select_stored,
    stored,
)
from db.values import JSON, ConfigType, Unfit, coerce, dump, is_exact, storable
from db.vault import Opened, Shut, Transaction, open_rows
from db.writing import Entry, adopt, overwrite, put, remove


@dataclass(frozen=True, slots=True)
class SchemaChange:
    """How many rows a change of the schema migrated, dropped into the history and brought back from it.

    `by_key` is the same of each key that has any.
    """

    migrated: int = 0
    dropped: int = 0
    restored: int = 0
    by_key: Mapping[str, "SchemaChange"] = field(default_factory=dict[str, "SchemaChange"])

    def told(self) -> dict[str, int]:
        """For the audit log."""
        return {"migrated": self.migrated, "dropped": self.dropped, "restored": self.restored}


@dataclass(slots=True, repr=False)
class _Plan:
    """What a change does, worked out before anything is written."""

    integration_id: uuid.UUID
    before: dict[str, Field]
    after: dict[str, Field]
    problems: Problems = field(default_factory=Problems)
    unsealed: set[str] = field(default_factory=set[str])
    migrated: list[tuple[StoredConfig, Entry]] = field(default_factory=list[tuple[StoredConfig, Entry]])
    adopted: list[tuple[StoredConfig, Entry]] = field(default_factory=list[tuple[StoredConfig, Entry]])
    restored: list[Entry] = field(default_factory=list[Entry])

    @property
    def dropped(self) -> list[str]:
        return [key for key in self.before if key not in self.after]

    @property
    def added(self) -> list[str]:
        return [key for key in self.after if key not in self.before]

    @property
    def retyped(self) -> list[str]:
        both = [key for key in self.after if key in self.before]
        return [key for key in both if self.after[key].type is not self.before[key].type]


async def change_schema(transaction: Transaction, integration_id: uuid.UUID, fields: Sequence[Field]) -> SchemaChange:
    """Make `fields` the integration's full schema. The integration is locked; the fields have been checked."""
    before = await fields_of(transaction.session, integration_id)
    after = {f.key: replace(f, id=before[f.key].id if f.key in before else uuid.uuid4()) for f in fields}
    plan = _Plan(integration_id, before, after)
    rows = await _lock_rows(transaction, integration_id, [*plan.dropped, *plan.added, *plan.retyped])
    await _plan_migration(transaction, plan, [row for row in rows if row.key in after])
    await _plan_return(transaction, plan, {(row.organization_id, row.key) for row in rows})
    await _check(transaction, plan)
    gone = [row for row in rows if row.key not in after]
    await remove(transaction, gone, history.FIELD_DROPPED, returns=True)
    await _write_fields(transaction, plan)
    await overwrite(transaction, plan.migrated)
    await adopt(transaction, plan.adopted)
    await _seal_history(transaction, plan)
    await put(transaction, plan.restored, {})
    return _sum_up(plan, gone)


def _sum_up(plan: _Plan, gone: Sequence[StoredConfig]) -> SchemaChange:
    migrated = Counter(row.key for row, _ in (*plan.migrated, *plan.adopted))
    dropped = Counter(row.key for row in gone)
    restored = Counter(entry.key for entry in plan.restored)
    by_key = {key: SchemaChange(migrated[key], dropped[key], restored[key]) for key in migrated | dropped | restored}
    return SchemaChange(migrated.total(), dropped.total(), restored.total(), by_key)


async def _lock_rows(transaction: Transaction, integration_id: uuid.UUID, keys: Sequence[str]) -> list[StoredConfig]:
    if not keys:
        return []
    statement = (
        select_stored()
        .where(Config.integration_id == integration_id, among(Config.key, keys))
        .order_by(Config.organization_id, Config.key)
        .with_for_update(of=Config)
    )
    return [stored(row) for row in await transaction.session.rows(statement)]


async def _plan_migration(transaction: Transaction, plan: _Plan, rows: Sequence[StoredConfig]) -> None:
    leaving = [row for row in rows if row.is_secret and plan.after[row.key].type is not ConfigType.SECRET]
    opened = await open_rows(transaction.session, transaction.vault, leaving)
    for row in rows:
        wanted = plan.after[row.key]
        judged = _judge(transaction, row, wanted)
        if row.is_secret and wanted.type is not ConfigType.SECRET:
            plan.unsealed.add(row.key)
            _plan_row(plan, row, wanted, opened[row.id])
        elif isinstance(judged, Sealed | Absent | Undecided):
            # A sealed row that stays sealed only learns its field; the others wait for the backfill, masked.
            _plan_adoption(plan, row, wanted)
        else:
            _plan_row(plan, row, wanted, Opened(judged.value if isinstance(judged, Value) else row.raw))


def _judge(transaction: Transaction, row: StoredConfig, wanted: Field) -> Judgement:
    """What a row holds; on its way to a secret, a legacy row is read as one, or its token would be sealed again."""
    before = judge(row, transaction.vault.legacy_keys)
    if row.sealed is not None or not row.legacy or wanted.type is not ConfigType.SECRET:
        return before
    read = judge_value(row.raw, wanted.type, transaction.vault.legacy_keys, unknown=False)
    is_token = not isinstance(read, Value) or read.value != row.raw
    return read if is_token or not isinstance(before, Value) else before


def _plan_row(plan: _Plan, row: StoredConfig, wanted: Field, opened: Opened | Shut) -> None:
    here = ("configSchema", wanted.position, "type")
    if isinstance(opened, Shut):
        plan.problems.add(f"config {row.id} holds a secret that cannot be opened", *here)
        return
    if opened.value is None:
        return
    try:
        value = convert(opened.value, wanted.type)
    except Unfit as error:
        plan.problems.add(f"the value of config {row.id} does not fit: it {error}", *here)
        return
    plan.migrated.append((row, _entry(plan, row.organization_id, wanted, value)))


def _plan_adoption(plan: _Plan, row: StoredConfig, wanted: Field) -> None:
    if row.sealed is not None:
        plan.adopted.append((row, _entry(plan, row.organization_id, wanted, None)))


async def _plan_return(transaction: Transaction, plan: _Plan, taken: set[tuple[uuid.UUID | None, str]]) -> None:
    """Values that were dropped with a field come back with it, unless something has taken their place."""
    if not plan.added:
        return
    statement = select_history().where(
        ConfigVersion.returns,
        ConfigVersion.integration_id == plan.integration_id,
        among(ConfigVersion.key, plan.added),
    )
    found = [PastValue(*row) for row in await transaction.session.rows(statement)]
    newest = {(past.organization_id, past.key): past for past in sorted(found, key=lambda past: past.version)}
    entries = [past for spot, past in newest.items() if spot not in taken]
    opened = await open_past(transaction.session, transaction.vault, entries)
    for past in entries:
        _plan_returning(plan, past, opened[past.id])


def _plan_returning(plan: _Plan, past: PastValue, opened: Opened | Shut) -> None:
    wanted = plan.after[past.key]
    if past.config_type is ConfigType.SECRET and wanted.type is not ConfigType.SECRET:
        plan.unsealed.add(past.key)
    if isinstance(opened, Shut) or opened.value is None:
        return
    try:
        value = convert(opened.value, wanted.type)
    except Unfit as error:
        where = f"version {past.version} of organization {past.organization_id or 'none (the default)'}"
        plan.problems.add(f"a returning value does not fit: {where} {error}", "configSchema", wanted.position, "type")
        return
    entry = _entry(plan, past.organization_id, wanted, value)
    plan.restored.append(replace(entry, description=past.description, keeps_description=False))


async def _check(transaction: Transaction, plan: _Plan) -> None:
    """Refuse what the caller may not reveal before telling what does not fit: that would reveal, too."""
    opening = {key for key in plan.retyped if plan.before[key].type is ConfigType.SECRET} | plan.unsealed
    if opening:
        UNSEALING.check(transaction.principal)
        deed = Deed("config.unseal", integration_id=plan.integration_id, keys=sorted(opening))
        transaction.record(deed)
    plan.problems.check()


async def _write_fields(transaction: Transaction, plan: _Plan) -> None:
    if plan.dropped:
        ids = [plan.before[key].id for key in plan.dropped]
        await transaction.session.execute(delete(ConfigField).where(among(ConfigField.id, ids)))
    kept = [plan.after[key] for key in plan.after if key in plan.before and plan.after[key] != plan.before[key]]
    for wanted in kept:
        row = wanted.row(plan.integration_id)
        await transaction.session.execute(update(ConfigField).where(ConfigField.id == wanted.id).values(row))
    if plan.added:
        rows = [plan.after[key].row(plan.integration_id) for key in plan.added]
        await transaction.session.execute(insert(ConfigField), rows)
        # One return only: what comes back now, or could not, does not come back with a later field.
        await transaction.session.execute(
            update(ConfigVersion)
            .where(ConfigVersion.integration_id == plan.integration_id, among(ConfigVersion.key, plan.added))
            .where(ConfigVersion.returns)
            .values(returns=False)
        )


async def _seal_history(transaction: Transaction, plan: _Plan) -> None:
    """Earlier values of what is a secret from now on are secrets, too."""
    changed = [key for key in [*plan.added, *plan.retyped] if plan.after[key].type is ConfigType.SECRET]
    if not changed:
        return
    at = ConfigVersion.integration_id == plan.integration_id, among(ConfigVersion.key, changed)
    await history.seal_past(transaction, *at)


def convert(value: JSON, config_type: ConfigType) -> JSON:
    """A stored value under another type: as `coerce`, and anything becomes text by its JSON. Raises Unfit."""
    if not is_exact(value):
        raise Unfit("must not hold a number of more digits than can be written anew without losing any")
    converted = coerce(spell(value, config_type), config_type)
    if config_type is not ConfigType.SECRET and not storable(converted):
        raise Unfit("must not hold NUL, lone surrogates, NaN or more than 100 levels")
    return converted


def spell(value: JSON, config_type: ConfigType) -> JSON:
    """The value, or its JSON text where text is called for."""
    return dump(value) if config_type is ConfigType.STRING and not isinstance(value, str) else value


def _entry(plan: _Plan, organization_id: uuid.UUID | None, wanted: Field, value: JSON) -> Entry:
    return Entry(plan.integration_id, organization_id, wanted.key, wanted.type, value, wanted.id)
