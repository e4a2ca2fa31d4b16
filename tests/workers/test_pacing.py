"""Pace: how batches grow and shrink."""

import uuid

import pytest

from db.models import BackfillKind, BackfillStatus
from workers.pacing import Pace
from workers.tasks import Run

SEAL = BackfillKind.SEAL


@pytest.mark.parametrize(
    ("batch_size", "rate", "sizes"),
    [
        (None, None, [200, 400, 800, 1_600, 3_200, 1_600, 200]),
        (10_000, None, [10_000] * 7),
        (None, 200, [50] * 7),
        (None, 1, [1] * 7),
    ],
)
def test_batches_grow_while_they_are_quick(batch_size, rate, sizes):
    """Unless set, a batch doubles while it is quick, and shrinks when it is slow, faster when the next one is, too."""
    pace = Pace(Run(uuid.uuid4(), SEAL, BackfillStatus.RUNNING, False, batch_size, rate, True, "somebody", None))
    found = []
    for seconds in (0.001, 0.001, 0.001, 0.001, 1, 1, 1):
        found.append(pace.size)
        pace.succeed(seconds, pace.size)
    assert found == sizes


def test_batches_do_not_shrink_for_a_server_whose_every_answer_is_slow():
    """What a batch of no rows takes is not the rows' fault: they get half of the time, and no ever smaller batches."""
    pace = Pace(Run(uuid.uuid4(), SEAL, BackfillStatus.RUNNING, False, None, None, True, "somebody", None))
    for _ in range(20):
        pace.succeed(0.3 + pace.size * 0.0001, pace.size, overhead=0.3)
    assert pace.size == pytest.approx(400, rel=0.05)
    for _ in range(20):
        pace.succeed(0.01 + pace.size * 0.001, pace.size, overhead=0.01)
    assert pace.size == pytest.approx(70, rel=0.05)


def test_batches_do_not_collapse_on_a_busy_machine():
    """Where most batches wait for a processor, a batch keeps a few hundred rows; where all are slow, it does not."""
    pace = Pace(Run(uuid.uuid4(), SEAL, BackfillStatus.RUNNING, False, None, None, True, "somebody", None))
    for turn in range(40):
        pace.succeed(0.02 if turn % 8 == 0 else 0.3, pace.size)
        assert pace.size >= 200
    for _ in range(20):
        pace.succeed(pace.size * 0.004, pace.size)
    assert pace.size == pytest.approx(20, abs=2)


@pytest.mark.parametrize(
    ("batch_size", "left", "asked"),
    [
        (None, 1_000, [200] * 5),
        (None, 801, [161, 160, 160, 160, 200]),
        (None, 90, [200]),
        (None, -5, [200]),
        (300, 301, [300, 300]),
    ],
)
def test_no_batch_is_a_small_rest(batch_size, left, asked):
    """What is left of a slice is shared out among the batches that it takes; a size that is set is kept, and so is the
    last one, which finds whatever has come since. A share counts as a whole batch: while it is quick, batches grow."""
    pace = Pace(Run(uuid.uuid4(), SEAL, BackfillStatus.RUNNING, False, batch_size, None, True, "somebody", None))
    found = []
    while not found or left > 0:
        found.append(pace.ask(left))
        pace.succeed(found[-1] * 0.0004, found[-1])
        left -= found[-1]
    assert found == asked
    pace.ask(left := 3 * pace.size - 1)
    before, share = pace.size, pace.ask(left)
    pace.succeed(0.01, share)
    assert pace.size == (before if batch_size else 2 * before)
