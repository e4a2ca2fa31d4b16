// The token of this tab: in session storage, so that a reload keeps it and closing the tab forgets it.
import { useSyncExternalStore } from "react";

const NAME = "strongroom.token";
const REFRESH_NAME = "strongroom.refresh";

export interface Session {
  /** Grows with every sign-in; a token that takes another's place is of the same session. */
  readonly number: number;
  readonly token: string | null;
  /** What gets a person's next token, where the provider gave it. */
  readonly refreshToken: string | null;
  /** Why the session before this one ended, if it did not end by choice. */
  readonly notice: string | null;
}

let session: Session = { number: 0, token: sessionStorage.getItem(NAME), refreshToken: sessionStorage.getItem(REFRESH_NAME), notice: null };
const listeners = new Set<() => void>();

function keep(name: string, value: string | null): void {
  if (value === null) sessionStorage.removeItem(name);
  else sessionStorage.setItem(name, value);
}

function change(part: Partial<Session>): void {
  session = { ...session, ...part };
  keep(NAME, session.token);
  keep(REFRESH_NAME, session.refreshToken);
  listeners.forEach((listener) => listener());
}

export function signIn(token: string, refreshToken: string | null = null): void {
  change({ number: session.number + 1, token, refreshToken, notice: null });
}

/** Put a new token in the place of one that ends; nothing on the page is lost. */
export function renew(token: string, refreshToken: string | null): void {
  change({ token, refreshToken });
}

export function signOut(notice: string | null = null): void {
  change({ token: null, refreshToken: null, notice });
}

export function readToken(): string {
  return session.token ?? "";
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
