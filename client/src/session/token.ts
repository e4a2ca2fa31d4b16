// The token of this tab: in session storage, so that a reload keeps it and closing the tab forgets it.
import { useSyncExternalStore } from "react";

const NAME = "strongroom.token";

export interface Session {
  readonly token: string | null;
  /** Why the session before this one ended, if it did not end by choice. */
  readonly notice: string | null;
}

let session: Session = { token: sessionStorage.getItem(NAME), notice: null };
const listeners = new Set<() => void>();

function change(next: Session): void {
  session = next;
  if (next.token === null) sessionStorage.removeItem(NAME);
  else sessionStorage.setItem(NAME, next.token);
  listeners.forEach((listener) => listener());
}

export function signIn(token: string): void {
  change({ token, notice: null });
}

export function signOut(notice: string | null = null): void {
  change({ token: null, notice });
}

export function useSession(): Session {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => session,
  );
}
