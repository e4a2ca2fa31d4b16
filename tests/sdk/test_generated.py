"""The typed helpers are what the schema and the operations say, and keep values to themselves."""

import inspect
import subprocess
import sys
from collections import Counter
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from graphql import OperationDefinitionNode, parse, print_ast

from sdk.generator.__main__ import BY_HAND, OPERATIONS, SUMS, TARGET, sum_inputs, sum_outputs
from sdk.generator.descriptions import OWN
from sdk.generator.domains import DOMAINS, SHARED, DomainError, check_domains, place_inputs
from strongroom import AsyncStrongroom, Conflict, NotFound, Strongroom
from strongroom.api import Api, AsyncApi, CreateTokenInput, SetConfigInput, UpdateMappingInput
from strongroom.api.base_model import UNSET

ROOT = Path(__file__).resolve().parents[2]
LONGEST = 300


def list_operations() -> dict[str, str]:
    """What is to be sent, by name, as graphql prints it."""
    found = [node for path in OPERATIONS for node in parse(path.read_text()).definitions]
    return {
        node.name.value: print_ast(node) for node in found if isinstance(node, OperationDefinitionNode) and node.name
    }


def list_methods(kind: type) -> dict[str, Any]:
    return {name: getattr(kind, name) for name in dir(kind) if not name.startswith("_")}


def call(method: Any) -> None:
    """Calls a method of either client, without any arguments to speak of."""
    answer = method(**{name: UNSET for name in inspect.signature(method).parameters if name != "kwargs"})
    answer.send(None)


def test_the_helpers_are_up_to_date() -> None:
    """A change of schema.graphql, of the operations, or by hand of what is generated fails here: make sdk-api."""
    made_from, made = (line.split()[0] for line in (TARGET / SUMS).read_text().splitlines())
    assert made_from == sum_inputs(), "run `make sdk-api`"
    assert made == sum_outputs(TARGET), "run `make sdk-api`; what is generated is not to be changed by hand"


def test_what_is_written_by_hand_is_there_once() -> None:
    """What the generated classes are made of is in the package alone, and changing it makes nothing out of date."""
    for name in BY_HAND:
        assert [path.parent for path in (ROOT / "sdk").rglob(name)] == [TARGET]


@pytest.mark.soak
def test_generating_again_gives_the_same() -> None:
    """The generator, run again, makes what is there, byte for byte."""
    subprocess.run([sys.executable, "-m", "sdk.generator", "--check"], cwd=ROOT, check=True)


def test_both_clients_have_all_operations() -> None:
    """Every operation of the contract is a method of both, with the same arguments, answer and promise."""
    one, other = list_methods(Api), list_methods(AsyncApi)
    assert one.keys() == other.keys()
    assert {"create_token", "config_list", "resolve", "start_backfill", "audit_events"} <= one.keys()
    assert len(one.keys() - {"execute", "get_data"}) == len(list_operations())
    for name, method in one.items():
        assert inspect.signature(method) == inspect.signature(other[name])
        assert inspect.getdoc(method) == inspect.getdoc(other[name])
    assert "config:reveal" in (Api.reveal_list.__doc__ or "")
    assert OWN.keys() <= list_operations().keys()


def test_no_module_is_long() -> None:
    """What is generated is cut by domain, so that it can be read, and the rest is as short."""
    for path in [*(ROOT / "sdk" / "src").rglob("*.py"), *(ROOT / "sdk" / "generator").rglob("*.py")]:
        assert len(path.read_text().splitlines()) <= LONGEST, path


def test_each_document_is_there_once() -> None:
    """One constant an operation, in its domain, as graphql prints it, and in no other module."""
    operations = list_operations()
    for domain, names in DOMAINS.items():
        constants = vars(import_module(f"strongroom.api.documents.{domain}"))
        texts = [text for name, text in constants.items() if name.endswith("_GQL")]
        assert texts == [operations[name] for name in names]
    sources = [path.read_text() for path in TARGET.rglob("*.py")]
    counts = Counter({name: sum(text.count(document) for text in sources) for name, document in operations.items()})
    assert counts == dict.fromkeys(operations, 1)


def test_both_clients_send_each_document() -> None:
    """Each method sends its operation by name, sync and async."""
    sent: list[tuple[str, str]] = []

    def run(document: str, variables: dict[str, Any], name: str | None) -> dict[str, Any]:
        assert variables == {}
        sent.append((name or "", document))
        raise NotFound("sent")

    async def run_awaited(*given: Any) -> dict[str, Any]:
        return run(*given)

    for client in (Api(run), AsyncApi(run_awaited)):
        for name in list_methods(type(client)).keys() - {"execute", "get_data"}:
            with pytest.raises(NotFound):
                call(getattr(client, name))
    assert Counter(sent) == dict.fromkeys(list_operations().items(), 2)


@pytest.mark.parametrize(
    ("domains", "told"),
    [
        ({"a": ("One",)}, "Two: in no domain"),
        ({"a": ("One", "Two"), "b": ("Two",)}, "Two: in more than one domain"),
        ({"a": ("One", "Two", "Three")}, "Three: in a domain, but not among the operations"),
    ],
)
def test_an_operation_has_one_domain(domains: dict[str, tuple[str, ...]], told: str) -> None:
    """An operation that is added is given a domain; who forgets that is told which one, and where."""
    with pytest.raises(DomainError, match=rf"^{told} \(see DOMAINS in sdk/generator/domains.py"):
        check_domains(["One", "Two"], domains)


def test_an_input_is_where_it_is_used() -> None:
    """In its operations' domain, nested or not; what several domains take, and all that it holds, is shared."""
    used = {"One": ["Own", "Both"], "Two": ["Both"]}
    nested = {"Own": ["Inner"], "Both": ["Held"], "Inner": [], "Held": ["Both"]}
    placed = place_inputs(used, nested, {"a": ("One",), "b": ("Two",)})
    assert placed == {"Own": "a", "Inner": "a", "Both": SHARED, "Held": SHARED}


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
