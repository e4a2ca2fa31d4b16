import { useState, type ReactElement } from "react";
import { useQuery } from "urql";
import { Link, useLocation, useParams, useSearchParams } from "wouter";
import { OrganizationOverviewDocument, type OrganizationOverviewQuery, type ValueSource } from "../api/generated";
import { Badge, Button, Empty, Failure, Loading, Notice, PageFrame, type Tone } from "../components/basics";
import { ChoiceField, Picker } from "../components/fields";
import { Foot, Overlay } from "../components/overlays";
import { useLookups } from "../configs/lookups";
import { Value } from "../configs/value";
import { valuePath } from "../edit/paths";
import { useMay } from "../session/viewer";

type Overview = OrganizationOverviewQuery["overview"][number];
type Entry = Overview["entries"][number];

const SHOWN = { all: "Everything", overrides: "Overrides", inherited: "Inherited", missing: "Missing" } as const;
type Shown = keyof typeof SHOWN;

const SOURCES: Readonly<Record<ValueSource, readonly [string, Tone]>> = {
  OVERRIDE: ["Override", "accent"],
  DEFAULT: ["Default", "neutral"],
  SCHEMA_DEFAULT: ["Schema default", "neutral"],
};

/** All that applies to one organization, across all of its integrations. */
export function OrganizationPage(): ReactElement {
  const { id } = useParams<{ id: string }>();
  const [{ data, error }, again] = useQuery({ query: OrganizationOverviewDocument, variables: { id } });
  const [parameters, setParameters] = useSearchParams();
  const [adding, setAdding] = useState(false);
  const mayWrite = useMay("config:write");
  const given = parameters.get("show");
  const shown: Shown = given !== null && Object.hasOwn(SHOWN, given) ? (given as Shown) : "all";
  if (!data?.organization) {
    return (
      <PageFrame title="Organization">
        {error ? <Failure error={error} retry={() => again({ requestPolicy: "network-only" })} /> : <Loading what="the organization" />}
      </PageFrame>
    );
  }
  const { organization, overview } = data;
  const count = (wanted: Shown): number => overview.flatMap(({ entries }) => entries).filter((entry) => belongs(entry, wanted)).length;
  const found = overview.map((one) => ({ ...one, entries: one.entries.filter((entry) => belongs(entry, shown)) })).filter((one) => shown === "all" || one.entries.length > 0);
  return (
    <PageFrame
      title={organization.name}
      note={
        <nav className="crumbs" aria-label="Where this belongs">
          <Link href={`/?organization=${id}&scope=organization_only`}>Its values in the list</Link>
        </nav>
      }
      actions={
        mayWrite && (
          <Button icon="add" onPress={() => setAdding(true)}>
            Connect an integration
          </Button>
        )
      }
    >
      <dl className="figures">
        <Figure name="Integrations" value={overview.length} />
        <Figure name="Overrides" value={count("overrides")} />
        <Figure name="Inherited" value={count("inherited")} />
        <Figure name="Missing" value={count("missing")} bad={count("missing") > 0} />
      </dl>
      {overview.length === 0 ? (
        <Empty title="No integration is connected">
          <p>An organization has the values of an integration once it has a mapping to it.</p>
        </Empty>
      ) : (
        <>
          <Missing id={id} overview={overview} />
          <div className="filters one">
            <ChoiceField
              label="Show"
              value={shown}
              change={(show) => setParameters(show === "all" ? {} : { show })}
              choices={Object.entries(SHOWN).map(([key, name]) => ({ id: key, name }))}
            />
          </div>
          {found.length === 0 && <Empty title={`Nothing is ${SHOWN[shown].toLowerCase()}`} />}
          {found.map((one) => (
            <IntegrationCard key={one.integration.id} organizationId={id} overview={one} mayWrite={mayWrite} />
          ))}
        </>
      )}
      {adding && <Connect id={id} close={() => setAdding(false)} />}
    </PageFrame>
  );
}

