import type { ReactElement } from "react";
import type { ConfigFieldInput, SchemaFragment } from "../api/generated";
import { Notice } from "../components/basics";
import { Foot, Overlay } from "../components/overlays";
import { describeEffects, type Effects } from "./effects";

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
  const lines = describeEffects(before, after, effects);
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
