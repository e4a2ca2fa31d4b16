import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from db.errors import SettingsError
from db.settings import Settings
from gql.manifests import read_manifest, read_trust

TEXT = "query A { hello }"
HASH = hashlib.sha256(TEXT.encode()).hexdigest()
APOLLO = {"format": "apollo-persisted-query-manifest", "version": 1}
ENTRY = {"id": HASH, "name": "A", "type": "query", "body": TEXT}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "documents.json"


@pytest.mark.parametrize("given", [{HASH: TEXT}, {**APOLLO, "operations": [ENTRY]}])
def test_both_forms(file: Path, given: Any) -> None:
    """The map that graphql-codegen writes and Apollo's manifest are both taken."""
    file.write_text(json.dumps(given))
    assert read_manifest(file) == {HASH: TEXT}


@pytest.mark.parametrize(
    ("given", "fault"),
    [
        (None, "cannot be read"),
        (b"{", "malformed JSON"),
        (b"\xff", "not UTF-8"),
        (f'{{"{HASH}": "a", "{HASH}": "b"}}'.encode(), "given twice"),
        ([], "is not an object"),
        ({}, "lists no documents"),
        ({"f" * 40: TEXT}, "no SHA-256"),
        ({HASH.upper(): TEXT}, "no SHA-256"),
        ({"a\nb" * 100: TEXT}, "no SHA-256"),
        ({HASH: TEXT + " "}, f"under '{HASH}' whose SHA-256 is"),
        ({HASH: 5}, "has no text"),
        ({"operations": [ENTRY]}, "is no apollo-persisted-query-manifest"),
        ({**APOLLO, "version": 2, "operations": [ENTRY]}, "of version 1"),
        ({**APOLLO, "operations": {}}, "not a list"),
        ({**APOLLO, "operations": ["x"]}, "names a document by None"),
        ({**APOLLO, "operations": [{**ENTRY, "body": None}]}, "has no text"),
    ],
)
def test_faults_are_told_in_one_line(file: Path, given: Any, fault: str) -> None:
    """A list that cannot be trusted as it is keeps the service from starting, and the line says what is wrong."""
    if given is not None:
        file.write_bytes(given if isinstance(given, bytes) else json.dumps(given).encode())
    with pytest.raises(SettingsError) as refused:
        read_manifest(file)
    told = str(refused.value)
    assert told.startswith("STRONGROOM_TRUSTED_DOCUMENTS_FILE ")
    assert fault in told
    assert "\n" not in told
    assert len(told) < 400


def test_the_file_is_read_when_it_counts(file: Path) -> None:
    """With `off`, nothing is read; otherwise the settings' mode and bound go with the list."""
    names = {"STRONGROOM_TRUSTED_DOCUMENTS_FILE": str(file)}
    assert read_trust(Settings.from_env({**names, "STRONGROOM_TRUSTED_DOCUMENTS": "off"})).listed == {}
    file.write_text(json.dumps({HASH: TEXT}))
    trust = read_trust(
        Settings.from_env(
            {**names, "STRONGROOM_TRUSTED_DOCUMENTS": "allow", "STRONGROOM_AUTOMATIC_PERSISTED_QUERIES": "7"}
        )
    )
    assert (trust.mode, trust.listed, trust.automatic) == ("allow", {HASH: TEXT}, 7)
