"""What the direct way keeps between requests."""

import asyncio
import gc
import sys
import uuid
from collections.abc import Iterable
from typing import Any

import pytest

from gql.direct import templates
from tests.gql.direct.calls import CALL, HEAD, ask
from tests.gql.kit import OPERATIONS


async def test_a_legacy_secret_is_answered_and_not_kept(api, behind, caller, world, sql) -> None:
    """A legacy secret in plaintext is read anew for each answer: nothing is made ready of it."""
    await sql.execute(
        "UPDATE configs SET legacy = true, sealed = NULL, data_key_id = NULL, field_id = NULL, "
        "value = '{\"value\": \"plain-legacy\"}' WHERE key = 'api_key'"
    )
    await caller.warm(behind, ask(world))
    assert (await caller.post(ask(world))).json()["data"]["resolve"]["config"]["api_key"] == "plain-legacy"
    assert len(api.service.resolver.snapshots) == 0
    kept = walk((api.app._asked, api.service.resolver.snapshots))
    assert not [found for found in kept if b"plain-legacy" in found]


def walk(root: object) -> Iterable[bytes]:
    """All text that can be reached from an object, but for modules, classes and functions' globals."""
    seen, pending = set[int](), [root]
    while pending:
        found = pending.pop()
        if id(found) in seen or isinstance(found, type | type(gc) | asyncio.AbstractEventLoop):
            continue
        seen.add(id(found))
        if isinstance(found, str | bytes):
            yield found.encode(errors="replace") if isinstance(found, str) else found
        elif callable(found) and hasattr(found, "__globals__"):
            pending.extend(cell.cell_contents for cell in getattr(found, "__closure__", None) or () if _is_filled(cell))
        else:
            pending.extend(gc.get_referents(found))


def _is_filled(cell: Any) -> bool:
    try:
        return cell.cell_contents is not None
    except ValueError:
        return False


async def test_neither_secrets_nor_tokens_nor_bodies_are_kept(api, behind, caller, world, token: str) -> None:
    """What the direct way and the snapshots keep between requests holds no secret, no token and no body."""
    await caller.warm(behind, ask(world))
    await caller.warm(behind, ask(world, OPERATIONS["ResolveExplained"]))
    await api.service.audit.flush()
    kept = list(walk((api.app, api.service.resolver.snapshots, api.service.authenticator)))
    assert [text for text in kept if b"halo.example.com" in text], "the walk finds what is kept"
    assert not [text for text in kept if b"the-default-key" in text]
    assert not [text for text in kept if token.encode() in text]
    assert not [text for text in kept if b'"variables"' in text]


async def test_what_is_known_of_bodies_is_bounded(api, behind, caller, world, monkeypatch) -> None:
    """A flood of different bodies takes no more memory than so many, and the last ones are known; long ones never."""
    monkeypatch.setattr("gql.direct.asked._REMEMBERED", 5)
    for number in range(20):
        await caller.warm(behind, ask(world, unused=number))
    assert len(api.app._asked) == 5
    before = behind.times
    for number in range(15, 20):
        await caller.post(ask(world, unused=number))
    assert behind.times == before
    for _ in range(2):
        await caller.post(ask(world, unused="x" * 5_000))
    assert behind.times == before + 2


async def test_a_snapshot_keeps_two_templates_at_most(api, behind, caller, world) -> None:
    """However many documents ask, a snapshot's memory stays within bounds; every one of them is answered."""
    for number in range(6):
        await caller.warm(behind, ask(world, f"{HEAD} {{ a{number}: {CALL} {{ config }} }}"))
    snapshot = api.service.resolver.snapshots.get(world.name, uuid.UUID(world.organization))
    assert len(snapshot.forms) == 2


async def test_the_first_who_asks_gets_no_template(api, behind, caller, world, monkeypatch) -> None:
    """Making a template costs more than an answer: what is not kept is answered without one, and so is who asks first;
    who asks again is answered from it, with the same words."""
    made: list[object] = []
    make = templates._make
    monkeypatch.setattr(templates, "_make", lambda *given: made.append(given) or make(*given))
    first = await caller.warm(behind, ask(world))
    for _ in range(3):
        assert (await caller.post(ask(world))).content == first.content
    assert len(made) == 1
    monkeypatch.setattr(api.service.resolver.snapshots, "get", lambda *asked: None)
    before = behind.times
    for _ in range(3):
        assert (await caller.post(ask(world))).content == first.content
    assert (len(made), behind.times) == (1, before)


async def test_a_document_that_is_gone_is_read_again(api, behind, caller, world) -> None:
    """What bodies ask for does not keep their documents: those are bounded by themselves."""
    await caller.warm(behind, ask(world))
    gc.collect()
    way: Any = api.app
    questions = way._asked._questions
    assert all(question.operation() is not None for question in questions.values())
    for question in questions.values():
        assert all(referent is not question.operation() for referent in gc.get_referents(question))


async def test_templates_together_weigh_no_more_than_their_snapshot(api, client, behind, caller, world) -> None:
    """Documents that ask for one thing many times have no more kept for them than the snapshot's own weight."""
    config = {"url": "https://halo.example.com/" + "x" * 20_000}
    await client.run("SetIntegrationConfig", input={"integrationId": world.integration, "config": config})
    for aliases in (2, 6):
        fields = " ".join(f"c{alias}: config" for alias in range(aliases))
        for _ in range(2):  # The first who asks gets no template.
            await caller.warm(behind, ask(world, f"{HEAD} {{ {CALL} {{ {fields} }} }}"))
    snapshot = api.service.resolver.snapshots.get(world.name, uuid.UUID(world.organization))
    assert 0 < sum(len(piece) for form in snapshot.forms.values() if form for piece in form.pieces) <= snapshot.weight


@pytest.mark.parametrize(
    "default",
    ["x" * 50_000, "\U0001f511" * 12_000, [[] for _ in range(15_000)], [{} for _ in range(15_000)], [1234] * 10_000],
    ids=["long", "wide", "lists", "objects", "numbers"],
)
async def test_a_snapshot_weighs_what_it_holds(api, client, behind, caller, world, default: Any) -> None:
    """Whatever a schema's default or a stored value is, and wherever it stands: what it takes in memory is counted."""
    kind = "STRING" if isinstance(default, str) else "JSON"
    field = {"key": "large", "type": kind, "default": default}
    made = await client.run("CreateIntegration", input={"name": "large", "configSchema": [field]})
    integration = made["createIntegration"]["integration"]["id"]
    given = {"integrationId": integration, "organizationId": world.organization, "entityId": "1"}
    await client.run("CreateMapping", input=given)
    for config in ({}, {"large": default}):
        if config:
            await client.run("SetIntegrationConfig", input={"integrationId": integration, "config": config})
        snapshot = None
        while snapshot is None:  # What is not vouched for any more is forgotten.
            for _ in range(2):
                await caller.warm(behind, ask(world, integration="large"))
            snapshot = api.service.resolver.snapshots.get("large", uuid.UUID(world.organization))
        held = sum(map(weigh_object, (entry.value for entry in snapshot.entries)))
        made_ready = sum(len(piece) for form in snapshot.forms.values() if form for piece in form.pieces)
        assert held + made_ready <= snapshot.weight


def weigh_object(value: Any) -> int:
    """Bytes of a JSON value in memory."""
    items = value if isinstance(value, list) else []
    return sys.getsizeof(value) + sum(map(weigh_object, items))
