"""setConfigs: many standalone configs of one owner, all or none."""

from typing import Any

import pytest

SET = """mutation ($input: SetConfigsInput!) {
  setConfigs(input: $input) { configs { id key type value sealed version description } }
}"""


def given(key: str, type: str, value: Any, **more: Any) -> dict[str, Any]:
    return {"key": key, "type": type, "value": value, **more}


@pytest.mark.parametrize("owner", [None, "organization"])
async def test_many_are_written_at_once(owner: str | None, client: Any, world: Any) -> None:
    """New ones and ones that are there, in the order given, coerced, sealed, versioned, in one event of the log."""
    owner = owner and world.organization
    await client.run("SetConfig", input=given("b", "STRING", "old", organizationId=owner, description="kept"))
    written = await client.run(
        SET,
        input={
            "organizationId": owner,
            "configs": [given("c", "INT", "5"), given("b", "SECRET", "planted-new"), given("a", "JSON", {"x": [1]})],
        },
    )
    configs = written["setConfigs"]["configs"]
    assert [(one["key"], one["value"], one["sealed"], one["version"]) for one in configs] == [
        ("c", 5, False, 1),
        ("b", "[SECRET]", True, 2),
        ("a", {"x": [1]}, False, 1),
    ]
    assert configs[1]["description"] == "kept"
    events = await client.run("{ auditEvents(first: 1) { edges { node { action keys } } } }")
    assert events["auditEvents"]["edges"][0]["node"] == {"action": "config.write", "keys": ["a", "b", "c"]}


async def test_what_becomes_a_secret_leaves_no_plaintext(client: Any, sql: Any) -> None:
    """The history of a value that becomes a secret is sealed with it."""
    for key in ("one", "two"):
        await client.run("SetConfig", input=given(key, "STRING", f"planted-{key}"))
        await client.run("SetConfig", input=given(key, "STRING", f"planted-{key}-again"))
    await client.run(SET, input={"configs": [given("one", "SECRET", "x"), given("two", "SECRET", "y")]})
    dump = await sql.fetchval(
        "SELECT (SELECT json_agg(c) FROM configs c)::text || (SELECT json_agg(h) FROM config_history h)::text"
    )
    assert "planted" not in dump


async def test_all_or_none(client: Any, sql: Any) -> None:
    """One fault refuses all; every fault of every config is listed by its place."""
    before = await sql.fetch("SELECT * FROM configs ORDER BY id")
    answer = await client.refused(
        SET,
        input={
            "configs": [
                given("good", "INT", 1),
                given("bad", "INT", "x"),
                given(" ", "SECRET", "[SECRET]", expectedVersion=-1),
                given("good", "STRING", ""),
            ]
        },
    )
    assert answer.codes == ["BAD_USER_INPUT"]
    assert {tuple(problem["path"]) for problem in answer.problems} == {
        ("configs", 1, "value"),
        ("configs", 2, "key"),
        ("configs", 2, "value"),
        ("configs", 2, "expectedVersion"),
        ("configs", 3, "key"),
        ("configs", 3, "value"),
    }
    assert await sql.fetch("SELECT * FROM configs ORDER BY id") == before


async def test_a_newer_version_refuses_all(client: Any, sql: Any) -> None:
    """An expected version that is not the current one is a CONFLICT, and nothing is written."""
    await client.run("SetConfig", input=given("k", "INT", 1))
    configs = [given("k", "INT", 2, expectedVersion=7), given("l", "INT", 2, expectedVersion=0)]
    answer = await client.refused(SET, input={"configs": configs})
    assert answer.codes == ["CONFLICT"]
    assert await sql.fetchval("SELECT count(*) FROM configs WHERE key IN ('k', 'l') AND version > 0") == 1


async def test_500_at_most(client: Any) -> None:
    """500 configs go through; 501 are refused."""
    many = [given(f"k{number}", "INT", number) for number in range(501)]
    assert len((await client.run(SET, input={"configs": many[:500]}))["setConfigs"]["configs"]) == 500
    answer = await client.refused(SET, input={"configs": many})
    assert [problem["path"] for problem in answer.problems] == [["configs"]]
