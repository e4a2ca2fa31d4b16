import { useState, type ReactElement } from "react";
import type { PressEvent } from "react-aria-components";
import type { Problem } from "../api/errors";
import type { ConfigType } from "../api/generated";
import { Badge, Button } from "../components/basics";
import { goOnIn } from "../components/focus";
import { ChoiceField, TextInput, Toggle } from "../components/fields";
import { TYPES } from "../configs/value";
import { check } from "../edit/values";
import { useMay } from "../session/viewer";
import { retype, type FieldDraft } from "./drafts";

interface FieldEditorProps {
  readonly field: FieldDraft;
  /** The type that it has now; null for a new field. */
  readonly before: ConfigType | null;
  readonly problems: readonly Problem[];
  readonly mayWrite: boolean;
  readonly change: (field: FieldDraft) => void;
  readonly up: (() => void) | null;
  readonly down: (() => void) | null;
  readonly remove: () => void;
}

const SWITCHES = [
  { id: "", name: "None" },
  { id: "true", name: "On" },
  { id: "false", name: "Off" },
];

/** One field of a schema: folded to its key and type until it is opened. */
export function FieldEditor({ field, before, problems, mayWrite, change, up, down, remove }: FieldEditorProps): ReactElement {
  const [open, setOpen] = useState(field.key === "");
  const find = (name: string): string | null => problems.filter(({ path }) => path[2] === name).map(({ message }) => message).join("; ") || null;
  const isSecret = field.type === "SECRET";
  const mayReveal = useMay("config:reveal");
  const mayOpen = mayReveal || before !== "SECRET";
  const removeIt = ({ target }: PressEvent): void => {
    const section = target.closest("section");
    remove();
    goOnIn(section?.querySelector(".card-head") ?? null);
  };
  const name = field.key || "the new field";
  const shownOpen = open || problems.length > 0;
  return (
    <li className="schema-field">
      <div className="entry-head">
        <Button look="bare" icon={shownOpen ? "up" : "chevron"} aria-expanded={shownOpen} aria-label={`${shownOpen ? "Fold" : "Open"} ${name}`} onPress={() => setOpen(!shownOpen)} />
        <code>{field.key || "(new)"}</code>
        <span className="muted">{TYPES[field.type]}</span>
        {field.required && <span className="muted">required</span>}
        {before === null && <Badge tone="accent">New</Badge>}
        {before !== null && before !== field.type && <Badge tone="warning">was {TYPES[before]}</Badge>}
        {mayWrite && (
          <span className="entry-actions">
            <Button look="bare" icon="raise" aria-label={`Move ${name} up`} isDisabled={up === null} onPress={() => up?.()} />
            <Button look="bare" icon="lower" aria-label={`Move ${name} down`} isDisabled={down === null} onPress={() => down?.()} />
            <Button look="bare" icon="remove" aria-label={`Remove ${name}`} onPress={removeIt} />
          </span>
        )}
      </div>
      {shownOpen && (
        <div className="columns schema-field-body">
          <TextInput label="Key" value={field.key} change={(key) => change({ ...field, key })} problem={find("key")} isDisabled={!mayWrite} code required />
          <ChoiceField
            label="Type"
            value={field.type}
            change={(type) => change(retype(field, type as ConfigType))}
            choices={Object.entries(TYPES).map(([id, title]) => ({ id, name: title }))}
            problem={find("type")}
            hint={mayOpen ? null : "It stays a secret: who makes it anything else has to hold config:reveal."}
            isDisabled={!mayWrite || !mayOpen}
          />
          <TextInput label="Description" value={field.description} change={(description) => change({ ...field, description })} problem={find("description")} isDisabled={!mayWrite} />
          {!isSecret && (
            <>
              {field.type === "BOOL" ? (
                <ChoiceField label="Default" value={field.default} change={(text) => change({ ...field, default: text })} choices={SWITCHES} problem={find("default")} isDisabled={!mayWrite} />
              ) : (
                <TextInput
                  label="Default"
                  value={field.default}
                  change={(text) => change({ ...field, default: text })}
                  problem={find("default") ?? check(field.default, field.type)}
                  isDisabled={!mayWrite}
                  {...(field.type === "JSON" ? { lines: 3, code: true } : {})}
                />
              )}
              <TextInput label="Choices" value={field.options} change={(options) => change({ ...field, options })} problem={find("options")} hint="One a line; none is any value." lines={3} isDisabled={!mayWrite} />
            </>
          )}
          <Toggle label="Required" value={field.required} change={(required) => change({ ...field, required })} isDisabled={!mayWrite} />
        </div>
      )}
    </li>
  );
}
