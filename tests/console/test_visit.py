"""What the tests of the console rest on: a check of the page waits until nothing moves."""

import asyncio

from playwright.async_api import expect

from tests.console.visit import Visit

CONTRAST = "color-contrast"

HALF_WAY = """() => {
    const moving = document.getAnimations();
    for (const one of moving) one.currentTime = one.effect.getComputedTiming().endTime / 2;
    return moving.length;
}"""
"""Puts what moves half way; how much that is."""

BEGIN_LATER = """() => {
    const box = document.createElement('p');
    document.body.append(box);
    const fade = () => box.animate([{ opacity: 0 }, { opacity: 1 }], 300).finished;
    window.ended = 0;
    requestAnimationFrame(() => fade().then(() => {
        window.ended += 1;
        requestAnimationFrame(() => fade().then(() => { window.ended += 1; }));
    }));
    return document.getAnimations().length;
}"""
"""Two animations, each of which begins with a frame that is still to come; how many there are before the first."""


async def test_a_dialog_that_fades_in_is_waited_for(visit: Visit) -> None:
    """While a dialog fades in, held up here as by a busy machine, axe finds too little contrast; a check waits."""
    await visit.go("/integrations")
    await visit.settle()
    session = await visit.page.context.new_cdp_session(visit.page)
    await session.send("Animation.enable")
    await session.send("Animation.setPlaybackRate", {"playbackRate": 0.0001})
    await visit.page.get_by_role("button", name="New integration").click()
    await expect(visit.page.get_by_role("dialog")).to_be_visible()
    assert await visit.page.evaluate(HALF_WAY) > 0
    assert CONTRAST in "".join(await visit.run_axe(CONTRAST))
    check = asyncio.create_task(visit.check_accessibility(CONTRAST))
    await asyncio.wait({check}, timeout=0.5)
    assert not check.done()
    await session.send("Animation.setPlaybackRate", {"playbackRate": 1})
    await check


async def test_what_begins_to_move_later_is_waited_for(visit: Visit) -> None:
    """What was asked for begins to move a frame later, and something else when it ends: both are waited for."""
    await visit.go("/integrations")
    await visit.settle()
    assert await visit.page.evaluate(BEGIN_LATER) == 0
    await visit.stand_still()
    assert await visit.page.evaluate("window.ended") == 2