function belongs(entry: Entry, shown: Shown): boolean {
  switch (shown) {
    case "all":
      return true;
    case "overrides":
      return entry.override !== null;
    case "inherited":
      return entry.source === "DEFAULT" || entry.source === "SCHEMA_DEFAULT";
    case "missing":
      return entry.missing;
  }
}

function Figure({ name, value, bad = false }: { name: string; value: number; bad?: boolean }): ReactElement {
  return (
    <div className={bad ? "figure bad" : "figure"}>
      <dt>{name}</dt>
      <dd>{value.toLocaleString()}</dd>
    </div>
  );
}

function Missing({ id, overview }: { id: string; overview: readonly Overview[] }): ReactElement | null {
  const lacking = overview.filter(({ missing }) => missing.length > 0);
  if (lacking.length === 0) return null;
  return (
    <section className="card" aria-label="Missing values">
      <Notice tone="warning">Required values are missing. Who resolves these integrations gets them without.</Notice>
      <ul className="lines">
        {lacking.map(({ integration, missing }) => (
          <li key={integration.id}>
            <strong>{integration.name}</strong>
            {missing.map((key) => (
              <Link key={key} href={valuePath(integration.id, id, key)}>
                <code>{key}</code>
              </Link>
            ))}
          </li>
        ))}
      </ul>
    </section>
  );
}

function IntegrationCard({ organizationId, overview, mayWrite }: { organizationId: string; overview: Overview; mayWrite: boolean }): ReactElement {
  const { integration, mapping, entries } = overview;
  return (
    <section className="card" aria-label={integration.name}>
      <div className="card-head">
        <h2>
          <Link href={`/integrations/${integration.id}`}>{integration.name}</Link>
        </h2>
        {mapping?.organization ? <span className="muted">as <bdi>{mapping.entityName ?? mapping.entityId}</bdi></span> : <Badge>Fallback mapping</Badge>}
        <div className="row-actions">
          <Link className="button plain" href={`/edit/${integration.id}?organization=${organizationId}`} aria-label={`${mayWrite ? "Edit" : "Open"} ${integration.name}`}>
            {mayWrite ? "Edit" : "Open"}
          </Link>
        </div>
      </div>
      {entries.length === 0 ? (
        <p className="muted">It has no fields.</p>
      ) : (
        <table className="small-table values-table" aria-label={`Values of ${integration.name}`}>
          <thead>
            <tr>
              <th scope="col">Key</th>
              <th scope="col">Value</th>
              <th scope="col">From</th>
            </tr>
          </thead>
          <tbody>
            {entries.map((entry) => (
              <EntryRow key={entry.key} entry={entry} />
            ))}
          </tbody>
        </table>
      )}
    </section>
  );
}

function EntryRow({ entry }: { entry: Entry }): ReactElement {
  const layer = entry.source === "OVERRIDE" ? entry.override : entry.source === "DEFAULT" ? entry.default : null;
  const [name, tone] = entry.source === null ? ["–", "neutral" as const] : SOURCES[entry.source];
  return (
    <tr>
      <th scope="row">
        <code>{entry.key}</code>
      </th>
      <td>
        <Value type={layer?.type ?? (entry.value === null ? "STRING" : (entry.field?.type ?? "STRING"))} value={entry.value} sealed={layer?.sealed} />
      </td>
      <td>{entry.missing ? <Badge tone="bad">Missing</Badge> : entry.source === null ? <span className="muted">Not set</span> : <Badge tone={tone}>{name}</Badge>}</td>
    </tr>
  );
}

function Connect({ id, close }: { id: string; close: () => void }): ReactElement {
  const { integrations } = useLookups();
  const [chosen, setChosen] = useState<string | null>(null);
  const [, go] = useLocation();
  return (
    <Overlay title="Connect an integration" close={close} kind="dialog">
      <div className="dialog-content">
        <Picker label="Integration" none="Choose one" needed value={chosen} change={setChosen} {...integrations} />
      </div>
      <Foot close={close} action="Go on" isDisabled={chosen === null} run={() => go(`/edit/${chosen ?? ""}?organization=${id}`)} />
    </Overlay>
  );
}
