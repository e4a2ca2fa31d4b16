import base64
import copy
import json
import pickle
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from db.crypto.legacy import (
    INNER_TOKEN,
    MAX_LAYERS,
    NO_KEY,
    NOT_TEXT,
    TOO_MANY_LAYERS,
    LegacyKeys,
    Opened,
    Plaintext,
    Undecidable,
)
from db.errors import SettingsError

DATA = Path(__file__).parents[2] / "data"
OURS, OLDER, LOST = (base64.urlsafe_b64encode(bytes([n]) * 32).decode() for n in (1, 2, 3))
PLANTED = "planted-secret-7f3a"


def keys(*fernet_keys: str) -> LegacyKeys:
    return LegacyKeys.from_settings(fernet_keys, None, None, None)


def bare(text: str | bytes, key: str = OURS) -> str:
    raw = text if isinstance(text, bytes) else text.encode()
    return Fernet(key).encrypt(raw).decode()


def wrapped(text: str | bytes, key: str = OURS) -> str:
    return base64.urlsafe_b64encode(bare(text, key).encode()).decode()


def token_bytes(length: int = 73, first: int = 0x80) -> bytes:
    return bytes([first]) + bytes(range(1, 251))[: length - 1]


Form = Callable[..., str]
FORMS = [bare, wrapped]


@pytest.mark.parametrize("form", FORMS)
@settings(deadline=None)
@given(secret=st.text(st.characters(exclude_categories=["Cs"]), max_size=200))
def test_opens_both_forms(form: Form, secret: str) -> None:
    """A Fernet token and the base64 of one both open to their text, whatever it is."""
    assert keys(OURS).read(form(secret)) == Opened(secret)


@pytest.mark.parametrize("outer", FORMS)
@pytest.mark.parametrize("inner", FORMS)
def test_sealed_values_are_sealed_twice(outer: Form, inner: Form) -> None:
    """The migration looks for `gAAA`, tokens begin `Z0FBQUFB`: what it sealed twice opens to the secret."""
    assert keys(OURS).read(outer(inner(PLANTED))) == Opened(PLANTED)
    assert keys(OURS, OLDER).read(outer(inner(PLANTED, OLDER), OURS)) == Opened(PLANTED)


def sealed_over(layers: int) -> str:
    text = PLANTED
    for _ in range(layers):
        text = bare(text)
    return text


def test_layers_have_a_limit() -> None:
    """Sixteen layers open; more is for an operator to decide."""
    assert keys(OURS).read(sealed_over(MAX_LAYERS)) == Opened(PLANTED)
    assert keys(OURS).read(sealed_over(MAX_LAYERS + 1)) == Undecidable(TOO_MANY_LAYERS)


def test_any_key_in_any_order() -> None:
    """All legacy keys are tried; their order does not matter."""
    for token_key in (OURS, OLDER):
        assert keys(OURS, OLDER).read(wrapped(PLANTED, token_key)) == Opened(PLANTED)
        assert keys(OLDER, OURS).read(wrapped(PLANTED, token_key)) == Opened(PLANTED)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("given_keys", [(), (OURS,), (OURS, OLDER)])
def test_lost_key(form: Form, given_keys: tuple[str, ...]) -> None:
    """With a lost key a token is undecidable; the ciphertext is never answered as the secret."""
    assert keys(*given_keys).read(form(PLANTED, LOST)) == Undecidable(NO_KEY)


@pytest.mark.parametrize("outer", FORMS)
@pytest.mark.parametrize("inner", FORMS)
def test_inner_key_lost(outer: Form, inner: Form) -> None:
    """A token that opens to a token nobody can open is undecidable, not that inner ciphertext."""
    assert keys(OURS).read(outer(inner(PLANTED, LOST))) == Undecidable(INNER_TOKEN)


@pytest.mark.parametrize("at", range(89))
def test_damaged_token(at: int) -> None:
    """A token with any byte changed does not open; it is undecidable while it has the structure."""
    raw = bytearray(base64.urlsafe_b64decode(bare(PLANTED)))
    assert len(raw) == 89
    raw[at] ^= 1
    damaged = base64.urlsafe_b64encode(raw).decode()
    for text in (damaged, base64.b64encode(damaged.encode()).decode()):
        assert keys(OURS).read(text) == (Undecidable(NO_KEY) if at else Plaintext(text))


def test_not_text() -> None:
    """A token of bytes that are no UTF-8 is undecidable."""
    assert keys(OURS).read(bare(b"\xff\xfe\x00")) == Undecidable(NOT_TEXT)


def pem() -> str:
    private = generate_private_key(SECP256R1())
    return private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hunter2",
        "gAAAxoxb-hybyc4tudbm9v",
        "gAAAAA" + "x" * 200,
        "gAAAAABo" + PLANTED * 10,
        "Z0FBQUFB",
        "Z0FBQUFB" + "x" * 200,
        "[SECRET]",
        "密码" * 60,
        "eyJhbGciOiJIUzI1NiJ9." + "a" * 120 + ".b",
        "\ud800" * 200,
        "x" * 65_536,
        "=" * 200,
    ],
)
def test_plaintext_that_looks_like_a_token(text: str) -> None:
    """A secret that begins with `gAAA`, or is merely long, is plaintext: a prefix decides nothing."""
    assert keys(OURS).read(text) == Plaintext(text)
    assert keys().read(text) == Plaintext(text)


def test_pem_is_plaintext() -> None:
    """A lenient decoder takes a PEM for a token; this one does not, whatever its body begins with."""
    for _ in range(20):
        text = pem()
        assert keys(OURS).read(text) == Plaintext(text)
    body = base64.encodebytes(token_bytes(89)).decode()
    for text in (body, f"-----BEGIN PRIVATE KEY-----\n{body}-----END PRIVATE KEY-----\n"):
        assert keys(OURS).read(text) == Plaintext(text)


