"""The operator's list of trusted documents, as the usual generators write it.

Either a map of SHA-256 to document, as graphql-codegen's persisted documents are with `hashAlgorithm: "sha256"`,
or the manifest of Apollo's generate-persisted-query-manifest.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final, cast

from db.errors import BadInput, SettingsError
from db.settings import Settings
from gql.payloads import read_json
from gql.trusted import Trust, hash_text, is_hash

_FORMAT: Final = "apollo-persisted-query-manifest"
_SHOWN: Final = 80


def read_trust(settings: Settings) -> Trust:
    """Which documents the settings let run. SettingsError, in one line, if their file is not what it should be."""
    listed: dict[str, str] = {}
    if settings.trusted_documents != "off" and settings.trusted_documents_file is not None:
        listed = read_manifest(settings.trusted_documents_file)
    return Trust(settings.trusted_documents, listed, settings.automatic_persisted_queries)


def read_manifest(path: Path) -> dict[str, str]:
    """Documents by their SHA-256, which is checked. Raises SettingsError."""
    try:
        given = read_json(path.read_bytes(), "the file")
    except OSError as error:
        raise _refuse(f"cannot be read: {error.strerror}") from None
    except BadInput as error:
        raise _refuse(error.message) from None
    if not isinstance(given, dict):
        raise _refuse("is not an object")
    listed = _check_all(_list_entries(cast("dict[str, Any]", given)))
    if not listed:
        raise _refuse("lists no documents")
    return listed


def _list_entries(given: dict[str, Any]) -> Iterable[tuple[Any, Any]]:
    if "operations" not in given:
        return given.items()
    if given.get("format") != _FORMAT or given.get("version") != 1:
        raise _refuse(f"has operations, but is no {_FORMAT} of version 1")
    operations: Any = given["operations"]
    if not isinstance(operations, list):
        raise _refuse("has operations that are not a list")
    entries = [
        cast("dict[str, Any]", entry) if isinstance(entry, dict) else {} for entry in cast("list[Any]", operations)
    ]
    return [(entry.get("id"), entry.get("body")) for entry in entries]


def _check_all(entries: Iterable[tuple[Any, Any]]) -> dict[str, str]:
    listed: dict[str, str] = {}
    for hash, text in entries:
        shown = ascii(hash)[:_SHOWN]
        if not isinstance(hash, str) or not is_hash(hash):
            raise _refuse(f"names a document by {shown}, which is no SHA-256 (64 small hex digits)")
        if not isinstance(text, str):
            raise _refuse(f"has no text under {shown}")
        if hash_text(text) != hash:
            raise _refuse(f"has a document under {shown} whose SHA-256 is {hash_text(text)}")
        listed[hash] = text
    return listed


def _refuse(fault: str) -> SettingsError:
    return SettingsError(f"STRONGROOM_TRUSTED_DOCUMENTS_FILE {fault}")
