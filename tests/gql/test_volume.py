"""The volume of answers: values of 64 KiB, thousands of them, thirty times over, in one answer."""

from typing import Any

import pytest

from gql.volume import MAX_VOLUME, weigh

WRITE = "mutation ($input: SetConfigsInput!) { setConfigs(input: $input) { configs { id } } }"
LONG = "x" * 10_000
LIMIT = 500_000
WRITES = [{"key": f"long{number}", "type": "STRING", "value": LONG} for number in range(10)]


@pytest.fixture
async def filled(client: Any, world: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Ten values of ten thousand characters, where an answer may hold half a million of them."""
    await client.run(WRITE, input={"organizationId": world.organization, "configs": WRITES})
    monkeypatch.setattr("gql.volume.MAX_VOLUME", LIMIT)
    monkeypatch.setattr("gql.direct.templates.MAX_VOLUME", LIMIT)
    return world


def list_of(*values: str) -> str:
    return f'{{ configs(filter: {{keyContains: "long"}}) {{ edges {{ node {{ {" ".join(values)} }} }} }} }}'


@pytest.mark.parametrize("values", [["value"], ["value @include(if: true)"]], ids=["planned", "by graphql-core"])
async def test_what_comes_past_the_limit_is_refused_in_its_place(client: Any, filled: Any, values: list[str]) -> None:
    """Aliases that ask for ten values ten times over get as many as the limit holds, and LIMIT_EXCEEDED for the rest;
    the answer is not much larger than the limit. What is within it is answered."""
    assert not (await client.send(list_of(*values))).errors
    refused = await client.send(list_of(*(f"a{number}: {values[0]}" for number in range(10))))
    assert set(refused.codes) == {"LIMIT_EXCEEDED"}
    assert len(refused.codes) == 50
    assert LIMIT * 0.9 < len(refused.text) < LIMIT * 1.2


async def test_a_resolve_too_large_is_refused_the_first_time_and_the_next(client: Any, filled: Any) -> None:
    """A resolve whose aliases make its answer too large is refused as a whole, and again when its body is known."""
    schema = [{"key": "wide", "type": "SECRET"}]
    made = await client.run("CreateIntegration", input={"name": "wide", "configSchema": schema})
    id = made["createIntegration"]["integration"]["id"]
    given = {"integrationId": id, "organizationId": filled.organization, "entityId": "1", "config": {"wide": LONG * 4}}
    await client.run("CreateMapping", input=given)
    asked = " ".join(f"a{number}: config" for number in range(20))
    query = f'{{ resolve(integration: "wide", organizationId: "{filled.organization}") {{ %s }} }}'
    for _ in range(3):
        refused = await client.send(query % asked)
        assert refused.codes == ["LIMIT_EXCEEDED"]
        assert len(refused.text) < 1_000
    assert not (await client.send(query % "config")).errors


@pytest.mark.parametrize(
    ("value", "bytes"),
    [("x" * 100, 100), (["x" * 100] * 3, 308), ({"key": "x" * 100}, 111), (7, 8), (None, 8), ([[["x"]]], 25)],
)
def test_weights(value: Any, bytes: int) -> None:
    """A value weighs about what its JSON has, however it nests; the limit leaves room for a page of the largest."""
    assert weigh(value) == bytes
    assert MAX_VOLUME >= 200 * 65_536 * 4
