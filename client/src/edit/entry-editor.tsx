import type { ReactElement } from "react";
import type { PressEvent } from "react-aria-components";
import { print } from "../api/exact";
import type { EntryFragment, LayerFragment } from "../api/generated";
import { Badge, Button } from "../components/basics";
import { goOnIn } from "../components/focus";
import { TYPES, Value } from "../configs/value";
import type { Draft } from "./drafts";
import { ValueEditor } from "./value-editor";
import { write } from "./values";

interface EntryEditorProps {
  readonly entry: EntryFragment;
  readonly own: LayerFragment | null;
  readonly draft: Draft | undefined;
  readonly isOrganization: boolean;
  readonly problem: string | null;
  readonly isDisabled: boolean;
  readonly autoFocus: boolean;
  readonly put: (text: string | null) => void;
  readonly drop: () => void;
}

/** One field of an integration: what is there, what is inherited, and what somebody makes of it. */
export function EntryEditor(props: EntryEditorProps): ReactElement {
  const { entry, own, draft, isOrganization, put, drop } = props;
  const type = entry.field?.type ?? own?.type ?? "STRING";
  const cleared = draft !== undefined && (draft.text === null || draft.text === "");
  const status = cleared && own ? "Will be cleared" : draft !== undefined ? "Changed" : null;
  return (
    <div className="entry" data-key={entry.key}>
      <div className="entry-head">
        <code>{entry.key}</code>
        <span className="muted">{TYPES[type]}</span>
        {entry.field?.required && <span className="muted">required</span>}
        {entry.missing && <Badge tone="bad">Missing</Badge>}
        {entry.field === null && <Badge tone="warning">Not in the schema</Badge>}
        {own && !status && <Badge tone="accent">{isOrganization ? "Override" : "Default"}</Badge>}
        {status && <Badge tone="warning">{status}</Badge>}
        <span className="entry-actions">
          {draft !== undefined && (
            <Button look="bare" onPress={then(drop)} aria-label={`Undo ${entry.key}`}>
              Undo
            </Button>
          )}
          {own && !cleared && !props.isDisabled && (
            <Button look="bare" onPress={then(() => put(null))} aria-label={`Clear ${entry.key}`}>
              Clear
            </Button>
          )}
        </span>
      </div>
      {type === "SECRET" ? <SecretEditor {...props} /> : <PlainEditor {...props} type={type} />}
      <Inherited entry={entry} isOrganization={isOrganization} />
    </div>
  );
}

/** Does it, and goes on in the same entry: the button goes with what it did. */
function then(work: () => void): (event: PressEvent) => void {
  return ({ target }) => {
    const entry = target.closest(".entry");
    work();
    goOnIn(entry);
  };
}

function PlainEditor({ entry, own, draft, problem, isDisabled, autoFocus, put, type }: EntryEditorProps & { type: Exclude<EntryFragment["field"], null>["type"] }): ReactElement {
  const stored = type === "BOOL" ? write(own ? own.value : entry.value, type) : write(own?.value, type);
  return (
    <ValueEditor
      label={entry.field?.description ?? entry.key}
      type={type}
      options={entry.field?.options ?? null}
      text={draft ? (draft.text ?? "") : stored}
      change={put}
      hint={null}
      problem={problem}
      placeholder={own || entry.value === null ? "" : `Inherited: ${print(entry.value)}`}
      isDisabled={isDisabled || entry.field === null}
      autoFocus={autoFocus}
    />
  );
}

/** Never shows what is there. Left alone it keeps it; it is cleared only on purpose. */
function SecretEditor({ entry, own, draft, problem, isDisabled, autoFocus, put }: EntryEditorProps): ReactElement {
  const cleared = draft?.text === null;
  if (cleared) return <p className="muted">The secret will be removed when you save.</p>;
  return (
    <ValueEditor
      label={entry.field?.description ?? entry.key}
      type="SECRET"
      options={null}
      text={draft?.text ?? ""}
      change={put}
      hint={own ? "Leave it empty to keep the secret that is there. Clear removes it." : null}
      problem={problem}
      placeholder={own ? "•••••••• (kept)" : "Not set"}
      isDisabled={isDisabled}
      autoFocus={autoFocus}
    />
  );
}

function Inherited({ entry, isOrganization }: { entry: EntryFragment; isOrganization: boolean }): ReactElement | null {
  if (!entry.field) return null;
  const layer = isOrganization ? entry.default : null;
  if (layer) {
    return (
      <p className="inherited muted">
        Default: <Value type={layer.type} value={layer.value} sealed={layer.sealed} />
      </p>
    );
  }
  if (entry.field.default === null || entry.field.default === undefined) return null;
  return (
    <p className="inherited muted">
      Default of the schema: <Value type={entry.field.type} value={entry.field.default} />
    </p>
  );
}
