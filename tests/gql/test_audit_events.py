"""What is on record of each operation, and who may read it."""

import uuid
from typing import Any

import pytest
from sqlalchemy import text

from db.audit.verification import Verification

EVENTS = """
query ($first: Int! = 200, $after: String, $filter: AuditEventFilter) {
  auditEvents(first: $first, after: $after, filter: $filter) {
    totalCount
    pageInfo { hasNextPage endCursor }
    edges { node {
      id at actor tokenId action organizationId integrationId configId keys detail address reason sequence
    } }
  }
}
"""


async def read(client, **filter: Any) -> list[dict[str, Any]]:
    """All events, newest first."""
    data = await client.run(EVENTS, filter=filter)
    return [edge["node"] for edge in data["auditEvents"]["edges"]]


async def actions(client, **filter: Any) -> list[str]:
    return [event["action"] for event in await read(client, **filter)]


async def test_every_mutation_is_on_record(client, api, estate, database, vault) -> None:
    """Each mutation leaves its event: who did it, on which chain, about what, from where and why; never a value."""
    at = estate
    a, i = at["A"], at["I"]
    planted = "planted-secret-1b2c3d"
    done: list[tuple[str, dict[str, Any], str, str | None]] = [
        ("CreateOrganization", {"input": {"name": "C"}}, "organization.create", "?"),
        ("SetConfig", {"input": _standalone(a, planted)}, "config.write", a),
        ("SetConfig", {"input": _standalone(None, planted)}, "config.write", None),
        ("SetIntegrationConfig", {"input": {"integrationId": i, "config": {"api_key": planted}}}, "config.write", None),
        ("UpdateMapping", {"input": {"id": at["mapping"], "config": {"api_key": planted}}}, "mapping.update", a),
        ("RestoreConfig", {"input": {"id": at["override"], "version": 1}}, "config.restore", a),
        ("DeleteConfig", {"input": {"id": at["override"]}}, "config.delete", a),
        ("UpsertMappings", {"input": _mappings(at["J"], a, planted)}, "mapping.upsert", a),
        ("UpsertMappings", {"input": _mappings(at["J"], at["A"], at["B"])}, "mapping.upsert", None),
        ("DeleteMapping", {"input": {"id": at["mapping"]}}, "mapping.delete", a),
        ("CreateMapping", {"input": {"integrationId": i, "organizationId": a, "entityId": "1"}}, "mapping.create", a),
        ("UpdateIntegration", {"input": {"id": i, "name": "renamed"}}, "integration.update", None),
        ("CreateIntegration", {"input": {"name": "new", "configSchema": []}}, "integration.create", None),
        ("DeleteIntegration", {"input": {"id": at["J"]}}, "integration.delete", None),
        ("CreateToken", {"input": {"name": "new", "permissions": ["config:read"]}}, "token.create", None),
        ("RevokeToken", {"id": at["token"]}, "token.revoke", None),
        ("PauseBackfill", {"id": at["run"]}, "backfill.pause", None),
        ("ResumeBackfill", {"id": at["run"]}, "backfill.resume", None),
        ("CancelBackfill", {"id": at["run"]}, "backfill.cancel", None),
        ("StartBackfill", {"input": {"kind": "VERIFY"}}, "backfill.start", None),
        ("DeleteOrganization", {"input": {"id": at["B"]}}, "organization.delete", at["B"]),
    ]
    client._headers["strongroom-reason"] = "because"
    for operation, variables, action, owner in done:
        before = {event["id"] for event in await read(client)}
        await client.run(operation, **variables)
        new = [event for event in await read(client) if event["id"] not in before]
        event = next(event for event in new if event["action"] == action)
        assert owner in ("?", event["organizationId"]), operation
        told = (event["actor"], event["reason"], event["address"])
        assert told == ("admin", "because", "127.0.0.1"), operation
        assert event["tokenId"] is not None
    assert planted not in (await client.send(EVENTS)).text
    assert [str(fault) async for fault in Verification(database, vault.audit).faults()] == []


def _standalone(owner: str | None, secret: str) -> dict[str, Any]:
    return {"organizationId": owner, "key": "k", "type": "SECRET", "value": secret}


def _mappings(integration: str, *owners: str) -> dict[str, Any]:
    mappings = [{"organizationId": owner, "entityId": "7"} for owner in owners if "planted" not in owner]
    return {"integrationId": integration, "mappings": mappings}


async def test_a_reveal_is_on_record_before_its_value_leaves(client, world, api) -> None:
    """A reveal's event names the config and the key. Where it cannot be written, no value leaves."""
    config = await client.run("SetConfig", input=_standalone(world.organization, "the secret itself"))
    id = config["setConfig"]["config"]["id"]
    answer = await client.send("Reveal", id=id)
    assert "the secret itself" in answer.text
    (event,) = await read(client, action="config.reveal")
    assert (event["configId"], event["keys"], event["organizationId"]) == (id, ["k"], world.organization)
    refuse = """
        CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'no'; END $$;
        CREATE TRIGGER refuse BEFORE INSERT ON audit_log EXECUTE FUNCTION refuse()
    """
    for statement in refuse.split(";\n"):
        await api.transact(lambda transaction, statement=statement: transaction.session.execute(text(statement)))
    answer = await client.send("Reveal", id=id)
    assert "the secret itself" not in answer.text
    assert answer.codes == ["INTERNAL"]


