import logging
from typing import Any

import pytest
import strawberry

import gql.trusted
from db.errors import BadInput, Forbidden
from gql.execution import open_schema
from gql.params import Params
from gql.trusted import (
    DocumentStore,
    PersistedQueryNotFound,
    PersistedQueryNotSupported,
    Registered,
    Trust,
    hash_text,
)


@strawberry.type
class Query:
    hello: str = "hello"


SCHEMA = open_schema(strawberry.Schema(Query))
LISTED = "query Listed { hello }"
OTHER = "query Other { hello }"
LIST = {hash_text(LISTED): LISTED}


def ask(text: str = "", hash: Any = None, **persisted: Any) -> Params:
    extensions = {"persistedQuery": {"version": 1, "sha256Hash": hash, **persisted}} if hash is not None else {}
    return Params(text, {}, None, extensions)


def test_only_trusted_documents_run() -> None:
    """With `only`, listed documents run by hash and by text, and nothing else is even parsed."""
    store = DocumentStore(SCHEMA, Trust("only", LIST))
    by_hash = store.find(ask(hash=hash_text(LISTED)))
    assert by_hash is store.find(ask(LISTED)) is store.find(ask(LISTED, hash_text(LISTED)))
    for refused in (ask(OTHER), ask(OTHER, hash_text(OTHER)), ask(LISTED + " "), ask("{")):
        with pytest.raises(Forbidden):
            store.find(refused)
    with pytest.raises(PersistedQueryNotFound) as unknown:
        store.find(ask(hash=hash_text(OTHER)))
    assert unknown.value.message == "PersistedQueryNotFound"
    assert unknown.value.extensions == {"code": "PERSISTED_QUERY_NOT_FOUND"}
    assert len(store.cache) == 0


def test_trusted_documents_are_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """With `allow`, listed documents were parsed and validated at the start, and are never dropped; others run too."""
    store = DocumentStore(SCHEMA, Trust("allow", LIST))
    listed = store.find(ask(hash=hash_text(LISTED)))
    assert store.find(ask(OTHER)) is store.find(ask(OTHER, hash_text(OTHER)))
    monkeypatch.setattr(gql.trusted, "read_document", None)
    assert store.find(ask(LISTED)) is listed
    with pytest.raises(PersistedQueryNotFound):
        store.find(ask(hash=hash_text(OTHER)))


def test_hashes_where_there_are_none() -> None:
    """With `off`, a hash alone is not supported, so that clients stop trying; with its text it is no hindrance."""
    store = DocumentStore(SCHEMA, Trust("off", LIST))
    assert store.find(ask(LISTED, hash_text(LISTED))).operations
    with pytest.raises(PersistedQueryNotSupported) as refused:
        store.find(ask(hash=hash_text(LISTED)))
    assert refused.value.extensions == {"code": "PERSISTED_QUERY_NOT_SUPPORTED"}


@pytest.mark.parametrize(
    ("params", "place"),
    [
        (ask(LISTED, hash_text(OTHER)), "sha256Hash"),
        (ask(LISTED, "abc"), "sha256Hash"),
        (ask(LISTED, hash_text(LISTED).upper()), "sha256Hash"),
        (ask("", 5), "sha256Hash"),
        (ask("", hash_text(LISTED), version=2), "version"),
        (ask("", hash_text(LISTED), version="1"), "version"),
        (Params("", {}, None, {"persistedQuery": None}), "persistedQuery"),
        (Params(LISTED, {}, None, {"persistedQuery": []}), "persistedQuery"),
    ],
)
@pytest.mark.parametrize("mode", ["off", "allow", "only"])
def test_malformed_hashes(mode: Any, params: Params, place: str) -> None:
    """A hash that is none, or is not the text's, is refused in every mode, since it would mean something else later."""
    store = DocumentStore(SCHEMA, Trust(mode, LIST))
    with pytest.raises(BadInput) as refused:
        store.find(params)
    assert refused.value.problems[0].path[-1] == place


def test_automatic_registration() -> None:
    """What callers register is found by its hash, as long as it is valid and its bound allows."""
    store = DocumentStore(SCHEMA, Trust(automatic=2))
    with pytest.raises(PersistedQueryNotFound):
        store.find(ask(hash=hash_text(OTHER)))
    store.find(ask(OTHER))
    with pytest.raises(PersistedQueryNotFound):
        store.find(ask(hash=hash_text(OTHER)))
    document = store.find(ask(OTHER, hash_text(OTHER)))
    assert store.find(ask(hash=hash_text(OTHER))) is document
    assert store.find(ask("{ no }", hash_text("{ no }"))).errors
    with pytest.raises(PersistedQueryNotFound):
        store.find(ask(hash=hash_text("{ no }")))


def test_registration_is_bounded() -> None:
    """By number and by length; the longest unused goes first."""
    registered = Registered(2, max_length=10)
    for name in ("aa", "bb"):
        registered.add(name, name)
    assert registered.find("aa") == "aa"
    registered.add("cc", "cc")
    assert [registered.find(name) for name in ("aa", "bb", "cc")] == ["aa", None, "cc"]
    registered.add("long", "x" * 9)
    assert (len(registered), registered.length) == (1, 9)
    registered.add("longer", "x" * 11)
    assert (len(registered), registered.length) == (0, 0)


def test_documents_that_do_not_fit_the_schema(caplog: pytest.LogCaptureFixture) -> None:
    """They are told at the start, by hash, and answered with their errors; the rest of the list works."""
    caplog.set_level(logging.WARNING)
    texts = [LISTED, *(f"{{ old{number} }}" for number in range(7))]
    store = DocumentStore(SCHEMA, Trust("only", {hash_text(text): text for text in texts}))
    assert caplog.messages[0].startswith("7 trusted documents do not fit the schema")
    assert hash_text("{ old0 }") in caplog.text
    assert store.find(ask("{ old0 }")).errors
    assert not store.find(ask(LISTED)).errors
