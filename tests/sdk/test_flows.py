"""What is sent, sent again and given up, without any network: the flows are run by hand."""

import json
from collections.abc import Generator
from typing import Any

import pytest

from strongroom import Internal, LimitExceeded, SettingsError, StrongroomError, Unavailable
from strongroom.cache import Cache
from strongroom.changes import Change
from strongroom.feed import Feed, Hear, Listen, NextLine, Trouble
from strongroom.flows import Flows, Lost, Pause, Reply, Send, is_query
from strongroom.settings import find_token, find_url
from tests.sdk.servers import GOOD as GOOD_ANSWER
from tests.sdk.servers import ORGANIZATION

QUERY = "query Q { organizations { totalCount } }"
MUTATION = "mutation M { deleteConfig(input: {id: 1}) { id } }"
GOOD = Reply(200, b'{"data": {"organizations": {"totalCount": 1}}}')
AWAY = Reply(200, b'{"data": null, "errors": [{"message": "away", "extensions": {"code": "UNAVAILABLE"}}]}')


def run(flow: Generator[Any, Any, Any], *answers: Any) -> tuple[Any, list[Any]]:
    """What a flow returns or raises, and its steps, when it gets these answers to what it sends."""
    waiting = list(answers)
    steps: list[Any] = []
    answer: Any = None
    try:
        while True:
            step = flow.send(answer)
            steps.append(step)
            answer = waiting.pop(0) if isinstance(step, Send) else None
    except StopIteration as end:
        return end.value, steps
    except StrongroomError as error:
        return error, steps


@pytest.mark.parametrize(
    "lost", [Lost("ConnectError"), AWAY, Reply(503, b"upstream"), Reply(502, b"[]"), Reply(408, b""), Reply(522, b"<")]
)
def test_a_query_is_tried_again(lost: Any) -> None:
    """A query that was not answered is sent again after growing pauses with jitter, as often as it may be."""
    flows = Flows(2, chance=lambda: 0.5)
    data, steps = run(flows.call(QUERY, {}), lost, lost, GOOD)
    assert data == {"organizations": {"totalCount": 1}}
    assert [step.seconds for step in steps if isinstance(step, Pause)] == [0.1, 0.2]
    error, steps = run(flows.call(QUERY, {}), lost, lost, lost)
    assert isinstance(error, Unavailable)
    assert len([step for step in steps if isinstance(step, Send)]) == 3


def test_jitter_spreads_pauses() -> None:
    """No two clients that were cut off together come back together."""
    for chance, seconds in ((0.0, 0.05), (1.0, 0.15)):
        _, steps = run(Flows(1, chance=lambda chance=chance: chance).call(QUERY, {}), AWAY, GOOD)
        assert [step.seconds for step in steps if isinstance(step, Pause)] == [pytest.approx(seconds)]


@pytest.mark.parametrize("lost", [Lost("ReadTimeout"), AWAY])
def test_a_mutation_is_sent_once(lost: Any) -> None:
    """Whether a mutation that was not answered was carried out nobody knows: it is never sent again."""
    error, steps = run(Flows(5).call(MUTATION, {}), lost)
    assert isinstance(error, Unavailable)
    assert len(steps) == 1


def test_refusals_are_not_tried_again() -> None:
    """What is refused is refused; only what is unavailable gets better by itself."""
    refused = Reply(
        200,
        b'{"errors": [{"message": "slow down", "extensions": {"code": "LIMIT_EXCEEDED", "retryAfter": 7}}]}',
    )
    error, steps = run(Flows(5).call(QUERY, {}), refused)
    assert isinstance(error, LimitExceeded)
    assert error.retry_after == 7
    assert len(steps) == 1


@pytest.mark.parametrize(
    "reply", [Reply(200, b"<html>"), Reply(404, b"{}"), Reply(200, b"[1]"), Reply(500, b"null"), Reply(302, b"")]
)
def test_what_is_no_answer_of_the_service(reply: Reply) -> None:
    """Anything else than an answer of Strongroom is an error that shows none of it."""
    error, _ = run(Flows(0).call(QUERY, {}), reply)
    assert isinstance(error, Internal)
    assert "html" not in str(error)


