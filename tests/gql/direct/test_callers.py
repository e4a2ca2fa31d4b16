"""The direct way answers nobody whom the application would refuse, and keeps the same record."""

import asyncio
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from db.audit.buffer import AuditBuffer
from db.sign_ins import SignIns
from tests.gql.direct.calls import CALL, HEAD, Caller, ask
from tests.gql.worlds import World
from tests.timing import within


async def test_a_revoked_token_ends_at_once(api, client, behind, caller, world) -> None:
    """Once revokeToken has answered, the direct way knows the token no more."""
    await caller.warm(behind, ask(world))
    listed = await client.run("query { tokens { edges { node { id name } } } }")
    (id,) = [edge["node"]["id"] for edge in listed["tokens"]["edges"] if edge["node"]["name"] == "application"]
    await client.run("RevokeToken", id=id)
    answer = await caller.post(ask(world))
    assert (answer.status_code, answer.json()["errors"][0]["extensions"]["code"]) == (401, "UNAUTHENTICATED")


async def test_a_token_ends_when_it_expires(api, behind, world) -> None:
    """Expiry is looked at on every request, also of a caller that is remembered."""
    soon = datetime.now(UTC) + timedelta(seconds=4)
    caller = Caller(api.http, await api.make_token("config:resolve", expires_at=soon))
    await caller.warm(behind, ask(world))
    assert datetime.now(UTC) < soon
    await asyncio.sleep((soon - datetime.now(UTC)).total_seconds() + 0.01)
    assert (await caller.post(ask(world))).status_code == 401


@pytest.mark.parametrize("change", ["permissions = '{config:read}'", "organization_ids = '{}'", "revoked_at = now()"])
async def test_a_token_changed_elsewhere_is_heard_of(behind, caller, world, sql, change: str) -> None:
    """Whatever another process changes of a token holds here within a second, though the token is remembered."""
    await caller.warm(behind, ask(world))
    await sql.execute(f"UPDATE tokens SET {change} WHERE name = 'application'")
    await refused_within_a_second(caller, world)


async def test_an_emptied_table_of_tokens_is_heard_of(behind, caller, world, sql) -> None:
    """TRUNCATE too."""
    await caller.warm(behind, ask(world))
    await sql.execute("TRUNCATE tokens CASCADE")
    await refused_within_a_second(caller, world)


async def refused_within_a_second(caller: Caller, world: World) -> None:
    with within(1):
        async with asyncio.timeout(60):
            while "errors" not in (await caller.post(ask(world))).json():
                await asyncio.sleep(0.01)


async def test_without_the_change_feed_a_token_is_asked_for_again(behind, caller, world, sql, monkeypatch) -> None:
    """While the feed is cut, a token that is revoked elsewhere ends within a second all the same."""
    await caller.warm(behind, ask(world))
    monkeypatch.setattr("db.change_feed._RETRY_SECONDS", 60)
    await sql.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%strongroom_pulse%' "
        "AND pid <> pg_backend_pid() AND datname = current_database()"
    )
    await sql.execute("UPDATE tokens SET revoked_at = now() WHERE name = 'application'")
    await refused_within_a_second(caller, world)


@pytest.mark.parametrize("options", [{"permissions": ["config:read"]}, {"organization": True}, {"integration": True}])
async def test_the_gate_is_asked_for_every_caller(api, behind, caller, client, world, options: dict[str, Any]) -> None:
    """That somebody else was answered opens nothing: permission and both limits are asked each time."""
    await client.run("CreateIntegration", input={"name": "other", "configSchema": []})
    await caller.warm(behind, ask(world))
    other = await api.make_token(
        *options.get("permissions", ["config:resolve"]),
        organization_ids=[world.other] if "organization" in options else None,
        integrations=["other"] if "integration" in options else None,
    )
    code = "FORBIDDEN" if "permissions" in options else "NOT_FOUND"
    for _ in range(3):
        answer = await Caller(api.http, other).post(ask(world))
        assert [error["extensions"]["code"] for error in answer.json()["errors"]] == [code]
        assert "the-default-key" not in answer.text


async def test_nothing_is_answered_that_cannot_be_recorded(api, behind, caller, world, monkeypatch) -> None:
    """Once too many wait for their record, the direct way answers no more, and the application says why."""
    await caller.warm(behind, ask(world))
    monkeypatch.setattr(AuditBuffer, "full", True)
    assert (await caller.post(ask(world))).json()["errors"][0]["extensions"]["code"] == "UNAVAILABLE"


async def test_each_answer_is_on_record(api, behind, caller, world, sql) -> None:
    """Every resolve counts, whichever way it was answered; who, where and why tell one event from another."""
    await api.service.audit.stop()
    await caller.warm(behind, ask(world))
    await api.service.audit.flush()
    before = await sql.fetchval("SELECT sum(times) FROM audit_log WHERE action = 'config.resolve'")
    for _ in range(20):
        await caller.post(ask(world))
    for reason in ("nightly", "nightly", "by hand"):
        await caller.post(ask(world), {"strongroom-reason": reason})
    await caller.post(ask(world, f"{HEAD} {{ {CALL} {{ entityId }} }}"))
    await api.service.audit.flush()
    rows = await sql.fetch(
        "SELECT * FROM audit_log WHERE action = 'config.resolve' ORDER BY at DESC, reason NULLS LAST LIMIT 3"
    )
    counted = {row["reason"]: row["times"] for row in rows}
    assert counted == {None: 21, "nightly": 2, "by hand": 1}
    assert sum(counted.values()) == 24
    assert before >= 1
    assert {tuple(row["keys"]) for row in rows} == {("api_key",)}
    assert {row["organization_id"] for row in rows} == {uuid.UUID(world.organization)}


async def test_a_new_address_is_on_record(api, behind, caller, world, token: str) -> None:
    """Who calls from where is recorded on the direct way as on any other: once for each caller and address."""
    sign_ins = api.service.authenticator._sign_ins = SignIns(api.service.database, api.service.vault.audit)
    await caller.warm(behind, ask(world))
    before = behind.times
    elsewhere = httpx.ASGITransport(app=api.app, client=("192.0.2.9", 5))
    async with httpx.AsyncClient(transport=elsewhere, base_url="http://strongroom.test") as http:
        for _ in range(3):
            await Caller(http, token).post(ask(world))
    assert behind.times == before
    assert [address for _, address in sign_ins._seen] == ["127.0.0.1", "192.0.2.9"]
