import { useState, type ReactElement } from "react";
import { useClient, useQuery, type CombinedError } from "urql";
import { Link, useParams, useSearchParams } from "wouter";
import { codeOf, problemsOf, tell, type Problem } from "../api/errors";
import { EditFormDocument, SaveDefaultsDocument, SaveMappingDocument, SaveOverridesDocument, type EditFormQuery, type EntryFragment } from "../api/generated";
import { Badge, Button, Empty, Failure, Loading, Notice, PageFrame } from "../components/basics";
import { TextInput } from "../components/fields";
import { useUnsaved } from "../components/unsaved";
import { useMay, useViewer } from "../session/viewer";
import { Conflicts } from "./conflicts";
import { collect, findConflicts, ownOf, useDrafts } from "./drafts";
import { EntryEditor } from "./entry-editor";

type Form = EditFormQuery["overview"][number];

/** Every value of one integration: its defaults, or one organization's own. */
export function EditPage(): ReactElement {
  const { integration } = useParams<{ integration: string }>();
  const [parameters] = useSearchParams();
  const organization = parameters.get("organization");
  const variables = { integrationId: integration, organizationId: organization };
  const client = useClient();
  const [{ data, error }, again] = useQuery({ query: EditFormDocument, variables, requestPolicy: "network-only" });
  const form = data?.overview[0];
  const reload = async (): Promise<Form | undefined> => {
    const answer = await client.query(EditFormDocument, variables, { requestPolicy: "network-only" });
    return answer.data?.overview[0];
  };
  if (!form) {
    return (
      <PageFrame title="Edit">
        {error ? <Failure error={error} retry={() => again()} /> : data ? <Empty title="There is no such integration" /> : <Loading what="the form" />}
      </PageFrame>
    );
  }
  return <EditForm key={`${integration} ${organization ?? ""}`} form={form} organizationId={organization} wanted={parameters.get("key")} reload={reload} />;
}

interface EditFormProps {
  readonly form: Form;
  readonly organizationId: string | null;
  readonly wanted: string | null;
  /** Shows what is stored now, and answers it. */
  readonly reload: () => Promise<Form | undefined>;
}

