// What a change of a schema does to stored values, as the service found by trying it.
import type { ConfigFieldInput, ConfigType, SchemaFragment, UpdateIntegrationMutation } from "../api/generated";
import { count } from "../components/basics";
import { TYPES } from "../configs/value";

export type Effects = UpdateIntegrationMutation["updateIntegration"];

export interface Line {
  readonly key: string;
  readonly text: string;
}

/** What a change does to each key that it touches, in words. */
export function describeEffects(before: SchemaFragment["configSchema"], after: readonly ConfigFieldInput[], effects: Effects): Line[] {
  const were = new Map(before.map(({ key, type }) => [key, type]));
  const are = new Map(after.map(({ key, type }) => [key, type]));
  const lines: Line[] = [];
  for (const key of new Set([...were.keys(), ...are.keys()])) {
    const found = effects.changes.find((change) => change.key === key);
    const text = tell(were.get(key), are.get(key), found?.migrated ?? 0, found?.dropped ?? 0, found?.restored ?? 0);
    if (text !== null) lines.push({ key, text });
  }
  return lines;
}

function tell(was: ConfigType | undefined, is: ConfigType | undefined, migrated: number, dropped: number, restored: number): string | null {
  if (is === undefined) return dropped === 0 ? "Removed: no value is stored under it." : `Removed: ${values(dropped, "goes", "go")} to the history, to return with the field.`;
  if (was === undefined) {
    const found = `New: ${count(migrated, "value")} found under this key`;
    return restored > 0 ? `${found}, ${values(restored, "returns", "return")} from the history.` : `${found}.`;
  }
  if (was !== is) return `${TYPES[was]} becomes ${TYPES[is]}: ${values(migrated, "is", "are")} ${is === "SECRET" ? "sealed" : "converted"}.`;
  return migrated > 0 ? `${values(migrated, "is", "are")} written again.` : null;
}

function values(number: number, does: string, several: string): string {
  return `${count(number, "value")} ${number === 1 ? does : several}`;
}
