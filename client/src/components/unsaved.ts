import { useEffect } from "react";

const QUESTION = "Leave this page? What you have changed here is not saved.";

let unsavedNow = 0;

/** Ask before a page is left with something unsaved: by a link, by going back, by signing out, or with the tab. */
export function useUnsaved(unsaved: boolean): void {
  useEffect(() => {
    if (!unsaved) return;
    const warn = (event: BeforeUnloadEvent): void => event.preventDefault();
    const ask = (event: NavigateEvent): void => {
      const { pathname, search } = new URL(event.destination.url);
      const leaves = pathname + search !== location.pathname + location.search;
      if (leaves && event.cancelable && event.destination.sameDocument && !confirm(QUESTION)) event.preventDefault();
    };
    addEventListener("beforeunload", warn);
    // Older browsers do not tell of it.
    const { navigation } = window as { navigation?: Navigation };
    navigation?.addEventListener("navigate", ask);
    unsavedNow += 1;
    return () => {
      removeEventListener("beforeunload", warn);
      navigation?.removeEventListener("navigate", ask);
      unsavedNow -= 1;
    };
  }, [unsaved]);
}

/** Whether nothing unsaved is lost, or whoever loses it says so. */
export function mayLeave(): boolean {
  return unsavedNow === 0 || confirm(QUESTION);
}
