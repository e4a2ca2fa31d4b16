"""What VERIFY certifies, and that PostgreSQL holds it from then on."""

import json
import uuid
from typing import Any

import asyncpg
import pytest

from db.configs import StandaloneWrite, set_config
from db.fields import Field
from db.integrations import create_integration, set_integration_config, update_integration
from db.models import BackfillKind, BackfillStatus
from db.runs import cancel_backfill, pause_backfill
from db.values import ConfigType
from workers import certificate, door

VERIFY = BackfillKind.VERIFY
FIELDS = [Field("url", ConfigType.STRING), Field("token", ConfigType.SECRET, position=1)]


@pytest.fixture
async def integration(transact: Any, sql: asyncpg.Connection) -> uuid.UUID:
    """An integration with two defaults, an earlier secret, a standalone secret, and a row of an unknown key."""
    id = (await transact(lambda t: create_integration(t, "halo", None, FIELDS))).id
    for token in ("first", "second"):
        config = {"url": "https://a.example.com", "token": token}
        await transact(lambda t, config=config: set_integration_config(t, id, config, None))
    await transact(lambda t: set_config(t, StandaloneWrite(None, "k", ConfigType.SECRET, "s")))
    await sql.execute(
        "INSERT INTO configs (id, integration_id, key, value, config_type, legacy, updated_by) "
        "VALUES (gen_random_uuid(), $1, 'unknown', '{\"value\": 1}', 'int', false, 'x')",
        id,
    )
    return id


@pytest.fixture
async def shut(integration: uuid.UUID, backfill: Any) -> Any:
    """The run that shut the door."""
    run = await backfill(VERIFY)
    assert (run.status, run.error) == (BackfillStatus.SUCCEEDED, None)
    return run


async def test_the_certificate_says_what_was_proved(shut, root_keyring, sql):
    """Rows and entries that were looked at, what opened, the keys that open it, and what PostgreSQL vouches for."""
    told = dict(shut.certificate)
    constraints = {text.partition(":")[0] for text in told.pop("constraints")}
    assert told.pop("at").endswith("Z")
    assert told == {
        "rowsChecked": 4,
        "secretsOpened": 2,
        "historyChecked": 2,
        "historyOpened": 1,
        "historyUndecided": 0,
        "dataKeys": 1,
        "auditKeys": 1,
        "rootKeys": [root_keyring.primary_id],
    }
    assert {
        "configs ck_configs_not_legacy",
        "configs ck_configs_sealed_or_plain",
        "configs ck_configs_field_of_integration",
        "configs fk_configs_field",
        "configs fk_configs_data_key_id",
        "configs tied_to_field",
        "integration_config_schema tied_to_field",
        "config_history ck_config_history_sealed_or_plain",
        "config_history config_history_data_key_id_fkey",
    } == constraints
    (event,) = await sql.fetch("SELECT detail FROM audit_log WHERE action = 'backfill.certify'")
    assert json.loads(event["detail"]) == {"run": str(shut.id), **shut.certificate}


@pytest.mark.parametrize("dry_run", [True, False])
async def test_a_key_that_does_not_open_keeps_the_door_open(integration, backfill, sql, dry_run):
    """A data key that nothing is sealed by fails the run as well, a dry one too, and nobody is shut out by that."""
    key = uuid.uuid4()
    await sql.execute(
        "INSERT INTO data_keys (id, root_key_id, wrapped, active) VALUES ($1, 'root-1', '\\x00', false)", key
    )
    run = await backfill(VERIFY, dry_run=dry_run)
    assert (run.status, run.certificate) == (BackfillStatus.FAILED, None)
    assert f"data key {key}" in run.error
    assert await sql.fetchval("SELECT count(*) FROM pg_trigger WHERE tgname = 'tied_to_field'") == 0


@pytest.mark.parametrize("move", [cancel_backfill, pause_backfill])
async def test_a_run_that_is_stopped_while_it_is_certified(integration, backfill, sql, transact, monkeypatch, move):
    """Stopped when everything is proved and shut, and only the certificate is missing: the door is open again, and
    there is no certificate, neither with the run nor in the audit log."""
    count = certificate._count

    async def stop(session: Any, run: Any) -> Any:
        await transact(lambda t: move(t, run.id))
        return await count(session, run)

    monkeypatch.setattr(certificate, "_count", stop)
    run = await backfill(VERIFY)
    assert run.status in (BackfillStatus.CANCELLED, BackfillStatus.PAUSED)
    assert await sql.fetchval("SELECT count(*) FROM pg_trigger WHERE tgname = 'tied_to_field'") == 0
    assert await sql.fetchval("SELECT count(*) FROM pg_constraint WHERE conname = 'ck_configs_not_legacy'") == 0
    assert await sql.fetchval("SELECT count(*) FROM audit_log WHERE action = 'backfill.certify'") == 0


async def test_a_dry_run_certifies_nothing(integration, backfill, sql):
    """A dry run looks at everything, shuts no door and has no certificate."""
    run = await backfill(VERIFY, dry_run=True)
    assert (run.status, run.processed, run.certificate) == (BackfillStatus.SUCCEEDED, 6, None)
    assert await sql.fetchval("SELECT count(*) FROM pg_trigger WHERE tgname = 'tied_to_field'") == 0


