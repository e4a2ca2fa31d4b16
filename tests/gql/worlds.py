"""What tests find in their database: a small world, and the estate of tenancy.txt."""

import uuid
from dataclasses import dataclass
from typing import Any

from sqlalchemy import text

from db.tokens import NewToken, create_token
from db.vault import Transaction
from tests.gql.kit import Api, ApiClient


@dataclass(frozen=True)
class World:
    """Two organizations and one integration, mapped to the first of them."""

    organization: str
    other: str
    integration: str
    mapping: str
    name: str = "halo-psa"


SCHEMA: list[dict[str, Any]] = [
    {"key": "url", "type": "STRING", "required": True},
    {"key": "api_key", "type": "SECRET", "required": True},
    {"key": "port", "type": "INT", "default": 443},
    {"key": "verify", "type": "BOOL"},
    {"key": "extra", "type": "JSON"},
    {"key": "region", "type": "STRING", "options": ["eu", "us"]},
]


async def make_world(api: Api, client: ApiClient) -> World:
    ids = [str(uuid.uuid4()), str(uuid.uuid4())]
    for id, name in zip(ids, ["Northwind", "Borealis"], strict=True):
        await client.run("CreateOrganization", input={"id": id, "name": name})
    made = await client.run("CreateIntegration", input={"name": World.name, "configSchema": SCHEMA})
    integration = made["createIntegration"]["integration"]["id"]
    config = {"url": "https://halo.example.com", "api_key": "the-default-key"}
    await client.run("SetIntegrationConfig", input={"integrationId": integration, "config": config})
    mapping = await client.run(
        "CreateMapping",
        input={
            "integrationId": integration,
            "organizationId": ids[0],
            "entityId": "42",
            "config": {"port": 8443},
        },
    )
    return World(ids[0], ids[1], integration, mapping["createMapping"]["mapping"]["id"])


async def make_estate(api: Api, client: ApiClient) -> dict[str, str]:
    at = {"A": str(uuid.uuid4()), "B": str(uuid.uuid4())}
    for name in "AB":
        await client.run("CreateOrganization", input={"id": at[name], "name": f"organization {name}"})
    keys = {"api_key": "SECRET", "url": "STRING", "port": "INT", "old": "INT"}
    for name, product, fields in (("I", "halo", keys), ("J", "ninja", {"token": "SECRET"})):
        schema = [{"key": key, "type": type} for key, type in fields.items()]
        made = await client.run("CreateIntegration", input={"name": product, "configSchema": schema})
        at[name] = made["createIntegration"]["integration"]["id"]

    async def set_defaults(name: str, config: dict[str, Any]) -> str:
        made = await client.run("SetIntegrationConfig", input={"integrationId": at[name], "config": config})
        return made["setIntegrationConfig"]["configs"][0]["id"]

    async def make_mapping(name: str, owner: str | None, **rest: Any) -> tuple[str, list[dict[str, Any]]]:
        given = {"integrationId": at[name], "organizationId": owner, "entityId": "1", **rest}
        made = (await client.run("CreateMapping", input=given))["createMapping"]["mapping"]
        return made["id"], made["overrides"]

    async def set_standalone(key: str, owner: str | None) -> str:
        given = {"organizationId": owner, "key": key, "type": "SECRET", "value": f"the secret of {key}"}
        return (await client.run("SetConfig", input=given))["setConfig"]["config"]["id"]

    await set_defaults("I", {"api_key": "the first default"})
    at["default"] = await set_defaults("I", {"api_key": "the default of I", "url": "https://i.example.com"})
    at["j_default"] = await set_defaults("J", {"token": "the default of J"})
    at["mapping"], [override, _] = await make_mapping("I", at["A"], config={"api_key": "A's first", "port": 1})
    await client.run("UpdateMapping", input={"id": at["mapping"], "config": {"api_key": "A's second"}})
    at["b_mapping"], [b_override] = await make_mapping("I", at["B"], config={"api_key": "B's own"})
    at["override"], at["b_override"] = override["id"], b_override["id"]
    at["fallback"], _ = await make_mapping("J", None)
    at["standalone"] = await set_standalone("a", at["A"])
    await set_standalone("b", at["B"])
    at["global"] = await set_standalone("g", None)
    at |= await _plant_quarantine(api, at)
    return at | await _make_callers(api, at)


async def _plant_quarantine(api: Api, at: dict[str, str]) -> dict[str, str]:
    ids = {"run": str(uuid.uuid4()), "quarantined": str(uuid.uuid4()), "b_quarantined": str(uuid.uuid4())}
    plant = text("""
        INSERT INTO configs (id, integration_id, organization_id, key, config_type, value, updated_by)
        VALUES (:id, :integration, :organization, 'old', 'string', '{"value": "many"}', 'x')
    """)
    run = text("""
        INSERT INTO backfill_runs (id, kind, status, dry_run, started_by)
        VALUES (:run, 'seal', 'enqueued', false, 'x')
    """)
    quarantine = text("INSERT INTO quarantined_configs (config_id, run_id, reason) VALUES (:id, :run, 'x')")

    async def insert(transaction: Transaction) -> None:
        run_id = uuid.UUID(ids["run"])
        await transaction.session.execute(run, {"run": run_id})
        for id, owner in ((ids["quarantined"], at["A"]), (ids["b_quarantined"], at["B"])):
            row = {"id": uuid.UUID(id), "integration": uuid.UUID(at["I"]), "organization": uuid.UUID(owner)}
            await transaction.session.execute(plant, row)
            await transaction.session.execute(quarantine, {"id": row["id"], "run": run_id})

    await api.transact(insert)
    return ids


async def _make_callers(api: Api, at: dict[str, str]) -> dict[str, str]:
    tokens = {
        "admin token": await api.make_token(),
        "A token": await api.make_token("*", organization_ids=[at["A"]]),
        "B token": await api.make_token("*", organization_ids=[at["B"]]),
        "J token": await api.make_token("*", integrations=["ninja"]),
        "reader token": await api.make_token("config:read"),
        "resolver token": await api.make_token("config:resolve"),
        "expired token": await api.make_token(name="expired"),
        "revoked token": await api.make_token(name="revoked"),
    }
    of_a = NewToken("of A", ["config:read"], [at["A"]])
    free = NewToken("free", ["config:read"])
    ids = [await api.transact(lambda transaction, new=new: create_token(transaction, new)) for new in (of_a, free)]
    end = text("""
        UPDATE tokens SET expires_at = CASE WHEN name = 'expired' THEN now() - interval '1 second' END,
            revoked_at = CASE WHEN name = 'revoked' THEN now() END
        WHERE name IN ('expired', 'revoked')
    """)
    await api.transact(lambda transaction: transaction.session.execute(end))
    return tokens | {"token": str(ids[0][0]), "free_token": str(ids[1][0])}
