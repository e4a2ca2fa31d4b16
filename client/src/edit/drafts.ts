// What somebody has changed and not saved: per key a text or a clearing, and the version that it was made on.
import { useState } from "react";
import type { EntryFragment, LayerFragment } from "../api/generated";
import { check, read } from "./values";

export interface Draft {
  /** The new value as text; null clears it. */
  readonly text: string | null;
  /** The version that the form showed; 0 is: not there yet. */
  readonly base: number;
}

export type Drafts = ReadonlyMap<string, Draft>;

export interface DraftBook {
  readonly drafts: Drafts;
  readonly put: (key: string, text: string | null, base: number) => void;
  /** Go on from a newer version: it is known and will be written over. */
  readonly rebase: (key: string, base: number) => void;
  readonly drop: (key: string) => void;
  readonly dropAll: () => void;
  /** What was sent is saved: drop it, but for what has been changed since, which goes on from what is there now. */
  readonly settle: (sent: Drafts, entries: readonly EntryFragment[], isOrganization: boolean) => void;
}

export function useDrafts(): DraftBook {
  const [drafts, setDrafts] = useState<Drafts>(new Map());
  const change = (work: (next: Map<string, Draft>) => void): void =>
    setDrafts((before) => {
      const next = new Map(before);
      work(next);
      return next;
    });
  return {
    drafts,
    put: (key, text, base) => change((next) => next.set(key, { text, base: next.get(key)?.base ?? base })),
    rebase: (key, base) =>
      change((next) => {
        const draft = next.get(key);
        if (draft) next.set(key, { ...draft, base });
      }),
    drop: (key) => change((next) => next.delete(key)),
    dropAll: () => setDrafts(new Map()),
    settle: (sent, entries, isOrganization) =>
      change((next) => {
        for (const [key, { text }] of sent) {
          const draft = next.get(key);
          const entry = entries.find((one) => one.key === key);
          if (draft?.text === text) next.delete(key);
          else if (draft) next.set(key, { ...draft, base: (entry && ownOf(entry, isOrganization)?.version) ?? 0 });
        }
      }),
  };
}

/** The stored value that the form writes: the organization's own, or the integration's default. */
export function ownOf(entry: EntryFragment, isOrganization: boolean): LayerFragment | null {
  return isOrganization ? entry.override : entry.default;
}

/** The entries that somebody else has written since their drafts were begun. */
export function findConflicts(entries: readonly EntryFragment[], drafts: Drafts, isOrganization: boolean): EntryFragment[] {
  return entries.filter((entry) => {
    const draft = drafts.get(entry.key);
    return draft !== undefined && draft.base !== (ownOf(entry, isOrganization)?.version ?? 0);
  });
}

export interface Sent {
  readonly config: Record<string, unknown>;
  readonly expectedVersions: Record<string, number>;
}

/** What is sent for the drafts, or null if one of them cannot be. */
export function collect(entries: readonly EntryFragment[], drafts: Drafts): Sent | null {
  const config: [string, unknown][] = [];
  const expectedVersions: [string, number][] = [];
  for (const { key, field } of entries) {
    const draft = drafts.get(key);
    if (!draft) continue;
    const type = field?.type ?? "STRING";
    if (draft.text !== null && check(draft.text, type) !== null) return null;
    config.push([key, draft.text === null || draft.text === "" ? null : read(draft.text, type)]);
    expectedVersions.push([key, draft.base]);
  }
  // Of entries, not by assignment: a key may be __proto__.
  return { config: Object.fromEntries(config), expectedVersions: Object.fromEntries(expectedVersions) };
}
