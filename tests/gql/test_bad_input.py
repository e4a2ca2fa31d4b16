"""Bad input: each refusal has its code, names every fault, repeats no input, and changes nothing."""

import json
import logging
import uuid
from typing import Any

import pytest

CANARY = "canary-5d41402abc4b2a76"
NOWHERE = str(uuid.uuid4())

Case = tuple[str, dict[str, Any], str, list[list[Any]] | None]

Q = "query { __typename }"
DECLARED = "mutation ($input: SetConfigInput!) { setConfig(input: $input) { config { id } } }"


def standalone(**given: Any) -> dict[str, Any]:
    return {"input": {"key": "k", "type": "STRING", "value": CANARY, **given}}


def defaults(config: Any, **given: Any) -> dict[str, Any]:
    return {"input": {"integrationId": "<integration>", "config": config, **given}}


def mapping(config: Any = None, **given: Any) -> dict[str, Any]:
    return {
        "input": {
            "integrationId": "<integration>",
            "organizationId": "<other>",
            "entityId": "1",
            "config": config,
            **given,
        }
    }


def many(*mappings: dict[str, Any]) -> dict[str, Any]:
    return {"input": {"integrationId": "<integration>", "mappings": list(mappings)}}


def schema(*fields: dict[str, Any]) -> dict[str, Any]:
    return {"input": {"name": "new", "configSchema": [{"key": "k", "type": "STRING", **field} for field in fields]}}


LONG = "x" * 256
HUGE = CANARY + "x" * (64 * 1024)

