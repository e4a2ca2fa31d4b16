import { useEffect, useState, type ReactElement } from "react";
import { useClient, useQuery, type CombinedError } from "urql";
import { Link, useParams, useSearchParams } from "wouter";
import { codeOf, problemsOf, tell, type Problem } from "../api/errors";
import { EditFormDocument, OrganizationNameDocument, type EditFormQuery, type EntryFragment } from "../api/generated";
import { Button, Empty, Failure, Loading, Notice, PageFrame } from "../components/basics";
import { useKept } from "../components/kept";
import { plainly } from "../components/names";
import { useUnsaved } from "../components/unsaved";
import { useMay, useViewer } from "../session/viewer";
import { Conflicts } from "./conflicts";
import { collect, findConflicts, ownOf, useDrafts } from "./drafts";
import { EntryEditor } from "./entry-editor";
import { isOvertaken, MappingCard, ownMapping, type EntityDraft } from "./mapping-card";
import { useSave } from "./save";

type Form = EditFormQuery["overview"][number];

/** Every value of one integration: its defaults, or one organization's own. */
export function EditPage(): ReactElement {
  const { integration } = useParams<{ integration: string }>();
  const [parameters] = useSearchParams();
  const organization = parameters.get("organization");
  const variables = { integrationId: integration, organizationId: organization };
  const client = useClient();
  const [{ data, error }, again] = useQuery({ query: EditFormDocument, variables, requestPolicy: "network-only" });
  const [{ data: named }] = useQuery({ query: OrganizationNameDocument, variables: { id: organization ?? "" }, pause: organization === null });
  const place = `${integration} ${organization ?? ""}`;
  const form = useKept(data?.overview[0] ?? null, place);
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
  const whose = organization === null ? null : { id: organization, name: named?.organization?.name ?? "this organization" };
  return <EditForm key={place} form={form} organization={whose} wanted={parameters.get("key")} reload={reload} />;
}

interface EditFormProps {
  readonly form: Form;
  /** Whose own values they are; null is the integration's defaults. */
  readonly organization: { readonly id: string; readonly name: string } | null;
  readonly wanted: string | null;
  /** Shows what is stored now, and answers it. */
  readonly reload: () => Promise<Form | undefined>;
}

function EditForm({ form, organization, wanted, reload }: EditFormProps): ReactElement {
  const isOrganization = organization !== null;
  const mayWrite = useMay("config:write");
  const { organizationIds } = useViewer();
  const isDisabled = !mayWrite || (!isOrganization && organizationIds !== null);
  const book = useDrafts();
  const [entity, setEntity] = useState<EntityDraft | null>(null);
  const [refusal, setRefusal] = useState<CombinedError | null>(null);
  const [saved, setSaved] = useState(false);
  const [busy, setBusy] = useState(false);
  const save = useSave(form, organization?.id ?? null);
  const dirty = book.drafts.size > 0 || entity !== null;
  useUnsaved(dirty);

  // While it is saved, what was written is newer than what the drafts were begun on.
  const conflicts = busy ? [] : findConflicts(form.entries, book.drafts, isOrganization);
  const overtaken = !busy && isOvertaken(form, entity);
  const sent = collect(form.entries, book.drafts);
  const problems = refusal ? problemsOf(refusal) : [];
  useEffect(() => {
    if (refusal || conflicts.length > 0 || overtaken) lookAtTrouble();
  }, [refusal, conflicts.length, overtaken]);
  const run = async (): Promise<void> => {
    if (!sent) return;
    setBusy(true);
    setSaved(false);
    const error = await save(sent, entity);
    const clashed = error !== undefined && codeOf(error) === "CONFLICT";
    // After a conflict the form shows what is there now, beside what was to be written.
    const now = !error || clashed ? await reload() : undefined;
    const shown = clashed && now && (findConflicts(now.entries, book.drafts, isOrganization).length > 0 || isOvertaken(now, entity));
    setRefusal(error && !shown ? error : null);
    if (!error) {
      book.settle(book.drafts, now?.entries ?? [], isOrganization);
      setEntity((changed) => (changed === entity || changed === null ? null : { ...changed, base: (now && ownMapping(now)?.entityId) ?? null }));
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
      setEntity(null);
      setRefusal(null);
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
      title={organization ? `${plainly(form.integration.name)} for ${plainly(organization.name)}` : `Defaults of ${plainly(form.integration.name)}`}
      note={
        <nav className="crumbs" aria-label="Where this belongs">
          <Link href={`/integrations/${form.integration.id}`}>Integration</Link>
          {organization && (
            <>
              {" · "}
              <Link href={`/organizations/${organization.id}`}>Organization</Link>
            </>
          )}
        </nav>
      }
      actions={
        !isDisabled && (
          <>
            <span className="done" role="status">
              {saved && "Saved."}
            </span>
            <Button isDisabled={!dirty || busy} onPress={discard}>
              Discard
            </Button>
            <Button look="primary" isDisabled={!dirty || busy || !sent || conflicts.length > 0 || overtaken} onPress={() => void run()}>
              {busy ? "Saving…" : "Save"}
            </Button>
          </>
        )
      }
    >
      {isDisabled && <Notice tone="neutral">You may read these values, but not change them.</Notice>}
      {refusal && (
        <Notice tone="bad">{problems.length > 0 && rest.length === 0 ? "Some values were refused. Nothing was saved." : rest.length > 0 ? rest.map(line).join("; ") : tell(refusal)}</Notice>
      )}
      <Conflicts conflicts={conflicts} book={book} isOrganization={isOrganization} />
      {isOrganization && (
        <MappingCard form={form} draft={entity} change={(next) => change(() => setEntity(next))} overtaken={overtaken} problems={problems} isDisabled={isDisabled} />
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

/** Leads to the first field that was refused, or to what is told at the top: either may be out of sight. */
function lookAtTrouble(): void {
  const main = document.getElementById("main");
  const field = main?.querySelector<HTMLElement>("[data-invalid] :is(input, textarea, button)");
  if (field) field.focus();
  else main?.scrollTo({ top: 0 });
}

function isAbout(path: readonly (string | number)[], key: string): boolean {
  return (path[0] === "config" || path[0] === "expectedVersions") && path[1] === key;
}

function line({ path, message }: Problem): string {
  return `${path.join(".")} ${message}`;
}
