"""Failed sign-ins are counted by address and by credential, in bounded memory."""

import hashlib

import pytest

from db import throttle
from db.errors import LimitExceeded, Unauthenticated
from db.throttle import Buckets, Throttle


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


def test_a_limit_and_its_return() -> None:
    """So many failures at once, and as many again spread over each minute; the refusal says how long to wait."""
    clock = Clock()
    buckets: Buckets[str] = Buckets(3, clock)
    assert [buckets.take("a") for _ in range(5)] == [0, 0, 0, 20, 20]
    clock.now += 19
    assert buckets.take("a") == 1
    clock.now += 1
    assert [buckets.take("a"), buckets.take("a")] == [0, 20]
    clock.now += 3600
    assert [buckets.take("a") for _ in range(4)] == [0, 0, 0, 20]


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many addresses fail, so many are kept; the one that was quiet for longest goes first."""
    monkeypatch.setattr(throttle, "BUCKETS", 100)
    buckets: Buckets[str] = Buckets(1, Clock())
    for number in range(1000):
        buckets.take("kept")
        buckets.take(str(number))
    assert len(buckets) == 100
    assert buckets.take("kept") > 0
    assert buckets.take("0") == 0


def test_by_address_and_by_credential() -> None:
    """Either limit refuses: many credentials from one address, and one credential from many addresses."""
    limits = Throttle(3, 2, Clock())
    for number in range(3):
        assert isinstance(limits.fail("192.0.2.1", digest(str(number))), Unauthenticated)
    refusal = limits.fail("192.0.2.1", digest("4"))
    assert isinstance(refusal, LimitExceeded)
    assert refusal.extensions == {"code": "LIMIT_EXCEEDED", "retryAfter": 20}
    assert isinstance(limits.fail("192.0.2.2", digest("one")), Unauthenticated)
    assert isinstance(limits.fail("192.0.2.3", digest("one")), Unauthenticated)
    assert isinstance(limits.fail("192.0.2.4", digest("one")), LimitExceeded)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2001:db8::1", "2001:db8::2:3", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.2", False),
        ("fe80::1%eth0", "fe80::2%eth1", True),
        ("192.0.2.1", "192.0.2.2", False),
        ("unknown", "unknown", True),
    ],
)
def test_what_counts_as_one_address(one: str, other: str, same: bool) -> None:
    """An IPv6 network of one subscriber is one address; so is an IPv4 address however it is written."""
    limits = Throttle(1, 9, Clock())
    limits.fail(one, digest("a"))
    assert isinstance(limits.fail(other, digest("b")), LimitExceeded) is same


def test_the_log_is_told_once_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    """An attacker cannot fill the log, and the credential is not in it."""
    clock = Clock()
    limits = Throttle(1, 1, clock)
    for _ in range(50):
        limits.fail("192.0.2.1", digest("a"))
    assert len(caplog.records) == 1
    assert "192.0.2.1" in caplog.text
    clock.now += throttle.PERIOD
    limits.fail("192.0.2.1", digest("a"))
    limits.fail("192.0.2.1", digest("a"))
    assert len(caplog.records) == 2
