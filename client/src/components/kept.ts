import { useState } from "react";

/** The last that was there of one thing: a look that fails later does not take away what somebody works on. */
export function useKept<Thing>(found: Thing | null, id: string): Thing | null {
  const [kept, setKept] = useState({ id, found });
  if (kept.id !== id || (found !== null && found !== kept.found)) setKept({ id, found });
  return found ?? (kept.id === id ? kept.found : null);
}
