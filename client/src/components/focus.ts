// Where the focus goes when what had it is no longer there: without this a screen reader starts again at the top.

/** Whether nothing has the focus. */
function isLost(): boolean {
  return document.activeElement === null || document.activeElement === document.body;
}

/** Once what was pressed has had its effect: go on at the first control of the part that it was in, if it is gone itself. */
export function goOnIn(part: Element | null): void {
  requestAnimationFrame(() => {
    if (!isLost()) return;
    const control = part?.querySelector<HTMLElement>("input, textarea, .control") ?? part?.querySelector<HTMLElement>("button:enabled");
    control?.focus();
  });
}

/** Time for a dialog to give the focus back by itself. */
const GIVEN_BACK_MS = 100;

/** After a dialog whose opener is gone, such as the row that it deleted: go on in the page. */
export function goOnInPage(): void {
  setTimeout(() => {
    if (isLost()) document.getElementById("main")?.focus({ preventScroll: true });
  }, GIVEN_BACK_MS);
}
