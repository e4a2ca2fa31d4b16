"""The typed helpers are what the schema and the operations say, and keep values to themselves."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from sdk.generator.__main__ import SUMS, TARGET, sum_inputs, sum_outputs
from strongroom import AsyncStrongroom, Conflict, NotFound, Strongroom
from strongroom.api import Api, AsyncApi, CreateTokenInput, SetConfigInput, UpdateMappingInput

ROOT = Path(__file__).resolve().parents[2]


def test_the_helpers_are_up_to_date() -> None:
    """A change of schema.graphql, of the operations, or by hand of what is generated fails here: make sdk-api."""
    made_from, made = (line.split()[0] for line in (TARGET / SUMS).read_text().splitlines())
    assert made_from == sum_inputs(), "run `make sdk-api`"
    assert made == sum_outputs(TARGET), "run `make sdk-api`; what is generated is not to be changed by hand"


@pytest.mark.soak
def test_generating_again_gives_the_same() -> None:
    """The generator, run again, makes what is there, byte for byte."""
    subprocess.run([sys.executable, "-m", "sdk.generator", "--check"], cwd=ROOT, check=True)


def test_both_clients_have_all_operations() -> None:
    """Every operation of the contract is a method of both."""

    def names(kind: type) -> set[str]:
        return {name for name in dir(kind) if not name.startswith("_")}

    assert names(Api) == names(AsyncApi)
    assert {"create_token", "config_list", "resolve", "start_backfill", "audit_events"} <= names(Api)


async def test_writing_and_reading(service: Any, admin: Strongroom, place: Any) -> None:
    """Operations take and give the contract's types; what is left out is not sent; refusals are raised."""
    api = admin.api
    found = [edge.node for edge in api.config_list(first=10).configs.edges]
    assert {config.key for config in found if config.organization} == {"api_key", "extra"}
    api.update_mapping(UpdateMappingInput(id=place.mapping, entity_id="43"))
    assert api.mapping(id=place.mapping).mapping is not None
    with pytest.raises(NotFound):
        api.mapping(id=place.other)
    given = UpdateMappingInput(id=place.mapping, config={"api_key": "x"}, expected_versions={"api_key": 7})
    with pytest.raises(Conflict) as refused:
        api.update_mapping(given)
    assert refused.value.current_versions == {"api_key": 1}
    async with AsyncStrongroom(service.url, token=service.token) as client:
        assert (await client.api.organizations()).organizations.total_count == 2


def test_values_and_tokens_are_masked(admin: Strongroom, place: Any) -> None:
    """What is printed of an input or an answer shows neither values nor tokens, and no error repeats them."""
    made = admin.api.create_token(CreateTokenInput(name="test", permissions=["config:read"]))
    assert made.create_token.token
    assert made.create_token.token not in repr(made)
    assert "hunter2" not in repr(UpdateMappingInput(id="1", config={"api_key": "hunter2"}))
    with pytest.raises(ValueError, match="validation error") as refused:
        SetConfigInput.model_validate({"key": ["hunter2"]})
    assert "hunter2" not in str(refused.value)