async def test_a_resolve_of_secrets_is_on_record(client, world, api) -> None:
    """Each resolve that opens secrets is on record a moment later, with the secrets' keys."""
    variables = {"integration": world.name, "organizationId": world.organization}
    await client.run("Resolve", **variables)
    await api.service.audit.flush()
    (event,) = await read(client, action="config.resolve")
    assert (event["keys"], event["organizationId"], event["integrationId"], event["address"]) == (
        ["api_key"],
        world.organization,
        world.integration,
        "127.0.0.1",
    )


async def test_a_first_secret_makes_a_data_key_and_tells_so(client, world) -> None:
    """A data key that is made for an organization's first secret is on record with it; the next secret makes none."""
    for _ in range(2):
        await client.run("SetConfig", input=_standalone(world.organization, "x"))
    assert await actions(client, organizationId=world.organization) == [
        "config.write",
        "config.write",
        "key.create",
        "mapping.create",
        "organization.create",
    ]


async def test_pages(client, world) -> None:
    """Newest first, page after page, each event once; the count is that of the whole list."""
    every = [event["id"] for event in await read(client)]
    paged: list[str] = []
    after = None
    while True:
        page = (await client.run(EVENTS, first=2, after=after))["auditEvents"]
        assert page["totalCount"] == len(every)
        paged += [edge["node"]["id"] for edge in page["edges"]]
        if not page["pageInfo"]["hasNextPage"]:
            break
        after = page["pageInfo"]["endCursor"]
    assert paged == every
    times = [event["at"] for event in await read(client)]
    assert times == sorted(times, reverse=True)


async def test_filters(client, world) -> None:
    """Each filter narrows the list, and they narrow it together."""
    made = await client.run("SetConfig", input=_standalone(world.other, "x"))
    config = made["setConfig"]["config"]["id"]
    everything = await read(client)
    assert {event["organizationId"] for event in await read(client, organizationId=world.other)} == {world.other}
    assert {event["integrationId"] for event in await read(client, integrationId=world.integration)} == {
        world.integration
    }
    (event,) = await read(client, configId=config)
    assert event["action"] == "config.write"
    assert await actions(client, action="organization.create") == ["organization.create"] * 2
    assert await read(client, actor="admin") == everything
    assert await read(client, actor="Admin") == []
    assert await read(client, organizationId=world.organization, configId=config) == []
    moment = event["at"]
    later = [event["id"] for event in await read(client, since=moment)]
    earlier = [event["id"] for event in await read(client, until=moment)]
    assert later + earlier == [event["id"] for event in everything]
    assert event["id"] in later
    assert await read(client, organizationId=str(uuid.uuid4())) == []


@pytest.mark.parametrize(
    ("filter", "path"),
    [
        ({"organizationId": "x"}, ["filter", "organizationId"]),
        ({"actor": "x" * 256}, ["filter", "actor"]),
        ({"since": "2025-01-01T00:00:00"}, ["filter", "since"]),
    ],
)
async def test_a_filter_that_makes_no_sense_is_refused(client, filter: dict[str, Any], path: list[str]) -> None:
    """What can match nothing by its form is refused, and named."""
    answer = await client.refused(EVENTS, filter=filter)
    assert answer.codes == ["BAD_USER_INPUT"]
    assert answer.problems[0]["path"] == path


async def test_limited_callers_read_what_is_theirs(client, api, estate) -> None:
    """A token limited to organizations reads their events and nothing global; one limited to integrations reads what is
    about these; filters show no more; without audit:read nothing is read at all."""
    everything = await read(client)
    a = api.client(estate["A token"])
    of_a = [event["id"] for event in everything if event["organizationId"] == estate["A"]]
    assert [event["id"] for event in await read(a)] == of_a
    j = api.client(estate["J token"])
    of_j = [event["id"] for event in everything if event["integrationId"] == estate["J"]]
    assert [event["id"] for event in await read(j)] == of_j
    assert of_a
    assert of_j
    for client_, filter in ((a, {"organizationId": estate["B"]}), (j, {"integrationId": estate["I"]})):
        assert (await client_.refused(EVENTS, filter=filter)).codes == ["NOT_FOUND"]
        unknown = {name: str(uuid.uuid4()) for name in filter}
        assert (await client_.refused(EVENTS, filter=unknown)).codes == ["NOT_FOUND"]
    assert await read(a, configId=estate["b_override"]) == []
    assert await read(a, integrationId=estate["J"]) == []
    assert (await api.client(estate["reader token"]).refused(EVENTS)).codes == ["FORBIDDEN"]


async def test_an_organizations_chain_outlives_it(client, world, database, vault) -> None:
    """Deleting an organization tells what went with it, keeps its chain, and it can still be read and verified."""
    await client.run("SetConfig", input=_standalone(world.organization, "x"))
    before = await actions(client, organizationId=world.organization)
    await client.run("DeleteOrganization", input={"id": world.organization})
    events = await read(client, organizationId=world.organization)
    assert [event["action"] for event in events] == ["organization.delete", *before]
    assert events[0]["detail"] == {"mappings": 1, "configs": 2, "history": 0, "dataKeys": 1}
    assert [str(fault) async for fault in Verification(database, vault.audit).faults()] == []


async def test_a_reason_that_is_too_long(client, world) -> None:
    """A request with such a reason is refused before anything is done."""
    before = await read(client)
    client._headers["strongroom-reason"] = "x" * 501
    answer = await client.send("SetConfig", input=_standalone(None, "x"))
    assert (answer.status, answer.codes) == (400, ["BAD_USER_INPUT"])
    del client._headers["strongroom-reason"]
    assert await read(client) == before
