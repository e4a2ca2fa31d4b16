// Plaintext: fetched when it is asked for, kept by nothing but the one who asked.
import { useMemo } from "react";
import { openSecretClient } from "../api/client";
import { tell } from "../api/errors";
import { print } from "../api/exact";
import { RevealConfigDocument } from "../api/generated";
import { readToken } from "../session/token";

export interface Plaintext {
  readonly text: string;
}

/** A function that reveals one config, on record. It throws an Error with a sentence for people. */
export function useReveal(): (id: string, reason: string) => Promise<Plaintext> {
  const client = useMemo(() => openSecretClient(readToken), []);
  return async (id, reason) => {
    const { data, error } = await client.query(RevealConfigDocument, { id }, withReason(reason, readToken()));
    if (error) throw new Error(tell(error));
    const value = data?.config?.decryptedValue;
    if (value === undefined || value === null) throw new Error("This value is empty.");
    return { text: print(value, 2) };
  };
}

function withReason(reason: string, token: string): { fetchOptions: RequestInit } {
  const headers: Record<string, string> = { authorization: `Bearer ${token}` };
  // A header holds bytes; the service reads these as UTF-8.
  const bytes = new TextEncoder().encode(reason.trim());
  if (bytes.length > 0) headers["strongroom-reason"] = String.fromCharCode(...bytes);
  return { fetchOptions: { headers, credentials: "omit", cache: "no-store" } };
}
