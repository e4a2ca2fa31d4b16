import asyncio
from contextlib import suppress

import pytest

from db.background import Background, end_tasks


async def sleep_through_the_first() -> None:
    """A library that waits with a limit loses a cancellation that comes as that is reached."""
    with suppress(asyncio.CancelledError):
        await asyncio.sleep(60)
    await asyncio.sleep(60)


async def test_a_cancellation_that_is_lost_comes_again() -> None:
    """Tasks end though their first cancellation is lost; those that have ended are left alone."""
    tasks = [asyncio.create_task(work) for work in (sleep_through_the_first(), asyncio.sleep(60), asyncio.sleep(0))]
    await asyncio.sleep(0.01)
    async with asyncio.timeout(10):
        await end_tasks(*tasks, every=0.01)
    assert [task.cancelled() for task in tasks] == [True, True, False]


async def test_what_the_work_raised_is_raised_where_it_is_stopped() -> None:
    """Work that has failed says so when it is stopped; stopping what was not started is nothing."""

    async def fail() -> None:
        raise ValueError

    background = Background()
    await background.stop()
    background.start(fail())
    await asyncio.sleep(0)
    with pytest.raises(ValueError, match=r"^$"):
        await background.stop()
