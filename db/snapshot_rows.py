"""What a resolve reads: the one SQL statement, and its rows."""

import uuid
from datetime import datetime
from typing import Final, NamedTuple


class Row(NamedTuple):
    """A row of the statement: a layer of a key, beside its field; or the head, which has what is there once."""

    key: str | None
    field_id: uuid.UUID | None
    field_type: str | None
    required: bool | None
    default_value: str | None
    id: uuid.UUID | None
    owner_id: uuid.UUID | None
    config_type: str | None
    value: str | None
    sealed: bytes | None
    legacy: bool | None
    data_key_id: uuid.UUID | None
    data_key_scope: uuid.UUID | None
    root_key_id: str | None
    wrapped: bytes | None
    integration_id: uuid.UUID | None
    integration_name: str | None
    integration_description: str | None
    integration_created_at: datetime | None
    integration_updated_at: datetime | None
    organization_name: str | None
    entity_id: str | None
    entity_name: str | None
    position: int | None


STATEMENT: Final = """
WITH i AS (
    SELECT id, name, description, created_at, updated_at FROM integrations WHERE name = $1 AND NOT is_deleted
), m AS (
    SELECT m.integration_id, m.organization_id, m.entity_id, m.entity_name
    FROM integration_mappings m JOIN i ON m.integration_id = i.id AND m.organization_id = $2
    UNION ALL
    SELECT m.integration_id, m.organization_id, m.entity_id, m.entity_name FROM i CROSS JOIN LATERAL (
        SELECT * FROM integration_mappings m WHERE m.integration_id = i.id AND m.organization_id IS NULL OFFSET 0
    ) m
    ORDER BY organization_id NULLS LAST LIMIT 1
), f AS (
    SELECT f.id, f.key, f.field_type, f.required, f.default_value, f.position
    FROM integration_config_schema f JOIN i ON f.integration_id = i.id
), c AS (
    SELECT c.* FROM m CROSS JOIN LATERAL (
        SELECT * FROM configs c
        WHERE c.integration_id = m.integration_id AND (c.organization_id IS NULL) IS TRUE OFFSET 0
    ) c
    UNION ALL
    SELECT c.* FROM configs c JOIN m ON c.integration_id = m.integration_id AND c.organization_id = m.organization_id
)
SELECT v.key, v.field_id, v.field_type, v.required, v.default_value,
    v.id, v.owner_id, v.config_type, v.value, v.sealed, v.legacy, v.data_key_id,
    k.organization_id AS data_key_scope, k.root_key_id, k.wrapped,
    NULL::uuid AS integration_id, NULL::varchar AS integration_name, NULL::varchar AS integration_description,
    NULL::timestamptz AS integration_created_at, NULL::timestamptz AS integration_updated_at,
    NULL::varchar AS organization_name, NULL::varchar AS entity_id, NULL::varchar AS entity_name, v.position
FROM (
    SELECT coalesce(f.key, c.key) AS key, f.id AS field_id, f.field_type, f.required, f.default_value, f.position,
        c.id, c.organization_id AS owner_id, c.config_type, c.value, c.sealed, c.legacy, c.data_key_id
    FROM f FULL JOIN c ON c.key = f.key
) v
LEFT JOIN LATERAL (
    SELECT k.organization_id, k.root_key_id, k.wrapped FROM data_keys k WHERE k.id = v.data_key_id LIMIT 1
) k ON true
UNION ALL
SELECT NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
    i.id, i.name, i.description, i.created_at, i.updated_at, o.name, m.entity_id, m.entity_name, NULL
FROM i LEFT JOIN organizations o ON o.id = $2 LEFT JOIN m ON true
ORDER BY position NULLS LAST, key, owner_id NULLS LAST
"""
"""Each layer by itself: of an OR, PostgreSQL would read all that the organization and the integration have. And each
data key by its place: PostgreSQL takes the layers for many, and would read all keys there are. And what belongs to no
organization by its integration (OFFSET 0 keeps the two together): among millions of rows there are so few of it that
PostgreSQL's statistics tell of none, and it would read what all integrations have.

What all layers share is told once, by the head, which comes last: told on every row, reading it would cost as much as
the layers do.
"""
