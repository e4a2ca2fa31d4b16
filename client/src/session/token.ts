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
  /** What whoever is signed in may do, as text; of a session that ended by itself, too, for as long as its pages are kept. */
  readonly scope: string | null;
}

let session: Session = {
  number: 0,
  token: sessionStorage.getItem(NAME),
  refreshToken: sessionStorage.getItem(REFRESH_NAME),
  notice: null,
  scope: null,
};
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

/** A new session; or the one that ended by itself goes on, where what may be done is the same. */
export function signIn(token: string, refreshToken: string | null, scope: string | null): void {
  const goesOn = scope !== null && session.scope === scope;
  change({ number: session.number + (goesOn ? 0 : 1), token, refreshToken, scope, notice: null });
}

/** Note what whoever is signed in may do. */
export function noteScope(scope: string): void {
  if (session.token !== null) session = { ...session, scope };
}

/** Put a new token in the place of one that ends; nothing on the page is lost. */
export function renew(token: string, refreshToken: string | null): void {
  change({ token, refreshToken });
}

/** End the session by choice: nothing of it is left. */
export function signOut(): void {
  change({ token: null, refreshToken: null, scope: null, notice: null });
}

/** How long what somebody was working on waits for them to sign in again. */
const KEPT_MS = 15 * 60_000;

/** The session has ended by itself: its pages are kept for a while, out of sight. */
export function endSession(notice: string): void {
  const { number } = session;
  change({ token: null, refreshToken: null, notice });
  setTimeout(() => {
    if (session.number === number && session.token === null) change({ scope: null });
  }, KEPT_MS);
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