@pytest.mark.parametrize("value", [None, True, 0, 443, 1.5, [], {"client_secret": "x"}, [bare("x")]])
def test_only_text_can_be_a_token(value: Any) -> None:
    """Numbers, booleans, null, arrays and objects are what they are, also with a token inside."""
    assert keys(OURS).read(value) == Plaintext(value)


@pytest.mark.parametrize("form", FORMS)
def test_reads_as_leniently_as_the_old_software(form: Form) -> None:
    """White space, line breaks, the other alphabet and lost padding do not hide a token that opens."""
    token = form(PLANTED)
    spoilt = [
        f" {token}\n",
        "\n".join(token[at : at + 64] for at in range(0, len(token), 64)),
        token.replace("-", "+").replace("_", "/"),
        token.rstrip("="),
        f"{token}é",
    ]
    for text in spoilt:
        assert keys(OURS).read(text) == Opened(PLANTED)


def test_default_salt_and_info() -> None:
    """With the application secret alone, salt and info are those of the replaced platform."""
    expected = json.loads((DATA / "legacy.expected.json").read_text())
    sealed = LegacyKeys.from_settings([], expected["secretKey"], expected["salt"], expected["info"])
    alone = LegacyKeys.from_settings([], expected["secretKey"], None, None)
    token = next(row for kind, _, row, _ in legacy_rows() if kind == "sealed")
    assert isinstance(sealed.read(token), Opened)
    assert alone.read(token) == sealed.read(token)
    for salt, info in (("other", None), (None, "other")):
        wrong = LegacyKeys.from_settings([], expected["secretKey"], salt, info)
        assert wrong.read(token) == Undecidable(NO_KEY)


ROW = re.compile(r"^\t\('([0-9a-f-]{36})', (?:NULL|'[^']*'), '[^']*', '((?:[^']|'')*)', '\w+', ", re.MULTILINE)


def legacy_rows() -> list[tuple[str, str, Any, dict[str, Any]]]:
    """Kind, type, stored value and expected outcome of each row of the legacy dump."""
    expected = json.loads((DATA / "legacy.expected.json").read_text())["configs"]
    found = ROW.findall((DATA / "legacy.sql").read_text())
    rows = [(expected[id], json.loads(value.replace("''", "'"))["value"]) for id, value in found]
    assert len(rows) == len(expected)
    return [(outcome["kind"], outcome["type"], value, outcome) for outcome, value in rows]


def test_the_legacy_dump() -> None:
    """Each row of the legacy dump reads as expected: secrets to their value, lost keys to a refusal."""
    setting = json.loads((DATA / "legacy.expected.json").read_text())
    legacy = LegacyKeys.from_settings([], setting["secretKey"], setting["salt"], setting["info"])
    for kind, type, value, outcome in legacy_rows():
        if type != "secret":
            assert legacy.read(value) == Plaintext(value), kind
        elif kind == "lost_key":
            assert legacy.read(value) == Undecidable(NO_KEY)
        else:
            sealed = kind in ("sealed", "sealed_typed_string", "bare_fernet", "standalone")
            assert legacy.read(value) == (Opened if sealed else Plaintext)(outcome["value"]), kind


BAD_KEYS = [
    "",
    "x",
    PLANTED,
    OURS[:-1],
    OURS + "=",
    OURS[:-4],
    f"{OURS[:20]}\n{OURS[20:]}",
    "é" + OURS,
    "\ud800",
]


@pytest.mark.parametrize("bad", BAD_KEYS)
def test_malformed_key(bad: str) -> None:
    """A malformed legacy key is one line: the variable and the position, never the value."""
    with pytest.raises(SettingsError, match="STRONGROOM_LEGACY_FERNET_KEYS: key 2 ") as caught:
        keys(OURS, bad)
    assert caught.value.__context__ is None
    assert caught.value.__cause__ is None
    assert PLANTED not in str(caught.value)
    assert "\n" not in str(caught.value)
    assert OURS[:20] not in str(caught.value)


def test_key_with_spaces_around() -> None:
    """Spaces after the commas of the list do no harm."""
    assert keys(f" {OURS} ").read(bare(PLANTED)) == Opened(PLANTED)


@pytest.mark.parametrize(
    ("name", "secret_key", "salt", "info"),
    [
        ("STRONGROOM_LEGACY_SECRET_KEY", "\udc80", None, None),
        ("STRONGROOM_LEGACY_SECRET_KEY_SALT", PLANTED, "\udc80", None),
        ("STRONGROOM_LEGACY_SECRET_KEY_INFO", PLANTED, None, "\udc80"),
    ],
)
def test_setting_that_is_no_text(name: str, secret_key: str, salt: str | None, info: str | None) -> None:
    """A variable that is not UTF-8 is refused by its name."""
    with pytest.raises(SettingsError, match=f"{name}: ") as caught:
        LegacyKeys.from_settings([], secret_key, salt, info)
    assert caught.value.__context__ is None
    assert PLANTED not in str(caught.value)


def test_nothing_is_shown() -> None:
    """Neither keys nor what they open appear in repr or str; keys are neither pickled nor copied."""
    legacy = keys(OURS, OLDER)
    assert repr(legacy) == "LegacyKeys(2)"
    for shown in (legacy.read(PLANTED), legacy.read(bare(PLANTED)), legacy.read(bare(PLANTED, LOST))):
        assert PLANTED not in repr(shown) + str(shown)
    for leave in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="never pickled"):
            leave(legacy)
