import { useState, type ReactElement } from "react";
import { useMutation, type CombinedError } from "urql";
import { codeOf, problemsOf, tell, type Problem } from "../api/errors";
import { UpdateIntegrationDocument, type SchemaFragment } from "../api/generated";
import { Button, Notice } from "../components/basics";
import { TextInput } from "../components/fields";
import { useUnsaved } from "../components/unsaved";
import { beginDraft, inputOf, newField, type FieldDraft, type SchemaDraft } from "./drafts";
import type { Effects } from "./effects";
import { FieldEditor } from "./field-editor";
import { Preview } from "./preview";
import { SchemaConflict } from "./schema-conflict";

interface SchemaEditorProps {
  /** As it is stored now; it may be newer than what is edited. */
  readonly integration: SchemaFragment;
  readonly mayWrite: boolean;
  /** Reads again what is stored. */
  readonly reload: () => void;
}

/** The name, description and fields of an integration. A change is shown with what it does to which rows, then saved. */
export function SchemaEditor({ integration, mayWrite, reload }: SchemaEditorProps): ReactElement {
  const [base, setBase] = useState(integration);
  const [draft, setDraft] = useState(() => beginDraft(integration));
  const [dirty, setDirty] = useState(false);
  const [saved, setSaved] = useState(false);
  const [passed, setPassed] = useState<string | null>(null);
  const [effects, setEffects] = useState<Effects | null>(null);
  const [refusal, setRefusal] = useState<CombinedError | null>(null);
  const [{ fetching }, update] = useMutation(UpdateIntegrationDocument);
  useUnsaved(dirty);
  const begin = (from: SchemaFragment): void => {
    setBase(from);
    setDraft(beginDraft(from));
    setDirty(false);
    setRefusal(null);
  };
  const goOn = (): void => {
    setBase(integration);
    setRefusal(null);
  };
  // What was just saved is newer than what was read before it.
  const isNewer = integration.updatedAt !== base.updatedAt && integration.updatedAt !== passed;
  if (isNewer && !dirty) begin(integration);

  const input = inputOf(draft);
  const problems = refusal ? problemsOf(refusal) : [];
  const change = (part: Partial<SchemaDraft>): void => {
    setDraft({ ...draft, ...part });
    setDirty(true);
    setSaved(false);
    setRefusal(null);
  };
  const send = async (dryRun: boolean): Promise<void> => {
    if (input === null) return;
    const { data, error } = await update({ input: { id: integration.id, ...input, expectedUpdatedAt: base.updatedAt, dryRun } });
    setRefusal(error ?? null);
    setEffects(dryRun ? (data?.updateIntegration ?? null) : null);
    if (error && codeOf(error) === "CONFLICT") reload();
    if (!data || dryRun) return;
    setPassed(integration.updatedAt);
    begin(data.updateIntegration.integration);
    setSaved(true);
  };
  const { fields } = draft;
  const move = (from: number, by: number): void => {
    const next = [...fields];
    const [moved] = next.splice(from, 1);
    if (moved) next.splice(from + by, 0, moved);
    change({ fields: next });
  };
  const rest = problems.filter(({ path }) => path[0] !== "configSchema" || typeof path[1] !== "number");
  const overtaken = dirty && isNewer;
  return (
    <section className="card" aria-label="Schema">
      <div className="card-head">
        <h2>Schema</h2>
        {mayWrite && (
          <div className="row-actions">
            <Button icon="add" onPress={() => change({ fields: [...fields, newField()] })}>
              Add a field
            </Button>
            {dirty && <Button onPress={() => begin(integration)}>Discard</Button>}
            <Button look="primary" isDisabled={!dirty || fetching || overtaken || input === null} onPress={() => void send(true)}>
              Review changes
            </Button>
          </div>
        )}
      </div>
      <div className="stack">
        {saved && !dirty && <Notice tone="good">Saved.</Notice>}
        {overtaken && input !== null && (
          <SchemaConflict theirs={integration} mine={input} keepTheirs={() => begin(integration)} useMine={goOn} />
        )}
        {refusal && !overtaken && (
          <Notice tone="bad">
            {rest.length > 0 || problems.length === 0 ? tell(refusal) : "This change is refused. What is in its way is beside the fields. Nothing was changed."}
          </Notice>
        )}
        <div className="columns">
          <TextInput label="Name" value={draft.name} change={(name) => change({ name })} problem={about(problems, "name")} isDisabled={!mayWrite} required />
          <TextInput label="Description" value={draft.description} change={(description) => change({ description })} problem={about(problems, "description")} isDisabled={!mayWrite} />
        </div>
        {fields.length === 0 && <p className="muted">It has no fields yet.</p>}
      </div>
      <ol className="field-list">
        {fields.map((field, place) => (
          <FieldEditor
            key={field.id}
            field={field}
            before={typeIn(base, field)}
            problems={problems.filter(({ path }) => path[0] === "configSchema" && path[1] === place)}
            mayWrite={mayWrite}
            change={(next) => change({ fields: fields.map((one) => (one.id === field.id ? next : one)) })}
            up={place > 0 ? () => move(place, -1) : null}
            down={place < fields.length - 1 ? () => move(place, 1) : null}
            remove={() => change({ fields: fields.filter(({ id }) => id !== field.id) })}
          />
        ))}
      </ol>
      {effects && (
        <Preview
          before={base.configSchema}
          after={input?.configSchema ?? []}
          effects={effects}
          busy={fetching}
          save={() => void send(false)}
          close={() => setEffects(null)}
        />
      )}
    </section>
  );
}

function typeIn(schema: SchemaFragment, field: FieldDraft): SchemaFragment["configSchema"][number]["type"] | null {
  return schema.configSchema.find(({ key }) => key === field.key)?.type ?? null;
}

function about(problems: readonly Problem[], name: string): string | null {
  return problems.find(({ path }) => path[0] === name)?.message ?? null;
}
