import base64
import copy
import os
import pickle
import stat
import uuid
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from db.crypto.keyring import RootKeyProvider, RootKeyring
from db.errors import SealError, SettingsError

KEY = bytes(range(32))
OTHER = bytes(range(32, 64))
DATA_KEY = bytes(range(64, 96))
ID, OTHER_ID = uuid.UUID(int=1), uuid.UUID(int=2)
ORG, OTHER_ORG = uuid.UUID(int=3), uuid.UUID(int=4)


def text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def ring() -> RootKeyring:
    return RootKeyring.parse(f"new:{text(KEY)},old:{text(OTHER)}")


def private_file(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    path.chmod(0o600)
    return path


def assert_refused(root_key_id: str, wrapped: bytes, id: uuid.UUID, organization: uuid.UUID | None) -> None:
    with pytest.raises(SealError) as caught:
        ring().unwrap(root_key_id, wrapped, data_key_id=id, organization_id=organization)
    assert str(caught.value) == str(SealError())
    assert caught.value.__context__ is None
    assert caught.value.__cause__ is None


def test_first_key_is_primary() -> None:
    """The first key of the keyring wraps; the order of the others does not matter."""
    provider: RootKeyProvider = ring()
    assert provider.primary_id == "new"
    assert provider.ids == {"new", "old"}


@pytest.mark.parametrize("organization", [None, ORG])
def test_wraps_and_unwraps(organization: uuid.UUID | None) -> None:
    """A wrapped data key comes back, for an organization and for the global scope."""
    root_key_id, wrapped = ring().wrap(DATA_KEY, data_key_id=ID, organization_id=organization)
    assert root_key_id == "new"
    assert len(wrapped) == 61
    assert DATA_KEY not in wrapped
    assert ring().unwrap("new", wrapped, data_key_id=ID, organization_id=organization) == DATA_KEY


def test_retired_key_unwraps() -> None:
    """What a key wrapped while it was primary opens after it has been retired."""
    before = RootKeyring.parse(f"old:{text(OTHER)}")
    _, wrapped = before.wrap(DATA_KEY, data_key_id=ID, organization_id=ORG)
    assert ring().unwrap("old", wrapped, data_key_id=ID, organization_id=ORG) == DATA_KEY


def test_each_wrapping_differs() -> None:
    """A nonce is never taken twice, so the same key wrapped twice looks different."""
    wrapped = {ring().wrap(DATA_KEY, data_key_id=ID, organization_id=ORG)[1] for _ in range(50)}
    assert len(wrapped) == 50


@pytest.mark.parametrize("length", [0, 16, 31, 33])
def test_wraps_only_whole_data_keys(length: int) -> None:
    """Only a key of 32 bytes is wrapped."""
    with pytest.raises(ValueError, match="32 bytes"):
        ring().wrap(b"x" * length, data_key_id=ID, organization_id=ORG)


@settings(deadline=None)
@given(bit=st.integers(0, 61 * 8 - 1))
def test_any_flipped_bit_is_refused(bit: int) -> None:
    """A wrapped key with any one bit flipped does not open."""
    wrapped = bytearray(ring().wrap(DATA_KEY, data_key_id=ID, organization_id=ORG)[1])
    wrapped[bit // 8] ^= 1 << bit % 8
    assert_refused("new", bytes(wrapped), ID, ORG)


@pytest.mark.parametrize("length", range(61))
def test_any_truncation_is_refused(length: int) -> None:
    """A wrapped key cut short anywhere does not open; nor does one with more behind it."""
    wrapped = ring().wrap(DATA_KEY, data_key_id=ID, organization_id=ORG)[1]
    assert_refused("new", wrapped[:length], ID, ORG)
    assert_refused("new", wrapped + bytes(length + 1), ID, ORG)


def test_bound_to_id_organization_and_root_key() -> None:
    """A wrapped key copied to another id, organization, scope or root key does not open."""
    wrapped = ring().wrap(DATA_KEY, data_key_id=ID, organization_id=ORG)[1]
    assert_refused("new", wrapped, OTHER_ID, ORG)
    assert_refused("new", wrapped, ID, OTHER_ORG)
    assert_refused("new", wrapped, ID, None)
    assert_refused("old", wrapped, ID, ORG)
    assert_refused("unknown", wrapped, ID, ORG)


def test_root_key_id_is_bound() -> None:
    """The same root key under another id does not open what it wrapped: the id is vouched for too."""
    renamed = RootKeyring.parse(f"old:{text(KEY)}")
    wrapped = renamed.wrap(DATA_KEY, data_key_id=ID, organization_id=ORG)[1]
    assert_refused("new", wrapped, ID, ORG)


@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
def test_both_alphabets(encode: object) -> None:
    """A key may be given in standard or URL-safe base64."""
    key = b"\xfb\xff\xfe" * 10 + b"ab"
    encoded = base64.b64encode(key) if encode is base64.b64encode else base64.urlsafe_b64encode(key)
    _, wrapped = RootKeyring({"a": key}).wrap(DATA_KEY, data_key_id=ID, organization_id=None)
    parsed = RootKeyring.parse(f" a:{encoded.decode()} \n")
    assert parsed.unwrap("a", wrapped, data_key_id=ID, organization_id=None) == DATA_KEY


GOOD = f"good:{text(KEY)}"
# The last character of 32 bytes in base64 has two bits that must be zero.
LOOSE_BITS = text(OTHER)[:-2] + chr(ord(text(OTHER)[-2]) + 1) + "="


@pytest.mark.parametrize(
    ("second", "fault"),
    [
        ("", "form id:base64"),
        (text(OTHER), "form id:base64"),
        (f":{text(OTHER)}", "the id of entry 2"),
        (f"{'x' * 65}:{text(OTHER)}", "the id of entry 2"),
        (f"a b:{text(OTHER)}", "the id of entry 2"),
        (f"schlüssel:{text(OTHER)}", "the id of entry 2"),
        ("a:", "the key of entry 2"),
        (f"a:{text(OTHER[:31])}", "the key of entry 2"),
        (f"a:{text(OTHER + b'x')}", "the key of entry 2"),
        (f"a:{text(OTHER).rstrip('=')}", "the key of entry 2"),
        (f"a:{text(OTHER)}=", "the key of entry 2"),
        (f"a:{LOOSE_BITS}", "the key of entry 2"),
        (f"a:{text(OTHER)[:20]}\n{text(OTHER)[20:]}", "the key of entry 2"),
        (f"a:é{text(OTHER)}", "the key of entry 2"),
        (f"a:+_{text(OTHER)[2:]}", "the key of entry 2"),
        (f"good:{text(OTHER)}", "entry 2 repeats the id"),
        (f"a:{text(KEY)}", "entry 2 repeats the key"),
    ],
)
def test_refuses_a_malformed_entry(second: str, fault: str) -> None:
    """Anything but distinct ids with distinct 32-byte keys is refused by position, the key never told."""
    with pytest.raises(SettingsError, match=fault) as caught:
        RootKeyring.parse(f"{GOOD},{second}")
    assert "\n" not in str(caught.value)
    assert caught.value.__context__ is None
    for secret in (text(KEY), text(OTHER), text(OTHER)[:20], text(OTHER)[20:43]):
        assert secret not in str(caught.value)


def test_refuses_an_empty_keyring() -> None:
    """No text is no keyring."""
    with pytest.raises(SettingsError, match="entry 1"):
        RootKeyring.parse(" ")


def test_generates_random_keys() -> None:
    """A generated keyring has one key that no other keyring has, and an id that tells no date."""
    first, second = RootKeyring.generate(), RootKeyring.generate()
    assert first.primary_id != second.primary_id
    assert first.ids == {first.primary_id}
    assert first.primary_id.startswith("root-")
    _, wrapped = first.wrap(DATA_KEY, data_key_id=ID, organization_id=None)
    with pytest.raises(SealError):
        second.unwrap(second.primary_id, wrapped, data_key_id=ID, organization_id=None)


def test_creates_a_private_file(tmp_path: Path) -> None:
    """A created keyring is in a file of mode 0600, alone in its folder, and loads again."""
    path = tmp_path / "root.keys"
    created = RootKeyring.create(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert os.listdir(tmp_path) == ["root.keys"]
    _, wrapped = created.wrap(DATA_KEY, data_key_id=ID, organization_id=None)
    loaded = RootKeyring.load(path)
    assert loaded.primary_id == created.primary_id
    assert loaded.unwrap(created.primary_id, wrapped, data_key_id=ID, organization_id=None) == DATA_KEY


def test_file_is_private_under_any_umask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file is 0600 from its first byte, not made so later, whatever the umask."""
    modes: list[int] = []
    fsync = os.fsync

    def watch(descriptor: int) -> None:
        modes.append(stat.S_IMODE(os.fstat(descriptor).st_mode))
        fsync(descriptor)

    def no_chmod(*_: object) -> None:
        raise AssertionError("the mode is changed after the file was made")

    monkeypatch.setattr(os, "fsync", watch)
    monkeypatch.setattr(os, "chmod", no_chmod)
    monkeypatch.setattr(os, "fchmod", no_chmod)
    before = os.umask(0)
    try:
        RootKeyring.create(tmp_path / "root.keys")
    finally:
        os.umask(before)
    assert modes[0] == 0o600
    assert len(modes) == 2, "the file and its folder are both synced"


def test_create_never_replaces(tmp_path: Path) -> None:
    """An existing file, even an empty one, is left alone and no draft stays behind."""
    path = private_file(tmp_path / "root.keys", b"")
    with pytest.raises(SettingsError, match="exists already") as caught:
        RootKeyring.create(path)
    assert caught.value.__context__ is None
    assert path.read_bytes() == b""
    assert os.listdir(tmp_path) == ["root.keys"]


def test_create_without_a_folder(tmp_path: Path) -> None:
    """A folder that is not there is one clear line."""
    with pytest.raises(SettingsError, match="cannot be made: No such file"):
        RootKeyring.create(tmp_path / "none" / "root.keys")


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o644, 0o660, 0o601])
def test_load_refuses_a_shared_file(tmp_path: Path, mode: int) -> None:
    """A keyring that the group or others can use is refused."""
    path = private_file(tmp_path / "root.keys", GOOD.encode())
    path.chmod(mode)
    with pytest.raises(SettingsError, match="chmod 600"):
        RootKeyring.load(path)


def test_load_names_the_file_and_the_position(tmp_path: Path) -> None:
    """A malformed file is one line: its path and the entry, not the key."""
    path = private_file(tmp_path / "root.keys", f"{GOOD},a:{text(OTHER)}x".encode())
    with pytest.raises(SettingsError, match="the key of entry 2") as caught:
        RootKeyring.load(path)
    assert str(path) in str(caught.value)
    assert text(OTHER) not in str(caught.value)
    assert caught.value.__context__ is None


@pytest.mark.parametrize("content", [b"", b"a:\xff\xfe", b"\xe2\x82\xac"])
def test_load_refuses_what_is_no_keyring(tmp_path: Path, content: bytes) -> None:
    """An empty file and bytes that are no ASCII text are refused."""
    with pytest.raises(SettingsError) as caught:
        RootKeyring.load(private_file(tmp_path / "root.keys", content))
    assert caught.value.__context__ is None


def test_load_refuses_what_is_no_file(tmp_path: Path) -> None:
    """A missing file, a folder and a pipe are one clear line each, and none of them hangs."""
    os.mkfifo(tmp_path / "pipe", 0o600)
    os.mkdir(tmp_path / "folder", 0o700)
    for name, fault in (("none", "No such file"), ("pipe", "is not a file"), ("folder", "irectory")):
        with pytest.raises(SettingsError, match=fault):
            RootKeyring.load(tmp_path / name)


def test_keys_are_never_shown() -> None:
    """Repr and str show ids alone; pickling and copying are refused."""
    keyring = ring()
    assert repr(keyring) == str(keyring) == "RootKeyring(new, old)"
    for leave in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="never pickled"):
            leave(keyring)
