"""From where and why: what of a request's headers is believed, and what of it the log keeps."""

from ipaddress import ip_network

import pytest

from db.errors import BadInput, SettingsError
from db.settings import Settings
from gql.origin import find_client, read_reason

PROXIES = (ip_network("10.0.0.0/8"), ip_network("fd00::/8"))


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("10.0.0.1", ["198.51.100.7"], "198.51.100.7"),
        ("10.0.0.1", ["203.0.113.9, 198.51.100.7"], "198.51.100.7"),
        ("10.0.0.1", ["203.0.113.9", "198.51.100.7, 10.2.3.4"], "198.51.100.7"),
        ("10.0.0.1", ["10.9.9.9, 10.2.3.4"], "10.9.9.9"),
        ("10.0.0.1", ["203.0.113.9, nonsense, 10.2.3.4"], "10.2.3.4"),
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", ["", "198.51.100.7:4711"], "198.51.100.7"),
        ("fd00::1", ["[2001:db8::7]:4711"], "2001:db8::7"),
        ("fd00::1", ["2001:DB8:0::7%eth0"], "2001:db8::7"),
        ("::ffff:10.0.0.1", ["198.51.100.7"], "198.51.100.7"),
        ("203.0.113.1", ["198.51.100.7"], "203.0.113.1"),
        ("a socket", ["198.51.100.7"], None),
        (None, ["198.51.100.7"], None),
    ],
)
def test_the_clients_address(peer: str | None, forwarded: list[str], client: str | None) -> None:
    """X-Forwarded-For is read from its end, as far as trusted proxies wrote it: what a client put there itself is not
    believed, nor is any of it from a peer that is no trusted proxy."""
    assert find_client(peer, forwarded, PROXIES) == client


def test_nobody_is_trusted_unasked() -> None:
    """Without STRONGROOM_TRUSTED_PROXIES the header counts for nothing, not even from this machine."""
    assert find_client("127.0.0.1", ["198.51.100.7"], ()) == "127.0.0.1"
    assert Settings.from_env({}).trusted_proxies == ()
    given = Settings.from_env({"STRONGROOM_TRUSTED_PROXIES": "10.0.0.0/8, fd00::/8"})
    assert given.trusted_proxies == PROXIES
    with pytest.raises(SettingsError, match="STRONGROOM_TRUSTED_PROXIES"):
        Settings.from_env({"STRONGROOM_TRUSTED_PROXIES": "*"})


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        (None, None),
        ("", None),
        ("  \t ", None),
        ("ticket 4711", "ticket 4711"),
        ("one\r\nactor=admin\x00\x1b[2J", "one actor=admin [2J"),
        ("für alle".encode().decode("latin-1"), "für alle"),
        ("für alle", "für alle"),
        ("left\u202eright".encode().decode("latin-1"), "left right"),
        ("x" * 500, "x" * 500),
    ],
)
def test_the_reason(header: str | None, reason: str | None) -> None:
    """A reason is one line without characters that a reader would not see; UTF-8 and Latin-1 are both read."""
    assert read_reason(header) == reason


def test_a_reason_that_is_too_long_is_refused() -> None:
    """More than 500 characters are refused, since half a reason may say something else."""
    with pytest.raises(BadInput, match="Strongroom-Reason"):
        read_reason("x" * 501)