FIELD = "(SELECT id FROM integration_config_schema WHERE key = '{}')"
CLEAR = '\'{"value": "clear"}\''
NEW = "INSERT INTO configs (id, organization_id, integration_id, key, value, config_type, legacy, field_id, updated_by)"
ROW = (
    "SELECT gen_random_uuid(), NULL::uuid, id, {}, to_jsonb('clear'::text), {}, false, {}::uuid, 'x' FROM integrations"
)
WRONG = {
    "a legacy row": "INSERT INTO configs (id, key, value, updated_by) VALUES (gen_random_uuid(), 'x', '{}', 'old')",
    "a secret's row with another type and no field": (
        "DELETE FROM configs WHERE key = 'token';" + NEW + ROW.format("'token'", "'string'", "NULL")
    ),
    "a secret's row with another type and another field": (
        "DELETE FROM configs WHERE key = 'token';" + NEW + ROW.format("'token'", "'string'", FIELD.format("url"))
    ),
    "a field of a row without an integration": (
        NEW
        + f"SELECT gen_random_uuid(), NULL::uuid, NULL::uuid, 'url', {CLEAR}::jsonb, 'string', false, "
        + f"{FIELD.format('url')}, 'x'"
    ),
    "a row that lets go of its field": "UPDATE configs SET field_id = NULL WHERE key = 'url'",
    "an unknown row that takes a field's name": (
        "DELETE FROM configs WHERE key = 'token'; UPDATE configs SET key = 'token' WHERE key = 'unknown'"
    ),
    "a field's type": "UPDATE integration_config_schema SET type = 'secret' WHERE key = 'url'",
    "a field for rows of an unknown key": (
        "INSERT INTO integration_config_schema (id, integration_id, key, type) "
        "SELECT gen_random_uuid(), id, 'unknown', 'secret' FROM integrations"
    ),
    "a field that takes a row's name": "UPDATE integration_config_schema SET key = 'unknown' WHERE key = 'url'",
    "a secret in the clear": f"UPDATE configs SET value = {CLEAR}, sealed = NULL, data_key_id = NULL WHERE key = 'k'",
}


@pytest.mark.parametrize("what", WRONG)
async def test_postgres_refuses_whatever_would_make_it_untrue(what: str, shut, sql):
    """Once the door is shut no statement leaves a plaintext secret, or a row of another type than its schema's."""
    before = await sql.fetch("SELECT * FROM configs ORDER BY id")
    with pytest.raises((asyncpg.CheckViolationError, asyncpg.ForeignKeyViolationError)):
        await sql.execute(WRONG[what])
    assert await sql.fetch("SELECT * FROM configs ORDER BY id") == before


async def test_two_at_once_cannot_make_it_untrue(shut, sql, database_url):
    """A row of an unknown key, and a field for that key, each of which is right by itself, do not both get in."""
    other = await asyncpg.connect(database_url)
    await sql.execute("BEGIN;" + NEW + ROW.format("'late'", "'string'", "NULL"))
    await sql.execute("SET CONSTRAINTS ALL IMMEDIATE")
    await other.execute("SET lock_timeout = '300ms'")
    with pytest.raises(asyncpg.LockNotAvailableError):
        await other.execute(
            "INSERT INTO integration_config_schema (id, integration_id, key, type) "
            "SELECT gen_random_uuid(), id, 'late', 'secret' FROM integrations"
        )
    await sql.execute("COMMIT")
    await other.close()


async def test_our_own_changes_go_on(shut, transact, integration, sql):
    """With the door shut a schema changes as before: types, new fields over unknown rows, and dropped ones."""
    changed = [
        Field("url", ConfigType.SECRET),
        Field("unknown", ConfigType.INT, position=1),
        Field("new", ConfigType.BOOL, position=2),
    ]
    await transact(lambda t: update_integration(t, integration, {}, changed))
    await transact(lambda t: set_integration_config(t, integration, {"new": True, "unknown": 2}, None))
    rows = await sql.fetch("SELECT key, config_type, field_id IS NOT NULL AS tied FROM configs ORDER BY key")
    assert [tuple(row) for row in rows] == [
        ("k", "secret", False), ("new", "bool", True), ("unknown", "int", True), ("url", "secret", True),
    ]  # fmt: skip
    await transact(lambda t: update_integration(t, integration, {}, FIELDS))
    await sql.execute("DELETE FROM integrations")


async def test_untied_rows_keep_the_door_open(integration, sql, database, transact):
    """A row that is right but for its tie fails the validation, which names it, and nothing of the door stays."""
    await sql.execute("UPDATE configs SET field_id = NULL WHERE key = 'url'")
    bad = await sql.fetchval("SELECT id FROM configs WHERE key = 'url'")
    assert str(bad) in str(await door.shut(database))
    for query in (
        f"SELECT count(*) FROM pg_constraint WHERE conname = '{door.CONSTRAINT}'",
        "SELECT count(*) FROM pg_trigger WHERE tgname = 'tied_to_field'",
    ):
        assert await sql.fetchval(query) == 0


async def test_a_door_that_was_shut_stays_shut(shut, sql, database, monkeypatch):
    """A validation that fails later opens nothing: the constraint of the first VERIFY goes on refusing."""
    await sql.execute("DROP TRIGGER tied_to_field ON configs")
    await sql.execute("UPDATE configs SET field_id = NULL WHERE key = 'url'")
    assert "not tied" in str(await door.shut(database))
    assert await sql.fetchval(f"SELECT convalidated FROM pg_constraint WHERE conname = '{door.CONSTRAINT}'")
