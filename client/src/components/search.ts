import { useEffect, useState } from "react";
import { useSearchParams } from "wouter";

/** A text of the address, such as what a list is searched for; it is written there a moment after it is typed. */
export function useAddressText(name: string): [typed: string, type: (text: string) => void, kept: string] {
  const [parameters, setParameters] = useSearchParams();
  const kept = parameters.get(name) ?? "";
  const [typed, setTyped] = useState(kept);
  const [seen, setSeen] = useState(kept);
  if (seen !== kept) {
    // The address has changed, by this or by other means: back, a link, or a button that clears it.
    setSeen(kept);
    setTyped(kept);
  }
  useEffect(() => {
    if (typed === kept) return;
    const write = (before: URLSearchParams): URLSearchParams => {
      const after = new URLSearchParams(before);
      if (typed) after.set(name, typed);
      else after.delete(name);
      return after;
    };
    const timer = setTimeout(() => setParameters(write, { replace: true }), 250);
    return () => clearTimeout(timer);
  });
  return [typed, setTyped, kept];
}
