import type { BackfillKind, BackfillStatus, RunFragment } from "../api/generated";
import type { Tone } from "../components/basics";

export const KINDS: Readonly<Record<BackfillKind, readonly [name: string, what: string]>> = {
  SEAL: ["Seal", "Seals every secret that older software left in plaintext, and gives every row its schema's type."],
  VERIFY: ["Verify", "Opens every secret again. When all is well, the database itself refuses plaintext secrets from then on."],
  ROTATE: ["Rotate", "Makes new data keys and seals every secret under them."],
  REWRAP: ["Rewrap", "Wraps all data keys again under the primary root key, and touches no row. After it an old root key can be removed."],
};

export const STATUSES: Readonly<Record<BackfillStatus, readonly [name: string, tone: Tone]>> = {
  ENQUEUED: ["Waiting for a worker", "neutral"],
  RUNNING: ["Running", "accent"],
  PAUSED: ["Paused", "warning"],
  CANCELLING: ["Cancelling", "warning"],
  CANCELLED: ["Cancelled", "neutral"],
  SUCCEEDED: ["Succeeded", "good"],
  FAILED: ["Failed", "bad"],
};

export function isActive({ status }: Pick<RunFragment, "status">): boolean {
  return status === "ENQUEUED" || status === "RUNNING" || status === "PAUSED" || status === "CANCELLING";
}

/** A length of time for people: 42 s, 3 min, 2 h 5 min. */
export function spell(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 90) return `${whole} s`;
  const minutes = Math.round(whole / 60);
  if (minutes < 90) return `${minutes} min`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

export function titleOf({ kind, dryRun }: Pick<RunFragment, "kind" | "dryRun">): string {
  return `${KINDS[kind][0]}${dryRun ? ", dry run" : ""}`;
}
