import { useState, type ReactElement } from "react";
import { useClient, useMutation } from "urql";
import { Link, useLocation } from "wouter";
import { tell } from "../api/errors";
import { CreateFallbackDocument, DeleteMappingDocument, MappingsDocument, type MappingsQuery } from "../api/generated";
import { pageOf, usePages } from "../api/pages";
import { Badge, Button, Empty, Failure, Loading, Notice } from "../components/basics";
import { Picker, TextInput } from "../components/fields";
import { plainly } from "../components/names";
import { Confirm, Foot, Overlay } from "../components/overlays";
import { useLookups } from "../configs/lookups";
import { useMay, useViewer } from "../session/viewer";

type Mapping = MappingsQuery["mappings"]["edges"][number]["node"];

/** Who is mapped to an integration. */
export function Mappings({ integrationId }: { integrationId: string }): ReactElement {
  const client = useClient();
  const [asked, setAsked] = useState<Mapping | "new" | "fallback" | null>(null);
  const [round, setRound] = useState(0);
  const mayWrite = useMay("config:write");
  const { organizationIds } = useViewer();
  const [state, pages] = usePages<Mapping>(`${integrationId} ${round}`, async (after) => {
    const { data, error } = await client.query(MappingsDocument, { integrationId, first: 100, after }, { requestPolicy: "network-only" });
    return error ?? (data && pageOf(data.mappings));
  }, ({ id }) => id);
  const hasFallback = state.rows.some(({ organization }) => organization === null);
  const close = (): void => setAsked(null);
  const done = (): void => {
    close();
    setRound(round + 1);
  };
  return (
    <section className="card" aria-label="Mappings">
      <div className="card-head">
        <h2>Mappings</h2>
        {mayWrite && (
          <div className="row-actions">
            {!hasFallback && !state.hasNext && organizationIds === null && <Button onPress={() => setAsked("fallback")}>Add a fallback</Button>}
            <Button icon="add" onPress={() => setAsked("new")}>
              Map an organization
            </Button>
          </div>
        )}
      </div>
      {state.rows.length === 0 && state.status === "ready" && <Empty title="Nobody is mapped to it" />}
      {state.rows.length > 0 && (
        <table className="small-table" aria-label="Mappings">
          <thead>
            <tr>
              <th scope="col">Organization</th>
              <th scope="col">Over there</th>
              <th scope="col">Missing</th>
              <th scope="col">
                <span className="hidden-text">Actions</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {state.rows.map((mapping) => (
              <tr key={mapping.id}>
                <th scope="row">
                  {mapping.organization ? (
                    <Link href={`/edit/${integrationId}?organization=${mapping.organization.id}`}>{mapping.organization.name}</Link>
                  ) : (
                    <Badge>Fallback for all others</Badge>
                  )}
                </th>
                <td>
                  {mapping.entityName ?? ""} <code className="muted">{mapping.entityId}</code>
                </td>
                <td>{mapping.missing.length > 0 ? <Badge tone="bad">{mapping.missing.join(", ")}</Badge> : <span className="muted">–</span>}</td>
                <td className="right">
                  {mayWrite && (mapping.organization !== null || organizationIds === null) && (
                    <Button look="bare" icon="remove" aria-label={`Delete the mapping of ${mapping.organization?.name ?? "the fallback"}`} onPress={() => setAsked(mapping)} />
                  )}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      {state.status === "loading" && <Loading what="mappings" />}
      {state.error && <Failure error={state.error} retry={pages.more} />}
      {state.status === "ready" && state.hasNext && <Button onPress={pages.more}>More mappings</Button>}
      {asked === "new" && <MapOrganization integrationId={integrationId} close={close} />}
      {asked === "fallback" && <Fallback integrationId={integrationId} close={close} done={done} />}
      {asked !== null && typeof asked === "object" && <Delete mapping={asked} close={close} done={done} />}
    </section>
  );
}

function MapOrganization({ integrationId, close }: { integrationId: string; close: () => void }): ReactElement {
  const { organizations } = useLookups();
  const [chosen, setChosen] = useState<string | null>(null);
  const [, go] = useLocation();
  return (
    <Overlay title="Map an organization" close={close} kind="dialog">
      <div className="dialog-content">
        <Picker label="Organization" none="Choose one" needed value={chosen} change={setChosen} {...organizations} />
      </div>
      <Foot close={close} action="Go on" isDisabled={chosen === null} run={() => go(`/edit/${integrationId}?organization=${chosen ?? ""}`)} />
    </Overlay>
  );
}

function Fallback({ integrationId, close, done }: { integrationId: string; close: () => void; done: () => void }): ReactElement {
  const [entityId, setEntityId] = useState("");
  const [{ fetching, error }, create] = useMutation(CreateFallbackDocument);
  const run = async (): Promise<void> => {
    const { data } = await create({ input: { integrationId, entityId } });
    if (data) done();
  };
  return (
    <Overlay title="Add a fallback" close={close} kind="dialog" isDirty={entityId !== ""}>
      <div className="dialog-content">
        <p>Every organization without a mapping of its own uses it, with the defaults alone.</p>
        <TextInput label="Entity id" value={entityId} change={setEntityId} required autoFocus />
        {error && <Notice tone="bad">{tell(error)}</Notice>}
      </div>
      <Foot close={close} action="Add" isDisabled={entityId === "" || fetching} run={() => void run()} />
    </Overlay>
  );
}

function Delete({ mapping, close, done }: { mapping: Mapping; close: () => void; done: () => void }): ReactElement {
  const [{ fetching, error }, remove] = useMutation(DeleteMappingDocument);
  const run = async (): Promise<void> => {
    const { data } = await remove({ id: mapping.id });
    if (data) done();
  };
  return (
    <Confirm title="Delete this mapping?" action="Delete" danger busy={fetching} run={() => void run()} close={close}>
      <p>{mapping.organization ? `${plainly(mapping.organization.name)} no longer resolves this integration, unless there is a fallback. Its overrides go to the history.` : "Organizations without a mapping of their own no longer resolve this integration."}</p>
      {error && <Notice tone="bad">{tell(error)}</Notice>}
    </Confirm>
  );
}
