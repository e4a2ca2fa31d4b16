import copy
import dataclasses
import json
import math
import pickle
import traceback
import uuid

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given, settings
from hypothesis import strategies as st

from db.crypto.sealing import MAX_DEPTH, VERSION, DataKey, JSONValue, Place, Purpose, data_key_id_of
from db.errors import SealError

SECRET = bytes(range(32))
KEY_ID = uuid.UUID("0b0e9a55-51cb-44a7-9d42-1c9f7f2e4b11")
ORG = uuid.UUID("c1cec6f8-c981-4f46-b0c3-4c3c8e1441e4")
INTEGRATION = uuid.UUID("edc9540d-096b-4493-9570-960119afd0de")
PLACE = Place(Purpose.CONFIG, ORG, INTEGRATION, "api_token")
PLANTED = "planted-secret-7f3a"

words = st.text(st.characters(exclude_categories=["Cs"]))
scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | words
values = st.recursive(scalars, lambda inner: st.lists(inner) | st.dictionaries(words, inner), max_leaves=20)
ids = st.none() | st.uuids()
places = st.builds(Place, st.sampled_from(Purpose), ids, ids, words)


def key() -> DataKey:
    return DataKey(KEY_ID, SECRET)


def forge(payload: bytes) -> bytes:
    """Seal bytes that no value turns into, under the right key and for the right place."""
    nonce = bytes(12)
    body = AESGCM(SECRET).encrypt(nonce, payload, key().associated_data(PLACE))
    return bytes([VERSION]) + KEY_ID.bytes + nonce + body


def assert_refused(sealed: bytes, place: Place = PLACE, opener: DataKey | None = None) -> None:
    with pytest.raises(SealError) as caught:
        (opener or key()).open(place, sealed)
    assert str(caught.value) == str(SealError())
    assert caught.value.__context__ is None
    assert caught.value.__cause__ is None
    with pytest.raises(SealError) as caught:
        (opener or key()).opener(place, sealed)()
    assert str(caught.value) == str(SealError())
    assert PLANTED not in repr(caught.value.__context__)


@settings(deadline=None)
@given(place=places, value=values)
def test_any_json_value_comes_back(place: Place, value: JSONValue) -> None:
    """What goes in comes out in any place: same value, same types, same order of keys."""
    sealed = key().seal(place, value)
    opened = key().open(place, sealed)
    assert opened == value
    again = key().opener(place, sealed)
    assert json.loads(again()) == json.loads(again()) == value
    assert json.dumps(opened) == json.dumps(value)


@pytest.mark.parametrize("digits", [1, 640, 641, 4300, 4301, 20_000])
def test_integers_of_any_size(digits: int) -> None:
    """An int comes back as the same int, also beyond what Python turns into text by itself."""
    big = 10**digits - 1
    value: JSONValue = {"a": [big, -big, True, 1.5, None, "x"], "b": {"c": big}, "d": {}}
    opened = key().open(PLACE, key().seal(PLACE, value))
    assert opened == value
    assert key().open(PLACE, key().seal(PLACE, big)) == big


def test_types_under_a_secret_are_kept() -> None:
    """1, 1.0, true and "1" stay four different things; an object keeps the order of its keys."""
    value: JSONValue = [1, 1.0, True, "1", {"z": 1, "a": 2}]
    opened = key().open(PLACE, key().seal(PLACE, value))
    assert repr(opened) == repr(value)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, f"{PLANTED}\ud800", {"\udfff": 1}])
@pytest.mark.parametrize("wrap", [False, True])
def test_refuses_what_json_cannot_hold(value: JSONValue, wrap: bool) -> None:
    """NaN, infinities and lone surrogates are a ValueError that carries nothing of the value."""
    given_value: JSONValue = {PLANTED: [value]} if wrap else value
    with pytest.raises(ValueError, match="not a value that JSON can hold") as caught:
        key().seal(PLACE, given_value)
    assert type(caught.value) is ValueError
    assert caught.value.__context__ is None
    assert PLANTED not in "".join(traceback.format_exception_only(caught.value))


def test_refuses_endless_values() -> None:
    """A value that contains itself is refused."""
    endless: list[JSONValue] = []
    endless.append(endless)
    with pytest.raises(ValueError, match="not a value that JSON can hold"):
        key().seal(PLACE, endless)


def nested(depth: int) -> JSONValue:
    value: JSONValue = "x"
    for level in range(depth):
        value = [value] if level % 2 else {"a": value}
    return value


def test_depth_has_a_limit() -> None:
    """What is nested within the limit opens; deeper is refused when sealing, never when opening."""
    assert key().open(PLACE, key().seal(PLACE, nested(MAX_DEPTH))) == nested(MAX_DEPTH)
    for depth in (MAX_DEPTH + 1, 2_000, 100_000):
        with pytest.raises(ValueError, match="not a value that JSON can hold"):
            key().seal(PLACE, nested(depth))


def test_many_brackets_are_not_depth() -> None:
    """A wide value and a text full of brackets are no deep value."""
    empty: list[JSONValue] = []
    wide: list[JSONValue] = [empty for _ in range(1_000)]
    wide.append("[{" * 1_000)
    assert key().open(PLACE, key().seal(PLACE, wide)) == wide