function EditForm({ form, organizationId, wanted, reload }: EditFormProps): ReactElement {
  const isOrganization = organizationId !== null;
  const mapping = form.mapping?.organization ? form.mapping : null;
  const mayWrite = useMay("config:write");
  const { organizationIds } = useViewer();
  const isDisabled = !mayWrite || (!isOrganization && organizationIds !== null);
  const book = useDrafts();
  const [entity, setEntity] = useState({ id: mapping?.entityId ?? "", name: mapping?.entityName ?? "" });
  const [refusal, setRefusal] = useState<CombinedError | null>(null);
  const [saved, setSaved] = useState(false);
  const [busy, setBusy] = useState(false);
  const save = useSave(form, organizationId);
  const entityChanged = isOrganization && (entity.id !== (mapping?.entityId ?? "") || entity.name !== (mapping?.entityName ?? ""));
  const dirty = book.drafts.size > 0 || entityChanged;
  useUnsaved(dirty);

  // While it is saved, what was written is newer than what the drafts were begun on.
  const conflicts = busy ? [] : findConflicts(form.entries, book.drafts, isOrganization);
  const sent = collect(form.entries, book.drafts);
  const problems = refusal ? problemsOf(refusal) : [];
  const run = async (): Promise<void> => {
    if (!sent) return;
    setBusy(true);
    setSaved(false);
    const error = await save(sent, entity);
    setRefusal(error && codeOf(error) !== "CONFLICT" ? error : null);
    // After a conflict the form shows what is there now, beside what was to be written.
    const now = !error || codeOf(error) === "CONFLICT" ? await reload() : undefined;
    if (!error) {
      book.settle(book.drafts, now?.entries ?? [], isOrganization);
      setSaved(true);
    }
    setBusy(false);
  };
  const change = (work: () => void): void => {
    setSaved(false);
    work();
  };
  const discard = (): void =>
    change(() => {
      book.dropAll();
      setEntity({ id: mapping?.entityId ?? "", name: mapping?.entityName ?? "" });
    });
  const put = (entry: EntryFragment, text: string | null): void => {
    const own = ownOf(entry, isOrganization);
    // An emptied field is as it was where nothing is stored, and a secret is only ever cleared by its button.
    const untouched = text === "" && (own === null || entry.field?.type === "SECRET");
    if (untouched) book.drop(entry.key);
    else book.put(entry.key, text, own?.version ?? 0);
  };
  const rest = problems.filter(({ path }) => !form.entries.some(({ key }) => isAbout(path, key)) && path[0] !== "entityId" && path[0] !== "entityName");
  return (
    <PageFrame
      title={isOrganization ? `${form.integration.name} for ${mapping?.organization?.name ?? "this organization"}` : `Defaults of ${form.integration.name}`}
      note={
        <nav className="crumbs" aria-label="Where this belongs">
          <Link href={`/integrations/${form.integration.id}`}>Integration</Link>
          {isOrganization && (
            <>
              {" · "}
              <Link href={`/organizations/${organizationId}`}>Organization</Link>
            </>
          )}
        </nav>
      }
      actions={
        <>
          <Button isDisabled={!dirty || busy} onPress={discard}>
            Discard
          </Button>
          <Button look="primary" isDisabled={!dirty || busy || !sent || conflicts.length > 0 || isDisabled} onPress={() => void run()}>
            {busy ? "Saving…" : "Save"}
          </Button>
        </>
      }
    >
      {isDisabled && <Notice tone="neutral">You may read these values, but not change them.</Notice>}
      {saved && <Notice tone="good">Saved.</Notice>}
      {refusal && (
        <Notice tone="bad">{problems.length > 0 && rest.length === 0 ? "Some values were refused. Nothing was saved." : rest.length > 0 ? rest.map(line).join("; ") : tell(refusal)}</Notice>
      )}
      <Conflicts conflicts={conflicts} book={book} isOrganization={isOrganization} />
      {isOrganization && (
        <section className="card" aria-label="Mapping">
          <div className="card-head">
            <h2>Mapping</h2>
            {!mapping && <Badge tone="warning">{form.mapping ? "Uses the fallback: saving makes a mapping of its own" : "Not mapped yet: saving makes the mapping"}</Badge>}
          </div>
          <div className="columns">
            <TextInput label="Entity id" hint="The customer's id over there." value={entity.id} change={(id) => change(() => setEntity({ ...entity, id }))} problem={find(problems, "entityId")} isDisabled={isDisabled} required />
            <TextInput label="Entity name" value={entity.name} change={(name) => change(() => setEntity({ ...entity, name }))} problem={find(problems, "entityName")} isDisabled={isDisabled} />
          </div>
        </section>
      )}
      <section className="card entries" aria-label="Values">
        {form.entries.length === 0 && <p className="muted">The schema of this integration has no fields.</p>}
        {form.entries.map((entry) => {
          const own = ownOf(entry, isOrganization);
          return (
            <EntryEditor
              key={entry.key}
              entry={entry}
              own={own}
              draft={book.drafts.get(entry.key)}
              isOrganization={isOrganization}
              problem={problems.find(({ path }) => isAbout(path, entry.key))?.message ?? null}
              isDisabled={isDisabled}
              autoFocus={entry.key === wanted}
              put={(text) => change(() => put(entry, text))}
              drop={() => change(() => book.drop(entry.key))}
            />
          );
        })}
      </section>
    </PageFrame>
  );
}

function useSave(form: Form, organizationId: string | null): (sent: NonNullable<ReturnType<typeof collect>>, entity: { id: string; name: string }) => Promise<CombinedError | undefined> {
  const client = useClient();
  return async (sent, entity) => {
    const entityName = entity.name || null;
    if (organizationId === null) {
      return (await client.mutation(SaveDefaultsDocument, { input: { integrationId: form.integration.id, ...sent } }).toPromise()).error;
    }
    if (form.mapping?.organization) {
      const input = { id: form.mapping.id, entityId: entity.id, entityName, ...sent };
      return (await client.mutation(SaveOverridesDocument, { input }).toPromise()).error;
    }
    const input = { integrationId: form.integration.id, organizationId, entityId: entity.id, entityName, config: sent.config };
    return (await client.mutation(SaveMappingDocument, { input }).toPromise()).error;
  };
}

function isAbout(path: readonly (string | number)[], key: string): boolean {
  return (path[0] === "config" || path[0] === "expectedVersions") && path[1] === key;
}

function find(problems: readonly Problem[], name: string): string | null {
  return problems.find(({ path }) => path[0] === name)?.message ?? null;
}

function line({ path, message }: Problem): string {
  return `${path.join(".")} ${message}`;
}
