import { useEffect } from "react";

const QUESTION = "Leave this page? What you have changed here is not saved.";

/** Ask before a page is left with something unsaved: by a link, by going back, or with the tab. */
export function useUnsaved(unsaved: boolean): void {
  useEffect(() => {
    if (!unsaved) return;
    const warn = (event: BeforeUnloadEvent): void => event.preventDefault();
    const ask = (event: NavigateEvent): void => {
      const leaves = new URL(event.destination.url).pathname !== location.pathname;
      if (leaves && event.cancelable && event.destination.sameDocument && !confirm(QUESTION)) event.preventDefault();
    };
    addEventListener("beforeunload", warn);
    // Older browsers do not tell of it.
    const { navigation } = window as { navigation?: Navigation };
    navigation?.addEventListener("navigate", ask);
    return () => {
      removeEventListener("beforeunload", warn);
      navigation?.removeEventListener("navigate", ask);
    };
  }, [unsaved]);
}
