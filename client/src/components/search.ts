import { useState } from "react";
import { useSearchParams } from "wouter";

/** A text of the address, such as what a list is searched for; it is written there a moment after it is typed. */
export function useAddressText(name: string): [string, (text: string) => void, string] {
  const [parameters, setParameters] = useSearchParams();
  const kept = parameters.get(name) ?? "";
  const [typed, setTyped] = useState(kept);
  const [timer, setTimer] = useState<ReturnType<typeof setTimeout> | null>(null);
  const type = (text: string): void => {
    setTyped(text);
    if (timer !== null) clearTimeout(timer);
    const write = (): void =>
      setParameters(
        (before) => {
          const after = new URLSearchParams(before);
          if (text) after.set(name, text);
          else after.delete(name);
          return after;
        },
        { replace: true },
      );
    setTimer(setTimeout(write, 250));
  };
  return [typed, type, kept];
}
