import { useState, type ReactElement } from "react";
import { useMutation, type CombinedError } from "urql";
import { problemsOf, tell, type Problem } from "../api/errors";
import { UpdateIntegrationDocument, type SchemaFragment, type UpdateIntegrationMutation } from "../api/generated";
import { Button, Notice } from "../components/basics";
import { TextInput } from "../components/fields";
import { useUnsaved } from "../components/unsaved";
import { draftsOf, inputsOf, newField, type FieldDraft } from "./drafts";
import { FieldEditor } from "./field-editor";
import { Preview } from "./preview";

interface SchemaEditorProps {
  readonly integration: SchemaFragment;
  readonly mayWrite: boolean;
  readonly saved: () => void;
}

export type Effects = UpdateIntegrationMutation["updateIntegration"];

/** The name, description and fields of an integration. A change is shown with what it does to which rows, then saved. */
export function SchemaEditor({ integration, mayWrite, saved }: SchemaEditorProps): ReactElement {
  const [name, setName] = useState(integration.name);
  const [description, setDescription] = useState(integration.description ?? "");
  const [fields, setFields] = useState(() => draftsOf(integration.configSchema));
  const [dirty, setDirty] = useState(false);
  const [effects, setEffects] = useState<Effects | null>(null);
  const [refusal, setRefusal] = useState<CombinedError | null>(null);
  const [{ fetching }, update] = useMutation(UpdateIntegrationDocument);
  useUnsaved(dirty);
  const configSchema = inputsOf(fields);
  const problems = refusal ? problemsOf(refusal) : [];

  const change = (next: readonly FieldDraft[]): void => {
    setFields(next);
    setDirty(true);
    setRefusal(null);
  };
  const touch = (set: (text: string) => void) => (text: string): void => {
    set(text);
    setDirty(true);
  };
  const send = async (dryRun: boolean): Promise<void> => {
    const { data, error } = await update({ input: { id: integration.id, name, description: description || null, configSchema, dryRun } });
    setRefusal(error ?? null);
    setEffects(dryRun ? (data?.updateIntegration ?? null) : null);
    if (data && !dryRun) saved();
  };
  const move = (from: number, by: number): void => {
    const next = [...fields];
    const [moved] = next.splice(from, 1);
    if (moved) next.splice(from + by, 0, moved);
    change(next);
  };
  const rest = problems.filter(({ path }) => path[0] !== "configSchema" || typeof path[1] !== "number");
  return (
    <section className="card" aria-label="Schema">
      <div className="card-head">
        <h2>Schema</h2>
        {mayWrite && (
          <div className="row-actions">
            <Button icon="add" onPress={() => change([...fields, newField()])}>
              Add a field
            </Button>
            <Button look="primary" isDisabled={!dirty || fetching || configSchema === null} onPress={() => void send(true)}>
              Review changes
            </Button>
          </div>
        )}
      </div>
      {refusal && (
        <Notice tone="bad">
          {rest.length > 0 || problems.length === 0 ? tell(refusal) : "This change is refused. What is in its way is beside the fields. Nothing was changed."}
        </Notice>
      )}
      <div className="columns">
        <TextInput label="Name" value={name} change={touch(setName)} problem={about(problems, "name")} isDisabled={!mayWrite} required />
        <TextInput label="Description" value={description} change={touch(setDescription)} problem={about(problems, "description")} isDisabled={!mayWrite} />
      </div>
      {fields.length === 0 && <p className="muted">It has no fields yet.</p>}
      <ol className="field-list">
        {fields.map((field, place) => (
          <FieldEditor
            key={field.id}
            field={field}
            before={integration.configSchema.find(({ key }) => key === field.key)?.type ?? null}
            problems={problems.filter(({ path }) => path[0] === "configSchema" && path[1] === place)}
            mayWrite={mayWrite}
            change={(next) => change(fields.map((one) => (one.id === field.id ? next : one)))}
            up={place > 0 ? () => move(place, -1) : null}
            down={place < fields.length - 1 ? () => move(place, 1) : null}
            remove={() => change(fields.filter(({ id }) => id !== field.id))}
          />
        ))}
      </ol>
      {effects && (
        <Preview before={integration.configSchema} after={configSchema ?? []} effects={effects} busy={fetching} save={() => void send(false)} close={() => setEffects(null)} />
      )}
    </section>
  );
}

function about(problems: readonly Problem[], name: string): string | null {
  return problems.find(({ path }) => path[0] === name)?.message ?? null;
}
