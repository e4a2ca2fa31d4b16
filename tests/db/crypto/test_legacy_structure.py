import base64

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from db.crypto.legacy import LegacyKeys, Plaintext, has_token_structure


def token_bytes(length: int = 73, first: int = 0x80) -> bytes:
    return bytes([first]) + bytes(range(1, 251))[: length - 1]


@settings(deadline=None)
@given(st.binary(max_size=300))
def test_structure_of_any_bytes(raw: bytes) -> None:
    """The structure is: first byte 0x80, at least 73 bytes, and whole cipher blocks; nothing else."""
    expected = raw[:1] == b"\x80" and len(raw) >= 73 and (len(raw) - 57) % 16 == 0
    text = base64.urlsafe_b64encode(raw)
    assert has_token_structure(text.decode()) == expected
    assert has_token_structure(base64.b64encode(text).decode()) == expected


@pytest.mark.parametrize("length", [57, 72, 73, 74, 88, 89, 105, 249])
def test_structure_by_length(length: int) -> None:
    """Only 73 bytes and whole blocks of 16 more can be a token."""
    whole = length >= 73 and (length - 57) % 16 == 0
    assert has_token_structure(base64.urlsafe_b64encode(token_bytes(length)).decode()) == whole


def test_structure_is_strict() -> None:
    """Another first byte, alphabet, missing padding, loose bits or a line break is no structure."""
    token = base64.urlsafe_b64encode(token_bytes(73)).decode()
    assert has_token_structure(token)
    assert token.endswith("==")
    loose = token[:-3] + chr(ord(token[-3]) + 1) + "=="
    assert base64.urlsafe_b64decode(loose) == token_bytes(73)
    other_alphabet = base64.b64encode(b"\x80" + b"\xff" * 88).decode()
    first = base64.urlsafe_b64encode(token_bytes(73, first=0x81)).decode()
    for text in (
        loose,
        other_alphabet,
        first,
        token[:-1],
        token[:-2],
        token + "=",
        token + "\n",
        f" {token}",
    ):
        assert not has_token_structure(text)
        assert not has_token_structure(base64.b64encode(text.encode()).decode())
        assert LegacyKeys([]).read(text) == Plaintext(text)


def test_one_base64_around_a_token() -> None:
    """The base64 of a token has the structure, padded and canonical only; the base64 of that does not."""
    token = base64.urlsafe_b64encode(token_bytes(89))
    once = base64.b64encode(token)
    assert has_token_structure(once.decode())
    assert not has_token_structure(base64.b64encode(once).decode())
    assert not has_token_structure(base64.encodebytes(token).decode())
