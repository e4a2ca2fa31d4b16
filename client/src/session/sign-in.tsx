import { useEffect, useState, type ReactElement, type SyntheticEvent } from "react";
import { Form } from "react-aria-components";
import { openSecretClient } from "../api/client";
import { codeOf } from "../api/errors";
import { ViewerDocument } from "../api/generated";
import { Button, Notice } from "../components/basics";
import { TextInput } from "../components/fields";
import { comeBack, goToProvider, offersPeople } from "./people";
import { signIn } from "./token";
import { scopeOf } from "./viewer";

const NO_CRYPTOGRAPHY = "The browser does not let this page sign you in at a provider: that needs HTTPS. Use a token, or ask for an address with HTTPS.";

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
    const tried = await tryToken(token.trim());
    setBusy(false);
    if ("problem" in tried) setProblem(tried.problem);
    else signIn(token.trim(), null, tried.scope);
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
            <Button look="primary" onPress={() => void goToProvider().catch(() => setProblem(NO_CRYPTOGRAPHY))}>
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

type Tried = { readonly scope: string | null } | { readonly problem: string };

/** What a token may do, or why it does not sign in. */
async function tryToken(token: string): Promise<Tried> {
  if (!/^[\x21-\x7e]+$/.test(token)) return { problem: "This is no token: it has spaces or other characters that tokens do not have." };
  const { data, error } = await openSecretClient(() => token).query(ViewerDocument, {});
  if (data) return { scope: scopeOf(data.viewer) };
  switch (error && codeOf(error)) {
    case "FORBIDDEN":
      return { scope: null };
    case "UNAUTHENTICATED":
      return { problem: "This token does not hold. It may be mistyped, expired or revoked." };
    case "LIMIT_EXCEEDED":
      return { problem: "Too many failed attempts. Wait a minute, then try again." };
    default:
      return { problem: "The service does not answer. Check that it is running, then try again." };
  }
}