SEALED = DataKey(KEY_ID, SECRET, nonce=lambda: bytes(12)).seal(PLACE, {"client_secret": PLANTED, "n": 3})


@pytest.mark.parametrize("byte", range(len(SEALED)))
def test_any_flipped_bit_is_refused(byte: int) -> None:
    """A sealed value with any one bit flipped, header included, is the same one error."""
    for bit in range(8):
        assert_refused(SEALED[:byte] + bytes([SEALED[byte] ^ 1 << bit]) + SEALED[byte + 1 :])


@pytest.mark.parametrize("length", range(len(SEALED)))
def test_any_truncation_is_refused(length: int) -> None:
    """A sealed value cut short anywhere, or with more behind it, is the same one error."""
    assert_refused(SEALED[:length])
    assert_refused(SEALED + bytes(length + 1))


@settings(deadline=None)
@given(sealed=st.binary(max_size=120))
def test_noise_is_refused(sealed: bytes) -> None:
    """Random bytes, under the right header too, are the same one error and never their own raw value."""
    assert_refused(sealed)
    assert_refused(SEALED[:17] + sealed)


@settings(deadline=None)
@given(place=places, other=places)
def test_opens_in_its_own_place_only(place: Place, other: Place) -> None:
    """Sealed for one place, a value opens in no other: purpose, organization, integration and key count."""
    sealed = key().seal(place, PLANTED)
    assert key().open(place, sealed) == PLANTED
    if other != place:
        assert_refused(sealed, other)


@settings(deadline=None)
@given(place=places, other=places)
def test_each_part_of_the_place_counts(place: Place, other: Place) -> None:
    """Changing any single part of the place is enough to be refused."""
    sealed = key().seal(place, PLANTED)
    for part in dataclasses.fields(Place):
        swapped = dataclasses.replace(place, **{part.name: getattr(other, part.name)})
        if swapped != place:
            assert_refused(sealed, swapped)


def test_organization_and_integration_do_not_trade_places() -> None:
    """A value of an organization does not open for an integration of the same id."""
    sealed = key().seal(Place(Purpose.CONFIG, ORG, None, "k"), PLANTED)
    assert_refused(sealed, Place(Purpose.CONFIG, None, ORG, "k"))


@settings(deadline=None)
@given(first=places, second=places)
def test_no_two_places_share_their_associated_data(first: Place, second: Place) -> None:
    """The associated data of two places are equal only if the places are."""
    same = key().associated_data(first) == key().associated_data(second)
    assert same == (first == second)


def test_another_data_key_is_refused() -> None:
    """Neither another key of the same id nor the same key under another id opens a value."""
    assert_refused(SEALED, opener=DataKey(KEY_ID, bytes(32)))
    other_id = uuid.uuid4()
    assert_refused(SEALED, opener=DataKey(other_id, SECRET))
    assert_refused(SEALED[:1] + other_id.bytes + SEALED[17:], opener=DataKey(other_id, SECRET))


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b" ",
        b"planted-secret-7f3a",
        b'"planted',
        b'"a" ',
        b' "a"',
        b'"a""b"',
        b"NaN",
        b"[Infinity]",
        b"-Infinity",
        b'"\xff"',
        b"[" * 100_000,
    ],
)
def test_authentic_bytes_that_are_no_json_are_refused(payload: bytes) -> None:
    """Even under the right key and tag, what is not exactly one JSON value does not open."""
    assert_refused(forge(payload))


def test_a_place_that_is_no_text() -> None:
    """A lone surrogate in the place's key is refused, when sealing as when opening."""
    broken = Place(Purpose.CONFIG, None, None, "\ud800")
    with pytest.raises(ValueError, match="surrogates"):
        key().seal(broken, 1)
    assert_refused(SEALED, broken)


def test_names_its_data_key() -> None:
    """The id of the data key can be read from a sealed value without opening it."""
    assert data_key_id_of(SEALED) == KEY_ID
    for sealed in (b"", b"\x02" + SEALED[1:], b"\x00" + SEALED[1:], SEALED[:44]):
        with pytest.raises(SealError) as caught:
            data_key_id_of(sealed)
        assert str(caught.value) == str(SealError())


def test_each_sealing_differs() -> None:
    """Nonces are random: the same value sealed again is never the same bytes."""
    sealer = key()
    assert len({sealer.seal(PLACE, PLANTED)[17:29] for _ in range(500)}) == 500


def test_generates_keys() -> None:
    """A generated key and its secret are the same key, and no two are alike."""
    made, secret = DataKey.generate(KEY_ID)
    assert len(secret) == 32
    assert DataKey(KEY_ID, secret).open(PLACE, made.seal(PLACE, PLANTED)) == PLANTED
    assert DataKey.generate(KEY_ID)[1] != secret


@pytest.mark.parametrize("length", [0, 16, 24, 31, 33])
def test_only_whole_keys(length: int) -> None:
    """A data key is AES-256: 32 bytes and nothing less."""
    with pytest.raises(ValueError, match="32 bytes"):
        DataKey(KEY_ID, bytes(length))


def test_data_key_is_never_shown() -> None:
    """Repr and str show the id alone; pickling and copying are refused."""
    assert repr(key()) == str(key()) == f"DataKey({KEY_ID})"
    for leave in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="never pickled"):
            leave(key())