def test_errors_of_the_service_itself() -> None:
    """An unexpected error has its reference."""
    reply = Reply(200, b'{"errors": [{"message": "x", "extensions": {"code": "INTERNAL", "reference": "abc"}}]}')
    error, _ = run(Flows(0).call(QUERY, {}), reply)
    assert isinstance(error, Internal)
    assert error.reference == "abc"


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ("{ a }", True),
        ("query A { a }", True),
        ("\n  # a comment\n\n  query A { a }", True),
        (MUTATION, False),
        ("\n   mutation A { a }", False),
        ("fragment F on A { a } mutation B { b }", False),
        ("", False),
    ],
)
def test_what_is_safe_to_send_twice(document: str, expected: bool) -> None:
    """Only what is known to change nothing."""
    assert is_query(document) is expected


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("https://a.example.com", "https://a.example.com/graphql"),
        ("http://127.0.0.1:8000/", "http://127.0.0.1:8000/graphql"),
        ("https://a.example.com/strongroom", "https://a.example.com/strongroom/graphql"),
        ("https://a.example.com/graphql", "https://a.example.com/graphql"),
    ],
)
def test_addresses(given: str, expected: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """An address is that of the service or of its endpoint, given or from STRONGROOM_URL."""
    assert find_url(given) == expected
    monkeypatch.setenv("STRONGROOM_URL", given)
    assert find_url(None) == expected


@pytest.mark.parametrize(
    "given", [None, "a.example.com", "ftp://a", "https://", "https://u:secret@a", "https://a?b", "http://a:b"]
)
def test_addresses_that_are_none(given: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Anything else is refused, and not repeated: it may hold credentials."""
    monkeypatch.delenv("STRONGROOM_URL", raising=False)
    with pytest.raises(SettingsError) as refused:
        find_url(given)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("given", [None, "", "two words", "tab\tbed", "é", "line\nbreak"])
def test_tokens_that_are_none(given: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """A token that cannot be one is refused, and not repeated."""
    monkeypatch.delenv("STRONGROOM_TOKEN", raising=False)
    with pytest.raises(SettingsError) as refused:
        find_token(given)
    assert str(given) not in str(refused.value) or not given
    monkeypatch.setenv("STRONGROOM_TOKEN", " from-the-environment\n")
    assert find_token(None) == "from-the-environment"


RESOLVED = Reply(200, GOOD_ANSWER)
SLOW_DOWN = Reply(200, b'{"errors": [{"message": "x", "extensions": {"code": "LIMIT_EXCEEDED", "retryAfter": 7}}]}')
BROKEN = Reply(200, b'{"errors": [{"message": "x", "extensions": {"code": "INTERNAL", "reference": "abc"}}]}')


@pytest.mark.parametrize("answer", [Lost("ConnectError"), AWAY, SLOW_DOWN, BROKEN, Reply(500, b"<p>"), Reply(200, b"")])
def test_what_says_nothing_of_a_config_leaves_the_last_known_good(answer: Any) -> None:
    """A service that is down, overloaded, broken or not there at all is bridged by what was known, which says so."""
    flows = Flows(0, Cache(max_age=0.0))
    error, _ = run(flows.resolve("halo", ORGANIZATION), answer)
    assert isinstance(error, (Internal, LimitExceeded, Unavailable))
    for again in (RESOLVED, answer, RESOLVED, answer, answer):
        found, _ = run(flows.resolve("halo", ORGANIZATION), again)
        assert found["port"] == 443
    assert found.stale


@pytest.mark.parametrize("code", ["NOT_FOUND", "FORBIDDEN", "UNAUTHENTICATED", "UNDECRYPTABLE", "BAD_USER_INPUT"])
def test_what_the_service_says_of_a_config_counts(code: str) -> None:
    """A refusal is raised, and what was known is forgotten: it is not handed out when the service is gone either."""
    flows = Flows(0, Cache(max_age=0.0))
    refusal = Reply(200, json.dumps({"errors": [{"message": "x", "extensions": {"code": code}}]}).encode())
    assert run(flows.resolve("halo", ORGANIZATION), RESOLVED)[0]["port"] == 443
    assert run(flows.resolve("halo", ORGANIZATION), refusal)[0].code == code
    assert isinstance(run(flows.resolve("halo", ORGANIZATION), Lost("ConnectError"))[0], Unavailable)


def event(cursor: str, *changes: dict[str, Any], reset: bool = False, more: bool = False) -> list[str]:
    told = {"cursor": cursor, "reset": reset, "more": more, "changes": changes}
    return ["event: next", f"data: {json.dumps({'data': {'configChanged': told}})}", ""]


PORT = {"integrationId": "i", "integration": "halo", "organizationId": "o", "keys": ["port"], "version": 2}


def listen(feed: Feed, *streams: list[str] | None) -> list[Any]:
    """The steps of a feed, but for reading lines, that meets these streams (None: no stream at all)."""
    flow = feed.run()
    steps: list[Any] = []
    lines: list[str] = []
    waiting = list(streams)
    answer: Any = None
    while True:
        step = flow.send(answer)
        if isinstance(step, NextLine):
            answer = lines.pop(0).encode() if lines else None
            continue
        steps.append(step)
        answer = None
        if isinstance(step, Listen):
            if not waiting:
                return steps
            found = waiting.pop(0)
            answer, lines = "gone" if found is None else "", list(found or [])


def test_a_feed_begins_with_a_reset_and_goes_on_with_its_cursor() -> None:
    """Nobody knows what happened before a feed began; what happens while it is cut is asked for, and is no reset."""
    steps = listen(Feed(), [":", "", *event("c1")], [*event("c2", PORT), *event("c3")])
    heard = [step for step in steps if isinstance(step, Hear)]
    change = Change("i", "halo", "o", ("port",), 2)
    assert heard == [Hear((Change(reset=True),), True), Hear((change,), True), Hear((), True)]
    asked = [json.loads(step.body)["variables"]["after"] for step in steps if isinstance(step, Listen)]
    assert asked == [None, "c1", "c3"]


def test_a_feed_says_when_more_is_to_come() -> None:
    """Of what was missed nothing is known to be all until its last part is there."""
    steps = listen(Feed(), event("c1"), [*event("c1", PORT, more=True), *event("c2", PORT)])
    assert [step.complete for step in steps if isinstance(step, Hear)] == [True, False, True]


def test_a_feed_that_is_told_of_a_reset() -> None:
    """What the service cannot tell is a reset."""
    steps = listen(Feed(), event("c1"), event("c9", reset=True))
    assert [step.changes for step in steps if isinstance(step, Hear)] == [(Change(reset=True),)] * 2


@pytest.mark.parametrize(
    "refusal",
    [
        ["event: next", 'data: {"errors": [{"message": "x"}]}', "", "event: complete", "data:", ""],
        ["event: next", 'data: {"data": null}', ""],
        ["event: next", 'data: {"data": []}', ""],
        ["event: next", 'data: {"data": {"configChanged": 5}}', ""],
        ["event: next", 'data: {"data": {"configChanged": {"cursor": "c2"}}}', ""],
        event("c2", {"integrationId": "i"}),
    ],
)
def test_a_feed_whose_cursor_is_refused(refusal: list[str]) -> None:
    """It begins anew, with a reset."""
    steps = listen(Feed(), event("c1"), refusal, event("c5"))
    asked = [json.loads(step.body)["variables"]["after"] for step in steps if isinstance(step, Listen)]
    assert asked == [None, "c1", None, "c5"]
    assert [step.changes for step in steps if isinstance(step, Hear)] == [(Change(reset=True),)] * 2


@pytest.mark.parametrize("code", ["UNAVAILABLE", "LIMIT_EXCEEDED"])
def test_a_feed_that_is_ended_for_a_while(code: str) -> None:
    """A service that cannot tell now tells later all that was missed: where the feed was is not forgotten."""
    told = json.dumps({"errors": [{"message": "the changes cannot be read", "extensions": {"code": code}}]})
    ended = ["event: next", f"data: {told}", "", "event: complete", "data:", ""]
    steps = listen(Feed(), [*event("c1"), *ended], ended, event("c5", PORT))
    asked = [json.loads(step.body)["variables"]["after"] for step in steps if isinstance(step, Listen)]
    assert asked == [None, "c1", "c1", "c5"]
    heard = [change for step in steps if isinstance(step, Hear) for change in step.changes]
    assert heard == [Change(reset=True), Change("i", "halo", "o", ("port",), 2)]


@pytest.mark.parametrize(
    "noise", [["event: complete", "data:", ""], ["event: next", "data: nonsense", ""], ["", "", "data"]]
)
def test_a_feed_that_ends_or_is_no_feed(noise: list[str]) -> None:
    """Whatever a stream brings, the feed opens another one, and does not forget where it was."""
    steps = listen(Feed(), event("c1"), noise, event("c2"))
    asked = [json.loads(step.body)["variables"]["after"] for step in steps if isinstance(step, Listen)]
    assert asked == [None, "c1", "c1", "c2"]


def test_a_feed_that_is_not_to_be_had_says_so_once() -> None:
    """Why, when it is first missed, and again after it was heard; a cut that is mended at once is not told."""
    refusal = ["event: next", 'data: {"errors": [{"message": "no, not you"}]}', ""]
    steps = listen(Feed(), refusal, None, event("c1"), event("c2"), None, refusal, [], event("c3"), [], event("c4"))
    assert [step.why for step in steps if isinstance(step, Trouble)] == [
        "no, not you",
        "gone",
        "the stream ends at once",
    ]


def test_a_feed_comes_back_soon_and_then_less_often() -> None:
    """After a cut it is back at once; while there is no service it asks less and less often, with jitter."""
    steps = listen(Feed(chance=lambda: 0.5), event("c1"), *[None] * 9, event("c2"), None)
    pauses = [step.seconds for step in steps if isinstance(step, Pause)]
    assert pauses[0] == 0.05
    assert pauses[1:10] == sorted(pauses[1:10])
    assert max(pauses) == 5.0
    assert pauses[10] == 0.05
