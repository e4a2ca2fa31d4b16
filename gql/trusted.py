"""Documents by their SHA-256: trusted ones, listed by the operator, and ones that callers registered themselves.

Spoken in the words of Apollo's persisted queries: `extensions.persistedQuery {version: 1, sha256Hash}`. Its two
errors keep the names that Apollo's and other clients wait for.
"""

import hashlib
import re
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, cast

from graphql import GraphQLSchema

from db.errors import Forbidden, StrongroomError, refuse
from gql.documents import Document, DocumentCache, read_document
from gql.failures import logger
from gql.params import MAX_QUERY, Params

_HASH: Final = re.compile("[0-9a-f]{64}")
_NAMED: Final = 5


class PersistedQueryNotFound(StrongroomError):
    """There is no document of this hash here; a client may send it once more with its text."""

    code = "PERSISTED_QUERY_NOT_FOUND"

    def __init__(self) -> None:
        super().__init__("PersistedQueryNotFound")


class PersistedQueryNotSupported(StrongroomError):
    """Documents are not known by their hash here at all; a client stops trying."""

    code = "PERSISTED_QUERY_NOT_SUPPORTED"

    def __init__(self) -> None:
        super().__init__("PersistedQueryNotSupported")


@dataclass(frozen=True, slots=True)
class Trust:
    """Which documents run: with `only`, those in `listed` and no others; and how many callers may register."""

    mode: Literal["off", "allow", "only"] = "off"
    listed: Mapping[str, str] = field(default_factory=dict[str, str])
    automatic: int = 0


class DocumentStore:
    """Every document that this process knows. Trusted ones are parsed and validated when it is made, and stay."""

    def __init__(self, schema: GraphQLSchema, trust: Trust | None = None) -> None:
        self._trust = trust or Trust()
        self.cache = DocumentCache(schema)
        self._registered = Registered(self._trust.automatic)
        listed: Mapping[str, str] = {} if self._trust.mode == "off" else self._trust.listed
        self._by_hash = {hash: read_document(schema, text) for hash, text in listed.items()}
        self._by_text = {text: self._by_hash[hash] for hash, text in listed.items()}
        _report_broken(self._by_hash)

    def find(self, params: Params) -> Document:
        """The document that a request asks for, by its text or by its hash. Raises StrongroomError if it may not
        run, or is not known; a document that is broken is given with its errors."""
        wanted = _read_hash(params.extensions)
        if not params.query:
            return self._find_by_hash(wanted or "")
        if wanted is not None and hash_text(params.query) != wanted:
            refuse("this is not the SHA-256 of the query", "extensions", "persistedQuery", "sha256Hash")
        if (trusted := self._by_text.get(params.query)) is not None:
            return trusted
        if self._trust.mode == "only":
            raise Forbidden("only trusted documents run here")
        document = self.cache.open(params.query)
        if wanted is not None and not document.errors:
            self._registered.add(wanted, params.query)
        return document

    def _find_by_hash(self, wanted: str) -> Document:
        if (trusted := self._by_hash.get(wanted)) is not None:
            return trusted
        if (text := self._registered.find(wanted)) is not None:
            return self.cache.open(text)
        if self._trust.mode == "off" and not self._trust.automatic:
            raise PersistedQueryNotSupported
        raise PersistedQueryNotFound


class Registered:
    """The texts that callers registered, by hash: the last-used ones, bounded by number and by length."""

    def __init__(self, limit: int, max_length: int = 1_000 * MAX_QUERY) -> None:
        self._limit = limit
        self._max_length = max_length
        self._texts: OrderedDict[str, str] = OrderedDict()
        self.length = 0

    def __len__(self) -> int:
        return len(self._texts)

    def find(self, hash: str) -> str | None:
        """The text of this hash, if it is still here."""
        text = self._texts.get(hash)
        if text is not None:
            self._texts.move_to_end(hash)
        return text

    def add(self, hash: str, text: str) -> None:
        """Keep a text, and drop what has not been used for the longest time."""
        if hash not in self._texts:
            self._texts[hash] = text
            self.length += len(text)
        while len(self._texts) > self._limit or self.length > self._max_length:
            _, dropped = self._texts.popitem(last=False)
            self.length -= len(dropped)


def hash_text(text: str) -> str:
    """The name of a document: the SHA-256 of its text, in small hex digits."""
    return hashlib.sha256(text.encode()).hexdigest()


def is_hash(text: str) -> bool:
    """Whether a text could be a document's name."""
    return _HASH.fullmatch(text) is not None


def _read_hash(extensions: Mapping[str, Any]) -> str | None:
    if "persistedQuery" not in extensions:
        return None
    given: Any = extensions["persistedQuery"]
    if not isinstance(given, dict):
        refuse("expected an object", "extensions", "persistedQuery")
    named = cast("dict[str, Any]", given)
    if named.get("version") != 1:
        refuse("only version 1 is known", "extensions", "persistedQuery", "version")
    wanted = named.get("sha256Hash")
    if not isinstance(wanted, str) or not is_hash(wanted):
        refuse("expected 64 small hex digits", "extensions", "persistedQuery", "sha256Hash")
    return wanted


def _report_broken(documents: Mapping[str, Document]) -> None:
    broken = [hash for hash, document in documents.items() if document.errors]
    if broken:
        told = ", ".join(broken[:_NAMED]) + (" …" if len(broken) > _NAMED else "")
        logger.warning("%d trusted documents do not fit the schema and will be refused: %s", len(broken), told)
