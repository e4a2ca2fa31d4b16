import { useState, type ReactElement } from "react";
import { useMutation, useQuery } from "urql";
import { codeOf, problemsOf, tell } from "../api/errors";
import { ConfigDetailsDocument, SetConfigDocument, type ConfigRowFragment, type ConfigType } from "../api/generated";
import { Button, Moment, Notice } from "../components/basics";
import { ChoiceField, Picker, TextInput } from "../components/fields";
import { Foot, Overlay } from "../components/overlays";
import { plainly } from "../components/names";
import { useUnsaved } from "../components/unsaved";
import { useLookups } from "../configs/lookups";
import { TYPES, Value } from "../configs/value";
import { useViewer } from "../session/viewer";
import { ValueEditor } from "./value-editor";
import { check, read, write } from "./values";

interface StandaloneProps {
  /** The config to change; null makes a new one. */
  readonly config: (ConfigRowFragment & { readonly description?: string | null }) | null;
  readonly close: () => void;
  readonly written: (config: ConfigRowFragment) => void;
}

/** Writes a standalone config: one that belongs to no integration. */
export function StandaloneDialog({ config, close, written }: StandaloneProps): ReactElement {
  const { organizations } = useLookups();
  const { organizationIds } = useViewer();
  const [key, setKey] = useState(config?.key ?? "");
  const [type, setType] = useState<ConfigType>(config?.type ?? "STRING");
  const [organization, setOrganization] = useState<string | null>(config?.organization?.id ?? organizationIds?.[0] ?? null);
  const [text, setText] = useState(config ? write(config.value, config.type) : "");
  const [description, setDescription] = useState(config?.description ?? "");
  const [expected, setExpected] = useState(config?.version ?? 0);
  const [{ fetching, error }, set] = useMutation(SetConfigDocument);
  const conflict = error && codeOf(error) === "CONFLICT" ? error : null;
  const problems = error ? problemsOf(error) : [];
  const find = (name: string): string | null => problems.find(({ path }) => path[0] === name)?.message ?? null;

  const run = async (): Promise<void> => {
    const input = { key, type, organizationId: organization, value: read(text, type), description: description || null, expectedVersion: expected };
    const { data } = await set({ input });
    if (!data) return;
    written(data.setConfig.config);
    close();
  };
  const dirty = text !== (config ? write(config.value, config.type) : "") || (config === null && key !== "") || description !== (config?.description ?? "");
  useUnsaved(dirty);
  const ready = key !== "" && text !== "" && check(text, type) === null;
  return (
    <Overlay title={config ? `Edit ${plainly(config.key)}` : "New standalone value"} close={close} kind="dialog" isDirty={dirty}>
      <div className="dialog-content">
        {!config && (
          <>
            <TextInput label="Key" value={key} change={setKey} problem={find("key")} required autoFocus />
            <Picker label="Organization" none="Global" needed={organizationIds !== null} value={organization} change={setOrganization} {...organizations} />
          </>
        )}
        <ChoiceField
          label="Type"
          value={type}
          change={(id) => {
            setType(id as ConfigType);
            if (id === "BOOL") setText("false");
          }}
          choices={Object.entries(TYPES).map(([id, name]) => ({ id, name }))}
          problem={find("type")}
        />
        <ValueEditor
          label={type === "SECRET" && config ? "New secret" : "Value"}
          type={type}
          options={null}
          text={text}
          change={setText}
          hint={type === "SECRET" && config ? "The secret that is there is never shown. Write a new one, or close to keep it." : null}
          problem={find("value")}
          placeholder=""
          isDisabled={false}
          autoFocus={false}
        />
        <TextInput label="Description" value={description} change={setDescription} problem={find("description")} />
        {conflict && config && <Theirs id={config.id} mine={type === "SECRET" ? null : text} type={type} use={setExpected} />}
        {conflict && !config && <Notice tone="warning">There is a value under this key already. Find it in the list to change it.</Notice>}
        {error && !conflict && problems.length === 0 && <Notice tone="bad">{tell(error)}</Notice>}
      </div>
      <Foot close={close} action={fetching ? "Saving…" : "Save"} isDisabled={!ready || fetching} run={() => void run()} />
    </Overlay>
  );
}

/** What somebody else has written meanwhile, beside one's own. */
function Theirs({ id, mine, type, use }: { id: string; mine: string | null; type: ConfigType; use: (version: number) => void }): ReactElement {
  const [{ data }] = useQuery({ query: ConfigDetailsDocument, variables: { id }, requestPolicy: "network-only" });
  const [using, setUsing] = useState(false);
  const theirs = data?.config;
  return (
    <section className="conflict" aria-label="Conflict">
      <Notice tone="warning">Somebody else has changed this value since you opened it. Nothing was saved.</Notice>
      <div className="columns">
        <div className="side-by-side">
          <p className="label">Theirs</p>
          <p>{theirs ? <Value type={theirs.type} value={theirs.value} sealed={theirs.sealed} /> : <em>removed</em>}</p>
          {theirs && (
            <p className="muted">
              Version {theirs.version}, <Moment at={theirs.updatedAt} /> by <bdi>{theirs.updatedBy}</bdi>
            </p>
          )}
        </div>
        <div className="side-by-side">
          <p className="label">Yours</p>
          <p>{mine === null ? "a new secret" : <Value type={type} value={mine} />}</p>
          <Button
            isDisabled={using}
            onPress={() => {
              use(theirs?.version ?? 0);
              setUsing(true);
            }}
          >
            {using ? "Saving writes over theirs" : "Use mine"}
          </Button>
        </div>
      </div>
    </section>
  );
}
