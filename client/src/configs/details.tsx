import { useState, type ReactElement, type ReactNode } from "react";
import { useMutation, useQuery } from "urql";
import { Link } from "wouter";
import { tell } from "../api/errors";
import { print } from "../api/exact";
import {
  ConfigDetailsDocument,
  DeleteConfigDocument,
  RestoreConfigDocument,
  type ConfigDetailsQuery,
  type ConfigRowFragment,
  type ConfigType,
} from "../api/generated";
import { SeenBy } from "../audit/seen-by";
import { Button, Facts, Failure, Loading, Moment, Notice, type Fact } from "../components/basics";
import { Icon } from "../components/icons";
import { plainly } from "../components/names";
import { Confirm, Overlay } from "../components/overlays";
import { editPath } from "../edit/paths";
import { StandaloneDialog } from "../edit/standalone";
import { useMay } from "../session/viewer";
import { Reveal } from "./reveal";
import { TYPES, Value } from "./value";

type Detailed = NonNullable<ConfigDetailsQuery["config"]>;

interface DetailsProps {
  readonly id: string;
  readonly close: () => void;
  readonly changed: (config: ConfigRowFragment) => void;
  readonly deleted: (id: string) => void;
}

/** All about one config: what it is, its earlier values, and who saw it. */
export function Details({ id, close, changed, deleted }: DetailsProps): ReactElement {
  const [{ data, error }, again] = useQuery({ query: ConfigDetailsDocument, variables: { id } });
  const [round, setRound] = useState(0);
  const config = data?.config;
  return (
    <Overlay title={config?.key ?? "Configuration"} close={close} kind="drawer">
      <div className="dialog-content">
        {error && <Failure error={error} retry={() => again({ requestPolicy: "network-only" })} />}
        {!config && !error && <Loading what="the value" />}
        {config && (
          <>
            <About config={config} />
            <Actions config={config} close={close} changed={changed} deleted={deleted} revealed={() => setRound((before) => before + 1)} />
            <History config={config} changed={changed} />
            <Seen key={round} config={config} />
          </>
        )}
      </div>
    </Overlay>
  );
}

function About({ config }: { config: Detailed }): ReactElement {
  const facts: readonly Fact[] = [
    ["Integration", <Whose config={config} />],
    ["Scope", config.organization ? <Link href={`/organizations/${config.organization.id}`}>{config.organization.name}</Link> : "Global"],
    ["Type", TYPES[config.type]],
    ["Description", config.description],
    ["Value", config.type === "SECRET" ? <Value type="SECRET" value={null} sealed={config.sealed} /> : <Whole value={config.value} />],
    ["Version", config.version],
    ["Updated", <WrittenBy config={config} />],
    ["Created", <Moment at={config.createdAt} />],
  ];
  return (
    <>
      <Facts facts={facts} />
      {config.type === "SECRET" && !config.sealed && (
        <Notice tone="warning">Not sealed yet: it is stored as older software left it. Writing it or a backfill seals it.</Notice>
      )}
    </>
  );
}

/** The integration of a value: a standalone one has none, and that of another may have been deleted. */
function Whose({ config: { integration, standalone } }: { config: Detailed }): ReactElement {
  if (integration) return <Link href={`/integrations/${integration.id}`}>{integration.name}</Link>;
  return <>{standalone ? "– standalone" : "(deleted)"}</>;
}

function WrittenBy({ config }: { config: Detailed }): ReactElement {
  return (
    <>
      <Moment at={config.updatedAt} /> by <bdi>{config.updatedBy}</bdi>
    </>
  );
}

function Whole({ value }: { value: unknown }): ReactElement {
  return (
    <pre tabIndex={0} role="region" aria-label="The whole value" dir="auto">
      {print(value, 2)}
    </pre>
  );
}

function Actions({ config, close, changed, deleted, revealed }: { config: Detailed; revealed: () => void } & Omit<DetailsProps, "id">): ReactElement | null {
  const [asks, setAsks] = useState<"delete" | "edit" | null>(null);
  const [{ fetching, error }, remove] = useMutation(DeleteConfigDocument);
  const run = async (): Promise<void> => {
    const { error: refused } = await remove({ id: config.id });
    if (refused) return;
    deleted(config.id);
    close();
  };
  const path = editPath(config);
  return (
    <>
      {config.type === "SECRET" && config.canReveal && <Reveal id={config.id} name={config.key} revealed={revealed} />}
      {config.canWrite && (
        <div className="row-actions">
          {path !== null && (
            <Link className="button plain" href={path}>
              <Icon name="edit" />
              Edit
            </Link>
          )}
          {config.standalone && (
            <Button icon="edit" onPress={() => setAsks("edit")}>
              Edit
            </Button>
          )}
          <Button icon="remove" look="danger" onPress={() => setAsks("delete")}>
            Delete
          </Button>
        </div>
      )}
      {asks === "edit" && <StandaloneDialog config={config} close={() => setAsks(null)} written={changed} />}
      {asks === "delete" && (
        <Confirm title={`Delete ${plainly(config.key)}?`} action="Delete" danger busy={fetching} run={() => void run()} close={() => setAsks(null)}>
          <p>
            Whoever resolves it gets {config.organization && config.integration ? "the default, if there is one" : "nothing"} from now on. The value goes to the
            history.
          </p>
          {error && <Notice tone="bad">{tell(error)}</Notice>}
        </Confirm>
      )}
    </>
  );
}

function History({ config, changed }: { config: Detailed; changed: (config: ConfigRowFragment) => void }): ReactElement {
  const [{ fetching, error }, restore] = useMutation(RestoreConfigDocument);
  const run = async (version: number): Promise<void> => {
    const { data } = await restore({ id: config.id, version });
    if (data) changed(data.restoreConfig.config);
  };
  const { edges, totalCount } = config.history;
  return (
    <Section title="Earlier values" note={totalCount > edges.length ? `the last ${edges.length} of ${totalCount}` : null}>
      {edges.length === 0 && <p className="muted">None.</p>}
      {error && <Notice tone="bad">{tell(error)}</Notice>}
      <ul className="lines">
        {edges.map(({ node }) => (
          <li key={`${node.version} ${node.changedAt}`}>
            <span className="muted">v{node.version}</span>
            <Value type={node.type} value={node.value} />
            <span className="muted">
              <Moment at={node.changedAt} /> by <bdi>{node.changedBy}</bdi>
            </span>
            {mayRestore(config, node.type) && (
              <Button look="bare" isDisabled={fetching} aria-label={`Restore version ${node.version}`} onPress={() => void run(node.version)}>
                Restore
              </Button>
            )}
          </li>
        ))}
      </ul>
    </Section>
  );
}

/** A deleted integration takes nothing any more, and a secret becomes something else only for who may reveal it. */
function mayRestore(config: Detailed, type: ConfigType): boolean {
  const opens = !config.standalone && type === "SECRET" && config.type !== "SECRET";
  return config.canWrite && (config.standalone || config.integration !== null) && (config.canReveal || !opens);
}

function Seen({ config }: { config: Detailed }): ReactElement | null {
  if (!useMay("audit:read")) return null;
  return (
    <Section title={config.type === "SECRET" ? "Who saw this secret" : "Who touched this value"} note={null}>
      <SeenBy config={config} />
    </Section>
  );
}

function Section({ title, note, children }: { title: string; note: string | null; children: ReactNode }): ReactElement {
  return (
    <section className="section">
      <h3>
        {title} {note !== null && <span className="muted">({note})</span>}
      </h3>
      {children}
    </section>
  );
}
