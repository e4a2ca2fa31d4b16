"""A crowd: as many organizations, integrations and configs as are wanted, made by PostgreSQL itself and by COPY.

Every mapping has ten overrides, three of them secrets, over three defaults of its integration. The secrets of the
mappings that are to be resolved are sealed with their organizations' data keys; the others hold as many random bytes,
since nobody opens them. Indexes, keys and triggers are put back once the rows are there.
"""

import hashlib
import json
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import asyncpg

from bench.stage import Stage
from db.crypto.keyring import RootKeyring
from db.crypto.sealing import DataKey, Place, Purpose
from db.upgrade import upgrade
from db.urls import asyncpg_dsn

SECRETS: Final = ("api_key", "client_secret", "webhook_secret")
PLAIN: Final = ("client_id", "page_size", "port", "region", "scopes", "url", "verify_tls")
PER_MAPPING: Final = len(SECRETS) + len(PLAIN)


@dataclass(frozen=True, slots=True)
class Crowd:
    """How many organizations are mapped to how many integrations, and the mappings that can be resolved."""

    organizations: int
    integrations: int
    samples: int

    @property
    def mappings(self) -> int:
        """How many mappings there are."""
        return self.organizations * self.integrations

    @property
    def rows(self) -> int:
        """How many configs there are."""
        return self.mappings * PER_MAPPING

    def sample(self) -> list[int]:
        """The numbers of the mappings that can be resolved: spread evenly over all, in the order of a shuffle."""
        count = min(self.samples, self.mappings)
        numbers = [index * self.mappings // count for index in range(count)]
        return sorted(numbers, key=lambda number: hashlib.md5(str(number).encode()).digest())  # noqa: S324 - a shuffle

    def place(self, mapping: int) -> tuple[uuid.UUID, uuid.UUID]:
        """A mapping's organization and integration."""
        return (
            _named("organization", mapping // self.integrations),
            _named("integration", mapping % self.integrations),
        )

    def ask(self, mapping: int) -> dict[str, Any]:
        """What to resolve, and what the answer must hold somewhere."""
        organization, _ = self.place(mapping)
        return {
            "integration": f"integration {mapping % self.integrations}",
            "organization": str(organization),
            "wanted": [f'"customer-{mapping}"', *(f'"{_secret(key, mapping)}"' for key in SECRETS)],
        }


async def make_crowd(made: Stage, crowd: Crowd) -> None:
    """Migrate the stage's database and fill it."""
    await upgrade(made.database_url)
    connection: Any = await asyncpg.connect(asyncpg_dsn(made.database_url), command_timeout=7200)
    try:
        await connection.execute(_HASTE)
        keys = await _make_owners(connection, made, crowd)
        sealed = _seal(crowd, keys)
        await connection.copy_records_to_table("sampled", records=sealed, columns=["mapping", "key", "sealed"])
        await connection.execute("ANALYZE sampled")
        later = [row["definition"] for row in await connection.fetch(_TAKEN_AWAY)]
        for statement in [row["removal"] for row in await connection.fetch(_TAKEN_AWAY)]:
            await connection.execute(statement)
        await connection.execute(_MAPPINGS, crowd.organizations, crowd.integrations)
        await connection.execute(_DEFAULTS, crowd.integrations, list(PLAIN[:3]))
        await connection.execute(_CONFIGS, crowd.organizations, crowd.integrations, [*SECRETS, *PLAIN])
        for statement in reversed(later):
            await connection.execute(statement)
        await connection.execute("VACUUM (ANALYZE, PARALLEL 0)")
        await connection.execute("CHECKPOINT")
    finally:
        await connection.close()


async def _make_owners(connection: Any, made: Stage, crowd: Crowd) -> Sequence[DataKey]:
    """Organizations with their data keys, integrations with their schemas; the opened keys."""
    keyring = RootKeyring.parse(made.root_keys)
    keys: list[DataKey] = []
    records: list[tuple[uuid.UUID, uuid.UUID, str, bytes]] = []
    for number in range(crowd.organizations):
        key_id, owner = _named("data key", number), _named("organization", number)
        key, secret = DataKey.generate(key_id)
        root_key_id, wrapped = keyring.wrap(secret, data_key_id=key_id, organization_id=owner)
        keys.append(key)
        records.append((key_id, owner, root_key_id, wrapped))
    await connection.execute(_ORGANIZATIONS, crowd.organizations)
    columns = ["id", "organization_id", "root_key_id", "wrapped"]
    await connection.copy_records_to_table("data_keys", records=records, columns=columns)
    await connection.execute(_INTEGRATIONS, crowd.integrations)
    await connection.execute(_FIELDS, crowd.integrations, [*SECRETS, *PLAIN], list(SECRETS))
    return keys


def _seal(crowd: Crowd, keys: Sequence[DataKey]) -> Iterator[tuple[int, str, bytes]]:
    for mapping in crowd.sample():
        organization, integration = crowd.place(mapping)
        key = keys[mapping // crowd.integrations]
        for name in SECRETS:
            place = Place(Purpose.CONFIG, organization, integration, name)
            yield mapping, name, key.seal(place, _secret(name, mapping))


def _secret(key: str, mapping: int) -> str:
    return f"the-{key}-of-{mapping}"


def _named(kind: str, number: int) -> uuid.UUID:
    """As PostgreSQL's md5(…)::uuid."""
    return uuid.UUID(hashlib.md5(f"{kind} {number}".encode()).hexdigest())  # noqa: S324 - a name, no secret


def write_asks(crowd: Crowd, mappings: Sequence[int]) -> str:
    """The asks of some mappings, one a line."""
    return "".join(json.dumps(crowd.ask(mapping)) + "\n" for mapping in mappings)


_HASTE: Final = """
SET synchronous_commit = off;
SET maintenance_work_mem = '768MB';
SET session_replication_role = replica;
CREATE TEMP TABLE sampled (mapping bigint, key varchar, sealed bytea)
"""
_ORGANIZATIONS: Final = """
INSERT INTO organizations (id, name, created_by)
SELECT md5('organization ' || n)::uuid, 'organization ' || n, 'bench' FROM generate_series(0, $1::int - 1) n
"""
_INTEGRATIONS: Final = """
INSERT INTO integrations (id, name)
SELECT md5('integration ' || n)::uuid, 'integration ' || n FROM generate_series(0, $1::int - 1) n
"""
_FIELDS: Final = """
INSERT INTO integration_config_schema (id, integration_id, key, type, position)
SELECT md5('field ' || n || k.key)::uuid, md5('integration ' || n)::uuid, k.key, t.type, k.position
FROM generate_series(0, $1::int - 1) n, unnest($2::varchar[]) WITH ORDINALITY AS k (key, position),
    LATERAL (SELECT CASE WHEN k.key = ANY($3::varchar[]) THEN 'secret' ELSE 'string' END AS type) t
"""
_MAPPINGS: Final = """
INSERT INTO integration_mappings (integration_id, organization_id, entity_id)
SELECT md5('integration ' || i)::uuid, md5('organization ' || o)::uuid, 'customer-' || (o::bigint * $2::int + i)
FROM generate_series(0, $1::int - 1) o, generate_series(0, $2::int - 1) i
"""
_CONFIGS: Final = """
INSERT INTO configs (
    id, organization_id, integration_id, key, value, sealed, data_key_id, config_type, field_id, legacy, updated_by
)
SELECT md5(random()::text || m.mapping || k.key)::uuid, m.organization_id, m.integration_id, k.key,
    CASE WHEN k.position > 3 THEN jsonb_build_object('value', 'the ' || k.key || ' of customer ' || m.mapping) END,
    CASE WHEN k.position <= 3 THEN coalesce(s.sealed, substring(
        sha256(convert_to(m.mapping || k.key, 'UTF8')) || sha256(convert_to(k.key || m.mapping, 'UTF8'))
            || sha256(convert_to(m.mapping || k.key || m.mapping, 'UTF8')) FROM 1 FOR 80)) END,
    CASE WHEN k.position <= 3 THEN m.data_key_id END,
    (CASE WHEN k.position <= 3 THEN 'secret' ELSE 'string' END)::config_type,
    md5('field ' || m.integration || k.key)::uuid, false, 'bench'
FROM (
    SELECT o::bigint * $2::int + i AS mapping, i AS integration, md5('organization ' || o)::uuid AS organization_id,
        md5('integration ' || i)::uuid AS integration_id, md5('data key ' || o)::uuid AS data_key_id
    FROM generate_series(0, $1::int - 1) o, generate_series(0, $2::int - 1) i
) m
CROSS JOIN unnest($3::varchar[]) WITH ORDINALITY AS k (key, position)
LEFT JOIN sampled s ON s.mapping = m.mapping AND s.key = k.key
ORDER BY m.mapping, k.position
"""
_DEFAULTS: Final = """
INSERT INTO configs (id, integration_id, key, value, config_type, field_id, legacy, updated_by)
SELECT md5(random()::text || n || k.key)::uuid, md5('integration ' || n)::uuid, k.key,
    jsonb_build_object('value', 'the default ' || k.key), 'string', md5('field ' || n || k.key)::uuid, false, 'bench'
FROM generate_series(0, $1::int - 1) n, unnest($2::varchar[]) AS k (key)
"""
_TAKEN_AWAY: Final = """
SELECT format('ALTER TABLE %s DROP CONSTRAINT %I', c.conrelid::regclass, c.conname) AS removal,
    format('ALTER TABLE %s ADD CONSTRAINT %I %s', c.conrelid::regclass, c.conname, pg_get_constraintdef(c.oid))
        || CASE c.contype WHEN 'f' THEN ' NOT VALID' ELSE '' END AS definition,
    CASE c.contype WHEN 'f' THEN 1 ELSE 2 END AS place
FROM pg_constraint c
WHERE c.conrelid IN ('configs'::regclass, 'integration_mappings'::regclass) AND c.contype IN ('f', 'p', 'u')
    OR c.confrelid = 'configs'::regclass
UNION ALL
SELECT format('DROP INDEX %s', x.indexrelid::regclass), pg_get_indexdef(x.indexrelid), 3
FROM pg_index x
WHERE x.indrelid IN ('configs'::regclass, 'integration_mappings'::regclass)
    AND NOT EXISTS (SELECT FROM pg_constraint c WHERE c.conindid = x.indexrelid AND c.contype IN ('p', 'u'))
ORDER BY place
"""
