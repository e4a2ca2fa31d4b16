import { cacheExchange, Client, fetchExchange, mapExchange, type Exchange } from "@urql/core";
import { codeOf } from "./errors";
import { fetchExactly } from "./exact";

function makeClient(readToken: () => string, exchanges: Exchange[]): Client {
  return new Client({
    url: "/graphql",
    fetch: fetchExactly,
    preferGetMethod: false,
    fetchSubscriptions: true,
    requestPolicy: "cache-and-network",
    fetchOptions: () => ({ headers: bearer(readToken()), credentials: "omit", cache: "no-store" }),
    exchanges,
  });
}

function bearer(token: string): Record<string, string> {
  return { authorization: `Bearer ${token}` };
}

/** The client of everything but plaintext. `refused` is called when the token no longer holds. */
export function openClient(readToken: () => string, refused: () => void): Client {
  const watch = mapExchange({
    onError(error) {
      if (codeOf(error) === "UNAUTHENTICATED") refused();
    },
  });
  return makeClient(readToken, [watch, cacheExchange, fetchExchange]);
}

/** A client without a cache: for plaintext, which is to be nowhere but where it is shown. */
export function openSecretClient(readToken: () => string): Client {
  return makeClient(readToken, [fetchExchange]);
}
