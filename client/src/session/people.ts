// Signing in as a person: to the provider and back with a code (PKCE), which the service takes to the provider.
import { renew, signIn } from "./token";

const KEPT = "strongroom.sign-in";

interface Attempt {
  readonly state: string;
  readonly verifier: string;
  /** Where the reader was. */
  readonly path: string;
}

interface Answer {
  readonly token: string;
  readonly refreshToken: string | null;
}

/** Whether people can sign in here at all. */
export async function offersPeople(): Promise<boolean> {
  try {
    const response = await fetch("/console/sign-in/options", { credentials: "omit" });
    return response.ok && ((await response.json()) as { people: boolean }).people;
  } catch {
    return false;
  }
}

/** Leave for the provider. */
export async function goToProvider(): Promise<void> {
  const attempt: Attempt = { state: random(), verifier: random(), path: location.pathname + location.search };
  sessionStorage.setItem(KEPT, JSON.stringify(attempt));
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(attempt.verifier));
  const query = new URLSearchParams({ state: attempt.state, challenge: encode(new Uint8Array(digest)), return: address() });
  location.assign(`/console/sign-in/start?${query.toString()}`);
}

/** Come back from the provider; null if that worked, else why it did not. */
export async function comeBack(): Promise<string | null> {
  const query = new URLSearchParams(location.search);
  const attempt = JSON.parse(sessionStorage.getItem(KEPT) ?? "null") as Attempt | null;
  sessionStorage.removeItem(KEPT);
  // The code is of use once; it does not stay in the address or the history.
  history.replaceState(null, "", attempt?.path ?? "/console/");
  const code = query.get("code");
  if (attempt === null || query.get("state") !== attempt.state || code === null) return "Signing in was not finished. Try again.";
  const answer = await ask({ code, verifier: attempt.verifier, return: address() });
  if (answer === null) return "The provider did not sign you in, or not for this service.";
  signIn(answer.token, answer.refreshToken, null);
  return null;
}

/** Get a new token before the old one ends; false if there is none to be had. */
export async function refresh(refreshToken: string): Promise<boolean> {
  const answer = await ask({ refreshToken });
  if (answer !== null) renew(answer.token, answer.refreshToken ?? refreshToken);
  return answer !== null;
}

async function ask(body: Record<string, string>): Promise<Answer | null> {
  try {
    const response = await fetch("/console/sign-in/token", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
      credentials: "omit",
      cache: "no-store",
    });
    return response.ok ? ((await response.json()) as Answer) : null;
  } catch {
    return null;
  }
}

function address(): string {
  return `${location.origin}/console/signed-in`;
}

function random(): string {
  return encode(crypto.getRandomValues(new Uint8Array(32)));
}

function encode(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}
