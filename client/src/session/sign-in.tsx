import { useEffect, useState, type ReactElement, type SyntheticEvent } from "react";
import { Form } from "react-aria-components";
import { bearer } from "../api/client";
import { Button, Notice } from "../components/basics";
import { TextInput } from "../components/fields";
import { comeBack, goToProvider, offersPeople } from "./people";
import { signIn } from "./token";

/** Asks for a token, and tries it before it is kept. */
export function SignIn({ notice }: { notice: string | null }): ReactElement {
  const [token, setToken] = useState("");
  const [problem, setProblem] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);

  const [people, setPeople] = useState(false);
  useEffect(() => {
    if (location.pathname === "/console/signed-in") void comeBack().then(setProblem);
    void offersPeople().then(setPeople);
  }, []);

  const submit = async (event: SyntheticEvent): Promise<void> => {
    event.preventDefault();
    setBusy(true);
    const refusal = await tryToken(token.trim());
    setBusy(false);
    setProblem(refusal);
    if (refusal === null) signIn(token.trim());
  };
  return (
    <main className="sign-in" id="main">
      <title>Sign in · Strongroom</title>
      <div className="sign-in-card">
        <h1>
          <Mark /> Strongroom
        </h1>
        {notice !== null && problem === null && <Notice tone="warning">{notice}</Notice>}
        {problem !== null && <Notice tone="bad">{problem}</Notice>}
        {people && (
          <>
            <Button look="primary" onPress={() => void goToProvider()}>
              Sign in with your account
            </Button>
            <p className="or">or with a token</p>
          </>
        )}
        <Form onSubmit={(event) => void submit(event)}>
          <TextInput
            label="Token"
            type="password"
            value={token}
            change={setToken}
            autoComplete="current-password"
            hint="It stays in this tab and is forgotten when the tab closes."
          />
          <Button type="submit" look={people ? "plain" : "primary"} isDisabled={busy || token.trim() === ""}>
            {busy ? "Signing in…" : people ? "Sign in with the token" : "Sign in"}
          </Button>
        </Form>
      </div>
    </main>
  );
}

export function Mark(): ReactElement {
  return (
    <svg className="mark" viewBox="0 0 32 32" aria-hidden="true">
      <rect width="32" height="32" rx="7" />
      <g>
        <rect x="6" y="6" width="20" height="20" rx="3" />
        <circle cx="16" cy="16" r="5" />
        <path d="M16 8.6v3M16 20.4v3M8.6 16h3M20.4 16h3" />
      </g>
    </svg>
  );
}

/** Why a token does not sign in; null if it does. */
async function tryToken(token: string): Promise<string | null> {
  if (!/^[\x21-\x7e]+$/.test(token)) return "This is no token: it has spaces or other characters that tokens do not have.";
  try {
    const response = await fetch("/graphql", {
      method: "POST",
      headers: { ...bearer(token), "content-type": "application/json", accept: "application/json" },
      body: JSON.stringify({ query: "{ __typename }" }),
      credentials: "omit",
      cache: "no-store",
    });
    if (response.ok) return null;
    if (response.status === 401) return "This token does not hold. It may be mistyped, expired or revoked.";
    if (response.status === 429) return "Too many failed attempts. Wait a minute, then try again.";
  } catch {
    // Told below, like any answer that is none.
  }
  return "The service does not answer. Check that it is running, then try again.";
}