CASES: dict[str, Case] = {
    # how it is asked
    "a document that does not parse": ("query { config(id: " + CANARY, {}, "BAD_USER_INPUT", [["query"]]),
    "an unknown field": (f"{{ {CANARY.replace('-', '_')} }}", {}, "BAD_USER_INPUT", [["query"]]),
    "a variable that is missing": (DECLARED, {}, "BAD_USER_INPUT", [["input"]]),
    "a variable of the wrong type": (DECLARED, {"input": CANARY}, "BAD_USER_INPUT", [["input"]]),
    "fields of the wrong types": (
        "SetConfig",
        {"input": {"key": 7, "type": CANARY, "value": CANARY, "expectedVersion": CANARY}},
        "BAD_USER_INPUT",
        [["input", "key"], ["input", "type"], ["input", "expectedVersion"]],
    ),
    "a field that no input has": ("SetConfig", standalone(valeu=CANARY), "BAD_USER_INPUT", [["input", "valeu"]]),
    "a number that is no 32 bits": (
        "RestoreConfig",
        {"input": {"id": NOWHERE, "version": 2**31}},
        "BAD_USER_INPUT",
        [["input", "version"]],
    ),
    "a literal of the wrong type": (
        f'mutation {{ setConfig(input: {{key: 7, type: SECRET, value: "{CANARY}"}}) {{ config {{ id }} }} }}',
        {},
        "BAD_USER_INPUT",
        [["input", "key"]],
    ),
    # ids, cursors and pages
    "an id that is none": ("Reveal", {"id": CANARY}, "BAD_USER_INPUT", [["id"]]),
    "an id without dashes": ("Reveal", {"id": uuid.uuid4().hex}, "BAD_USER_INPUT", [["id"]]),
    "an id in braces": ("Reveal", {"id": f"{{{uuid.uuid4()}}}"}, "BAD_USER_INPUT", [["id"]]),
    "an id with a line break": ("Reveal", {"id": f"{uuid.uuid4()}\n"}, "BAD_USER_INPUT", [["id"]]),
    "an id of an organization that is none": (
        "SetConfig",
        standalone(organizationId="x"),
        "BAD_USER_INPUT",
        [["organizationId"]],
    ),
    "ids of a filter that are none": (
        "ConfigList",
        {"filter": {"organizationId": "x"}},
        "BAD_USER_INPUT",
        [["filter", "organizationId"]],
    ),
    "ids in a list that are none": (
        "UpsertMappings",
        many({"organizationId": "x", "entityId": "1"}),
        "BAD_USER_INPUT",
        [["mappings", 0, "organizationId"]],
    ),
    "a page of 201": ("ConfigList", {"first": 201}, "BAD_USER_INPUT", [["first"]]),
    "a page of 0": ("ConfigList", {"first": 0}, "BAD_USER_INPUT", [["first"]]),
    "a page of -1": ("Mappings", {"first": -1}, "BAD_USER_INPUT", [["first"]]),
    "a page of history of 201": ("History", {"id": "<config>", "first": 201}, "BAD_USER_INPUT", [["first"]]),
    "a page of quarantine of 201": ("Quarantine", {"first": 201}, "BAD_USER_INPUT", [["first"]]),
    "a cursor that is none": ("ConfigList", {"after": CANARY}, "BAD_USER_INPUT", [["after"]]),
    "a cursor of another list": (
        "ConfigList",
        {"after": "WyJvcmdhbml6YXRpb25zIiwiYSIsIjAiXQ=="},
        "BAD_USER_INPUT",
        [["after"]],
    ),
    "a cursor of history that is none": ("History", {"id": "<config>", "after": CANARY}, "BAD_USER_INPUT", [["after"]]),
    # what is not there
    "an unknown organization": ("CreateMapping", mapping(organizationId=NOWHERE), "NOT_FOUND", None),
    "an unknown organization for a standalone": ("SetConfig", standalone(organizationId=NOWHERE), "NOT_FOUND", None),
    "an unknown organization among known ones": (
        "UpsertMappings",
        many({"organizationId": "<other>", "entityId": "1"}, {"organizationId": NOWHERE, "entityId": "1"}),
        "NOT_FOUND",
        None,
    ),
    "an unknown integration": ("SetIntegrationConfig", defaults({}, integrationId=NOWHERE), "NOT_FOUND", None),
    "an unknown integration by name": (
        "Resolve",
        {"integration": CANARY, "organizationId": "<organization>"},
        "NOT_FOUND",
        None,
    ),
    "an unknown version": ("RestoreConfig", {"input": {"id": "<config>", "version": 99}}, "NOT_FOUND", None),
    # values
    "an unknown key": (
        "SetIntegrationConfig",
        defaults({"passwrd": CANARY}),
        "BAD_USER_INPUT",
        [["config", "passwrd"]],
    ),
    "every fault of a map at once": (
        "CreateMapping",
        mapping({"api_key": "[SECRET]", "port": True, "nope": CANARY, "region": CANARY, "verify": CANARY}, entityId=""),
        "BAD_USER_INPUT",
        [["entityId"], *(["config", key] for key in ("api_key", "port", "nope", "region", "verify"))],
    ),
    "a value over 64 KiB": ("SetIntegrationConfig", defaults({"url": HUGE}), "BAD_USER_INPUT", [["config", "url"]]),
    "a standalone value over 64 KiB": ("SetConfig", standalone(value=[HUGE]), "BAD_USER_INPUT", [["value"]]),
    "a map of 501 keys": (
        "SetIntegrationConfig",
        defaults({f"key {number}": CANARY for number in range(501)}),
        "BAD_USER_INPUT",
        [["config"]],
    ),
    "a map that is none": ("SetIntegrationConfig", defaults([CANARY]), "BAD_USER_INPUT", [["config"]]),
    "no map": ("SetIntegrationConfig", defaults(None), "BAD_USER_INPUT", [["input", "config"]]),
    "versions that are none": (
        "SetIntegrationConfig",
        defaults({"port": 1}, expectedVersions={"port": CANARY, "url": -1, "extra": True}),
        "BAD_USER_INPUT",
        [["expectedVersions", key] for key in ("port", "url", "extra")],
    ),
    "an empty standalone": ("SetConfig", standalone(value=""), "BAD_USER_INPUT", [["value"]]),
    "no standalone": ("SetConfig", standalone(value=None), "BAD_USER_INPUT", [["value"]]),
    "the mask as a secret": ("SetConfig", standalone(type="SECRET", value="[SECRET]"), "BAD_USER_INPUT", [["value"]]),
    "a negative version": ("SetConfig", standalone(expectedVersion=-1), "BAD_USER_INPUT", [["expectedVersion"]]),
    "overrides on a fallback": (
        "CreateMapping",
        mapping({"port": 1}, organizationId=None),
        "BAD_USER_INPUT",
        [["config"]],
    ),
    # names and texts
    "a key over 255 characters": ("SetConfig", standalone(key=LONG), "BAD_USER_INPUT", [["key"]]),
    "an empty key": ("SetConfig", standalone(key=" "), "BAD_USER_INPUT", [["key"]]),
    "a name over 255 characters": ("CreateOrganization", {"input": {"name": LONG}}, "BAD_USER_INPUT", [["name"]]),
    "an empty name": ("CreateIntegration", {"input": {"name": "", "configSchema": []}}, "BAD_USER_INPUT", [["name"]]),
    "a name that becomes null": (
        "UpdateIntegration",
        {"input": {"id": "<integration>", "name": None}},
        "BAD_USER_INPUT",
        [["name"]],
    ),
    "an entity over 255 characters": (
        "CreateMapping",
        mapping(entityId=LONG, entityName=LONG),
        "BAD_USER_INPUT",
        [["entityId"], ["entityName"]],
    ),
    "an entity that becomes null": (
        "UpdateMapping",
        {"input": {"id": "<mapping>", "entityId": None}},
        "BAD_USER_INPUT",
        [["entityId"]],
    ),
    "a long description": ("SetConfig", standalone(description=CANARY * 1000), "BAD_USER_INPUT", [["description"]]),
    "NUL in a key": ("SetConfig", standalone(key="a\0"), "BAD_USER_INPUT", [["input", "key"]]),
    "NUL in a value": (
        "SetConfig",
        standalone(value={"a": [CANARY + "\0"]}),
        "BAD_USER_INPUT",
        [["input", "value", "a", 0]],
    ),
    "a lone surrogate": ("SetConfig", standalone(value=CANARY + "\ud800"), "BAD_USER_INPUT", [["input", "value"]]),
    "a lone surrogate in a key": (
        "SetIntegrationConfig",
        defaults({"\udfff": CANARY}),
        "BAD_USER_INPUT",
        [["input", "config", "\ufffd"]],
    ),
    "NUL in a name": (
        "Resolve",
        {"integration": "a\0", "organizationId": "<organization>"},
        "BAD_USER_INPUT",
        [["integration"]],
    ),
    # schemas
    "every fault of a schema at once": (
        "CreateIntegration",
        schema(
            {},
            {},
            {"key": LONG},
            {"key": "s", "type": "SECRET", "default": CANARY, "options": ["a"]},
            {"key": "i", "type": "INT", "default": CANARY},
            {"key": "o", "options": ["a", "a"]},
            {"key": "e", "options": []},
            {"key": "d", "options": ["a"], "default": "b"},
            {"key": "t", "description": "x" * 501},
        ),
        "BAD_USER_INPUT",
        [
            ["configSchema", 1, "key"],
            ["configSchema", 2, "key"],
            ["configSchema", 3, "options"],
            ["configSchema", 3, "default"],
            ["configSchema", 4, "default"],
            ["configSchema", 5, "options"],
            ["configSchema", 6, "options"],
            ["configSchema", 7, "default"],
            ["configSchema", 8, "description"],
        ],
    ),
    "a schema of 501 fields": (
        "CreateIntegration",
        schema(*({"key": f"k{number}"} for number in range(501))),
        "BAD_USER_INPUT",
        [["configSchema"]],
    ),
    "a type change whose rows do not fit": (
        "UpdateIntegration",
        {"input": {"id": "<integration>", "configSchema": [{"key": "url", "type": "INT"}]}},
        "BAD_USER_INPUT",
        [["configSchema", 0, "type"]],
    ),
    # one mapping twice
    "an organization twice": (
        "UpsertMappings",
        many(*[{"organizationId": "<other>", "entityId": "1"}] * 2),
        "BAD_USER_INPUT",
        [["mappings", 1, "organizationId"]],
    ),
    "a second mapping": ("CreateMapping", mapping(organizationId="<organization>"), "CONFLICT", None),
    "a name in use": ("CreateIntegration", {"input": {"name": "halo-psa", "configSchema": []}}, "CONFLICT", None),
    "an id in use": ("CreateOrganization", {"input": {"id": "<other>", "name": "x"}}, "CONFLICT", None),
    "a version that is not the current one": (
        "SetIntegrationConfig",
        defaults({"url": "x"}, expectedVersions={"url": 7}),
        "CONFLICT",
        None,
    ),
    # runs
    "a batch that is too large": (
        "StartBackfill",
        {"input": {"batchSize": 0, "maxRowsPerSecond": -1}},
        "BAD_USER_INPUT",
        [["batchSize"], ["maxRowsPerSecond"]],
    ),
    "neither id nor name": ("{ integration { id } }", {}, "BAD_USER_INPUT", [[]]),
}


@pytest.mark.parametrize("name", list(CASES))
async def test_bad_input(client, world, tables, caplog: pytest.LogCaptureFixture, sql, name: str) -> None:
    """Each case has its code, names all of its faults by their paths, changes nothing, and is repeated neither in the
    answer nor in any log."""
    query, given, code, paths = CASES[name]
    config = str(await sql.fetchval("SELECT id FROM configs WHERE key = 'url'"))
    real = vars(world) if hasattr(world, "__dict__") else {}
    variables = json.dumps(given)
    for place, id in {**real, "config": config}.items():
        variables = variables.replace(f'"<{place}>"', f'"{id}"')
    before = await tables()
    caplog.clear()
    caplog.set_level(logging.DEBUG)
    answer = await client.refused(query, **json.loads(variables))
    assert answer.codes == [code]
    if paths is not None:
        assert [problem["path"] for problem in answer.problems] == paths
        assert all(problem["message"] for problem in answer.problems)
    assert await tables() == before
    told = answer.text + "".join(record.getMessage() + str(record.args) for record in caplog.records)
    assert CANARY not in told
    assert "at path" not in told
