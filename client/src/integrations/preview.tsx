import type { ReactElement } from "react";
import type { ConfigFieldInput, ConfigType, SchemaFragment } from "../api/generated";
import { count, Notice } from "../components/basics";
import { Foot, Overlay } from "../components/overlays";
import { TYPES } from "../configs/value";
import type { Effects } from "./schema-editor";

interface PreviewProps {
  readonly before: SchemaFragment["configSchema"];
  readonly after: readonly ConfigFieldInput[];
  readonly effects: Effects;
  readonly busy: boolean;
  readonly save: () => void;
  readonly close: () => void;
}

/** What a change of the schema does to how many rows, as the service found by trying it. */
export function Preview({ before, after, effects, busy, save, close }: PreviewProps): ReactElement {
  const lines = describe(before, after, effects);
  const reveals = before.some(({ key, type }) => type === "SECRET" && after.some((field) => field.key === key && field.type !== "SECRET"));
  return (
    <Overlay title="What this change does" close={close} kind="dialog">
      <div className="dialog-content">
        <p className="muted">The service tried it and took it back. Nothing has changed yet.</p>
        <ul className="lines preview">
          {lines.length === 0 && <li>No stored value is touched.</li>}
          {lines.map(({ key, text }) => (
            <li key={key}>
              <code>{key}</code>
              <span>{text}</span>
            </li>
          ))}
        </ul>
        {reveals && <Notice tone="warning">Secrets become plain values that everybody sees who may read. It is recorded in the audit log.</Notice>}
      </div>
      <Foot close={close} action={busy ? "Saving…" : "Save the schema"} isDisabled={busy} run={save} />
    </Overlay>
  );
}

interface Line {
  readonly key: string;
  readonly text: string;
}

function describe(before: SchemaFragment["configSchema"], after: readonly ConfigFieldInput[], effects: Effects): Line[] {
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
